"""A table in a file: read from its source once, then by features or by rows.

The file has no name, so that the system frees its space whatever becomes of the
process. Every feature of every block of rows is one piece of it, in the narrowest type
that gives the same floats back, bit for bit. Pieces are read in sequence, which is why
they may be narrowed one by one; nothing slower than that (zlib or zstd, which win a few
per cent on real numbers) pays at the speed of a disk.
"""

from __future__ import annotations

import errno
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Types of the pieces, the narrowest first; only numbers of types are remembered.
_TYPES = (np.int8, np.int16, np.float32, np.float64)
# Values that are tried in a narrow type before all of them are.
_PROBE = 256


class SpillFile:
    """A nameless file that arrays are appended to and read from, from any thread.

    Parameters
    ----------
    directory : str, optional
        The folder, of :mod:`tempfile` if None.
    """

    def __init__(self, directory: str | None) -> None:
        self.directory = tempfile.gettempdir() if directory is None else directory
        self._file = nameless(self.directory)
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self.size = 0

    def append(self, values: Array) -> tuple[int, int]:
        """Write floats to the end; return their place and the number of their type.

        Raises
        ------
        OSError
            If the disk is full.
        """
        kind, narrow = narrowed(values)
        with self._lock:
            place = self.size
            write_at(self._file, place, narrow, self.directory)
            self.size += narrow.nbytes
        return place, kind

    def read(self, place: int, kind: int, length: int) -> Array:
        """Return the floats of a piece."""
        narrow = np.empty(length, _TYPES[kind])
        into = memoryview(narrow.view(np.uint8))
        with self._lock:
            self._file.seek(place)
            while len(into):
                n_read = self._file.readinto(into)
                if not n_read:
                    raise OSError(
                        errno.EIO, "The file of the chunks ends early", self.directory
                    )
                into = into[n_read:]
        return widened(narrow)


def nameless(directory: str) -> BinaryIO:
    """Return a new file that is gone when it is closed, or its process is.

    Raises
    ------
    OSError
        If the folder does not take files.
    """
    try:
        return tempfile.TemporaryFile(dir=directory, buffering=0)
    except OSError as error:
        raise OSError(
            error.errno,
            f"No file can be made in the folder of the chunks ({error.strerror}); give "
            "Chunks(directory=...) a folder that can be written",
            directory,
        ) from None


def write_at(file: BinaryIO, offset: int, values: NDArray[Any], directory: str) -> None:
    """Write a contiguous array, all of it; one sentence if the disk is full."""
    left = memoryview(values.reshape(-1).view(np.uint8))
    try:
        file.seek(offset)
        while len(left):
            left = left[file.write(left) :]
    except OSError as error:
        raise disk_full(error, offset, directory) from None


