"""Pointwise objectives: a loss of one row's target and raw prediction.

Signs are written once, here: losses are minimised, ``gradient`` is the derivative of
the loss itself, and sample weights multiply loss, gradient and hessian alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from boostlab.checks import check_number
from boostlab.objectives.fused import FusedLoss, fused_derivatives, fused_loss_sum
from boostlab.objectives.links import IdentityLink, Link
from boostlab.pieces import Piece
from boostlab.protocols import Objective
from boostlab.reduce import agree, total
from boostlab.state import Problem, State, constant

Array = NDArray[np.float64]

POINTWISE = ("pointwise_loss", "pointwise_gradient", "pointwise_hessian")
OF_ALL_ROWS = ("baseline", "start", "redraw", "settled", "loss", "n_outputs")
"""Methods that see several rows; as they are here they ask all parts."""


class ObjectiveError(ValueError):
    """An objective contradicts itself or the protocol; the message says where."""


class PointwiseObjective(Piece):
    """Base of objectives whose loss is a weighted mean over rows.

    A subclass writes :meth:`pointwise_loss` and :meth:`pointwise_gradient`, and,
    where it has them, :meth:`pointwise_hessian` and :meth:`baseline`. It gets the
    state methods that the boosting loop calls from here. Run
    :func:`boostlab.objectives.check_objective` on a new one.

    Attributes
    ----------
    task : {"regression", "classification"}
        What kind of targets it is for. Class labels arrive encoded 0 .. K-1.
    link : Link
        Maps raw predictions to predictions or probabilities.
    refits_cells : bool
        Whether cells (the leaves of a tree) get their value from
        :meth:`cell_values` and not from sums of derivatives.
    smooth : bool
        Whether the hessian is the derivative of the gradient.
    homogeneity : int or None
        The power of c by which the loss grows when targets and raw predictions are
        multiplied by c; None where the loss does not follow a power, or where the
        hessians, which regularisation is weighed against, would change as well.
    multi_target : bool
        Whether it takes several targets, `y` of shape (n, T), itself. Others are
        applied to each target by :class:`boostlab.objectives.MultiOutput`.

    Notes
    -----
    Take care with shapes: `y` has shape (n,), but `raw` (n, K), also for K = 1. In
    ``raw - y`` NumPy would broadcast them to (n, n).

    Examples
    --------
    The log-cosh loss, quadratic near zero and linear far from it:

    >>> import numpy as np
    >>> from boostlab.objectives import PointwiseObjective, check_objective
    >>> class LogCosh(PointwiseObjective):
    ...     def pointwise_loss(self, y, raw):
    ...         error = raw[:, 0] - y
    ...         return np.logaddexp(error, -error) - np.log(2.0)
    ...
    ...     def pointwise_gradient(self, y, raw):
    ...         return np.tanh(raw - y[:, None])
    ...
    ...     def pointwise_hessian(self, y, raw):
    ...         return 1.0 - np.tanh(raw - y[:, None]) ** 2
    >>> check_objective(LogCosh())
    """

    task: ClassVar[str] = "regression"
    link: Link = IdentityLink()
    refits_cells: ClassVar[bool] = False
    smooth: ClassVar[bool] = True
    homogeneity: ClassVar[int | None] = None
    multi_target: ClassVar[bool] = False
    fused: ClassVar[FusedLoss | None] = None
    takes_parts: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # A kernel in C must never stand in for a formula that a subclass changed.
        super().__init_subclass__(**kwargs)
        if any(formula in cls.__dict__ for formula in POINTWISE):
            for fact in ("fused", "homogeneity"):
                if fact not in cls.__dict__:
                    setattr(cls, fact, None)
        if any(method in cls.__dict__ for method in OF_ALL_ROWS):
            cls.takes_parts = cls.__dict__.get("takes_parts", False)

    # What a subclass writes.

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return the loss of each row, shape (n,), from y (n,) and raw (n, K)."""
        raise NotImplementedError(f"{type(self).__name__} must define pointwise_loss.")

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivative of each row's loss by `raw`, shape (n, K)."""
        raise NotImplementedError(
            f"{type(self).__name__} must define pointwise_gradient."
        )

    def pointwise_hessian(self, y: Array, raw: Array) -> Array | None:
        """Return the second derivatives by each output (n, K); None for ones."""
        return None

    def curvature_factor(self, n_outputs: int) -> float:
        """Return how many times the second derivative the hessian is.

        It is 1 unless outputs that move together need shorter steps.
        """
        return 1.0

    def baseline(self, y: Array, weight: Array) -> Array:
        """Return the constant raw prediction to start from, shape (K,).

        By default the minimiser of the weighted mean loss is searched for
        numerically, and zeros are returned where none is found.
        """
        return _numeric_baseline(self, y, weight)

    def n_outputs(self, y: Array) -> int:
        """Return the number K of raw outputs for the targets `y`."""
        return 1

    def in_units(self, unit: float) -> PointwiseObjective:
        """Return the same loss for targets that are measured in `unit`.

        Only a parameter in the unit of the target makes it another objective.
        """
        return self

    def check_targets(self, y: Array) -> None:
        """Raise ValueError, in one sentence, if `y` is outside the loss's domain."""
        if not np.all(np.isfinite(y)):
            raise ValueError(
                f"y holds {np.count_nonzero(~np.isfinite(y))} values that are NaN or "
                "infinite; remove those rows."
            )

    def with_classes(self, n_classes: int) -> PointwiseObjective:
        """Return the objective for `n_classes` classes; ValueError if there is none."""
        return self

    # What the loop calls.

    def start(self, problem: Problem, rng: np.random.Generator | None) -> State:
        """Return the state with every row at the baseline.

        Raises
        ------
        ValueError
            If a parameter or a target is not allowed.
        ObjectiveError
            If the baseline does not have one finite value an output.
        """
        self.validate()
        held_out = problem.validation
        for part in (problem,) if held_out is None else (problem, held_out):
            self.check_targets(part.y)
        n_outputs = self.n_outputs(problem.y)
        baseline = np.asarray(self.baseline(problem.y, problem.weight), dtype=float)
        check_shape(self, "baseline", baseline, (n_outputs,))
        if not np.all(np.isfinite(baseline)):
            raise ObjectiveError(
                f"{type(self).__name__}.baseline returned {baseline}, which is not "
                "finite; clip what it takes the logarithm of."
            )
        agree(baseline.tolist(), f"the baseline of {type(self).__name__}")
        return State.at(problem, baseline, rng)

    def redraw(self, state: State) -> None:
        """Do nothing: targets and rows stay the same from round to round."""

    def settled(self, state: State) -> PointwiseObjective:
        """Return the objective with all it re-estimates fixed at `state`'s values."""
        return self

    def loss(self, state: State) -> float:
        """Return the weighted mean loss."""
        fixed, weight = self.settled(state), state.among_all().weight
        if fixed.fused is not None:
            return fused_loss_sum(fixed.fused, *fixed._inputs(state)) / weight
        terms = np.asarray(fixed.pointwise_loss(state.y, state.raw_prediction))
        check_shape(self, "pointwise_loss", terms, state.weight.shape)
        return total(state.weight * terms) / weight

    def gradient(self, state: State) -> Array:
        """Return the weighted gradient, shape (n, K), Fortran order."""
        fixed = self.settled(state)
        if fixed.fused is not None:
            return fused_derivatives(fixed.fused, *fixed._inputs(state), False)[0]
        return self._weighted("pointwise_gradient", fixed, state)

    def hessian(self, state: State) -> Array | None:
        """Return the weighted hessian (n, K); None where it is the weight."""
        return self.derivatives(state)[1]

    def derivatives(self, state: State) -> tuple[Array, Array | None]:
        """Return gradient and hessian, in one pass over the rows where possible."""
        fixed = self.settled(state)
        if fixed.fused is not None:
            inputs = fixed._inputs(state)
            return fused_derivatives(fixed.fused, *inputs, fixed._has_hessian())
        gradient = self._weighted("pointwise_gradient", fixed, state)
        return gradient, self._weighted("pointwise_hessian", fixed, state)

    def cell_values(
        self, state: State, ids: NDArray[np.integer], n_cells: int, output: int
    ) -> Array:
        """Return the constant to add in each cell, shape (n_cells,).

        By default one Newton step, ``-sum(gradient) / sum(hessian)`` over the cell's
        sampled rows; 0 in a cell without rows or curvature.

        Parameters
        ----------
        state : State
            Where the loop stands; ``state.rows`` are the sampled rows.
        ids : ndarray of int, shape (n,)
            Cell of every row of the state.
        n_cells : int
            Number of cells.
        output : int
            Column of the raw prediction that the cells add to.
        """
        gradient, hessian = self.derivatives(state)
        curvature = state.weight if hessian is None else hessian[:, output]
        slope = gradient[:, output]
        if state.rows is not None:
            ids, slope, curvature = (v[state.rows] for v in (ids, slope, curvature))
        total = np.bincount(ids, weights=curvature, minlength=n_cells)
        step = -np.bincount(ids, weights=slope, minlength=n_cells)
        usable = total > np.finfo(float).tiny
        return np.divide(step, total, out=np.zeros(n_cells), where=usable)

    # For the kernels in C.

    @property
    def fused_parameter(self) -> float:
        """The number that the kernel needs: a level, a power, a threshold."""
        return 0.0

    def _has_hessian(self) -> bool:
        return type(self).pointwise_hessian is not PointwiseObjective.pointwise_hessian

    def _inputs(self, state: State) -> tuple[Array, Array, Array, float]:
        return state.y, state.raw_prediction, state.weight, self.fused_parameter

    def _weighted(
        self, name: str, fixed: PointwiseObjective, state: State
    ) -> Array | None:
        values = getattr(fixed, name)(state.y, state.raw_prediction)
        if values is None:
            return None
        check_shape(self, name, np.asarray(values), state.raw_prediction.shape)
        return np.multiply(values, state.weight[:, None], order="F")


