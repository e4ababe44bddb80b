"""What a step changes; the same pieces replay the rounds at prediction time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.pieces import Piece
from boostlab.protocols import Contribution
from boostlab.registry import register
from boostlab.state import State

REPRESENTATION, INPUTS = "representation", "inputs"
"""Where a state carries the representation, and what it was made of."""

TOP_COEF, TOP_INTERCEPT = "top coef", "top intercept"
"""Where a state carries the top model, which reads the representation."""


@register("add_to_prediction")
class AddToPrediction(Piece):
    """Add the sized contribution to the raw prediction."""

    additive = True
    takes_parts = True

    def __call__(self, state: State, contribution: Contribution, size: Any) -> None:
        """Change ``state.raw_prediction`` in place."""
        contribution.add_to(state.raw_prediction, size)


@register("add_to_representation")
class AddToRepresentation(Piece):
    """Add the sized contribution to the representation that a top model reads.

    The raw prediction is left alone: it is the business of the corrector that refits
    the top model, and of the correction it leaves to be replayed.

    Source: Zozoulenko, Cass, Gonon (2025), Random feature representation boosting,
    section 3.
    """

    additive = False

    def __call__(self, state: State, contribution: Contribution, size: Any) -> None:
        """Renew ``state.carried["representation"]``, an array of shape (n, D)."""
        state.carried[REPRESENTATION] = (
            representation(state) + size * contribution.values()
        )


def representation(state: State) -> NDArray[np.float64]:
    """Return the representation that `state` carries, shape (n, D).

    Before the first round, and so also where a replay begins, it is the table's
    numeric columns as they are, unless the objective or the first hypothesis put
    another start into ``state.carried["representation"]``.
    """
    carried = state.carried.get(REPRESENTATION)
    return np.asarray(state.table.numeric, float) if carried is None else carried
