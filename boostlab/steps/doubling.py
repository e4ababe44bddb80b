"""Line search over powers of two: a handful of losses each round."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.checks import check_number
from boostlab.pieces import Piece
from boostlab.protocols import Contribution, Objective
from boostlab.registry import register
from boostlab.state import State

Array = NDArray[np.float64]

SMALLEST = 2.0**-30
SHORTEST = 1e-4
"""Mean length of a step below which the published search gives up."""


class _PowersOfTwo(Piece):
    """What both searches share."""

    def __init__(self, learning_rate: float = 0.1, max_size: float = 256.0):
        self.learning_rate = learning_rate
        self.max_size = max_size

    def validate(self) -> None:
        """Raise TypeError or ValueError unless both parameters are positive."""
        check_number("learning_rate", self.learning_rate, above=0)
        check_number("max_size", self.max_size, above=0)

    def __call__(
        self, objective: Objective, state: State, contribution: Contribution
    ) -> float:
        """Return the learning rate times the size found, a number of at least 0.

        Parameters
        ----------
        objective : Objective
            Its loss must only need targets, weights and raw predictions.
        state : State
            The training rows before the update; only those of the round's sample count.
        contribution : Contribution
            What the learner found.
        """
        values = contribution.values()
        if state.rows is not None:
            state, values = _sampled(state, values)
        along = loss_along(objective, state, values)

        def loss(size: float) -> float:
            # A trial step may overflow; it only must not be chosen.
            value = along(size)
            return value if math.isfinite(value) else math.inf

        at_zero = along(0.0)
        size = self.learning_rate * self._search(loss, at_zero, values)
        return self._shrunk(size, loss, at_zero)

    def _shrunk(
        self, size: float, loss: Callable[[float], float], at_zero: float
    ) -> float:
        """Return the size that is used in place of what the search found, shrunk."""
        return size

    def _search(
        self, loss: Callable[[float], float], at_zero: float, values: Array
    ) -> float:
        raise NotImplementedError


@register("doubling")
class DoublingSearch(_PowersOfTwo):
    """Nearly the size of least training loss, for a few losses each round, then shrunk.

    From size 1 the size is doubled as long as the loss falls, or halved until it is
    lower than at 0. The best power of two and its neighbours then give a parabola, and
    its minimum is taken if it is lower still. Where no size lowers the loss, the size
    is 0 and the round changes nothing. Only the round's sample of rows is looked at.
    On the way to a minimum the loss may be higher than at 0; so the shrunk size is
    halved until it is not.

    Parameters
    ----------
    learning_rate : float, default=0.1
        Factor on the size found, greater than 0.
    max_size : float, default=256.0
        The greatest size tried, greater than 0.
    """

    def _search(
        self, loss: Callable[[float], float], at_zero: float, values: Array
    ) -> float:
        size = min(1.0, self.max_size)
        value = loss(size)
        left, at_left, right, at_right = 0.0, at_zero, None, None
        if value < at_zero:
            while size < self.max_size:
                longer = min(2 * size, self.max_size)
                at_longer = loss(longer)
                if not at_longer < value:
                    right, at_right = longer, at_longer
                    break
                left, at_left, size, value = size, value, longer, at_longer
        else:
            while not value < at_zero:
                right, at_right = size, value
                size /= 2
                if size < SMALLEST:
                    return 0.0
                value = loss(size)
        if right is None or not np.isfinite(at_right):
            return size
        vertex = _vertex((left, size, right), (at_left, value, at_right))
        return vertex if loss(vertex) < value else size

    def _shrunk(
        self, size: float, loss: Callable[[float], float], at_zero: float
    ) -> float:
        if self.learning_rate >= 1:
            return size
        while size > 0 and not loss(size) <= at_zero:
            size /= 2
            if size < SMALLEST:
                return 0.0
        return size


@register("reference_search")
class ReferenceSearch(_PowersOfTwo):
    """The line search of the published NGBoost code, then shrunk.

    From size 1 the size is doubled until the loss is greater than at 0 or the size
    greater than `max_size`, and then halved until the loss is lower than at 0, or the
    mean length of the step less than 1e-4: so it is the longest power of two that still
    improves, and not the best one.

    Source: ngboost 0.6, ``NGBoost.line_search``.

    Parameters
    ----------
    learning_rate : float, default=0.1
        Factor on the size found, greater than 0.
    max_size : float, default=256.0
        Where doubling ends, greater than 0.
    """

    def _search(
        self, loss: Callable[[float], float], at_zero: float, values: Array
    ) -> float:
        # Halving comes back to sizes that doubling has been at.
        loss = cache(loss)
        size, value = 1.0, loss(1.0)
        while np.isfinite(value) and value <= at_zero and size <= self.max_size:
            size *= 2
            value = loss(size)
        with np.errstate(over="ignore"):
            length = float(np.mean(np.sqrt(np.einsum("nk,nk->n", values, values))))
        while size * length >= SHORTEST and not value < at_zero:
            size /= 2
            value = loss(size)
        return size


def loss_along(
    objective: Objective, state: State, values: Array
) -> Callable[[float], float]:
    """Return the loss of the step ``size * values`` as a function of the size.

    An objective that has a way of its own says so by ``loss_along(state, values)``,
    which returns such a function, or None.
    """
    own = getattr(objective, "loss_along", None)
    own = None if own is None else own(state, values)
    if own is not None:
        return own
    trial = np.empty(values.shape, order="F")
    tried = replace(state, raw_prediction=trial, validation=None)

    def loss(size: float) -> float:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            np.multiply(values, size, out=trial)
            np.add(trial, state.raw_prediction, out=trial)
            return float(objective.loss(tried))

    return loss


def _sampled(state: State, values: Array) -> tuple[State, Array]:
    """Return the round's sample of rows as a state of its own, and its values."""
    rows = state.rows
    part = replace(
        state,
        y=state.y[rows],
        weight=state.weight[rows],
        raw_prediction=_rows_of(state.raw_prediction, rows),
        validation=None,
        rows=None,
    )
    return part, _rows_of(values, rows)


def _rows_of(values: Array, rows: NDArray[np.intp]) -> Array:
    """Return some rows of an array (n, K), column by column, as columns lie."""
    out = np.empty((len(rows), values.shape[1]), order="F")
    for k in range(values.shape[1]):
        # By "clip", which changes nothing here, NumPy needs no buffer.
        np.take(values[:, k], rows, out=out[:, k], mode="clip")
    return out


def _vertex(sizes: tuple[Any, ...], losses: tuple[Any, ...]) -> float:
    """Return where the parabola through three points, the middle lowest, is least."""
    (a, b, c), (at_a, at_b, at_c) = sizes, losses
    left, right = (b - a) * (at_b - at_c), (b - c) * (at_b - at_a)
    if left == right:
        return b
    return b - 0.5 * ((b - a) * left - (b - c) * right) / (left - right)
