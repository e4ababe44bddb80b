"""Sums over cells: exact to the last bits, and the same in any order."""

import math

import numpy as np
import pytest

from boostlab import _core


def cell_sums(values, ids, n_cells, rows=None, n_threads=1):
    sums = np.full((n_cells, values.shape[1]), 77.0)
    _core.cell_sums(np.asfortranarray(values), ids, rows, sums, n_threads)
    return sums


def problem(n, k, n_cells, seed=0):
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.integers(-6, 6, k)
    values = rng.standard_normal((n, k)) * np.exp(2 * rng.standard_normal((n, 1)))
    return values * scale, rng.integers(0, n_cells, n).astype(np.int32), rng


@pytest.mark.parametrize(
    ("n", "k", "n_cells"), [(1, 1, 1), (500, 3, 7), (90_000, 2, 5)]
)
@pytest.mark.parametrize("sampled", [False, True])
def test_sums_are_those_of_exact_addition(n, k, n_cells, sampled):
    values, ids, rng = problem(n, k, n_cells)
    rows = None
    if sampled:
        rows = np.sort(rng.choice(n, -(-n // 2), replace=False)).astype(np.int32)
    found = cell_sums(values, ids, n_cells, rows, 2)
    used = np.arange(n) if rows is None else rows
    for cell in range(n_cells):
        own = values[used[ids[used] == cell]]
        for j in range(k):
            size = np.abs(values[used, j]).max()
            expected = math.fsum(own[:, j])
            assert abs(found[cell, j] - expected) <= size * len(own) * 2.0**-69 + 1e-300


def test_order_and_threads_do_not_matter():
    values, ids, rng = problem(200_000, 3, 40)
    expected = cell_sums(values, ids, 40)
    order = rng.permutation(len(ids))
    for n_threads in (1, 2, 5):
        again = cell_sums(values[order], ids[order], 40, None, n_threads)
        np.testing.assert_array_equal(again, expected)
    many = np.tile(values, 4)
    np.testing.assert_array_equal(cell_sums(many, ids, 40), np.tile(expected, 4))


def test_cells_without_rows_sum_to_nothing():
    sums = cell_sums(np.ones((4, 1)), np.array([2, 2, 0, 2], np.int32), 4)
    assert sums.ravel().tolist() == [1.0, 0.0, 3.0, 0.0]
    assert not cell_sums(np.zeros((3, 2)), np.zeros(3, np.int32), 2).any()


def test_rows_left_out_may_hold_anything():
    values = np.array([[1.0], [np.nan], [2.0]])
    ids, rows = np.array([0, 99, 1], np.int32), np.array([0, 2], np.int32)
    assert cell_sums(values, ids, 2, rows).ravel().tolist() == [1.0, 2.0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_must_be_finite(bad):
    values = np.array([[1.0, 1.0], [1.0, bad]])
    with pytest.raises(ValueError, match="finite"):
        cell_sums(values, np.zeros(2, np.int32), 1)


@pytest.mark.parametrize(
    ("ids", "rows", "message"),
    [
        ([0, 2], None, "cell id"),
        ([0, -1], None, "cell id"),
        ([0, 1], [0, 2], "numbers of rows"),
        ([0, 1], [-1, 0], "numbers of rows"),
        ([0], None, "ids"),
    ],
)
def test_what_does_not_fit_is_refused(ids, rows, message):
    rows = None if rows is None else np.array(rows, np.int32)
    with pytest.raises(ValueError, match=message):
        cell_sums(np.ones((2, 1)), np.array(ids, np.int32), 2, rows)
