import numpy as np
import pandas as pd
import pytest

from boostlab.sweeps.prepare import ENCODINGS, AsIs, Categories, OneHot, Ordinal, Text


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "text": ["b", None, "a", "c"],
            "cat [<]": pd.Categorical(
                ["u", "v", None, "u"], categories=["v", "u", "w"]
            ),
            "flag": [True, False, True, True],
            "count": pd.array([1, None, 3, 4], dtype="Int64"),
            "x": [0.5, np.nan, 1.5, 2.5],
        }
    )


def test_categories_become_categories_and_the_rest_floats(frame):
    encoded = Categories().fit(frame).transform(frame)
    assert list(encoded) == ["x0", "x1", "x2", "x3", "x4"]
    assert list(encoded["x0"].cat.categories) == ["a", "b", "c"]
    # The order of a category dtype is kept, without the values that do not occur.
    assert list(encoded["x1"].cat.categories) == ["v", "u"]
    assert encoded["x0"].isna().tolist() == [False, True, False, False]
    floats = encoded[["x2", "x3", "x4"]].to_numpy()
    expected = [[1, 1, 0.5], [0, np.nan, np.nan], [1, 3, 1.5], [1, 4, 2.5]]
    np.testing.assert_array_equal(floats, expected)


def test_what_the_training_fold_lacks_is_missing(frame):
    encoder = Categories().fit(frame.iloc[:2])
    encoded = encoder.transform(frame)
    assert list(encoded["x0"].cat.categories) == ["b"]
    assert encoded["x0"].isna().tolist() == [False, True, True, True]


def test_more_categories_than_the_limit_become_codes(frame):
    encoded = Categories(max_categories=2).fit(frame).transform(frame)
    np.testing.assert_array_equal(encoded["x0"], [1, np.nan, 0, 2])
    assert isinstance(encoded["x1"].dtype, pd.CategoricalDtype)


def test_a_column_without_any_value_becomes_constant():
    frame = pd.DataFrame(
        {
            "text": pd.array([None, None, "late"], dtype="str"),
            "number": [np.nan, np.nan, 3.0],
        }
    )
    encoded = Categories().fit(frame.iloc[:2]).transform(frame)
    np.testing.assert_array_equal(encoded, np.zeros((3, 2)))


def test_text_keeps_strings_and_names_what_is_missing(frame):
    encoded = Text().fit(frame).transform(frame)
    assert encoded["x0"].tolist() == ["b", "(missing)", "a", "c"]
    assert encoded["x1"].tolist() == ["u", "v", "(missing)", "u"]
    np.testing.assert_array_equal(encoded["x3"], [1, np.nan, 3, 4])


def test_ordinal_makes_codes_of_everything(frame):
    encoded = Ordinal(max_categories=255).fit(frame).transform(frame)
    assert set(encoded.dtypes) == {np.dtype(np.float64)}
    np.testing.assert_array_equal(encoded["x1"], [1, 0, np.nan, 1])


def test_one_hot_leaves_nothing_missing_and_ignores_the_unseen(frame):
    encoder = OneHot().fit(frame.iloc[:3])
    train = encoder.transform(frame.iloc[:3])
    assert np.isfinite(train.to_numpy()).all()
    # Numbers come first, scaled on the training fold.
    np.testing.assert_allclose(train.iloc[:, :3].mean(), 0, atol=1e-12)
    unseen = encoder.transform(frame.iloc[3:]).iloc[0]
    assert unseen.iloc[3:6].tolist() == [0, 0, 0]


def test_as_is_hands_over_the_frame_itself(frame):
    assert AsIs().fit(frame).transform(frame) is frame


def test_mixed_values_are_told_apart_as_text():
    frame = pd.DataFrame({"mixed": pd.Series([1, "1", 2.5, None], dtype=object)})
    encoded = Categories().fit(frame).transform(frame)
    assert list(encoded["x0"].cat.categories) == ["1", "2.5"]


@pytest.mark.parametrize("name", ENCODINGS)
def test_test_folds_have_the_columns_of_training_folds(name, frame):
    encoder = ENCODINGS[name](None).fit(frame.iloc[:3])
    assert list(encoder.transform(frame)) == list(encoder.transform(frame.iloc[:1]))
