"""The Gumbel distribution of greatest values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import exp1

from boostlab.distributions.location_scale import LocationScale
from boostlab.distributions.supports import safe_exp
from boostlab.registry import register

Array = NDArray[np.float64]

_GAMMA = np.euler_gamma
_LOG_2 = np.log(2.0)
_SMALL = 0.1
"""Value of t below which an integral is taken from its series."""


@register("distribution:gumbel")
class Gumbel(LocationScale):
    r"""Gumbel with raw parameters mu and log s; ``z = (y - mu) / s``, ``t = e^-z``.

    .. math:: -\log p(y) = \log s + z + t

    Its cdf is ``e^-t``, with a long tail to the right; it is SciPy's ``gumbel_r``. Log
    score: gradient ``(-(1 - t)/s, 1 - z (1 - t))``, Fisher information
    ``[[1/s^2, -(1-g)/s], [., pi^2/6 + (1-g)^2]]`` with Euler's constant g. CRPS, with
    the exponential integral: ``s (2 E1(t) - z + g - log 2)``.

    Source: Johnson, Kotz, Balakrishnan (1995), Continuous univariate distributions 2,
    chapter 22; Friederichs, Thorarinsdottir (2012), Forecast verification for extreme
    value distributions, equation 6.
    """

    name = "gumbel"

    def standard_log_density(self, z: Array, shape: Any) -> Array:
        """Return ``-z - t``."""
        return -z - _t(z)

    def standard_slope(self, z: Array, shape: Any) -> Array:
        """Return ``1 - t``."""
        return 1.0 - _t(z)

    def standard_cdf(self, z: Array, shape: Any) -> Array:
        """Return ``e^-t``."""
        return np.exp(-_t(z))

    def standard_sf(self, z: Array, shape: Any) -> Array:
        """Return ``1 - e^-t``."""
        return -np.expm1(-_t(z))

    def standard_quantile(self, p: Array, shape: Any) -> Array:
        """Return ``-log(-log p)``."""
        with np.errstate(divide="ignore"):
            return -np.log(-np.log(p))

    def standard_draws(self, n: int, shape: Any, rng: np.random.Generator) -> Array:
        """Return n draws."""
        return rng.gumbel(size=n)

    def standard_moments(self, shape: Any) -> tuple[float, float]:
        """Return Euler's constant and ``pi^2 / 6``."""
        return _GAMMA, np.pi**2 / 6.0

    def information(self, shape: Any) -> tuple[float, float, float]:
        """Return 1, ``-(1 - g)`` and ``pi^2/6 + (1 - g)^2``."""
        return 1.0, _GAMMA - 1.0, np.pi**2 / 6.0 + (1.0 - _GAMMA) ** 2

    def standard_log_cdf(self, z: Array, shape: Any) -> Array:
        """Return ``-t``."""
        return -_t(z)

    def standard_log_sf(self, z: Array, shape: Any) -> Array:
        """Return ``log(1 - e^-t)``, which is -z far to the right."""
        near = np.log(-np.expm1(-_t(np.minimum(z, 50.0))))
        return np.where(z < 50.0, near, -z)

    def standard_hazard(self, z: Array, shape: Any) -> Array:
        """Return ``t / (e^t - 1)``."""
        t = _t(z)
        return t * np.exp(-t) / -np.expm1(-t)

    def standard_reversed_hazard(self, z: Array, shape: Any) -> Array:
        """Return t."""
        return _t(z)

    def standard_below(self, z: Array, shape: Any) -> Array:
        """Return ``E1(2t)``."""
        # Of t it wants log t in the end, so that the clipped t must not stand alone.
        t = _t(z)
        far = z - _GAMMA - _LOG_2
        return np.where(z > 50.0, far, exp1(2.0 * t))

    def standard_above(self, z: Array, shape: Any) -> Array:
        """Return the integral of ``(1 - e^-u)^2 / u`` over u up to t."""
        t = _t(z)
        direct = 2.0 * exp1(t) - exp1(2.0 * t) - z + _GAMMA - _LOG_2
        return np.where(t < _SMALL, _series(np.minimum(t, _SMALL)), direct)

    def standard_crps(self, z: Array, shape: Any) -> Array:
        """Return ``2 E1(t) - z + g - log 2``."""
        near = 2.0 * exp1(_t(z)) - z + _GAMMA - _LOG_2
        return np.where(z > 50.0, z - _GAMMA - _LOG_2, near)

    def crps_information(self, shape: Any) -> tuple[float, float, float]:
        """Return the integrals of ``p^2``, ``z p^2`` and ``z^2 p^2``."""
        rest = 1.0 - _GAMMA
        second = rest**2 + np.pi**2 / 6.0 - 1.0 - 2.0 * _LOG_2 * rest + _LOG_2**2
        return 0.25, 0.25 * (_LOG_2 - rest), 0.25 * second


def _t(z: Array) -> Array:
    """Return ``e^-z``, at most e^300, so that shares of it are finite."""
    return safe_exp(-np.maximum(z, -300.0))


def _series(t: Array) -> Array:
    """Return ``2 Ein(t) - Ein(2t)`` for small t, Ein being the entire integral."""
    total, power, factorial = np.zeros_like(t), t.copy(), 1.0
    for k in range(2, 13):
        power, factorial = power * t, factorial * k
        total += (-1.0) ** k * (2.0**k - 2.0) / (k * factorial) * power
    return total
