"""A net of one hidden layer with a few units, fitted by L-BFGS."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from boostlab.checks import check_number
from boostlab.data.hashing import RowCodes, hash_rows, mix
from boostlab.in_blocks import one_blas_thread
from boostlab.learners.front_end import NUMERIC, FrontEnd
from boostlab.learners.network import ACTIVATIONS, Layer, Network
from boostlab.pieces import Piece
from boostlab.protocols import Contribution
from boostlab.registry import register
from boostlab.state import State, Target

Array = NDArray[np.float64]


@register("neurons")
class Neurons(Piece):
    """A perceptron with one hidden layer, fitted to the Newton step by L-BFGS.

    With steps ``r_i = -g_i / h_i`` and weights ``h_i`` of K outputs, and ``f`` the net,
    it minimises ::

        sum_ik h_ik (r_ik - f_k(x_i))^2 / (2 K S) + alpha |W|^2 / (2 S)

    with S the sum of the sample weights and W the slopes of both layers, from random
    values of W. No row order and no batches: a row of weight 2 is that row given twice.

    Source: Emami, Martinez-Munoz (2023), Sequential training of neural networks with
    gradient boosting, IEEE Access 11, algorithm 1.

    Parameters
    ----------
    n_units : int, default=1
        Units of the hidden layer, at least 1.
    activation : {"logistic", "tanh", "relu"}, default="logistic"
        Their function.
    alpha : float, default=1e-4
        Penalty on the slopes, at least 0.
    max_iter : int, default=200
        Most iterations of L-BFGS, at least 1.
    tol : float, default=0.0
        Stop when the greatest entry of the gradient is at most this, at least 0, in
        units of the loss of predicting 0. L-BFGS also stops where an iteration gains
        less than 2.2e-9 in these units.
    scale_targets : bool, default=True
        Whether each output is divided by the root of its weighted mean square first,
        so that `alpha` means the same in any unit and in late rounds.
    numeric : {"robust", "standard", "none"}, default="robust"
        How numbers are scaled; see :class:`~boostlab.learners.front_end.FrontEnd`.
    """

    accepts = frozenset({"derivatives"})
    allows_missing = True

    def __init__(
        self,
        n_units: int = 1,
        activation: str = "logistic",
        alpha: float = 1e-4,
        max_iter: int = 200,
        tol: float = 0.0,
        scale_targets: bool = True,
        numeric: str = "robust",
    ):
        self.n_units = n_units
        self.activation = activation
        self.alpha = alpha
        self.max_iter = max_iter
        self.tol = tol
        self.scale_targets = scale_targets
        self.numeric = numeric

    def validate(self) -> None:
        """Raise TypeError or ValueError if a parameter is out of its domain."""
        check_number("n_units", self.n_units, at_least=1, integer=True)
        check_number("alpha", self.alpha, at_least=0)
        check_number("max_iter", self.max_iter, at_least=1, integer=True)
        check_number("tol", self.tol, at_least=0)
        if self.activation not in _SLOPES:
            raise ValueError(
                f"activation is {self.activation!r}; give one of {sorted(_SLOPES)}."
            )
        if self.numeric not in NUMERIC:
            raise ValueError(f"numeric is {self.numeric!r}; give one of {NUMERIC}.")

    def fit(self, target: Target, state: State) -> tuple[Network, Contribution]:
        """Fit one net to all outputs of `target`.

        Parameters
        ----------
        target : Target
            Derivatives of K outputs; its rows limit the fit.
        state : State
            The rows that the contribution is computed on, and the source of chance.

        Returns
        -------
        hypothesis : Network
        contribution : Dense
            Its values (n, K) on the rows of `state`.

        Raises
        ------
        ValueError
            If a feature holds infinite values.
        """
        front_end, columns = target.table.view(FrontEnd(self.numeric))
        rows, step, curvature = distinct_rows(target)
        unit = units(step, curvature) if self.scale_targets else 1.0
        used = front_end.belong_to(target.features)
        problem = _Fit(
            rounded(columns[rows][:, used]),
            rounded(step / unit),
            curvature,
            float(sampled_weight(target)),
            self.activation,
            self.alpha,
        )
        first, first_bias, second, second_bias = self._solve(problem, state.rng)
        weight = np.zeros((columns.shape[1], self.n_units))
        weight[used] = first
        layers = Layer(weight, first_bias), Layer(second * unit, second_bias * unit)
        network = Network(
            front_end, "features", (self.activation,), layers, passes_activated=True
        )
        return network, network.contribution(state)

    def _solve(self, problem: _Fit, rng: np.random.Generator) -> list[Array]:
        """Return weights and biases of both layers."""
        start = problem.start(self.n_units, rng)
        unit = problem.unit()

        def in_units(flat: Array) -> tuple[float, Array]:
            # L-BFGS-B takes a loss for converged that is small beside 1.
            loss, gradient = problem.loss_and_gradient(flat, self.n_units)
            return loss / unit, gradient / unit

        with one_blas_thread():
            found = minimize(
                in_units,
                start,
                method="L-BFGS-B",
                jac=True,
                options={"maxiter": self.max_iter, "gtol": self.tol},
            )
        return problem.split(found.x, self.n_units)


FINEST = 2.0**-30
"""Inputs and targets are rounded to this share of the largest in their column."""


def rounded(values: Array) -> Array:
    """Return values without their last bits, in which equal fits differ."""
    largest = np.abs(values).max(axis=0, initial=0.0)
    # A power of two, so that the grid is the same for values that differ by rounding.
    grid = np.ldexp(FINEST, np.frexp(largest * (1 + FINEST))[1])
    return np.rint(values / grid) * grid if len(values) else values


def sampled_weight(target: Target) -> float:
    """Return the sum of the weights of the sampled rows."""
    weight = target.weight
    return (weight if target.rows is None else weight[target.rows]).sum()


def distinct_rows(target: Target) -> tuple[NDArray[np.intp], Array, Array]:
    """Return one row for each set of equal sampled rows, its step and its weights.

    L-BFGS follows the last bits of its sums to other minima. So equal rows are taken
    together, in an order of their own: the fit depends neither on the order of the
    rows nor on whether a row comes twice or has weight 2.

    Returns
    -------
    rows : ndarray of int, shape (m,)
    step, weight : ndarray of shape (m, K)
        Newton steps of these rows, and the curvatures of all equal ones.
    """
    step, curvature = target.newton()
    code = target.table.view(RowCodes())
    rows = np.arange(len(code)) if target.rows is None else target.rows
    coarse = rounded(step)
    code = mix(code[rows] ^ hash_rows(coarse.T, len(rows), 1))
    _, first, member = np.unique(code, return_index=True, return_inverse=True)
    weight = np.column_stack(
        [np.bincount(member, output, len(first)) for output in curvature.T]
    )
    return rows[first], step[first], weight


def units(step: Array, weight: Array) -> Array:
    """Return the root of the weighted mean square of each output, 1 where it is 0."""
    largest = np.abs(step).max(axis=0, initial=0.0)
    largest[largest == 0] = 1.0
    mass = weight.sum(axis=0)
    squares = (weight * (step / largest) ** 2).sum(axis=0)
    share = np.divide(squares, mass, out=np.ones_like(mass), where=mass > 0)
    return largest * np.where(share > 0, np.sqrt(share), 1.0)


# The derivative of each function by its argument, computed from its value.
_SLOPES = {
    "logistic": lambda a: a * (1 - a),
    "tanh": lambda a: 1 - a * a,
    "relu": lambda a: (a > 0).astype(np.float64),
}


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """The least-squares problem of a net of one hidden layer.

    Parameters
    ----------
    x : ndarray of shape (n, d)
    r, weight : ndarray of shape (n, K)
        Targets and their weights.
    total : float
        Sum of the sample weights.
    activation : str
    alpha : float
        Penalty.
    """

    x: Array
    r: Array
    weight: Array
    total: float
    activation: str
    alpha: float

    def unit(self) -> float:
        """Return the loss of predicting 0, or 1 if that is 0."""
        per_output = self.total * self.r.shape[1]
        return 0.5 * float(np.sum(self.weight * self.r**2)) / per_output or 1.0

    def start(self, n_units: int, rng: np.random.Generator) -> Array:
        """Draw all numbers as Glorot and Bengio (2010) do."""
        factor = 2.0 if self.activation == "logistic" else 6.0
        drawn = []
        widths = (self.x.shape[1], n_units, self.r.shape[1])
        for n_in, n_out in itertools.pairwise(widths):
            bound = np.sqrt(factor / (n_in + n_out))
            drawn.append(rng.uniform(-bound, bound, n_in * n_out))
            drawn.append(rng.uniform(-bound, bound, n_out))
        return np.concatenate(drawn)

    def split(self, flat: Array, n_units: int) -> list[Array]:
        """Return weights and biases of both layers from one flat array."""
        d, k = self.x.shape[1], self.r.shape[1]
        ends = itertools.accumulate([d * n_units, n_units, n_units * k], initial=0)
        first, first_bias, second, second_bias = (
            flat[start:end] for start, end in itertools.pairwise([*ends, len(flat)])
        )
        return [
            first.reshape(d, n_units),
            first_bias,
            second.reshape(n_units, k),
            second_bias,
        ]

    def loss_and_gradient(self, flat: Array, n_units: int) -> tuple[float, Array]:
        """Return the penalised loss, and its gradient in the layout of `flat`."""
        first, first_bias, second, second_bias = self.split(flat, n_units)
        units = ACTIVATIONS[self.activation](self.x @ first + first_bias)
        wrong = units @ second + second_bias - self.r
        per_output = self.total * self.r.shape[1]
        slope = self.weight * wrong / per_output
        loss = 0.5 * np.vdot(slope, wrong)
        penalty = self.alpha / self.total
        loss += 0.5 * penalty * (np.vdot(first, first) + np.vdot(second, second))
        back = (slope @ second.T) * _SLOPES[self.activation](units)
        gradient = [
            (self.x.T @ back + penalty * first).ravel(),
            back.sum(axis=0),
            (units.T @ slope + penalty * second).ravel(),
            slope.sum(axis=0),
        ]
        return float(loss), np.concatenate(gradient)
