"""Several targets at once: a loss of one target, applied to each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import frexp, ldexp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.checks import check_number
from boostlab.objectives.base import PointwiseObjective
from boostlab.objectives.links import IdentityLink, Link, LogLink, TargetsLink
from boostlab.protocols import Objective
from boostlab.registry import register
from boostlab.state import Problem, State

Array = NDArray[np.float64]

UNIT_BITS = 24
"""Bits kept of a unit: how sums were rounded must not show in the model."""


@register("objective:multi_output")
class MultiOutput(PointwiseObjective):
    r"""The sum of the losses of T targets; each has one output.

    .. math:: L(y, f) = \sum_{t=1}^T \ell_t(y_t / u_t, f_t)

    With `y` of shape (n, T), the loss of all rows is the weighted mean over rows of
    this sum. Targets may differ in units, and a sum would only see the one with the
    largest numbers. Therefore target t is measured in units of its own, ``u_t``; its
    prediction is ``u_t`` times the raw one. For the estimators' default units see
    :func:`for_targets`.

    Parameters
    ----------
    objective : PointwiseObjective or list of T of them
        Loss of one target and one raw output: the same for all targets, or one for
        each.
    units : list of T floats, optional
        Units of the targets, greater than 0; by default 1, but an estimator chooses
        them by the data.

    Notes
    -----
    Where one of several losses values the cells of trees itself, the default step is
    :class:`~boostlab.steps.CellFit` for all of them, and the others value cells by a
    Newton step without regularisation.

    Examples
    --------
    >>> from boostlab.objectives import MultiOutput, Poisson, SquaredError
    >>> from boostlab.objectives import check_objective
    >>> check_objective(MultiOutput([SquaredError(), Poisson()]))
    """

    multi_target = True

    @property
    def takes_parts(self) -> bool:
        """Whether all objectives do."""
        return all(objective.takes_parts for objective in self._given())

    def __init__(
        self,
        objective: PointwiseObjective | Sequence[PointwiseObjective],
        units: Sequence[float] | None = None,
    ) -> None:
        self.objective = objective
        self.units = units

    def validate(self) -> None:
        """Raise TypeError or ValueError, in one sentence, for unusable parameters."""
        for objective in self._given():
            if not isinstance(objective, PointwiseObjective):
                raise TypeError(
                    f"objective is {self.objective!r:.200}; give an instance of a "
                    "PointwiseObjective, such as SquaredError(), or a list of them."
                )
            if objective.multi_target or objective.task != "regression":
                raise ValueError(
                    f"{type(objective).__name__} is not a loss of one number; "
                    "MultiOutput is made of such losses."
                )
            objective.validate()
        if not self._given():
            raise ValueError("objective is an empty list; give one for each target.")
        for unit in self.units or ():
            check_number("A unit", unit, above=0)

    @property
    def link(self) -> Link:
        """The links of the objectives, in the units of the targets."""
        links = tuple(objective.link for objective in self._given())
        plain = len(set(map(type, links))) == 1 and isinstance(
            links[0], IdentityLink | LogLink
        )
        if plain and self.units is None:
            return links[0]
        return TargetsLink(links, None if self.units is None else tuple(self.units))

    @property
    def refits_cells(self) -> bool:
        """Whether a target's objective values cells itself."""
        return any(objective.refits_cells for objective in self._given())

    @property
    def smooth(self) -> bool:
        """Whether all hessians are the derivatives of the gradients."""
        return all(objective.smooth for objective in self._given())

    @property
    def n_targets(self) -> int | None:
        """The number of targets T; None if there may be any number."""
        if isinstance(self.objective, list | tuple):
            return len(self.objective)
        return None if self.units is None else len(self.units)

    def n_outputs(self, y: Array) -> int:
        """Return the number of targets."""
        return y.shape[1]

    def check_targets(self, y: Array) -> None:
        """Raise ValueError, in one sentence, if a target is outside its domain."""
        if y.ndim != 2:
            raise ValueError(
                f"MultiOutput needs y of shape (n, n_targets), but it is {y.shape}."
            )
        for k, objective in enumerate(self.of_targets(y.shape[1])):
            n_outputs = objective.n_outputs(y[:, k])
            if n_outputs != 1:
                raise ValueError(
                    f"{type(objective).__name__} has {n_outputs} outputs for one "
                    "target; with several targets give a loss of one output."
                )
            try:
                objective.check_targets(y[:, k])
            except ValueError as error:
                raise ValueError(f"Target {k}: {error}") from error

    def baseline(self, y: Array, weight: Array) -> Array:
        """Return the baselines of the targets, given in their units, shape (T,)."""
        own = self.of_targets(y.shape[1])
        return np.concatenate([o.baseline(y[:, k], weight) for k, o in enumerate(own)])

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return the sum of the losses, shape (n,), from y and raw of shape (n, T)."""
        return sum(o.pointwise_loss(*columns) for o, *columns in self._columns(y, raw))

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return the gradients of the targets, shape (n, T)."""
        return np.column_stack(
            [o.pointwise_gradient(*columns) for o, *columns in self._columns(y, raw)]
        )

    def pointwise_hessian(self, y: Array, raw: Array) -> Array | None:
        """Return the hessians of the targets, shape (n, T); None for ones."""
        own = [o.pointwise_hessian(*columns) for o, *columns in self._columns(y, raw)]
        if all(hessian is None for hessian in own):
            return None
        ones = np.ones((len(y), 1))
        return np.column_stack([ones if h is None else h for h in own])

    def start(self, problem: Problem, rng: np.random.Generator | None) -> State:
        """Return the state at the baselines; its `y` is in the units of the targets."""
        self.validate()
        held_out = problem.validation
        for part in (problem,) if held_out is None else (problem, held_out):
            self.check_targets(part.y)
        problem = self._in_units(problem)
        own = [
            objective.start(_target(problem, k), rng)
            for k, objective in enumerate(self.of_targets(problem.y.shape[1]))
        ]
        baseline = np.concatenate([state.baseline for state in own])
        whole = State.at(problem, baseline, rng)
        for k, state in enumerate(own):
            for part, column in zip(whole.parts(), state.parts(), strict=True):
                _carry(part, k, column)
        return whole

    def redraw(self, state: State) -> None:
        """Let the objective of each target redraw."""
        for k, objective, column in self._states(state):
            objective.redraw(column)
            _carry(state, k, column)

    def settled(self, state: State) -> MultiOutput:
        """Return the losses in the units of the targets, all they re-estimate fixed."""
        return MultiOutput([o.settled(column) for _, o, column in self._states(state)])

    def loss(self, state: State) -> float:
        """Return the weighted mean over the rows of the sum over the targets."""
        return sum(o.loss(column) for _, o, column in self._states(state))

    def gradient(self, state: State) -> Array:
        """Return the weighted gradients, shape (n, T), Fortran order."""
        own = [o.gradient(column) for _, o, column in self._states(state)]
        return _side_by_side(own, state)

    def derivatives(self, state: State) -> tuple[Array, Array | None]:
        """Return the weighted gradients and hessians, both (n, T), or None for these.

        They come from the kernels of the objectives, where these have such.
        """
        own = [o.derivatives(column) for _, o, column in self._states(state)]
        gradient = _side_by_side([g for g, _ in own], state)
        if all(hessian is None for _, hessian in own):
            return gradient, None
        weight = state.weight[:, None]
        hessians = [weight if hessian is None else hessian for _, hessian in own]
        return gradient, _side_by_side(hessians, state)

    def cell_values(
        self, state: State, ids: NDArray[np.integer], n_cells: int, output: int
    ) -> Array:
        """Return what the objective of target `output` adds in each cell."""
        _, objective, column = self._states(state)[output]
        return objective.cell_values(column, ids, n_cells, 0)

    def of_targets(self, n_targets: int) -> list[PointwiseObjective]:
        """Return the objective of each target, for targets in their units.

        Raises
        ------
        ValueError
            If there are not as many objectives, or units, as targets.
        """
        given = self._given()
        if not isinstance(self.objective, list | tuple):
            given = given * n_targets
        units = [1.0] * n_targets if self.units is None else self.units
        for name, values in (("objective", given), ("units", units)):
            if len(values) != n_targets:
                raise ValueError(
                    f"{name} is a list of {len(values)}, but y has {n_targets} "
                    "targets; give one for each."
                )
        return [o.in_units(unit) for o, unit in zip(given, units, strict=True)]

    def _given(self) -> list[PointwiseObjective]:
        several = isinstance(self.objective, list | tuple)
        return list(self.objective) if several else [self.objective]

    def _in_units(self, problem: Problem) -> Problem:
        """Return the problem with targets in their units, each in one piece."""
        y = np.array(problem.y, dtype=np.float64, order="F")
        if self.units is not None:
            y /= self.units
        held_out = problem.validation
        held_out = None if held_out is None else self._in_units(held_out)
        return replace(problem, y=y, validation=held_out)

    def _columns(
        self, y: Array, raw: Array
    ) -> list[tuple[PointwiseObjective, Array, Array]]:
        own = self.of_targets(raw.shape[1])
        return [(o, y[:, k], raw[:, k : k + 1]) for k, o in enumerate(own)]

    def _states(self, state: State) -> list[tuple[int, PointwiseObjective, State]]:
        """Return number, objective and state of each target."""
        own = self.of_targets(state.raw_prediction.shape[1])
        return [(k, o, _state(state, k)) for k, o in enumerate(own)]


