"""Borders and bins: by hand, by identities, against sorting and searchsorted."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import row_keys
from hypothesis import example, given, settings
from hypothesis import strategies as st

from boostlab.data import Bins, Table
from boostlab.data.borders import midpoints, quantile_borders
from boostlab.parallel import threads

INF = math.inf
TINY = 5e-324
HUGE = np.finfo(np.float64).max


def borders_of(column, weight=None, seed=0, **parameters):
    """Borders of one column."""
    column = np.asarray(column)
    if column.dtype != np.float32:
        column = column.astype(np.float64)
    table = Table(column.reshape(-1, 1), weight=weight, seed=seed)
    return table.fitted(Bins(**parameters)).of(0)


def bins_by_search(x, borders):
    """The definition: the number of borders below x, 255 for NaN."""
    found = np.searchsorted(borders, x.astype(np.float64), side="left")
    return np.where(np.isnan(x), 255, found).astype(np.uint8)


def check_against_search(table, view):
    """The bins of `table`, by columns and by rows, against the definition."""
    binned, borders = table.view(view), table.fitted(view)
    f = table.n_features
    codes = binned.tiles(bundled=False).codes
    width = -(-f // len(codes))
    for first, tile in zip(range(0, f, width), codes, strict=True):
        part = binned.columns[first : first + width]
        np.testing.assert_array_equal(tile[:, : len(part)], part.T)
        assert not tile[:, len(part) :].any()
    for j in range(f):
        own = borders.of(j)
        assert len(own) <= view.max_bins - 1
        assert (np.diff(own) > 0).all()
        assert not np.isnan(own).any()
        expected = bins_by_search(table.numeric[:, j], own)
        np.testing.assert_array_equal(binned.columns[j], expected)
    return binned


# ---- borders by hand --------------------------------------------------------------


def test_exact_borders_are_midpoints():
    np.testing.assert_array_equal(borders_of([3.0, 1.0, 2.0, 1.0]), [1.5, 2.5])
    np.testing.assert_array_equal(borders_of([0.0, -0.0, 4.0, np.nan]), [2.0])


def test_exact_up_to_max_bins_values():
    for count in (254, 255):
        np.testing.assert_array_equal(
            borders_of(np.arange(count)), np.arange(count - 1) + 0.5
        )
    assert len(borders_of(np.arange(256))) == 254
    np.testing.assert_array_equal(borders_of([1, 2, 3], max_bins=3), [1.5, 2.5])


def test_exact_borders_ignore_the_subsample():
    """A rare value counts even if no sampled row holds it."""
    column = np.zeros(5000)
    column[1234] = 1.0
    np.testing.assert_array_equal(borders_of(column, subsample=10), [0.5])


def test_quantile_borders_of_equal_weights():
    """Eight values, four bins: a border after every second value."""
    np.testing.assert_array_equal(borders_of(np.arange(8), max_bins=4), [1.5, 3.5, 5.5])
    np.testing.assert_array_equal(borders_of(np.arange(5), max_bins=2), [2.5])


def test_quantile_borders_follow_the_weights():
    """Weights 3 1 1 1 1 1: the half of the weight, 4, is reached by value 1."""
    weight = [3, 1, 1, 1, 1, 1]
    np.testing.assert_array_equal(borders_of(np.arange(6), weight, max_bins=2), [1.5])
    np.testing.assert_array_equal(borders_of(np.arange(6), max_bins=2), [2.5])


def test_a_frequent_value_takes_one_bin_and_leaves_the_others():
    """Half of the rows are 0, but three of the four bins are for the other six."""
    column = [0.0] * 6 + [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(borders_of(column, max_bins=4), [0.5, 2.5, 4.5])
    np.testing.assert_array_equal(
        borders_of(np.negative(column), max_bins=4), [-4.5, -2.5, -0.5]
    )
    middle = [0.0] * 6 + [-2, -1, 1, 2]
    np.testing.assert_array_equal(borders_of(middle, max_bins=3), [-0.5, 0.5])


def test_frequent_values_are_found_one_after_another():
    """A bin holds 114/4, then without value 0 14/3, then without value 1 4/2."""
    values, mass = np.arange(6.0), np.array([100, 10, 1, 1, 1, 1])
    np.testing.assert_array_equal(quantile_borders(values, mass, 4), [0.5, 1.5, 3.5])


def test_a_frequent_value_has_its_bin_to_itself():
    """Levels 1.25 2.5 ..: the border before 0 would be after -3, and comes nearer."""
    column = [-5, -4, -3, -2, -1] + [0] * 20 + [1, 2, 3, 4, 5]
    borders = borders_of(column, max_bins=9)
    assert {-0.5, 0.5} <= set(borders)
    assert len(borders) == 8
    for max_bins in range(4, 11):
        borders = borders_of(column, max_bins=max_bins)
        assert {-0.5, 0.5} <= set(borders)
        assert len(borders) == max_bins - 1


def test_borders_between_infinities():
    np.testing.assert_array_equal(borders_of([-INF, 1.0, INF]), [-HUGE / 2, HUGE / 2])
    np.testing.assert_array_equal(borders_of([-INF, INF]), [0.0])
    np.testing.assert_array_equal(borders_of([-INF, -HUGE]), [-INF])
    np.testing.assert_array_equal(borders_of([HUGE, INF]), [HUGE])
    np.testing.assert_array_equal(borders_of([-HUGE, HUGE]), [0.0])


def test_borders_between_neighbouring_floats():
    above = np.nextafter(1.0, 2.0)
    np.testing.assert_array_equal(borders_of([1.0, above]), [1.0])
    np.testing.assert_array_equal(borders_of([0.0, TINY]), [0.0])
    np.testing.assert_array_equal(borders_of([-TINY, -0.0]), [-TINY])


def test_borders_of_float32_are_not_rounded_to_float32():
    low = np.float32(1.0)
    high = np.nextafter(low, np.float32(2))
    border = borders_of(np.array([low, high], dtype=np.float32))
    assert float(low) < border[0] < float(high)


def test_number_of_bins():
    x = np.array([[1.0, 7.0, np.nan], [2.0, 7.0, np.nan], [np.nan, np.nan, np.nan]])
    binned = Table(x).view(Bins())
    np.testing.assert_array_equal(binned.n_bins, [2, 1, 0])
    assert binned.n_bins.dtype == np.int32
    np.testing.assert_array_equal(binned.offsets, [0, 1, 1, 1])
    np.testing.assert_array_equal(
        binned.columns, [[0, 1, 255], [0, 0, 255], [255, 255, 255]]
    )


def test_one_row():
    binned = Table(np.array([[3.0, np.nan]])).view(Bins())
    np.testing.assert_array_equal(binned.n_bins, [1, 0])
    np.testing.assert_array_equal(binned.columns, [[0], [255]])


# ---- identities -------------------------------------------------------------------

finite_or_not = st.one_of(
    st.floats(allow_nan=False),
    st.floats(allow_nan=False, width=32),
    st.integers(-3, 3).map(float),
    st.sampled_from([0.0, -0.0, INF, -INF, HUGE, -HUGE, TINY, -TINY]),
)


@settings(deadline=None)
@given(st.lists(finite_or_not, min_size=2, max_size=30))
@example([HUGE, np.nextafter(HUGE, 0), -HUGE, INF, -INF])
def test_midpoints_part_their_neighbours(values):
    values = np.unique(np.array(values) + 0.0)
    lower, upper = values[:-1], values[1:]
    middle = midpoints(lower, upper)
    assert (lower <= middle).all()
    assert (middle < upper).all()


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.integers(-20, 20), st.integers(1, 5)), max_size=60),
    st.integers(2, 30),
)
def test_a_weight_is_that_many_rows(rows, max_bins):
    values = np.array([value for value, _ in rows], dtype=np.float64)
    weight = np.array([times for _, times in rows], dtype=np.float64)
    weighted = borders_of(values, weight, max_bins=max_bins)
    repeated = np.repeat(values, weight.astype(int))
    np.testing.assert_array_equal(weighted, borders_of(repeated, max_bins=max_bins))
    thirds = borders_of(values, weight / 4, max_bins=max_bins)
    np.testing.assert_array_equal(weighted, thirds)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
def test_borders_do_not_depend_on_the_order_of_the_rows(seed, max_bins):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 60, 200) / 7
    weight = rng.gamma(0.5, size=200) + 1e-3
    shuffled = rng.permutation(200)
    np.testing.assert_array_equal(
        borders_of(values, weight, max_bins=max_bins),
        borders_of(values[shuffled], weight[shuffled], max_bins=max_bins),
    )


def too_frequent(mass, max_bins):
    """Which values hold more than a bin of what is not more frequent, one by one."""
    left, bins = mass.sum(), max_bins
    found = np.zeros(len(mass), dtype=bool)
    for i in np.argsort(-mass, kind="stable"):
        if mass[i] * bins <= left:
            break
        found[i] = True
        left, bins = left - mass[i], bins - 1
    return found


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
def test_quantiles_are_balanced(seed, max_bins):
    """Bins of several values are light but for the frequent value one may hold."""
    rng = np.random.default_rng(seed)
    m = int(rng.integers(max_bins + 1, 300))
    mass = rng.integers(1, int(rng.choice([2, 10, 1000])), m)
    mass[rng.random(m) < 0.03] *= 1000
    borders = quantile_borders(np.arange(m, dtype=np.float64), mass, max_bins)
    assert 1 <= len(borders) <= max_bins - 1
    assert (np.diff(borders) > 0).all()
    edges = np.concatenate(([0], np.floor(borders).astype(int) + 1, [m]))
    frequent = too_frequent(mass, max_bins)
    for start, end in pairwise(edges):
        inside = frequent[start:end]
        if not inside.any():
            share = mass[start:end].sum() * max_bins / mass.sum()
            assert end - start == 1 or share <= 3
        elif end - start > 1:
            assert start == 0 or frequent[start - 1]
            assert inside.tolist() == [False] * (end - start - 1) + [True]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(2, 255))
def test_quantiles_without_frequent_values_are_where_levels_are_reached(seed, max_bins):
    rng = np.random.default_rng(seed)
    mass = rng.integers(1, int(rng.choice([2, 3])), 2 * max_bins + 50)
    assert mass.max() * max_bins <= mass.sum()
    before, level, expected = 0, 1, []
    for value, own in enumerate(mass.tolist()):
        before += own
        while level < max_bins and before * max_bins >= level * int(mass.sum()):
            expected.append(value + 0.5)
            level += 1
    found = quantile_borders(np.arange(len(mass), dtype=np.float64), mass, max_bins)
    np.testing.assert_array_equal(found, expected)


def test_quantiles_use_all_bins_of_a_continuous_column():
    column = np.random.default_rng(0).standard_normal(5000)
    for max_bins in (2, 7, 100, 255):
        borders = borders_of(column, max_bins=max_bins)
        counts = np.bincount(bins_by_search(column, borders))
        assert len(counts) == max_bins
        assert counts.max() - counts.min() <= 1


def test_most_of_a_column_is_one_value():
    rng = np.random.default_rng(0)
    column = np.where(rng.random(20_000) < 0.9, 0.0, rng.standard_normal(20_000))
    borders = borders_of(column)
    assert len(borders) == 254
    counts = np.bincount(bins_by_search(column[column != 0], borders))
    assert counts.max() <= 2 * 2000 / 254


def test_the_unit_of_the_weights_does_not_matter():
    rng = np.random.default_rng(0)
    values, weight = rng.standard_normal(500), rng.gamma(0.5, size=500) + 1e-3
    expected = borders_of(values, weight, max_bins=30)
    for unit in (2.0**-70, 2.0**-9, 2.0**60):
        found = borders_of(values, weight * unit, max_bins=30)
        np.testing.assert_array_equal(found, expected)
    order = np.argsort(values)
    share = np.cumsum(weight[order]) / weight.sum()
    at_border = share[np.searchsorted(values[order], expected) - 1]
    np.testing.assert_allclose(np.diff(at_border), 1 / 30, atol=0.02)


def test_extreme_weights_do_not_overflow():
    values = np.arange(1000.0)
    for weight in (np.geomspace(1e-300, 1e300, 1000), np.geomspace(TINY, 1, 1000)):
        borders = borders_of(values, weight, max_bins=10)
        assert 1 <= len(borders) <= 9


# ---- sampling ---------------------------------------------------------------------


def test_sampled_rows_come_from_the_seed():
    x = np.random.default_rng(0).standard_normal((3000, 3))
    view = Bins(max_bins=20, subsample=500)
    borders = [Table(x, seed=seed).fitted(view).borders for seed in (1, 1, 2)]
    np.testing.assert_array_equal(borders[0], borders[1])
    assert not np.array_equal(borders[0], borders[2])
    sample = Table(x[row_keys.least_rows(1, 3000, 500)]).fitted(Bins(max_bins=20))
    np.testing.assert_array_equal(borders[0], sample.borders)


def test_sampled_weights_belong_to_the_sampled_rows():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3000, 1))
    weight = rng.gamma(0.3, size=3000) + 1e-6
    rows = row_keys.least_rows(1, 3000, 500)
    view = Bins(max_bins=20, subsample=500)
    np.testing.assert_array_equal(
        Table(x, weight=weight, seed=1).fitted(view).borders,
        Table(x[rows], weight=weight[rows]).fitted(Bins(max_bins=20)).borders,
    )


def test_a_sample_that_misses_all_values():
    column = np.full(5000, np.nan)
    column[:300] = np.arange(300)
    table = Table(column.reshape(-1, 1))
    view = Bins(subsample=2)
    assert table.fitted(view).n_bins[0] >= 1
    check_against_search(table, view)


# ---- bins -------------------------------------------------------------------------


def layouts(x):
    """The same values at every kind of stride."""
    wide = np.zeros((2 * x.shape[0], 3 * x.shape[1]), dtype=x.dtype)
    wide[::2, ::3] = x
    packed = np.zeros(x.shape[0], dtype=[("pad", "u1"), ("row", x.dtype, x.shape[1])])
    packed["row"] = x
    read_only = x.copy()
    read_only.setflags(write=False)
    return {
        "c": np.ascontiguousarray(x),
        "fortran": np.asfortranarray(x),
        "sliced": wide[::2, ::3],
        "fortran rows": np.asfortranarray(np.vstack([x, x]))[: len(x)],
        "reversed": np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
        "reversed fortran": np.asfortranarray(x[::-1])[::-1],
        "unaligned": packed["row"],
        "read-only": read_only,
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", [*layouts(np.zeros((1, 1))), "memmap"])
def test_every_layout_gives_the_same_bins(layout, dtype, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1500, 19)).astype(dtype)
    x[rng.random(x.shape) < 0.1] = np.nan
    x[:, 3] = rng.integers(0, 5, 1500)
    x[:, 4] = np.nan
    x[5:9, 5] = [INF, -INF, 0.0, -0.0]
    if layout == "memmap":
        np.save(tmp_path / "x.npy", x)
        given = np.load(tmp_path / "x.npy", mmap_mode="r")
    else:
        given = layouts(x)[layout]
    view = Bins(max_bins=50, subsample=700)
    expected = Table(x.astype(np.float64)).view(view)
    binned = check_against_search(Table(given), view)
    np.testing.assert_array_equal(binned.borders, expected.borders)
    np.testing.assert_array_equal(binned.columns, expected.columns)


@pytest.mark.parametrize("n_jobs", [1, 2, 3])
def test_threads_do_not_change_anything(n_jobs):
    x = np.random.default_rng(0).standard_normal((9000, 21)).astype(np.float32)
    x[:, ::4] = np.round(x[:, ::4])
    view = Bins(max_bins=64, subsample=4000)
    with threads(1):
        expected = Table(x).view(view)
    with threads(n_jobs):
        binned = check_against_search(Table(x), view)
    np.testing.assert_array_equal(binned.borders, expected.borders)
    np.testing.assert_array_equal(binned.columns, expected.columns)


@settings(deadline=None, max_examples=150)
@given(
    st.integers(1, 40),
    st.integers(1, 20),
    st.sampled_from([np.float32, np.float64]),
    st.integers(2, 12),
    st.booleans(),
    st.data(),
)
def test_bins_of_any_values(n, f, dtype, max_bins, weighted, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    pool = np.array(data.draw(st.lists(finite_or_not, min_size=1, max_size=25)))
    with np.errstate(over="ignore"):
        x = np.append(pool, np.nan).astype(dtype)[
            rng.integers(0, len(pool) + 1, (n, f))
        ]
    weight = rng.gamma(1, size=n) + 1e-9 if weighted else None
    table = Table(x, weight=weight)
    view = Bins(max_bins=max_bins, subsample=data.draw(st.integers(1, 60)))
    binned = check_against_search(table, view)
    for j in range(f):
        present = x[~np.isnan(x[:, j]), j]
        assert (binned.n_bins[j] == 0) == (len(present) == 0)
        if 0 < len(np.unique(present)) <= max_bins:
            assert binned.n_bins[j] == len(np.unique(present))


def test_new_rows_fall_into_the_bins_of_the_reference():
    training = Table(np.array([[1.0], [2.0], [3.0]]))
    rows = np.array([[-INF], [1.5], [1.6], [9.0], [INF], [np.nan]])
    binned = Table(rows, reference=training).view(Bins())
    np.testing.assert_array_equal(binned.columns, [[0, 0, 1, 2, 2, 255]])
    np.testing.assert_array_equal(binned.n_bins, [3])


def test_views_are_read_only():
    binned = Table(np.eye(3)).view(Bins())
    arrays = [getattr(binned, name) for name in ("columns", "n_bins", "borders")]
    for array in (*arrays, binned.offsets, binned.tiles().codes):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


# ---- bad input --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"max_bins": 1}, ValueError, "max_bins is 1; give an integer from 2 to 255"),
        ({"max_bins": 256}, ValueError, "max_bins is 256"),
        ({"max_bins": 10.0}, TypeError, "max_bins is 10.0; give an integer"),
        ({"max_bins": True}, TypeError, "max_bins is True"),
        ({"subsample": 0}, ValueError, "subsample is 0; give an integer of at least 1"),
        ({"subsample": None}, TypeError, "subsample is None"),
    ],
)
def test_parameters_out_of_range(parameters, error, message):
    with pytest.raises(error, match=message):
        Bins(**parameters)


def test_borders_of_another_table():
    borders = Table(np.eye(3)).fitted(Bins())
    with pytest.raises(ValueError, match="3 features and the table has 2"):
        Bins().apply(borders, Table(np.eye(2)))


# ---- category codes ---------------------------------------------------------------


def coded(*codes, **parameters):
    """A table of one categorical feature."""
    x = np.array(codes, dtype=np.float64).reshape(-1, 1)
    return Table(x, categorical=[True], **parameters)


def test_the_bin_of_a_code_is_the_code():
    table = coded(3, 0, np.nan, 7, 3)
    for view in (Bins(), Bins(max_bins=2)):
        binned = table.view(view)
        assert binned.columns[0].tolist() == [3, 0, 255, 7, 3]
        assert binned.borders.tolist() == [c + 0.5 for c in range(8)]
        assert binned.n_bins.tolist() == [9]
        other = coded(5, 8, 9, 200, np.nan, reference=table).view(view)
        assert other.columns[0].tolist() == [5, 8, 8, 8, 255]


def test_as_many_codes_as_bins():
    everything = coded(*range(255)).view(Bins())
    assert everything.columns[0].tolist() == list(range(255))
    assert everything.n_bins[0] == 255
    assert coded(254).view(Bins()).columns[0, 0] == 254
    assert coded(253).view(Bins()).n_bins[0] == 255
    assert coded(np.nan).view(Bins()).n_bins[0] == 0
    assert coded(-0.0).view(Bins()).columns[0, 0] == 0


def test_rare_codes_count_whatever_is_sampled():
    codes = np.zeros(5000)
    codes[1234] = 200
    binned = coded(*codes).view(Bins(subsample=10))
    np.testing.assert_array_equal(binned.columns[0], codes)


@pytest.mark.parametrize("wrong", [-1, 0.5, 255, 1e300, INF, -INF])
def test_codes_are_whole_numbers_of_one_byte(wrong):
    with pytest.raises(ValueError, match=r"categorical feature x0 .* from 0 to 254"):
        coded(0, wrong).view(Bins())
    with pytest.raises(ValueError, match="categorical feature x0"):
        coded(*range(300)).view(Bins())


def test_other_features_of_the_table_stay_numeric():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.integers(0, 9, 400), rng.standard_normal(400)] * 6)
    both = Table(x, categorical=[True, False] * 6).view(Bins(max_bins=50))
    numeric = Table(x).view(Bins(max_bins=50))
    np.testing.assert_array_equal(both.columns, numeric.columns)
