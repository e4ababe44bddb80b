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
    """Bins, and their copy by rows, against searchsorted."""
    offsets = np.cumsum([0] + [len(b) for b in borders])
    flat = np.concatenate([np.zeros(0), *borders])
    columns = core_calls.bin_raw(x, flat, offsets, n_threads)
    tiles = core_calls.fill_tiles(columns, n_threads)
    for j, b in enumerate(borders):
        assert np.array_equal(columns[j], oracle.bin_values(x[:, j], b))
    assert np.array_equal(tiles, tree_problems.tiles(columns))


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


def adversarial_borders():
    """Borders that the slots of a search fit badly, by name."""
    rng = np.random.default_rng(0)
    huge = np.finfo(np.float64).max
    near = 1 + np.arange(254) * 2.0**-52
    return {
        "even": np.linspace(-1, 1, 254),
        "normal": rng.standard_normal(254),
        "lognormal": np.exp(3 * rng.standard_normal(254)),
        "cauchy": rng.standard_cauchy(254) ** 5,
        "one far away": np.append(rng.standard_normal(200), 1e300),
        "the whole range": np.append(rng.standard_normal(200), [-huge, huge]),
        "infinite ends": np.append(rng.standard_normal(200), [-np.inf, np.inf]),
        "minus infinity alone": np.append(np.arange(100.0), -np.inf),
        "neighbours": near,
        "neighbours and far": np.append(near[:100], [-1e9, 1e9]),
        "denormals": np.arange(-100, 100) * 5e-324,
        "denormals and zero": np.array([0.0, 5e-324, 1e-310, 2e-310]),
        "around zero": np.concatenate([-np.geomspace(1e-300, 1e300, 120), [-0.0],
                                       np.geomspace(1e-300, 1e300, 120)]),
        "two": np.array([1.0, 2.0]),
        "signed zeros": np.array([-0.0, 1.0, 2.0]),
    }  # fmt: skip


@pytest.mark.parametrize("name", adversarial_borders())
def test_slots_never_change_a_bin(tier, name):
    """Enough rows that slots are made; every border, its neighbours, and ends."""
    borders = np.unique(adversarial_borders()[name])
    with np.errstate(over="ignore"):
        x = np.concatenate(
            [
                borders,
                np.nextafter(borders, np.inf),
                np.nextafter(borders, -np.inf),
                -borders,
                borders[:-1] / 2 + borders[1:] / 2,
                [0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, -5e-324, 1e308, -1e308],
                np.random.default_rng(1).standard_normal(300),
            ]
        )
    x = np.resize(x, 5000)
    for dtype in DTYPES:
        with np.errstate(over="ignore"):
            values = x.astype(dtype)
        check_bins(values[:, None], [borders])
        check_bins(values[:2000, None], [borders])  # too few for slots


def distinct(x, limit):
    """Distinct values of each feature, None where there are more than `limit`."""
    values = np.full((x.shape[1], limit), 77.0)
    counts = np.full(x.shape[1], 77, np.int32)
    _core.distinct(x, values, counts)
    found = zip(values, counts, strict=True)
    return [None if n < 0 else own[:n] for own, n in found]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("step", [1, 2, -1])
def test_distinct(dtype, step):
    values = [np.nan, 3.0, -np.inf, 3.0, -0.0, 0.0, np.inf, 1.5, np.nan, 1.5]
    column = np.array(values, dtype)[::step]
    expected = np.unique(column[~np.isnan(column)].astype(np.float64) + 0.0)
    (found,) = distinct(column[:, None], 20)
    assert np.array_equal(found, expected)
    assert not np.signbit(found[list(expected).index(0.0)])


@pytest.mark.parametrize("count", [0, 1, 2, 254, 255])
def test_distinct_up_to_a_limit(count):
    rng = np.random.default_rng(count)
    column = rng.permutation(np.tile(np.arange(float(count)), 5))[:, None]
    for limit in (1, 2, 254, 255):
        (found,) = distinct(column, limit)
        if count > limit:
            assert found is None
        else:
            assert np.array_equal(found, np.arange(count))


def test_distinct_values_of_several_features():
    """A feature that has too many does not stop the search in the others."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3000, 8))
    x[:, 2] = rng.integers(0, 5, 3000)
    x[:, 5] = np.nan
    x[:, 7] = 0
    x[2999, 7] = 1  # found on the last row
    for layout in (x, np.asfortranarray(x)):
        found = distinct(layout, 255)
        assert [None if f is None else len(f) for f in found] == [
            None, None, 5, None, None, 0, None, 2
        ]  # fmt: skip


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
    (found,) = distinct(column[:, None], limit)
    if len(expected) > limit:
        assert found is None
    else:
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("layout", tree_problems.LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_gather(layout, dtype):
    rng = np.random.default_rng(0)
    x = tree_problems.in_layout(rng.standard_normal((90, 7)).astype(dtype), layout)
    for rows in (np.arange(90), np.array([89, 0, 0, 5]), rng.integers(0, 90, 200)):
        out = np.full((7, len(rows)), 77.0)
        _core.gather(x, rows, out)
        assert np.array_equal(out, x[rows].T.astype(np.float64))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan, 5e-324])
            | st.floats()
            | st.integers(-500, 500).map(float),
            st.integers(1, 2**40),
        ),
        max_size=80,
    ),
    st.sampled_from([1, 2, -1]),
    st.booleans(),
)
def test_summarize(rows, step, weighted):
    """The sorted distinct values and their masses, against numpy."""
    column = np.repeat([x for x, _ in rows], 3)[::step]
    mass = np.repeat([m for _, m in rows], 3)[::step].astype(np.int64)
    mass = np.ascontiguousarray(mass) if weighted else np.ones(len(column), np.int64)
    present = ~np.isnan(column) if len(column) else np.zeros(0, bool)
    expected, group = np.unique(column[present] + 0.0, return_inverse=True)
    totals = np.zeros(len(expected), np.int64)
    np.add.at(totals, group, mass[present])
    values, sums = np.zeros(len(column)), np.zeros(len(column), np.int64)
    column = np.asarray(column, np.float64)
    n = _core.summarize(column, mass if weighted else None, values, sums)
    assert np.array_equal(values[:n], expected)
    assert not np.signbit(values[:n][values[:n] == 0]).any()
    assert np.array_equal(sums[:n], totals)
    # In place, where the values go where the column is.
    column, in_place = np.ascontiguousarray(column), np.zeros(len(column), np.int64)
    n = _core.summarize(column, mass if weighted else None, column, in_place)
    assert np.array_equal(column[:n], expected)
    assert np.array_equal(in_place[:n], totals)


def test_summarize_of_many_rows():
    rng = np.random.default_rng(0)
    for column in (
        rng.standard_normal(70_000),
        rng.standard_normal(70_000).astype(np.float32),
        rng.integers(-9, 1000, 70_000).astype(np.float64)[::-1],
    ):
        values, sums = np.zeros(70_000), np.zeros(70_000, np.int64)
        n = _core.summarize(column, None, values, sums)
        expected, counts = np.unique(column.astype(np.float64), return_counts=True)
        assert np.array_equal(values[:n], expected)
        assert np.array_equal(sums[:n], counts)
        own = column.astype(np.float64)
        assert _core.summarize(own, None, own, np.zeros(70_000, np.int64)) == n
        assert np.array_equal(own[:n], expected)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_bins_of_random_problems(seed):
    case = tree_problems.random_case(np.random.default_rng(seed))
    problem = case.problem
    for name in core_calls.present_tiers():
        with core_calls.tier(name):
            columns = core_calls.bin_raw(case.x, problem.borders, problem.offsets)
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
