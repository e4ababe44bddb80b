"""Target statistics of features with more than 254 categories."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import boostlab
from boostlab import GradientBoostingClassifier, GradientBoostingRegressor
from boostlab.data.frames import TableEncoder
from boostlab.data.hashing import hash_rows
from boostlab.data.levels import RARE, SMOOTHING
from boostlab.data.target_codes import N_FOLDS, target_statistics

NAN = np.nan


def statistics(codes, target, weight=None, contents=None, seed=0):
    """Statistics of rows that differ in another feature, unless `contents` says."""
    codes = np.asarray(codes, dtype=float)
    target = np.asarray(target, dtype=float)
    target = target[:, None] if target.ndim == 1 else target
    weight = np.ones(len(codes)) if weight is None else np.asarray(weight, float)
    if contents is None:
        contents = np.arange(len(codes), dtype=float)
    numeric = np.column_stack([codes, contents])
    n = int(np.nanmax(codes)) + 1
    return target_statistics(
        codes, n, weight, target, hash_rows(numeric.T, len(numeric), seed)
    )


# ---- the statistics themselves -----------------------------------------------------


def test_by_hand():
    """Means of 1 and -1 around 0, drawn to it by ten rows."""
    values, training = statistics(np.repeat([0, 1], 30), np.repeat([7.0, 5.0], 30))
    unit = np.array([30 / (30 + SMOOTHING), -30 / (30 + SMOOTHING)])
    np.testing.assert_allclose(values, unit * values[0] / unit[0], rtol=1e-6)
    assert 0 < values[0] <= 1
    assert (training[:30] > 0).all()
    assert (training[:30] < values[0]).all()  # fewer rows, drawn nearer to the mean


def test_a_row_has_no_part_in_its_own_statistic():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 20, 400)
    target = rng.normal(size=400)
    other = target.copy()
    other[17] += 0.5
    other[17 + np.argmax(codes[18:] != codes[17]) + 1] -= 0.5  # the mean stays
    before, after = (statistics(codes, t)[1] for t in (target, other))
    assert abs(after[17] - before[17]) < 1e-6
    assert np.abs(after - before).max() > 1e-3


def test_a_category_of_one_row_tells_nothing():
    codes = np.arange(300)
    values, training = statistics(codes, np.random.default_rng(0).normal(size=300))
    assert (training == 0).all()
    assert (values != 0).any()


def test_statistics_are_of_the_other_folds():
    rng = np.random.default_rng(1)
    codes, target = rng.integers(0, 5, 300), rng.integers(0, 2, 300).astype(float)
    numeric = np.column_stack([codes, np.arange(300.0)])
    contents = hash_rows(numeric.T, len(numeric), 3)
    fold = contents % N_FOLDS
    _, training = target_statistics(
        codes.astype(float), 5, np.ones(300), target[:, None], contents
    )
    centered = target - target.mean()
    expected = np.array(
        [
            centered[other].sum() / (other.sum() + SMOOTHING)
            for other in (
                (codes == c) & (fold != k) for c, k in zip(codes, fold, strict=True)
            )
        ]
    )
    scale = training @ expected / (expected @ expected)
    np.testing.assert_allclose(training, scale * expected, atol=1e-6)


def test_weight_two_is_a_row_given_twice():
    rng = np.random.default_rng(0)
    n = 500
    codes, target = rng.integers(0, 60, n), rng.normal(size=n) * 1e5
    contents = rng.integers(0, 90, n)  # some rows are equal already
    weight = rng.integers(1, 4, n)
    twice = np.repeat(np.arange(n), weight)
    values, training = statistics(codes, target, weight, contents)
    again = statistics(codes[twice], target[twice], None, contents[twice])
    np.testing.assert_array_equal(values, again[0])
    np.testing.assert_array_equal(training[twice], again[1])


def test_the_order_of_the_rows_does_not_matter():
    rng = np.random.default_rng(0)
    codes, target = rng.integers(0, 60, 500), rng.normal(size=500)
    contents, order = np.arange(500), rng.permutation(500)
    values, training = statistics(codes, target, None, contents)
    again = statistics(codes[order], target[order], None, contents[order])
    np.testing.assert_array_equal(values, again[0])
    np.testing.assert_array_equal(training[order], again[1])


def test_equal_rows_of_much_weight_are_spread_over_the_folds():
    """A feature alone still tells its categories apart, without the row's target."""
    codes = np.repeat([0, 1], 50)
    target = np.tile([0.0, 1.0], 50)
    target[50:] += 3
    _, training = statistics(codes, target, contents=np.zeros(100))
    assert len(np.unique(training[:50])) == 1
    assert training[0] < 0 < training[50]
    few = int(RARE) - 1
    _, training = statistics(
        np.repeat([0, 1], few), np.repeat([0.0, 1.0], few), contents=np.zeros(2 * few)
    )
    assert (training == 0).all()


