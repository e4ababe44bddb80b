"""Hashes of rows: chance that belongs to a row's contents and not to its place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Words = NDArray[np.uint64]


def hash_rows(columns: Iterable[NDArray[Any]], n_rows: int, seed: int) -> Words:
    """Return 64 bits for each row that depend on its values and the seed, shape (n,).

    Parameters
    ----------
    columns : iterable of ndarray of shape (n,)
        Numbers; both zeros are equal, and so are all NaN.
    n_rows : int
        Number of rows n.
    seed : int
        0 .. 2^64 - 1.
    """
    code = np.full(n_rows, seed, dtype=np.uint64)
    for values in columns:
        # Adding zero makes +0 of -0, which are equal but have different bits.
        column = values.astype(np.float64) + 0.0
        column[np.isnan(column)] = np.nan
        code = mix(code ^ column.view(np.uint64))
    return code


def mix(code: Words) -> Words:
    """Scramble 64-bit words; the finaliser of SplitMix64 (Steele et al., 2014)."""
    code = code + np.uint64(0x9E3779B97F4A7C15)
    code = (code ^ (code >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    code = (code ^ (code >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return code ^ (code >> np.uint64(31))


def uniform(code: Words, seed: int) -> Array:
    """Return numbers in [0, 1) that depend on words and a seed, shape (n,)."""
    return (mix(code ^ np.uint64(seed)) >> np.uint64(11)) * 2.0**-53
