"""The encoder: fit, transform, checks of names and types, saving."""

from __future__ import annotations

import json
import math
import pickle
import warnings

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from boostlab.data import TableEncoder
from boostlab.registry import class_named

pd = pytest.importorskip("pandas")

NAN = math.nan


def frame():
    return pd.DataFrame(
        {
            "number": [1.5, NAN, 3.0, 4.0],
            "text": ["b", "a", "b", None],
            "size": pd.Categorical(
                ["low", "high", "mid", "low"], ["low", "mid", "high"], ordered=True
            ),
            "flag": [True, False, True, True],
        }
    )


def fitted():
    return TableEncoder().fit(frame())


def test_a_frame():
    encoder = fitted()
    expected = [[1.5, 0, 0, 1], [NAN, 1, 2, 0], [3, 0, 1, 1], [4, NAN, 0, 1]]
    np.testing.assert_array_equal(encoder.transform(frame()), expected)
    np.testing.assert_array_equal(TableEncoder().fit_transform(frame()), expected)
    assert encoder.categories_ == [None, ("b", "a"), ("low", "mid", "high"), None]
    np.testing.assert_array_equal(encoder.categorical_, [False, True, True, False])
    names = encoder.feature_names_in_
    assert isinstance(names, np.ndarray)
    assert names.dtype == object
    assert names.tolist() == ["number", "text", "size", "flag"]
    assert encoder.n_features_in_ == 4


def test_weights_order_the_categories():
    X = pd.DataFrame({"c": ["a", "a", "b", "z"]})
    assert TableEncoder().fit(X, [1, 1, 5, 0]).categories_ == [("b", "a")]
    by_value = TableEncoder(order="value").fit(X, [1, 1, 5, 0])
    assert by_value.categories_ == [("a", "b")]
    with pytest.raises(ValueError, match=r"weights have shape \(2,\); .* 4 rows"):
        TableEncoder().fit(X, [1, 2])


def test_unknown_categories():
    X = frame()[:1].assign(text=["new"])
    assert np.isnan(fitted().transform(X)[0, 1])
    strict = TableEncoder(handle_unknown="error").fit(frame())
    with pytest.raises(ValueError, match="Column 'text' holds the category 'new'"):
        strict.transform(X)


def test_refit_forgets():
    encoder = fitted().fit(np.eye(2))
    assert not hasattr(encoder, "feature_names_in_")
    assert encoder.categories_ == [None, None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda X: X[["text", "number", "size", "flag"]],
            "Feature names must be in the same order as they were in fit.\n",
        ),
        (
            lambda X: X.rename(columns={"text": "word"}),
            "Feature names unseen at fit time:\n- word\n"
            "Feature names seen at fit time, yet now missing:\n- text\n",
        ),
        (
            lambda X: X.drop(columns=["text", "flag"]),
            "Feature names seen at fit time, yet now missing:\n- flag\n- text\n",
        ),
        (
            lambda X: X.assign(**{f"new{i}": 1 for i in range(7)}),
            "Feature names unseen at fit time:\n"
            + "".join(f"- new{i}\n" for i in range(5))
            + "- ...\n",
        ),
    ],
)
def test_other_feature_names(change, message):
    with pytest.raises(ValueError, match="feature names should match") as caught:
        fitted().transform(change(frame()))
    start = "The feature names should match those that were passed during fit.\n"
    assert str(caught.value) == start + message


def test_names_on_one_side_only():
    X = pd.DataFrame({"a": [1.0, 2.0]})
    with pytest.warns(
        UserWarning, match="X does not have valid feature names, but Me "
    ):
        TableEncoder(owner="Me").fit(X).transform(X.to_numpy())
    with pytest.warns(UserWarning, match="X has feature names, but Me was fitted"):
        TableEncoder(owner="Me").fit(X.to_numpy()).transform(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TableEncoder().fit(X.to_numpy()).transform(X.to_numpy())


def test_names_that_are_no_strings():
    X = pd.DataFrame(np.eye(2))
    encoder = TableEncoder().fit(X)
    assert not hasattr(encoder, "feature_names_in_")
    np.testing.assert_array_equal(encoder.transform(X), np.eye(2))
    with pytest.raises(TypeError, match=r"input has \['int', 'str'\] as column name"):
        TableEncoder().fit(X.rename(columns={0: "a"}))


def test_another_number_of_features():
    encoder = TableEncoder(owner="Model").fit(np.eye(3))
    with pytest.raises(
        ValueError, match="X has 1 features, but Model is expecting 3 fe"
    ):
        encoder.transform(np.ones((2, 1)))


def test_types_that_changed():
    with pytest.raises(ValueError, match="Column 'number' was numeric in fit and now "):
        fitted().transform(frame().assign(number=list("abcd")))
    with pytest.raises(
        ValueError, match="Column 'text' holds numbers, but its categor"
    ):
        fitted().transform(frame().assign(text=[1, 2, 3, 4]))


@pytest.mark.parametrize("nothing", [None, NAN, pd.NA])
@pytest.mark.parametrize("dtype", [object, None, "category", "string", "Int64"])
def test_batches_without_a_value_have_any_type(nothing, dtype):
    X = frame()
    for name in ("number", "text", "size"):
        X[name] = pd.Series([nothing] * 4, dtype=dtype)
    found = fitted().transform(X)
    assert np.isnan(found[:, :3]).all()
    np.testing.assert_array_equal(found[:, 3], [1, 0, 1, 1])


def test_one_row_at_a_time():
    encoder = fitted()
    rows = [encoder.transform(frame()[i : i + 1]) for i in range(4)]
    np.testing.assert_array_equal(np.vstack(rows), encoder.transform(frame()))


def test_before_fit():
    with pytest.raises(NotFittedError, match="This TableEncoder is not fitted yet"):
        TableEncoder().transform(frame())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"order": "random"}, "order is 'random'; give one of"),
        ({"handle_unknown": None}, "handle_unknown is None; give one of"),
    ],
)
def test_parameters_that_do_not_exist(parameters, message):
    with pytest.raises(ValueError, match=message):
        TableEncoder(**parameters)


