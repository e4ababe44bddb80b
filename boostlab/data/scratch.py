"""Large temporary arrays whose memory is given back as soon as they are dropped."""

from __future__ import annotations

import contextlib
import mmap
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_LARGE = 1 << 20
"""Bytes from which on an array is worth a mapping of its own."""


def scratch(shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return an array of unspecified values for temporary use.

    An allocator may keep what is freed, and keeps it for each thread apart; so sorting
    the columns of a table in threads would leave twice the size of a sample behind,
    which the bins that are made next cannot use. A mapping of its own does not stay.

    Parameters
    ----------
    shape : tuple of int
        Its shape.
    dtype : data-type, default=float64
        Its type.

    Returns
    -------
    ndarray
        Contiguous and writable.
    """
    count, dtype = int(np.prod(shape)), np.dtype(dtype)
    size = count * dtype.itemsize
    if size < _LARGE:
        return np.empty(shape, dtype)
    memory = _mapping(size)
    return np.frombuffer(memory, dtype, count).reshape(shape)


def _mapping(size: int) -> mmap.mmap:
    """Return memory of the process's own, in large pages where there are such."""
    if not hasattr(mmap, "MAP_PRIVATE"):
        return mmap.mmap(-1, size)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
