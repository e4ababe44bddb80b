"""Categories in the order of their mean target."""

import numpy as np
import pandas as pd
import pytest

from boostlab import (
    BoostingClassifier,
    BoostingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from boostlab.data import Bins
from boostlab.data.frames import TableEncoder
from boostlab.data.levels import RARE, SMOOTHING, Categories


def order(codes, target, weight=None, n=None):
    codes = np.asarray(codes, dtype=float)
    target = np.asarray(target, dtype=float)
    target = target[:, None] if target.ndim == 1 else target
    weight = np.ones(len(codes)) if weight is None else np.asarray(weight, float)
    n = int(np.nanmax(codes)) + 1 if n is None else n
    known = Categories(tuple(f"c{i}" for i in range(n)))
    return known.by_target(codes, weight, target)


def test_by_hand():
    codes = np.repeat([0, 1, 2], 20)
    categories, new_code = order(codes, np.repeat([3.0, 1.0, 2.0], 20))
    assert categories.values == ("c1", "c2", "c0")
    assert categories.codes == (0, 1, 2)
    assert new_code[:3].tolist() == [2, 0, 1]
    assert np.isnan(new_code[3])


def test_means_are_smoothed():
    # 12 rows of mean 5 against 100 rows of mean 4.5, around a mean near 1.5: drawn
    # by 10 rows, the small category falls behind.
    codes = np.repeat([0, 1, 2], [12, 100, 300])
    target = np.repeat([5.0, 4.5, 0.5], [12, 100, 300])
    center = target.mean()
    small = 12 * (5 - center) / (12 + SMOOTHING)
    large = 100 * (4.5 - center) / (100 + SMOOTHING)
    assert small < large
    assert order(codes, target)[0].values == ("c2", "c0", "c1")


def test_rare_categories_share_a_code():
    codes = np.concatenate([np.repeat([0, 1], 300), np.arange(2, 22)])
    target = np.concatenate([np.repeat([0.0, 10.0], 300), np.arange(20.0)])
    categories, new_code = order(codes, target)
    assert len(set(new_code[2:22])) == 1
    assert len(categories.values) == 22
    assert sorted(set(categories.codes)) == [0, 1, 2]
    weight = np.ones(len(codes))
    weight[600] = RARE
    kept = order(codes, target, weight)[1]
    assert np.sum(kept[2:22] == kept[2]) == 1


def test_rare_categories_can_be_kept_apart():
    known = Categories(tuple(f"c{i}" for i in range(30)))
    codes = np.concatenate([np.repeat([0.0], 300), np.arange(1.0, 30)])
    target = np.concatenate([np.zeros(300), np.arange(29.0)])[:, None]
    ordered, new_code = known.by_target(codes, np.ones(329), target, pool_rare=False)
    assert ordered.codes == tuple(range(30))
    assert sorted(new_code[:30]) == list(range(30))


def test_small_tables_keep_their_categories():
    codes = np.repeat(np.arange(10), 3)
    assert len(set(order(codes, codes * 1.0)[0].codes)) == 10


def test_weight_two_is_a_row_given_twice():
    rng = np.random.default_rng(0)
    codes, target = rng.integers(0, 40, 400), rng.normal(size=400)
    weight = rng.integers(1, 4, 400)
    twice = np.repeat(np.arange(400), weight)
    weighted = order(codes, target, weight, n=40)
    repeated = order(codes[twice], target[twice], n=40)
    assert weighted[0] == repeated[0]


def test_missing_and_absent_categories():
    categories, new_code = order(
        [0.0] * 20 + [np.nan] * 5 + [2.0] * 20, np.arange(45.0)
    )
    assert categories.values == ("c0", "c2")
    assert np.isnan(new_code[1])
    nothing, none = order([np.nan, np.nan], [1.0, 2.0], n=3)
    assert nothing.values == ()
    assert np.isnan(none).all()


def test_equal_means_keep_the_order_of_frequency():
    codes = np.tile([0, 1, 2], 30)
    assert order(codes, np.full(90, 2.0))[0].values == ("c0", "c1", "c2")


def test_classes_are_projected():
    """Two groups of categories that differ in their classes end up side by side."""
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(6), 200)
    shares = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])[np.arange(6) % 2]
    labels = np.array([rng.choice(3, p=shares[c]) for c in codes])
    categories, _ = order(codes, np.eye(3)[labels])
    first = {int(v[1:]) % 2 for v in categories.values[:3]}
    assert len(first) == 1


def test_declared_orders_stay():
    grades = pd.Categorical(list("abc") * 20, categories=list("cab"), ordered=True)
    encoder = TableEncoder()
    numeric = encoder.fit_transform(pd.DataFrame({"grade": grades}))
    target = np.tile([0.0, 5.0, 9.0], 20)[:, None]
    assert encoder.order_by_target(numeric, np.ones(60), target).new_codes == {}
    assert encoder.categories_ == [("c", "a", "b")]


