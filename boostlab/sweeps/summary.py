"""What a report says, as values: scores per table, leaderboards, times, failures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from boostlab.sweeps.format import decimals_for
from boostlab.sweeps.metrics import METRICS, Metric
from boostlab.sweeps.plan import Cell, DatasetInfo, Plan
from boostlab.sweeps.specs import FAMILIES, family_of
from boostlab.sweeps.statistics import Interval, bootstrap, ranks
from boostlab.sweeps.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One method on one table.

    Parameters
    ----------
    scores : dict of str to ndarray
        Each metric's value on every split, the mean over model seeds.
    scaled : dict of str to float
        Mean of each metric; those in the target's units divided by its standard
        deviation.
    fit_seconds, predict_seconds : float
        Medians over the cells.
    planned, finished, failed : int
        Cells.
    """

    scores: dict[str, np.ndarray]
    scaled: dict[str, float]
    fit_seconds: float
    predict_seconds: float
    planned: int
    finished: int
    failed: int

    @property
    def is_complete(self) -> bool:
        """Whether every cell finished well; only then are means comparable."""
        return self.finished == self.planned

    def mean(self, metric: str) -> float:
        """Return the mean over splits; NaN if the entry is not complete."""
        values = self.scores.get(metric)
        if not self.is_complete or values is None or not len(values):
            return float("nan")
        return float(values.mean())

    def sd(self, metric: str) -> float:
        """Return the standard deviation over splits."""
        values = self.scores.get(metric)
        if values is None or len(values) < 2:
            return float("nan")
        return float(values.std(ddof=1))

    def standard_error(self, metric: str) -> float:
        """Return the standard error of the mean over splits."""
        return self.sd(metric) / np.sqrt(max(len(self.scores.get(metric, ())), 1))


@dataclass(frozen=True, slots=True)
class Standing:
    """One line of a leaderboard.

    Parameters
    ----------
    label : str
        The method.
    is_reference : bool
        Whether it ignores the features.
    rank : Interval
        Average rank in the pool.
    behind : Interval
        Mean difference in loss from the first of the leaderboard, table by table.
    means : dict of str to float
        Mean of each metric over the tables common to the pool.
    wins : int
        Tables on which nobody was better.
    slowness : float
        Geometric mean of fit time over that of the pool's fastest real method.
    failed : int
        Cells that failed.
    """

    label: str
    is_reference: bool
    rank: Interval
    behind: Interval
    means: dict[str, float]
    wins: int
    slowness: float
    failed: int


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """The tables of one kind of task with their leaderboard.

    Parameters
    ----------
    title : str
        "regression", "classification", or a task.
    metrics : tuple of Metric
        The first one ranks.
    methods : tuple of str
        Labels of all methods with cells, as declared.
    pool : tuple of str
        Those that finished at least one table and have the metric there, and so are
        ranked.
    datasets : tuple of DatasetInfo
        The tables.
    entries : dict
        By (dataset name, method label).
    ranked, common : tuple of str
        Tables that ranks and means are over.
    standings : tuple of Standing
        Best average rank first.
    """

    title: str
    metrics: tuple[Metric, ...]
    methods: tuple[str, ...]
    pool: tuple[str, ...]
    datasets: tuple[DatasetInfo, ...]
    entries: dict[tuple[str, str], Entry]
    ranked: tuple[str, ...]
    common: tuple[str, ...]
    standings: tuple[Standing, ...]

    @property
    def metric(self) -> Metric:
        """The metric that ranks."""
        return self.metrics[0]

    def best(self, dataset: str, metric: Metric) -> set[str]:
        """Return the labels of the methods that nobody beats on a table."""
        losses = {
            label: float(metric.loss(np.float64(entry.mean(metric.name))))
            for label in self.methods
            if (entry := self.entries.get((dataset, label))) is not None
        }
        known = [loss for loss in losses.values() if not np.isnan(loss)]
        if not known or not metric.ranks:
            return set()
        return {label for label, loss in losses.items() if loss == min(known)}

    def decimals(self, dataset: str, metric: Metric) -> int:
        """Return the decimals that let the scores on a table be compared."""
        entries = [self.entries.get((dataset, label)) for label in self.methods]
        known = [entry for entry in entries if entry is not None]
        spreads = [sd for entry in known if (sd := entry.sd(metric.name)) > 0]
        spread = float(np.median(spreads)) if spreads else None
        return decimals_for([entry.mean(metric.name) for entry in known], spread)


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """All that a report says about the results.

    Parameters
    ----------
    plan : Plan
        What was to be run.
    rows : pandas.DataFrame
        The finished cells of the plan.
    boards : tuple of Board
        One for each kind of task.
    labels : tuple of str
        All methods with cells, as declared; their order gives colours.
    references : frozenset of str
        Labels of the methods that ignore the features.
    failures : pandas.DataFrame
        Rows that failed.
    pending : int
        Cells of the plan without a row.
    """

    plan: Plan
    rows: pd.DataFrame
    boards: tuple[Board, ...]
    labels: tuple[str, ...]
    references: frozenset[str]
    failures: pd.DataFrame
    pending: int


