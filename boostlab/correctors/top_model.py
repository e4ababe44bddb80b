"""The top model, refitted after the representation has moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.optimize import minimize

from boostlab.checks import check_number
from boostlab.in_blocks import one_blas_thread, product, summed
from boostlab.pieces import Piece
from boostlab.protocols import Objective
from boostlab.registry import register
from boostlab.state import Ensemble, State
from boostlab.updates import TOP_COEF, TOP_INTERCEPT, representation

Array = NDArray[np.float64]

RELATIVE_FLOOR = 1e-10
"""Least penalty, in units of the mean variance of the representation."""

POLISHING, POLISH_BELOW, POLISHED = 60, 1e-5, 1e-13
"""Steps by gradients at most, and between which lengths of the gradient."""


@register("top_model")
@dataclass(frozen=True, slots=True, eq=False)
class TopModel:
    """The linear model on the representation, ``raw = Phi coef + intercept``.

    Parameters
    ----------
    coef : ndarray of shape (D, K)
    intercept : ndarray of shape (K,)
    """

    coef: Array
    intercept: Array

    def apply(self, state: State) -> None:
        """Set the raw prediction of `state`, and carry the model there."""
        state.carried[TOP_COEF] = self.coef
        state.carried[TOP_INTERCEPT] = self.intercept
        state.raw_prediction[:] = self.raw(representation(state))

    def raw(self, phi: Array) -> Array:
        """Return the raw prediction (n, K) of representations (n, D)."""
        return product(phi, self.coef) + self.intercept

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the model as plain data and arrays."""
        return {}, {"coef": self.coef, "intercept": self.intercept}

    @classmethod
    def from_parts(
        cls, data: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> TopModel:
        """Build the model again; raise ValueError unless its arrays fit together."""
        if data or set(arrays) != {"coef", "intercept"}:
            raise ValueError("A top model has other parts; the file is damaged.")
        model = cls(**arrays)
        sound = model.coef.ndim == 2 and model.intercept.shape == model.coef.shape[1:]
        floats = (model.coef, model.intercept)
        if not sound or not all(
            v.dtype == np.float64 and np.isfinite(v).all() for v in floats
        ):
            raise ValueError("The arrays of a top model do not fit together.")
        return model


@register("refit_top")
class RefitTop(Piece):
    """Fit the linear top model anew, and read the raw prediction off it.

    The model ``raw = Phi W + b`` minimises ``loss + l2 / 2 |W|^2``, with the mean loss
    of any objective of the library: ridge regression for squared loss (which is half
    the squared error), logistic regression for the log loss. The search begins at the
    model before, takes one Newton step with the mean curvature of the rows, which is
    the solution for squared loss, and goes on by L-BFGS in coordinates in which the
    representation is white. The loss plus penalty never rises.

    The model stays with its round, so that a prediction after some rounds is made by
    the top model of then.

    Source: Zozoulenko, Cass, Gonon (2025), Random feature representation boosting,
    Algorithm 1, line 6.

    Parameters
    ----------
    l2 : float, default=1e-4
        Penalty, at least 0; the intercept is free.
    freeze_top_at : int or None, default=None
        Number of rounds, at least 1, after which the model stays as it is.
    max_iter : int, default=200
        Iterations of L-BFGS at most, at least 0.
    """

    def __init__(
        self, l2: float = 1e-4, freeze_top_at: int | None = None, max_iter: int = 200
    ):
        self.l2 = l2
        self.freeze_top_at = freeze_top_at
        self.max_iter = max_iter

    def validate(self) -> None:
        """Raise TypeError or ValueError if a parameter is out of its domain."""
        check_number("l2", self.l2, at_least=0)
        check_number("max_iter", self.max_iter, at_least=0, integer=True)
        if self.freeze_top_at is not None:
            check_number("freeze_top_at", self.freeze_top_at, at_least=1, integer=True)

    def __call__(self, objective: Objective, state: State, ensemble: Ensemble) -> None:
        """Replace the last round by one with the top model as its correction."""
        coef = state.carried.get(TOP_COEF)
        frozen = self.freeze_top_at is not None and state.round >= self.freeze_top_at
        if coef is not None and frozen:
            top = TopModel(coef, state.carried[TOP_INTERCEPT])
        else:
            top = self.fitted(objective, state)
        for part in state.parts():
            top.apply(part)
        ensemble.rounds[-1] = replace(ensemble.rounds[-1], correction=top)

    def fitted(self, objective: Objective, state: State) -> TopModel:
        """Return the top model of the representation that `state` carries."""
        phi = representation(state)
        problem = _Problem.of(objective, state, phi, float(self.l2))
        coef = state.carried.get(TOP_COEF)
        if coef is None or len(coef) != phi.shape[1]:
            coef = np.zeros((phi.shape[1], len(state.baseline)))
            intercept = state.baseline.copy()
        else:
            intercept = state.carried[TOP_INTERCEPT]
        with one_blas_thread():
            return problem.solve(coef, intercept, int(self.max_iter))


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """The search for a top model, in coordinates of about equal curvature.

    With L the Cholesky factor of ``curvature * cov(Phi) + l2`` the point is
    ``v = L' W`` beside the raw prediction at the mean of Phi, times the root of the
    curvature.
    """

    value: Callable[[Array, Array], tuple[float, Array, Array]]
    mean: Array
    factor: Array
    root: float
    l2: float

    @classmethod
    def of(cls, objective: Objective, state: State, phi: Array, l2: float) -> _Problem:
        """Return the problem of fitting `phi` under the loss of `state`."""
        weight, total = state.weight, float(state.weight.sum())

        def part(rows: slice) -> tuple[Array, ...]:
            scaled = np.sqrt(weight[rows])[:, None] * phi[rows]
            return scaled.T @ scaled, weight[rows] @ phi[rows]

        gram, sums = summed(part, len(phi))
        mean = sums / total
        cov = gram / total - np.outer(mean, mean)
        curvature = _mean_curvature(objective, state, total)
        floor = RELATIVE_FLOOR * max(float(np.trace(cov)) / len(cov), 1e-300)
        system = curvature * cov
        system.flat[:: len(cov) + 1] += max(l2, curvature * floor)

        def value(coef: Array, at_mean: Array) -> tuple[float, Array, Array]:
            raw = np.empty_like(state.raw_prediction, order="F")
            raw[:] = product(phi, coef) + (at_mean - mean @ coef)
            trial = replace(state, raw_prediction=raw, validation=None)
            with np.errstate(over="ignore", invalid="ignore"):
                loss = float(objective.loss(trial)) + l2 / 2 * float(np.sum(coef**2))
                slope = objective.gradient(trial) / total
            (sums,) = summed(lambda rows: (phi[rows].T @ slope[rows],), len(phi))
            shift = slope.sum(axis=0)
            return loss, sums - np.outer(mean, shift) + l2 * coef, shift

        factor = scipy.linalg.cholesky(system, lower=True)
        return cls(value, mean, factor, float(np.sqrt(curvature)), l2)

    def solve(self, coef: Array, intercept: Array, max_iter: int) -> TopModel:
        """Return the best model found from a start."""
        start = self._pack(coef, intercept + self.mean @ coef)
        shape = coef.shape
        best = start
        at_best, slope = self._at(start, shape)
        newton, (at_newton, at_slope) = start - slope, self._at(start - slope, shape)
        if np.isfinite(at_newton) and at_newton <= at_best:
            best, at_best, slope = newton, at_newton, at_slope
        tiny = 1e-11 * max(1.0, abs(at_best))
        if max_iter > 0 and slope @ slope > tiny * tiny:
            found = minimize(
                lambda v: self._at(v, shape),
                best,
                jac=True,
                method="L-BFGS-B",
                options={"maxiter": max_iter, "ftol": 1e-15, "gtol": 1e-10},
            )
            if found.fun < at_best:
                best, slope = found.x, found.jac
        if np.linalg.norm(slope) < POLISH_BELOW:
            best = self._polished(best, slope, shape)
        coef, at_mean = self._unpack(best, shape)
        return TopModel(np.ascontiguousarray(coef), at_mean - self.mean @ coef)

    def _polished(self, point: Array, slope: Array, shape: tuple[int, int]) -> Array:
        """Go on by gradients alone, as losses no longer tell points apart.

        The model then does not depend on how sums were rounded, beyond a few digits.
        Source: Barzilai, Borwein (1988), Two-point step size gradient methods.
        """
        best, least, size = point, float(np.linalg.norm(slope)), 1.0
        for _ in range(POLISHING):
            if least <= POLISHED:
                break
            moved = point - size * slope
            turned = self._at(moved, shape)[1]
            step, bend = moved - point, turned - slope
            if not step @ bend > 0:
                break
            size = float(step @ step / (step @ bend))
            point, slope = moved, turned
            if np.linalg.norm(slope) < least:
                best, least = point, float(np.linalg.norm(slope))
        return best

    def _at(self, point: Array, shape: tuple[int, int]) -> tuple[float, Array]:
        """Return the penalised loss and its gradient at a point."""
        loss, slope, shift = self.value(*self._unpack(point, shape))
        if not np.isfinite(loss):
            return np.inf, np.zeros_like(point)
        turned = scipy.linalg.solve_triangular(self.factor, slope, lower=True)
        return loss, np.concatenate([turned.ravel(), shift / self.root])

    def _pack(self, coef: Array, at_mean: Array) -> Array:
        return np.concatenate([(self.factor.T @ coef).ravel(), self.root * at_mean])

    def _unpack(self, point: Array, shape: tuple[int, int]) -> tuple[Array, Array]:
        white = point[: shape[0] * shape[1]].reshape(shape)
        coef = scipy.linalg.solve_triangular(self.factor.T, white, lower=False)
        return coef, point[shape[0] * shape[1] :] / self.root


def _mean_curvature(objective: Objective, state: State, total: float) -> float:
    """Return the mean second derivative of the loss; 1 where it says nothing."""
    hessian = getattr(objective, "hessian", lambda _: None)(state)
    if hessian is None:
        return 1.0
    mean = float(hessian.sum()) / (total * hessian.shape[1])
    return mean if np.isfinite(mean) and mean > 1e-6 else 1e-6
