"""The half-normal distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, erfc, erfcx, log_ndtr, ndtri

from boostlab.distributions.arrays import columns
from boostlab.distributions.base import Distribution
from boostlab.distributions.censoring import is_censored
from boostlab.distributions.moments import floored, weighted_moments
from boostlab.distributions.positive import over_scale
from boostlab.distributions.supports import safe_exp
from boostlab.registry import register

Array = NDArray[np.float64]

_ROOT_2 = np.sqrt(2.0)
_ROOT_PI = np.sqrt(np.pi)


@register("distribution:half_normal")
class HalfNormal(Distribution):
    r"""Half-normal, the size of a centred normal, with the raw parameter log s.

    .. math:: -\log p(y) = \log s + z^2 / 2 + \log \sqrt{\pi / 2}, \quad z = y / s

    Log score: gradient ``1 - z^2``, Fisher information 2. CRPS, with ``v = z/sqrt(2)``:
    ``sqrt(2) s (v (2 erf(v) - 1) + (2 e^(-v^2) - sqrt(2)) / sqrt(pi))``, metric
    ``s/sqrt(pi)``.

    Source: Johnson, Kotz, Balakrishnan (1994), Continuous univariate distributions 1,
    section 13.10; the CRPS is its integral, by parts.
    """

    name = "half_normal"
    parameters = ("scale",)
    links = ("log",)
    support = "nonnegative"
    scores = ("log", "crps")
    censors = ("log", "crps")

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return ``log p(y)``, shape (n,)."""
        z, _ = over_scale(y, raw[:, 0])
        inside = 0.5 * np.log(2.0 / np.pi) - raw[:, 0] - 0.5 * z * z
        return np.where(y < 0, -np.inf, inside)

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return ``erf(v)``, shape (n,)."""
        return erf(_root_share(y, raw)[0])

    def sf(self, y: Array, raw: Array) -> Array:
        """Return ``1 - erf(v)``, shape (n,)."""
        return erfc(_root_share(y, raw)[0])

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return s times the normal quantile of ``(1 + p)/2``, shape (n,)."""
        return safe_exp(raw[:, 0]) * ndtri(0.5 + 0.5 * np.asarray(p))

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one draw for each row, shape (n,)."""
        return safe_exp(raw[:, 0]) * np.abs(rng.standard_normal(len(raw)))

    def mean(self, raw: Array) -> Array:
        """Return ``s sqrt(2/pi)``, shape (n,)."""
        return safe_exp(raw[:, 0]) * _ROOT_2 / _ROOT_PI

    def variance(self, raw: Array) -> Array:
        """Return ``s^2 (1 - 2/pi)``, shape (n,)."""
        return safe_exp(2.0 * raw[:, 0]) * (1.0 - 2.0 / np.pi)

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``1 - z^2``, shape (n, 1)."""
        return columns(1.0 - over_scale(y, raw[:, 0])[0] ** 2)

    def fisher(self, raw: Array) -> Array:
        """Return 2, shape (n, 1)."""
        return np.full((len(raw), 1), 2.0)

    def natural_log_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``(1 - z^2)/2``, shape (n, 1)."""
        return 0.5 * self.log_score_gradient(y, raw)

    def crps(self, y: Array, raw: Array) -> Array:
        """Return the CRPS, shape (n,)."""
        v, unit = _root_share(y, raw)
        inside = v * (2.0 * erf(v) - 1.0) + (2.0 * np.exp(-v * v) - _ROOT_2) / _ROOT_PI
        return unit * inside + np.maximum(-y, 0.0)

    def crps_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``sqrt(2) s (2 e^(-v^2) - sqrt(2)) / sqrt(pi)``, shape (n, 1)."""
        v, unit = _root_share(y, raw)
        return columns(unit * (2.0 * np.exp(-v * v) - _ROOT_2) / _ROOT_PI)

    def crps_metric(self, raw: Array) -> Array:
        """Return ``s/sqrt(pi)``, shape (n, 1)."""
        return columns(safe_exp(raw[:, 0]) / _ROOT_PI)

    def log_cdf(self, y: Array, raw: Array) -> Array:
        """Return ``log erf(v)``, shape (n,)."""
        with np.errstate(divide="ignore"):
            return np.log(self.cdf(y, raw))

    def log_sf(self, y: Array, raw: Array) -> Array:
        """Return ``log(1 - erf(v))``, shape (n,)."""
        return np.log(2.0) + log_ndtr(-over_scale(y, raw[:, 0])[0])

    def log_cdf_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``-2 v e^(-v^2) / (sqrt(pi) erf(v))``, shape (n, 1)."""
        v = np.maximum(_root_share(y, raw)[0], 1e-100)
        return columns(-2.0 / _ROOT_PI * v * np.exp(-v * v) / erf(v))

    def log_sf_gradient(self, y: Array, raw: Array) -> Array:
        """Return z times the hazard, shape (n, 1)."""
        v, _ = _root_share(y, raw)
        return columns(2.0 / _ROOT_PI * v / erfcx(v))

    def crps_below(self, bound: Array, raw: Array) -> Array:
        """Return the integral of the squared cdf up to `bound`, shape (n,)."""
        v, unit = _root_share(bound, raw)
        return unit * (v * erf(v) ** 2 + _below_rest(v))

    def crps_above(self, bound: Array, raw: Array) -> Array:
        """Return the integral of the squared survival function from `bound` on."""
        v, unit = _root_share(bound, raw)
        inside = _above_rest(v) - v * erfc(v) ** 2
        return unit * inside + np.maximum(-bound, 0.0)

    def crps_below_gradient(self, bound: Array, raw: Array) -> Array:
        """Return the derivative of :meth:`crps_below`, shape (n, 1)."""
        v, unit = _root_share(bound, raw)
        return columns(unit * _below_rest(v))

    def crps_above_gradient(self, bound: Array, raw: Array) -> Array:
        """Return the derivative of :meth:`crps_above`, shape (n, 1)."""
        v, unit = _root_share(bound, raw)
        return columns(unit * _above_rest(v))

    def start(self, y: Array, weight: Array) -> Array:
        """Return the log of the weighted root mean square, shape (1,)."""
        mean, deviation = weighted_moments(y, weight)
        return np.log([floored(float(np.hypot(mean, deviation)), y)])

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the raw parameter of greatest weighted likelihood, shape (1,)."""
        if is_censored(self, y):
            return super().marginal(y, weight)
        return self.start(y, weight)


def _root_share(y: Array, raw: Array) -> tuple[Array, Array]:
    """Return ``v = y / (sqrt(2) s)`` and ``sqrt(2) s``."""
    z, scale = over_scale(y, raw[:, 0])
    return z / _ROOT_2, _ROOT_2 * scale


def _below_rest(v: Array) -> Array:
    """Return the integral of ``erf^2`` up to v less ``v erf(v)^2``."""
    return (2.0 * np.exp(-v * v) * erf(v) - _ROOT_2 * erf(_ROOT_2 * v)) / _ROOT_PI


def _above_rest(v: Array) -> Array:
    """Return the integral of ``erfc^2`` from v on plus ``v erfc(v)^2``."""
    return (2.0 * np.exp(-v * v) * erfc(v) - _ROOT_2 * erfc(_ROOT_2 * v)) / _ROOT_PI
