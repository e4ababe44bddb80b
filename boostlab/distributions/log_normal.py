"""The log-normal distribution."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr, ndtr, ndtri

from boostlab.distributions.arrays import columns, symmetric
from boostlab.distributions.base import Distribution
from boostlab.distributions.censoring import is_censored
from boostlab.distributions.fused import FusedScore
from boostlab.distributions.normal import Normal
from boostlab.distributions.positive import log_moments, log_targets
from boostlab.distributions.supports import safe_exp
from boostlab.registry import register

Array = NDArray[np.float64]

_OF_LOG = Normal()
_HALF_LOG_TAU = 0.5 * np.log(2.0 * np.pi)
_ROOT_2 = np.sqrt(2.0)
_ROOT_PI = np.sqrt(np.pi)
_FARTHEST = 1e150
_CEILING = 500.0
"""Greatest logarithm of a moment, so that products with it are finite."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_NATS = 40.0
"""How far below its greatest value an integrand is cut off, in logarithms."""


@register("distribution:log_normal")
class LogNormal(Distribution):
    r"""Log-normal: ``log y`` is normal with mean mu and deviation s.

    The raw parameters are mu, the log of SciPy's scale, and log s. With
    ``z = (log y - mu) / s``:

    .. math:: -\log p(y) = \log y + \log s + z^2 / 2 + \log \sqrt{2\pi}

    Log score: gradient ``(-z/s, 1 - z^2)``, Fisher information ``diag(1/s^2, 2)``, as
    of the normal distribution of the logarithm. CRPS, in the unit of y, with the
    normal cdf N and ``M = e^(mu + s^2/2)``:
    ``y (2N(z) - 1) - 2M (N(z - s) + N(s/sqrt(2)) - 1)``, metric
    ``e^(mu + s^2/4)/sqrt(pi) [[1/s, s/2], [s/2, s/2 + s^3/4]]``.

    The CRPS of censored targets takes integrals of a log-concave function, by the rule
    of Gauss and Legendre.

    Source: Baran, Lerch (2015), Log-normal distribution based ensemble model output
    statistics models, equation 6. (The published NGBoost code scores the logarithm;
    its gradients for censored targets are wrong, and its metric lacks s.)
    """

    name = "log_normal"
    parameters = ("scale", "s")
    links = ("log", "log")
    support = "positive"
    scores = ("log", "crps")
    censors = ("log", "crps")
    fused: ClassVar = {"log": FusedScore.LOG_NORMAL_LOG}

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return ``log p(y)``, shape (n,)."""
        at = log_targets(y)
        return np.where(y > 0, _OF_LOG.log_density(at, raw) - at, -np.inf)

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return ``N(z)``, shape (n,)."""
        return np.where(y > 0, _OF_LOG.cdf(log_targets(y), raw), 0.0)

    def sf(self, y: Array, raw: Array) -> Array:
        """Return ``N(-z)``, shape (n,)."""
        return np.where(y > 0, _OF_LOG.sf(log_targets(y), raw), 1.0)

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return ``exp(mu + s * quantile of the standard normal)``, shape (n,)."""
        return np.exp(np.minimum(raw[:, 0] + safe_exp(raw[:, 1]) * ndtri(p), 709.0))

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one draw for each row, shape (n,)."""
        return safe_exp(_OF_LOG.sample(raw, rng))

    def mean(self, raw: Array) -> Array:
        """Return ``exp(mu + s^2/2)``, shape (n,)."""
        return safe_exp(raw[:, 0] + 0.5 * safe_exp(2.0 * raw[:, 1]))

    def variance(self, raw: Array) -> Array:
        """Return ``(e^(s^2) - 1) exp(2 mu + s^2)``, shape (n,)."""
        square = np.minimum(safe_exp(2.0 * raw[:, 1]), 1e100)
        # log(e^x - 1), also where e^x overflows.
        log_share = square + np.log(-np.expm1(-square))
        return safe_exp(2.0 * raw[:, 0] + square + log_share)

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``(-z/s, 1 - z^2)``, shape (n, 2)."""
        return _OF_LOG.log_score_gradient(log_targets(y), raw)

    def fisher(self, raw: Array) -> Array:
        """Return the diagonal ``(1/s^2, 2)``, shape (n, 2)."""
        return _OF_LOG.fisher(raw)

    def natural_log_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``(mu - log y, (1 - z^2)/2)``, shape (n, 2)."""
        return _OF_LOG.natural_log_gradient(log_targets(y), raw)

    def crps(self, y: Array, raw: Array) -> Array:
        """Return the CRPS, shape (n,)."""
        z, s = _standardised(y, raw)
        half, _ = _upper_half(raw[:, 0], s)
        partial, _ = _partial_mean(y, z, raw[:, 0], s)
        slope = self.cdf(y, raw) - self.sf(y, raw)
        return y * slope + 2.0 * (half - partial)

    def crps_gradient(self, y: Array, raw: Array) -> Array:
        """Return its derivatives, shape (n, 2)."""
        z, s = _standardised(y, raw)
        half, middle = _upper_half(raw[:, 0], s)
        partial, height = _partial_mean(y, z, raw[:, 0], s)
        by_scale = (height - s * partial) + (s * half - middle)
        return columns(2.0 * (half - partial), 2.0 * s * by_scale)

    def crps_metric(self, raw: Array) -> Array:
        """Return the metric of the CRPS, shape (n, 2, 2)."""
        s = _deviation(raw)
        size = _bounded_exp(raw[:, 0] + 0.25 * s * s) / _ROOT_PI
        return symmetric(size / s, size * (0.5 * s), size * (s * (0.5 + 0.25 * s * s)))

    def log_cdf(self, y: Array, raw: Array) -> Array:
        """Return ``log N(z)``, shape (n,)."""
        return np.where(y > 0, _OF_LOG.log_cdf(log_targets(y), raw), -np.inf)

    def log_sf(self, y: Array, raw: Array) -> Array:
        """Return ``log N(-z)``, shape (n,)."""
        return np.where(y > 0, _OF_LOG.log_sf(log_targets(y), raw), 0.0)

    def log_cdf_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``-h(-z) (1/s, z)`` with the normal hazard h, shape (n, 2)."""
        return _OF_LOG.log_cdf_gradient(log_targets(y), raw)

    def log_sf_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``h(z) (1/s, z)`` with the normal hazard h, shape (n, 2)."""
        slopes = _OF_LOG.log_sf_gradient(log_targets(y), raw)
        return np.where((y > 0)[:, None], slopes, 0.0)

    def crps_below(self, bound: Array, raw: Array) -> Array:
        """Return the integral of the squared cdf up to `bound`, shape (n,)."""
        inside = self._below(bound, raw)[0]
        return np.maximum(bound, 0.0) * self.cdf(bound, raw) ** 2 - 2.0 * inside

    def crps_above(self, bound: Array, raw: Array) -> Array:
        """Return the integral of the squared survival function from `bound` on."""
        return 2.0 * self._above(bound, raw)[0] - bound * self.sf(bound, raw) ** 2

    def crps_below_gradient(self, bound: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`crps_below`, shape (n, 2)."""
        inside, first = self._below(bound, raw)
        return columns(-2.0 * inside, -2.0 * _deviation(raw) * first)

    def crps_above_gradient(self, bound: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`crps_above`, shape (n, 2)."""
        inside, first = self._above(bound, raw)
        return columns(2.0 * inside, 2.0 * _deviation(raw) * first)

    def start(self, y: Array, weight: Array) -> Array:
        """Return mean and log standard deviation of ``log y``, shape (2,)."""
        mean, deviation = log_moments(y, weight)
        return np.array([mean, np.log(deviation)])

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the raw parameters of greatest weighted likelihood, shape (2,)."""
        if is_censored(self, y):
            return super().marginal(y, weight)
        return self.start(y, weight)

    def _below(self, bound: Array, raw: Array) -> tuple[Array, Array]:
        """Return the integrals of ``x p F`` and of z times it, up to `bound`."""
        z, s = _standardised(bound, raw)
        inside, first = _integrals(raw[:, 0], s, z, log_targets(bound))
        return np.where(bound > 0, inside, 0.0), np.where(bound > 0, first, 0.0)

    def _above(self, bound: Array, raw: Array) -> tuple[Array, Array]:
        """Return the integrals of ``x p (1 - F)`` and of z times it, from `bound`."""
        z, s = _standardised(bound, raw)
        inside, first = _integrals(raw[:, 0], -s, -z, log_targets(bound))
        return inside, -first


def _deviation(raw: Array) -> Array:
    """Return s, between e^-60 and e^60, so that its powers are finite."""
    return np.exp(np.clip(raw[:, 1], -60.0, 60.0))


def _standardised(y: Array, raw: Array) -> tuple[Array, Array]:
    """Return z, finite, and s."""
    s = _deviation(raw)
    return np.clip((log_targets(y) - raw[:, 0]) / s, -_FARTHEST, _FARTHEST), s


def _bounded_exp(log_value: Array) -> Array:
    return np.exp(np.clip(log_value, -_CEILING, _CEILING))


def _upper_half(mu: Array, s: Array) -> tuple[Array, Array]:
    """Return ``M N(-s/sqrt(2))``, and ``e^(mu + s^2/4) / (2 sqrt(pi))``.

    The first times s less the second is its derivative by s. Neither takes M, which
    overflows first.
    """
    middle = _bounded_exp(mu + 0.25 * s * s)
    return 0.5 * middle * erfcx(0.5 * s), 0.5 * middle / _ROOT_PI


def _partial_mean(y: Array, z: Array, mu: Array, s: Array) -> tuple[Array, Array]:
    """Return the integral of ``x p`` up to y, and y times the normal density of z.

    Where ``z < s`` the first is the second times Mills' ratio of ``s - z``: neither the
    mean, which may overflow, nor a difference of large exponents has a part in it.
    """
    height = np.where(y > 0, np.exp(log_targets(y) - 0.5 * z * z - _HALF_LOG_TAU), 0.0)
    ratio = 0.5 * _ROOT_2 * _ROOT_PI * erfcx(np.maximum(s - z, 0.0) / _ROOT_2)
    whole = _bounded_exp(mu + 0.5 * s * s) * ndtr(z - s)
    return np.where(z < s, height * ratio, whole), height


def _integrals(mu: Array, s: Array, end: Array, log_end: Array) -> tuple[Array, Array]:
    """Return the integrals of ``e^(mu + s u) n(u) N(u)`` and of u times it up to `end`.

    n and N are the normal density and cdf, s may be negative, and `log_end` is
    ``mu + s * end``. The second derivative of the integrand's logarithm is between -2
    and -1, so that a few deviations around its greatest value hold all of it.
    """
    middle = np.where(s > 0, s, 0.5 * s)
    high = np.minimum(end, middle + 10.0)
    slope = s - high + _ROOT_2 / _ROOT_PI / erfcx(-high / _ROOT_2)
    length = 2.0 * _NATS / (slope + np.sqrt(slope * slope + 2.0 * _NATS))
    low = np.where(slope > 0, high - length, middle - 9.0)
    half = 0.5 * (high - low)[:, None]
    back = half * (1.0 - _NODES)
    u = high[:, None] - back
    log_high = np.where(high < end, mu + s * high, log_end)
    exponent = log_high[:, None] - s[:, None] * back - 0.5 * u * u + log_ndtr(u)
    values = half * _bounded_exp(exponent - _HALF_LOG_TAU)
    return values @ _WEIGHTS, (values * u) @ _WEIGHTS
