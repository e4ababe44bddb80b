"""What a sweep shows in the terminal: progress, then a table for each kind of task."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from boostlab.sweeps.format import (
    NOTHING,
    count,
    duration,
    fixed,
    times,
)
from boostlab.sweeps.plan import Cell, Plan
from boostlab.sweeps.run import Finished, Pace
from boostlab.sweeps.summary import Board, Entry, Summary


class _TimeLeft(ProgressColumn):
    """The estimate of a :class:`Pace` at the last cell, counted down since."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        left, since = task.fields["left"], task.fields["since"]
        if task.finished:
            return Text("")
        if left is None:
            return Text("estimating", style="cyan")
        now = max(0.0, left - (time.monotonic() - since))
        return Text(f"about {duration(now)} left", style="cyan")


class Bar:
    """The progress bar; tell it of every finished cell."""

    def __init__(self, progress: Progress, cells: list[Cell], pace: Pace) -> None:
        self._progress, self._pace = progress, pace
        self._task = progress.add_task(
            "cells", total=len(cells), left=None, since=time.monotonic(), failed=""
        )
        self._failed = 0

    def __call__(self, cell: Finished) -> None:
        """Count a cell."""
        self._pace.finished(cell.cell_id, cell.seconds)
        self._failed += cell.status == "failed"
        # The bar is drawn by a thread of its own, which must not read the pace.
        self._progress.update(
            self._task,
            advance=1,
            left=self._pace.seconds_left(),
            since=time.monotonic(),
            failed=f"{self._failed} failed" if self._failed else "",
        )


@contextmanager
def progress_bar(console: Console, cells: list[Cell], n_jobs: int) -> Iterator[Bar]:
    """Show a bar with the estimated time left while the block runs."""
    columns = (
        BarColumn(bar_width=36),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        _TimeLeft(),
        TextColumn("[red]{task.fields[failed]}"),
    )
    with Progress(*columns, console=console) as progress:
        yield Bar(progress, cells, Pace(cells, n_jobs))


def plain_console(**options: bool) -> Console:
    """Return a console that prints names as they are, brackets and colons included."""
    return Console(markup=False, emoji=False, highlight=False, **options)


def show_plan(console: Console, plan: Plan, n_pending: int, n_jobs: int) -> None:
    """Say what is about to run, and what is left out and why."""
    n_cells = len({cell.id for cell in plan.cells})
    told = f": {count(len(plan.datasets), 'table')}, {count(n_cells, 'cell')}"
    if n_pending < n_cells:
        told += f", {n_cells - n_pending:,} finished before"
    if n_pending:
        threads = count(plan.sweep.protocol.threads, "thread")
        told += f"; {n_jobs} at once, {threads} each"
    console.print(Text.assemble((plan.sweep.title, "bold"), told))
    for item in plan.skipped:
        line = f"{item.what}: {item.reason}"
        console.print(Text.assemble(("  skipped ", "yellow"), line))


def show_summary(console: Console, summary: Summary) -> None:
    """Print the scores of each board, with means and ranks below them."""
    for board in summary.boards:
        metric = board.metric
        better = "higher" if metric.greater_is_better else "lower"
        title = f"{board.title.capitalize()}: {metric.label}, {better} is better"
        console.print()
        console.print(Text(title, style="bold"))
        console.print(_table(board, summary.references))
    if len(summary.failures):
        console.print()
        told = f"{count(len(summary.failures), 'cell')} failed"
        again = "; run again with --retry-failed:"
        console.print(Text.assemble((told, "red"), again))
        for error, group in summary.failures.groupby("error", sort=False):
            first = group.iloc[0]
            where = f"{first['method']} on {first['dataset']}"
            line = Text(f"  {len(group)} × {error.splitlines()[0]} ({where})")
            console.print(line, overflow="ellipsis", no_wrap=True)


def _table(board: Board, references: frozenset[str]) -> Table:
    metric = board.metric
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("table", no_wrap=True)
    for label in board.methods:
        style = "dim" if label in references else ""
        table.add_column(
            label, justify="right", style=style, overflow="fold", min_width=8
        )
    for info in board.datasets:
        entries = [board.entries.get((info.name, label)) for label in board.methods]
        table.add_row(info.name, *_row(board, info.name, entries))
    standings = {s.label: s for s in board.standings}
    if not standings:
        return table
    table.add_section()
    ordered = [standings.get(label) for label in board.methods]
    scale = "" if metric.scale_free else " / SD"
    if len(board.common) > 1:
        means = [s and fixed(s.means[metric.name], 4) for s in ordered]
        table.add_row(f"mean{scale}", *means, style="bold")
        table.add_row("average rank", *(s and fixed(s.rank.mean, 2) for s in ordered))
    table.add_row("fit time", *(s and times(s.slowness) for s in ordered))
    return table


def _row(board: Board, name: str, entries: list[Entry | None]) -> Iterator[Text]:
    metric = board.metric
    decimals = board.decimals(name, metric)
    best = board.best(name, metric)
    for label, entry in zip(board.methods, entries, strict=True):
        if entry is None:
            yield Text(NOTHING)
        elif entry.failed:
            yield Text("failed", style="red")
        elif not entry.is_complete:
            yield Text(f"{entry.finished}/{entry.planned}", style="yellow")
        else:
            style = "bold green" if label in best else ""
            yield Text(fixed(entry.mean(metric.name), decimals), style=style)
