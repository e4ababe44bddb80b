"""Rows that belong together, such as the documents of one query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Which of n rows belong together; the rows of a group need not be neighbours.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        The group of each row, 0 .. Q-1; every one of them has a row.
    rows : ndarray of int32, shape (n,)
        The rows, group after group, ascending within each.
    starts : ndarray of int64, shape (Q + 1,)
        Group q is ``rows[starts[q] : starts[q + 1]]``.
    """

    codes: NDArray[np.intp]
    rows: NDArray[np.int32]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, labels: NDArray[Any]) -> Groups:
        """Return the groups of equal labels (n,), of any values that can be sorted."""
        codes = np.unique(labels, return_inverse=True)[1].reshape(-1)
        sizes = np.bincount(codes)
        rows = np.argsort(codes, kind="stable").astype(np.int32)
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return cls(codes, rows, starts)

    @classmethod
    def one(cls, n_rows: int) -> Groups:
        """Return a single group of all rows."""
        return cls.of(np.zeros(n_rows, dtype=np.intp))

    def __len__(self) -> int:
        """Number of groups Q."""
        return len(self.starts) - 1

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Number of rows of each group, shape (Q,)."""
        return np.diff(self.starts)

    def take(self, index: NDArray[Any]) -> Groups:
        """Return the groups of some rows, a mask or positions, numbered anew."""
        return Groups.of(self.codes[index])

    def row_sums(self, code: NDArray[np.uint64], weight: Array) -> NDArray[np.uint64]:
        """Return the sum of the rows' words in each group, modulo 2^64, in no order.

        A row counts as often as its weight is a multiple of the least in its group.
        """
        least = self.reduce(np.minimum, weight)[self.codes]
        return self.reduce(np.add, code * np.rint(weight / least).astype(np.uint64))

    def reduce(self, ufunc: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
        """Return ``ufunc`` over the values (n,) of each group, shape (Q,).

        Rows are taken in their order, so sums of floats depend on it.
        """
        return ufunc.reduceat(values[self.rows], self.starts[:-1])


def check_group(group: Any, n_rows: int, name: str) -> NDArray[Any]:
    """Return the label of each row's group as an array that can be sorted, shape (n,).

    Parameters
    ----------
    group : array-like of shape (n,)
        Numbers, strings or any other hashable values, in any order.
    n_rows : int
        Number of rows.
    name : str
        What to call it in messages.

    Raises
    ------
    ValueError
        If there is not one label for each row, or one is missing.
    """
    if isinstance(group, list | tuple):
        labels = np.fromiter(group, dtype=object, count=len(group))
    else:
        labels = np.asarray(group)
    if labels.shape != (n_rows,):
        raise ValueError(_shape_fault(labels, n_rows, name))
    if labels.dtype.kind != "O":
        missing = labels != labels
    else:
        missing = np.array([v is None or v != v for v in labels.tolist()], dtype=bool)
    if missing.any():
        raise ValueError(
            f"{name} is missing (None or NaN) in {np.count_nonzero(missing)} rows; "
            "give every row the query that it belongs to."
        )
    return labels if labels.dtype.kind != "O" else _numbered(labels, name)


def _numbered(labels: NDArray[Any], name: str) -> NDArray[Any]:
    """Return objects as numbers: in their order, or by first appearance without one."""
    try:
        return np.unique(labels, return_inverse=True)[1].reshape(-1)
    except TypeError:  # some of them cannot be compared
        pass
    try:
        known = {label: code for code, label in enumerate(dict.fromkeys(labels))}
    except TypeError as error:
        raise ValueError(
            f"{name} holds values that cannot be told apart ({error}); give numbers, "
            "strings or other hashable values."
        ) from None
    return np.array([known[label] for label in labels], dtype=np.intp)


def _shape_fault(labels: NDArray[Any], n_rows: int, name: str) -> str:
    """Say what is wrong with the shape, and guess that sizes were given."""
    hint = ""
    if labels.ndim == 1 and labels.dtype.kind in "iuO" and len(labels):
        sizes = [s for s in labels.tolist() if isinstance(s, int)]
        if len(sizes) == len(labels) and sum(sizes) == n_rows:
            hint = (
                "; from the sizes of queries of neighbouring rows, as other libraries "
                "take them, make np.repeat(np.arange(len(sizes)), sizes)"
            )
    return (
        f"{name} has shape {labels.shape}; give the query of each of the {n_rows} "
        f"rows, shape ({n_rows},){hint}."
    )
