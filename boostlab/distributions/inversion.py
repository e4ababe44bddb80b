"""Quantiles by inverting a cdf, for families without a formula for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST_STEPS = 200
CLOSE = 1e-13
"""Width, relative to the place, at which a root is taken for found."""


def invert_cdf(
    p: Array,
    cdf: Callable[[Array, NDArray[np.intp]], Array],
    slope: Callable[[Array, NDArray[np.intp]], Array],
    low: Array,
    high: Array,
) -> Array:
    """Return x with ``cdf(x) = p`` for each row, by Newton steps within a bracket.

    A step that leaves the bracket, or that does not halve it in time, becomes a
    bisection, so that the number of steps is bounded whatever the slope.

    Parameters
    ----------
    p : ndarray of shape (n,)
        Probabilities.
    cdf, slope : callable ``(x, rows) -> ndarray``
        The cdf and its derivative by x at some rows, given by their numbers.
    low, high : ndarray of shape (n,)
        Ends with ``cdf(low) <= p <= cdf(high)``.
    """
    x = low / 2 + high / 2
    low, high = low.copy(), high.copy()
    rows = np.arange(len(p))
    with np.errstate(all="ignore"):
        for step in range(MOST_STEPS):
            at = x[rows]
            gap = cdf(at, rows) - p[rows]
            low[rows] = np.where(gap < 0, at, low[rows])
            high[rows] = np.where(gap < 0, high[rows], at)
            newton = at - gap / slope(at, rows)
            size = CLOSE * np.maximum(np.abs(at), 1e-300)
            done = (gap == 0) | (np.abs(newton - at) <= size)
            inside = (newton > low[rows]) & (newton < high[rows]) & (step % 4 < 3)
            middle = low[rows] / 2 + high[rows] / 2
            x[rows] = np.where(done, at, np.where(inside, newton, middle))
            rows = rows[~done & (high[rows] - low[rows] > size)]
            if not len(rows):
                break
    return x
