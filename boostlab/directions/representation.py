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


UNIT = "unit of the steps"
"""Where a state carries in what unit Newton steps and a top model are told."""

LARGE, LARGEST = 1e50, 1e152
"""Steps whose unit is divided out, and what they must be below."""


def unit(objective: Objective, state: State) -> float:
    """Return the root of the mean squared Newton step at the baseline, kept in `state`.

    Steps weigh as much as their curvatures. It is the standard deviation of the
    targets for squared loss, and about 1 for the log loss; 1 where all steps are 0.

    Raises
    ------
    ValueError
        If the squares of steps overflow.
    """
    if UNIT not in state.carried:
        start = _at_baseline(state)
        slope = objective.gradient(start)
        hessian = getattr(objective, "hessian", lambda _: None)(start)
        weight = state.weight if hessian is None else hessian.mean(axis=1)
        step = np.divide(
            slope,
            weight[:, None],
            out=np.zeros_like(slope),
            where=weight[:, None] > 0,
        )
        largest = float(np.abs(step).max(initial=0.0)) or 1.0
        square = weight @ ((step / largest) ** 2).mean(axis=1) / state.weight.sum()
        if hessian is not None:
            factor = getattr(objective, "curvature_factor", lambda _: 1.0)
            square *= factor(slope.shape[1])
        found = largest * float(np.sqrt(square)) or 1.0
        if not found < LARGEST:
            raise ValueError(
                f"The targets differ by about {found:.0e}, and squares of more than "
                f"{LARGEST:.0e} overflow; divide y by its standard deviation."
            )
        state.carried[UNIT] = found
    return state.carried[UNIT]


def _at_baseline(state: State) -> State:
    raw = constant(state.table.n_samples, state.baseline)
    return replace(state, raw_prediction=raw, validation=None)


def response(objective: Objective, state: State) -> Array:
    """Return each row's gradient at the baseline, shape (n, K), kept in `state`.

    Up to a constant these are the targets themselves for squared loss, and the
    indicators of the classes for the log loss: what random features are drawn by.
    """
    if RESPONSE not in state.carried:
        slope = objective.gradient(_at_baseline(state)) / state.weight[:, None]
        state.carried[RESPONSE] = np.ascontiguousarray(slope)
    return state.carried[RESPONSE]


@register("representation_gradient")
class RepresentationGradient(Piece):
    """How the loss changes with the representation, under the top model of the round.

    With a top model ``raw = Phi W + b`` the gradient of row i's loss in its
    representation is ``W g_i``, where ``g_i`` is that in its raw prediction: the
    target has shape (n, D). It has no curvature; the step decides how far to go. Where
    the unit of the targets is so large that the product would overflow, W and ``g_i``
    are taken in that unit.

    For learners that look through the top model themselves, ``through_top=False``
    gives the Newton step in the raw prediction, (n, K), with one curvature a row, the
    mean over its outputs.

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
        found = unit(objective, state)
        scale = found if found > LARGE else 1.0
        gradient, hessian = objective.gradient(state), None
        coef = state.carried.get(TOP_COEF)
        if not self.through_top:
            hessian = objective.hessian(state)
            hessian = None if hessian is None else hessian.mean(axis=1, keepdims=True)
        elif coef is not None:
            gradient = product(gradient / scale, coef.T / scale)
        return Target(
            state.table,
            state.weight,
            gradient=gradient,
            hessian=hessian,
            rows=state.rows,
            features=state.features,
        )
