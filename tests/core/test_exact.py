"""Sums of doubles that depend on no order."""

from fractions import Fraction

import core_calls
import numpy as np
import pytest

from boostlab import _core
from boostlab.reduce import group_sums

SIZES = (0, 1, 7, 8, 9, 4095, 16_384, 16_385, 100_003)


@pytest.fixture(params=core_calls.present_tiers())
def tier(request):
    with core_calls.tier(request.param):
        yield


def summed(values, groups=None, n_groups=1, scale=4.0, n_threads=1):
    sums = np.zeros((n_groups, 2), np.int64)
    _core.exact_sums(values, groups, scale, sums, n_threads)
    return sums


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_greatest(n_threads):
    rng = np.random.default_rng(0)
    for n in SIZES:
        values = rng.standard_normal(n) * 10.0 ** rng.integers(-300, 300, n)
        expected = np.abs(values).max(initial=0.0)
        assert _core.greatest(values, n_threads) == expected
        for special in (np.inf, -np.inf, np.nan):
            if n:
                other = values.copy()
                other[rng.integers(n)] = special
                found = _core.greatest(other, n_threads)
                np.testing.assert_equal(found, abs(special))
        if n > 1:  # beside infinity, NaN is still seen
            other = values.copy()
            other[[0, n - 1]] = np.nan, np.inf
            assert np.isnan(_core.greatest(other, n_threads))
            assert np.isnan(_core.greatest(other[::-1].copy(), n_threads))


def test_sums_are_those_of_the_rounded_values(tier):
    """By fractions: 35 bits of the greatest, and 35 of what remains."""
    rng = np.random.default_rng(1)
    values = rng.standard_normal(500) * 10.0 ** rng.integers(-25, 1, 500)
    scale = 2.0 ** (35 - np.frexp(np.abs(values).max())[1])
    high = low = 0
    for value in values:
        exact = Fraction(value) * Fraction(scale)
        nearest = round(exact)
        high, low = high + nearest, low + round((exact - nearest) * 2**35)
    assert summed(values, scale=scale).tolist() == [[high, low]]


def test_every_order_number_of_threads_and_grouping_has_the_same_sums(tier):
    rng = np.random.default_rng(2)
    for n in SIZES:
        values = rng.standard_normal(n)
        groups, scale = rng.integers(0, 5, n), 2.0**31
        expected = summed(values, scale=scale)
        order = rng.permutation(n)
        for n_threads in (1, 2, 5, 200):
            found = summed(values[order], scale=scale, n_threads=n_threads)
            np.testing.assert_array_equal(found, expected)
        by_group = summed(values, groups, 5, scale)
        np.testing.assert_array_equal(by_group.sum(axis=0, keepdims=True), expected)
        for group in range(5):
            own = summed(values[groups == group], scale=scale)
            np.testing.assert_array_equal(by_group[[group]], own)


def test_sums_are_added_to_what_is_there():
    values, sums = np.ones(10), np.array([[5, 7]])
    _core.exact_sums(values, None, 2.0, sums, 1)
    assert sums.tolist() == [[25, 7]]


@pytest.mark.parametrize("size", [1e-320, 1e-300, 1e-9, 1.0, 1e300])
def test_the_total_is_that_of_the_two_sums(tier, size):
    rng = np.random.default_rng(4)
    for n in SIZES:
        values = size * rng.standard_normal(n)
        expected = group_sums(np.zeros(n, dtype=np.int64), values, 1)[0]
        for n_threads in (1, 3):
            assert _core.total(values, n_threads) == expected


def test_totals_that_are_not_finite():
    for values, expected in (
        ([1.0, np.inf], np.inf),
        ([-np.inf, 5.0], -np.inf),
        ([np.inf, -np.inf], np.nan),
        ([1.0, np.nan, np.inf], np.nan),
        ([1.0] * 40_000 + [np.nan], np.nan),
    ):
        np.testing.assert_equal(_core.total(np.array(values), 2), expected)
