"""Predicted distributions, cut down to what metrics need of them.

A regressor takes part in probabilistic metrics by a method ``predict_dist(X)`` whose
result has ``logpdf(y)``, ``crps(y)`` and ``interval(level)``, as a
:class:`~boostlab.distributions.Predictive` has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Level of the intervals that are kept.
LEVEL = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What was forecast for the test rows, beside their means.

    Parameters
    ----------
    log_density : ndarray of shape (n,)
        Log density, or log probability, of the targets.
    crps : ndarray of shape (n,)
        Continuous ranked probability score; NaN where the family has no formula.
    low, high : ndarray of shape (n,)
        Ends of central 90 % intervals.
    """

    log_density: Array
    crps: Array
    low: Array
    high: Array


def forecast(predicted: Any, y: Array) -> Forecast:
    """Keep of predicted distributions what metrics need.

    Parameters
    ----------
    predicted : object
        With ``logpdf``, ``crps`` and ``interval``, for n rows.
    y : ndarray of shape (n,)
        Their targets.

    Raises
    ------
    ValueError
        If anything has another shape, or a log density or an end of an interval is NaN.
    """
    low, high = predicted.interval(LEVEL)
    kept = Forecast(
        log_density=np.asarray(predicted.logpdf(y), dtype=np.float64),
        crps=_crps(predicted, y),
        low=np.asarray(low, dtype=np.float64),
        high=np.asarray(high, dtype=np.float64),
    )
    shapes = {a.shape for a in (kept.log_density, kept.crps, kept.low, kept.high)}
    holes = any(np.isnan(a).any() for a in (kept.log_density, kept.low, kept.high))
    if shapes != {(len(y),)} or holes:
        raise ValueError(
            f"The predicted distributions give shapes {sorted(shapes)} for {len(y)} "
            "rows, or hold NaN."
        )
    return kept


def _crps(predicted: Any, y: Array) -> Array:
    family = getattr(predicted, "distribution", None)
    # Our families tell by which scores they can be judged.
    if family is not None and "crps" not in family.scores:
        return np.full(len(y), np.nan)
    return np.asarray(predicted.crps(y), dtype=np.float64)
