"""Matrix products whose bits depend on neither company nor number of threads.

A BLAS chooses its kernels by the shape of a product and its number of threads, so that
the same row may come out with other last bits in a larger batch, or on more cores.
Here rows go through it in blocks of one shape, by one BLAS thread each, and sums over
rows are added up in the order of the rows; threads of our own take the blocks.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeVar

import numpy as np
import scipy.linalg  # noqa: F401  its BLAS must be there to be limited
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from boostlab.parallel import n_threads

Array = NDArray[np.float64]
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

BLOCK = 128
"""Rows of a product; fewer are filled up with zeros."""

CHUNK = 8 * BLOCK
"""Rows that one thread takes at a time, and that one sum is made of."""


_WORKER = threading.local()
"""Says in which threads the work of others is being done."""


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let every call into a BLAS or LAPACK run on one thread."""
    if getattr(_WORKER, "busy", False):  # who started it has seen to that
        yield
        return
    with _controller().limit(limits=1, user_api="blas"):
        yield


def chunks(n_rows: int) -> list[slice]:
    """Return the rows in pieces of :data:`CHUNK`."""
    return [slice(i, min(i + CHUNK, n_rows)) for i in range(0, n_rows, CHUNK)]


def in_order(
    function: Callable[[_Item], _Result], items: Sequence[_Item]
) -> Iterator[_Result]:
    """Yield ``function(item)`` in order, computed by as many threads as are allowed.

    The BLAS runs on one thread meanwhile, and so does what `function` calls. Few more
    results are kept waiting than there are threads.
    """
    n_workers = min(n_threads(), len(items))
    with one_blas_thread():
        if n_workers <= 1 or getattr(_WORKER, "busy", False):
            yield from map(function, items)
            return
        with ThreadPoolExecutor(n_workers, initializer=_become_worker) as pool:
            waiting: deque = deque()
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > n_workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()


def _become_worker() -> None:
    _WORKER.busy = True


def product(x: Array, matrix: Array) -> Array:
    """Return ``x @ matrix``; the bits of a row do not depend on the other rows.

    Parameters
    ----------
    x : ndarray of shape (n, d)
        Any number of rows.
    matrix : ndarray of shape (d, p)
        What each row is multiplied by.

    Returns
    -------
    ndarray of shape (n, p)
    """
    matrix = np.ascontiguousarray(matrix, dtype=np.float64)
    out = np.empty((len(x), matrix.shape[1]))

    def fill(rows: slice) -> None:
        for start in range(rows.start, rows.stop, BLOCK):
            _multiply(x[start : start + BLOCK], matrix, out[start : start + BLOCK])

    for _ in in_order(fill, chunks(len(x))):
        pass
    return out


def _multiply(part: Array, matrix: Array, out: Array) -> None:
    """Put ``part @ matrix`` into `out`, as part of a product of :data:`BLOCK` rows."""
    block = np.zeros((BLOCK, matrix.shape[0]))
    block[: len(part)] = part
    out[:] = (block @ matrix)[: len(part)]


def summed(function: Callable[[slice], tuple[Array, ...]], n_rows: int) -> list[Array]:
    """Return the sums of what `function` returns for each chunk of the rows.

    Parameters
    ----------
    function : callable
        Takes a slice of rows; returns new arrays of the same shapes for each.
    n_rows : int
        Number of rows, at least 1.
    """
    totals: list[Array] = []
    for found in in_order(function, chunks(n_rows)):
        if not totals:
            totals = list(found)
            continue
        for total, part in zip(totals, found, strict=True):
            total += part
    return totals
