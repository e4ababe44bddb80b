"""Formulas that the published NGBoost code has wrong, against quadrature.

The battery checks ours too; here each defect has a test with its own name, with values
that share nothing with the library but the cdf of SciPy.
"""

import itertools

import numpy as np
import pytest
import scipy.stats
from scipy.integrate import quad

from boostlab.distributions import (
    CRPS,
    Cauchy,
    Exponential,
    Laplace,
    LogNormal,
    LogScore,
    Normal,
)

STEP = 1e-4
LEVELS = np.array([1e-13, 1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999, 1 - 1e-6, 1 - 1e-13])


def crps(frozen, y):
    """Return the CRPS by quadrature."""
    return crps_below(frozen, y) + crps_above(frozen, y)


def crps_below(frozen, y):
    """Return the integral of the squared cdf up to y."""
    return integral(lambda x: frozen.cdf(x) ** 2, frozen.ppf(LEVELS), -np.inf, y)


def crps_above(frozen, y):
    """Return the integral of the squared survival function from y on."""
    return integral(lambda x: frozen.sf(x) ** 2, frozen.ppf(LEVELS), y, np.inf)


def integral(function, knots, low, high):
    """Return the integral from low to high, as far as the knots reach."""
    edges = np.unique([np.clip(knots[0], low, high), np.clip(knots[-1], low, high)])
    edges = np.unique([*edges, *knots[(knots > edges[0]) & (knots < edges[-1])]])
    return sum(
        quad(function, a, b, epsabs=1e-13, epsrel=1e-12, limit=200)[0]
        for a, b in itertools.pairwise(edges)
    )


def slope(function, at):
    return (function(at + STEP) - function(at - STEP)) / (2 * STEP)


def crps_information(family_of, first, second):
    """Return ``2 integral dF/dfirst dF/dsecond`` of parameters given by their names.

    `family_of` takes changes of the parameters by name. The nodes are quantiles that
    are normal, for which the trapezoidal rule is nearly exact.
    """
    u = np.linspace(-8, 8, 4000)
    x = family_of().ppf(scipy.stats.norm.cdf(u))
    width = scipy.stats.norm.pdf(u) / family_of().pdf(x) * (u[1] - u[0])
    slopes = [
        slope(lambda t, name=name: family_of(**{name: t}).cdf(x), 0.0)
        for name in (first, second)
    ]
    return 2 * np.sum(width * slopes[0] * slopes[1])


def fisher_information(family_of, at):
    """Return the Fisher information of one parameter by quadrature over the cdf."""

    def squared(p):
        x = family_of(at).ppf(p)
        return slope(lambda t: family_of(t).logpdf(x), at) ** 2

    return quad(squared, 1e-9, 1 - 1e-9, limit=200)[0]


def test_laplace_crps_has_its_slope_by_the_scale():
    raw, y = np.array([[0.5, 0.3]]), 2.0
    expected = slope(lambda t: crps(scipy.stats.laplace(0.5, np.exp(t)), y), 0.3)
    given = Laplace().crps_gradient(np.array([y]), raw)[0, 1]
    assert given == pytest.approx(expected, rel=1e-5)


def test_normal_crps_metric_has_the_unit_of_the_target():
    def moved(loc=0.0, log_scale=0.0):
        return scipy.stats.norm(0.5 + loc, np.exp(1.2 + log_scale))

    expected = [crps_information(moved, name, name) for name in ("loc", "log_scale")]
    given = Normal().crps_metric(np.array([[0.5, 1.2]]))[0]
    np.testing.assert_allclose(given, expected, rtol=1e-5)


def test_cauchy_scale_information_does_not_depend_on_the_unit():
    for log_scale in (0.0, 3.0):
        expected = fisher_information(
            lambda t: scipy.stats.cauchy(0.0, np.exp(t)), log_scale
        )
        given = Cauchy().fisher(np.array([[0.0, log_scale]]))[0, 1]
        assert given == pytest.approx(expected, rel=1e-5)
        assert given == 0.5


def test_exponential_crps_of_observed_and_of_censored_targets():
    family, raw = Exponential(), np.array([[0.7]])
    y = 1.3

    def whole(t):
        return crps(scipy.stats.expon(scale=np.exp(t)), y)

    def censored(t):
        return crps_below(scipy.stats.expon(scale=np.exp(t)), y)

    observed, right = np.array([[y, y]]), np.array([[y, np.inf]])
    for target, expected in ((observed, whole), (right, censored)):
        given = CRPS().values(family, target, raw)[0]
        assert given == pytest.approx(expected(0.7), rel=1e-8)
        gradient = CRPS().gradient(family, target, raw)[0, 0]
        assert gradient == pytest.approx(slope(expected, 0.7), rel=1e-5)


def _log_normal(mu, log_s):
    return scipy.stats.lognorm(s=np.exp(log_s), scale=np.exp(mu))


def test_log_normal_log_score_of_a_censored_target_has_its_slopes():
    mu, log_s, y = 0.4, np.log(1.6), 3.0
    gradient = LogScore().gradient(
        LogNormal(), np.array([[y, np.inf]]), np.array([[mu, log_s]])
    )[0]
    by_mu = slope(lambda t: -_log_normal(t, log_s).logsf(y), mu)
    by_log_s = slope(lambda t: -_log_normal(mu, t).logsf(y), log_s)
    np.testing.assert_allclose(gradient, [by_mu, by_log_s], rtol=1e-6)


def test_log_normal_crps_of_a_censored_target_has_its_slopes():
    mu, log_s, y = 0.4, np.log(1.6), 3.0
    target, raw = np.array([[y, np.inf]]), np.array([[mu, log_s]])
    value = crps_below(_log_normal(mu, log_s), y)
    assert CRPS().values(LogNormal(), target, raw)[0] == pytest.approx(value, rel=1e-8)
    by_mu = slope(lambda t: crps_below(_log_normal(t, log_s), y), mu)
    by_log_s = slope(lambda t: crps_below(_log_normal(mu, t), y), log_s)
    gradient = CRPS().gradient(LogNormal(), target, raw)[0]
    np.testing.assert_allclose(gradient, [by_mu, by_log_s], rtol=1e-5)


def test_log_normal_crps_metric_has_the_unit_of_the_target():
    def moved(mu=0.0, log_s=0.0):
        return _log_normal(1.2 + mu, -0.6 + log_s)

    pairs = (("mu", "mu"), ("mu", "log_s"), ("log_s", "log_s"))
    expected = [crps_information(moved, *pair) for pair in pairs]
    metric = LogNormal().crps_metric(np.array([[1.2, -0.6]]))[0]
    np.testing.assert_allclose(metric[[0, 0, 1], [0, 1, 1]], expected, rtol=1e-5)
