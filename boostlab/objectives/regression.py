"""Regression on the real line: squared, absolute, quantile and Huber losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from boostlab.checks import check_number
from boostlab.objectives.base import PointwiseObjective, check_between
from boostlab.objectives.fused import FusedLoss
from boostlab.objectives.weighted import (
    mean_of_rows,
    rows_by_cell,
    weighted_mean,
    weighted_quantile,
)
from boostlab.registry import register
from boostlab.state import Problem, State

Array = NDArray[np.float64]

_DELTA = "huber_delta"


@register("objective:squared_error")
class SquaredError(PointwiseObjective):
    """Half the squared error, ``(raw - y)^2 / 2``; the baseline is the mean.

    The gradient is ``raw - y`` and the curvature 1, so that :meth:`hessian` is None.
    """

    fused = FusedLoss.SQUARED
    homogeneity = 2
    takes_parts = True

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return ``(raw - y)^2 / 2``, shape (n,)."""
        return 0.5 * (raw[:, 0] - y) ** 2

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``raw - y``, shape (n, 1)."""
        return raw - y[:, None]

    def baseline(self, y: Array, weight: Array) -> Array:
        """Return the weighted mean, shape (1,)."""
        return np.array([weighted_mean(y, weight)])


@register("objective:quantile")
class Quantile(PointwiseObjective):
    r"""The pinball loss, :math:`\max(a (y - f), (1 - a) (f - y))` at level `a`.

    Its minimiser is the conditional quantile (Koenker & Bassett, 1978). The gradient
    is ``-a`` below the target, ``1 - a`` above it and 0 at it. There is no curvature;
    cells get the weighted quantile of their residuals, which is optimal.

    Parameters
    ----------
    level : float, default=0.5
        Level of the quantile, in (0, 1).
    """

    fused = FusedLoss.QUANTILE
    homogeneity = 1
    refits_cells = True
    smooth = False

    def __init__(self, level: float = 0.5) -> None:
        self.level = level

    def validate(self) -> None:
        """Raise TypeError or ValueError unless 0 < level < 1."""
        check_between("level", self.level, 0.0, 1.0)

    @property
    def fused_parameter(self) -> float:
        """The level."""
        return float(self.level)

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return the pinball loss, shape (n,)."""
        error = raw[:, 0] - y
        return np.maximum(-self.level * error, (1.0 - self.level) * error)

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``-level``, 0 or ``1 - level``, shape (n, 1)."""
        target = y[:, None]
        return np.where(raw > target, 1.0 - self.level, -self.level * (raw < target))

    def baseline(self, y: Array, weight: Array) -> Array:
        """Return the weighted quantile, shape (1,)."""
        return np.array([weighted_quantile(y, weight, self.level)])

    def cell_values(
        self, state: State, ids: NDArray[np.integer], n_cells: int, output: int
    ) -> Array:
        """Return the weighted quantile of each cell's residuals, shape (n_cells,)."""
        return _cell_quantiles(state, ids, n_cells, self.level)


@register("objective:absolute_error")
class AbsoluteError(PointwiseObjective):
    """The absolute error ``|raw - y|``; the baseline is the weighted median.

    The gradient is the sign of ``raw - y``, 0 at a tie. There is no curvature; cells
    get the weighted median of their residuals (Friedman, 2001, algorithm 3).
    """

    fused = FusedLoss.ABSOLUTE
    homogeneity = 1
    refits_cells = True
    smooth = False

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return ``|raw - y|``, shape (n,)."""
        return np.abs(raw[:, 0] - y)

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return the sign of ``raw - y``, shape (n, 1)."""
        return np.sign(raw - y[:, None])

    def baseline(self, y: Array, weight: Array) -> Array:
        """Return the weighted median, shape (1,)."""
        return np.array([weighted_quantile(y, weight, 0.5)])

    def cell_values(
        self, state: State, ids: NDArray[np.integer], n_cells: int, output: int
    ) -> Array:
        """Return the weighted median of each cell's residuals, shape (n_cells,)."""
        return _cell_quantiles(state, ids, n_cells, 0.5)


