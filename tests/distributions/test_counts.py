"""Families of counts beyond the battery: quantiles and far tails."""

import numpy as np
import pytest
import scipy.stats

from boostlab.distributions import Poisson
from boostlab.distributions.counts import count_quantile


@pytest.mark.parametrize("mean", [1e-8, 0.3, 7.0, 1e4, 1e6])
def test_quantiles_of_any_size(mean):
    p = np.array([0.0, 1e-9, 0.3, 0.5, 0.999, 1 - 1e-12, 1.0])
    raw = np.full((7, 1), np.log(mean))
    given = Poisson().quantile(p, raw)
    assert given[0] == 0
    assert given[-1] == np.inf
    expected = scipy.stats.poisson.ppf(p[1:-1], np.exp(raw[1:-1, 0]))
    np.testing.assert_allclose(given[1:-1], expected, rtol=1e-15)


def test_quantiles_where_numbers_are_sparse():
    p = np.array([0.01, 0.5, 0.99])
    for log_mean in (35.0, 60.0, 500.0):
        raw = np.full((3, 1), log_mean)
        given = Poisson().quantile(p, raw)
        assert np.all(np.isfinite(given))
        np.testing.assert_allclose(given, np.exp(log_mean), rtol=1e-6)


def test_a_bad_guess_only_costs_time():
    p = np.full(3, 0.5)
    mean = np.array([0.0, 1e6, 1e-300])
    found = count_quantile(p, lambda x: scipy.stats.poisson.cdf(x, 1000.0), mean, mean)
    assert found.tolist() == [1000.0] * 3


@pytest.mark.parametrize(("mean", "count"), [(2.0, 400), (1e3, 3e3), (1e6, 1.1e6)])
def test_upper_tail_that_underflows(mean, count):
    raw = np.array([[np.log(mean)]])
    given = Poisson().log_sf(np.array([count]), raw)[0]
    # The sum of the next 20000 probabilities, in logarithms.
    terms = scipy.stats.poisson.logpmf(count + 1 + np.arange(20000), mean)
    assert given == pytest.approx(np.logaddexp.reduce(terms), rel=1e-9)
    assert given < -650


@pytest.mark.parametrize(("mean", "count"), [(1e3, 20), (1e6, 9e5), (1e4, 0)])
def test_lower_tail_that_underflows(mean, count):
    raw = np.array([[np.log(mean)]])
    given = Poisson().log_cdf(np.array([float(count)]), raw)[0]
    down = np.arange(max(count - 20000, 0), count + 1)
    terms = scipy.stats.poisson.logpmf(down, mean)
    assert given == pytest.approx(np.logaddexp.reduce(terms), rel=1e-9)
    assert given < -650


def test_what_is_no_count_has_no_probability():
    raw = np.zeros((3, 1))
    assert np.isneginf(Poisson().log_density(np.array([-1.0, 0.5, np.inf]), raw)).all()
    assert Poisson().cdf(np.array([-3.0, -0.5, np.inf]), raw).tolist() == [0, 0, 1]
    assert Poisson().sample(np.array([[60.0]]), np.random.default_rng(0)) > 1e25
