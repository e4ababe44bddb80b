"""Fewer rounds that do as well: thinning by linear programming."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from boostlab.checks import check_number
from boostlab.contributions import Dense
from boostlab.correctors.corrective import soft_margin
from boostlab.estimators.base import BaseBoosting
from boostlab.estimators.rows import check_weight
from boostlab.objectives.margin import agreement, voted_class
from boostlab.state import Ensemble, State
from boostlab.steps import LineSearch

Array = NDArray[np.float64]

LEAST_VOTE = 1e-9
"""Share of all votes below which a round is left out."""


def thin(
    model: BaseBoosting,
    X: Any,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    nu: float | None = None,
) -> BaseBoosting:
    """Return a copy of a fitted classifier with fewer rounds, of new sizes.

    The sizes are those of the greatest soft margin on the given rows, of which most are
    0; such rounds are left out. All others are then scaled by one factor, for the least
    loss. The model itself stays as it is.

    Parameters
    ----------
    model : estimator
        A fitted classifier of boostlab, of any learners and loss that add up.
    X, y, sample_weight : array-like
        Rows as in ``fit``: those of the training, or better others.
    nu : float, optional
        Share of the weight that may lie below the margin, greater than 0 and at most 1.
        Where it is not well above twice the share of errors, no votes have a soft
        margin above 0. By default it is three times the share of errors, but at least
        0.05 and at most 0.9.

    Returns
    -------
    estimator
        Of the same class and parameters.

    Raises
    ------
    TypeError
        If the model is no classifier, or does not add up its rounds.
    """
    if nu is not None:
        check_number("nu", nu, above=0, at_most=1)
    check_is_fitted(model)
    if not hasattr(model, "classes_") or not model.ensemble_.update.additive:
        raise TypeError(
            f"{type(model).__name__} cannot be thinned; give a classifier that adds up "
            "its rounds."
        )
    thinned = copy.deepcopy(model)
    if len(model.classes_) == 1 or model.n_iter_ == 0:
        return thinned
    y = model._encode_targets(model._check_targets(y, "y"), "y", False)
    weight = check_weight(sample_weight, len(y), "sample_weight")
    counts = weight > 0
    table = model._table(X).take(counts)
    state = _state(model.ensemble_, table, y[counts], weight[counts])
    if nu is None:
        wrong = voted_class(model.ensemble_.predict(table)) != state.y
        nu = min(max(0.05, 3 * float(np.average(wrong, weights=state.weight))), 0.9)
    thinned._keep(*_refitted(model, state, nu))
    return thinned


def _state(ensemble: Ensemble, table: Any, y: Array, weight: Array) -> State:
    """Return rows at the baseline."""
    raw = np.empty((len(y), len(ensemble.baseline)), order="F")
    raw[:] = ensemble.baseline
    return State(table, y, weight, ensemble.baseline, raw)


def _refitted(model: Any, state: State, nu: float) -> tuple[Ensemble, NDArray[np.intp]]:
    """Return the rounds that are left, with their new sizes, and which they are."""
    ensemble = model.ensemble_
    parts = []
    for done in ensemble.rounds:
        part = np.zeros_like(state.raw_prediction)
        done.hypothesis.contribution(state).add_to(part, done.size)
        parts.append(part)
    payoff = np.column_stack([agreement(state.y, part) for part in parts])
    reach = np.abs(payoff).max(axis=0)
    useful = np.flatnonzero(reach > 0)
    votes, _, _ = soft_margin(payoff[:, useful] / reach[useful], state.weight, nu)
    kept = votes > LEAST_VOTE
    useful, factors = useful[kept], votes[kept] / reach[useful[kept]]
    total = sum(f * parts[i] for i, f in zip(useful, factors, strict=True))
    scale = _scale(model, state, total, float(reach.sum()))
    rounds = [
        replace(ensemble.rounds[i], size=(scale * f) * ensemble.rounds[i].size)
        for i, f in zip(useful, factors, strict=True)
    ]
    return Ensemble(ensemble.baseline, ensemble.update, rounds), useful


def _scale(model: Any, state: State, total: Array, guess: float) -> float:
    """Return the factor of the least loss, or `guess` where the loss has no slope."""
    found = LineSearch(1.0, 1000.0)(
        model.objective_, state, Dense(np.asfortranarray(guess * total))
    )
    return guess * found if found > 0 else guess
