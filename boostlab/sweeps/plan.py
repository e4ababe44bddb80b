"""From a declaration to the cells to run: what, on what, with what; each with an id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from boostlab.sweeps import methods
from boostlab.sweeps.classes import MethodUnavailableError
from boostlab.sweeps.datasets import Dataset, DatasetUnavailableError, is_numeric, load
from boostlab.sweeps.given import (
    SplitsError,
    check_rows,
    given_splits,
    split_hashes,
)
from boostlab.sweeps.methods import ResolvedMethod
from boostlab.sweeps.specs import (
    DatasetSpec,
    MethodSpec,
    Protocol,
    Sweep,
    canonical,
    family_of,
)

#: Raised when the same cell would give other numbers: another way to split, to
#: prepare or to time. Cells of before are then not used.
CELL_VERSION = 1


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """What reports say about a dataset, without its rows.

    `given` holds a digest of each given split that is used, if the splits are given.
    """

    spec: DatasetSpec
    name: str
    task: str
    n_rows: int
    n_features: int
    n_categorical: int
    n_classes: int
    missing: float
    is_grouped: bool
    data_hash: str
    source: str
    licence: str
    max_rows: int | None
    given: tuple[str, ...] = ()

    @property
    def rows_used(self) -> int:
        """Rows after sampling."""
        return min(self.n_rows, self.max_rows or self.n_rows)


@dataclass(frozen=True, slots=True)
class Cell:
    """The smallest piece of work: one fit on one split.

    Parameters
    ----------
    dataset : DatasetSpec
        What to load.
    dataset_name : str
        Its name in reports.
    data_hash : str
        What the data must be.
    task : str
        "regression", "binary" or "multiclass".
    method : ResolvedMethod
        What to fit.
    repeat, fold, folds : int
        The split.
    split_seed, model_seed : int
        Seeds of splits and row samples, and of the method.
    threads : int
        Threads of the fit.
    max_rows : int or None
        Limit of the row sample.
    metrics : tuple of str
        What to compute; not part of the identity, as predictions are kept.
    size : float
        Rows x features x outputs, by which durations are guessed.
    given : str
        Digest of the split, if the splits are given and `fold` counts them; else empty.
    """

    dataset: DatasetSpec
    dataset_name: str
    data_hash: str
    task: str
    method: ResolvedMethod
    repeat: int
    fold: int
    folds: int
    split_seed: int
    model_seed: int
    threads: int
    max_rows: int | None
    metrics: tuple[str, ...]
    size: float = 1.0
    given: str = ""
    id: str = field(init=False, default="")

    def __post_init__(self) -> None:
        digest = hashlib.sha256(canonical(self.identity()).encode()).hexdigest()
        object.__setattr__(self, "id", digest[:20])

    def identity(self) -> dict[str, Any]:
        """Return all that the result depends on."""
        return {
            "cell_version": CELL_VERSION,
            "dataset": self.dataset.ref,
            "target": self.dataset.target,
            "drop": sorted(self.dataset.drop),
            "data_hash": self.data_hash,
            "task": self.task,
            "method": self.method.identity(),
            "split": ["given", self.given]
            if self.given
            else [self.folds, self.repeat, self.fold, self.split_seed],
            "model_seed": self.model_seed,
            "threads": self.threads,
            "max_rows": self.max_rows,
        }


@dataclass(frozen=True, slots=True)
class Skipped:
    """A declared dataset or method, or a pair of them, that is left out."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The cells of a sweep in the order to run them, and what is left out."""

    sweep: Sweep
    cells: tuple[Cell, ...]
    datasets: tuple[DatasetInfo, ...]
    skipped: tuple[Skipped, ...]


def make_plan(sweep: Sweep) -> Plan:
    """Resolve a declaration into cells.

    The first split of every table comes first, then the second, and so on, so that an
    interrupted sweep has seen all of its tables and the time left is soon known.
    """
    skipped: list[Skipped] = []
    datasets = list(_datasets(sweep, skipped))
    resolved = list(_resolved(sweep, datasets, skipped))
    protocol = sweep.protocol
    most = max((len(info.given) for info in datasets), default=0)
    folds = range(most if protocol.is_given else protocol.folds)
    cells = [
        _cell(info, method, protocol, repeat, fold, seed)
        for repeat in range(protocol.repeats)
        for fold in folds
        for info, method in resolved
        for seed in protocol.model_seeds
        if not protocol.is_given or fold < len(info.given)
    ]
    # Two names of one configuration share their cells; reports look them up by id.
    return Plan(sweep, tuple(cells), tuple(datasets), tuple(skipped))


