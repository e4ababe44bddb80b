"""What a sweep shows in the terminal: progress, then a table for each kind of task."""

from __future__ import annotations

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
    decimals_for,
    duration,
    fixed,
    times,
)
from boostlab.sweeps.plan import Cell, Plan
from boostlab.sweeps.run import Finished, Pace
from boostlab.sweeps.summary import Board, Entry, Summary


class _TimeLeft(ProgressColumn):
    """The estimate of a :class:`Pace`."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        pace: Pace = task.fields["pace"]
        left = pace.seconds_left()
        told = "estimating" if left is None else f"about {duration(left)} left"
        return Text("" if task.finished else told, style="cyan")


class Bar:
    """The progress bar; tell it of every finished cell."""

    def __init__(self, progress: Progress, cells: list[Cell], pace: Pace) -> None:
        self._progress, self._pace = progress, pace
        self._task = progress.add_task(
            "cells", total=len(cells), pace=pace, failed="", start=True
        )
        self.finished = 0
        self.failed = 0

    def __call__(self, cell: Finished) -> None:
        """Count a cell."""
        self._pace.finished(cell.cell_id, cell.seconds)
        self.finished += 1
        self.failed += cell.status == "failed"
        failed = f"{self.failed} failed" if self.failed else ""
        self._progress.update(self._task, advance=1, failed=failed)


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


def show_plan(console: Console, plan: Plan, n_pending: int, n_jobs: int) -> None:
    """Say what is about to run, and what is left out and why."""
    n_cells = len({cell.id for cell in plan.cells})
    told = (
        f"[bold]{plan.sweep.title}[/]: {count(len(plan.datasets), 'table')}, "
        f"{count(n_cells, 'cell')}"
    )
    if n_pending < n_cells:
        told += f", {n_cells - n_pending:,} finished before"
    if n_pending:
        threads = count(plan.sweep.protocol.threads, "thread")
        told += f"; {n_jobs} at once, {threads} each"
    console.print(told, highlight=False)
    for item in plan.skipped:
        console.print(
            f"  [yellow]skipped[/] {item.what}: {item.reason}", highlight=False
        )


def show_summary(console: Console, summary: Summary) -> None:
    """Print the scores of each board, with means and ranks below them."""
    for board in summary.boards:
        console.print()
        console.print(_table(board, summary.references))
    if len(summary.failures):
        console.print()
        told = count(len(summary.failures), "cell")
        console.print(f"[red]{told} failed[/]; run again with --retry-failed:")
        for error, group in summary.failures.groupby("error", sort=False):
            first = group.iloc[0]
            where = f"{first['method']} on {first['dataset']}"
            line = Text(f"  {len(group)} × {error.splitlines()[0]} ({where})")
            console.print(line, overflow="ellipsis", no_wrap=True)


def _table(board: Board, references: frozenset[str]) -> Table:
    metric = board.metric
    better = "higher" if metric.greater_is_better else "lower"
    table = Table(
        title=f"{board.title.capitalize()}: {metric.label}, {better} is better",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("table", no_wrap=True)
    for label in board.methods:
        style = "dim" if label in references else ""
        table.add_column(label, justify="right", style=style, overflow="fold")
    for info in board.datasets:
        entries = [board.entries.get((info.name, label)) for label in board.methods]
        table.add_row(info.name, *_row(board, info.name, entries))
    standings = {s.label: s for s in board.standings}
    if not standings:
        return table
    table.add_section()
    ordered = [standings[label] for label in board.methods]
    scale = "" if metric.scale_free else " / SD"
    if len(board.common) > 1:
        means = [fixed(s.means[metric.name], 4) for s in ordered]
        table.add_row(f"mean{scale}", *means, style="bold")
        table.add_row("average rank", *(fixed(s.rank.mean, 2) for s in ordered))
    table.add_row("fit time", *(times(s.slowness) for s in ordered))
    return table


def _row(board: Board, name: str, entries: list[Entry | None]) -> Iterator[Text]:
    metric = board.metric
    means = [e.mean(metric.name) for e in entries if e is not None]
    decimals = decimals_for(means, None) + 1
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
