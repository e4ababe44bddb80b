"""Fewer rounds that do as well: thinning by linear programming."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from boostlab.checks import check_number
from boostlab.correctors.corrective import soft_margin
from boostlab.estimators.base import BaseBoosting
from boostlab.estimators.rows import check_weight
from boostlab.objectives.margin import agreement, voted_class
from boostlab.state import Ensemble, State

Array = NDArray[np.float64]

LEAST_VOTE = 1e-9
"""Share of all votes below which a round is left out."""

MULTIPLES = (2.25, 2.5, 3.0, 6.0)
"""How many times the share of errors may lie below the margin, by default."""


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
    0; such rounds are left out. What the model starts from counts in the margins, too.
    All other sizes are then scaled by one factor, for the least squared distance to the
    raw prediction of the whole model, so that probabilities are about as sure as its.
    The model itself stays as it is.

    Parameters
    ----------
    model : estimator
        A fitted classifier of boostlab, of any learners and loss that add up.
    X, y, sample_weight : array-like
        Rows as in ``fit``: those of the training, or better others.
    nu : float, optional
        Share of the weight that may lie below the margin, greater than 0 and at most 1.
        Where it is not well above twice the share of errors, no votes have a soft
        margin above 0, and far above it a few votes are the best. By default 2.25, 2.5,
        3 and 6 times the share of errors are tried, but at least 0.05 and at most 0.9,
        and the model is taken that has the least log loss on these rows.

    Returns
    -------
    estimator
        Of the same class and parameters.

    Raises
    ------
    TypeError
        If the model is no booster of classes, or does not add up its rounds.
    """
    if nu is not None:
        check_number("nu", nu, above=0, at_most=1)
    check_is_fitted(model)
    ensemble = getattr(model, "ensemble_", None)
    additive = ensemble is not None and ensemble.update.additive
    if not hasattr(model, "classes_") or not additive:
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
    parts = _parts(model.ensemble_, state)
    payoff = np.column_stack([agreement(state.y, part) for part in parts])
    if not payoff.any():
        empty = Ensemble(model.ensemble_.baseline, model.ensemble_.update)
        thinned._keep(empty, np.empty(0, np.intp))
        return thinned
    nus = _usual(sum(parts), state) if nu is None else [nu]
    tried = [_refitted(model.ensemble_, state, parts, payoff, each) for each in nus]
    losses = [_log_loss(model, state, raw) for _, _, raw in tried]
    ensemble, kept, _ = tried[int(np.argmin(losses))]
    thinned._keep(ensemble, kept)
    return thinned


def _state(ensemble: Ensemble, table: Any, y: Array, weight: Array) -> State:
    """Return rows at the baseline."""
    raw = np.empty((len(y), len(ensemble.baseline)), order="F")
    raw[:] = ensemble.baseline
    return State(table, y, weight, ensemble.baseline, raw)


def _parts(ensemble: Ensemble, state: State) -> list[Array]:
    """Return what each round adds to the raw prediction."""
    parts = []
    for done in ensemble.rounds:
        part = np.zeros_like(state.raw_prediction)
        done.hypothesis.contribution(state).add_to(part, done.size)
        parts.append(part)
    return parts


def _usual(total: Array, state: State) -> list[float]:
    """Return the shares of the weight below the margin to try."""
    wrong = voted_class(state.raw_prediction + total) != state.y
    share = float(np.average(wrong, weights=state.weight))
    return sorted({min(max(0.05, times * share), 0.9) for times in MULTIPLES})


def _refitted(
    ensemble: Ensemble, state: State, parts: list[Array], payoff: Array, nu: float
) -> tuple[Ensemble, NDArray[np.intp], Array]:
    """Return the rounds that are left, of new sizes, which, and the raw prediction."""
    reach = np.abs(payoff).max(axis=0)
    useful = np.flatnonzero(reach > 0)
    # Votes sum to 1, so what is added to every column is a column of fixed size.
    fixed = agreement(state.y, state.raw_prediction) / reach.sum()
    columns = payoff[:, useful] / reach[useful] + fixed[:, None]
    votes, _, _ = soft_margin(columns, state.weight, nu)
    kept = votes > LEAST_VOTE
    useful, factors = useful[kept], votes[kept] / reach[useful[kept]]
    total = sum(f * parts[i] for i, f in zip(useful, factors, strict=True))
    scale = _scale(state.weight, sum(parts), total, float(reach.sum()))
    rounds = [
        replace(ensemble.rounds[i], size=(scale * f) * ensemble.rounds[i].size)
        for i, f in zip(useful, factors, strict=True)
    ]
    left = Ensemble(ensemble.baseline, ensemble.update, rounds)
    return left, useful, state.raw_prediction + scale * total


def _log_loss(model: Any, state: State, raw: Array) -> float:
    """Return the mean negative logarithm of the probability of each row's class."""
    share = model.objective_.link.inverse(raw)
    own = np.take_along_axis(share, state.y.astype(np.intp)[:, None], axis=1)[:, 0]
    return -float(np.average(np.log(np.maximum(own, 1e-15)), weights=state.weight))


def _scale(weight: Array, whole: Array, total: Array, guess: float) -> float:
    """Return the factor on `total` that comes nearest to `whole`, if above 0."""
    shared = float(weight @ (whole * total).sum(axis=1))
    own = float(weight @ (total**2).sum(axis=1))
    return shared / own if shared > 0 else guess
