"""Tweedie distributions beyond the battery."""

import numpy as np
import pytest
import scipy.stats

from boostlab.distributions import Tweedie
from boostlab.distributions.tweedie_information import (
    information_by_quadrature,
    power_information,
)


def compound(y, mu, phi, power):
    """Return density and cdf as sums over the number of gamma variables."""
    lam = mu ** (2 - power) / phi / (2 - power)
    alpha, tau = (2 - power) / (power - 1), phi * (power - 1) * mu ** (power - 1)
    j = np.arange(1, 3000)[:, None]
    weight = scipy.stats.poisson.pmf(j, lam)
    density = np.sum(weight * scipy.stats.gamma.pdf(y, j * alpha, scale=tau), axis=0)
    cdf = np.sum(weight * scipy.stats.gamma.cdf(y, j * alpha, scale=tau), axis=0)
    return density, np.exp(-lam) + cdf


@pytest.mark.parametrize("power", [1.05, 1.5, 1.95])
@pytest.mark.parametrize("phi", [0.01, 0.3, 5.0])
def test_density_and_cdf_are_sums(power, phi):
    y = np.array([1e-4, 0.1, 1.0, 1.9, 2.2, 10.0])
    family = Tweedie(power)
    raw = family.raw_parameters(mu=np.full(6, 2.0), phi=np.full(6, phi))
    density, cdf = compound(y, 2.0, phi, power)
    np.testing.assert_allclose(np.exp(family.log_density(y, raw)), density, 1e-8, 1e-13)
    np.testing.assert_allclose(family.cdf(y, raw), cdf, 1e-8, 1e-13)
    np.testing.assert_allclose(family.sf(y, raw), 1 - cdf, atol=1e-9)


def test_zero_has_a_probability():
    family = Tweedie(1.5)
    raw = family.raw_parameters(mu=np.ones(3), phi=np.full(3, 2.0))
    assert np.exp(family.log_density(np.zeros(3), raw))[0] == pytest.approx(np.exp(-1))
    assert family.cdf(np.array([0.0, -1.0, np.inf]), raw) == pytest.approx(
        [np.exp(-1), 0, 1]
    )
    q = family.quantile(np.array([0.1, 0.36, 0.5]), raw)
    assert q[0] == q[1] == 0 < q[2]
    y = np.array([0.0, 0.0, 1.0])
    assert np.isneginf(family.log_density(-np.ones(3), raw)).all()
    draws = family.sample(np.repeat(raw[:1], 20000, 0), np.random.default_rng(0))
    assert np.mean(draws == 0) == pytest.approx(np.exp(-1), abs=0.02)
    assert np.isfinite(family.log_score_gradient(y, raw)).all()


@pytest.mark.parametrize("power", [1.1, 1.5, 1.9])
def test_series_and_saddlepoint_meet(power):
    """Around the size at which one takes over from the other nothing jumps."""
    family = Tweedie(power)
    log_phi = np.linspace(-14, -8, 400)
    raw = np.column_stack([np.zeros(400), log_phi])
    y = 1 + 0.5 * np.exp(log_phi / 2)
    # What is left after the normal density is small, and so are its changes.
    rest = family.log_density(y, raw) + 0.5 * log_phi
    assert np.max(np.abs(np.diff(rest))) < 1e-3
    slope = family.log_score_gradient(y, raw)[:, 1]
    assert np.max(np.abs(np.diff(slope))) < 1e-3


def test_interpolated_information():
    log_lam, place = np.array([-3.2, 0.3, 4.1, 7.7]), np.array([0.3, -1.1, 0.0, 1.7])
    power = Tweedie(None).natural_parameters(
        np.column_stack([log_lam, log_lam, place])
    )["power"]
    given = np.stack(power_information(log_lam, place), axis=1)
    for i in range(4):
        exact = information_by_quadrature(log_lam[i], power[i])
        np.testing.assert_allclose(
            given[i], [exact[0, 0], exact[0, 1], exact[1, 1]], rtol=2e-2
        )


def test_a_free_power_is_found():
    rng = np.random.default_rng(0)
    family = Tweedie(power=None)
    truth = family.raw_parameters(mu=[3.0], phi=[1.5], power=[1.7])
    y = family.sample(np.repeat(truth, 5000, 0), rng)
    raw = family.marginal(y, np.ones(len(y)))
    found = family.natural_parameters(raw[None])
    assert found["power"][0] == pytest.approx(1.7, abs=0.05)
    assert found["mu"][0] == pytest.approx(y.mean(), rel=1e-3)


def test_the_power_has_limits():
    for power in (1.0, 2.0, 0.5):
        with pytest.raises(ValueError, match="power"):
            Tweedie(power).validate()
    Tweedie(None).validate()
