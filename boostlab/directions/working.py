"""The working responses of LogitBoost and Gentle AdaBoost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from boostlab.checks import check_number
from boostlab.directions.newton import Newton
from boostlab.directions.reweighting import DISTRIBUTION
from boostlab.pieces import Piece
from boostlab.protocols import Objective
from boostlab.registry import register
from boostlab.state import State, Target

LEAST_HESSIAN = 1e-12
"""Least curvature of a row, per unit of its weight."""


@register("working_response")
class WorkingResponse(Piece):
    """Newton's step of every row, within limits: ``z = -g / h`` with weights ``h``.

    What rows weigh in the edge of a round, their shares of all slopes ``|g|``, lies in
    ``state.carried["distribution"]``.

    Source: Friedman, Hastie, Tibshirani (2000), Additive logistic regression,
    Algorithms 3, 4 and 6; the limit is from section 4.1.

    Parameters
    ----------
    limit : float or None, default=4.0
        Greatest absolute value of z, greater than 0; None for no limit. Where the
        hessian is c times the second derivative, it is the limit of ``c z``.
    """

    produces = "derivatives"

    def __init__(self, limit: float | None = 4.0):
        self.limit = limit

    def validate(self) -> None:
        """Raise TypeError or ValueError unless `limit` is positive or None."""
        if self.limit is not None:
            check_number("limit", self.limit, above=0)

    def __call__(self, objective: Objective, state: State) -> Target:
        """Return the target on this round's rows; see :class:`Newton`."""
        target = Newton()(objective, state)
        slope = np.abs(target.gradient).sum(axis=1)
        state.carried[DISTRIBUTION] = slope / max(slope.sum(), np.finfo(float).tiny)
        if target.hessian is None:
            return target
        least = LEAST_HESSIAN * target.weight[:, None]
        hessian = np.maximum(target.hessian, least)
        if self.limit is None:
            return replace(target, hessian=hessian)
        factor = getattr(objective, "curvature_factor", None)
        limit = self.limit / (1.0 if factor is None else factor(hessian.shape[1]))
        gradient = np.clip(target.gradient, -limit * hessian, limit * hessian)
        return replace(target, gradient=np.asfortranarray(gradient), hessian=hessian)
