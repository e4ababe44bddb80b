"""A constant step."""

from __future__ import annotations

from boostlab.checks import check_number
from boostlab.pieces import Piece
from boostlab.protocols import Contribution, Objective
from boostlab.registry import register
from boostlab.state import State


@register("shrinkage")
class Shrinkage(Piece):
    """The same fraction of every contribution.

    Source: Friedman (2001), Greedy function approximation, section 5, equation 36.

    Parameters
    ----------
    learning_rate : float, default=0.1
        The step size, greater than 0.
    """

    takes_parts = True

    def __init__(self, learning_rate: float = 0.1):
        self.learning_rate = learning_rate

    def validate(self) -> None:
        """Raise TypeError or ValueError unless `learning_rate` is positive."""
        check_number("learning_rate", self.learning_rate, above=0)

    def __call__(
        self, objective: Objective, state: State, contribution: Contribution
    ) -> float:
        """Return the learning rate, whatever the contribution."""
        return self.learning_rate
