"""Tiles that are written without columns are those that columns are copied to."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from boostlab.data import Bins, Table, bundles, frames, lean_tiles
from boostlab.data.frames import TableEncoder
from boostlab.data.spill import Spilling
from boostlab.data.taken import TakenRows


def mixed(n=700, seed=0):
    """Flags, a one-hot encoding, counts, constants, codes and continuous columns."""
    rng = np.random.default_rng(seed)
    flags = (rng.random((n, 4)) < [0.5, 0.1, 0.01, 0.9]).astype(float)
    one_hot = np.eye(24)[rng.integers(0, 24, n)]
    counts = rng.integers(0, 6, (n, 3)).astype(float)
    counts[rng.random((n, 3)) < 0.1] = np.nan
    constant = np.full((n, 2), [3.0, np.nan])
    return np.column_stack([flags, one_hot, counts, constant, rng.normal(size=(n, 5))])


def spilled(X):
    spilling = Spilling(None, X.shape[1])
    for start in range(0, len(X), 300):
        spilling.append(list(X[start : start + 300].T.copy()))
    return spilling.values([None] * X.shape[1])


def taken(X):
    rng = np.random.default_rng(3)
    order = rng.permutation(2 * len(X))[: len(X)]
    matrix = rng.normal(size=(2 * len(X), X.shape[1]))
    matrix[order] = X
    return TakenRows(matrix, order)


def by_column(X):
    given = pd.DataFrame(X, columns=[f"f{j}" for j in range(X.shape[1])])
    return TableEncoder().fit(given).transform(given, by_column=True)


FORMS = {
    "by row": np.ascontiguousarray,
    "by feature": np.asfortranarray,
    "float32": lambda X: X.astype(np.float32),
    "csr": sparse.csr_array,
    "csc": sparse.csc_array,
    "on disk": spilled,
    "taken": taken,
    "frame": by_column,
}


@pytest.fixture(params=[True, False], ids=["bundled", "plain"])
def fewest_rows(request, monkeypatch):
    monkeypatch.setattr(bundles, "FEWEST_ROWS", 1 if request.param else 10**9)
    monkeypatch.setattr(frames, "LARGE", 1, raising=False)
    monkeypatch.setattr(lean_tiles, "BLOCK_BYTES", 5000)


@pytest.mark.parametrize("form", list(FORMS))
def test_tiles_are_those_of_columns(form, fewest_rows):
    X = mixed()
    table, same = Table(FORMS[form](X)), Table(FORMS[form](X))
    found, expected = table.view(Bins(9, low_memory=True)), same.view(Bins(9))
    assert found.columns is None
    for name in ("n_bins", "borders", "offsets"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    ours, theirs = found.tiles(), expected.tiles()
    np.testing.assert_array_equal(ours.codes, theirs.codes)
    assert not ours.codes.flags.writeable
    assert isinstance(ours.codes, np.memmap) == (form == "on disk")
    assert (ours.bundles is None) == (theirs.bundles is None)
    if ours.bundles is not None:
        assert len(ours.codes) < len(expected.tiles(bundled=False).codes)
        for a, b in zip(ours.bundles.arrays(), theirs.bundles.arrays(), strict=True):
            np.testing.assert_array_equal(a, b)
    plain = found.tiles(bundled=False)
    assert plain.bundles is None
    np.testing.assert_array_equal(plain.codes, expected.tiles(bundled=False).codes)
    assert found.tiles() is ours
    np.testing.assert_array_equal(ours.columns(X.shape[1]), expected.columns)


def test_held_out_rows_are_not_bundled(fewest_rows):
    """Their bundles would be others, of codes that need not be in the training rows."""
    X = mixed()
    table = Table(X[:500])
    held_out = Table(X[500:], reference=table)
    tiles = held_out.view(Bins(low_memory=True)).tiles()
    assert tiles.bundles is None
    expected = held_out.view(Bins()).columns
    np.testing.assert_array_equal(tiles.columns(X.shape[1]), expected)


def test_no_rows():
    table = Table(mixed())
    empty = Table(np.empty((0, table.n_features)), reference=table)
    tiles = empty.view(Bins(low_memory=True)).tiles()
    assert tiles.codes.shape == (3, 0, 16)


def test_more_features_of_few_bins_than_bundles_are_open(monkeypatch):
    """Bundles that nothing can join any more do not keep their columns."""
    monkeypatch.setattr(bundles, "FEWEST_ROWS", 1)
    rng = np.random.default_rng(5)
    X = rng.integers(0, 100, (3000, 2 * bundles._OPEN)).astype(float)
    X = np.column_stack([X, X[:, 0] > 50, X[:, 1] > 20])
    found = Table(X).view(Bins(low_memory=True)).tiles()
    expected = Table(X).view(Bins())
    np.testing.assert_array_equal(found.codes, expected.tiles().codes)
    np.testing.assert_array_equal(found.columns(X.shape[1]), expected.columns)


@pytest.mark.parametrize("form", ["by row", "by feature", "on disk", "csc"])
def test_columns_are_never_all_in_memory(form):
    """Beyond the tiles there are columns of one tile, or blocks of rows."""
    rng = np.random.default_rng(0)
    n, f = 80_000, 64
    X = rng.normal(size=(n, f))
    X[rng.random((n, f)) < 0.7] = 0.0
    table = Table(FORMS[form](X))
    del X
    view = Bins(low_memory=True)
    table.fitted(view)
    tracemalloc.start()
    binned = table.view(view)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert binned.tiles().codes.nbytes == n * f
    columns, tiles = n * f, 0 if form == "on disk" else n * f
    assert peak - tiles < 0.6 * columns
