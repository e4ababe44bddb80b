"""The numbers of a large frame, read column by column and never all at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.data.scratch import scratch

Numbers = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class FrameColumn:
    """One feature: an array, or how to read it from the frame.

    Parameters
    ----------
    source : ndarray of shape (n,), or callable that returns it
        Floats, NaN where missing.
    is_taken : bool
        Whether it holds just the rows that were taken, and not all of the frame.
    """

    source: Numbers | Callable[[], Numbers]
    is_taken: bool = False

    def values(self, rows: NDArray[np.int64] | None) -> Numbers:
        """Return the values of some rows of the frame; None stands for all."""
        values = self.source() if callable(self.source) else self.source
        return values if rows is None or self.is_taken else values[rows]


@dataclass(frozen=True, slots=True, eq=False)
class FrameValues:
    """A matrix whose features are the columns of a frame, or what was made of them.

    Trees read a table by few features at a time, so that a frame of several types need
    not be there a second time, as floats. What asks for all of it gets a copy.

    Parameters
    ----------
    columns : tuple of FrameColumn
        One a feature.
    dtype : dtype
        float32 or float64.
    n_rows : int
        Rows of the frame.
    rows : ndarray of int64, shape (m,), or None
        Those that are taken; None for all.
    """

    columns: tuple[FrameColumn, ...]
    dtype: np.dtype[Any]
    n_rows: int
    rows: NDArray[np.int64] | None = None

    ndim = 2

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and features."""
        n_rows = self.n_rows if self.rows is None else len(self.rows)
        return n_rows, len(self.columns)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Any:
        """Return ``[:, j]`` as an array, and ``[rows]`` as a matrix of this kind."""
        if isinstance(index, tuple):
            rows, j = index
            return self.features(j, j + 1)[rows, 0]
        rows = np.arange(self.n_rows) if self.rows is None else self.rows
        columns = (
            FrameColumn(column.values(None)[index], True) if column.is_taken else column
            for column in self.columns
        )
        return replace(self, columns=tuple(columns), rows=rows[index])

    def __array__(
        self, dtype: np.dtype[Any] | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        """Return the whole matrix, copied."""
        if copy is False:
            raise ValueError("The columns of a frame are one matrix only as a copy.")
        out = np.empty(self.shape, self.dtype if dtype is None else dtype, order="F")
        for j, column in enumerate(self.columns):
            out[:, j] = column.values(self.rows)
        return out

    def features(self, first: int, stop: int) -> Numbers:
        """Return the values of some features, shape (m, stop - first)."""
        out = scratch((stop - first, len(self)), self.dtype)
        for values, column in zip(out, self.columns[first:stop], strict=True):
            values[:] = column.values(self.rows)
        return out.T

    def recoded(
        self,
        new_codes: Mapping[int, NDArray[np.float64]],
        own: Mapping[int, NDArray[np.float64]],
    ) -> FrameValues:
        """Return the matrix with other numbers for the codes of some features.

        Parameters
        ----------
        new_codes : dict of int to ndarray
            By feature: the number for each code, and last for what is missing.
        own : dict of int to ndarray of shape (m,)
            By feature: the values of the rows that are taken, instead.
        """
        columns = list(self.columns)
        for j, new in new_codes.items():
            values = own.get(j)
            if values is None:
                codes = columns[j].values(self.rows)
                codes = np.where(np.isnan(codes), len(new) - 1, codes)
                values = narrowed(new)[codes.astype(np.intp)]
            columns[j] = FrameColumn(values, is_taken=True)
        return replace(self, columns=tuple(columns))


def frame_values(
    columns: Sequence[Numbers | Callable[[], Numbers]], dtype: Any, n_rows: int
) -> FrameValues:
    """Return the matrix of these features, all rows of them."""
    return FrameValues(
        tuple(FrameColumn(column) for column in columns), np.dtype(dtype), n_rows
    )


def narrowed(values: Numbers) -> Numbers:
    """Return numbers as float32 where that is exact."""
    narrow = values.astype(np.float32)
    return narrow if np.array_equal(narrow, values, equal_nan=True) else values
