"""Some rows of a large matrix, read when they are needed and not copied at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boostlab import _core
from boostlab.data.scratch import scratch

LARGE = 1 << 20
"""Values from which on a copy of rows would take more memory than it saves time."""

_BLOCK_VALUES = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class TakenRows:
    """Rows of a matrix in memory, as another matrix that owns only their numbers.

    Trees read a table twice, for the borders of bins and for the bins, in blocks that
    are soon dropped. So rows can be held out without a second copy of the table.

    Parameters
    ----------
    matrix : ndarray of float32 or float64, shape (n, n_features)
        All rows, in any memory order.
    rows : ndarray of int64, shape (m,)
        The numbers of those that are taken, in any order.
    """

    matrix: NDArray[np.floating[Any]]
    rows: NDArray[np.int64]

    ndim = 2

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and features."""
        return len(self.rows), self.matrix.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.matrix.dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        """Return ``[:, j]`` as an array, and ``[rows]`` as a matrix of this kind."""
        if not isinstance(index, tuple):
            return TakenRows(self.matrix, self.rows[index])
        rows, j = index
        return self.matrix[self.rows[rows], j]

    def __array__(
        self, dtype: np.dtype[Any] | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        """Return the rows, copied."""
        if copy is False:
            raise ValueError("Rows that were taken can only be read by copying them.")
        return np.asarray(taken(self.matrix, self.rows), dtype)

    def features(self, first: int, stop: int) -> NDArray[np.floating[Any]]:
        """Return the values of some features, shape (m, stop - first)."""
        part = self.matrix[:, first:stop]
        if self.dtype != np.float64:
            return taken(part, self.rows)
        values = scratch((stop - first, len(self)))
        _core.gather(part, self.rows, values)
        return values.T

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.floating[Any]]]]:
        """Yield the values by blocks of rows, and before each where it belongs."""
        size = max(1, _BLOCK_VALUES // self.shape[1])
        for start in range(0, len(self), size):
            rows = slice(start, min(start + size, len(self)))
            yield rows, taken(self.matrix, self.rows[rows])


def take_rows(matrix: NDArray[np.floating[Any]], index: ArrayLike) -> Any:
    """Return rows of a matrix: copied, or where it is large, as :class:`TakenRows`.

    Parameters
    ----------
    matrix : ndarray of shape (n, n_features)
        The matrix, which must not be changed while its rows are in use.
    index : array-like of int or of bool, shape (n,)
        Numbers of rows, or a mask.
    """
    if matrix.size < LARGE:
        return matrix[index]
    index = np.asarray(index)
    rows = np.flatnonzero(index) if index.dtype == bool else index
    return TakenRows(matrix, rows.astype(np.int64, copy=False))


def taken(
    matrix: NDArray[np.floating[Any]], rows: NDArray[np.integer[Any]]
) -> NDArray[np.floating[Any]]:
    """Return some rows, copied, in memory by columns where `matrix` is."""
    by_column = matrix.strides[0] == matrix.itemsize
    return np.take(matrix.T, rows, axis=1).T if by_column else matrix[rows]
