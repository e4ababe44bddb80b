"""The step that lowers the loss most along a contribution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar

from boostlab.checks import check_number
from boostlab.pieces import Piece
from boostlab.protocols import Contribution, Objective
from boostlab.registry import register
from boostlab.state import State

_SMALLEST = 2.0**-40
_TOLERANCE = 1e-5


@register("line_search")
class LineSearch(Piece):
    """The size in [0, `max_size`] that minimises the training loss, then shrunk.

    The minimum of ``loss(F + s * contribution)`` over ``s`` is enclosed by doubling or
    halving the size from 1 and refined by Brent's method. The loss at the size found
    is never above the loss at 0; where no size lowers it, as where every trial loss is
    infinite or NaN, the size is 0 and the round changes nothing.

    Source: Friedman (2001), Greedy function approximation, Algorithm 1, line 5.

    Parameters
    ----------
    learning_rate : float, default=0.1
        Factor on the size found, greater than 0.
    max_size : float, default=1000.0
        The greatest size tried, greater than 0.
    """

    def __init__(self, learning_rate: float = 0.1, max_size: float = 1000.0):
        self.learning_rate = learning_rate
        self.max_size = max_size

    def validate(self) -> None:
        """Raise TypeError or ValueError unless both parameters are positive."""
        check_number("learning_rate", self.learning_rate, above=0)
        check_number("max_size", self.max_size, above=0)

    def __call__(
        self, objective: Objective, state: State, contribution: Contribution
    ) -> float:
        """Return the learning rate times the best size, a number of at least 0."""

        def loss(size: float) -> float:
            # A trial step may overflow; it only must not be chosen.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                value = float(objective.loss(state.at_trial(contribution, size)))
            return value if np.isfinite(value) else np.inf

        at_zero = float(objective.loss(state))
        return self.learning_rate * _minimum(loss, at_zero, self.max_size)


def _minimum(loss: Callable[[float], float], at_zero: float, limit: float) -> float:
    """Return the best size in [0, limit], or 0 if none is better than `at_zero`."""
    size = min(1.0, limit)
    value = loss(size)
    if value < at_zero:
        while size < limit:
            longer = min(2 * size, limit)
            at_longer = loss(longer)
            if not at_longer < value:
                break
            size, value = longer, at_longer
    else:
        while not value < at_zero:
            size /= 2
            if size < _SMALLEST:
                return 0.0
            value = loss(size)
    # A loss with one minimum has it below twice a size after which it rises again.
    bounds = (0.0, min(2 * size, limit))
    with np.errstate(invalid="ignore"):  # its parabolas may meet infinite losses
        found = minimize_scalar(
            loss, bounds=bounds, method="bounded", options={"xatol": _TOLERANCE * size}
        )
    return float(found.x) if found.fun < value else size