def derivatives(objective: Objective, state: State) -> tuple[Array, Array | None]:
    """Return gradient and hessian, in one pass over the rows where there is such."""
    both = getattr(objective, "derivatives", None)
    if both is not None:
        return both(state)
    return objective.gradient(state), objective.hessian(state)


def check_shape(
    objective: PointwiseObjective, name: str, values: Array, shape: tuple[int, ...]
) -> None:
    """Raise ObjectiveError unless what ``objective.name`` returned has `shape`."""
    if values.shape == shape:
        return
    cause = ""
    if values.ndim == 2 and values.shape == shape[:1] * 2:
        cause = "; y of shape (n,) was broadcast against raw of shape (n, 1)"
    elif values.shape == () and len(shape) == 1:
        cause = "; return one value a row, not their mean or sum"
    raise ObjectiveError(
        f"{type(objective).__name__}.{name} returned shape {values.shape}, but "
        f"{shape} is wanted{cause}."
    )


def check_between(name: str, value: Any, low: float, high: float) -> None:
    """Raise TypeError or ValueError unless `value` is a number in (low, high)."""
    check_number(name, value)
    if not low < value < high:
        raise ValueError(
            f"{name} is {value!r}; give a number between {low:g} and {high:g}, both "
            "excluded."
        )


def _numeric_baseline(objective: PointwiseObjective, y: Array, weight: Array) -> Array:
    """Return a minimiser of the weighted mean loss over constants, or zeros."""
    n_outputs, total_weight = objective.n_outputs(y), total(weight)

    def mean_loss(point: Array) -> float:
        raw = constant(len(y), np.broadcast_to(point, (n_outputs,)))
        terms = np.asarray(objective.pointwise_loss(y, raw))
        check_shape(objective, "pointwise_loss", terms, weight.shape)
        value = total(weight * terms) / total_weight
        return value if np.isfinite(value) else np.inf

    def mean_gradient(point: Array) -> Array:
        gradient = np.asarray(objective.pointwise_gradient(y, constant(len(y), point)))
        check_shape(objective, "pointwise_gradient", gradient, (len(y), n_outputs))
        return np.array([total(weight * slope) for slope in gradient.T]) / total_weight

    with np.errstate(all="ignore"):
        point = _search(mean_loss, mean_gradient, n_outputs)
    return point if np.all(np.isfinite(point)) else np.zeros(n_outputs)


def _search(
    mean_loss: Callable[[Array], float],
    mean_gradient: Callable[[Array], Array],
    n_outputs: int,
) -> Array:
    if n_outputs > 1:
        start = np.zeros(n_outputs)
        return minimize(mean_loss, start, jac=mean_gradient, method="BFGS").x
    try:
        return np.atleast_1d(minimize_scalar(mean_loss).x)
    except RuntimeError:  # scipy found no bracket: the loss falls without end
        return np.zeros(1)
