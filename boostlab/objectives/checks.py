"""Finding the usual mistakes in an objective, before it is boosted.

Derivatives are compared with central differences; what is found is said in one
sentence, with the likely cause.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boostlab.objectives.base import (
    POINTWISE,
    ObjectiveError,
    PointwiseObjective,
    check_shape,
)
from boostlab.objectives.differences import agree, numeric_derivatives
from boostlab.objectives.multioutput import MultiOutput
from boostlab.state import Problem, State

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Rows:
    """A table as far as a state of these checks needs one."""

    n_samples: int


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """The objective and the rows it is tried on."""

    objective: PointwiseObjective
    state: State

    @property
    def name(self) -> str:
        return type(self.objective).__name__

    @property
    def fixed(self) -> PointwiseObjective:
        return self.objective.settled(self.state)

    @property
    def y(self) -> Array:
        return self.state.y

    @property
    def raw(self) -> Array:
        return self.state.raw_prediction

    @property
    def weight(self) -> Array:
        return self.state.weight


def check_objective(
    objective: PointwiseObjective,
    y: ArrayLike | None = None,
    raw: ArrayLike | None = None,
    *,
    weight: ArrayLike | None = None,
    rtol: float = 1e-3,
    reach: float = 30.0,
) -> None:
    """Check that an objective obeys the protocol and agrees with itself.

    Shapes, finite values, independence of the rows, the sign and the scale of the
    gradient against differences of the loss, those of the hessian against
    differences of the gradient (where ``objective.smooth``), a baseline that
    minimises the weighted mean loss, sample weights, and the link.

    Parameters
    ----------
    objective : PointwiseObjective
        The objective, an instance.
    y : array-like of shape (n,) or (n, T), optional
        Targets to try; by default some are drawn that ``check_targets`` accepts.
    raw : array-like of shape (n, K) or (n,), optional
        Raw predictions to try; by default drawn around the baseline.
    weight : array-like of shape (n,), optional
        Positive sample weights; by default larger for larger targets.
    rtol : float, default=1e-3
        Relative disagreement with the differences that counts as a mistake.
    reach : float, default=30
        The derivatives must be finite this far from the baseline.

    Raises
    ------
    ObjectiveError
        A ValueError with one sentence on the first mistake found.

    Examples
    --------
    >>> from boostlab.objectives import CustomObjective, check_objective
    >>> turned = CustomObjective(
    ...     loss=lambda y, raw: 0.5 * (raw - y) ** 2,
    ...     gradient=lambda y, raw: y - raw,
    ... )
    >>> check_objective(turned)
    Traceback (most recent call last):
    ...
    boostlab.objectives.base.ObjectiveError: CustomObjective's gradient looks like \
the negative gradient; boostlab wants the derivatives of the loss itself.
    """
    if not isinstance(objective, PointwiseObjective):
        raise TypeError(
            f"check_objective was given {objective!r}; give an instance of a subclass "
            "of PointwiseObjective."
        )
    trial = _trial(objective, y, raw, weight)
    _check_shapes(trial)
    _check_rows(trial)
    _check_gradient(trial, rtol)
    _check_hessian(trial, rtol)
    _check_reach(trial, reach)
    _check_state_methods(trial)
    _check_baseline(trial)
    _check_cells(trial)
    _check_link(trial)


def _trial(
    objective: PointwiseObjective,
    y: ArrayLike | None,
    raw: ArrayLike | None,
    weight: ArrayLike | None,
) -> _Trial:
    """Return the objective at the given rows, or at rows drawn for it."""
    rng = np.random.default_rng(0)
    targets = _targets(objective, rng) if y is None else np.array(y, dtype=float)
    if weight is None:
        # Weights that go with the targets: forgetting them moves the baseline.
        order = np.argsort(np.argsort(targets.reshape(len(targets), -1)[:, 0]))
        weights = 0.5 + 4.0 * order / len(targets)
    else:
        weights = np.array(weight, dtype=float)
    state = objective.start(Problem(_Rows(len(targets)), targets, weights), rng)
    if raw is None:
        state.raw_prediction += rng.uniform(-1.5, 1.5, state.raw_prediction.shape)
    else:
        given = np.array(raw, dtype=float, order="F")
        state.raw_prediction = given[:, None] if given.ndim == 1 else given
        check_shape(
            objective, "raw", state.raw_prediction, (len(targets), state.baseline.size)
        )
    return _Trial(objective, state)


def _targets(objective: PointwiseObjective, rng: np.random.Generator) -> Array:
    """Return targets that the objective accepts."""
    if isinstance(objective, MultiOutput):
        own = objective.of_targets(objective.n_targets or 3)
        return np.column_stack([_targets(each, rng) for each in own])
    if objective.multi_target:
        raise ObjectiveError(
            f"{type(objective).__name__} takes several targets; give it y, (n, T)."
        )
    n_samples = 60
    labels = (2, max(2, objective.n_outputs(np.array([0.0, 1.0, 2.0]))))
    classes = [rng.integers(0, k, n_samples).astype(float) for k in labels[::-1]]
    reals = [
        rng.normal(size=n_samples),
        rng.gamma(2.0, size=n_samples),
        rng.poisson(2.0, n_samples).astype(float),
        rng.uniform(0.05, 0.95, n_samples),
    ]
    reasons = []
    for y in classes if objective.task == "classification" else reals + classes:
        try:
            objective.check_targets(y)
        except ValueError as error:
            reasons.append(str(error))
        else:
            return y
    raise ObjectiveError(
        f"{type(objective).__name__} accepts none of the targets that check_objective "
        f"tries ({reasons[0]}); give it y."
    )


def _check_shapes(trial: _Trial) -> None:
    y, raw = trial.y.copy(), trial.raw.copy(order="F")
    wanted = {
        "pointwise_loss": y.shape[:1],
        "pointwise_gradient": raw.shape,
        "pointwise_hessian": raw.shape,
    }
    for name, shape in wanted.items():
        values = getattr(trial.fixed, name)(y, raw)
        if values is None and name == "pointwise_hessian":
            continue
        check_shape(trial.objective, name, np.asarray(values), shape)
        if not np.all(np.isfinite(values)):
            raise ObjectiveError(
                f"{trial.name}.{name} returned values that are not finite on ordinary "
                "rows; look for a logarithm of 0, a division by 0 or an overflow."
            )
        if not (np.array_equal(y, trial.y) and np.array_equal(raw, trial.raw)):
            raise ObjectiveError(
                f"{trial.name}.{name} changes its arguments in place; work on copies."
            )


def _check_rows(trial: _Trial) -> None:
    """Each row's values must not depend on which other rows are there."""
    half = slice(0, len(trial.y) // 2)
    for name in POINTWISE:
        function = getattr(trial.fixed, name)
        together = function(trial.y, trial.raw)
        alone = function(trial.y[half], trial.raw[half])
        if together is None:
            continue
        if not np.allclose(together[half], alone, rtol=1e-9, atol=1e-12):
            raise ObjectiveError(
                f"{trial.name}.{name} of a row depends on the other rows; perhaps it "
                "divides by their number, which boostlab does itself."
            )


def _check_gradient(trial: _Trial, rtol: float) -> None:
    fixed, y = trial.fixed, trial.y
    given = np.asarray(fixed.pointwise_gradient(y, trial.raw))
    differences = numeric_derivatives(
        lambda at, k: fixed.pointwise_loss(y, at), trial.raw
    )
    _compare(trial, ("gradient", "loss"), given, *differences, rtol)


def _check_hessian(trial: _Trial, rtol: float) -> None:
    fixed, y = trial.fixed, trial.y
    given = fixed.pointwise_hessian(y, trial.raw)
    if given is None:
        return
    given = np.asarray(given)
    if trial.objective.smooth:
        differences = numeric_derivatives(
            lambda at, k: fixed.pointwise_gradient(y, at)[:, k], trial.raw
        )
        derivative = given / fixed.curvature_factor(trial.raw.shape[1])
        _compare(trial, ("hessian", "gradient"), derivative, *differences, rtol)
    if np.any(given < 0.0):
        raise ObjectiveError(
            f"{trial.name}'s hessian is negative on {np.count_nonzero(given < 0.0)} "
            "rows; return an upper bound of the curvature there, and set smooth = "
            "False."
        )


def _compare(
    trial: _Trial,
    names: tuple[str, str],
    given: Array,
    numeric: Array,
    trusted: Array,
    rtol: float,
) -> None:
    """Raise unless the first of `names` is the derivative of the second."""
    name, of = names
    if np.mean(trusted) < 0.5:
        raise ObjectiveError(
            f"{trial.name}'s {of} is too rough for differences; perhaps it is "
            "computed in float32, rounded or random."
        )
    if agree(given, numeric, trusted, rtol):
        return
    if agree(-given, numeric, trusted, rtol):
        raise ObjectiveError(
            f"{trial.name}'s {name} looks like the negative {name}; boostlab wants the "
            "derivatives of the loss itself."
        )
    _raise_if_scaled(trial, names, given, numeric, trusted)
    gap = np.where(trusted, np.abs(given - numeric), -1.0)
    row, output = np.unravel_index(np.argmax(gap), gap.shape)
    y, raw = (np.round(v[row], 6).tolist() for v in (trial.y, trial.raw))
    raise ObjectiveError(
        f"{trial.name}'s {name} does not agree with differences of its {of}: at "
        f"y = {y}, raw = {raw}, output {output}, it is {given[row, output]:.6g}, but "
        f"the {of} changes by {numeric[row, output]:.6g} a unit."
    )


def _raise_if_scaled(
    trial: _Trial,
    names: tuple[str, str],
    given: Array,
    numeric: Array,
    trusted: Array,
) -> None:
    """Raise if `given` is a constant times what it should be."""
    name, of = names
    square = np.sum(numeric[trusted] ** 2)
    factor = float(np.sum((given * numeric)[trusted]) / square) if square > 0.0 else 0.0
    if factor == 0.0 or not agree(given / factor, numeric, trusted, 1e-3):
        return
    cause = "a factor that only one of them has"
    if round(abs(factor), 3) in (0.5, 2.0):
        cause = "a factor 0.5 or 2 that only one of them has"
    for size, divided in ((factor, of), (1.0 / factor, name)):
        if np.isclose(abs(size), len(trial.y), rtol=1e-3):
            cause = f"a {divided} that is divided by the number of rows"
    raise ObjectiveError(
        f"{trial.name}'s {name} is {factor:.4g} times the derivative of its {of}; look "
        f"for {cause}."
    )


def _check_reach(trial: _Trial, reach: float) -> None:
    for shift in (-reach, reach):
        for k in range(trial.raw.shape[1]):
            far = trial.raw.copy(order="F")
            far[:, k] += shift
            with np.errstate(all="ignore"):
                gradient = trial.fixed.pointwise_gradient(trial.y, far)
                hessian = trial.fixed.pointwise_hessian(trial.y, far)
            usable = np.all(np.isfinite(gradient))
            if not usable or (hessian is not None and not np.all(np.isfinite(hessian))):
                raise ObjectiveError(
                    f"{trial.name}'s derivatives are not finite {shift:+g} from the "
                    "baseline; clip exponents, or use scipy.special.expit, logsumexp "
                    "and their kin."
                )


def _check_state_methods(trial: _Trial) -> None:
    """The weighted methods of the state, where a subclass wrote its own."""
    state, weight = trial.state, trial.weight[:, None]
    gradient = weight * trial.fixed.pointwise_gradient(trial.y, trial.raw)
    hessian = trial.fixed.pointwise_hessian(trial.y, trial.raw)
    hessian = weight * (np.ones(gradient.shape) if hessian is None else hessian)
    terms = trial.fixed.pointwise_loss(trial.y, trial.raw)
    both = trial.objective.derivatives(state)
    found = [
        ("gradient(state)", trial.objective.gradient(state), gradient),
        ("derivatives(state)[0]", both[0], gradient),
        ("hessian(state)", trial.objective.hessian(state), hessian),
        ("derivatives(state)[1]", both[1], hessian),
        ("loss(state)", trial.objective.loss(state), _mean(terms, trial.weight)),
    ]
    for name, given, wanted in found:
        if given is None and np.array_equal(wanted, weight * np.ones(gradient.shape)):
            continue
        if given is None or not np.allclose(given, wanted, rtol=1e-6, atol=1e-9):
            raise ObjectiveError(
                f"{trial.name}.{name} is not its pointwise function with the sample "
                "weights; gradients and hessians are multiplied by them, the loss is "
                "their weighted mean."
            )


def _mean(values: Array, weight: Array) -> float:
    return float(np.sum(weight * values) / np.sum(weight))


def _check_baseline(trial: _Trial) -> None:
    ones = np.ones(len(trial.y))
    for weight, cause in (
        (ones, "perhaps it is on the scale of the prediction, not of `raw`"),
        (trial.weight, "it seems to ignore the weights"),
    ):
        table = _Rows(len(trial.y))
        state = trial.objective.start(Problem(table, trial.y, weight), None)
        better = _improvement(trial.objective.settled(state), state)
        if better is not None:
            raise ObjectiveError(
                f"{trial.name}.baseline returned {state.baseline.tolist()}, but the "
                f"weighted mean loss is lower at {better.tolist()}; {cause}."
            )


def _improvement(fixed: PointwiseObjective, state: State) -> Array | None:
    """Return a constant near the baseline with a clearly lower loss, if any."""

    def mean_loss(point: Array) -> float:
        raw = np.asfortranarray(np.broadcast_to(point, state.raw_prediction.shape))
        return _mean(fixed.pointwise_loss(state.y, raw), state.weight)

    base = mean_loss(state.baseline)
    for output in range(state.baseline.size):
        size = max(1.0, abs(state.baseline[output]))
        for relative in (0.003, -0.003, 0.03, -0.03, 0.3, -0.3):
            point = state.baseline.copy()
            point[output] += relative * size
            value = mean_loss(point)
            if value < base - 1e-3 * abs(relative) * (abs(base) + 1e-6):
                return point
    return None


def _check_cells(trial: _Trial) -> None:
    ids = (np.arange(len(trial.y)) % 3).astype(np.int32)
    for output in range(trial.raw.shape[1]):
        values = np.asarray(trial.objective.cell_values(trial.state, ids, 4, output))
        check_shape(trial.objective, "cell_values", values, (4,))
        if not np.all(np.isfinite(values)):
            raise ObjectiveError(
                f"{trial.name}.cell_values returned {values}, which is not finite; a "
                "cell without rows or curvature gets 0."
            )


def _check_link(trial: _Trial) -> None:
    values = np.asarray(trial.objective.link.inverse(trial.raw))
    if values.shape[:1] != trial.y.shape[:1] or values.ndim != 2:
        raise ObjectiveError(
            f"{trial.name}'s inverse link returned shape {values.shape} for raw "
            f"predictions of shape {trial.raw.shape}; give one row a sample."
        )
    if not np.all(np.isfinite(values)):
        raise ObjectiveError(f"{trial.name}'s inverse link returned non-finite values.")
    if trial.objective.task == "classification" and not (
        np.all(values >= 0.0) and np.allclose(values.sum(axis=1), 1.0)
    ):
        raise ObjectiveError(
            f"{trial.name}'s inverse link does not return probabilities: the rows must "
            "not be negative and must sum to 1."
        )
