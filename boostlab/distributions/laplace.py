"""The Laplace distribution."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from boostlab.distributions.censoring import is_censored
from boostlab.distributions.fused import FusedScore
from boostlab.distributions.location_scale import LocationScale
from boostlab.distributions.moments import floored, weighted_quantile
from boostlab.registry import register

Array = NDArray[np.float64]

_LOG_2 = np.log(2.0)


@register("distribution:laplace")
class Laplace(LocationScale):
    r"""Laplace with raw parameters mu and log b; ``z = (y - mu) / b``.

    .. math:: -\log p(y) = \log 2 + \log b + |z|

    Log score: gradient ``(-sign(z)/b, 1 - |z|)``, Fisher information
    ``diag(1/b^2, 1)``, natural gradient ``(-b sign(z), 1 - |z|)``. CRPS:
    ``b (|z| + e^-|z| - 3/4)``, gradient
    ``(-sign(z) (1 - e^-|z|), b (e^-|z| (1 + |z|) - 3/4))``, metric
    ``diag(1/(2b), b/4)``.

    Source: Jordan, Krueger, Lerch (2019), Evaluating probabilistic forecasts with
    scoringRules, appendix A. (The published NGBoost code lacks the ``-3b/4`` in the
    second derivative of the CRPS.)
    """

    name = "laplace"
    fused: ClassVar = {"log": FusedScore.LAPLACE_LOG, "crps": FusedScore.LAPLACE_CRPS}

    def standard_log_density(self, z: Array, shape: Any) -> Array:
        """Return ``-|z| - log 2``."""
        return -np.abs(z) - _LOG_2

    def standard_slope(self, z: Array, shape: Any) -> Array:
        """Return the sign of z."""
        return np.sign(z)

    def standard_cdf(self, z: Array, shape: Any) -> Array:
        """Return ``e^z / 2``, or ``1 - e^-z / 2`` above 0."""
        tail = 0.5 * np.exp(-np.abs(z))
        return np.where(z < 0, tail, 1.0 - tail)

    def standard_quantile(self, p: Array, shape: Any) -> Array:
        """Return ``log(2p)``, or ``-log(2 - 2p)`` above one half."""
        with np.errstate(divide="ignore"):
            size = np.log(2.0 * np.minimum(p, 1.0 - p))
        return np.where(p < 0.5, size, -size)

    def standard_draws(self, n: int, shape: Any, rng: np.random.Generator) -> Array:
        """Return n draws."""
        return rng.laplace(size=n)

    def standard_moments(self, shape: Any) -> tuple[float, float]:
        """Return 0 and 2."""
        return 0.0, 2.0

    def information(self, shape: Any) -> tuple[float, float, float]:
        """Return 1, 0 and 1."""
        return 1.0, 0.0, 1.0

    def standard_log_cdf(self, z: Array, shape: Any) -> Array:
        """Return the log of the cdf, also far in the tail."""
        above = np.log1p(-0.5 * np.exp(-np.maximum(z, 0.0)))
        return np.where(z < 0, z - _LOG_2, above)

    def standard_hazard(self, z: Array, shape: Any) -> Array:
        """Return 1 above 0, and ``e^z / (2 - e^z)`` below."""
        below = np.exp(np.minimum(z, 0.0))
        return below / (2.0 - below)

    def standard_crps(self, z: Array, shape: Any) -> Array:
        """Return ``|z| + e^-|z| - 3/4``."""
        size = np.abs(z)
        return size + np.exp(-size) - 0.75

    def standard_below(self, z: Array, shape: Any) -> Array:
        """Return ``e^2z / 8``; above 0, ``z - 3/4 + e^-z - e^-2z / 8``."""
        tail = np.exp(-np.abs(z))
        above = z - 0.75 + tail - 0.125 * tail * tail
        return np.where(z < 0, 0.125 * tail * tail, above)

    def crps_information(self, shape: Any) -> tuple[float, float, float]:
        """Return 1/4, 0 and 1/8."""
        return 0.25, 0.0, 0.125

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the weighted median, and the log of the mean distance from it."""
        if is_censored(self, y):
            return super().marginal(y, weight)
        median = weighted_quantile(y, weight, 0.5)
        share = weight / np.max(weight)
        # Each target's part of the mean is finite, even where the sum is not.
        distance = np.sum(np.abs(y - median) * (share / np.sum(share)))
        return np.array([median, np.log(floored(distance, y))])
