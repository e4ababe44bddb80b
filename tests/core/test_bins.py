"""Bins, distinct values and the use of a tree, against NumPy."""

import core_calls
import grower_oracle as oracle
import numpy as np
import pytest
import tree_problems
from hypothesis import given, settings
from hypothesis import strategies as st

from boostlab import _core

DTYPES = (np.float32, np.float64)


def test_constants():
    assert (_core.TILE, _core.STRIDE, _core.MISSING) == (16, 264, 255)


def test_tier_by_name(tier):
    assert _core.cpu_name() == tier
    assert _core.set_cpu(tier) == tier
    with pytest.raises(ValueError, match=r"sse"):
        _core.set_cpu("sse")
    assert _core.cpu_name() == tier


def check_bins(x, borders, n_threads=1):
    """Both copies of the bins against searchsorted."""
    offsets = np.cumsum([0] + [len(b) for b in borders])
    flat = np.concatenate([np.zeros(0), *borders])
    columns, tiles = core_calls.bin_raw(x, flat, offsets, n_threads)
    for j, b in enumerate(borders):
        assert np.array_equal(columns[j], oracle.bin_values(x[:, j], b))
        tile, lane = divmod(j, tree_problems.TILE)
        assert np.array_equal(tiles[tile, :, lane], columns[j])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_borders", [*range(19), 63, 64, 65, 127, 128, 200, 253, 254])
def test_bins_of_each_number_of_borders(tier, dtype, n_borders):
    rng = np.random.default_rng(n_borders)
    borders = np.unique(rng.standard_normal(n_borders))
    x = np.concatenate([rng.standard_normal(531), borders, [np.nan, np.inf, -np.inf]])
    x = np.concatenate([x, np.nextafter(borders, 9), np.nextafter(borders, -9)])
    check_bins(x.astype(dtype)[:, None], [borders])


def test_float32_values_meet_float64_borders(tier):
    """A border between two float32 numbers must not be rounded to either."""
    low = np.float32(0.1)
    high = np.nextafter(low, np.float32(1))
    x = np.array([[low], [high]] * 40, np.float32)
    for border in (float(low), float(high), (float(low) + float(high)) / 2, 0.1):
        check_bins(x, [np.array([border])])


def test_special_values(tier):
    x = np.array([[-np.inf], [-0.0], [0.0], [5e-324], [1e308], [np.inf], [np.nan]] * 9)
    check_bins(x, [np.array([-1e308, -5e-324, 0.0, 5e-324, 1e308])])


@pytest.mark.parametrize("layout", tree_problems.LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (3, 17), (63, 16), (64, 5), (1025, 33)])
def test_bins_of_each_layout(layout, dtype, shape):
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape)
    x[rng.random(shape) < 0.1] = np.nan
    x = tree_problems.in_layout(x.astype(dtype), layout)
    borders = [np.sort(rng.standard_normal(rng.integers(0, 255))) for _ in x.T]
    for name in core_calls.present_tiers():
        with core_calls.tier(name):
            for n_threads in (1, 2, 3):
                check_bins(x, borders, n_threads)


def test_bins_of_many_rows(tier):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((100_001, 3)).astype(np.float32)
    check_bins(x, [np.sort(rng.standard_normal(k)) for k in (254, 1, 40)], 3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("step", [1, 2, -1])
def test_distinct(dtype, step):
    values = [np.nan, 3.0, -np.inf, 3.0, -0.0, 0.0, np.inf, 1.5, np.nan, 1.5]
    column = np.array(values, dtype)[::step]
    out = np.full(20, 77.0)
    expected = np.unique(column[~np.isnan(column)].astype(np.float64) + 0.0)
    assert _core.distinct(column, out) == len(expected)
    assert np.array_equal(out[: len(expected)], expected)
    assert not np.signbit(out[list(expected).index(0.0)])


@pytest.mark.parametrize("count", [0, 1, 2, 254, 255])
def test_distinct_up_to_a_limit(count):
    rng = np.random.default_rng(count)
    column = rng.permutation(np.tile(np.arange(float(count)), 5))
    for limit in (1, 2, 254, 255):
        expected = count if count <= limit else -1
        assert _core.distinct(column, np.zeros(limit)) == expected


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([0.0, -0.0, 1.0, -2.5, np.inf, np.nan, 1e-40]) | st.floats()
    ),
    st.integers(1, 255),
)
def test_distinct_of_any_values(values, limit):
    column = np.array(values, np.float64)
    expected = np.unique(column[~np.isnan(column)] + 0.0)
    out = np.zeros(limit)
    n = _core.distinct(column, out)
    if len(expected) > limit:
        assert n == -1
    else:
        assert n == len(expected)
        assert np.array_equal(out[:n], expected)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_bins_of_random_problems(seed):
    case = tree_problems.random_case(np.random.default_rng(seed))
    problem = case.problem
    for name in core_calls.present_tiers():
        with core_calls.tier(name):
            columns, _ = core_calls.bin_raw(case.x, problem.borders, problem.offsets)
            assert np.array_equal(columns, problem.columns), name


def test_apply_to_other_rows(tier):
    """Rows that took no part in growing, all bins of all features among them."""
    rng = np.random.default_rng(3)
    columns = rng.integers(0, 256, (20, 5000)).astype(np.uint8)
    problem = oracle.Problem(
        columns=columns[:, :600].copy(),
        n_bins=np.full(20, 255, np.int32),
        gradient=rng.standard_normal(600),
        borders=np.tile(np.arange(254.0), 20),
        offsets=np.arange(21) * 254,
        params=oracle.Params(max_leaves=60),
    )
    tree = core_calls.grow(problem)
    assert tree.n_leaves == 60
    expected = oracle.apply_bins(tree, columns)
    for n_threads in (1, 2, 3):
        ids = core_calls.apply_bins(tree, columns, n_threads)
        assert np.array_equal(ids, expected)


def test_add_cells():
    rng = np.random.default_rng(4)
    for n in (1, 7, 5000, 200_001):
        ids = rng.integers(0, 9, n).astype(np.int32)
        values = rng.standard_normal(9)
        raw = rng.standard_normal(n)
        expected = raw + values[ids] + values[ids]
        for n_threads in (1, 3):
            _core.add_cells(raw, ids, values, n_threads)
        assert np.array_equal(raw, expected)
