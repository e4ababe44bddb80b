"""The zero-inflated Poisson distribution beyond the battery."""

import numpy as np
import pytest
import scipy.stats

from boostlab.distributions import Poisson, ZeroInflatedPoisson

FAMILY = ZeroInflatedPoisson()


def test_probabilities_by_hand():
    raw = FAMILY.raw_parameters(pi=np.full(3, 0.3), mu=np.full(3, 2.0))
    y = np.array([0.0, 1.0, 5.0])
    expected = 0.7 * scipy.stats.poisson.pmf(y, 2.0) + 0.3 * (y == 0)
    np.testing.assert_allclose(np.exp(FAMILY.log_density(y, raw)), expected)
    expected = 0.7 * scipy.stats.poisson.cdf(y, 2.0) + 0.3
    np.testing.assert_allclose(FAMILY.cdf(y, raw), expected)
    np.testing.assert_allclose(FAMILY.mean(raw), 1.4)


def test_without_additional_zeros_it_is_poisson():
    y = np.array([0.0, 1.0, 4.0, 30.0])
    log_mu = np.log([0.2, 1.0, 5.0, 25.0])
    raw = np.column_stack([np.full(4, -40.0), log_mu])
    for method in ("log_density", "cdf", "crps", "log_sf", "log_cdf"):
        np.testing.assert_allclose(
            getattr(FAMILY, method)(y, raw),
            getattr(Poisson(), method)(y, log_mu[:, None]),
            rtol=1e-10,
        )


def test_the_marginal_fit_finds_the_additional_zeros():
    rng = np.random.default_rng(0)
    y = FAMILY.sample(np.tile([[0.5, 1.0]], (20000, 1)), rng)
    raw = FAMILY.marginal(y, np.ones(len(y)))
    np.testing.assert_allclose(raw, [0.5, 1.0], atol=0.05)


@pytest.mark.parametrize("mu", [1e-12, 1e-3, 50.0, 1e8])
def test_extreme_means_are_finite(mu):
    raw = FAMILY.raw_parameters(pi=np.array([1e-9, 0.5, 1 - 1e-9]), mu=np.full(3, mu))
    for y in (np.zeros(3), np.full(3, 3.0), np.full(3, 1e9)):
        assert np.isfinite(FAMILY.log_density(y, raw)).all()
        assert np.isfinite(FAMILY.log_score_gradient(y, raw)).all()
        assert np.isfinite(FAMILY.crps(y, raw)).all()
