"""The weights of AdaBoost: the rows that are still wrong, or far off, count more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boostlab.pieces import Piece
from boostlab.protocols import Objective
from boostlab.registry import register
from boostlab.state import State, Target

Array = NDArray[np.float64]

DISTRIBUTION = "distribution"
"""Where a state carries this round's weights, which sum to 1."""

LEAST_WEIGHT = 1e-200
"""Weights that would be too small for a number are this, as some learners refuse 0."""


@register("reweighting")
class Reweighting(Piece):
    """Labels, with weights in proportion to the slope of each row's loss.

    A learner that has a small weighted error ascends the loss's steepest direction
    among votes (Mason et al., 2000, AnyBoost). The objective says the logarithms of the
    weights, and the greatest of them is taken off before they are raised, so the
    weights sum to 1 after any number of rounds; what is then too small for a number is
    0. They also lie in ``state.carried["distribution"]``, where steps read them.
    """

    produces = "labels"

    def __call__(self, objective: Objective, state: State) -> Target:
        """Return the target on this round's rows of `state`.

        Parameters
        ----------
        objective : Objective
            Has ``log_weights(state)``, shape (n,), sample weights included.
        state : State
            The training rows; its sample of rows and features becomes the target's.

        Returns
        -------
        Target
            Of kind "labels"; its weights sum to 1.

        Raises
        ------
        TypeError
            If the objective does not weigh rows.
        """
        if not hasattr(objective, "log_weights"):
            raise TypeError(
                f"{type(objective).__name__} has no log_weights, by which Reweighting "
                "weighs rows; give a MarginObjective such as ExponentialMargin."
            )
        weight = normalised(objective.log_weights(state))
        state.carried[DISTRIBUTION] = weight
        return Target(
            state.table,
            weight,
            labels=state.y,
            rows=state.rows,
            features=state.features,
        )


@register("reweighted_targets")
class ReweightedTargets(Piece):
    """Targets as they are, by weights that differ from round to round.

    The regressor's counterpart of :class:`Reweighting`: least squares of the distance
    of each target from the baseline, with the objective's weights. They sum to the
    total sample weight, so that leaf sizes and regularisation mean what they always
    mean, and to 1 in ``state.carried["distribution"]``, where steps read them.

    Source: Drucker (1997), Improving regressors using boosting techniques, steps 1
    and 2.

    Parameters
    ----------
    resample : bool, default=False
        Whether learners see a sample of as many rows, drawn with replacement by the
        weights, as the paper has it, and not the weights themselves. What is drawn
        more than once gets the weight of its number.
    """

    produces = "derivatives"

    def __init__(self, resample: bool = False):
        self.resample = resample

    def validate(self) -> None:
        """Raise TypeError unless `resample` is a truth value."""
        if not isinstance(self.resample, bool | np.bool_):
            raise TypeError(f"resample is {self.resample!r}; give True or False.")

    def __call__(self, objective: Objective, state: State) -> Target:
        """Return the target on this round's rows of `state`.

        Parameters
        ----------
        objective : Objective
            Has ``log_weights(state)``, shape (n,), sample weights included.
        state : State
            The training rows, of one target; its sample of rows and features becomes
            the target's.

        Returns
        -------
        Target
            Of kind "derivatives".
        """
        share = normalised(objective.log_weights(state))
        state.carried[DISTRIBUTION] = share
        rows = state.rows
        if self.resample:
            rows, weight = _drawn(share, rows, state.rng)
        else:
            weight = np.maximum(share * state.weight.sum(), LEAST_WEIGHT)
        distance = state.y - state.baseline[0]
        return Target(
            state.table,
            weight,
            gradient=np.asfortranarray((-weight * distance)[:, None]),
            rows=rows,
            features=state.features,
        )


def _drawn(
    share: Array, rows: NDArray[np.intp] | None, rng: np.random.Generator
) -> tuple[NDArray[np.intp], Array]:
    """Draw as many rows as there are; return which, and the number of each row."""
    rows = np.arange(len(share)) if rows is None else rows
    chance = share[rows] / share[rows].sum()
    drawn = rng.choice(rows, len(rows), p=chance)
    number = np.bincount(drawn, minlength=len(share))
    return np.flatnonzero(number), number.astype(np.float64)


def normalised(log_weight: Array) -> Array:
    """Return weights of sum 1 whose logarithms are these, up to a constant."""
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    return weight
