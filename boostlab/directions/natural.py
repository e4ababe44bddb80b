"""Steepest descent where distance is measured between distributions."""

from __future__ import annotations

import numpy as np

from boostlab.pieces import Piece
from boostlab.protocols import Objective
from boostlab.registry import register
from boostlab.state import State, Target


@register("natural")
class NaturalGradient(Piece):
    r"""The natural gradient of a score, every row counting by its weight.

    .. math:: n_i = I(\theta_i)^{-1} \nabla_\theta S(\theta_i, y_i)

    with the Riemannian metric I of the score: the Fisher information for the log score.
    It is the steepest direction where distance is measured between distributions, so
    that it does not depend on how these are parametrised, and all parameters learn at
    the same pace. A learner that fits the target approaches ``-n_i`` by least squares.

    Source: Amari (1998), Natural gradient works efficiently in learning; Duan and
    others (2020), NGBoost, algorithm 1.

    Parameters
    ----------
    common_unit : bool, default=False
        Whether the gradient of parameter k is multiplied by the root of its metric at
        the baseline, so that parameters of different units become comparable, as they
        must be where one tree is shared by all. Then the step must be
        :class:`boostlab.steps.OwnUnits`, which takes the factor back.
    """

    produces = "derivatives"

    def __init__(self, common_unit: bool = False):
        self.common_unit = common_unit

    def __call__(self, objective: Objective, state: State) -> Target:
        """Return the target on this round's rows of `state`.

        Parameters
        ----------
        objective : Objective
            Must have ``natural_gradient(state)`` of shape (n, K), weights included,
            and for a common unit ``curvatures(state)`` of shape (K,).
        state : State
            The training rows; its sample of rows and features becomes the target's.

        Returns
        -------
        Target
            Of kind "derivatives", without a hessian.

        Raises
        ------
        TypeError
            If the objective has no natural gradient.
        """
        if not hasattr(objective, "natural_gradient"):
            raise TypeError(
                f"{type(objective).__name__} has no natural gradient; use the "
                "direction 'newton' or 'gradient', or a DistributionObjective."
            )
        gradient = objective.natural_gradient(state)
        if self.common_unit:
            gradient *= np.sqrt(objective.curvatures(state))
        return Target(
            state.table,
            state.weight,
            gradient=gradient,
            rows=state.rows,
            features=state.features,
        )
