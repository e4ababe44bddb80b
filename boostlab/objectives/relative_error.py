"""AdaBoost.R2's weights: rows that voters are far from count more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.objectives.regression import AbsoluteError
from boostlab.registry import register
from boostlab.state import State
from boostlab.updates import VOTE_SIZES, VOTES

Array = NDArray[np.float64]

RELATIVE_LOSSES = ("linear", "square", "exponential")
"""What a relative error may count."""

EXACT = 1e-9
"""Errors are rounding errors up to this share of the greatest distance of a target."""

_LOGS, _HEARD = "log weights", "votes in log weights"


@register("objective:relative_error")
class RelativeError(AbsoluteError):
    """Errors as shares of the greatest error on the training rows, for votes.

    A voter's loss on a row is made of its absolute error e and the greatest of all its
    errors, E: ``e / E``, ``(e / E)^2`` or ``1 - exp(-e / E)``, from 0 to 1. A vote of
    size s by a voter with loss L multiplies the weight of a row by
    ``exp(-s (1 - L))``. What is watched from round to round is the mean absolute error
    of the median of the votes, which a median minimises, whatever the loss; and the
    baseline is the median of the targets.

    Source: Drucker (1997), Improving regressors using boosting techniques, steps 4
    to 7.

    Parameters
    ----------
    loss_of_error : {"linear", "square", "exponential"}, default="linear"
        What is made of the relative error.
    """

    takes_parts = False

    def __init__(self, loss_of_error: str = "linear") -> None:
        self.loss_of_error = loss_of_error

    def validate(self) -> None:
        """Raise ValueError unless the loss is one of the three."""
        if self.loss_of_error not in RELATIVE_LOSSES:
            raise ValueError(
                f"loss_of_error is {self.loss_of_error!r}; give one of "
                f"{list(RELATIVE_LOSSES)}."
            )

    def vote_losses(self, state: State, votes: Array) -> Array:
        """Return the loss of each row, from 0 to 1, shape (n,).

        Parameters
        ----------
        state : State
            The training rows.
        votes : ndarray of shape (n,)
            What a voter says: the distance of the target from the baseline. Where its
            errors are rounding errors, all losses are 0.
        """
        distance = state.y - state.baseline[0]
        error = np.abs(votes - distance)
        most = error.max()
        if most <= EXACT * np.abs(distance).max():
            return np.zeros(len(error))
        error /= most
        if self.loss_of_error == "square":
            error *= error
        elif self.loss_of_error == "exponential":
            error = -np.expm1(-error)
        return error

    def log_weights(self, state: State) -> Array:
        """Return the logarithm of each row's weight, up to a constant, shape (n,).

        The update :class:`boostlab.updates.WeightedMedian` has left the votes in
        ``state.carried``, those of replayed rounds as well.
        """
        carried: dict[str, Any] = state.carried
        logs, heard = carried.get(_LOGS), carried.get(_HEARD, 0)
        if logs is None:
            logs = np.log(state.weight)
        sizes = carried.get(VOTE_SIZES, np.empty(0))
        for i in range(heard, len(sizes)):
            logs = logs - sizes[i] * (1.0 - self.vote_losses(state, carried[VOTES][i]))
        carried[_LOGS], carried[_HEARD] = logs, len(sizes)
        return logs
