"""Newton's method in function space."""

from __future__ import annotations

from boostlab.objectives.base import derivatives
from boostlab.pieces import Piece
from boostlab.protocols import Objective
from boostlab.registry import register
from boostlab.state import State, Target


@register("newton")
class Newton(Piece):
    """The Newton step of every row, counting by its curvature.

    With weighted first and second derivatives ``g_i`` and ``h_i`` of the loss in the
    raw prediction (off-diagonal terms between outputs are left out), a learner that
    fits the target approaches ``-g_i / h_i`` by least squares with weights ``h_i``,
    which is the second-order expansion of the loss around the current prediction.

    Source: Friedman, Hastie, Tibshirani (2000), Additive logistic regression, section
    4.2; Chen, Guestrin (2016), XGBoost, equation 3.
    """

    produces = "derivatives"
    takes_parts = True

    def __call__(self, objective: Objective, state: State) -> Target:
        """Return the target on this round's rows of `state`.

        Parameters
        ----------
        objective : Objective
            Gives both derivatives, at once if it has ``derivatives(state)``.
        state : State
            The training rows; its sample of rows and features becomes the target's.

        Returns
        -------
        Target
            Of kind "derivatives"; its hessian is None where the objective's is.
        """
        gradient, hessian = derivatives(objective, state)
        return Target(
            state.table,
            state.weight,
            gradient=gradient,
            hessian=hessian,
            rows=state.rows,
            features=state.features,
        )
