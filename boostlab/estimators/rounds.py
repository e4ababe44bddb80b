"""How many rounds, where the caller does not say: cross-validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.callbacks.early_stopping import EarlyStopping
from boostlab.estimators.in_parts import check_rows_left
from boostlab.estimators.rows import Rows, order_key
from boostlab.reduce import any_of, gathered, own_rows
from boostlab.state import Ensemble

N_FOLDS = 4
"""Parts of the rows, of which each is held out once."""

MOST_ROUNDS = 1000
"""Rounds at most, where early stopping chooses their number."""

PLAIN_ROUNDS = 100
"""Rounds where nothing can choose their number."""

PATIENCE = 20
"""Rounds without improvement after which a fold stops, or `n_iter_no_change`."""


def fold_numbers(rows: Rows, n_folds: int, seed: int, stratify: bool) -> NDArray[Any]:
    """Return the fold that holds each row out, shape (n,); -1 for none.

    Rows are ordered by a hash of the seed and their contents, and each fold takes the
    next share of the weight. So equal rows are in one fold, the folds do not depend on
    the order of the rows, and a row of weight 2 is the same as that row given twice.
    A class of a single distinct row is held out by no fold.

    Parameters
    ----------
    rows : Rows
        The rows.
    n_folds : int
        Number of folds, at least 3.
    seed : int
        Makes the order.
    stratify : bool
        Whether to part each class alike.
    """
    order_by, weight = order_key(rows, seed)
    n_rows = len(rows.y)
    classes = gathered(rows.y if stratify else np.zeros(n_rows))
    fold = np.full(len(order_by), -1)
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        values, where = np.unique(order_by[members], return_inverse=True)
        if len(values) == 1:
            continue
        totals = np.bincount(where, weight[members])
        middle = np.cumsum(totals) - totals / 2
        fold[members] = (middle / totals.sum() * n_folds).astype(np.intp)[where]
    return own_rows(fold, n_rows)


def parted(rows: Rows, seed: int, stratify: bool) -> Iterator[tuple[Rows, Rows]]:
    """Yield training and held-out rows of each fold that holds any out."""
    fold = fold_numbers(rows, N_FOLDS, seed, stratify)
    occurs = any_of(np.isin(np.arange(N_FOLDS), fold))
    for number in np.flatnonzero(occurs):
        held_out = fold == number
        check_rows_left(np.count_nonzero(~held_out))
        yield rows.take(~held_out), rows.take(held_out)


def chosen_rounds(estimator: Any, data: Any, first: Ensemble | None) -> int:
    """Return the number of rounds that cross-validation finds.

    It is the geometric mean of the best numbers of rounds of :data:`N_FOLDS` fits, to
    each of which a part of the rows is held out; times ``N_FOLDS / (N_FOLDS - 1)``,
    since all rows bear more rounds than the share that those fits see. One fold of
    few rows, which no number of rounds harms, has little say in a geometric mean.

    Parameters
    ----------
    estimator : BaseBoosting
        Makes the problem and the pieces of each fold, as of the fit itself.
    data : Data
        The training rows; nothing is held out.
    first : Ensemble or None
        Rounds to go on from.
    """
    found = [
        _best_round(
            estimator, replace(data, rows=rows, held_out=held_out), number, first
        )
        for number, (rows, held_out) in enumerate(
            parted(data.rows, data.seed, hasattr(estimator, "classes_"))
        )
    ]
    best = [rounds for rounds in found if rounds is not None]
    if not best:
        return PLAIN_ROUNDS
    mean = float(np.exp(np.mean(np.log(np.maximum(best, 1)))))
    return min(round(mean * N_FOLDS / (N_FOLDS - 1)), MOST_ROUNDS)


def _best_round(
    estimator: Any, data: Any, number: int, first: Ensemble | None
) -> int | None:
    """Return the best round of one fold, after `first`; None if none has a score.

    Where the held-out rows lack a class, the objective's loss is watched: scores of
    scikit-learn may not be defined there.
    """
    problem = estimator._problem(data)
    objective = estimator._objective_of(problem, first is not None)
    patience = max(PATIENCE, estimator.n_iter_no_change)
    classes = getattr(estimator, "classes_", ())
    lacks = len(classes) > 0 and len(np.unique(data.held_out.y)) < len(classes)
    watched = None if lacks else estimator._watched_loss(data)
    stopping = EarlyStopping(patience, estimator.tol, watched)
    n_before = 0 if first is None else first.n_rounds
    # A generator of its own, so that the fit that follows does not depend on it.
    rng = np.random.default_rng([data.seed, number])
    boosting = estimator._make_boosting(objective)
    boosting.fit(problem, n_before + MOST_ROUNDS, rng, [stopping], first)
    if not np.isfinite(stopping.losses_).any():
        return None
    return stopping.best_round_ - n_before