def test_recoded_rows_are_what_transform_gives():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"x": rng.normal(size=300), "c": rng.choice(list("abcdef"), 300)}
    )
    frame.loc[::7, "c"] = None
    encoder = TableEncoder()
    numeric = encoder.fit_transform(frame)
    codes = encoder.order_by_target(numeric, np.ones(300), rng.normal(size=(300, 1)))
    np.testing.assert_array_equal(codes.apply(numeric), encoder.transform(frame))
    again = TableEncoder.from_parts(*encoder.to_parts())
    np.testing.assert_array_equal(again.transform(frame), encoder.transform(frame))


@pytest.mark.parametrize("codes", [[0, 0], [0, 2, 3], [1, 0, 2], [0, 1, "2"], 7])
def test_damaged_codes_are_refused(codes):
    encoder = TableEncoder()
    numeric = encoder.fit_transform(pd.DataFrame({"c": list("abc") * 20}))
    encoder.order_by_target(numeric, np.ones(60), numeric)
    data, arrays = encoder.to_parts()
    data["categories"][0]["codes"] = codes
    with pytest.raises(ValueError, match="category codes"):
        TableEncoder.from_parts(data, arrays)


def test_held_out_rows_do_not_order():
    """A category that only held-out rows have is unknown to the model."""
    X = pd.DataFrame({"c": ["a", "b"] * 100})
    y = np.tile([0.0, 1.0], 100)
    X_val = pd.DataFrame({"c": ["z"] * 50})
    model = GradientBoostingRegressor(n_estimators=2, early_stopping=True)
    model.fit(X, y, X_val=X_val, y_val=np.full(50, 9.0))
    assert model.encoder_.categories_ == [("a", "b")]


def test_which_features_the_trees_take_as_categorical():
    rng = np.random.default_rng(2)
    X = pd.DataFrame(
        {
            "number": rng.normal(size=600),
            "few": rng.choice(list("abc"), 600),
            "grade": pd.Categorical(
                rng.choice(list("abc"), 600), categories=list("abc"), ordered=True
            ),
            "many": [f"n{i % 300}" for i in range(600)],
            "flag": rng.random(600) < 0.5,
        }
    )
    seen = []

    class Watch:
        def begin(self, run):
            seen.append(run.state.table)
            seen.append(run.state.validation.table)

        def after_round(self, run):
            return False

        def end(self, run):
            pass

    model = GradientBoostingRegressor(
        n_estimators=2, early_stopping=True, callbacks=[Watch()], random_state=0
    ).fit(X, rng.normal(size=600))
    expected = [False, True, False, False, False]
    assert model.encoder_.nominal_.tolist() == expected
    for table in (*seen, model._table(X)):
        assert table.categorical.tolist() == expected
    binned = seen[0].view(Bins())
    np.testing.assert_array_equal(binned.columns[1], seen[0].numeric[:, 1])


def test_sets_of_categories_can_be_separated_at_once():
    """One split per tree suffices, whatever the names are."""
    rng = np.random.default_rng(0)
    names = np.array([f"n{i}" for i in range(40)])
    high = rng.permutation(40) < 20
    drawn = rng.integers(0, 40, 4000)
    y = np.where(high[drawn], "yes", "no")
    X = pd.DataFrame({"name": names[drawn]})
    model = GradientBoostingClassifier(n_estimators=1, max_leaf_nodes=2).fit(X, y)
    assert model.score(X, y) == 1.0


@pytest.mark.parametrize(
    "cls", [GradientBoostingClassifier, GradientBoostingRegressor, BoostingClassifier]
)
def test_unknown_categories_are_missing_or_an_error(cls):
    X = pd.DataFrame({"c": [*"ab", None] * 40, "x": np.arange(120.0)})
    y = np.tile([0, 1, 1], 40)
    new = pd.DataFrame({"c": ["z", "a"], "x": [3.0, 4.0]})
    missing = new.assign(c=[None, "a"])
    model = cls(n_estimators=5, random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.predict(new), model.predict(missing))
    strict = cls(n_estimators=5, handle_unknown="error", random_state=0).fit(X, y)
    np.testing.assert_array_equal(strict.predict(missing), model.predict(missing))
    for call in (
        lambda: strict.predict(new),
        lambda: strict.fit(X, y, X_val=new, y_val=[0, 1]),
    ):
        with pytest.raises(ValueError, match="category 'z', which was not seen"):
            call()


def test_handle_unknown_can_change_in_a_warm_start():
    X = pd.DataFrame({"c": list("ab") * 60})
    y = np.tile([0.0, 1.0], 60)
    new = pd.DataFrame({"c": ["z"]})
    model = GradientBoostingRegressor(n_estimators=2, warm_start=True).fit(X, y)
    model.predict(new)
    model.set_params(n_estimators=3, handle_unknown="error").fit(X, y)
    with pytest.raises(ValueError, match="category 'z'"):
        model.predict(new)


def test_trees_see_every_category_and_other_learners_share_rare_ones():
    X = pd.DataFrame({"c": ["a", "b"] * 100 + [f"r{i}" for i in range(20)]})
    y = np.arange(220.0)
    kept = GradientBoostingRegressor(n_estimators=2).fit(X, y)
    assert kept.encoder_.values_of_codes(0) == tuple(
        (value,) for value in kept.encoder_.categories_[0]
    )
    pooled = BoostingRegressor(learner="linear", n_estimators=2).fit(X, y)
    assert len(pooled.encoder_.values_of_codes(0)) == 3
