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
from boostlab.sweeps.forecast import Forecast, forecast
from boostlab.sweeps.given import given_splits, rows_of, split_hashes
from boostlab.sweeps.metrics import Metric, metrics_for
from boostlab.sweeps.plan import Cell
from boostlab.sweeps.prepare import ENCODINGS
from boostlab.sweeps.rounds import fit_chosen_rounds
from boostlab.sweeps.specs import DatasetSpec, canonical
from boostlab.sweeps.splits import Indices, split

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
    forecast : Forecast, optional
        Of a method that predicts distributions.
    """

    row: NDArray[np.intp]
    y: NDArray[Any]
    values: NDArray[Any]
    classes: tuple[str, ...]
    forecast: Forecast | None = None

    def scores(self, names: tuple[str, ...], task: str) -> dict[str, float]:
        """Return the value of each metric that is defined for the task.

        NaN is what a method without distributions has by metrics of distributions.
        """
        return {m.name: self._score(m) for m in metrics_for(names, task)}

    def _score(self, metric: Metric) -> float:
        if not metric.of_distribution:
            return metric.function(self.y, self.values)
        if self.forecast is None:
            return float("nan")
        return metric.function(self.y, self.forecast)


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
        "splits": f"given {cell.given}" if cell.given else "kfold",
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
    train, test = _rows(cell, dataset)
    y_train, y_test = dataset.y[train], dataset.y[test]
    # Some methods want the classes of the training fold as 0 .. k-1, without gaps.
    present = np.unique(y_train) if is_classification else None
    target = np.searchsorted(present, y_train) if is_classification else y_train
    model = _Fitted(cell)
    fit_seconds, _ = _timed(lambda: model.fit(dataset.X.iloc[train], target))
    predict_seconds, values = _timed(lambda: model.predict(dataset.X.iloc[test]))
    forecast_seconds, told = _timed(
        lambda: model.forecast(dataset.X.iloc[test], y_test)
    )
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
        "forecast_seconds": None if told is None else forecast_seconds,
        "rounds": model.rounds(),
        "target_sd": None if is_classification else float(np.std(y_test)),
    }
    return Predictions(test, y_test, values, dataset.classes, told), measured


def _rows(cell: Cell, dataset: Dataset) -> tuple[Indices, Indices]:
    """Return the training and the test rows of a cell."""
    if not cell.given:
        return split(
            dataset.y,
            dataset.group,
            bool(dataset.classes),
            folds=cell.folds,
            repeat=cell.repeat,
            fold=cell.fold,
            seed=cell.split_seed,
        )
    splits = given_splits(cell.dataset)[cell.fold : cell.fold + 1]
    if split_hashes(splits) != (cell.given,):
        raise RuntimeError(
            f"The splits of {dataset.ref} changed after the sweep was planned; start "
            "the sweep again."
        )
    return rows_of(splits[0])


class _Fitted:
    """A method with its encoder, fitted together on the training fold."""

    def __init__(self, cell: Cell) -> None:
        method = cell.method
        self._cell = cell
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
        rounds = self._cell.method.rounds
        if rounds is None:
            self._model.fit(encoded, y)
        else:
            fit_chosen_rounds(
                self._model,
                rounds,
                encoded,
                y,
                self._cell.model_seed,
                self._probability,
            )

    def _encoded(self, X: pd.DataFrame) -> pd.DataFrame:
        encoded = self._encoder.transform(X)
        return encoded.fillna(self._medians) if self._impute else encoded

    def forecast(self, X: pd.DataFrame, y: NDArray[Any]) -> Forecast | None:
        """Return what is forecast for the targets; None if there is no distribution."""
        if self._probability or not hasattr(self._model, "predict_dist"):
            return None
        return forecast(self._model.predict_dist(self._encoded(X)), y)

    def predict(self, X: pd.DataFrame) -> NDArray[Any]:
        """Return predictions (n,) or probabilities (n, k)."""
        encoded = self._encoded(X)
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
