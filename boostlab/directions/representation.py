"""The gradient of the loss in a representation, seen through its top model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from boostlab.in_blocks import product
from boostlab.pieces import Piece
from boostlab.protocols import Objective
from boostlab.registry import register
from boostlab.state import State, Target, constant
from boostlab.updates import TOP_COEF

Array = NDArray[np.float64]

RESPONSE = "response"
"""Where a state carries what its rows differ in: each row's gradient at the start."""


def response(objective: Objective, state: State) -> Array:
    """Return each row's gradient at the baseline, shape (n, K), kept in `state`.

    Up to a constant these are the targets themselves for squared loss, and the
    indicators of the classes for the log loss: what random features are drawn by.
    """
    if RESPONSE not in state.carried:
        raw = constant(state.table.n_samples, state.baseline)
        start = replace(state, raw_prediction=raw, validation=None)
        slope = objective.gradient(start) / state.weight[:, None]
        state.carried[RESPONSE] = np.ascontiguousarray(slope)
    return state.carried[RESPONSE]


@register("representation_gradient")
class RepresentationGradient(Piece):
    """How the loss changes with the representation, under the top model of the round.

    With a top model ``raw = Phi W + b`` the gradient of row i's loss in its
    representation is ``W g_i``, where ``g_i`` is that in its raw prediction: the
    target has shape (n, D). It has no curvature; the step decides how far to go. For
    learners that look through the top model themselves, ``through_top=False`` gives
    the Newton step in the raw prediction, (n, K), with one curvature a row, the mean
    over its outputs.

    In the first round there is no representation yet, and the target is that in the
    raw prediction.

    Source: Zozoulenko, Cass, Gonon (2025), Random feature representation boosting,
    section 3.2.

    Parameters
    ----------
    through_top : bool, default=True
        Whether the target is the gradient in the representation.
    """

    produces = "derivatives"

    def __init__(self, through_top: bool = True):
        self.through_top = through_top

    def validate(self) -> None:
        """Raise TypeError unless `through_top` is a truth value."""
        if not isinstance(self.through_top, bool | np.bool_):
            raise TypeError(f"through_top is {self.through_top!r}; give True or False.")

    def __call__(self, objective: Objective, state: State) -> Target:
        """Return the target on this round's rows of `state`."""
        response(objective, state)
        gradient, hessian = objective.gradient(state), None
        coef = state.carried.get(TOP_COEF)
        if not self.through_top:
            hessian = objective.hessian(state)
            hessian = None if hessian is None else hessian.mean(axis=1, keepdims=True)
        elif coef is not None:
            gradient = product(gradient, coef.T)
        return Target(
            state.table,
            state.weight,
            gradient=gradient,
            hessian=hessian,
            rows=state.rows,
            features=state.features,
        )
