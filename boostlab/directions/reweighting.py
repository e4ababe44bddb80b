"""The weights of AdaBoost: the rows that are still wrong count more."""

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


def normalised(log_weight: Array) -> Array:
    """Return weights of sum 1 whose logarithms are these, up to a constant."""
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    return weight
