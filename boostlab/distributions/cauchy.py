"""The Cauchy distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import spence

from boostlab.distributions.location_scale import LocationScale
from boostlab.registry import register

Array = NDArray[np.float64]


@register("distribution:cauchy")
class Cauchy(LocationScale):
    r"""Cauchy with raw parameters mu and log s; ``z = (y - mu) / s``.

    .. math:: -\log p(y) = \log \pi + \log s + \log(1 + z^2)

    It has neither mean nor variance: both are NaN. Log score: gradient
    ``(-2z/(1 + z^2)/s, 1 - 2z^2/(1 + z^2))``, Fisher information
    ``diag(1/(2s^2), 1/2)``. CRPS: ``(2/pi) s (z atan z - log(1 + z^2)/2 + log 2)``,
    metric ``diag(1/(pi s), s/pi)``. The integral of the squared cdf has the
    dilogarithm in it.

    Source: Johnson, Kotz, Balakrishnan (1994), Continuous univariate distributions 1,
    chapter 16; the CRPS is the integral of ``2 cdf - 1``, from its value at 0. (The
    published NGBoost code has ``1/(8 s^2)`` for the information of the scale, which is
    not that of any parameter and changes with the unit of the target.)
    """

    name = "cauchy"

    def standard_log_density(self, z: Array, shape: Any) -> Array:
        """Return ``-log(pi (1 + z^2))``."""
        return -np.log(np.pi) - 2.0 * np.log(np.hypot(1.0, z))

    def standard_slope(self, z: Array, shape: Any) -> Array:
        """Return ``2z / (1 + z^2)``."""
        root = np.hypot(1.0, z)
        return 2.0 * (z / root) / root

    def standard_cdf(self, z: Array, shape: Any) -> Array:
        """Return the angle of ``-z + i`` in half turns."""
        return np.arctan2(1.0, -z) / np.pi

    def standard_quantile(self, p: Array, shape: Any) -> Array:
        """Return ``-1 / tan(pi p)``."""
        with np.errstate(divide="ignore"):
            size = 1.0 / np.tan(np.pi * np.minimum(p, 1.0 - p))
        return np.where(p < 0.5, -size, size)

    def standard_draws(self, n: int, shape: Any, rng: np.random.Generator) -> Array:
        """Return n draws."""
        return rng.standard_cauchy(size=n)

    def standard_moments(self, shape: Any) -> tuple[float, float]:
        """Return NaN twice: there are none."""
        return np.nan, np.nan

    def information(self, shape: Any) -> tuple[float, float, float]:
        """Return 1/2, 0 and 1/2."""
        return 0.5, 0.0, 0.5

    def standard_log_cdf(self, z: Array, shape: Any) -> Array:
        """Return the log of the cdf."""
        return np.log(self.standard_cdf(z, shape))

    def standard_hazard(self, z: Array, shape: Any) -> Array:
        """Return the density over the survival function."""
        root = np.hypot(1.0, z)
        return 1.0 / root / (root * np.arctan2(1.0, z))

    def standard_crps(self, z: Array, shape: Any) -> Array:
        """Return ``(2/pi) (z atan z - log(1 + z^2)/2 + log 2)``."""
        middle = np.log(2.0) - np.log(np.hypot(1.0, z))
        return 2.0 / np.pi * (z * np.arctan(z) + middle)

    def standard_below(self, z: Array, shape: Any) -> Array:
        """Return ``z P^2 + (2/pi^2) integral of (t cot t) up to pi P``."""
        angle, root = np.arctan2(1.0, -z), np.hypot(1.0, z)
        clausen = spence(2.0 / root * (1.0 / root + 1j * (z / root))).imag
        integral = angle * np.log(2.0 / root) + 0.5 * clausen
        return z * (angle / np.pi) ** 2 + 2.0 / np.pi**2 * integral

    def crps_information(self, shape: Any) -> tuple[float, float, float]:
        """Return ``1/(2 pi)``, 0 and ``1/(2 pi)``."""
        return 0.5 / np.pi, 0.0, 0.5 / np.pi