@register("objective:huber")
class Huber(PointwiseObjective):
    r"""Quadratic up to `delta`, linear beyond: robust against outliers.

    .. math:: L(y, f) = \min(|r|, \delta) (|r| - \min(|r|, \delta) / 2), \; r = f - y

    The gradient is ``r`` clipped to ``[-delta, delta]``; as curvature the weight is
    used, which is never less than the true one. Cells get one step from their median
    towards their Huber mean (Friedman, 2001, algorithm 4).

    Parameters
    ----------
    delta : float, optional
        Errors above this size count linearly, in units of the target. By default it
        is renewed each round, as the `alpha`-quantile of the absolute errors on the
        training rows (Friedman, 2001, section 4.4).
    alpha : float, default=0.9
        Share of the errors that counts quadratically, in (0, 1); only used if
        `delta` is None.

    Notes
    -----
    A renewed delta shrinks as the fit improves, and the loss with it, so losses of
    different rounds could not be compared. Held-out rows therefore keep the delta of
    the start, and early stopping sees one fixed loss.
    """

    fused = FusedLoss.HUBER
    homogeneity = 2
    refits_cells = True
    smooth = False

    def __init__(self, delta: float | None = None, alpha: float = 0.9) -> None:
        self.delta = delta
        self.alpha = alpha

    def validate(self) -> None:
        """Raise TypeError or ValueError unless delta > 0 or None, 0 < alpha < 1."""
        if self.delta is not None:
            check_number("delta", self.delta, above=0)
        check_between("alpha", self.alpha, 0.0, 1.0)

    @property
    def fused_parameter(self) -> float:
        """The threshold delta."""
        return self._threshold()

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return the Huber loss, shape (n,); needs a fixed `delta`."""
        size = np.abs(raw[:, 0] - y)
        inner = np.minimum(size, self._threshold())
        return inner * (size - 0.5 * inner)

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return the clipped errors, shape (n, 1); needs a fixed `delta`."""
        delta = self._threshold()
        return np.clip(raw - y[:, None], -delta, delta)

    def baseline(self, y: Array, weight: Array) -> Array:
        """Return the weighted Huber mean, shape (1,)."""
        delta = self.delta
        if delta is None:
            median = weighted_quantile(y, weight, 0.5)
            delta = self._estimate(np.abs(y - median), weight)
        return np.array([_huber_mean(y, weight, float(delta))])

    def in_units(self, unit: float) -> Huber:
        """Return the loss with `delta` in that unit, too."""
        if self.delta is None or unit == 1.0:
            return self
        params = self.get_params(deep=False)
        return type(self)(**params | {"delta": self.delta / unit})

    def start(self, problem: Problem, rng: np.random.Generator | None) -> State:
        """Return the state at the baseline, with the first delta in ``carried``."""
        state = super().start(problem, rng)
        delta = self._current(state)
        for part in state.parts():
            part.carried[_DELTA] = delta
        return state

    def redraw(self, state: State) -> None:
        """Renew delta from the training rows' errors, unless it is fixed."""
        state.carried[_DELTA] = self._current(state)

    def settled(self, state: State) -> Huber:
        """Return the loss with the delta that `state` carries, or would start with."""
        if self.delta is not None:
            return self
        delta = state.carried.get(_DELTA) or self._current(state)
        return type(self)(**self.get_params(deep=False) | {"delta": delta})

    def cell_values(
        self, state: State, ids: NDArray[np.integer], n_cells: int, output: int
    ) -> Array:
        """Return Friedman's one-step Huber mean of each cell, shape (n_cells,)."""
        delta = self.settled(state)._threshold()
        sample = _residual_sample(state, ids)
        values = np.zeros(n_cells)
        for cell, rows in enumerate(rows_by_cell(sample.ids, n_cells)):
            if len(rows):
                residual, weight = sample.residual[rows], sample.weight[rows]
                median = weighted_quantile(residual, weight, 0.5)
                clipped = np.clip(residual - median, -delta, delta)
                values[cell] = median + mean_of_rows(clipped, weight)
        return values

    def _threshold(self) -> float:
        if self.delta is None:
            raise ValueError(
                "delta is None, so the Huber loss is known only for a state; use "
                "objective.settled(state), or give a delta."
            )
        return float(self.delta)

    def _current(self, state: State) -> float:
        if self.delta is not None:
            return float(self.delta)
        error = np.abs(state.y - state.raw_prediction[:, 0])
        return self._estimate(error, state.weight)

    def _estimate(self, error: Array, weight: Array) -> float:
        """Return a positive delta, also where most errors or all of them are 0."""
        quantile = weighted_quantile(error, weight, self.alpha)
        return quantile or mean_of_rows(error, weight) or 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _ResidualSample:
    """Residuals ``y - raw`` of the sampled rows, with their cells and weights."""

    ids: NDArray[np.integer]
    residual: Array
    weight: Array


def _residual_sample(state: State, ids: NDArray[np.integer]) -> _ResidualSample:
    residual = state.y - state.raw_prediction[:, 0]
    if state.rows is None:
        return _ResidualSample(ids, residual, state.weight)
    rows = state.rows
    return _ResidualSample(ids[rows], residual[rows], state.weight[rows])


def _cell_quantiles(
    state: State, ids: NDArray[np.integer], n_cells: int, level: float
) -> Array:
    sample = _residual_sample(state, ids)
    values = np.zeros(n_cells)
    for cell, rows in enumerate(rows_by_cell(sample.ids, n_cells)):
        if len(rows):
            values[cell] = weighted_quantile(
                sample.residual[rows], sample.weight[rows], level
            )
    return values


def _huber_mean(y: Array, weight: Array, delta: float) -> float:
    """Return the minimiser of the weighted Huber loss over constants."""
    low, high = float(y.min()), float(y.max())
    if low == high:
        return low

    def slope(point: float) -> float:
        return float(np.sum(weight * np.clip(point - y, -delta, delta)))

    tolerance = max(1e-13 * (high - low), np.finfo(float).tiny)
    return float(brentq(slope, low, high, xtol=tolerance))
