"""What families of positive targets share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boostlab.distributions.moments import SMALLEST, weighted_moments
from boostlab.distributions.supports import safe_exp

Array = NDArray[np.float64]

_LEAST = float(np.finfo(np.float64).tiny)
_FARTHEST = 1e150
"""Most that a target over its scale can be, so that its square is finite."""


def log_targets(y: Array) -> Array:
    """Return the log of targets, finite also for 0 and below."""
    return np.log(np.maximum(y, _LEAST))


def over_scale(y: Array, log_scale: Array) -> tuple[Array, Array]:
    """Return the share ``y / scale``, at least 0 and finite, and the scale."""
    scale = safe_exp(log_scale)
    with np.errstate(over="ignore"):
        return np.clip(y / scale, 0.0, _FARTHEST), scale


def positive_only(y: Array, weight: Array) -> tuple[Array, Array]:
    """Return the rows with positive targets; one target of 1 if there is none.

    Bounds of censored targets may be 0, of which the logarithm says nothing.
    """
    inside = y > 0
    if not inside.any():
        return np.ones(1), np.ones(1)
    return y[inside], weight[inside]


def log_moments(y: Array, weight: Array) -> tuple[float, float]:
    """Return weighted mean and standard deviation of ``log y``, of positive targets.

    The deviation is at least 1e-10, which is the relative spread of equal targets.
    """
    y, weight = positive_only(y, weight)
    mean, deviation = weighted_moments(np.log(y), weight)
    return mean, max(deviation, SMALLEST)
