"""The part of a report page that compares methods on one kind of task."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from boostlab.sweeps.beside import beside_section
from boostlab.sweeps.elements import Td, details, escape, figure, method, note, table
from boostlab.sweeps.format import (
    NOTHING,
    count,
    fixed,
    number,
    seconds,
    times,
)
from boostlab.sweeps.metrics import Metric
from boostlab.sweeps.plan import DatasetInfo
from boostlab.sweeps.plots import Palette, forest, quality_against_time, strip
from boostlab.sweeps.specs import Published
from boostlab.sweeps.statistics import FEWEST_DATASETS, Interval
from boostlab.sweeps.summary import Board, Entry, Standing


def board_section(
    board: Board, palette: Palette, published: tuple[Published, ...] = ()
) -> str:
    """Return the whole section of one kind of task."""
    tables = count(len(board.datasets), "table")
    head = (
        f'<h2 id="{board.title}">{escape(board.title.capitalize())} '
        f"<small>{tables}, ranked by {escape(board.metric.label)}</small></h2>"
    )
    return "".join(
        (
            head,
            _leaderboard(board, palette),
            _glance(board, palette),
            f"<h3>Scores on each table <small>{escape(_direction(board.metric))}"
            "</small></h3>",
            note(
                "Mean over the splits, with the standard deviation over them beside "
                "it. The best mean of a table is marked; a difference well below the "
                "deviation is no difference."
            ),
            _scores(board, board.metric, palette),
            *(
                details(f"The same by {metric.label}", _scores(board, metric, palette))
                for metric in board.metrics[1:]
            ),
            beside_section(board, published, palette),
            _strips(board, palette),
            "<h3>Times on each table</h3>",
            note(
                "Median time of a fit, preparation of the columns included, and "
                "beside it of the prediction of a test fold."
            ),
            _times(board, palette),
        )
    )


def _direction(metric: Metric) -> str:
    if not metric.ranks:
        return metric.label
    better = "higher" if metric.greater_is_better else "lower"
    return f"{metric.label}, {better} is better"


def _scaled_label(metric: Metric) -> str:
    return metric.label if metric.scale_free else f"{metric.label} / SD"


def _leaderboard(board: Board, palette: Palette) -> str:
    if not board.standings:
        return note("No table is finished by the whole pool, so there are no ranks.")
    common = count(len(board.common), "table")
    heads = [
        Td("method"),
        Td("average rank"),
        *(Td(f"mean {_scaled_label(metric)}") for metric in board.metrics),
        Td(f"{board.metric.label} behind the first"),
        Td("best on"),
        Td("fit time"),
    ]
    best = {metric.name: _best(board.standings, metric) for metric in board.metrics}
    rows = (
        ("reference" if s.is_reference else "", _standing(s, board, best, palette))
        for s in board.standings
    )
    return table(heads, rows) + note(_explanation(board, common))


def _best(standings: tuple[Standing, ...], metric: Metric) -> float:
    values = np.array([s.means[metric.name] for s in standings])
    if np.isnan(values).all() or not metric.ranks:
        return float("nan")
    return float(np.nanmax(values) if metric.greater_is_better else np.nanmin(values))


def _standing(
    standing: Standing, board: Board, best: dict[str, float], palette: Palette
) -> list[Td]:
    failed = standing.failed
    cells = [
        Td(
            standing.label,
            markup=method(standing.label, palette),
            small=f"{count(failed, 'cell')} failed" if failed else "",
            key=standing.label,
        ),
        Td(
            fixed(standing.rank.mean, 2),
            small=_ends(standing.rank, 1),
            small_kind="ends",
            key=standing.rank.mean,
        ),
    ]
    for metric in board.metrics:
        value = standing.means[metric.name]
        kind = "best" if value == best[metric.name] else ""
        cells.append(Td(fixed(value, 4), key=value, kind=kind))
    is_first = standing is board.standings[0]
    behind = standing.behind
    cells += [
        Td(
            NOTHING if is_first else _signed(behind.mean, 4),
            small=" " if is_first else _ends(behind, 4, signed=True),
            small_kind="ends wide",
            key=behind.mean,
        ),
        Td(f"{standing.wins} of {len(board.ranked)}", key=standing.wins),
        Td(times(standing.slowness), key=standing.slowness),
    ]
    return cells


def _ends(interval: Interval, decimals: int, signed: bool = False) -> str:
    if interval.low is None:
        return ""
    write = _signed if signed else fixed
    return f"{write(interval.low, decimals)} to {write(interval.high, decimals)}"


def _signed(value: float, decimals: int) -> str:
    text = fixed(value, decimals)
    return f"+{text}" if round(value, decimals) > 0 else text


def _explanation(board: Board, common: str) -> str:
    pool = ", ".join(board.pool)
    ranked = count(len(board.ranked), "table")
    absent = [label for label in board.methods if label not in board.pool]
    text = (
        f"Ranks are within the pool of {count(len(board.pool), 'method')} ({pool}) "
        f"over {ranked}; a method that failed on a table comes last there. Means are "
        f"over the {common} that the whole pool finished. "
    )
    if absent:
        lacking = "finished no table"
        if board.metric.of_distribution:
            lacking += " or predicted no distributions"
        text += f"Without {', '.join(absent)}, which {lacking}. "
    if not board.metric.scale_free:
        text += (
            "Metrics in the target's units are divided by the standard deviation of "
            "the test targets before tables are averaged. "
        )
    text += (
        "Behind the first: mean difference in loss from the method on top, table by "
        "table. Fit time: geometric mean over tables, relative to the fastest. "
    )
    if len(board.ranked) >= FEWEST_DATASETS:
        return text + (
            "Small print beside a mean is its 95 % bootstrap interval over tables: how "
            "much it depends on which tables were chosen."
        )
    return text + (
        f"With fewer than {FEWEST_DATASETS} tables there are no intervals over tables."
    )


def _glance(board: Board, palette: Palette) -> str:
    if not board.standings:
        return ""
    real = [s for s in board.standings if not s.is_reference]
    labels = [s.label for s in board.standings]
    plots = []
    if len(board.ranked) > 1:
        ranks = [s.rank for s in board.standings]
        plots.append(
            figure(
                forest(labels, ranks, palette, "average rank", is_rank=True),
                "Average rank",
                f"1 is best; {_with_interval(len(board.ranked))}",
            )
        )
    if len(board.common) > 1 and len(real) > 1:
        label = f"difference in {_scaled_label(board.metric)}"
        behind = [s.behind for s in real]
        plots.append(
            figure(
                forest([s.label for s in real], behind, palette, label),
                f"Behind {board.standings[0].label}",
                f"mean over tables; {_with_interval(len(board.common))}",
            )
        )
    points = [
        (s.label, s.slowness, s.means[board.metric.name])
        for s in real
        if np.isfinite(s.slowness) and np.isfinite(s.means[board.metric.name])
    ]
    if len(points) > 1:
        svg = quality_against_time(
            points,
            palette,
            f"mean {_scaled_label(board.metric)}",
            greater_is_better=board.metric.greater_is_better,
        )
        plots.append(
            figure(svg, "Quality against time", "better is up, faster is left")
        )
    return f'<div class="plots">{"".join(plots)}</div>' if plots else ""


def _with_interval(n_tables: int) -> str:
    if n_tables < FEWEST_DATASETS:
        return count(n_tables, "table")
    return f"95 % interval over {count(n_tables, 'table')}"


def _defined(board: Board, metric: Metric) -> list[DatasetInfo]:
    return [info for info in board.datasets if info.task in metric.tasks]


def _scores(board: Board, metric: Metric, palette: Palette) -> str:
    heads = [Td("table"), *(_head(label, palette) for label in board.methods)]
    rows = (
        ("", [_table_name(info), *_row_scores(board, info, metric)])
        for info in _defined(board, metric)
    )
    return table(heads, rows)


def _head(label: str, palette: Palette) -> Td:
    return Td(label, markup=method(label, palette))


def _table_name(info: DatasetInfo) -> Td:
    size = f"{info.rows_used:,} × {info.n_features}"
    return Td(info.name, small=size, key=info.name, hint=info.source)


def _row_scores(board: Board, info: DatasetInfo, metric: Metric) -> Iterator[Td]:
    entries = [board.entries.get((info.name, label)) for label in board.methods]
    decimals = board.decimals(info.name, metric)
    best = board.best(info.name, metric)
    for label, entry in zip(board.methods, entries, strict=True):
        if entry is None:
            yield Td(NOTHING, key=float("nan"))
        elif not entry.is_complete:
            yield _incomplete(entry)
        else:
            mean, sd = entry.mean(metric.name), entry.sd(metric.name)
            yield Td(
                fixed(mean, decimals),
                small="" if np.isnan(sd) else f"± {fixed(sd, decimals)}",
                key=mean,
                kind="best" if label in best else "",
            )


def _incomplete(entry: Entry) -> Td:
    if entry.failed:
        text = f"{entry.failed} of {entry.planned} failed"
        return Td(text, key=float("nan"), kind="failed")
    return Td(f"{entry.finished} of {entry.planned} done", key=float("nan"))


def _strips(board: Board, palette: Palette) -> str:
    metric = board.metric
    figures = []
    for info in board.datasets:
        values = [
            (label, entry.scores[metric.name])
            for label in board.methods
            if palette.index(label) is not None
            and (entry := board.entries.get((info.name, label))) is not None
            and len(entry.scores.get(metric.name, ()))
        ]
        if values:
            svg = strip(
                values,
                palette,
                f"{metric.label} on {info.name}",
                greater_is_better=metric.greater_is_better,
            )
            figures.append(figure(svg, info.name, _left_out(board, info, palette)))
    if not figures:
        return ""
    legend = "".join(
        method(label, palette)
        for label in board.methods
        if palette.index(label) is not None
    )
    return (
        f"<h3>Split by split <small>{escape(metric.label)}, better is left</small></h3>"
        + note("A tick for each split, a mark for the mean; every table has its axis.")
        + f'<div class="legend">{legend}</div>'
        + f'<div class="strips">{"".join(figures)}</div>'
    )


def _left_out(board: Board, info: DatasetInfo, palette: Palette) -> str:
    """Tell where the references stand, which are not drawn."""
    told = [
        f"{label} {number(entry.mean(board.metric.name), 3)}"
        for label in board.methods
        if palette.index(label) is None
        and (entry := board.entries.get((info.name, label))) is not None
    ]
    return ", ".join(told)


def _times(board: Board, palette: Palette) -> str:
    heads = [Td("table"), *(_head(label, palette) for label in board.methods)]
    rows = (
        (
            "",
            [
                _table_name(info),
                *(
                    _time(board.entries.get((info.name, label)))
                    for label in board.methods
                ),
            ],
        )
        for info in board.datasets
    )
    return table(heads, rows)


def _time(entry: Entry | None) -> Td:
    if entry is None or not entry.finished:
        return Td(NOTHING, key=float("nan"))
    return Td(
        seconds(entry.fit_seconds),
        small=seconds(entry.predict_seconds),
        key=entry.fit_seconds,
    )
