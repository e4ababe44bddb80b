"""What rows that the trees have not seen say of the spread, and of how many rounds.

A model of distributions is surer of the rows it was fitted to than it may be: there its
means come too near to the targets. Held-out rows tell by how much. So a constant for
each parameter on the log scale, such as the log of the standard deviation, is found
that makes their score least, and added to the baseline. Rounds are then chosen by the
score that this leaves: without it, a fit must stop as soon as it is too sure, although
its means still gain.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.boosting import Boosting
from boostlab.callbacks.early_stopping import EarlyStopping
from boostlab.distributions import Distribution, get_score
from boostlab.estimators.rounds import N_FOLDS, PLAIN_ROUNDS, parted
from boostlab.objectives import DistributionObjective
from boostlab.objectives.weighted import mean_of_rows
from boostlab.state import Ensemble, Problem, Run

Array = NDArray[np.float64]

MOST_ROUNDS = 2000
"""Rounds at most, where held-out rows choose their number."""

PATIENCE = 50
"""Rounds without improvement after which a fold stops, or `n_iter_no_change`."""

SHARE = (1.0 + (N_FOLDS - 1) / N_FOLDS) / 2
"""Of the model's rounds, after which the folds are asked for the spread.

After all of them a fold, which sees fewer rows, is surer than the model, and after its
own best number less sure; this is the middle. Intervals, which must not be too narrow,
ask after all of them: of new rows intervals of 0.9 then held 0.90 to 0.92, and else
0.88 to 0.90 (60 to 400 rows, normal targets of equal and unequal spread).
"""

PACE = 2
"""Factor on the learning rate in folds that find the number of rounds.

They then need so many fewer rounds: of the time of a fit the folds took three quarters.
"""

FASTEST = 0.1
"""Learning rate above which folds do not go faster than the model."""

LONGEST = 0.5
"""Longest step of the constants' search."""

FARTHEST = 3.0
"""Farthest that a constant goes from 0: a factor of 20."""

MOST_STEPS = 50
HALVINGS = 8

CLOSE = 1e-9
"""Gain of a step, as a share of the score, that is taken for none."""


@dataclass(frozen=True, slots=True, eq=False)
class Unseen:
    """Rows that a model was not fitted to, and what it predicts for them.

    Parameters
    ----------
    y, weight : ndarray of shape (n,), or (n, p) or (n, 2), and (n,)
        Targets and weights.
    raw : ndarray of shape (n, K)
        Raw predictions.
    baseline : ndarray of shape (K,)
        Where the model started from; limits are around it.
    """

    y: Array
    weight: Array
    raw: Array
    baseline: Array

    @classmethod
    def by(cls, ensemble: Ensemble, held_out: Problem) -> Unseen:
        """Return held-out rows as `ensemble` predicts them."""
        raw = ensemble.predict(held_out.table)
        return cls(held_out.y, held_out.weight, raw, ensemble.baseline)

    def shifted(self, shift: Array) -> Unseen:
        """Return the rows as the model predicts them that begins farther by `shift`."""
        raw = np.asfortranarray(self.raw + shift)
        return Unseen(self.y, self.weight, raw, self.baseline + shift)

    @classmethod
    def joined(cls, parts: list[Unseen]) -> Unseen:
        """Return the rows of several folds together."""
        y, weight, raw = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("y", "weight", "raw")
        )
        baseline = np.mean([part.baseline for part in parts], axis=0)
        return cls(y, weight, np.asfortranarray(raw), baseline)


class Spread:
    """The search for the constants that unseen rows call for.

    Parameters
    ----------
    objective : DistributionObjective
        Its score is minimised.
    """

    def __init__(self, objective: DistributionObjective):
        self._objective = objective
        self._score = get_score(objective.score)
        self._moves = on_log_scale(objective.family)

    def start(self) -> Array:
        """Return no constants: zeros, shape (K,)."""
        return np.zeros(len(self._moves))

    def loss(self, rows: Unseen, shift: Array) -> float:
        """Return the mean score with `shift` added to the raw predictions."""
        with np.errstate(all="ignore"):
            terms = self._objective.pointwise_loss(rows.y, self._raw(rows, shift))
            value = mean_of_rows(terms, rows.weight)
        return value if np.isfinite(value) else np.inf

    def improve(
        self, rows: Unseen, shift: Array, n_steps: int = MOST_STEPS
    ) -> tuple[Array, float]:
        """Return better constants than `shift`, shape (K,), and the mean score there.

        By natural-gradient descent, with steps that are halved until the score falls.
        """
        best = self.loss(rows, shift)
        if not self._moves.any() or not np.isfinite(best):
            return shift, best
        for _ in range(n_steps):
            step = self._step(rows, shift)
            for _ in range(HALVINGS):
                trial = np.clip(shift - step, -FARTHEST, FARTHEST)
                value = self.loss(rows, trial)
                if value < best - CLOSE * abs(best):
                    break
                step /= 2
            else:
                break
            shift, best = trial, value
        return shift, best

    def _step(self, rows: Unseen, shift: Array) -> Array:
        """Return the mean natural gradient of the parameters that move."""
        family = self._objective.family
        with np.errstate(all="ignore"):
            raw = self._raw(rows, shift)
            natural = self._score.natural_gradient(family, rows.y, raw)
            step = rows.weight @ natural / np.sum(rows.weight)
        usable = self._moves & np.isfinite(step)
        return np.clip(np.where(usable, step, 0.0), -LONGEST, LONGEST)

    def _raw(self, rows: Unseen, shift: Array) -> Array:
        """Return raw predictions within the limits, shape (n, K), Fortran order."""
        return self._objective.clipped(rows.shifted(shift).raw, rows.baseline)


