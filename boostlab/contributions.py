"""What a hypothesis adds: values that can add themselves to a raw prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab import _core
from boostlab.parallel import n_threads

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CellValues:
    """A size for each cell: the value that the step fitted there.

    Parameters
    ----------
    values : tuple of ndarray
        One array per partition, aligned with :attr:`Cells.cell_values`.
    """

    values: tuple[Array, ...]

    def __mul__(self, factor: float) -> CellValues:
        return CellValues(tuple(v * factor for v in self.values))

    __rmul__ = __mul__


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """A contribution that is an array of shape (n, K)."""

    array: Array

    def values(self) -> Array:
        """Return the array itself."""
        return self.array

    def add_to(self, raw_prediction: Array, size: Any) -> None:
        """Add ``size * array``; `size` is a number or one number an output."""
        raw_prediction += size * self.array


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """A contribution that is constant on the cells of a partition.

    Either one partition shared by all K outputs, or one partition an output.

    Parameters
    ----------
    ids : ndarray of shape (P, n), int32
        Cell of each row, for P = 1 (shared) or P = K partitions.
    cell_values : tuple of P ndarrays of shape (n_cells, K) or (n_cells, 1)
        Value of each cell of each partition.
    """

    ids: NDArray[np.int32]
    cell_values: tuple[Array, ...]

    def values(self) -> Array:
        """Return the contribution as an array (n, K), Fortran order."""
        n_outputs = sum(table.shape[1] for table in self.cell_values)
        values = np.empty((self.ids.shape[1], n_outputs), order="F")
        output = 0
        for ids, table in zip(self.ids, self.cell_values, strict=True):
            for column in table.T:
                # By "clip", which changes nothing here, NumPy needs no buffer.
                np.take(column, ids, out=values[:, output], mode="clip")
                output += 1
        return values

    def add_to(self, raw_prediction: Array, size: Any) -> None:
        """Add the scaled cell values; a :class:`CellValues` replaces them."""
        values = scaled_cells(self.cell_values, size)
        output = 0
        for ids, table in zip(self.ids, values, strict=True):
            for column in range(table.shape[1]):
                _core.add_cells(
                    raw_prediction[:, output],
                    ids,
                    np.ascontiguousarray(table[:, column]),
                    n_threads(),
                )
                output += 1


def scaled_cells(cell_values: tuple[Array, ...], size: Any) -> tuple[Array, ...]:
    """Return the values that cells add under `size`, a number, (K,), or CellValues."""
    if isinstance(size, CellValues):
        return size.values
    if np.ndim(size) == 0 or len(cell_values) == 1:
        return tuple(size * v for v in cell_values)
    return tuple(s * v for s, v in zip(size, cell_values, strict=True))
