"""The negative binomial distribution beyond the battery."""

import numpy as np
import pytest
import scipy.stats

from boostlab.distributions import NegativeBinomial, Poisson
from boostlab.distributions.negative_binomial_integrals import (
    mean_gap,
    rank_metric,
    size_information,
)


@pytest.mark.parametrize(
    ("mu", "n"), [(0.1, 5.0), (3.0, 0.05), (30.0, 1e3), (2.0, 1e6), (500.0, 2.0)]
)
def test_information_of_the_size_is_fishers_series(mu, n):
    q = mu / (n + mu)
    total, term = 0.0, q / n
    for j in range(2, 200_000):
        term *= q * (j - 1) / (n + j - 1)
        total += term / j
        if term < 1e-18 * total:
            break
    given = size_information(np.array([mu]), np.array([n]))[0]
    assert given == pytest.approx(n**2 * total, rel=1e-5)


@pytest.mark.parametrize(("mu", "n"), [(0.1, 5.0), (3.0, 0.3), (30.0, 1e6), (9.0, 9.0)])
def test_mean_gap_is_its_sum(mu, n):
    cdf = scipy.stats.nbinom.cdf(np.arange(5000), n, n / (n + mu))
    gap = mean_gap(np.array([mu]), np.array([n]))[0]
    assert gap == pytest.approx(2 * np.sum(cdf * (1 - cdf)), rel=1e-6)


def test_a_large_size_is_poisson():
    y = np.array([0.0, 1.0, 4.0, 9.0, 30.0])
    log_mu = np.log([0.2, 1.0, 5.0, 12.0, 25.0])
    raw, poisson = np.column_stack([log_mu, np.full(5, 21.0)]), log_mu[:, None]
    family, limit = NegativeBinomial(), Poisson()
    for method in ("log_density", "cdf", "crps", "log_sf"):
        given = getattr(family, method)(y, raw)
        expected = getattr(limit, method)(y, poisson)
        np.testing.assert_allclose(given, expected, rtol=1e-6)
    for method in ("log_score_gradient", "crps_gradient"):
        given = getattr(family, method)(y, raw)[:, 0]
        expected = getattr(limit, method)(y, poisson)[:, 0]
        np.testing.assert_allclose(given, expected, rtol=1e-5)
    metric = rank_metric(np.exp(log_mu), np.exp(raw[:, 1]))
    np.testing.assert_allclose(
        metric[:, 0, 0], limit.crps_metric(poisson)[:, 0], rtol=1e-5
    )


def test_the_slope_by_the_size_keeps_its_digits():
    # At a mean of 5 and y = 7 the slope tends to ((y - mu)^2 - y)/(2 n).
    for log_n in (10.0, 20.0, 30.0):
        raw = np.array([[np.log(5.0), log_n]])
        slope = -NegativeBinomial().log_score_gradient(np.array([7.0]), raw)[0, 1]
        assert slope * np.exp(log_n) == pytest.approx((7 - 4) / 2, rel=1e-3)


def test_more_variance_than_poisson_is_found():
    rng = np.random.default_rng(0)
    family = NegativeBinomial()
    y = family.sample(np.tile(np.log([6.0, 1.5]), (20000, 1)), rng)
    raw = family.marginal(y, np.ones(len(y)))
    np.testing.assert_allclose(raw, np.log([6.0, 1.5]), atol=0.05)
