"""Targets that are known only to lie in an interval.

Censored targets have shape (n, 2), the lower and the upper end of each row: equal ends
are an observed value, an upper end of inf is a right-censored value, a lower end of
-inf a left-censored one, and two finite ends an interval ``low < y <= high``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from boostlab.distributions.base import Distribution

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

NARROW = 1e-6
"""Relative probability of an interval below which it is taken for a point."""


def is_censored(distribution: Distribution, y: Array) -> bool:
    """Return whether `y` holds intervals."""
    return y.ndim == 2 and not distribution.multivariate


def kinds(y: Array) -> tuple[Mask, Mask, Mask, Mask]:
    """Return which rows are points, right-censored, left-censored, and intervals."""
    low, high = y[:, 0], y[:, 1]
    point = low == high
    right = np.isposinf(high)
    left = np.isneginf(low)
    return point, right, left, ~(point | right | left)


def representative(y: Array) -> Array:
    """Return a finite value of each interval, to start a fit from, shape (n,)."""
    low, high = y[:, 0], y[:, 1]
    low = np.where(np.isfinite(low), low, high)
    high = np.where(np.isfinite(high), high, low)
    return 0.5 * low + 0.5 * high


def censored_log_score(distribution: Distribution, y: Array, raw: Array) -> Array:
    """Return ``-log`` of each interval's probability, or of a point's density, (n,)."""
    score = np.empty(len(y))
    point, right, left, between = kinds(y)
    low, high = y[:, 0], y[:, 1]
    for rows, log_probability, at in (
        (point, distribution.log_density, high),
        (right, distribution.log_sf, low),
        (left, distribution.log_cdf, high),
    ):
        if rows.any():
            score[rows] = -log_probability(at[rows], raw[rows])
    if between.any():
        ends = low[between], high[between], raw[between]
        outer, ratio, _, _ = _difference(distribution, *ends)
        inside = -outer - np.log1p(-np.minimum(ratio, 1.0 - NARROW))
        score[between] = np.where(
            ratio < 1.0 - NARROW, inside, _narrow(distribution, *ends)
        )
    return score


def censored_log_gradient(distribution: Distribution, y: Array, raw: Array) -> Array:
    """Return the derivatives of :func:`censored_log_score`, shape (n, K)."""
    gradient = np.empty(raw.shape, order="F")
    point, right, left, between = kinds(y)
    low, high = y[:, 0], y[:, 1]
    if point.any():
        gradient[point] = distribution.log_score_gradient(high[point], raw[point])
    if right.any():
        gradient[right] = -distribution.log_sf_gradient(low[right], raw[right])
    if left.any():
        gradient[left] = -distribution.log_cdf_gradient(high[left], raw[left])
    if between.any():
        _, ratio, outer, inner = _difference(
            distribution, low[between], high[between], raw[between], slopes=True
        )
        ratio = ratio[:, None]
        inside = -(outer - ratio * inner) / (1.0 - np.minimum(ratio, 1.0 - NARROW))
        # The difference of nearly equal numbers has no digits; the limit has.
        middle = _middle(distribution, low[between], high[between])
        limit = distribution.log_score_gradient(middle, raw[between])
        gradient[between] = np.where(ratio < 1.0 - NARROW, inside, limit)
    return gradient


def _middle(distribution: Distribution, low: Array, high: Array) -> Array:
    return high if distribution.discrete else 0.5 * low + 0.5 * high


def _narrow(distribution: Distribution, low: Array, high: Array, raw: Array) -> Array:
    """Return the log score of intervals so narrow that their density is constant."""
    middle = _middle(distribution, low, high)
    return -distribution.log_density(middle, raw) - np.log(high - low)


def _difference(
    distribution: Distribution,
    low: Array,
    high: Array,
    raw: Array,
    slopes: bool = False,
) -> tuple[Array, Array, Array | None, Array | None]:
    """Write ``F(high) - F(low)`` as ``exp(outer) * (1 - ratio)`` without cancellation.

    In the upper half it is the difference of the survival functions. Returned are
    outer, ratio, and the derivatives of both logarithms, or None for these.
    """
    log_low, log_high = distribution.log_cdf(low, raw), distribution.log_cdf(high, raw)
    sf_low, sf_high = distribution.log_sf(low, raw), distribution.log_sf(high, raw)
    lower = log_low < sf_low
    outer = np.where(lower, log_high, sf_low)
    ratio = np.exp(np.where(lower, log_low - log_high, sf_high - sf_low))
    if not slopes:
        return outer, ratio, None, None
    lower = lower[:, None]
    slope_outer = np.where(
        lower,
        distribution.log_cdf_gradient(high, raw),
        distribution.log_sf_gradient(low, raw),
    )
    slope_inner = np.where(
        lower,
        distribution.log_cdf_gradient(low, raw),
        distribution.log_sf_gradient(high, raw),
    )
    # At the end of the support the logarithm has no slope, and no part in the result.
    slope_inner = np.where(ratio[:, None] > 0, slope_inner, 0.0)
    return outer, ratio, slope_outer, slope_inner


def censored_crps(distribution: Distribution, y: Array, raw: Array) -> Array:
    """Return the CRPS without the part over each interval, where y is unknown, (n,)."""
    score = np.zeros(len(y))
    low, high = y[:, 0], y[:, 1]
    below, above = ~np.isneginf(low), ~np.isposinf(high)
    score[below] = distribution.crps_below(low[below], raw[below])
    score[above] += distribution.crps_above(high[above], raw[above])
    return score


def censored_crps_gradient(distribution: Distribution, y: Array, raw: Array) -> Array:
    """Return the derivatives of :func:`censored_crps`, shape (n, K)."""
    gradient = np.zeros(raw.shape, order="F")
    low, high = y[:, 0], y[:, 1]
    below, above = ~np.isneginf(low), ~np.isposinf(high)
    gradient[below] = distribution.crps_below_gradient(low[below], raw[below])
    gradient[above] += distribution.crps_above_gradient(high[above], raw[above])
    return gradient
