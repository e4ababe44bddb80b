"""One Newton step along a contribution, from the derivatives where the loop stands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boostlab.checks import check_number
from boostlab.objectives.base import derivatives
from boostlab.pieces import Piece
from boostlab.protocols import Contribution, Objective
from boostlab.registry import register
from boostlab.state import State

Array = NDArray[np.float64]

_LARGEST = 100.0
"""Where curvature along the contribution all but vanishes, the step ends here."""


@register("newton_scalar")
class NewtonScalar(Piece):
    """One number for all rows and outputs: Newton's step along the contribution.

    With the contribution ``f``, gradients ``g`` and curvatures ``h`` on all training
    rows, weights included, the size is ::

        rho = - sum_ik g_ik f_ik / sum_ik h_ik f_ik^2

    times the learning rate; it is 0 where the loss does not fall along ``f``, and at
    most 100.

    Source: Emami, Martinez-Munoz (2023), Sequential training of neural networks with
    gradient boosting, equations 9 to 12.

    Parameters
    ----------
    learning_rate : float, default=1.0
        Factor on the step, greater than 0.
    """

    def __init__(self, learning_rate: float = 1.0):
        self.learning_rate = learning_rate

    def validate(self) -> None:
        """Raise TypeError or ValueError unless `learning_rate` is positive."""
        check_number("learning_rate", self.learning_rate, above=0)

    def __call__(
        self, objective: Objective, state: State, contribution: Contribution
    ) -> float:
        """Return the learning rate times Newton's step, a number of at least 0."""
        slope, curvature = derivatives_along(objective, state, contribution.values())
        descent = -slope
        if not descent > 0:
            return 0.0
        # A loss may be linear in places: there the step has no end of its own.
        size = descent / curvature if curvature > descent / _LARGEST else _LARGEST
        return self.learning_rate * size


def derivatives_along(
    objective: Objective, state: State, values: Array
) -> tuple[float, float]:
    """Return the first and second derivative of the summed loss along a step (n, K).

    Terms between outputs are left out of the second, as in the hessian.
    """
    gradient, hessian = derivatives(objective, state)
    if hessian is None:
        hessian = state.weight[:, None]
    return float(np.sum(gradient * values)), float(np.sum(hessian * values**2))
