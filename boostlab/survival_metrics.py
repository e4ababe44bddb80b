"""Measures of predicted survival, where not every event was observed.

Censored rows count by inverse probability of censoring weighting: an event observed at
t stands for ``1 / G(t)`` rows, with G the Kaplan-Meier estimate of staying uncensored.
That is right where censoring is independent of the event.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

BLOCK = 512
"""Rows that are compared with all others at a time."""


def kaplan_meier(event: ArrayLike, time: ArrayLike) -> tuple[Array, Array]:
    """Return the Kaplan-Meier estimate of the survival function.

    Parameters
    ----------
    event : array-like of bool, shape (n,)
        Whether the event was observed.
    time : array-like of shape (n,)
        Time of the event, or of the end of observation.

    Returns
    -------
    times : ndarray of shape (m,)
        The distinct times, ascending.
    survival : ndarray of shape (m,)
        Probability of an event later than each of them.
    """
    times, events, _, at_risk = _risk_table(event, time)
    return times, np.cumprod(1.0 - events / at_risk)


def _risk_table(event: ArrayLike, time: ArrayLike) -> tuple[Array, ...]:
    """Return the distinct times, and how many have the event, leave and are at risk."""
    event, time = check_event_times(event, time)
    times, which = np.unique(time, return_inverse=True)
    events = np.bincount(which[event], minlength=len(times))
    leaving = np.bincount(which, minlength=len(times))
    return times, events, leaving, len(time) - np.cumsum(leaving) + leaving


def concordance_index(
    event: ArrayLike, time: ArrayLike, predicted_time: ArrayLike
) -> float:
    """Return Harrell's concordance: how often predicted times order pairs rightly.

    A pair can be compared if the earlier of both times is that of an event; of equal
    times, if one is an event and the other is not. Equal predictions count half.

    Source: Harrell, Califf, Pryor, Lee, Rosati (1982), Evaluating the yield of medical
    tests.

    Parameters
    ----------
    event : array-like of bool, shape (n,)
        Whether the event was observed.
    time : array-like of shape (n,)
        Time of the event, or of the end of observation.
    predicted_time : array-like of shape (n,)
        Predicted times, or other numbers that are greater the later the event.

    Returns
    -------
    float
        1 is perfect, 0.5 as good as chance; NaN if no pair can be compared.
    """
    event, time = check_event_times(event, time)
    predicted = _check_predicted(predicted_time, len(time), None)
    earlier = np.flatnonzero(event)
    pairs, right = 0, 0.0
    for first in range(0, len(earlier), BLOCK):
        rows = earlier[first : first + BLOCK, None]
        later = (time > time[rows]) | ((time == time[rows]) & ~event)
        higher, equal = predicted > predicted[rows], predicted == predicted[rows]
        pairs += int(np.count_nonzero(later))
        right += np.count_nonzero(later & higher)
        right += 0.5 * np.count_nonzero(later & equal)
    return right / pairs if pairs else float("nan")


def brier_score(
    event: ArrayLike,
    time: ArrayLike,
    survival: ArrayLike,
    at: ArrayLike,
    censoring: tuple[ArrayLike, ArrayLike] | None = None,
) -> Array:
    """Return the mean squared error of predicted survival at given times.

    Source: Graf, Schmoor, Sauerbrei, Schumacher (1999), Assessment and comparison of
    prognostic classification schemes for survival data, equation 7.

    Parameters
    ----------
    event, time : array-like of shape (n,)
        Whether the event was observed, and its time or that of the end of observation.
    survival : array-like of shape (n, q)
        Predicted probability of an event later than each of the times:
        ``model.predict_dist(X).sf(at[None])``.
    at : array-like of shape (q,)
        The times.
    censoring : tuple of (event, time), optional
        Rows to estimate censoring from, the training rows say; by default these rows.

    Returns
    -------
    ndarray of shape (q,)
        0 is perfect; 0.25 is what a probability of one half gets.
    """
    event, time = check_event_times(event, time)
    at = np.atleast_1d(np.asarray(at, dtype=np.float64))
    survival = np.asarray(survival, dtype=np.float64)
    if survival.shape != (len(time), len(at)):
        raise ValueError(
            f"survival has shape {survival.shape}; give one probability for each row "
            f"and time, shape {(len(time), len(at))}."
        )
    stays = _Stays(*(censoring if censoring is not None else (event, time)))
    died = (time[:, None] <= at) & event[:, None]
    alive = time[:, None] > at
    weight = died / stays.before(time)[:, None] + alive / stays.after(at)
    return np.mean(weight * (alive - survival) ** 2, axis=0)


def integrated_brier_score(
    event: ArrayLike,
    time: ArrayLike,
    survival: ArrayLike,
    at: ArrayLike,
    censoring: tuple[ArrayLike, ArrayLike] | None = None,
) -> float:
    """Return the mean of :func:`brier_score` over time, by the trapezoidal rule.

    Parameters
    ----------
    event, time, survival, at, censoring
        As for :func:`brier_score`; `at` ascends and has at least two times.
    """
    at = np.asarray(at, dtype=np.float64)
    if at.ndim != 1 or len(at) < 2 or not np.all(np.diff(at) > 0):
        raise ValueError("at needs at least two times, ascending.")
    scores = brier_score(event, time, survival, at, censoring)
    return float(np.trapezoid(scores, at) / (at[-1] - at[0]))


def dynamic_auc(
    event: ArrayLike,
    time: ArrayLike,
    risk: ArrayLike,
    at: ArrayLike,
    censoring: tuple[ArrayLike, ArrayLike] | None = None,
) -> Array:
    """Return the probability that who has had the event by a time had a higher risk.

    Cumulative cases against those without an event so far. Source: Uno, Cai, Tian, Wei
    (2007), Evaluating prediction rules for t-year survivors with censored regression
    models.

    Parameters
    ----------
    event, time : array-like of shape (n,)
        Whether the event was observed, and its time or that of the end of observation.
    risk : array-like of shape (n,) or (n, q)
        Numbers that are greater the earlier the event; the same or others at each time.
    at : array-like of shape (q,)
        The times.
    censoring : tuple of (event, time), optional
        Rows to estimate censoring from; by default these rows.

    Returns
    -------
    ndarray of shape (q,)
        1 is perfect, 0.5 chance; NaN where there are no cases, or none left.
    """
    event, time = check_event_times(event, time)
    at = np.atleast_1d(np.asarray(at, dtype=np.float64))
    risk = _check_predicted(risk, len(time), len(at))
    risk = np.broadcast_to(
        risk[:, None] if risk.ndim == 1 else risk, (len(time), len(at))
    )
    stays = _Stays(*(censoring if censoring is not None else (event, time)))
    weight = 1.0 / stays.before(time)
    out = np.full(len(at), np.nan)
    for q, now in enumerate(at):
        cases, alive = (time <= now) & event, time > now
        if cases.any() and alive.any():
            others = np.sort(risk[alive, q])
            below = np.searchsorted(others, risk[cases, q], side="left")
            up_to = np.searchsorted(others, risk[cases, q], side="right")
            share = (below + up_to) / (2 * len(others))
            out[q] = np.average(share, weights=weight[cases])
    return out


def event_times(y: ArrayLike) -> tuple[NDArray[np.bool_], Array]:
    """Return whether events were observed, and the times, of targets of any form.

    Parameters
    ----------
    y : array-like
        A structured array of two fields, the event and the time, as in
        scikit-survival; the ends of intervals, shape (n, 2), equal where the event was
        observed and ``(t, inf)`` where it was not; or times, shape (n,), all observed.

    Returns
    -------
    event : ndarray of bool, shape (n,)
    time : ndarray of shape (n,)

    Raises
    ------
    ValueError
        If an event is known only to lie in an interval or before a time, for which
        the measures of this module have no formula.
    """
    values = np.asarray(y)
    if values.dtype.names is not None and len(values.dtype.names) == 2:
        return check_event_times(*(values[name] for name in values.dtype.names))
    values = values.astype(np.float64)
    if values.ndim == 1:
        return check_event_times(np.ones(len(values), bool), values)
    if values.ndim != 2 or values.shape[1] != 2:
        raise ValueError(
            f"y has shape {values.shape}; give a structured array of event and time, "
            "the ends of intervals, shape (n, 2), or times."
        )
    low, high = values.T
    observed = low == high
    if not (observed | np.isposinf(high)).all():
        row = int(np.argmin(observed | np.isposinf(high)))
        raise ValueError(
            f"Row {row} of y is the interval {values[row]!s:.60}, but this measure "
            "takes observed and right-censored times only; leave such rows out."
        )
    return check_event_times(observed, low)


def concordance_scorer(
    estimator: Any, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """Return the concordance of predicted medians, as a scorer of scikit-learn.

    Give it as ``scoring=concordance_scorer`` to ``cross_val_score``, ``GridSearchCV``,
    or an estimator that stops early.

    Parameters
    ----------
    estimator : fitted estimator
        With ``predict_dist``, or else ``predict``, whose values are then the times.
    X : array-like
        Rows.
    y : array-like
        Times, perhaps right-censored, in any form of :func:`event_times`.
    sample_weight : array-like, optional
        Must be None or all equal, as pairs have no weights.
    """
    if sample_weight is not None and np.ptp(np.asarray(sample_weight)) > 0:
        raise ValueError(
            "concordance_scorer counts pairs and takes no weights; give equal ones, or "
            "score by the loss."
        )
    event, time = event_times(y)
    if hasattr(estimator, "predict_dist"):
        return concordance_index(event, time, estimator.predict_dist(X).median())
    return concordance_index(event, time, estimator.predict(X))


class _Stays:
    """The probability of staying uncensored."""

    def __init__(self, event: ArrayLike, time: ArrayLike):
        self.times, events, leaving, at_risk = _risk_table(event, time)
        # Who had the event at a time was not at risk of being censored at it.
        stay = 1.0 - (leaving - events) / np.maximum(at_risk - events, 1)
        self.survival = np.cumprod(stay)

    def after(self, time: Array) -> Array:
        """Return P(C > t); its last positive value beyond the last censoring."""
        return self._value(np.searchsorted(self.times, time, side="right"))

    def before(self, time: Array) -> Array:
        """Return P(C >= t)."""
        return self._value(np.searchsorted(self.times, time, side="left"))

    def _value(self, place: NDArray[np.intp]) -> Array:
        value = np.concatenate([[1.0], self.survival])
        least = np.min(value[value > 0])
        return np.maximum(value[place], least)


def check_event_times(
    event: ArrayLike, time: ArrayLike
) -> tuple[NDArray[np.bool_], Array]:
    """Return both as arrays of shape (n,); ValueError if they are not such."""
    event, time = np.asarray(event), np.asarray(time, dtype=np.float64)
    if event.shape != time.shape or event.ndim != 1:
        raise ValueError(
            f"event has shape {event.shape} and time {time.shape}; give one value of "
            "each for each row."
        )
    if not np.isin(event, (0, 1)).all():
        raise ValueError(
            "event holds other values than true and false; it says whether the event "
            "was observed, and comes before the time."
        )
    if not np.isfinite(time).all():
        row = int(np.flatnonzero(~np.isfinite(time))[0])
        raise ValueError(f"time is {time[row]} in row {row}; give finite times.")
    return event.astype(bool), time


def _check_predicted(values: ArrayLike, n_rows: int, n_times: int | None) -> Array:
    """Return numbers of shape (n,), or of (n, q) for q times."""
    values = np.asarray(values, dtype=np.float64)
    wanted = [(n_rows,)] if n_times is None else [(n_rows,), (n_rows, n_times)]
    if values.shape not in wanted:
        raise ValueError(
            f"The predictions have shape {values.shape}; give "
            f"{' or '.join(map(str, wanted))}."
        )
    if np.isnan(values).any():
        raise ValueError("A prediction is NaN; give numbers.")
    return values