def for_targets(
    objective: Objective, problem: Problem, units: Sequence[float] | None = None
) -> Objective:
    """Return the objective for the targets of a problem, of which there may be several.

    A pointwise loss of one target is applied to each by :class:`MultiOutput`.
    Unless they are given, it gets units. For squared, absolute, quantile and Huber
    losses the unit is such that the target's loss at its baseline is 1, so that all
    targets count alike, whatever they are measured in, and the loss of the whole is
    the sum of the shares of loss that are left (of ``1 - R^2`` for squares). Trees of
    one target each are the same for any units. Other losses keep targets as they
    are: the sum of the deviances of counts has a meaning, and with other units the
    regularisation would mean something else.

    Parameters
    ----------
    objective : Objective
        As the user gave it. One that is not pointwise, or has `multi_target`, is taken
        to know what to do with several targets.
    problem : Problem
        The training rows, `y` of shape (n,) or (n, T).
    units : sequence of T floats, optional
        Units to use, say those of the rounds to go on from.

    Raises
    ------
    ValueError
        If the objective is for several targets, but there is one, or if its targets
        are outside its domain.
    """
    if not isinstance(objective, PointwiseObjective):
        return objective
    if problem.y.ndim == 1:
        if objective.multi_target:
            raise ValueError(
                f"{type(objective).__name__} is for several targets, but y has one; "
                "give y of shape (n_samples, n_targets)."
            )
        return objective
    if not objective.multi_target:
        objective = MultiOutput(objective)
    if not isinstance(objective, MultiOutput) or objective.units is not None:
        return objective
    if units is None:
        units = _units(objective, problem)
    if all(unit == 1.0 for unit in units):
        return objective
    return MultiOutput(objective.objective, tuple(units))


