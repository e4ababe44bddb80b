import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from boostlab.sweeps.statistics import bootstrap, pareto, ranks

losses = arrays(
    np.float64,
    st.tuples(st.integers(1, 8), st.integers(1, 6)),
    elements=st.floats(-1e6, 1e6) | st.just(float("nan")) | st.sampled_from([0.0, 1.0]),
)


def test_ranks_by_hand():
    table = np.array([[0.3, 0.1, 0.2], [5.0, 5.0, 4.0], [np.nan, 2.0, np.nan]])
    expected = [[3, 1, 2], [2.5, 2.5, 1], [2.5, 1, 2.5]]
    np.testing.assert_array_equal(ranks(table), expected)


@given(losses)
def test_ranks_of_a_table_always_sum_to_the_same(table):
    n_methods = table.shape[1]
    expected = n_methods * (n_methods + 1) / 2
    np.testing.assert_allclose(ranks(table).sum(axis=1), expected)


@given(losses, st.randoms(use_true_random=False))
def test_ranks_follow_their_methods(table, random):
    order = list(range(table.shape[1]))
    random.shuffle(order)
    np.testing.assert_array_equal(ranks(table[:, order]), ranks(table)[:, order])


@given(losses)
def test_ranks_see_order_only(table):
    # An increasing map that keeps ties: tables are ranked one by one and by order.
    _, codes = np.unique(table, return_inverse=True, equal_nan=True)
    mapped = np.where(np.isnan(table), np.nan, codes.reshape(table.shape) * 7.0 - 3)
    np.testing.assert_array_equal(ranks(mapped), ranks(table))


@given(losses)
def test_a_failed_method_is_never_before_a_finished_one(table):
    placed = ranks(table)
    for row, place in zip(table, placed, strict=True):
        failed = np.isnan(row)
        if failed.any() and not failed.all():
            assert place[failed].min() > place[~failed].max()


def test_bootstrap_is_the_mean_with_ends_around_it():
    rng = np.random.default_rng(0)
    values = rng.normal([0, 5, -5], 1, size=(40, 3))
    intervals = bootstrap(values)
    for column, interval in zip(values.T, intervals, strict=True):
        assert interval.mean == pytest.approx(column.mean())
        assert interval.low < interval.mean < interval.high
        # The normal approximation is good at 40 values.
        width = 2 * 1.96 * column.std(ddof=1) / np.sqrt(40)
        assert interval.high - interval.low == pytest.approx(width, rel=0.15)


def test_bootstrap_of_constants_has_no_width():
    (interval,) = bootstrap(np.full((10, 1), 3.0))
    assert (interval.mean, interval.low, interval.high) == pytest.approx((3, 3, 3))


def test_bootstrap_is_reproducible():
    values = np.random.default_rng(1).normal(size=(9, 2))
    assert bootstrap(values) == bootstrap(values)


@pytest.mark.parametrize("n_datasets", [1, 2])
def test_two_datasets_give_no_interval(n_datasets):
    (interval,) = bootstrap(np.arange(float(n_datasets))[:, None])
    assert interval.low is None
    assert interval.high is None


def test_bootstrap_without_datasets_has_no_mean():
    (interval,) = bootstrap(np.empty((0, 1)))
    assert np.isnan(interval.mean)


def test_pareto_by_hand():
    cost = [1, 2, 3, 2, 1]
    loss = [5, 3, 1, 4, 5]
    np.testing.assert_array_equal(pareto(cost, loss), [True, True, True, False, True])
