"""Frequent rows are drawn one by one: all or none of them would bias the draw."""

import numpy as np
import pytest

from boostlab import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    NGBoostClassifier,
)
from boostlab.data.hashing import FREQUENT_ROWS, mix, told_apart


def codes(*counts):
    """Hashes of rows of which some are equal."""
    own = mix(np.arange(1, len(counts) + 1, dtype=np.uint64))
    return np.repeat(own, counts)


def test_only_frequent_rows_are_told_apart():
    code = codes(FREQUENT_ROWS, FREQUENT_ROWS - 1, *[1] * 500)
    found = told_apart(code, np.ones(len(code)))
    assert len(np.unique(found[:FREQUENT_ROWS])) == FREQUENT_ROWS
    np.testing.assert_array_equal(found[FREQUENT_ROWS:], code[FREQUENT_ROWS:])


def test_rows_of_little_weight_are_left_together():
    code = codes(FREQUENT_ROWS, *[1] * 500)
    weight = np.ones(len(code))
    weight[:FREQUENT_ROWS] = 1e-3
    np.testing.assert_array_equal(told_apart(code, weight), code)


def test_the_set_of_codes_depends_on_no_order():
    code = codes(100, 40, 3, *[1] * 300)
    order = np.random.default_rng(0).permutation(len(code))
    found = told_apart(code, np.ones(len(code)))
    other = told_apart(code[order], np.ones(len(code)))
    np.testing.assert_array_equal(np.sort(found), np.sort(other))
    assert told_apart(code[:0], np.ones(0)).shape == (0,)


def cells(n, seed):
    """Two classes by a feature of two values, and the least mean log loss."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, n)
    p = np.where(x, 0.7, 0.3)
    y = (rng.random(n) < p).astype(int)
    return x[:, None].astype(float), y, -np.log([0.3, 0.7]) @ [0.3, 0.7]


@pytest.mark.parametrize("seed", range(3))
def test_few_distinct_rows_are_learnt_as_well_as_many(seed):
    X, y, least = cells(12_000, seed)
    X_new, y_new, _ = cells(20_000, seed + 99)
    stopping = GradientBoostingClassifier(random_state=seed).fit(X, y)
    natural = NGBoostClassifier(n_estimators=150, random_state=seed)
    natural.fit(X[:2000], y[:2000])
    for model in (stopping, natural):
        p = model.predict_proba(X_new)[np.arange(len(y_new)), y_new]
        assert -np.log(p).mean() < least + 0.02


def test_few_distinct_rows_are_cross_validated():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (600, 1)).astype(float)
    y = rng.poisson(np.exp(x[:, 0] / 2)).astype(float)
    model = GradientBoostingRegressor(loss="poisson", random_state=0).fit(x, y)
    means = [y[x[:, 0] == v].mean() for v in range(3)]
    np.testing.assert_allclose(model.predict([[0.0], [1.0], [2.0]]), means, rtol=0.1)
