"""The step of parameters that were fitted in a common unit."""

from __future__ import annotations

from typing import Any

import numpy as np

from boostlab.contributions import Dense
from boostlab.pieces import Piece
from boostlab.protocols import Contribution, Objective, Step
from boostlab.registry import register
from boostlab.state import State


@register("own_units")
class OwnUnits(Piece):
    """The inner step, taken in the units that the parameters have of their own.

    It belongs to ``NaturalGradient(common_unit=True)``, and takes back the factors that
    this direction has put on the parameters.

    Parameters
    ----------
    step : Step
        The inner step, learning rate included.
    """

    def __init__(self, step: Step):
        self.step = step

    def validate(self) -> None:
        """Check the inner step; raise TypeError or ValueError."""
        if not callable(self.step) or isinstance(self.step, type):
            raise TypeError(
                f"step of OwnUnits is {self.step!r}; give a step such as "
                "DoublingSearch(0.1)."
            )
        if isinstance(self.step, Piece):
            self.step.validate()

    def __call__(
        self, objective: Objective, state: State, contribution: Contribution
    ) -> Any:
        """Return the size of each parameter's step, shape (K,).

        Parameters
        ----------
        objective : Objective
            Has ``curvatures(state)``, shape (K,).
        state : State
            The training rows, before the update.
        contribution : Contribution
            What was fitted in a common unit.
        """
        factor = 1.0 / np.sqrt(objective.curvatures(state))
        own = Dense(np.multiply(contribution.values(), factor, order="F"))
        return self.step(objective, state, own) * factor