def test_missing_rows_stay_missing():
    values, training = statistics([NAN, 0, 1, NAN], [9.0, 1.0, 2.0, 9.0])
    assert np.isnan(training).tolist() == [True, False, False, True]
    assert np.isfinite(values).all()
    nothing = np.full(3, NAN)
    numeric = nothing[:, None]
    values, training = target_statistics(
        nothing, 4, np.ones(3), np.ones((3, 1)), hash_rows(numeric.T, len(numeric), 0)
    )
    assert np.isnan(training).all()
    assert (values == 0).all()


@pytest.mark.parametrize("scale", [0.0, 1e-320, 1e-30, 1e300])
def test_any_scale_of_the_target(scale):
    rng = np.random.default_rng(0)
    codes, target = rng.integers(0, 9, 200), rng.normal(size=200) * scale
    values, training = statistics(codes, target)
    assert np.isfinite(values).all()
    assert np.isfinite(training).all()
    assert np.abs(values).max() <= 1
    assert np.array_equal(values, values.astype(np.float32))


def test_classes_are_projected():
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(6), 100)
    shares = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])[np.arange(6) % 2]
    labels = np.array([rng.choice(3, p=shares[c]) for c in codes])
    values, training = statistics(codes, np.eye(3)[labels])
    assert (np.sign(values[::2]) == -np.sign(values[1::2])).all()
    assert training.shape == (600,)


# ---- in the encoder and the estimators ---------------------------------------------


def shops(n=3000, n_shops=400, seed=0):
    """Rows of shops whose level the target has, and a number that is noise."""
    rng = np.random.default_rng(seed)
    level = np.random.default_rng(99).normal(size=n_shops)
    shop = rng.integers(0, n_shops, n)
    X = pd.DataFrame({"shop": [f"s{i}" for i in shop], "noise": rng.normal(size=n)})
    return X, level[shop] + 0.1 * rng.normal(size=n)


def test_recoded_rows_are_what_transform_gives():
    X, y = shops()
    X.loc[::50, "shop"] = None
    encoder = TableEncoder()
    numeric = encoder.fit_transform(X)
    recoding = encoder.order_by_target(numeric, np.ones(len(X)), y[:, None], seed=4)
    assert encoder.nominal_.tolist() == [False, False]
    assert encoder.categorical_.tolist() == [True, False]
    np.testing.assert_array_equal(recoding.apply(numeric), encoder.transform(X))
    training = recoding.apply(numeric, training=True)
    np.testing.assert_array_equal(training[:, 1], numeric[:, 1])
    assert (training[:, 0] != encoder.transform(X)[:, 0]).mean() > 0.9
    again = TableEncoder.from_parts(*encoder.to_parts())
    np.testing.assert_array_equal(again.transform(X), encoder.transform(X))
    assert again.values_of_codes(0) is None


def test_unknown_categories_have_the_mean_and_missing_ones_are_missing():
    X, y = shops()
    encoder = TableEncoder()
    numeric = encoder.fit_transform(X)
    encoder.order_by_target(numeric, np.ones(len(X)), y[:, None])
    new = pd.DataFrame({"shop": ["never seen", None], "noise": [0.0, 0.0]})
    np.testing.assert_array_equal(encoder.transform(new)[:, 0], [0, NAN])
    strict = TableEncoder(handle_unknown="error")
    numeric = strict.fit_transform(X)
    strict.order_by_target(numeric, np.ones(len(X)), y[:, None])
    with pytest.raises(ValueError, match="'never seen'"):
        strict.transform(new)


