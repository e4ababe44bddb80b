"""How far a representation moves: to the minimum along its change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from boostlab.checks import check_number
from boostlab.contributions import Dense
from boostlab.in_blocks import product
from boostlab.pieces import Piece
from boostlab.protocols import Contribution, Objective
from boostlab.registry import register
from boostlab.state import State
from boostlab.steps.newton_scalar import derivatives_along
from boostlab.updates import TOP_COEF

Array = NDArray[np.float64]

_MOST_STEPS = 30
_TOLERANCE = 1e-8
_MOST_JUMP = 1e6
"""Sizes beyond are reached in several steps, for want of overflow."""


@register("representation_step")
class RepresentationStep(Piece):
    """The size of a change of the representation that minimises the loss.

    Seen through the top model W the change C moves the raw prediction along ``C W``,
    and the size is the zero of the derivative of the loss along it. It is found by
    Newton's method with the objective's curvatures, one step for squared loss, kept
    between sizes at which the derivative is known to be negative and positive. The
    loss at the size found is never above that at 0: where rounding, or a loss that is
    not convex, would have it so, the size is halved until it is not, or 0.

    In the first round, which lays the representation, the size is 1.

    Source: Zozoulenko, Cass, Gonon (2025), Random feature representation boosting,
    equations 8 and 9.

    Parameters
    ----------
    learning_rate : float, default=1.0
        Factor on the size, greater than 0; at most 1 keeps the promise above for
        convex losses.
    line_search : bool, default=True
        Whether to search; otherwise the size is the learning rate.
    """

    def __init__(self, learning_rate: float = 1.0, line_search: bool = True):
        self.learning_rate = learning_rate
        self.line_search = line_search

    def validate(self) -> None:
        """Raise TypeError or ValueError if a parameter is out of its domain."""
        check_number("learning_rate", self.learning_rate, above=0)
        if not isinstance(self.line_search, bool | np.bool_):
            raise TypeError(f"line_search is {self.line_search!r}; give True or False.")

    def __call__(
        self, objective: Objective, state: State, contribution: Contribution
    ) -> float:
        """Return the size, a number of at least 0."""
        if TOP_COEF not in state.carried:
            return 1.0
        if not self.line_search:
            return float(self.learning_rate)
        along = product(contribution.values(), state.carried[TOP_COEF])
        return float(self.learning_rate) * best_size(objective, state, along)


def best_size(objective: Objective, state: State, along: Array) -> float:
    """Return the size s >= 0 that minimises the loss of ``raw + s * along``.

    Parameters
    ----------
    objective : Objective
        Its gradient and, where it has one, its hessian are used.
    state : State
        Where the search begins.
    along : ndarray of shape (n, K)
        The change of the raw prediction.
    """
    change = Dense(along)

    def slope(size: float) -> tuple[float, float]:
        with np.errstate(over="ignore", invalid="ignore"):
            trial = state.at_trial(change, size)
            return derivatives_along(objective, trial, along)

    size = _zero(slope)
    at_zero = float(objective.loss(state))
    while size > 0:
        with np.errstate(over="ignore", invalid="ignore"):
            if float(objective.loss(state.at_trial(change, size))) <= at_zero:
                return size
        size = size / 2 if size > 1e-12 else 0.0
    return 0.0


def _zero(slope: Callable[[float], tuple[float, float]]) -> float:
    """Return where an ascending derivative is 0, to the right of 0; 0 if nowhere.

    `slope` returns the derivative and its own derivative, which only guides the
    search: where it leads outside of what is known, the size is doubled or halved.
    """
    first, second = slope(0.0)
    if not first < 0:
        return 0.0
    steep, low, high, size = -first, 0.0, np.inf, 0.0
    for _ in range(_MOST_STEPS):
        guess = size - first / second if second > 0 else np.nan
        if not low < guess < min(high, 10 * low + _MOST_JUMP):
            guess = (low + high) / 2 if np.isfinite(high) else 2 * low + 1.0
        moved, size = abs(guess - size), guess
        first, second = slope(size)
        # An overflow is as good as a loss that rises.
        first = first if np.isfinite(first) else np.inf
        if abs(first) <= _TOLERANCE * steep or moved <= _TOLERANCE * size:
            break
        low, high = (size, high) if first < 0 else (low, size)
    return size