def _datasets(sweep: Sweep, skipped: list[Skipped]) -> Iterator[DatasetInfo]:
    short = [spec.ref.partition(":")[2] for spec in sweep.datasets]
    for spec, name in zip(sweep.datasets, short, strict=True):
        name = spec.ref if short.count(name) > 1 else name
        try:
            dataset = load(spec)
            given = _given(spec, dataset, sweep.protocol)
            if not given:
                _check_folds(dataset, sweep.protocol.folds)
        except (DatasetUnavailableError, SplitsError) as error:
            skipped.append(Skipped(spec.ref, str(error)))
        else:
            yield describe(spec, name, dataset, sweep.protocol.max_rows, given)


def _given(spec: DatasetSpec, dataset: Dataset, protocol: Protocol) -> tuple[str, ...]:
    """Return a digest of each given split that is used; empty if none are given."""
    if not protocol.is_given:
        return ()
    splits = given_splits(spec)
    check_rows(spec, splits, dataset.n_rows)
    return split_hashes(splits[: protocol.max_splits])


def _check_folds(dataset: Dataset, folds: int) -> None:
    groups = None if dataset.group is None else len(set(dataset.group))
    if dataset.n_rows < 2 * folds or (groups is not None and groups < folds):
        what = f"{dataset.n_rows} rows" if groups is None else f"{groups} groups"
        raise DatasetUnavailableError(
            f"Its {what} are too few for {folds} folds; declare fewer folds."
        )


def describe(
    spec: DatasetSpec,
    name: str,
    dataset: Dataset,
    max_rows: int | None,
    given: tuple[str, ...] = (),
) -> DatasetInfo:
    """Return what reports say about a dataset."""
    X = dataset.X
    return DatasetInfo(
        spec=spec,
        name=name,
        task=dataset.task,
        n_rows=dataset.n_rows,
        n_features=X.shape[1],
        n_categorical=sum(not is_numeric(column) for _, column in X.items()),
        n_classes=len(dataset.classes),
        missing=float(X.isna().to_numpy().mean()) if X.size else 0.0,
        is_grouped=dataset.group is not None,
        data_hash=dataset.data_hash,
        source=dataset.source,
        licence=dataset.licence,
        max_rows=spec.max_rows or max_rows,
        given=given,
    )


def _resolved(
    sweep: Sweep, datasets: list[DatasetInfo], skipped: list[Skipped]
) -> Iterator[tuple[DatasetInfo, ResolvedMethod]]:
    """Yield every table with every method that is made for it and installed."""
    made: dict[tuple[str, str], ResolvedMethod | None] = {}
    for info in datasets:
        for spec in sweep.methods:
            key = spec.name, family_of(info.task)
            if key not in made:
                made[key] = _resolve(spec, info.task, skipped)
            if made[key] is not None:
                yield info, made[key]


def _resolve(
    spec: MethodSpec, task: str, skipped: list[Skipped]
) -> ResolvedMethod | None:
    try:
        return methods.resolve(spec, task)
    except MethodUnavailableError as error:
        left_out = Skipped(spec.label, str(error))
        if left_out not in skipped:
            skipped.append(left_out)
        return None


def _cell(
    info: DatasetInfo,
    method: ResolvedMethod,
    protocol: Protocol,
    repeat: int,
    fold: int,
    seed: int,
) -> Cell:
    outputs = info.n_classes if info.n_classes > 2 else 1
    return Cell(
        dataset=info.spec,
        dataset_name=info.name,
        data_hash=info.data_hash,
        task=info.task,
        method=method,
        repeat=repeat,
        fold=fold,
        folds=len(info.given) or protocol.folds,
        given=info.given[fold] if info.given else "",
        split_seed=protocol.seed,
        model_seed=seed,
        threads=protocol.threads,
        max_rows=info.max_rows,
        metrics=protocol.metrics[family_of(info.task)],
        size=float(info.rows_used * max(info.n_features, 1) * outputs),
    )
