"""All votes anew after every round: LPBoost and ERLPBoost."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from boostlab.checks import check_number
from boostlab.correctors.entropic import entropic_soft_margin
from boostlab.objectives.measures import DUAL
from boostlab.pieces import Piece
from boostlab.protocols import Objective
from boostlab.registry import register
from boostlab.state import Ensemble, State
from boostlab.steps.vote import EDGES, STOP

Array = NDArray[np.float64]

COLUMNS, VALUE = "columns", "value"
"""Where a state carries the votes of all rounds (n, t), and the value of the game."""

ROUNDING = 1e-6
"""Duality gap that is no matter, even where `tol` is less."""


@register("totally_corrective")
class TotallyCorrective(Piece):
    """The votes of all rounds that give the greatest soft margin.

    The rows play against the voters: weights d with ``d_i <= p_i / nu`` for shares p of
    the sample weight keep the greatest edge of any voter least, and the votes are the
    dual variables. The fit ends when the newest learner's edge is not above the value
    of that game by more than `tol`; then no other votes have a greater soft margin. For
    two classes.

    Source: Demiriz, Bennett, Shawe-Taylor (2002), Linear programming boosting via
    column generation, Algorithm 4.1; Warmuth, Glocer, Vishwanathan (2008), Entropy
    regularized LPBoost, equation 5.

    Parameters
    ----------
    nu : float or "auto", default=0.1
        Share of the weight that may lie below the margin, greater than 0 and at most 1;
        "auto" is :func:`share_below` of the first learner's edge.
    eta : float or None, default=None
        How little the weights are kept near the sample weights, greater than 0: the
        divergence ``KL(d || p) / eta`` is added to the game. None adds nothing.
    tol : float, default=1e-4
        What the soft margin may fall short by, at least 0.

    Warns
    -----
    UserWarning
        Where the votes of a round with `eta` have not come within `tol`, by the duality
        gap.
    """

    def __init__(
        self, nu: float | str = 0.1, eta: float | None = None, tol: float = 1e-4
    ):
        self.nu = nu
        self.eta = eta
        self.tol = tol

    def validate(self) -> None:
        """Raise TypeError or ValueError unless the parameters are in their ranges."""
        if not (isinstance(self.nu, str) and self.nu == "auto"):
            check_number("nu", self.nu, above=0, at_most=1)
        check_number("tol", self.tol, at_least=0)
        if self.eta is not None:
            check_number("eta", self.eta, above=0)

    def __call__(self, objective: Objective, state: State, ensemble: Ensemble) -> None:
        """Solve the game; replace the rounds by those of the new votes."""
        if STOP in state.carried:
            return
        value = state.carried.get(VALUE)
        if value is not None and state.carried[EDGES][-1] <= value + self.tol:
            state.carried[STOP] = "optimal"
            return
        columns = _columns(state, ensemble)
        payoff = (2.0 * state.y - 1.0)[:, None] * columns
        votes, dual, value = self._solved(payoff, state)
        state.carried[DUAL], state.carried[VALUE] = dual, value
        for i, (done, vote) in enumerate(zip(ensemble.rounds, votes, strict=True)):
            ensemble.rounds[i] = replace(done, size=float(vote))
        for part in state.parts():
            raw = part.baseline[0] + _columns(part, ensemble) @ votes
            part.raw_prediction[:, 0] = raw

    def _solved(self, payoff: Array, state: State) -> tuple[Array, Array, float]:
        """Return votes, weights and value; warn where the votes are not the best."""
        nu = share_below(state.carried[EDGES][0]) if self.nu == "auto" else self.nu
        if self.eta is None:
            return soft_margin(payoff, state.weight, nu)
        found = entropic_soft_margin(payoff, state.weight, nu, self.eta)
        if found.gap > max(self.tol, ROUNDING):
            warnings.warn(
                f"The votes of round {payoff.shape[1]} are {found.gap:.2g} short of "
                f"the greatest soft margin, more than tol={self.tol:g}; give a smaller "
                "eta.",
                UserWarning,
                stacklevel=2,
            )
        return found.votes, found.dual, found.value


def share_below(edge: float) -> float:
    """Return the share of weight to leave below the margin, from the first edge.

    It is ``1 - edge``, twice the weighted error, but at least 0.05. With less, the
    weights can be such that the first learner is wrong more often than right, and on
    noisy rows every other one, too: then the greatest soft margin is below 0, and the
    votes for it mean nothing. With just this much, the rows' best answer to the first
    learner is AdaBoost's: half of the weight on its errors.
    """
    return min(max(1.0 - float(edge), 0.05), 1.0)


def _columns(state: State, ensemble: Ensemble) -> Array:
    """Return the votes of all rounds, shape (n, t); kept from round to round."""
    kept = state.carried.get(COLUMNS, np.empty((len(state.y), 0)))
    new = [
        done.hypothesis.contribution(state).values()[:, 0]
        for done in ensemble.rounds[kept.shape[1] :]
    ]
    state.carried[COLUMNS] = np.column_stack([kept, *new])
    return state.carried[COLUMNS]


def soft_margin(payoff: Array, weight: Array, nu: float) -> tuple[Array, Array, float]:
    """Return the votes of the greatest soft margin, by linear programming.

    Parameters
    ----------
    payoff : ndarray of shape (n, t)
        How far each voter is for the class of each row.
    weight : ndarray of shape (n,)
        Sample weights, p being their shares.
    nu : float
        Share of the weight that may lie below the margin.

    Returns
    -------
    votes : ndarray of shape (t,)
        At least 0, of sum 1: they maximise ``rho - sum_i p_i max(rho - m_i, 0) / nu``
        with margins ``m = payoff @ votes``.
    dual : ndarray of shape (n,)
        Weights of the rows, of sum 1.
    value : float
        The maximum, which is also the greatest edge of a voter under these weights.
    """
    n, t = payoff.shape
    share = weight / weight.sum()
    found = linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=np.column_stack([payoff.T, -np.ones(t)]),
        b_ub=np.zeros(t),
        A_eq=np.append(np.ones(n), 0.0)[None],
        b_eq=[1.0],
        bounds=[*((0.0, cap) for cap in share / nu), (None, None)],
        method="highs",
    )
    if not found.success:
        raise RuntimeError(f"HiGHS has not solved the soft margin: {found.message}")
    votes = np.maximum(-found.ineqlin.marginals, 0.0)
    dual = np.maximum(found.x[:n], 0.0)
    return votes / votes.sum(), dual / dual.sum(), float(found.fun)