@pytest.mark.parametrize(
    "damaged", [[0.0], "0", [0.5, 0.25], [0.0, 2.0], [NAN, 0.0], [True, 1.0], [None, 0]]
)
def test_damaged_statistics_are_refused(damaged):
    data, arrays = TableEncoder().fit(pd.DataFrame({"c": list("ab")})).to_parts()
    data["categories"][0]["statistics"] = damaged
    with pytest.raises(ValueError, match="category statistics"):
        TableEncoder.from_parts(data, arrays)


def test_models_learn_many_categories_and_not_noise():
    X, y = shops()
    X_new, y_new = shops(seed=1)
    model = GradientBoostingRegressor(random_state=0).fit(X, y)
    assert model.score(X_new, y_new) > 0.8
    names = pd.DataFrame({"id": [f"r{i}" for i in range(1000)]})
    noise = np.random.default_rng(0).normal(size=1000)
    empty = GradientBoostingRegressor(random_state=0).fit(names, noise)
    np.testing.assert_allclose(empty.predict(names), noise.mean(), atol=1e-6)


def test_one_column_of_many_categories_is_enough():
    X, y = shops(n=8000)
    model = GradientBoostingRegressor(random_state=0).fit(X[["shop"]], y)
    assert model.score(X[["shop"]], y) > 0.7


def test_classes(tmp_path):
    X, y = shops()
    labels = np.digitize(y, [-0.5, 0.5])
    X_new, y_new = shops(seed=1)
    model = GradientBoostingClassifier(random_state=0, n_estimators=20).fit(X, labels)
    assert model.score(X_new, np.digitize(y_new, [-0.5, 0.5])) > 0.7
    model.save(tmp_path / "model.boostlab")
    loaded = boostlab.load(tmp_path / "model.boostlab")
    np.testing.assert_array_equal(
        loaded.predict_proba(X_new), model.predict_proba(X_new)
    )


def test_weights_of_an_estimator_are_rows():
    X, y = shops(n=1200, n_shops=300)
    weight = np.random.default_rng(0).integers(1, 3, len(X))
    twice = np.repeat(np.arange(len(X)), weight)
    one, two = (
        GradientBoostingRegressor(n_estimators=10, random_state=0, early_stopping=stop)
        for stop in (True, True)
    )
    one.fit(X, y, sample_weight=weight)
    two.fit(X.iloc[twice], y[twice])
    np.testing.assert_allclose(one.predict(X), two.predict(X), rtol=1e-9)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_warm_start_goes_on_with_the_same_rows(early_stopping):
    """The rounds added see the statistics of the other folds too."""
    X, y = shops()
    X["few"] = np.random.default_rng(0).choice(list("abc"), len(X))
    parameters = {
        "random_state": 0, "early_stopping": early_stopping, "n_iter_no_change": 50
    }  # fmt: skip
    whole = GradientBoostingRegressor(n_estimators=12, **parameters).fit(X, y)
    parts = GradientBoostingRegressor(n_estimators=5, warm_start=True, **parameters)
    parts.fit(X, y).set_params(n_estimators=12).fit(X, y)
    assert parts.n_iter_ == whole.n_iter_
    np.testing.assert_array_equal(parts.predict(X), whole.predict(X))


def test_warm_start_on_other_rows_keeps_the_encoder():
    X, y = shops()
    model = GradientBoostingRegressor(
        n_estimators=3, warm_start=True, random_state=0, early_stopping=False
    ).fit(X, y)
    encoder = model.encoder_
    X_new, y_new = shops(seed=1)
    model.set_params(n_estimators=5).fit(X_new, y_new)
    assert model.encoder_ is encoder
    with pytest.raises(ValueError, match="feature names"):
        model.set_params(n_estimators=6).fit(X_new.rename(columns={"shop": "x"}), y_new)
    assert model.encoder_ is encoder
