"""The step of BrownBoost: a vote, and the time that it takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from boostlab.objectives.margin import agreement, margin
from boostlab.objectives.measures import Brown
from boostlab.protocols import Contribution
from boostlab.registry import register
from boostlab.state import State
from boostlab.steps.vote import STOP, Showing, VotingPiece

Array = NDArray[np.float64]

LONGEST = 1e6
"""Greatest vote that is tried."""


@register("brown_step")
class BrownStep(VotingPiece):
    """The vote after which the learner has no edge left, at an equal potential.

    Vote and time taken solve two equations: the weighted edge is 0 and the mean
    potential is what it was. Where the time is up first, the vote is the one that
    keeps the potential when all time is taken, and the fit ends. Where no time is left
    to begin with, the vote is 0.

    Source: Freund (2001), An adaptive version of the boost by majority algorithm,
    figure 3, step 4.
    """

    def size(
        self, objective: Brown, state: State, contribution: Contribution, shown: Showing
    ) -> float:
        """Return the vote, and set the clock of training and held-out rows."""
        left = objective.time_left(state)
        equations = _Equations(
            objective,
            margin(state.y, state.raw_prediction),
            agreement(state.y, contribution.values()),
            state.weight,
            left,
        )
        vote, taken = equations.solve()
        if taken >= left or objective.is_late(equations.after(vote), state.weight):
            taken, state.carried[STOP] = left, "time_is_up"
        objective.set_time(state, left - taken, state.round + 1)
        return vote


class _Equations:
    """What vote and time have to solve."""

    def __init__(
        self, objective: Brown, m: Array, agree: Array, weight: Array, left: float
    ) -> None:
        self.objective, self.left = objective, left
        self.m, self.agree, self.weight = m, agree, weight
        self.wanted = objective.potential(m, left, weight)

    def after(self, vote: float) -> Array:
        """Return the margins after a vote."""
        return self.m + vote * self.agree

    def excess(self, vote: float, taken: float) -> float:
        """Return by how much the potential has grown."""
        left = self.left - taken
        now = self.objective.potential(self.after(vote), left, self.weight)
        return now - self.wanted

    def time_of(self, vote: float) -> float:
        """Return the time that a vote takes at an equal potential; at most all."""
        if self.excess(vote, self.left) <= 0:
            return self.left
        if self.excess(vote, 0.0) >= 0:
            return 0.0
        return float(brentq(lambda t: self.excess(vote, t), 0.0, self.left, xtol=1e-15))

    def edge(self, vote: float) -> float:
        """Return the edge that is left after a vote, -1 if the time is up before."""
        taken = self.time_of(vote)
        if taken >= self.left:
            return -1.0
        exponent = (self.after(vote) + self.left - taken) ** 2 / self.objective.c
        weight = self.weight * np.exp(exponent.min() - exponent)
        return float(weight @ self.agree / weight.sum())

    def solve(self) -> tuple[float, float]:
        """Return the vote and the time that it takes."""
        if not self.edge(0.0) > 0:
            return 0.0, self.left
        high = 1e-3
        while self.edge(high) > 0 and high < LONGEST:
            high *= 2
        if self.edge(high) > 0:
            return high, self.time_of(high)
        vote = float(brentq(self.edge, 0.0, high, xtol=1e-15))
        taken = self.time_of(vote)
        beyond = vote if taken >= self.left else vote * (1 + 1e-9) + 1e-12
        if self.time_of(beyond) < self.left:
            return vote, taken
        # All time is taken: the vote that keeps the potential then. It is not above
        # `beyond`, after which the potential has fallen; after none it has grown.
        vote = brentq(lambda a: self.excess(a, self.left), 0.0, beyond, xtol=1e-15)
        return float(vote), self.left