def shifted(ensemble: Ensemble, shift: Array) -> Ensemble:
    """Return the ensemble that begins farther by `shift`, shape (K,)."""
    return Ensemble(ensemble.baseline + shift, ensemble.update, ensemble.rounds)


def on_log_scale(family: Distribution) -> NDArray[np.bool_]:
    """Return which raw parameters are logarithms, beside others; shape (K,).

    A single parameter, such as the log of a Poisson mean, is no spread of its own.
    """
    logs = np.array([link == "log" for link in family.links])
    return logs & (len(logs) > 1)


class SpreadLoss:
    """What folds watch: the held-out score with the best constants added.

    The constants follow from round to round, a step in each.

    Parameters
    ----------
    objective : DistributionObjective
        Its score is watched.
    """

    def __init__(self, objective: DistributionObjective):
        self._spread = Spread(objective)
        self._shift = self._spread.start()

    def __call__(self, run: Run) -> float:
        """Return the mean score."""
        state = run.state.validation
        rows = Unseen(state.y, state.weight, state.raw_prediction, state.baseline)
        self._shift, loss = self._spread.improve(rows, self._shift, 1)
        return loss


def cross_validated(
    estimator: Any, data: Any, n_rounds: int | None
) -> tuple[int, tuple[Unseen, Unseen] | None]:
    """Return a number of rounds, and all rows as predicted by fits without them.

    In four folds, each of which holds a part of the rows out. Without `n_rounds` each
    fold finds its best number, with steps of :data:`PACE` times the length; the result
    is their geometric mean, times as much, and times 4 / 3 as in
    :func:`boostlab.estimators.rounds.chosen_rounds`. The rows are predicted after the
    share :data:`SHARE` of that number of rounds (or those that were run), since the
    more there are the surer they are.

    Parameters
    ----------
    estimator : NaturalBoosting
        Makes the problem and the pieces of each fold, as of the fit itself.
    data : Data
        The training rows; nothing is held out.
    n_rounds : int or None
        Rounds of each fold, or None to find them.

    Returns
    -------
    n_rounds : int
        `n_rounds`, or what was found.
    unseen : pair of Unseen or None
        The rows after that share of the rounds, for the spread, and after all of them,
        for intervals; None where no row can be held out, as all are equal.
    """
    pace = 1 if n_rounds is not None else _pace(estimator)
    folds = list(_fits(estimator, data, n_rounds))
    if not folds:
        return n_rounds or PLAIN_ROUNDS, None
    if n_rounds is None:
        best = [rounds for _, _, rounds in folds if rounds is not None]
        mean = float(np.exp(np.mean(np.log(np.maximum(best or [PLAIN_ROUNDS], 1)))))
        n_rounds = min(round(pace * mean * N_FOLDS / (N_FOLDS - 1)), MOST_ROUNDS)
    after = (max(1, round(share * n_rounds / pace)) for share in (SHARE, 1.0))
    spread, late = (
        Unseen.joined([Unseen.by(rounds[:asked], aside) for rounds, aside, _ in folds])
        for asked in after
    )
    return n_rounds, (spread, late)


def _fits(
    estimator: Any, data: Any, n_rounds: int | None
) -> Iterator[tuple[Ensemble, Problem, int | None]]:
    """Yield of each fold the rounds, the held-out rows, and the best round if any."""
    stratify = hasattr(estimator, "classes_")
    paced = estimator if n_rounds is not None else _paced(estimator)
    for number, (rows, aside) in enumerate(parted(data.rows, data.seed, stratify)):
        fold = replace(data, rows=rows, held_out=aside)
        problem = estimator._problem(fold)
        objective = estimator._objective_of(problem, False)
        boosting: Boosting = paced._make_boosting(objective)
        # A generator of its own, so that the fit that follows does not depend on it.
        rng = np.random.default_rng([data.seed, number])
        monitors = []
        if n_rounds is None:
            monitors.append(_stopping(estimator, fold, objective))
        most = n_rounds or MOST_ROUNDS // _pace(estimator)
        run = boosting.fit(problem, most, rng, monitors)
        found = None
        if monitors and np.isfinite(monitors[0].losses_).any():
            found = monitors[0].best_round_
        yield run.ensemble, problem.validation, found


def _pace(estimator: Any) -> int:
    """Return how many rounds of the model one round of a fold stands for."""
    return PACE if PACE * estimator._value("learning_rate") <= FASTEST else 1


def _paced(estimator: Any) -> Any:
    """Return the estimator with the longer steps of folds."""
    faster = copy(estimator)
    faster.learning_rate = _pace(estimator) * estimator._value("learning_rate")
    return faster


def _stopping(
    estimator: Any, fold: Any, objective: DistributionObjective
) -> EarlyStopping:
    """Return what stops a fold: the score with constants, or `scoring` as asked."""
    patience = max(PATIENCE, estimator.n_iter_no_change)
    classes = getattr(estimator, "classes_", ())
    lacks = len(classes) > 0 and len(np.unique(fold.held_out.y)) < len(classes)
    watched = None if lacks else estimator._watched_loss(fold)
    if watched is None and estimator._recalibrates():
        watched = SpreadLoss(objective)
    return EarlyStopping(patience, estimator.tol, watched)
