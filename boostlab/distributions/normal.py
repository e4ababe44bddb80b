"""The normal distribution."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, log_ndtr, ndtr, ndtri

from boostlab.distributions.base import Distribution, location_scale_start
from boostlab.distributions.censoring import is_censored
from boostlab.distributions.fused import FusedScore
from boostlab.distributions.supports import safe_exp
from boostlab.registry import register

Array = NDArray[np.float64]

_HALF_LOG_TAU = 0.5 * np.log(2.0 * np.pi)
_ROOT_TAU = np.sqrt(2.0 * np.pi)
_ROOT_PI = np.sqrt(np.pi)


@register("distribution:normal")
class Normal(Distribution):
    r"""Normal with raw parameters mu and log s; ``z = (y - mu) / s``.

    .. math:: -\log p(y) = \log s + z^2 / 2 + \log \sqrt{2\pi}

    Log score: gradient ``(-z/s, 1 - z^2)``, Fisher information ``diag(1/s^2, 2)``,
    natural gradient ``(mu - y, (1 - z^2)/2)``. CRPS, with the standard normal cdf and
    density: ``s (z (2 cdf(z) - 1) + 2 pdf(z) - 1/sqrt(pi))``, metric
    ``diag(1/(s sqrt(pi)), s/(2 sqrt(pi)))``.

    Source: Duan and others (2020), NGBoost, section 3.1 and appendix; Gneiting, Raftery
    (2007), equation 21. (The published NGBoost code has a CRPS metric that is s times
    this one, which distorts the step sizes between rows.)
    """

    name = "normal"
    parameters = ("loc", "scale")
    links = ("identity", "log")
    scores = ("log", "crps")
    censors = ("log", "crps")
    fused: ClassVar = {"log": FusedScore.NORMAL_LOG, "crps": FusedScore.NORMAL_CRPS}

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return ``log p(y)``, shape (n,)."""
        z, _ = _standardised(y, raw)
        return -0.5 * z * z - raw[:, 1] - _HALF_LOG_TAU

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y <= y)``, shape (n,)."""
        return ndtr(_standardised(y, raw)[0])

    def sf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y > y)``, shape (n,)."""
        return ndtr(-_standardised(y, raw)[0])

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return ``mu + s * quantile of the standard normal``, shape (n,)."""
        return raw[:, 0] + safe_exp(raw[:, 1]) * ndtri(p)

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one draw for each row, shape (n,)."""
        return raw[:, 0] + safe_exp(raw[:, 1]) * rng.standard_normal(len(raw))

    def mean(self, raw: Array) -> Array:
        """Return mu, shape (n,)."""
        return raw[:, 0].copy()

    def variance(self, raw: Array) -> Array:
        """Return ``s^2``, shape (n,)."""
        return safe_exp(2.0 * raw[:, 1])

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``(-z/s, 1 - z^2)``, shape (n, 2)."""
        z, scale = _standardised(y, raw)
        return _columns(-z / scale, 1.0 - z * z)

    def fisher(self, raw: Array) -> Array:
        """Return the diagonal ``(1/s^2, 2)``, shape (n, 2)."""
        return _columns(safe_exp(-2.0 * raw[:, 1]), np.full(len(raw), 2.0))

    def natural_log_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``(mu - y, (1 - z^2)/2)``, shape (n, 2)."""
        z, _ = _standardised(y, raw)
        return _columns(raw[:, 0] - y, 0.5 - 0.5 * z * z)

    def crps(self, y: Array, raw: Array) -> Array:
        """Return the CRPS, shape (n,)."""
        z, scale = _standardised(y, raw)
        return scale * (z * (2.0 * ndtr(z) - 1.0) + 2.0 * _density(z) - 1.0 / _ROOT_PI)

    def crps_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``(1 - 2 cdf(z), s (2 pdf(z) - 1/sqrt(pi)))``, shape (n, 2)."""
        z, scale = _standardised(y, raw)
        slope = scale * (2.0 * _density(z) - 1.0 / _ROOT_PI)
        return _columns(1.0 - 2.0 * ndtr(z), slope)

    def crps_metric(self, raw: Array) -> Array:
        """Return the diagonal ``(1/(s sqrt(pi)), s/(2 sqrt(pi)))``, shape (n, 2)."""
        scale = safe_exp(raw[:, 1])
        return _columns(1.0 / (_ROOT_PI * scale), scale / (2.0 * _ROOT_PI))

    def log_cdf(self, y: Array, raw: Array) -> Array:
        """Return ``log P(Y <= y)``, shape (n,)."""
        return log_ndtr(_standardised(y, raw)[0])

    def log_sf(self, y: Array, raw: Array) -> Array:
        """Return ``log P(Y > y)``, shape (n,)."""
        return log_ndtr(-_standardised(y, raw)[0])

    def log_cdf_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``-h(-z) (1/s, z)`` with the hazard h, shape (n, 2)."""
        z, scale = _standardised(y, raw)
        hazard = _hazard(-z)
        return _columns(-hazard / scale, -hazard * z)

    def log_sf_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``h(z) (1/s, z)`` with the hazard h, shape (n, 2)."""
        z, scale = _standardised(y, raw)
        hazard = _hazard(z)
        return _columns(hazard / scale, hazard * z)

    def crps_below(self, bound: Array, raw: Array) -> Array:
        """Return the integral of the squared cdf up to `bound`, shape (n,)."""
        z, scale = _standardised(bound, raw)
        return scale * _squared_below(z)

    def crps_above(self, bound: Array, raw: Array) -> Array:
        """Return the integral of the squared survival function from `bound` on."""
        z, scale = _standardised(bound, raw)
        return scale * _squared_below(-z)

    def crps_below_gradient(self, bound: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`crps_below`, shape (n, 2)."""
        z, scale = _standardised(bound, raw)
        return _columns(-(ndtr(z) ** 2), scale * _squared_below_by_log_scale(z))

    def crps_above_gradient(self, bound: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`crps_above`, shape (n, 2)."""
        z, scale = _standardised(bound, raw)
        return _columns(ndtr(-z) ** 2, scale * _squared_below_by_log_scale(-z))

    def start(self, y: Array, weight: Array) -> Array:
        """Return the weighted mean and log standard deviation, shape (2,)."""
        return location_scale_start(y, weight)

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the raw parameters of greatest weighted likelihood, shape (2,)."""
        if is_censored(self, y):
            return super().marginal(y, weight)
        return location_scale_start(y, weight)


def _standardised(y: Array, raw: Array) -> tuple[Array, Array]:
    """Return z and s."""
    scale = safe_exp(raw[:, 1])
    return (y - raw[:, 0]) / scale, scale


def _columns(first: Array, second: Array) -> Array:
    """Return two columns as an array (n, 2), output-major in memory."""
    out = np.empty((len(first), 2), order="F")
    out[:, 0], out[:, 1] = first, second
    return out


def _density(z: Array) -> Array:
    return np.exp(-0.5 * z * z) / _ROOT_TAU


def _hazard(z: Array) -> Array:
    """Return density over survival function; about z far in the right tail."""
    return np.sqrt(2.0 / np.pi) / erfcx(z / np.sqrt(2.0))


def _squared_below(z: Array) -> Array:
    """Return the integral of the squared standard normal cdf up to z."""
    below = ndtr(z)
    return z * below**2 + 2.0 * _density(z) * below - ndtr(np.sqrt(2.0) * z) / _ROOT_PI


def _squared_below_by_log_scale(z: Array) -> Array:
    """Return the derivative of ``s * _squared_below((t - mu)/s)`` by log s, over s."""
    return 2.0 * _density(z) * ndtr(z) - ndtr(np.sqrt(2.0) * z) / _ROOT_PI