def _units(objective: MultiOutput, problem: Problem) -> list[float]:
    objective.validate()
    objective.check_targets(problem.y)
    alone = replace(problem, validation=None)
    own = objective.of_targets(problem.y.shape[1])
    return [_unit(o, _target(alone, k)) for k, o in enumerate(own)]


def _unit(objective: PointwiseObjective, problem: Problem) -> float:
    """Return the unit of a target in which its loss at the baseline is 1."""
    if objective.homogeneity is None:
        return 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        loss = objective.loss(objective.start(problem, None))
    if not 0.0 < loss < np.inf:  # a constant target
        return 1.0
    fraction, exponent = frexp(loss ** (1.0 / objective.homogeneity))
    return ldexp(round(ldexp(fraction, UNIT_BITS)), exponent - UNIT_BITS)


def _target(problem: Problem, k: int) -> Problem:
    """Return the problem of target `k` alone."""
    held_out = problem.validation
    held_out = None if held_out is None else _target(held_out, k)
    y = np.ascontiguousarray(problem.y[:, k])
    return replace(problem, y=y, validation=held_out)


def _state(state: State, k: int) -> State:
    """Return the state of target `k` alone, a view of its column."""
    prefix = f"{k}."
    carried: dict[str, Any] = {
        name[len(prefix) :]: value
        for name, value in state.carried.items()
        if name.startswith(prefix)
    }
    return replace(
        state,
        y=state.y[:, k],
        baseline=state.baseline[k : k + 1],
        raw_prediction=state.raw_prediction[:, k : k + 1],
        carried=carried,
        validation=None,
    )


def _carry(state: State, k: int, column: State) -> None:
    """Keep in `state` what the objective of target `k` carries."""
    state.carried.update({f"{k}.{name}": v for name, v in column.carried.items()})


def _side_by_side(columns: list[Array], state: State) -> Array:
    """Return columns (n, 1) as one array (n, T), Fortran order."""
    values = np.empty(state.raw_prediction.shape, order="F")
    for k, column in enumerate(columns):
        values[:, k] = column[:, 0]
    return values
