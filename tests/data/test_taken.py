"""Rows of a matrix that are not copied: everything is as if they were."""

import numpy as np
import pandas as pd
import pytest

from boostlab import BoostingRegressor, GradientBoostingClassifier
from boostlab.data import Bins, Table, taken
from boostlab.data.sparse import dense_columns
from boostlab.data.taken import TakenRows, take_rows
from boostlab.persistence import model_hash

ROWS = np.random.default_rng(1).permutation(900)[:500]


@pytest.fixture(params=["C", "F", "strided"])
def matrix(request):
    values = np.random.default_rng(0).normal(size=(900, 11))
    values[values > 1.5] = np.nan
    if request.param == "strided":
        return np.repeat(values, 2, axis=0)[::2, ::-1]
    return np.array(values, order=request.param)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_those_of_the_matrix(matrix, dtype, monkeypatch):
    matrix = matrix.astype(dtype)
    lazy, copied = TakenRows(matrix, ROWS), matrix[ROWS]
    assert lazy.shape == copied.shape
    assert lazy.dtype == dtype
    assert len(lazy) == len(copied)
    equal = np.testing.assert_array_equal
    equal(np.asarray(lazy), copied)
    assert np.array(lazy, order="F").dtype == dtype
    equal(lazy.features(2, 9), copied[:, 2:9])
    equal(np.stack(list(dense_columns(lazy)), axis=1), copied)
    equal(lazy[:, 3], copied[:, 3])
    equal(np.asarray(lazy[10:200]), copied[10:200])
    equal(np.asarray(lazy[[5, 3]][[1]]), copied[[3]])
    monkeypatch.setattr(taken, "_BLOCK_VALUES", 700)
    found = np.full(copied.shape, np.inf, dtype)
    for rows, block in lazy.blocks():
        assert len(block) <= 700 // 11
        found[rows] = block
    equal(found, copied)
    with pytest.raises(ValueError, match="copying"):
        np.asarray(lazy, copy=False)


def test_small_matrices_are_copied(matrix, monkeypatch):
    assert isinstance(take_rows(matrix, ROWS), np.ndarray)
    monkeypatch.setattr(taken, "LARGE", 0)
    mask = np.zeros(900, dtype=bool)
    mask[ROWS] = True
    np.testing.assert_array_equal(np.asarray(take_rows(matrix, mask)), matrix[mask])


@pytest.mark.parametrize("max_bins", [20, 255])
def test_tables_have_the_same_bins(matrix, max_bins):
    weight = np.random.default_rng(2).gamma(1, size=500)
    lazy = Table(TakenRows(matrix, ROWS), weight=weight)
    copied = Table(matrix[ROWS], weight=weight)
    view = Bins(max_bins, subsample=300)
    borders, expected = lazy.fitted(view), copied.fitted(view)
    np.testing.assert_array_equal(borders.borders, expected.borders)
    np.testing.assert_array_equal(lazy.view(view).columns, copied.view(view).columns)
    part = lazy.take([7, 3]), copied.take([7, 3])
    for table, other in ((lazy, copied), part):
        assert not table.is_whole
        np.testing.assert_array_equal(table.numeric, other.numeric)
        assert table.is_whole


@pytest.mark.parametrize("large", [0, 10**9])
def test_models_are_the_same(large, monkeypatch):
    """With rows held out, whatever learners and scorers read."""
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(600, 3)), columns=list("abc"))
    X["many"] = rng.integers(0, 300, 600).astype(str)
    X["few"] = rng.choice(["u", "v", "w"], 600)
    y = rng.random(600) < 1 / (1 + np.exp(-X["a"]))
    seen = set()

    def scorer(model, X, y):
        seen.add(type(X))
        return model.score(X, y)

    def hashes():
        options = {"n_estimators": 6, "random_state": 0, "early_stopping": True}
        for params in ({}, {"scoring": scorer}, {"linear_leaves": True}):
            model = GradientBoostingClassifier(**options, **params)
            model.fit(X, y)
            yield model.decision_function(X).tobytes()
        numeric = X[["a", "b", "c"]].to_numpy()
        for learner in ("linear", "tree"):
            model = BoostingRegressor(learner=learner, **options)
            yield model_hash(model.fit(numeric, y.astype(float)))

    expected = list(hashes())
    monkeypatch.setattr(taken, "LARGE", large)
    assert list(hashes()) == expected
    assert seen == {np.ndarray}
