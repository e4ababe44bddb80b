"""How many threads the C core may use, set once around a fit or a prediction."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import joblib

from boostlab import _core

FEW_ROWS = 64
"""Number of rows up to which one thread predicts."""

_N_THREADS: ContextVar[int | None] = ContextVar("boostlab_n_threads", default=None)


def n_threads() -> int:
    """Return the number of threads that the current fit or prediction may use."""
    limit = _N_THREADS.get()
    return available_threads() if limit is None else limit


@contextmanager
def threads(n_jobs: int | None) -> Iterator[int]:
    """Set :func:`n_threads` for the block, by scikit-learn's convention.

    Parameters
    ----------
    n_jobs : int or None
        None uses every available processor; -1 likewise, -2 all but one, and so on.

    Raises
    ------
    ValueError
        If `n_jobs` is 0.
    """
    token = _N_THREADS.set(resolve_n_jobs(n_jobs))
    try:
        yield _N_THREADS.get()
    finally:
        _N_THREADS.reset(token)


def resolve_n_jobs(n_jobs: int | None) -> int:
    """Return the number of threads that `n_jobs` stands for."""
    if n_jobs == 0:
        raise ValueError("n_jobs is 0; give a positive number, or None for all cores.")
    if n_jobs is None:
        return available_threads()
    if n_jobs < 0:
        return max(1, min(joblib.cpu_count() + 1 + n_jobs, _core.MAX_THREADS))
    return min(int(n_jobs), _core.MAX_THREADS)


def available_threads() -> int:
    """Return the processors this process may use.

    Affinity, container quota and joblib's limit inside a parallel worker all count,
    and so does ``OMP_NUM_THREADS``, by which joblib tells nested code its share.
    """
    available = min(joblib.cpu_count(), _core.MAX_THREADS)
    share = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return min(available, int(share)) if share.isdigit() and int(share) else available
