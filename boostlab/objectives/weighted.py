"""Weighted statistics in which a row of weight 2 equals the row twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boostlab.reduce import first_of, total

Array = NDArray[np.float64]

TIE_TOLERANCE = 1e-12
"""Share of the total weight within which a cumulative weight hits a level exactly."""

LARGE, SAMPLE, MARGIN = 8192, 2048, 0.04
"""From how many values on a sample tells, within a margin, where the quantile is."""


def weighted_mean(values: Array, weight: Array) -> float:
    """Return the weighted mean over all rows, exact where all values are equal."""
    anchor = first_of(values)
    return anchor + total(weight * (values - anchor)) / total(weight)


def mean_of_rows(values: Array, weight: Array) -> float:
    """Return the weighted mean over these rows, exact where all values are equal."""
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
    if weight.min() == weight.max():
        return _plain_quantile(values, level)
    total = float(np.sum(weight))
    goal, slack = level * total, TIE_TOLERANCE * total
    values, weight, below = _around(values, weight, level, goal, slack)
    order = np.argsort(values, kind="stable")
    cumulative = below + np.cumsum(weight[order])
    last = len(values) - 1
    lower = min(int(np.searchsorted(cumulative, goal - slack, "left")), last)
    upper = min(int(np.searchsorted(cumulative, goal + slack, "right")), last)
    return _middle(values[order[lower]], values[order[upper]])


def _plain_quantile(values: Array, level: float) -> float:
    """Return the quantile where all weights are equal."""
    last = len(values) - 1
    goal, slack = level * len(values), TIE_TOLERANCE * len(values)
    lower = min(max(int(np.ceil(goal - slack)) - 1, 0), last)
    upper = min(int(np.floor(goal + slack)), last)
    ordered = np.partition(values, (lower, upper))
    return _middle(ordered[lower], ordered[upper])


def _middle(low: float, high: float) -> float:
    return float(low) if low == high else 0.5 * float(low) + 0.5 * float(high)


def _around(
    values: Array, weight: Array, level: float, goal: float, slack: float
) -> tuple[Array, Array, float]:
    """Return the values near the quantile and the weight below them: less to sort.

    A sample guesses where they are. If the quantile is elsewhere after all, and
    where there are few values, all of them are returned.
    """
    if len(values) < LARGE:
        return values, weight, 0.0
    stride = len(values) // SAMPLE
    sample, sample_weight = values[::stride], weight[::stride]
    order = np.argsort(sample, kind="stable")
    share = np.cumsum(sample_weight[order]) / np.sum(sample_weight)
    first, last = np.searchsorted(share, [level - MARGIN, level + MARGIN])
    low = sample[order[first]] if first > 0 else -np.inf
    high = sample[order[last]] if last < len(order) else np.inf
    near = (values >= low) & (values <= high)
    below = float(np.sum(weight[values < low]))
    inside = weight[near]
    if below < goal - slack and goal + slack < below + float(np.sum(inside)):
        return values[near], inside, below
    return values, weight, 0.0


def rows_by_cell(ids: NDArray[np.integer], n_cells: int) -> list[NDArray[np.intp]]:
    """Return the rows of each cell, ascending; `ids` of shape (n,) in [0, n_cells)."""
    small = ids.astype(np.uint16) if n_cells <= 1 << 16 else ids  # radix sort
    order = np.argsort(small, kind="stable")
    counts = np.bincount(ids, minlength=n_cells)
    return np.split(order, np.cumsum(counts)[:-1])
