"""The tidy drawing of trees: nodes of one depth side by side, close together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def depths(left: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return the number of splits above each node."""
    depth = np.zeros(len(left), dtype=np.intp)
    for i in np.flatnonzero(left >= 0):  # parents come before their children
        depth[left[i]] = depth[left[i] + 1] = depth[i] + 1
    return depth


def tidy_positions(left: NDArray[np.int32], sizes: Array) -> Array:
    """Return where the nodes of each depth lie, side by side and close together.

    A parent lies half-way between its children, equal subtrees look equal, and no two
    nodes of one depth overlap.

    Parameters
    ----------
    left : ndarray of shape (n_nodes,), int
        Left child of each node, the right one being the next; -1 in leaves.
    sizes : ndarray of shape (n_nodes,)
        Room that each node takes, gap included.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Centres, that of the root at 0.

    References
    ----------
    Reingold, Tilford (1981), Tidier drawings of trees.
    """
    n_nodes = len(left)
    apart = np.zeros(n_nodes)
    # For each subtree the first and the last edge at every depth below its root.
    low: list[Array] = [np.array([-size / 2]) for size in sizes]
    high: list[Array] = [np.array([size / 2]) for size in sizes]
    for i in range(n_nodes - 1, -1, -1):
        if left[i] < 0:
            continue
        a, b = int(left[i]), int(left[i]) + 1
        both = min(len(low[a]), len(low[b]))
        apart[i] = (high[a][:both] - low[b][:both]).max()
        deeper = a if len(low[a]) > len(low[b]) else b
        shift = apart[i] / 2 * (1 if deeper == b else -1)
        first = np.minimum(low[a][:both] - apart[i] / 2, low[b][:both] + apart[i] / 2)
        last = np.maximum(high[a][:both] - apart[i] / 2, high[b][:both] + apart[i] / 2)
        low[i] = np.concatenate([low[i], first, low[deeper][both:] + shift])
        high[i] = np.concatenate([high[i], last, high[deeper][both:] + shift])
        low[a] = low[b] = high[a] = high[b] = np.empty(0)
    positions = np.zeros(n_nodes)
    for i in np.flatnonzero(left >= 0):
        positions[left[i]] = positions[i] - apart[i] / 2
        positions[left[i] + 1] = positions[i] + apart[i] / 2
    return positions
