"""Dropped rounds come back, with a smaller share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from boostlab.directions.dropout import DROPPED, WEIGHTS, Dropped, contribution_of
from boostlab.pieces import Piece
from boostlab.protocols import Objective
from boostlab.registry import register
from boostlab.state import Ensemble, State


@register("rescale_dropped")
class RescaleDropped(Piece):
    """Scale the rounds that were dropped in this one, and mend all raw predictions.

    The rounds are replaced by scaled ones and never changed: an ensemble that was
    kept before, as by early stopping, stays what it was. See
    :class:`boostlab.directions.Dropout`.
    """

    def __call__(self, objective: Objective, state: State, ensemble: Ensemble) -> None:
        """Replace the dropped rounds; correct training and held-out rows.

        Raises
        ------
        TypeError
            If the direction is not a Dropout, or the step no DropoutStep.
        """
        dropped = state.carried.pop(DROPPED, None)
        if not isinstance(dropped, Dropped) or dropped.share is None:
            raise TypeError(
                "RescaleDropped needs the direction Dropout and the step DropoutStep, "
                "which say what was dropped and what it counts now."
            )
        if len(dropped.rounds):
            lost = dropped.kept_share - 1.0
            state.raw_prediction += lost * dropped.prediction
            for part in list(state.parts())[1:]:
                prediction = contribution_of(dropped.rounds, ensemble, part)
                part.raw_prediction += lost * prediction
        for i in dropped.rounds:
            done = ensemble.rounds[i]
            ensemble.rounds[i] = replace(done, size=dropped.kept_share * done.size)
        weights = np.append(state.carried.get(WEIGHTS, np.empty(0)), dropped.share)
        weights[dropped.rounds] *= dropped.kept_share
        state.carried[WEIGHTS] = weights
