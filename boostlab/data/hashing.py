"""Hashes of rows: chance that belongs to a row's contents and not to its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from boostlab import _core
from boostlab.parallel import n_threads

if TYPE_CHECKING:
    from boostlab.data.table import Table

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
        if values.dtype not in (np.float32, np.float64):
            values = values.astype(np.float64)
        _core.hash_rows(values[:, None], code, n_threads())
    return code


@dataclass(frozen=True, slots=True)
class RowCodes:
    """The view of a table as 64 bits for each row: equal rows have equal bits."""

    def fit(self, table: Table) -> None:
        """Learn nothing."""

    def apply(self, fitted: None, table: Table) -> Words:
        """Return the bits, shape (n,)."""
        return hash_rows(table.columns(), table.n_samples, 0)


FREQUENT_SHARE, FREQUENT_ROWS = 0.002, 6
"""Of the weight and rows from which on equal rows are drawn one by one."""


def told_apart(code: Words, weight: Array) -> Words:
    """Return the codes with the rows of frequent ones told apart by their number.

    Equal rows have equal codes, so that a draw by code takes all of them or none: then
    nobody is asked what he has seen, and a row of weight 2 is that row given twice. But
    where some values are so frequent that the draw would leave out, say, all rows of
    one class among those with some features, their rows are drawn one by one.

    Parameters
    ----------
    code : ndarray of uint64, shape (n,)
        Hashes of the rows.
    weight : ndarray of shape (n,)
        Their weights.
    """
    slots = (code >> np.uint64(48)).astype(np.intp)
    totals = np.bincount(slots, weight, 1 << 16)
    least = FREQUENT_SHARE * totals.sum()
    rows = np.flatnonzero((totals > least)[slots])
    if len(rows) < FREQUENT_ROWS:
        return code
    _, where, counts = np.unique(code[rows], return_inverse=True, return_counts=True)
    is_frequent = np.bincount(where, weight[rows]) > least
    is_frequent &= counts >= FREQUENT_ROWS
    order = np.argsort(where, kind="stable")
    number = np.empty(len(rows), dtype=np.uint64)
    number[order] = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = is_frequent[where]
    code = code.copy()
    code[rows[chosen]] = mix(code[rows[chosen]] ^ mix(number[chosen]))
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
