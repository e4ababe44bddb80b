"""Steepest descent in function space."""

from __future__ import annotations

from boostlab.pieces import Piece
from boostlab.protocols import Objective
from boostlab.registry import register
from boostlab.state import State, Target


@register("gradient")
class Gradient(Piece):
    """The negative gradient of the loss, every row counting by its weight alone.

    With row losses ``l(y_i, F_i)`` and sample weights ``w_i`` the target has gradient
    ``w_i dl/dF_i``, shape (n, K), and no hessian: a learner that fits it approaches
    the pseudo-residuals ``-dl/dF_i`` by least squares with weights ``w_i``.

    Source: Friedman (2001), Greedy function approximation: a gradient boosting
    machine, Algorithm 1.
    """

    produces = "derivatives"
    takes_parts = True

    def __call__(self, objective: Objective, state: State) -> Target:
        """Return the target on this round's rows of `state`.

        Parameters
        ----------
        objective : Objective
            Gives the gradient.
        state : State
            The training rows; its sample of rows and features becomes the target's.

        Returns
        -------
        Target
            Of kind "derivatives", without a hessian.
        """
        return Target(
            state.table,
            state.weight,
            gradient=objective.gradient(state),
            rows=state.rows,
            features=state.features,
        )
