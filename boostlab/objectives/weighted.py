"""Weighted statistics in which a row of weight 2 equals the row twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TIE_TOLERANCE = 1e-12
"""Share of the total weight within which a cumulative weight hits a level exactly."""


def weighted_mean(values: Array, weight: Array) -> float:
    """Return the weighted mean of `values`, exact where all values are equal."""
    anchor = float(values[0])
    return anchor + float(np.sum(weight * (values - anchor)) / np.sum(weight))


def weighted_quantile(values: Array, weight: Array, level: float) -> float:
    """Return the middle of the minimisers of the weighted pinball loss.

    That is the smallest value whose cumulative weight reaches ``level`` times the
    total; where it is hit exactly, the midpoint between it and the next value, so
    that the median of two values is their mean.

    Parameters
    ----------
    values, weight : ndarray of shape (n,)
        At least one value; positive weights.
    level : float
        In (0, 1).
    """
    last = len(values) - 1
    if weight.min() == weight.max():
        goal, slack = level * len(values), TIE_TOLERANCE * len(values)
        lower = min(max(int(np.ceil(goal - slack)) - 1, 0), last)
        upper = min(int(np.floor(goal + slack)), last)
        ordered = np.partition(values, (lower, upper))
    else:
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        cumulative = np.cumsum(weight[order])
        total = cumulative[-1]
        goal, slack = level * total, TIE_TOLERANCE * total
        lower = min(int(np.searchsorted(cumulative, goal - slack, "left")), last)
        upper = min(int(np.searchsorted(cumulative, goal + slack, "right")), last)
    low, high = float(ordered[lower]), float(ordered[upper])
    return low if low == high else 0.5 * low + 0.5 * high


def rows_by_cell(ids: NDArray[np.integer], n_cells: int) -> list[NDArray[np.intp]]:
    """Return the rows of each cell, ascending; `ids` of shape (n,) in [0, n_cells)."""
    small = ids.astype(np.uint16) if n_cells <= 1 << 16 else ids  # radix sort
    order = np.argsort(small, kind="stable")
    counts = np.bincount(ids, minlength=n_cells)
    return np.split(order, np.cumsum(counts)[:-1])
