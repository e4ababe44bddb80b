"""Run one cell: load, split, prepare, fit, predict, score."""

from __future__ import annotations

import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from boostlab.sweeps.datasets import Dataset, is_numeric, load, sample_rows
from boostlab.sweeps.environment import environment_hash
from boostlab.sweeps.metrics import metrics_for
from boostlab.sweeps.plan import Cell
from boostlab.sweeps.prepare import ENCODINGS
from boostlab.sweeps.specs import DatasetSpec, canonical
from boostlab.sweeps.splits import split

_Result = TypeVar("_Result")

#: How much of a traceback a failure row keeps, counted from its end.
TRACEBACK_LINES = 30


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a cell predicted on its test rows.

    Parameters
    ----------
    row : ndarray of shape (n,)
        Row numbers in the whole table.
    y : ndarray of shape (n,)
        Targets, or class codes.
    values : ndarray of shape (n,) or (n, K)
        Predictions in float64, or probabilities in float32.
    classes : tuple of str
        Labels of the codes; empty for regression.
    """

    row: NDArray[np.intp]
    y: NDArray[Any]
    values: NDArray[Any]
    classes: tuple[str, ...]

    def scores(self, names: tuple[str, ...], task: str) -> dict[str, float]:
        """Return the value of each metric that is defined for the task."""
        metrics = metrics_for(names, task)
        return {m.name: m.function(self.y, self.values) for m in metrics}


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A finished cell: its row, and its predictions unless it failed."""

    row: dict[str, Any]
    predictions: Predictions | None


def run_cell(cell: Cell) -> Outcome:
    """Run a cell; whatever goes wrong in it becomes the row's error text."""
    row = base_row(cell)
    try:
        with threadpool_limits(limits=cell.threads), _recorded(row):
            predictions, measured = _fit_and_predict(cell)
    except Exception as error:
        # A method may fail in any way, and the sweep's answer to each is the same:
        # the failure is the result of this cell.
        return Outcome(row | failure(error), None)
    scores = predictions.scores(cell.metrics, cell.task)
    row |= measured | {f"score_{name}": value for name, value in scores.items()}
    return Outcome(row | {"status": "finished"}, predictions)


