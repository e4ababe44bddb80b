"""The gamma distribution."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import (
    betaln,
    gammainc,
    gammaincc,
    gammaincinv,
    log_expit,
    polygamma,
)

from boostlab.distributions.arrays import columns, symmetric
from boostlab.distributions.base import Distribution
from boostlab.distributions.censoring import is_censored
from boostlab.distributions.fused import FusedScore
from boostlab.distributions.incomplete import (
    bounded_shape,
    digamma_rest,
    exp_rest,
    log_gamma_cdf,
    log_gamma_kernel,
    log_gamma_sf,
    shape_step,
    slope_by_log,
    trigamma_rest,
)
from boostlab.distributions.moments import SMALLEST, floored, weighted_moments
from boostlab.distributions.positive import log_targets, positive_only
from boostlab.distributions.supports import LOG_LIMIT, safe_exp
from boostlab.registry import register

Array = NDArray[np.float64]

_MOST = -2.0 * np.log(SMALLEST)
"""Log of the shape of targets whose relative spread is 1e-10."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
_SMALL, _LARGE = 1e-6, 1e5
"""Shapes beyond which the metric of the CRPS is taken from its expansion."""


@register("distribution:gamma")
class Gamma(Distribution):
    r"""Gamma with raw parameters log a, the shape, and log b, the scale; ``x = y/b``.

    .. math:: -\log p(y) = \log\Gamma(a) + \log y - a \log x + x

    Log score, with the digamma function psi: gradient ``(a (psi(a) - log x), a - x)``,
    Fisher information ``[[a^2 psi'(a), a], [a, a]]``, natural gradient
    ``n1 = (psi(a) - log x - 1 + x/a) / (a psi'(a) - 1)`` and ``1 - x/a - n1``. All is
    written in ``r = log(x/a)``, so that large shapes keep their digits.

    CRPS, with the regularised lower incomplete gamma function P and the kernel
    ``x^a e^-x / gamma(a)``: ``b ((x - a) (2P - 1) + 2 kernel - 1/beta(1/2, a))``. Its
    derivative by a has that of P in it, a difference of sixth order. Its metric is
    ``-d d' E|X - X'|``, an integral over the beta distribution of ``X/(X + X')``.

    Source: Moebel, Scheuerer (2015), Ensemble postprocessing for probabilistic
    precipitation, for the CRPS; Johnson, Kotz, Balakrishnan (1994), Continuous
    univariate distributions 1, chapter 17.
    """

    name = "gamma"
    parameters = ("a", "scale")
    links = ("log", "log")
    support = "positive"
    scores = ("log", "crps")
    censors = ("log",)
    fused: ClassVar = {"log": FusedScore.GAMMA_LOG}

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return ``log p(y)``, shape (n,)."""
        a, log_x, _ = _parts(y, raw)
        inside = log_gamma_kernel(a, log_x) - log_targets(y)
        return np.where(y > 0, inside, -np.inf)

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return ``P(a, x)``, shape (n,)."""
        a, log_x, _ = _parts(y, raw)
        return np.where(y > 0, gammainc(a, safe_exp(log_x)), 0.0)

    def sf(self, y: Array, raw: Array) -> Array:
        """Return ``1 - P(a, x)``, shape (n,)."""
        a, log_x, _ = _parts(y, raw)
        return np.where(y > 0, gammaincc(a, safe_exp(log_x)), 1.0)

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return b times the quantile of a gamma with the scale 1, shape (n,)."""
        return safe_exp(raw[:, 1]) * gammaincinv(bounded_shape(raw[:, 0]), p)

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one draw for each row, shape (n,)."""
        draws = safe_exp(raw[:, 1]) * rng.standard_gamma(bounded_shape(raw[:, 0]))
        return np.maximum(draws, np.finfo(np.float64).tiny)

    def mean(self, raw: Array) -> Array:
        """Return ``a b``, shape (n,)."""
        return safe_exp(raw[:, 0] + raw[:, 1])

    def variance(self, raw: Array) -> Array:
        """Return ``a b^2``, shape (n,)."""
        return safe_exp(raw[:, 0] + 2.0 * raw[:, 1])

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``(a (psi(a) - log x), a - x)``, shape (n, 2)."""
        a, _, r = _parts(y, raw)
        return columns(a * (digamma_rest(a) - r), -a * np.expm1(r))

    def fisher(self, raw: Array) -> Array:
        """Return ``[[a^2 psi'(a), a], [a, a]]``, shape (n, 2, 2)."""
        a = bounded_shape(raw[:, 0])
        return symmetric(a * (1.0 + trigamma_rest(a)), a, a)

    def natural_log_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``fisher^-1 gradient``, shape (n, 2)."""
        a, _, r = _parts(y, raw)
        by_shape = (digamma_rest(a) + exp_rest(r)) / trigamma_rest(a)
        return columns(by_shape, -np.expm1(r) - by_shape)

    def crps(self, y: Array, raw: Array) -> Array:
        """Return the CRPS, shape (n,)."""
        slope = self.cdf(y, raw) - self.sf(y, raw)
        return y * slope + self._crps_by_scale(y, raw)

    def crps_gradient(self, y: Array, raw: Array) -> Array:
        """Return its derivatives, shape (n, 2)."""
        a, log_x, r = _parts(y, raw)
        slope = self.cdf(y, raw) - self.sf(y, raw)
        kernel = np.exp(log_gamma_kernel(a, log_x))
        distance = a * np.exp(-betaln(0.5, a))
        # psi(a + 1/2) - psi(a) is what the distance of two draws grows by.
        growth = digamma_rest(a + 0.5) - digamma_rest(a) + np.log1p(0.5 / a)
        by_shape = (
            2.0 * a * np.expm1(r) * _cdf_by_log_shape(a, log_x, r)
            - a * slope
            + 2.0 * a * kernel * (r - digamma_rest(a))
            - distance * growth
        )
        return columns(_scale(raw, a) * by_shape, self._crps_by_scale(y, raw))

    def crps_metric(self, raw: Array) -> Array:
        """Return the metric of the CRPS, shape (n, 2, 2)."""
        a = bounded_shape(raw[:, 0])
        scale = _scale(raw, a)
        first, cross = _shape_metric(a)
        second = a * np.exp(-betaln(0.5, a))
        return symmetric(scale * first, scale * cross, scale * second)

    def log_cdf(self, y: Array, raw: Array) -> Array:
        """Return ``log P(a, x)``, shape (n,)."""
        a, log_x, _ = _parts(y, raw)
        return np.where(y > 0, log_gamma_cdf(a, log_x), -np.inf)

    def log_sf(self, y: Array, raw: Array) -> Array:
        """Return ``log(1 - P(a, x))``, shape (n,)."""
        a, log_x, _ = _parts(y, raw)
        return np.where(y > 0, log_gamma_sf(a, log_x), 0.0)

    def log_cdf_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`log_cdf`, shape (n, 2)."""
        a, log_x, _ = _parts(y, raw)
        log_share = log_gamma_kernel(a, log_x) - log_gamma_cdf(a, log_x)
        by_shape = slope_by_log(lambda at: log_gamma_cdf(at, log_x), a, shape_step(a))
        return columns(by_shape, -safe_exp(log_share))

    def log_sf_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`log_sf`, shape (n, 2)."""
        a, log_x, _ = _parts(y, raw)
        log_share = log_gamma_kernel(a, log_x) - log_gamma_sf(a, log_x)
        by_shape = slope_by_log(lambda at: log_gamma_sf(at, log_x), a, shape_step(a))
        inside = columns(by_shape, safe_exp(log_share))
        return np.where((y > 0)[:, None], inside, 0.0)

    def start(self, y: Array, weight: Array) -> Array:
        """Return shape and scale from the means of y and ``log y``, shape (2,).

        Source: Minka (2002), Estimating a gamma distribution, equation 8.
        """
        y, weight = positive_only(y, weight)
        log_mean = np.log(floored(weighted_moments(y, weight)[0], y))
        share = weight / np.max(weight)
        # log mean less mean log: of targets that differ little, by their differences.
        gap = np.average(exp_rest(np.log(y) - log_mean), weights=share)
        gap = max(float(gap), 0.5 * SMALLEST**2)
        root = np.sqrt((gap - 3.0) ** 2 + 24.0 * gap)
        # 3 - gap + root, which has no digits left for large gaps.
        numerator = 3.0 - gap + root if gap < 3.0 else 24.0 * gap / (root + gap - 3.0)
        log_a = min(float(np.log(numerator / (12.0 * gap))), _MOST)
        return np.array([log_a, log_mean - log_a])

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the raw parameters of greatest weighted likelihood, shape (2,).

        The shape is at most 1e20: equal targets would have a likelihood without bound.
        """
        if not is_censored(self, y):
            start = self.start(y, weight)
            if start[0] >= _MOST:
                return start
        raw = super().marginal(y, weight)
        excess = max(raw[0] - _MOST, 0.0)
        return raw + np.array([-excess, excess])

    def _crps_by_scale(self, y: Array, raw: Array) -> Array:
        """Return the derivative of the CRPS by log b, which is the CRPS less a term."""
        a, log_x, _ = _parts(y, raw)
        slope = self.cdf(y, raw) - self.sf(y, raw)
        kernel = np.where(y > 0, np.exp(log_gamma_kernel(a, log_x)), 0.0)
        inside = 2.0 * kernel - a * slope - np.exp(-betaln(0.5, a))
        return _scale(raw, a) * inside


def _parts(y: Array, raw: Array) -> tuple[Array, Array, Array]:
    """Return a, log x and ``r = log(x/a)``, which is bounded."""
    a = bounded_shape(raw[:, 0])
    log_x = log_targets(y) - raw[:, 1]
    return a, log_x, np.clip(log_x - np.log(a), -LOG_LIMIT, LOG_LIMIT)


def _scale(raw: Array, a: Array) -> Array:
    """Return b, so small that its product with the square of a is finite."""
    most = LOG_LIMIT - 2.0 * np.log(np.maximum(a, 1.0))
    return np.exp(np.clip(raw[:, 1], -LOG_LIMIT, most))


def _cdf_by_log_shape(a: Array, log_x: Array, r: Array) -> Array:
    """Return the derivative of ``P(a, x)`` by log a, by that of the lesser tail."""
    x, step = safe_exp(log_x), shape_step(a)
    lower = slope_by_log(lambda at: gammainc(at, x), a, step)
    upper = slope_by_log(lambda at: gammaincc(at, x), a, step)
    return np.where(r > 0, -upper, lower)


def _shape_metric(a: Array) -> tuple[Array, Array]:
    """Return the metric of the CRPS at b = 1: by log a twice, and by log a and log b.

    X and X' being draws with shapes a and a', ``X + X'`` does not depend on
    ``B = X/(X + X')``, so that ``E|X - X'| = (a + a') E|2B - 1|``; its derivatives are
    those of the density of B, a beta. With ``v = log(B/(1 - B))`` the two halves of the
    integral are folded into one over v > 0, whose integrand has no kink.
    """
    inside = np.clip(a, _SMALL, _LARGE)
    first, cross = _beta_integrals(inside, 0.5 * np.exp(-betaln(0.5, inside)))
    # Of large shapes both metrics are nearly that of the scale, and their small
    # differences are what matters; small ones have P = 1 - a E1(x).
    alike = a * np.exp(-betaln(0.5, a))
    places = [a < _SMALL, a > _LARGE]
    small, log_4 = a * a, np.log(4.0)
    return (
        np.select(
            places, [2.0 * log_4 * small, alike * (1.0 + 7.0 / (24.0 * a))], first
        ),
        np.select(places, [log_4 * small, alike * (1.0 + 1.0 / (12.0 * a))], cross),
    )


def _beta_integrals(a: Array, size: Array) -> tuple[Array, Array]:
    """Return both metrics by quadrature; `size` is ``1/(2 beta(1/2, a))``."""
    v, weight = _panels(a)
    log_b, log_rest = log_expit(v), log_expit(-v)
    log_cosh = -0.5 * (log_b + log_rest) - np.log(2.0)
    weight *= size[:, None] * np.exp(-2.0 * a[:, None] * log_cosh)
    shift = (np.log(2.0) + digamma_rest(2.0 * a) - digamma_rest(a))[:, None]
    first, second = log_b + shift, log_rest + shift
    gap = weight * np.tanh(0.5 * v)
    mean_gap = 2.0 * size / a
    once = 2.0 * np.sum(gap * (first + second), axis=1)
    twice = 2.0 * np.sum(gap * first * second, axis=1)
    twice += polygamma(1, 2.0 * a) * mean_gap
    signed = np.exp(log_rest) * first - np.exp(log_b) * second
    signed = np.sum(weight * signed, axis=1)
    by_shape = -a * a * (once + 2.0 * a * twice)
    return by_shape, a * (2.0 * a * signed - 0.5 * mean_gap)


def _panels(a: Array) -> tuple[Array, Array]:
    """Return nodes and weights over v > 0 for ``cosh(v/2)^-2a``, (n, 96).

    One panel is near 0, where the hyperbolic functions bend, the other one goes on to
    where the integrand has fallen by 40 in the logarithm.
    """
    steepness = np.minimum(20.0 / a, 300.0)
    delta = np.expm1(steepness)
    end = 2.0 * np.log1p(delta + np.sqrt(delta * (delta + 2.0)))
    end = np.where(steepness < 300.0, end, 2.0 * (20.0 / a + np.log(2.0)))
    middle = np.minimum(end, 10.0)
    halves = 0.5 * middle[:, None], 0.5 * (end - middle)[:, None]
    near, far = halves[0] * (1.0 + _NODES), halves[1] * (1.0 + _NODES)
    weights = [half * _WEIGHTS for half in halves]
    return np.hstack([near, middle[:, None] + far]), np.hstack(weights)
