"""Run the cells of a plan that are not finished yet, in parallel."""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from joblib import Parallel, cpu_count, delayed, parallel_config

from boostlab.sweeps.cell import Outcome, base_row, failure, run_cell
from boostlab.sweeps.plan import Cell
from boostlab.sweeps.store import Store

BACKENDS = {"processes": "loky", "threads": "threading"}


@dataclass(frozen=True, slots=True)
class Finished:
    """What the progress bar learns of a finished cell."""

    cell_id: str
    status: str
    seconds: float


def default_workers(threads: int) -> int:
    """Return how many cells of `threads` threads the machine can run at once."""
    return max(1, cpu_count() // threads)


def pending_cells(
    cells: Iterable[Cell], store: Store, retry_failed: bool = False
) -> list[Cell]:
    """Return the cells without a row; with `retry_failed` also those that failed."""
    distinct = {cell.id: cell for cell in cells}
    rows = store.rows(distinct)
    done = set(rows.index[rows["status"] == "finished"] if retry_failed else rows.index)
    return [cell for cell_id, cell in distinct.items() if cell_id not in done]


def run(
    cells: list[Cell],
    store: Store,
    n_jobs: int,
    on_finished: Callable[[Finished], None],
    backend: str = "processes",
) -> None:
    """Run cells; each worker writes its own results.

    Parameters
    ----------
    cells : list of Cell
        What to run, in this order; a row of before is replaced.
    store : Store
        Where results go.
    n_jobs : int
        Cells at once.
    on_finished : callable
        Called in this process for every finished cell.
    backend : {"processes", "threads"}, default="processes"
        Kind of the workers.
    """
    # What has a row already was asked for again; other rows may come meanwhile, from
    # another process on the same folder, and are then taken as they are.
    again = {cell.id for cell in cells if store.has(cell.id)}
    with tempfile.TemporaryDirectory(prefix="boostlab-sweep-") as marks:
        work = _Work(store.folder, Path(marks), frozenset(again), n_jobs)
        left = {cell.id: cell for cell in cells}
        while left:
            try:
                for finished in _parallel(work, list(left.values()), backend):
                    del left[finished.cell_id]
                    on_finished(finished)
            except BrokenProcessPool:
                # One worker took the whole pool with it. Whichever cells were under
                # way run again, each in a process of its own, to find the culprit.
                suspects = [c for c in left.values() if work.mark(c).exists()]
                if not suspects:
                    raise
                for cell in suspects:
                    del left[cell.id]
                    on_finished(_alone(work, cell))


@dataclass(frozen=True, slots=True)
class _Work:
    """What a worker does with a cell."""

    folder: Path
    marks: Path
    again: frozenset[str]
    n_jobs: int

    def mark(self, cell: Cell) -> Path:
        """Return the file that is there while the cell runs."""
        return self.marks / cell.id

    def __call__(self, cell: Cell) -> Finished:
        """Run one cell and keep the result."""
        store = Store(self.folder)
        if store.has(cell.id) and cell.id not in self.again:
            return Finished(cell.id, "finished", 0.0)
        self.mark(cell).touch()
        outcome = run_cell(cell)
        outcome.row["at_once"] = self.n_jobs
        store.save(outcome)
        self.mark(cell).unlink()
        return _finished(outcome)


def _parallel(work: _Work, cells: list[Cell], backend: str) -> Iterator[Finished]:
    """Yield cells as they finish; threads inside workers are limited too."""
    options = {"backend": BACKENDS[backend]}
    if backend == "processes" and work.n_jobs > 1:
        options["inner_max_num_threads"] = cells[0].threads
        options["initializer"] = _leave_interrupts
    with parallel_config(**options):
        pool = Parallel(
            n_jobs=work.n_jobs,
            return_as="generator_unordered",
            pre_dispatch="2 * n_jobs",
        )
        yield from pool(delayed(work)(cell) for cell in cells)


def _leave_interrupts() -> None:
    """Ignore Ctrl-C in a worker: the sweep hears it too, and ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _alone(work: _Work, cell: Cell) -> Finished:
    """Run one cell in a process of its own, so that its death hurts no other."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, initializer=_leave_interrupts) as pool:
        try:
            return pool.submit(work, cell).result()
        except BrokenProcessPool:
            died = RuntimeError(
                "The process died: it was killed, ran out of memory, or crashed in "
                "compiled code."
            )
    outcome = Outcome(base_row(cell) | failure(died), None)
    Store(work.folder).save(outcome)
    return _finished(outcome)


def _finished(outcome: Outcome) -> Finished:
    row = outcome.row
    seconds = row.get("fit_seconds", 0.0) + row.get("predict_seconds", 0.0)
    return Finished(row["id"], row["status"], seconds)


class Pace:
    """Estimates the time left from the cells that have finished.

    A cell takes as long as others of its dataset and method did; before there are
    any, as long as its size and the method's speed elsewhere suggest.

    Parameters
    ----------
    cells : list of Cell
        All that will run.
    n_jobs : int
        Cells at once.
    """

    def __init__(self, cells: list[Cell], n_jobs: int) -> None:
        self._n_jobs = n_jobs
        self._cells = {cell.id: cell for cell in cells}
        self._left = Counter(_kind(cell) for cell in self._cells.values())
        self._size = {_kind(cell): cell.size for cell in self._cells.values()}
        self._seconds: dict[tuple[str, str], list[float]] = defaultdict(list)

    def finished(self, cell_id: str, seconds: float) -> None:
        """Count one cell as done."""
        kind = _kind(self._cells[cell_id])
        self._left[kind] -= 1
        # A cell that failed, or that another process finished, tells no duration.
        if seconds > 0:
            self._seconds[kind].append(seconds)

    def seconds_left(self) -> float | None:
        """Return the seconds that the rest will take; None before the first cell."""
        if not self._seconds:
            return None
        work = sum(n * self._guess(kind) for kind, n in self._left.items() if n > 0)
        return work / min(self._n_jobs, max(1, self._left.total()))

    def _guess(self, kind: tuple[str, str]) -> float:
        if kind in self._seconds:
            return sum(self._seconds[kind]) / len(self._seconds[kind])
        same_method = [k for k in self._seconds if k[1] == kind[1]]
        known = same_method or list(self._seconds)
        seconds = sum(sum(self._seconds[k]) for k in known)
        size = sum(self._size[k] * len(self._seconds[k]) for k in known)
        return seconds / size * self._size[kind]


def _kind(cell: Cell) -> tuple[str, str]:
    return cell.dataset_name, cell.method.name