def base_row(cell: Cell) -> dict[str, Any]:
    """Return what a row says whether its cell failed or not."""
    return {
        "id": cell.id,
        "status": "failed",
        "dataset": cell.dataset.ref,
        "task": cell.task,
        "method": cell.method.name,
        "estimator": cell.method.path,
        "params": canonical(cell.method.params),
        "version": cell.method.version,
        "folds": cell.folds,
        "repeat": cell.repeat,
        "fold": cell.fold,
        "split_seed": cell.split_seed,
        "model_seed": cell.model_seed,
        "threads": cell.threads,
        "max_rows": cell.max_rows,
        "data_hash": cell.data_hash,
        "environment": environment_hash(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "error": "",
        "traceback": "",
        "warnings": "",
    }


def failure(error: BaseException) -> dict[str, Any]:
    """Return the columns that tell of an exception."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    message = str(error).strip()
    return {
        "status": "failed",
        "error": f"{type(error).__name__}: {message}" if message else repr(error),
        "traceback": "\n".join(lines[-TRACEBACK_LINES:]),
    }


@contextmanager
def _recorded(row: dict[str, Any]) -> Iterator[None]:
    """Keep warnings in the row instead of printing them across the progress bar."""
    if threading.current_thread() is not threading.main_thread():
        # Filters belong to the process, so threads cannot each have their own.
        yield
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for category in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", category)
        try:
            yield
        finally:
            texts = (f"{w.category.__name__}: {w.message}" for w in caught)
            row["warnings"] = "\n".join(dict.fromkeys(texts))


@lru_cache(maxsize=2)
def _dataset(spec: DatasetSpec, max_rows: int | None, seed: int) -> Dataset:
    """Return the rows that cells use; the same table is often asked for in turn."""
    dataset = load(spec)
    rows = sample_rows(dataset, max_rows, seed)
    if len(rows) == dataset.n_rows:
        return dataset
    return replace(
        dataset,
        X=dataset.X.iloc[rows].reset_index(drop=True),
        y=dataset.y[rows],
        group=None if dataset.group is None else dataset.group[rows],
    )


def _fit_and_predict(cell: Cell) -> tuple[Predictions, dict[str, Any]]:
    dataset = _dataset(cell.dataset, cell.max_rows, cell.split_seed)
    if dataset.data_hash != cell.data_hash:
        raise RuntimeError(
            f"The data of {dataset.ref} changed after the sweep was planned; start "
            "the sweep again."
        )
    is_classification = bool(dataset.classes)
    train, test = split(
        dataset.y,
        dataset.group,
        is_classification,
        folds=cell.folds,
        repeat=cell.repeat,
        fold=cell.fold,
        seed=cell.split_seed,
    )
    y_train, y_test = dataset.y[train], dataset.y[test]
    # Some methods want the classes of the training fold as 0 .. k-1, without gaps.
    present = np.unique(y_train) if is_classification else None
    target = np.searchsorted(present, y_train) if is_classification else y_train
    model = _Fitted(cell)
    fit_seconds, _ = _timed(lambda: model.fit(dataset.X.iloc[train], target))
    predict_seconds, values = _timed(lambda: model.predict(dataset.X.iloc[test]))
    if is_classification:
        values = _all_classes(values, present, len(dataset.classes))
    values = np.asarray(values, dtype=np.float32 if is_classification else np.float64)
    if values.shape[0] != len(test) or not np.isfinite(values).all():
        raise ValueError(
            f"The predictions have shape {values.shape} for {len(test)} rows, or are "
            "not all finite."
        )
    measured = {
        "n_train": len(train),
        "n_test": len(test),
        "fit_seconds": fit_seconds,
        "encode_seconds": model.encode_seconds,
        "predict_seconds": predict_seconds,
        "rounds": model.rounds(),
        "target_sd": None if is_classification else float(np.std(y_test)),
    }
    return Predictions(test, y_test, values, dataset.classes), measured


class _Fitted:
    """A method with its encoder, fitted together on the training fold."""

    def __init__(self, cell: Cell) -> None:
        method = cell.method
        self._probability = cell.task != "regression"
        self._model = method.build(cell.threads, cell.model_seed)
        self._encoder = ENCODINGS[method.encoding](method.max_categories)
        self._categories_as = method.categories_as
        self._impute = method.encoding == "ordinal" and not _takes_missing(self._model)
        self.encode_seconds = 0.0

    def fit(self, X: pd.DataFrame, y: NDArray[Any]) -> None:
        """Fit encoder and method."""
        self.encode_seconds, encoded = _timed(lambda: self._encoder.fit(X).transform(X))
        if self._impute:
            self._medians = encoded.median().fillna(0.0)
            encoded = encoded.fillna(self._medians)
        if self._categories_as:
            categories = [name for name in encoded if not is_numeric(encoded[name])]
            self._model.set_params(**{self._categories_as: categories})
        self._model.fit(encoded, y)

    def predict(self, X: pd.DataFrame) -> NDArray[Any]:
        """Return predictions (n,) or probabilities (n, k)."""
        encoded = self._encoder.transform(X)
        if self._impute:
            encoded = encoded.fillna(self._medians)
        if not self._probability:
            return np.asarray(self._model.predict(encoded))
        if not hasattr(self._model, "predict_proba"):
            raise TypeError(
                f"{type(self._model).__name__} has no predict_proba; sweeps score "
                "probabilities, so give a classifier that has them."
            )
        return np.asarray(self._model.predict_proba(encoded))

    def rounds(self) -> int | None:
        """Return the rounds or iterations that were fitted, where the model tells."""
        value = getattr(self._model, "n_iter_", None)
        return int(value) if isinstance(value, int | np.integer) else None


def _takes_missing(model: Any) -> bool:
    from sklearn.utils import get_tags

    return bool(get_tags(model).input_tags.allow_nan)


def _all_classes(
    probability: NDArray[Any], present: NDArray[Any], n_classes: int
) -> NDArray[Any]:
    """Give a class that the training fold lacks the probability 0."""
    if len(present) == n_classes:
        return probability
    full = np.zeros((len(probability), n_classes))
    full[:, present] = probability
    return full


def _timed(work: Callable[[], _Result]) -> tuple[float, _Result]:
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result
