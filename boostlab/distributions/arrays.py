"""Small arrays of many rows: columns of gradients, and metrics of two parameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def columns(*parts: ArrayLike) -> Array:
    """Return arrays of shape (n,), or numbers, as columns of one, output-major."""
    spread = np.broadcast_arrays(*parts)
    out = np.empty((spread[0].size, len(spread)), order="F")
    for k, part in enumerate(spread):
        out[:, k] = part
    return out


def symmetric(first: ArrayLike, cross: ArrayLike, second: ArrayLike) -> Array:
    """Return the matrices ``[[first, cross], [cross, second]]``, shape (n, 2, 2)."""
    first, cross, second = np.broadcast_arrays(first, cross, second)
    out = np.empty((first.size, 2, 2))
    out[:, 0, 0], out[:, 1, 1] = first, second
    out[:, 0, 1] = out[:, 1, 0] = cross
    return out
