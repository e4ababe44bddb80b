"""The step of a round that was fitted without some of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from boostlab.directions.dropout import DROPPED, Dart, Dropped, dart_of
from boostlab.pieces import Piece
from boostlab.protocols import Contribution, Objective, Step
from boostlab.registry import register
from boostlab.state import State


@register("dropout_step")
class DropoutStep(Piece):
    """The inner step, made where the dropped rounds are away, times the round's share.

    See :class:`boostlab.directions.Dropout`, without which it cannot be used.

    Parameters
    ----------
    step : Step
        The inner step, learning rate included.
    dart : Dart, optional
        The same as that of the direction; its `normalize` is asked here.
    """

    def __init__(self, step: Step, dart: Dart | None = None):
        self.step = step
        self.dart = dart

    def validate(self) -> None:
        """Check both parts; raise TypeError or ValueError."""
        if not callable(self.step) or isinstance(self.step, type):
            raise TypeError(
                f"step of DropoutStep is {self.step!r}; give a step such as "
                "Shrinkage(0.1)."
            )
        if isinstance(self.step, Piece):
            self.step.validate()
        dart_of(self).validate()

    def __call__(
        self, objective: Objective, state: State, contribution: Contribution
    ) -> Any:
        """Return the inner step's size times ``1 / (k + r)`` or its like.

        Raises
        ------
        TypeError
            If the direction is not a Dropout.
        """
        dropped = state.carried.get(DROPPED)
        if not isinstance(dropped, Dropped):
            raise TypeError(
                "DropoutStep needs the direction Dropout, which says what was dropped."
            )
        size = self.step(objective, dropped.taken_from(state), contribution)
        rate = float(getattr(self.step, "learning_rate", 1.0))
        share, kept_share = dart_of(self).shares(len(dropped.rounds), rate)
        state.carried[DROPPED] = replace(dropped, share=share, kept_share=kept_share)
        return share * size