# ---- saving -----------------------------------------------------------------------


def saved(encoder):
    data, arrays = encoder.to_parts()
    assert arrays == {}
    return json.loads(json.dumps(data, allow_nan=False))


def test_saving():
    encoder = TableEncoder(order="value", handle_unknown="error", owner="Model")
    mixed = np.array([1, "1", True, 2.5, math.inf, -math.inf, 10**30], dtype=object)
    X = pd.DataFrame({"m": mixed, "n": np.arange(7.0), "t": list("abcabca")})
    encoder.fit(X)
    again = TableEncoder.from_parts(saved(encoder), {})
    assert again.categories_ == encoder.categories_
    kinds = [type(v) for v in encoder.categories_[0]]
    assert [type(v) for v in again.categories_[0]] == kinds
    assert (again.order, again.handle_unknown, again.owner) == (
        "value",
        "error",
        "Model",
    )
    assert again.feature_names_in_.tolist() == ["m", "n", "t"]
    np.testing.assert_array_equal(again.transform(X), encoder.transform(X))
    assert saved(again) == saved(encoder)
    assert class_named("table_encoder") is TableEncoder
    assert repr(again) == "TableEncoder(order='value', handle_unknown='error')"


def test_saving_without_names_and_with_declared_order():
    nameless = TableEncoder.from_parts(saved(TableEncoder().fit(np.eye(2))), {})
    assert not hasattr(nameless, "feature_names_in_")
    again = TableEncoder.from_parts(saved(fitted()), {})
    np.testing.assert_array_equal(again.transform(frame()), fitted().transform(frame()))
    assert saved(again)["categories"][2]["ordered"] is True


def test_pickle():
    again = pickle.loads(pickle.dumps(fitted()))
    np.testing.assert_array_equal(again.transform(frame()), fitted().transform(frame()))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("order", "size"),
        ("order", ["value"]),
        ("handle_unknown", 1),
        ("owner", None),
        ("n_features", 0),
        ("n_features", True),
        ("n_features", "4"),
        ("n_features", 5),
        ("feature_names", ["a", "b", "c"]),
        ("feature_names", ["a", "b", "c", "c"]),
        ("feature_names", ["a", "b", "c", 4]),
        ("feature_names", "abcd"),
        ("categories", None),
        ("categories", [None]),
        ("categories", [None, None, None, 3]),
        ("categories", [None, None, None, []]),
        ("categories", [None, None, None, {"values": ["a"], "ordered": False}]),
    ],
)
def test_damaged_parts(field, value):
    data = saved(fitted())
    data[field] = value
    with pytest.raises(ValueError, match="file is damaged"):
        TableEncoder.from_parts(data, {})


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("values", "ab", "category values"),
        ("values", [None, "b"], "category value"),
        ("values", [NAN, "b"], "category value"),
        ("values", [["a"], "b"], "category value"),
        ("values", [{}, "b"], "category value"),
        ("values", [{"float": "nan"}, "b"], "category value"),
        ("values", ["a", "a"], "category set"),
        ("values", [1, 1.0], "category set"),
        ("ordered", 0, "category order"),
        ("ordered", None, "category order"),
        ("codes", [0], "category codes"),
        ("codes", [0, 1, 2], "category codes"),
        ("codes", [1, 0], "category codes"),
        ("codes", [0, 2], "category codes"),
        ("codes", [0, -1], "category codes"),
        ("codes", [0, True], "category codes"),
        ("codes", [0.0, 1.0], "category codes"),
        ("codes", "01", "category codes"),
        ("codes", 0, "category codes"),
    ],
)
def test_damaged_categories(field, value, what):
    data = saved(fitted())
    assert TableEncoder.from_parts(data, {}).categories_[1] == ("b", "a")
    data["categories"][1][field] = value
    with pytest.raises(ValueError, match=f"The {what} of a table encoder is not valid"):
        TableEncoder.from_parts(data, {})


def test_parts_of_something_else():
    data = saved(fitted())
    for parts, arrays in (
        (None, {}),
        ([], {}),
        ({}, {}),
        ({**data, "more": 1}, {}),
        ({k: v for k, v in data.items() if k != "owner"}, {}),
        (data, {"x": np.ones(1)}),
    ):
        with pytest.raises(ValueError, match="damaged or of another version"):
            TableEncoder.from_parts(parts, arrays)


# ---- the order of the mean target --------------------------------------------------


def test_a_category_that_only_held_out_rows_have_is_unknown():
    encoder = TableEncoder()
    X = [["a"], ["b"], ["b"], ["c"]]
    numeric = encoder.fit_transform(X)
    codes = encoder.order_by_target(
        numeric[:3], np.ones(3), np.array([[2.0], [1.0], [1.0]])
    )
    np.testing.assert_array_equal(codes.apply(numeric)[:, 0], [1, 0, 0, NAN])
    np.testing.assert_array_equal(encoder.transform(X)[:, 0], [1, 0, 0, NAN])


def test_values_of_codes():
    X = np.array([["b", 1.0], ["a", 2.0], ["b", 3.0]], dtype=object)
    encoder = TableEncoder().fit(X)
    assert encoder.values_of_codes(0) == (("b",), ("a",))
    assert encoder.values_of_codes(1) is None
