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


def log_moments(y: Array, weight: Array) -> tuple[float, float]:
    """Return weighted mean and standard deviation of ``log y``.

    The deviation is at least 1e-10, which is the relative spread of equal targets.
    """
    mean, deviation = weighted_moments(log_targets(y), weight)
    return mean, max(deviation, SMALLEST)
