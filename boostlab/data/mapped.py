"""Bytes in nameless files that are mapped into memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.data.spill import disk_full, nameless

Bytes = NDArray[np.uint8]
Allocate = Callable[[tuple[int, ...]], Bytes]
"""Makes room for bytes of a shape."""


def in_memory(shape: tuple[int, ...]) -> Bytes:
    """Return an array of bytes, as :func:`numpy.empty` does."""
    return np.empty(shape, dtype=np.uint8)


def in_files(directory: str) -> Allocate:
    """Return a function that makes arrays of bytes, each mapped to a file of its own.

    The system writes their pages to the disk, and takes them from memory, whenever
    somebody needs memory. Room on the disk is taken at once: where it lacks, that is an
    error, and not the signal that a write to a mapped page without room would be.

    Parameters
    ----------
    directory : str
        Folder of the files.
    """

    def allocate(shape: tuple[int, ...]) -> Bytes:
        size = int(np.prod(shape))
        if size == 0:
            return in_memory(shape)
        with nameless(directory) as file:
            try:
                _reserve(file, size)
            except OSError as error:
                raise disk_full(error, size, directory) from None
            # The mapping outlives the handle.
            return np.memmap(file, np.uint8, "r+", shape=shape)

    return allocate


def _reserve(file: Any, size: int) -> None:
    """Make a file as long as `size`, with room for all of it on the disk."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
        return
    zeros = bytes(1 << 20)
    for start in range(0, size, len(zeros)):
        left = memoryview(zeros)[: size - start]
        while left:
            left = left[file.write(left) :]
