"""The part of a report page where published figures stand beside ours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from boostlab.sweeps.elements import Td, details, escape, method, note, table
from boostlab.sweeps.format import NOTHING, decimals_for, fixed
from boostlab.sweeps.metrics import Metric
from boostlab.sweeps.plan import DatasetInfo
from boostlab.sweeps.plots import Palette
from boostlab.sweeps.specs import Figure, Published
from boostlab.sweeps.summary import Board


@dataclass(frozen=True, slots=True)
class _Column:
    """A method of ours or a published one, with its figures by dataset."""

    head: Td
    figures: dict[str, Figure]


def beside_section(
    board: Board, published: tuple[Published, ...], palette: Palette
) -> str:
    """Return our results and the published ones side by side; empty if there are none.

    Parameters
    ----------
    board : Board
        Our results on one kind of task.
    published : tuple of Published
        All declared figures; those about this board's tables and metrics are shown.
    palette : Palette
        Colours of our methods.
    """
    names = {info.spec.ref: info.name for info in board.datasets}
    parts = []
    for metric in board.metrics:
        theirs = [_theirs(entry, metric, names) for entry in published]
        theirs = [column for column in theirs if column.figures]
        if not theirs:
            continue
        # The tables that figures were published for, in the order of the board.
        known = {name for column in theirs for name in column.figures}
        infos = [info for info in board.datasets if info.name in known]
        ours = [_ours(board, label, metric, palette) for label in board.methods]
        # Theirs come first: a wide table scrolls, and they must be seen.
        columns = theirs + [c for c in ours if c.figures]
        told = table(_heads(columns), _rows(infos, columns, metric))
        parts.append(
            told if not parts else details(f"The same by {metric.label}", told)
        )
        if len(parts) == 1:
            first = metric
    if not parts:
        return ""
    better = "higher" if first.greater_is_better else "lower"
    head = (
        f'<h3 id="published-{escape(board.title)}">Beside published figures '
        f"<small>{escape(first.label)}, {better} is better</small></h3>"
    )
    return head + note(_explanation(published)) + "".join(parts)


def _explanation(published: tuple[Published, ...]) -> str:
    sources = "; ".join(f"{entry.label}: {entry.source}" for entry in published)
    return (
        "Mean over the splits and, small, its standard error, ours and theirs alike; "
        "splits share rows, so that standard errors are rough. The best mean of a "
        "table is marked. Published figures take no part in ranks, and their rounding "
        f"is theirs. {sources}."
    )


def _theirs(entry: Published, metric: Metric, names: dict[str, str]) -> _Column:
    found = entry.figures.get(metric.name, {})
    return _Column(
        Td(entry.label, small="published", hint=entry.source),
        {names[ref]: figure for ref, figure in found.items() if ref in names},
    )


def _ours(board: Board, label: str, metric: Metric, palette: Palette) -> _Column:
    figures = {}
    for info in board.datasets:
        entry = board.entries.get((info.name, label))
        if entry is None or np.isnan(entry.mean(metric.name)):
            continue
        error = entry.standard_error(metric.name)
        figures[info.name] = Figure(
            entry.mean(metric.name), None if np.isnan(error) else error
        )
    return _Column(Td(label, markup=method(label, palette)), figures)


def _heads(columns: list[_Column]) -> list[Td]:
    return [Td("table"), *(column.head for column in columns)]


def _rows(
    infos: list[DatasetInfo], columns: list[_Column], metric: Metric
) -> list[tuple[str, list[Td]]]:
    rows = []
    for info in infos:
        figures = [column.figures.get(info.name) for column in columns]
        rows.append(("", [Td(info.name, key=info.name), *_row(figures, metric)]))
    # A mean says something only over tables that a column has all of.
    if metric.scale_free and len(infos) > 1:
        means = [_mean(column, infos) for column in columns]
        head = Td(f"mean of {len(infos)}", key="~")
        rows.append(("reference", [head, *_row(means, metric)]))
    return rows


def _mean(column: _Column, infos: list[DatasetInfo]) -> Figure | None:
    found = [column.figures.get(info.name) for info in infos]
    values = [figure.value for figure in found if figure is not None]
    return Figure(float(np.mean(values))) if len(values) == len(infos) else None


def _row(figures: list[Figure | None], metric: Metric) -> list[Td]:
    known = [figure for figure in figures if figure is not None]
    values = np.array([figure.value for figure in known])
    errors = [figure.error for figure in known if figure.error]
    spread = float(np.median(errors)) if errors else None
    decimals = max(2, decimals_for(values.tolist(), spread))
    best = metric.loss(values).min() if len(values) and metric.ranks else np.nan
    return [_cell(figure, decimals, best, metric) for figure in figures]


def _cell(figure: Figure | None, decimals: int, best: float, metric: Metric) -> Td:
    if figure is None:
        return Td(NOTHING, key=float("nan"))
    return Td(
        fixed(figure.value, decimals),
        small="" if figure.error is None else f"± {fixed(figure.error, decimals)}",
        key=figure.value,
        kind="best" if metric.loss(np.float64(figure.value)) == best else "",
    )
