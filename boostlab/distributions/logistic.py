"""The logistic distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logit

from boostlab.distributions.location_scale import LocationScale
from boostlab.registry import register

Array = NDArray[np.float64]


@register("distribution:logistic")
class Logistic(LocationScale):
    r"""Logistic with raw parameters mu and log s; ``z = (y - mu) / s``.

    .. math:: -\log p(y) = \log s + z + 2 \log(1 + e^{-z})

    Log score: gradient ``(-tanh(z/2)/s, 1 - z tanh(z/2))``, Fisher information
    ``diag(1/(3s^2), (3 + pi^2)/9)``. CRPS: ``s (|z| + 2 log(1 + e^-|z|) - 1)``,
    metric ``diag(1/(3s), s (pi^2 - 6)/9)``.

    Source: Johnson, Kotz, Balakrishnan (1995), Continuous univariate distributions 2,
    chapter 23; Jordan, Krueger, Lerch (2019), appendix A.
    """

    name = "logistic"

    def standard_log_density(self, z: Array, shape: Any) -> Array:
        """Return ``-|z| - 2 log(1 + e^-|z|)``."""
        size = np.abs(z)
        return -size - 2.0 * np.log1p(np.exp(-size))

    def standard_slope(self, z: Array, shape: Any) -> Array:
        """Return ``tanh(z/2)``."""
        return np.tanh(0.5 * z)

    def standard_cdf(self, z: Array, shape: Any) -> Array:
        """Return ``1 / (1 + e^-z)``."""
        return expit(z)

    def standard_quantile(self, p: Array, shape: Any) -> Array:
        """Return ``log(p / (1 - p))``."""
        return logit(p)

    def standard_draws(self, n: int, shape: Any, rng: np.random.Generator) -> Array:
        """Return n draws."""
        return rng.logistic(size=n)

    def standard_moments(self, shape: Any) -> tuple[float, float]:
        """Return 0 and ``pi^2 / 3``."""
        return 0.0, np.pi**2 / 3.0

    def information(self, shape: Any) -> tuple[float, float, float]:
        """Return 1/3, 0 and ``(3 + pi^2) / 9``."""
        return 1.0 / 3.0, 0.0, (3.0 + np.pi**2) / 9.0

    def standard_log_cdf(self, z: Array, shape: Any) -> Array:
        """Return ``-log(1 + e^-z)``."""
        return log_expit(z)

    def standard_hazard(self, z: Array, shape: Any) -> Array:
        """Return the cdf, which is the hazard of this family."""
        return expit(z)

    def standard_crps(self, z: Array, shape: Any) -> Array:
        """Return ``|z| + 2 log(1 + e^-|z|) - 1``."""
        size = np.abs(z)
        return size + 2.0 * np.log1p(np.exp(-size)) - 1.0

    def standard_below(self, z: Array, shape: Any) -> Array:
        """Return ``log(1 + e^z)`` less the cdf."""
        return -log_expit(-z) - expit(z)

    def crps_information(self, shape: Any) -> tuple[float, float, float]:
        """Return 1/6, 0 and ``(pi^2 - 6) / 18``."""
        return 1.0 / 6.0, 0.0, (np.pi**2 - 6.0) / 18.0
