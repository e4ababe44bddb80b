"""What all families with a location and a scale have in common.

The distribution of ``z = (y - mu) / s`` is fixed, or has further parameters of its own,
its shape; every formula of the family follows from a handful of functions of z.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.distributions.arrays import columns, symmetric
from boostlab.distributions.base import Distribution
from boostlab.distributions.censoring import is_censored
from boostlab.distributions.moments import (
    floored,
    weighted_moments,
    weighted_quantile,
)
from boostlab.distributions.supports import safe_exp

Array = NDArray[np.float64]

_FARTHEST = 1e200
"""Magnitude to which z is clipped, so that shares of it are finite."""


class LocationScale(Distribution):
    r"""Families with raw parameters mu and log s, and perhaps a shape.

    With p the density and P the cdf of z, and ``psi = -p'/p``:

    - log score ``-log p(z) + log s``, gradient ``(-psi/s, 1 - z psi)``, Fisher
      information ``[[a/s^2, b/s], [b/s, c]]`` with the constants a, b, c of
      :meth:`information`;
    - CRPS ``s C(z)``, gradient ``(1 - 2P, s (C - z (2P - 1)))``, metric
      ``2 [[a'/s, b'], [b', s c']]`` with the integrals a', b', c' of ``p^2``, ``z p^2``
      and ``z^2 p^2``.

    A subclass writes the functions whose names begin with "standard". Those that have
    an answer here are for densities that are symmetric around 0. Each gets `shape`,
    what :meth:`shape` returns.
    """

    parameters: tuple[str, ...] = ("loc", "scale")
    links: tuple[str, ...] = ("identity", "log")
    scores = ("log", "crps")
    censors = ("log", "crps")

    def shape(self, raw: Array) -> Any:
        """Return what the distribution of z depends on; None for most families."""
        return None

    # What a subclass writes.

    def standard_log_density(self, z: Array, shape: Any) -> Array:
        """Return ``log p(z)``."""
        raise NotImplementedError

    def standard_slope(self, z: Array, shape: Any) -> Array:
        """Return ``psi(z)``, the derivative of ``-log p``."""
        raise NotImplementedError

    def standard_cdf(self, z: Array, shape: Any) -> Array:
        """Return ``P(z)``."""
        raise NotImplementedError

    def standard_sf(self, z: Array, shape: Any) -> Array:
        """Return ``1 - P(z)``."""
        return self.standard_cdf(-z, shape)

    def standard_quantile(self, p: Array, shape: Any) -> Array:
        """Return the z of which `p` is the cdf."""
        raise NotImplementedError

    def standard_draws(self, n: int, shape: Any, rng: np.random.Generator) -> Array:
        """Return n draws of z."""
        raise NotImplementedError

    def standard_moments(self, shape: Any) -> tuple[Any, Any]:
        """Return mean and variance of z; NaN and inf where there is none."""
        raise NotImplementedError

    def information(self, shape: Any) -> tuple[Any, Any, Any]:
        """Return the constants a, b, c of the Fisher information."""
        raise NotImplementedError

    def standard_log_cdf(self, z: Array, shape: Any) -> Array:
        """Return ``log P(z)``."""
        raise NotImplementedError

    def standard_log_sf(self, z: Array, shape: Any) -> Array:
        """Return ``log(1 - P(z))``."""
        return self.standard_log_cdf(-z, shape)

    def standard_hazard(self, z: Array, shape: Any) -> Array:
        """Return ``p / (1 - P)``."""
        raise NotImplementedError

    def standard_reversed_hazard(self, z: Array, shape: Any) -> Array:
        """Return ``p / P``."""
        return self.standard_hazard(-z, shape)

    def standard_below(self, z: Array, shape: Any) -> Array:
        """Return the integral of ``P^2`` up to z."""
        raise NotImplementedError

    def standard_above(self, z: Array, shape: Any) -> Array:
        """Return the integral of ``(1 - P)^2`` from z on."""
        return self.standard_below(-z, shape)

    def standard_crps(self, z: Array, shape: Any) -> Array:
        """Return ``C(z)``, the CRPS at s = 1."""
        return self.standard_below(z, shape) + self.standard_above(z, shape)

    def crps_information(self, shape: Any) -> tuple[Any, Any, Any]:
        """Return the constants a', b', c' of the metric of the CRPS."""
        raise NotImplementedError

    # What follows.

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return ``log p(y)``, shape (n,)."""
        z, _, shape = self._standardised(y, raw)
        return self.standard_log_density(z, shape) - raw[:, 1]

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y <= y)``, shape (n,)."""
        z, _, shape = self._standardised(y, raw)
        return self.standard_cdf(z, shape)

    def sf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y > y)``, shape (n,)."""
        z, _, shape = self._standardised(y, raw)
        return self.standard_sf(z, shape)

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return ``mu + s z`` of the quantile z, shape (n,)."""
        z = self.standard_quantile(p, self.shape(raw))
        return raw[:, 0] + safe_exp(raw[:, 1]) * z

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one draw for each row, shape (n,)."""
        z = self.standard_draws(len(raw), self.shape(raw), rng)
        return raw[:, 0] + safe_exp(raw[:, 1]) * z

    def mean(self, raw: Array) -> Array:
        """Return the mean of each row; NaN where it does not exist, shape (n,)."""
        return (
            raw[:, 0] + safe_exp(raw[:, 1]) * self.standard_moments(self.shape(raw))[0]
        )

    def variance(self, raw: Array) -> Array:
        """Return the variance of each row; inf or NaN where there is none, (n,)."""
        return safe_exp(2.0 * raw[:, 1]) * self.standard_moments(self.shape(raw))[1]

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``(-psi/s, 1 - z psi)``, shape (n, 2)."""
        z, scale, shape = self._standardised(y, raw)
        slope = self.standard_slope(z, shape)
        return columns(-slope / scale, 1.0 - z * slope)

    def fisher(self, raw: Array) -> Array:
        """Return the Fisher information, (n, 2, 2), or (n, 2) if symmetric."""
        scale = safe_exp(raw[:, 1])
        first, cross, second = self.information(self.shape(raw))
        if np.ndim(cross) == 0 and cross == 0.0:
            return columns(first / scale / scale, second)
        return symmetric(first / scale / scale, cross / scale, second)

    def natural_log_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``fisher^-1 gradient``, shape (n, 2)."""
        z, scale, shape = self._standardised(y, raw)
        slope = self.standard_slope(z, shape)
        by_scale = 1.0 - z * slope
        first, cross, second = self.information(shape)
        determinant = first * second - cross * cross
        return columns(
            scale * ((-second * slope - cross * by_scale) / determinant),
            (cross * slope + first * by_scale) / determinant,
        )

    def crps(self, y: Array, raw: Array) -> Array:
        """Return the CRPS, shape (n,)."""
        z, scale, shape = self._standardised(y, raw)
        return scale * self.standard_crps(z, shape)

    def crps_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``(1 - 2P, s (C - z (2P - 1)))``, shape (n, 2)."""
        z, scale, shape = self._standardised(y, raw)
        slope = self.standard_cdf(z, shape) - self.standard_sf(z, shape)
        return columns(-slope, scale * (self.standard_crps(z, shape) - z * slope))

    def crps_metric(self, raw: Array) -> Array:
        """Return the metric of the CRPS, (n, 2, 2), or (n, 2) if symmetric."""
        scale = safe_exp(raw[:, 1])
        first, cross, second = self.crps_information(self.shape(raw))
        if cross == 0.0:
            return columns(2.0 * first / scale, 2.0 * second * scale)
        return symmetric(2.0 * first / scale, 2.0 * cross, 2.0 * second * scale)

    def log_cdf(self, y: Array, raw: Array) -> Array:
        """Return ``log P(Y <= y)``, shape (n,)."""
        z, _, shape = self._standardised(y, raw)
        return self.standard_log_cdf(z, shape)

    def log_sf(self, y: Array, raw: Array) -> Array:
        """Return ``log P(Y > y)``, shape (n,)."""
        z, _, shape = self._standardised(y, raw)
        return self.standard_log_sf(z, shape)

    def log_cdf_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``-r (1/s, z)`` with the reversed hazard r, shape (n, 2)."""
        z, scale, shape = self._standardised(y, raw)
        hazard = self.standard_reversed_hazard(z, shape)
        return columns(-hazard / scale, -hazard * z)

    def log_sf_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``h (1/s, z)`` with the hazard h, shape (n, 2)."""
        z, scale, shape = self._standardised(y, raw)
        hazard = self.standard_hazard(z, shape)
        return columns(hazard / scale, hazard * z)

    def crps_below(self, bound: Array, raw: Array) -> Array:
        """Return the integral of the squared cdf up to `bound`, shape (n,)."""
        z, scale, shape = self._standardised(bound, raw)
        return scale * self.standard_below(z, shape)

    def crps_above(self, bound: Array, raw: Array) -> Array:
        """Return the integral of the squared survival function from `bound` on."""
        z, scale, shape = self._standardised(bound, raw)
        return scale * self.standard_above(z, shape)

    def crps_below_gradient(self, bound: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`crps_below`, shape (n, 2)."""
        z, scale, shape = self._standardised(bound, raw)
        height = self.standard_cdf(z, shape) ** 2
        return columns(-height, scale * (self.standard_below(z, shape) - z * height))

    def crps_above_gradient(self, bound: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`crps_above`, shape (n, 2)."""
        z, scale, shape = self._standardised(bound, raw)
        height = self.standard_sf(z, shape) ** 2
        return columns(height, scale * (self.standard_above(z, shape) + z * height))

    def start(self, y: Array, weight: Array) -> Array:
        """Return mu and log s from the weighted quartiles, shape (2,)."""
        shape = self.shape(np.zeros((1, len(self.links))))
        median, spread = median_and_spread(y, weight)
        ends = self.standard_quantile(np.array([[0.25], [0.5], [0.75]]), shape).ravel()
        scale = floored(spread / (ends[2] - ends[0]), y)
        return np.array([median - scale * ends[1], np.log(scale)])

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the raw parameters of greatest weighted likelihood, shape (K,).

        The scale is at least 1e-10 times the largest target: repeated ones would have
        a likelihood without bound.
        """
        points = y[np.isfinite(y)]
        least = np.log(floored(0.0, points))
        if not is_censored(self, y):
            start = self.start(y, weight)
            if start[1] <= least:
                return start
        raw = super().marginal(y, weight)
        raw[1] = max(raw[1], least)
        return raw

    def _standardised(self, y: Array, raw: Array) -> tuple[Array, Array, Any]:
        """Return z, finite, s, and the shape."""
        scale = safe_exp(raw[:, 1])
        with np.errstate(over="ignore"):
            z = np.clip((y - raw[:, 0]) / scale, -_FARTHEST, _FARTHEST)
        return z, scale, self.shape(raw)


def median_and_spread(y: Array, weight: Array) -> tuple[float, float]:
    """Return the weighted median and the distance of the quartiles.

    Where the quartiles are equal, the standard deviation stands in for their distance.
    """
    low, median, high = (weighted_quantile(y, weight, p) for p in (0.25, 0.5, 0.75))
    if high > low:
        return median, high - low
    return median, weighted_moments(y, weight)[1]
