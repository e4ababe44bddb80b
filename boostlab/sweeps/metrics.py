"""The metrics of a sweep: a table that can be extended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.sweeps.forecast import Forecast

Array = NDArray[np.float64]

#: Smaller probabilities count as this one: a 0 that fails would cost infinity.
SMALLEST_PROBABILITY = 1e-15

#: The same for densities, which have no scale: the log of one that is as good as 0.
SMALLEST_LOG_DENSITY = -1e6


@dataclass(frozen=True, slots=True)
class Metric:
    """One number that says how good predictions are.

    Parameters
    ----------
    name : str
        Name in declarations and in stored cells.
    label : str
        Name in reports.
    tasks : tuple of str
        Of "regression", "binary", "multiclass": where it is defined.
    function : callable
        ``function(y, prediction) -> float``. For regression both have shape (n,); for
        classification `y` holds class codes 0 .. K-1 and `prediction` probabilities of
        shape (n, K). With `of_distribution`, `prediction` is a :class:`Forecast`.
    greater_is_better : bool, default=False
        Whether it is a score, to be high, and not a loss.
    scale_free : bool, default=True
        False for a metric in the target's units. Means over tables divide it by the
        standard deviation of the test targets.
    of_distribution : bool, default=False
        Whether it judges predicted distributions; NaN for methods without them.
    ranks : bool, default=True
        False for what describes predictions, and is neither better high nor low.
    """

    name: str
    label: str
    tasks: tuple[str, ...]
    function: Callable[[Array, Any], float]
    greater_is_better: bool = False
    scale_free: bool = True
    of_distribution: bool = False
    ranks: bool = True

    def loss(self, values: Array) -> Array:
        """Return the values with the sign that makes less better."""
        return -values if self.greater_is_better else values


METRICS: dict[str, Metric] = {}


def register_metric(metric: Metric) -> Metric:
    """Add a metric to the table; return it.

    Raises
    ------
    ValueError
        If the name is taken.
    """
    if METRICS.setdefault(metric.name, metric) is not metric:
        raise ValueError(
            f"A metric named {metric.name!r} is there already; choose another name."
        )
    return metric


def metrics_for(names: tuple[str, ...], task: str) -> list[Metric]:
    """Return the metrics named that are defined for `task`, the main one first."""
    return [METRICS[name] for name in names if task in METRICS[name].tasks]


def _rmse(y: Array, prediction: Array) -> float:
    return float(np.sqrt(np.mean(np.square(y - prediction))))


def _mae(y: Array, prediction: Array) -> float:
    return float(np.mean(np.abs(y - prediction)))


def _r2(y: Array, prediction: Array) -> float:
    spread = np.sum(np.square(y - y.mean()))
    if spread == 0:
        return float("nan")
    return float(1 - np.sum(np.square(y - prediction)) / spread)


def _log_loss(y: Array, probability: Array) -> float:
    at_truth = probability[np.arange(len(y)), y.astype(np.intp)].astype(np.float64)
    return float(-np.mean(np.log(np.clip(at_truth, SMALLEST_PROBABILITY, 1.0))))


def _accuracy(y: Array, probability: Array) -> float:
    return float(np.mean(probability.argmax(axis=1) == y))


def _roc_auc(y: Array, probability: Array) -> float:
    """Probability that a positive row scores above a negative one, ties half."""
    from scipy.stats import rankdata

    positive = y == 1
    n_positive = int(positive.sum())
    n_negative = len(y) - n_positive
    if n_positive == 0 or n_negative == 0:
        return float("nan")
    above = rankdata(probability[:, 1])[positive].sum()
    return float(
        (above - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)
    )


def _brier(y: Array, probability: Array) -> float:
    """Squared error of the probabilities, halved for two classes as is the custom."""
    probability = np.asarray(probability, dtype=np.float64)
    error = np.square(probability)
    at_truth = np.arange(len(y)), y.astype(np.intp)
    error[at_truth] = np.square(1.0 - probability[at_truth])
    half = 0.5 if probability.shape[1] == 2 else 1.0
    return float(half * np.mean(error.sum(axis=1)))


def _nll(y: Array, forecast: Forecast) -> float:
    return float(-np.mean(np.maximum(forecast.log_density, SMALLEST_LOG_DENSITY)))


def _crps(y: Array, forecast: Forecast) -> float:
    return float(np.mean(forecast.crps))


def _coverage(y: Array, forecast: Forecast) -> float:
    return float(np.mean((forecast.low <= y) & (y <= forecast.high)))


def _width(y: Array, forecast: Forecast) -> float:
    return float(np.mean(forecast.high - forecast.low))


_REGRESSION = ("regression",)
_CLASSIFICATION = ("binary", "multiclass")

register_metric(Metric("rmse", "RMSE", _REGRESSION, _rmse, scale_free=False))
register_metric(Metric("mae", "MAE", _REGRESSION, _mae, scale_free=False))
register_metric(Metric("r2", "R²", _REGRESSION, _r2, greater_is_better=True))
register_metric(Metric("nll", "NLL", _REGRESSION, _nll, of_distribution=True))
register_metric(
    Metric("crps", "CRPS", _REGRESSION, _crps, scale_free=False, of_distribution=True)
)
register_metric(
    Metric(
        "coverage_90",
        "90 % coverage",
        _REGRESSION,
        _coverage,
        of_distribution=True,
        ranks=False,
    )
)
register_metric(
    Metric(
        "interval_width_90",
        "90 % width",
        _REGRESSION,
        _width,
        scale_free=False,
        of_distribution=True,
        ranks=False,
    )
)
register_metric(Metric("log_loss", "log loss", _CLASSIFICATION, _log_loss))
register_metric(Metric("brier", "Brier score", _CLASSIFICATION, _brier))
register_metric(
    Metric("accuracy", "accuracy", _CLASSIFICATION, _accuracy, greater_is_better=True)
)
register_metric(
    Metric("roc_auc", "ROC AUC", ("binary",), _roc_auc, greater_is_better=True)
)