def summarise(plan: Plan, store: Store) -> Summary:
    """Read the results of a plan from its folder."""
    rows = store.scored(plan.cells)
    cells = {}
    for cell in plan.cells:
        cells.setdefault((cell.dataset_name, cell.method.label), []).append(cell)
    entries = {key: _entry(group, rows) for key, group in cells.items()}
    labels = tuple(dict.fromkeys(label for _, label in entries))
    references = frozenset(
        cell.method.label for cell in plan.cells if cell.method.is_reference
    )
    ids = {cell.id for cell in plan.cells}
    return Summary(
        plan=plan,
        rows=rows,
        boards=tuple(_boards(plan, entries, labels, references)),
        labels=labels,
        references=references,
        failures=rows[rows["status"] == "failed"],
        pending=len(ids - set(rows.index)),
    )


def _entry(cells: list[Cell], rows: pd.DataFrame) -> Entry:
    found = rows.loc[[cell.id for cell in cells if cell.id in rows.index]]
    done = found[found["status"] == "finished"]
    splits = done.groupby(["repeat", "fold"], sort=True)
    scores, scaled = {}, {}
    for name in cells[0].metrics:
        column = f"score_{name}"
        if column not in done or done[column].isna().any() or done.empty:
            continue
        scores[name] = splits[column].mean().to_numpy()
        unit = 1.0 if METRICS[name].scale_free else done["target_sd"]
        scaled[name] = float((done[column] / unit).mean())
    return Entry(
        scores=scores,
        scaled=scaled,
        fit_seconds=float(done["fit_seconds"].median()),
        predict_seconds=float(done["predict_seconds"].median()),
        planned=len(cells),
        finished=len(done),
        failed=len(found) - len(done),
    )


def _boards(
    plan: Plan,
    entries: dict[tuple[str, str], Entry],
    labels: tuple[str, ...],
    references: frozenset[str],
) -> Iterable[Board]:
    for family in FAMILIES:
        names = plan.sweep.protocol.metrics[family]
        datasets = [d for d in plan.datasets if family_of(d.task) == family]
        tasks = sorted({d.task for d in datasets})
        metrics = [METRICS[n] for n in names if set(tasks) <= set(METRICS[n].tasks)]
        groups = {family: datasets}
        if not metrics:
            # No metric is defined for all of these tasks, so each has its own board.
            groups = {task: [d for d in datasets if d.task == task] for task in tasks}
        for title, group in groups.items():
            own = metrics or [METRICS[n] for n in names if title in METRICS[n].tasks]
            extra = [METRICS[n] for n in names if METRICS[n] not in own]
            present = [
                label
                for label in labels
                if any((d.name, label) in entries for d in group)
            ]
            if group and present and own:
                board = _board(title, own + extra, present, group, entries)
                yield replace(board, standings=tuple(_standings(board, references)))


