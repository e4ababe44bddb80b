"""What a sweep declares, as values: datasets, methods and the protocol."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

FAMILIES = ("regression", "classification")

#: Metrics where the protocol names none; the first of each ranks.
DEFAULT_METRICS = {
    "regression": ("rmse", "mae", "r2"),
    "classification": ("log_loss", "accuracy", "roc_auc"),
}


def family_of(task: str) -> str:
    """Return "regression" or "classification" for a task."""
    return "regression" if task == "regression" else "classification"


def canonical(data: Any) -> str:
    """Return JSON text that is equal for equal data."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """A dataset as declared: ``source:name`` and what differs from its manifest.

    Parameters
    ----------
    ref : str
        As in ``"sklearn:iris"`` or ``"local:adult"``.
    target, task : str, optional
        In place of those that the source states.
    drop : tuple of str
        Columns left out: identifiers, and what gives the target away.
    max_rows : int, optional
        In place of the protocol's.
    splits : str, optional
        The ``.npz`` file of its splits where the protocol's splits are given: an
        absolute path, or one in the folder of local tables.
    """

    ref: str
    target: str | None = None
    task: str | None = None
    drop: tuple[str, ...] = ()
    max_rows: int | None = None
    splits: str | None = None


@dataclass(frozen=True, slots=True)
class Rounds:
    """How the number of rounds is chosen: on rows set aside, then all rows are fitted.

    Parameters
    ----------
    validation : float
        Share of the training rows that is set aside, in (0, 1).
    patience : int
        Rounds without improvement on them after which the search stops.
    """

    validation: float = 0.2
    patience: int = 100


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """A method as declared, one configuration of its grid.

    Parameters
    ----------
    name : str
        The key of its table, with the grid's values where there is a grid.
    label : str
        Its name in reports.
    method : str or None
        A built-in name or the dotted path of a class; None if `regressor` and
        `classifier` are given.
    regressor, classifier : str, optional
        Dotted paths of the classes for either family of tasks.
    encoding : str, optional
        How columns are prepared, in place of the method's own way.
    params : dict
        Constructor parameters.
    by_family : dict of str to dict
        Further parameters for "regression" or "classification" alone.
    rounds : Rounds, optional
        How the number of rounds is chosen; by default it is the parameters' affair.
    """

    name: str
    label: str
    method: str | None = None
    regressor: str | None = None
    classifier: str | None = None
    encoding: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    by_family: dict[str, dict[str, Any]] = field(default_factory=dict)
    rounds: Rounds | None = None


@dataclass(frozen=True, slots=True)
class Protocol:
    """How methods are compared.

    Parameters
    ----------
    folds : int, default=5
        Parts of the k-fold; stratified for classification, by group where the table
        has groups.
    repeats : int, default=1
        Times the k-fold is drawn anew.
    seed : int, default=0
        Of the splits and the row samples.
    model_seeds : tuple of int, default=(0,)
        Random states; each method is fitted with each of them.
    threads : int, default=1
        Threads of one fit.
    max_rows : int, optional
        Larger tables are sampled down to this many rows.
    metrics : dict of str to tuple of str
        Names for "regression" and "classification"; the first one ranks.
    splits : {"kfold", "given"}, default="kfold"
        Whether rows are split here, or the tables come with their splits. Then
        `folds`, `repeats` and `max_rows` say nothing.
    max_splits : int, optional
        Of given splits, only the first so many of each table are used.
    """

    folds: int = 5
    repeats: int = 1
    seed: int = 0
    model_seeds: tuple[int, ...] = (0,)
    threads: int = 1
    max_rows: int | None = None
    metrics: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: dict(DEFAULT_METRICS)
    )
    splits: str = "kfold"
    max_splits: int | None = None

    @property
    def is_given(self) -> bool:
        """Whether the tables come with their splits."""
        return self.splits == "given"


@dataclass(frozen=True, slots=True)
class Figure:
    """A published number, with its standard error where that was published too."""

    value: float
    error: float | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """Figures of a paper, to stand beside ours.

    Parameters
    ----------
    name, label : str
        The key of its table, and its name in reports.
    source : str
        Where the figures were published.
    figures : dict of str to dict of str to Figure
        By metric, then by dataset (``source:name``).
    """

    name: str
    label: str
    source: str
    figures: dict[str, dict[str, Figure]]


@dataclass(frozen=True, slots=True)
class Sweep:
    """A whole declaration."""

    name: str
    title: str
    description: str
    datasets: tuple[DatasetSpec, ...]
    methods: tuple[MethodSpec, ...]
    protocol: Protocol
    text: str
    published: tuple[Published, ...] = ()