def disk_full(error: OSError, size: int, directory: str) -> OSError:
    """Return one sentence if a disk has no room; else the error as it is."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return error
    return OSError(
        error.errno,
        f"The disk has no room for {size / 1e9:.3g} GB of a table that is read in "
        f"chunks ({error.strerror}); give Chunks(directory=...) a folder with more",
        directory,
    )


def narrowed(values: Array) -> tuple[int, NDArray[Any]]:
    """Return floats in the narrowest type that gives them back, and its number.

    In whole numbers NaN is the least of them. What the bits of a NaN are besides is
    lost.
    """
    for kind, dtype in enumerate(_TYPES[:-1]):
        if _narrow(values[:_PROBE], dtype) is not None:
            narrow = _narrow(values, dtype)
            if narrow is not None:
                return kind, narrow
    return len(_TYPES) - 1, np.ascontiguousarray(values)


def _narrow(values: Array, dtype: type) -> NDArray[Any] | None:
    """Return floats in a narrow type; None if some are lost by it."""
    missing = np.isnan(values)
    whole = issubclass(dtype, np.integer)
    if whole:
        bounds = np.iinfo(dtype)
        filled = np.where(missing, 0, values)
        if len(filled) and not (
            bounds.min < filled.min() and filled.max() <= bounds.max
        ):
            return None
        narrow = filled.astype(dtype)
    else:
        with np.errstate(over="ignore"):
            narrow = values.astype(dtype)
    # By bits, since there are two zeros.
    same = narrow.astype(np.float64).view(np.int64) == values.view(np.int64)
    if not (same | missing).all():
        return None
    if whole:
        narrow[missing] = bounds.min
    return narrow


def widened(narrow: NDArray[Any]) -> Array:
    """Return the floats that :func:`narrowed` was given."""
    values = narrow.astype(np.float64, copy=False)
    if narrow.dtype.kind == "i":
        values[narrow == np.iinfo(narrow.dtype).min] = np.nan
    return values


@dataclass(frozen=True, slots=True, eq=False)
class SpilledColumn:
    """One feature in a file.

    Parameters
    ----------
    places : ndarray of int64, shape (n_blocks,)
        Where in the file its values are, block after block.
    kinds : ndarray of uint8, shape (n_blocks,)
        The number of their type.
    numbers : ndarray of shape (n_codes + 1,), optional
        What each code, and last what is missing, stands for; None for the values
        themselves.
    held : ndarray of bool, optional
        Which rows of the file there are values of; None for all.
    """

    places: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    numbers: Array | None = None
    held: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SpilledValues:
    """A matrix of floats in a file, of which some rows may be selected.

    It stands for the array (n, f) in :class:`~boostlab.data.table.Table`. Nothing of it
    is in memory but what :meth:`features` and :meth:`blocks` return.

    Parameters
    ----------
    file : SpillFile
        Where the values are.
    starts : ndarray of int64, shape (n_blocks + 1,)
        The first row of each block, and the number of rows in the file.
    columns : tuple of SpilledColumn
        The features.
    selected : ndarray of bool, optional
        Which rows of the file are rows of the matrix; None for all.
    """

    file: SpillFile
    starts: NDArray[np.int64]
    columns: tuple[SpilledColumn, ...]
    selected: NDArray[np.bool_] | None = None
    shape: tuple[int, int] = field(init=False)
    ndim: ClassVar[int] = 2
    dtype: ClassVar[np.dtype[Any]] = np.dtype(np.float64)

    def __post_init__(self) -> None:
        rows = self.starts[-1] if self.selected is None else self.selected.sum()
        object.__setattr__(self, "shape", (int(rows), len(self.columns)))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Any:
        """Return some rows, ascending, as matrix; or one feature, ``[:, j]``."""
        if isinstance(index, tuple):
            rows, j = index
            if rows != slice(None):
                raise TypeError("Of a table on disk, take rows or a feature, not both.")
            return self.features(j, j + 1)[:, 0]
        n_rows = len(self)
        chosen = np.zeros(n_rows, dtype=bool)
        chosen[index] = True
        positions = np.arange(n_rows)[index]
        if (positions[1:] <= positions[:-1]).any():
            raise ValueError(
                "The rows of a table on disk can only be taken in ascending order, "
                "each of them once."
            )
        if self.selected is not None:
            of_file = self.selected.copy()
            of_file[self.selected] = chosen
            chosen = of_file
        return replace(self, selected=chosen)

    def features(self, first: int, stop: int) -> Array:
        """Return the values of some features, shape (n, stop - first)."""
        out = np.empty((len(self), stop - first), order="F")
        for rows, block in self._blocks(first, stop):
            out[rows] = block
        return out

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """Yield the values by blocks of rows, and before each where it belongs."""
        return self._blocks(0, len(self.columns))

    def _blocks(self, first: int, stop: int) -> Iterator[tuple[slice, Array]]:
        columns, start = self.columns[first:stop], 0
        for i in range(len(self.starts) - 1):
            chosen = self._of_block(self.selected, i)
            length = int(self.starts[i + 1] - self.starts[i])
            n_rows = length if chosen is None else int(chosen.sum())
            if n_rows == 0:
                continue
            block = np.empty((n_rows, len(columns)), order="F")
            for j, column in enumerate(columns):
                block[:, j] = self._piece(column, i, length, chosen)
            yield slice(start, start + n_rows), block
            start += n_rows

    def _piece(
        self,
        column: SpilledColumn,
        block: int,
        length: int,
        chosen: NDArray[np.bool_] | None,
    ) -> Array:
        """Return the values of the selected rows of one block of one feature."""
        held = self._of_block(column.held, block)
        n_held = length if held is None else int(held.sum())
        values = self.file.read(
            int(column.places[block]), int(column.kinds[block]), n_held
        )
        if column.numbers is not None:
            values = _decoded(values, column.numbers)
        if chosen is None:
            return values
        return values[chosen if held is None else chosen[held]]

    def _of_block(
        self, rows: NDArray[np.bool_] | None, block: int
    ) -> NDArray[np.bool_] | None:
        """Return the part of a mask that is about a block; None for all rows."""
        if rows is None:
            return None
        return rows[self.starts[block] : self.starts[block + 1]]

    def recoded(
        self, new_codes: Mapping[int, Array], own: Mapping[int, Array]
    ) -> SpilledValues:
        """Return the matrix with other numbers for the codes of some features.

        Parameters
        ----------
        new_codes : dict of int to ndarray
            By feature: the number for each code, and last for what is missing.
        own : dict of int to ndarray of shape (n,)
            By feature: the values of the rows, instead.
        """
        columns = list(self.columns)
        for j, new in new_codes.items():
            old = columns[j].numbers
            columns[j] = replace(columns[j], numbers=_decoded(old, new))
        for j, values in own.items():
            columns[j] = self._written(values)
        return replace(self, columns=tuple(columns))

    def _written(self, values: Array) -> SpilledColumn:
        """Write values of the selected rows by the blocks that they belong to."""
        places, kinds, start = [], [], 0
        for i in range(len(self.starts) - 1):
            chosen = self._of_block(self.selected, i)
            length = self.starts[i + 1] - self.starts[i]
            stop = start + int(length if chosen is None else chosen.sum())
            place, kind = self.file.append(values[start:stop])
            places.append(place)
            kinds.append(kind)
            start = stop
        return SpilledColumn(*_arrays(places, kinds), held=self.selected)


def _arrays(places: Any, kinds: Any) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    return np.array(places, dtype=np.int64), np.array(kinds, dtype=np.uint8)


def _decoded(codes: Array, numbers: Array) -> Array:
    """Return the number of each code; the last number where a code is NaN."""
    codes = np.where(np.isnan(codes), len(numbers) - 1, codes)
    return numbers[codes.astype(np.intp)]


class Spilling:
    """A table that is being written, block after block.

    Parameters
    ----------
    directory : str, optional
        Folder of the file.
    n_features : int
        Number of features.
    """

    def __init__(self, directory: str | None, n_features: int) -> None:
        self.file = SpillFile(directory)
        self.n_features = n_features
        self._places: list[NDArray[np.int64]] = []
        self._kinds: list[NDArray[np.uint8]] = []
        self._starts = [0]

    @property
    def n_samples(self) -> int:
        """Rows written so far."""
        return self._starts[-1]

    def append(self, columns: Sequence[Array]) -> None:
        """Write one block of rows, feature by feature."""
        written = [self.file.append(values) for values in columns]
        places, kinds = _arrays(*zip(*written, strict=True))
        self._places.append(places)
        self._kinds.append(kinds)
        self._starts.append(self._starts[-1] + len(columns[0]))

    def values(self, numbers: Sequence[Array | None]) -> SpilledValues:
        """Return what was written; `numbers` says what the codes of features mean."""
        shape = (-1, self.n_features)
        places, kinds = (
            np.reshape(part, shape) for part in (self._places, self._kinds)
        )
        columns = tuple(
            SpilledColumn(places[:, j], kinds[:, j], of_codes)
            for j, of_codes in enumerate(numbers)
        )
        starts = np.array(self._starts, dtype=np.int64)
        return SpilledValues(self.file, starts, columns)
