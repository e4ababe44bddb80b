"""Sparse matrices: the models of the dense ones, without making them dense."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from boostlab import (
    BoostingClassifier,
    BoostingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from boostlab.data import Bins, Table
from boostlab.learners import Linear, Tree

FORMATS = ("csr", "csc", "coo", "lil", "dok", "bsr")


def problem(n=700, f=21, density=0.2, seed=0):
    """Mostly zeros, of both signs, some missing; the target follows a few features."""
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((n, f)) < density, rng.normal(size=(n, f)), 0.0)
    X[:, 3] = rng.integers(0, 3, n)
    X[:, 4] = 0
    X[:, 5] = -np.abs(X[:, 5])
    X[rng.random((n, f)) < 0.03] = np.nan
    X[:, 6] = np.nan
    y = np.nan_to_num(X[:, 0]) * 3 + (np.nan_to_num(X[:, 3]) > 1) + rng.normal(size=n)
    return X, y


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", ["csr", "csc"])
@pytest.mark.parametrize("kind", [sparse.coo_array, sparse.coo_matrix])
def test_bins_are_those_of_the_dense_table(kind, layout, dtype):
    dense = problem()[0].astype(dtype)
    weight = np.random.default_rng(1).integers(1, 4, len(dense)).astype(float)
    table = Table(kind(dense).asformat(layout), weight=weight)
    same = Table(dense, weight=weight)
    assert table.is_sparse
    assert (table.n_samples, table.n_features, table.dtype) == (700, 21, dtype)
    for view in (Bins(), Bins(max_bins=9), Bins(max_bins=9, subsample=200)):
        found, expected = table.view(view), same.view(view)
        for name in ("columns", "n_bins", "borders", "offsets"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    part, rows = table.take([5, 3, 3]), [5, 3, 3]
    np.testing.assert_array_equal(part.features(0, 21), dense[rows])
    np.testing.assert_array_equal(table.take(slice(4)).features(2, 4), dense[:4, 2:4])
    for column, values in zip(table.columns(), dense.T, strict=True):
        np.testing.assert_array_equal(column, values)


def test_the_values_of_a_sparse_table_are_not_a_matrix():
    with pytest.raises(TypeError, match="table is sparse"):
        _ = Table(sparse.csr_array(np.eye(3))).numeric
    for wrong in (sparse.coo_array(np.eye(3)), sparse.csr_array(np.eye(3, dtype=int))):
        with pytest.raises(TypeError, match="values of a table"):
            Table(wrong)


def test_duplicates_and_stored_zeros_are_what_scipy_says():
    twice = sparse.csr_matrix((4, 2))
    twice.data = np.array([1.0, 2.0, 0.0, np.nan])
    twice.indices = np.array([0, 0, 0, 1], dtype=np.int32)
    twice.indptr = np.array([0, 2, 3, 4, 4], dtype=np.int32)
    binned = Table(twice).view(Bins())
    assert binned.columns.tolist() == [[1, 0, 0, 0], [0, 0, 255, 0]]


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_every_form_gives_the_model_of_the_dense_matrix(layout, early_stopping):
    X, y = problem()
    parameters = {
        "n_estimators": 12, "random_state": 0, "early_stopping": early_stopping
    }  # fmt: skip
    dense = GradientBoostingRegressor(**parameters).fit(X, y)
    given = sparse.coo_array(X).asformat(layout)
    model = GradientBoostingRegressor(**parameters).fit(given, y)
    expected = dense.predict(X)
    for new in (given, X, sparse.csc_matrix(X)):
        np.testing.assert_array_equal(model.predict(new), expected)
    np.testing.assert_array_equal(dense.predict(given), expected)
    stages = zip(model.staged_predict(given), dense.staged_predict(X), strict=True)
    for found, wanted in stages:
        np.testing.assert_array_equal(found, wanted)


def test_classes_weights_held_out_rows_and_warm_start(monkeypatch):
    monkeypatch.setattr("boostlab.data.table.BLOCK_VALUES", 21 * 100)
    X, y = problem()
    labels = np.digitize(y, [-0.5, 0.5])
    weight = np.random.default_rng(1).integers(0, 3, len(y)).astype(float)
    models = []
    for form in (np.asarray, sparse.csr_matrix):
        model = GradientBoostingClassifier(
            n_estimators=5, warm_start=True, random_state=0, scoring="accuracy"
        )
        held_out = {"X_val": form(X[:200]), "y_val": labels[:200]}
        model.fit(form(X[200:]), labels[200:], weight[200:], **held_out)
        model.set_params(n_estimators=9)
        model.fit(form(X[200:]), labels[200:], weight[200:], **held_out)
        models.append(model.predict_proba(form(X)))
    np.testing.assert_array_equal(*models)


def test_leaves_and_contributions(monkeypatch):
    monkeypatch.setattr("boostlab.data.table.BLOCK_VALUES", 21 * 100)
    X, y = problem(n=250)
    given = sparse.csc_array(X)
    model = GradientBoostingRegressor(n_estimators=5, random_state=0).fit(given, y)
    np.testing.assert_array_equal(model.apply(given), model.apply(X))
    np.testing.assert_array_equal(
        model.predict_contributions(given), model.predict_contributions(X)
    )
    np.testing.assert_array_equal(
        model.predict_contributions(given, background=X[:9]),
        model.predict_contributions(X, background=X[:9]),
    )


def test_learners_that_need_dense_tables_say_so():
    X, y = problem()
    given = sparse.csr_array(np.nan_to_num(X))
    for model in (
        BoostingRegressor(learner="linear"),
        BoostingRegressor(learner=[Tree(), Linear()], every=[1, 2]),
        GradientBoostingRegressor(learner=Linear()),
    ):
        with pytest.raises(TypeError, match=r"sparse matrix, .* X\.toarray\(\)"):
            model.fit(given, y)
        model.fit(given.toarray(), y)
        with pytest.raises(TypeError, match="sparse matrix"):
            model.predict(given)
    BoostingClassifier(learner=[Tree(), Tree(max_depth=1)], every=[1, 2]).fit(
        given, y > 0
    )


def test_features_that_were_categories_are_not_sparse():
    frame = pd.DataFrame({"c": list("ab") * 50, "x": np.arange(100.0)})
    model = GradientBoostingRegressor(n_estimators=2).fit(frame, np.arange(100.0))
    with (
        pytest.warns(UserWarning, match="feature names"),
        pytest.raises(TypeError, match="some features were categories"),
    ):
        model.predict(sparse.csr_array((3, 2)))


@pytest.mark.parametrize("shape", [(1, 3), (5, 1), (30, 40)])
def test_nothing_but_zeros(shape):
    given = sparse.csr_array(shape)
    model = GradientBoostingRegressor(n_estimators=2, early_stopping=False)
    y = np.arange(shape[0], dtype=float)
    np.testing.assert_allclose(model.fit(given, y).predict(given), y.mean())


@pytest.mark.parametrize("values", [[np.inf, -np.inf, 5e-324], [1e308, -1e308, -0.0]])
def test_extreme_stored_values(values):
    X = np.zeros((60, 2))
    X[:30, 0] = np.resize(values, 30)
    X[30:, 1] = np.resize(values, 30)
    y = (X[:, 0] > 0).astype(float)
    dense, model = (
        GradientBoostingRegressor(n_estimators=5, early_stopping=False).fit(form(X), y)
        for form in (np.asarray, sparse.csc_array)
    )
    np.testing.assert_array_equal(model.predict(sparse.csr_array(X)), dense.predict(X))


def test_memory_stays_far_below_that_of_floats():
    """40 MB as floats; the copies of the bins are 10 MB, and blocks come and go."""
    rng = np.random.default_rng(0)
    X = sparse.random_array((10_000, 500), density=0.01, format="csr", rng=rng)
    y = rng.normal(size=10_000)
    model = GradientBoostingRegressor(n_estimators=2, early_stopping=True)
    tracemalloc.start()
    model.fit(X, y).predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32e6
