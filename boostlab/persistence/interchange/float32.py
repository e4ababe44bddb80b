"""Thresholds between the two ways to compare: doubles here, floats in XGBoost.

A node of boostlab asks ``x <= threshold`` of the double ``x``; one of XGBoost asks
``float32(x) < t``. Either question can be put as the other, without any loss.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_ABOVE_ALL = 2.0**128
"""Where the float after the largest would be, if there were one."""


def double_threshold(t: ArrayLike) -> NDArray[np.float64]:
    """Return the double thresholds that ask what ``float32(x) < t`` asks.

    For every double `x`, ``x <= double_threshold(t)`` holds exactly where `x`, rounded
    to the nearest float (ties to the even one), is less than `t`. That is the largest
    double that rounds to the float below `t`: half-way to `t` if the float below has
    an even last bit, and else the double before.

    Parameters
    ----------
    t : array-like of float32
        Thresholds of XGBoost; not NaN and not minus infinity, which no value is below.

    Returns
    -------
    ndarray of float64
        Of the shape of `t`.

    Raises
    ------
    ValueError
        If a threshold is NaN or minus infinity.
    """
    t = np.asarray(t, dtype=np.float32)
    if (np.isnan(t) | (t == -np.inf)).any():
        raise ValueError("a split threshold is NaN or minus infinity")
    with np.errstate(over="ignore"):
        below = np.nextafter(t, np.float32(-np.inf))
    upper = np.where(t == np.inf, _ABOVE_ALL, t.astype(np.float64))
    lower = np.where(below == -np.inf, -_ABOVE_ALL, below.astype(np.float64))
    middle = lower + (upper - lower) / 2
    odd = (below.view(np.uint32) & 1).astype(bool)
    return np.where(odd, np.nextafter(middle, -np.inf), middle)


def float32_threshold(threshold: ArrayLike) -> NDArray[np.float32]:
    """Return the floats ``t`` so that ``x < t`` asks what ``x <= threshold`` asks.

    The two agree for every finite float `x`: ``t`` is the float after the largest one
    that is at most `threshold`, or infinity.

    Parameters
    ----------
    threshold : array-like of float64
        Thresholds of boostlab; not NaN.

    Returns
    -------
    ndarray of float32
        Of the shape of `threshold`.
    """
    threshold = np.asarray(threshold, dtype=np.float64)
    with np.errstate(over="ignore"):
        nearest = threshold.astype(np.float32)
        before = np.nextafter(nearest, np.float32(-np.inf))
        at_most = np.where(nearest.astype(np.float64) > threshold, before, nearest)
        return np.nextafter(at_most, np.float32(np.inf))
