"""Matrix products whose bits depend on neither company nor number of threads.

A BLAS chooses its kernels by the shape of a product and its number of threads, so that
the same row may come out with other last bits in a larger batch, or on more cores.
Here rows go through it in blocks of one shape, by one BLAS thread each, and sums over
rows are added up in the order of the rows; threads of our own take the blocks.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

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


_THREAD = threading.local()
"""Of each thread: whether it does the work of another, and what limit it keeps."""


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def _limited(per_thread: bool) -> list[tuple[Any, int]]:
    """Set libraries to one thread; return how many each had.

    OpenBLAS by OpenMP has a number for each thread that calls it, others for all.
    """
    before = []
    for library in _controller().lib_controllers:
        layer = getattr(library, "threading_layer", None)
        own = library.internal_api == "openblas" and layer == "openmp"
        number = library.get_num_threads()
        if library.user_api == "blas" and own == per_thread and number is not None:
            before.append((library, number))
    _set_threads([(library, 1) for library, _ in before])
    return before


def _set_threads(numbers: list[tuple[Any, int]]) -> None:
    for library, number in numbers:
        # Else only the thread that set a number first could set another.
        release = getattr(library, "clear_controlling_thread", lambda force: None)
        release(force=True)
        library.set_num_threads(number)
        release(force=True)


class _Limit:
    """The limit of one BLAS thread, which all threads of the process share.

    A BLAS has one limit for all. So the first to enter sets it, others are counted, and
    the last to leave restores what was there before.
    """

    def __init__(self) -> None:
        # Reentrant, as the garbage collector may close a generator at any place.
        self._lock = threading.RLock()
        self._entered: dict[int, int] = {}
        self._before: list[tuple[Any, int]] = []
        self._before_of: dict[int, list[tuple[Any, int]]] = {}
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._lock.acquire,
                after_in_parent=self._lock.release,
                after_in_child=self._forget_others,
            )

    def enter(self) -> int:
        """Set the limit; return who has entered, to be given to :meth:`leave`."""
        who = threading.get_ident()
        with self._lock:
            if not self._entered:
                self._before = _limited(per_thread=False)
            if who not in self._entered:
                self._before_of[who] = _limited(per_thread=True)
            self._entered[who] = self._entered.get(who, 0) + 1
        return who

    def leave(self, who: int) -> None:
        """Take back one entry; restore the numbers of threads after the last."""
        with self._lock:
            if who not in self._entered:  # it stayed behind in the parent process
                return
            self._entered[who] -= 1
            if self._entered[who] == 0:
                del self._entered[who]
                _set_threads(self._before_of.pop(who))
                self._restore_if_unused()

    def _restore_if_unused(self) -> None:
        if not self._entered:
            _set_threads(self._before)
            self._before = []

    def _forget_others(self) -> None:
        """Go on in a forked process, where the thread that forked is the only one."""
        who = threading.get_ident()
        self._entered = {k: n for k, n in self._entered.items() if k == who}
        self._restore_if_unused()
        self._lock.release()


_LIMIT = _Limit()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let every call into a BLAS or LAPACK run on one thread, in the whole process."""
    if getattr(_THREAD, "is_worker", False):  # who started it has seen to that
        yield
        return
    who, kept = _LIMIT.enter(), getattr(_THREAD, "kept", None)
    try:
        if kept is not None and not kept:
            kept.append(_LIMIT.enter())
        yield
    finally:
        _LIMIT.leave(who)


@contextmanager
def limited_once() -> Iterator[None]:
    """Keep the limit of :func:`one_blas_thread` from its first use to the end.

    To set it takes longer than many products of one row; what needs no limit sets none.
    """
    if getattr(_THREAD, "kept", None) is not None:
        yield
        return
    _THREAD.kept = []
    try:
        yield
    finally:
        kept, _THREAD.kept = _THREAD.kept, None
        for who in kept:
            _LIMIT.leave(who)


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
        if n_workers <= 1 or getattr(_THREAD, "is_worker", False):
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
    _THREAD.is_worker = True
    _limited(per_thread=True)


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
