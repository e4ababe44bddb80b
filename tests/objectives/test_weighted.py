"""Weighted statistics: hand-computed, and weight 2 as the row twice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boostlab.objectives.weighted import (
    rows_by_cell,
    weighted_mean,
    weighted_quantile,
)

values_and_copies = st.lists(
    st.tuples(st.integers(-5, 5), st.integers(1, 4)), min_size=1, max_size=12
)
levels = st.sampled_from([0.1, 0.25, 0.3, 0.5, 0.6, 0.75, 0.9])


@pytest.mark.parametrize(
    ("values", "weight", "level", "expected"),
    [
        ([3.0, 1.0, 2.0], [1, 1, 1], 0.5, 2.0),
        ([1.0, 2.0, 3.0, 10.0], [1, 1, 1, 1], 0.5, 2.5),
        ([1.0, 2.0, 3.0, 10.0], [1, 1, 1, 3], 0.5, 6.5),
        ([1.0, 2.0, 3.0, 10.0], [1, 1, 1, 4], 0.5, 10.0),
        ([1.0, 2.0], [0.1, 0.3], 0.25, 1.5),
        ([1.0, 2.0], [0.1, 0.3], 0.26, 2.0),
        ([7.0], [0.2], 0.9, 7.0),
        ([0.0, 1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1, 1], 0.2, 0.5),
        ([0.0, 1.0, 2.0, 3.0, 4.0], [1, 1, 1, 1, 1], 0.9, 4.0),
    ],
)
def test_quantiles_by_hand(values, weight, level, expected):
    found = weighted_quantile(np.array(values), np.array(weight, float), level)
    assert found == expected


@given(values_and_copies, levels)
@settings(deadline=None)
def test_weight_two_is_the_row_twice(rows, level):
    values, copies = np.array(rows, float).T
    repeated = np.repeat(values, copies.astype(int))
    ones = np.ones(len(repeated))
    assert weighted_quantile(values, copies, level) == weighted_quantile(
        repeated, ones, level
    )
    assert weighted_mean(values, copies) == pytest.approx(
        weighted_mean(repeated, ones), rel=1e-13, abs=1e-13
    )


@given(values_and_copies, levels, st.sampled_from([0.1, 1 / 3, 7.0, 1e-9]))
@settings(deadline=None)
def test_the_unit_of_weight_does_not_matter(rows, level, unit):
    values, copies = np.array(rows, float).T
    assert weighted_quantile(values, unit * copies, level) == weighted_quantile(
        values, copies, level
    )


@given(values_and_copies, levels)
@settings(deadline=None)
def test_no_value_has_a_lower_pinball_loss(rows, level):
    values, weight = np.array(rows, float).T

    def loss(point):
        error = point - values
        return weight @ np.maximum(-level * error, (1 - level) * error)

    best = loss(weighted_quantile(values, weight, level))
    assert best <= min(loss(v) for v in values) + 1e-9


@given(values_and_copies)
@settings(deadline=None)
def test_the_median_is_symmetric(rows):
    values, weight = np.array(rows, float).T
    assert weighted_quantile(-values, weight, 0.5) == -weighted_quantile(
        values, weight, 0.5
    )


def test_the_median_equals_numpys_on_equal_weights():
    rng = np.random.default_rng(0)
    for n in range(1, 30):
        values = rng.normal(size=n)
        for weight in (1.0, 0.1):
            found = weighted_quantile(values, np.full(n, weight), 0.5)
            assert found == pytest.approx(np.median(values), rel=1e-15)


def test_the_mean_of_equal_values_is_that_value_exactly():
    weight = np.random.default_rng(0).uniform(0.1, 2.0, 1001)
    assert weighted_mean(np.full(1001, 0.1), weight) == 0.1


@pytest.mark.parametrize("shape", ["normal", "sorted", "ties", "one heavy row"])
@pytest.mark.parametrize("level", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_many_values_give_what_sorting_all_of_them_gives(shape, level):
    rng = np.random.default_rng(4)
    values = rng.normal(size=20_000)
    weight = rng.integers(1, 5, 20_000).astype(float)
    if shape == "sorted":
        values = np.sort(values)
        weight = np.where(np.arange(20_000) % 9 == 0, 1000.0, weight)
    elif shape == "ties":
        values = values.round()
    elif shape == "one heavy row":
        weight[7] = 1e6
    found = weighted_quantile(values, weight, level)
    everything = np.repeat(np.sort(values), weight[np.argsort(values)].astype(int))
    expected = weighted_quantile(everything, np.ones(len(everything)), level)
    assert found == expected


def test_huge_values_do_not_overflow():
    values = np.array([1.7e308, 1.6e308])
    assert weighted_quantile(values, np.ones(2), 0.5) == pytest.approx(1.65e308)


@pytest.mark.parametrize("n_cells", [5, 70_000])
def test_rows_of_a_cell_ascend_and_empty_cells_are_there(n_cells):
    ids = np.array([4, 0, 4, 2, 0], np.int32)
    rows = rows_by_cell(ids, n_cells)
    assert len(rows) == n_cells
    assert [r.tolist() for r in rows[:5]] == [[1, 4], [], [3], [], [0, 2]]