def _board(
    title: str,
    metrics: list[Metric],
    methods: list[str],
    datasets: list[DatasetInfo],
    entries: dict[tuple[str, str], Entry],
) -> Board:
    """Return a board without its leaderboard."""
    own = {(d.name, m): entries[d.name, m] for d in datasets for m in methods}
    pool = [m for m in methods if _is_ranked(m, own, metrics[0], datasets)]
    of_table = {d.name: [own[d.name, m] for m in pool] for d in datasets}
    common = [n for n, found in of_table.items() if all(e.is_complete for e in found)]
    # Failures are ranked last, what is still to run is not ranked at all.
    ranked = [
        name
        for name, found in of_table.items()
        if all(e.is_complete or e.failed for e in found)
        and any(e.is_complete for e in found)
    ]
    tasks = {d.task for d in datasets}
    return Board(
        title=title,
        metrics=tuple(metric for metric in metrics if tasks & set(metric.tasks)),
        methods=tuple(methods),
        pool=tuple(pool),
        datasets=tuple(datasets),
        entries=own,
        ranked=tuple(ranked),
        common=tuple(common) if pool else (),
        standings=(),
    )


def _is_ranked(
    method: str,
    entries: dict[tuple[str, str], Entry],
    metric: Metric,
    datasets: list[DatasetInfo],
) -> bool:
    """Whether a method has its place by a metric.

    One without predicted distributions has none by a metric of them: nothing of it
    failed, so it does not come last, but is left out.
    """
    finished = [e for d in datasets if (e := entries[d.name, method]).is_complete]
    if not metric.of_distribution:
        return bool(finished)
    return any(metric.name in entry.scores for entry in finished)


def _standings(board: Board, references: frozenset[str]) -> list[Standing]:
    """Return the leaderboard, best average rank first."""
    metric = board.metric
    losses = _losses(board, board.ranked, scaled=False)
    rank = bootstrap(ranks(losses)) if len(losses) else []
    if not rank:
        return []
    first = int(np.argmin([interval.mean for interval in rank]))
    scaled = _losses(board, board.common, scaled=True)
    behind = bootstrap(scaled - scaled[:, [first]])
    slowness = _slowness(board, references)
    standings = [
        Standing(
            label=label,
            is_reference=label in references,
            rank=rank[i],
            behind=behind[i],
            means=_means(board, label),
            wins=sum(label in board.best(name, metric) for name in board.ranked),
            slowness=slowness[i],
            failed=sum(board.entries[name, label].failed for name in board.ranked),
        )
        for i, label in enumerate(board.pool)
    ]
    return sorted(standings, key=lambda s: s.rank.mean)


def _losses(board: Board, names: tuple[str, ...], scaled: bool) -> np.ndarray:
    """Return the ranking metric as a loss, shape (tables, methods)."""
    metric = board.metric
    values = np.full((len(names), len(board.pool)), np.nan)
    for i, name in enumerate(names):
        for j, label in enumerate(board.pool):
            entry = board.entries[name, label]
            if entry.is_complete:
                known = entry.scaled.get(metric.name, np.nan)
                values[i, j] = known if scaled else entry.mean(metric.name)
    return metric.loss(values)


def _means(board: Board, label: str) -> dict[str, float]:
    """Return the mean of each metric over the common tables that define it."""
    means = {}
    tasks = {info.name: info.task for info in board.datasets}
    for metric in board.metrics:
        values = [
            board.entries[name, label].scaled.get(metric.name, np.nan)
            for name in board.common
            if tasks[name] in metric.tasks
        ]
        means[metric.name] = float(np.mean(values)) if values else float("nan")
    return means


def _slowness(board: Board, references: frozenset[str]) -> np.ndarray:
    """Return each method's fit time over the fastest's, the geometric mean."""
    times = np.array(
        [
            [board.entries[name, label].fit_seconds for label in board.pool]
            for name in board.common
        ]
    ).reshape(len(board.common), len(board.pool))
    real = [i for i, label in enumerate(board.pool) if label not in references]
    if not len(times) or not real:
        return np.full(len(board.pool), np.nan)
    typical = np.exp(np.log(np.maximum(times, 1e-6)).mean(axis=0))
    return typical / typical[real].min()
