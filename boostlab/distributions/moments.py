"""Weighted moments that neither overflow nor vanish."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SMALLEST = 1e-10
"""Least scale of a marginal fit, as a share of the largest target."""


def weighted_moments(y: Array, weight: Array) -> tuple[float, float]:
    """Return the weighted mean and standard deviation of targets of any size.

    Parameters
    ----------
    y, weight : ndarray of shape (n,)
        Targets and positive weights.
    """
    unit = float(np.max(np.abs(y)))
    if unit == 0:
        return 0.0, 0.0
    # A target's and a weight's share is at most 1, so nothing can overflow.
    share = weight / np.max(weight)
    scaled, total = y / unit, np.sum(share)
    mean = np.sum(share * scaled) / total
    variance = np.sum(share * (scaled - mean) ** 2) / total
    return float(mean * unit), float(np.sqrt(variance) * unit)


def floored(scale: float, y: Array) -> float:
    """Return `scale`, but at least 1e-10 times the largest target (1 if all are 0)."""
    unit = float(np.max(np.abs(y)))
    tiny = float(np.finfo(np.float64).tiny)
    return max(scale, SMALLEST * (unit if unit > 0 else 1.0), tiny)


def weighted_quantile(y: Array, weight: Array, p: float) -> float:
    """Return the least target up to which the share `p` of the weight lies."""
    order = np.argsort(y, kind="stable")
    below = np.cumsum(weight[order])
    # The sum is rounded, so that "at least p" must allow for its last digits.
    place = np.searchsorted(below, p * below[-1] * (1.0 - 1e-12))
    return float(y[order[min(place, len(y) - 1)]])
