"""Boosting by weights that are not the slopes of a loss: measures, games, clocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import erfc, erfinv

from boostlab.checks import check_number
from boostlab.objectives.base import check_between
from boostlab.objectives.links import LogitLink
from boostlab.objectives.margin import MarginObjective, margin
from boostlab.registry import register
from boostlab.state import Problem, State

Array = NDArray[np.float64]

DUAL = "dual weights"
"""Where a state carries the weights that a totally corrective step found."""


class _WeightsAlone(MarginObjective):
    """Base of what is boosted by weights alone; its loss is the share of errors."""

    def phi(self, m: Array) -> Array:
        """Return 1 for an error, a half where the votes are equal, and 0 else."""
        return np.where(m > 0, 0.0, np.where(m < 0, 1.0, 0.5))

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return zeros: the share of errors has no slope."""
        return np.zeros(raw.shape)

    def pointwise_hessian(self, y: Array, raw: Array) -> Array:
        """Return zeros."""
        return np.zeros(raw.shape)


@register("objective:smooth_measure")
class SmoothMeasure(_WeightsAlone):
    """SmoothBoost's measure of the rows: no row ever gets too much of the weight.

    After t equal votes a row weighs ``min(1, (1 - gamma)^(N / 2))`` with
    ``N = m - t theta`` and ``theta = gamma / (2 + gamma)``. The fit is done when the
    mean weight is below `kappa`; until then no row has more than ``1 / (kappa n)`` of
    all weight, and at the end less than a share `kappa` of the rows has a normalised
    margin of at most theta.

    Source: Servedio (2003), Smooth boosting and learning with malicious noise,
    figure 1.

    Parameters
    ----------
    gamma : float, default=0.1
        Servedio's gamma, between 0 and 1: half of the edge that learners are hoped to
        have, where the edge is 1 for a learner that is always right and 0 for chance.
    kappa : float, default=0.1
        Share of the rows that may stay wrong, between 0 and 1.
    n_classes : int, default=2
        Number of classes.
    n_votes : int, default=1
        Number of votes that are cast in all, at least 1. It makes probabilities those
        of the mean vote, which is what Servedio's theorem is about: sums of votes of 1
        would soon make every row certain. Nothing else depends on it.
    """

    def __init__(
        self,
        gamma: float = 0.1,
        kappa: float = 0.1,
        n_classes: int = 2,
        n_votes: int = 1,
    ) -> None:
        super().__init__(n_classes)
        self.gamma = gamma
        self.kappa = kappa
        self.n_votes = n_votes

    def validate(self) -> None:
        """Raise TypeError or ValueError unless the parameters are in their ranges."""
        super().validate()
        check_between("gamma", self.gamma, 0.0, 1.0)
        check_between("kappa", self.kappa, 0.0, 1.0)
        check_number("n_votes", self.n_votes, at_least=1, integer=True)

    @property
    def link(self) -> LogitLink:
        """Half the log odds, of the mean vote."""
        return LogitLink(scale=2.0 / self.n_votes)

    @property
    def theta(self) -> float:
        """The margin that is wanted of the rows."""
        return self.gamma / (2.0 + self.gamma)

    def log_measure(self, state: State) -> Array:
        """Return the logarithms of the weights, without sample weights, shape (n,)."""
        excess = margin(state.y, state.raw_prediction) - state.round * self.theta
        return 0.5 * np.log1p(-self.gamma) * np.maximum(excess, 0.0)

    def log_weights(self, state: State) -> Array:
        """Return the logarithm of each row's weight, up to a constant, shape (n,)."""
        return self.log_measure(state) + np.log(state.weight)

    def reason_to_stop(self, state: State) -> str | None:
        """Return "few_hard_rows" where the mean weight is below `kappa`."""
        mean = np.average(np.exp(self.log_measure(state)), weights=state.weight)
        return "few_hard_rows" if mean < self.kappa else None


@register("objective:soft_margin")
class SoftMargin(_WeightsAlone):
    """The rows as a game against the voters: weights are what a corrector found last.

    See :class:`boostlab.correctors.TotallyCorrective`; before it has found any, rows
    weigh what their sample weights say.
    """

    def log_weights(self, state: State) -> Array:
        """Return the logarithm of each row's weight, -inf for none, shape (n,)."""
        with np.errstate(divide="ignore"):
            return np.log(state.carried.get(DUAL, state.weight))


TIME = "time"
"""Where a state carries what is left of BrownBoost's time, and after which round."""


@register("objective:brown")
class Brown(MarginObjective):
    """BrownBoost's potential, whose clock runs: it gives up on rows far behind.

    With time s left a row of margin m has the potential ``1 - erf((m + s) / sqrt(c))``
    and weighs ``exp(-(m + s)^2 / c)``. Steps keep the mean potential at what it was in
    the beginning, `target_error`; so when the time is up, at most that share of the
    rows is wrong. For two classes.

    Source: Freund (2001), An adaptive version of the boost by majority algorithm,
    section 3, with ``c = erfinv(1 - target_error)^2``.

    Parameters
    ----------
    target_error : float, default=0.1
        Share of the rows that may stay wrong, between 0 and 1. Less takes more time.
    n_classes : int, default=2
        It has to be 2.
    """

    def __init__(self, target_error: float = 0.1, n_classes: int = 2) -> None:
        super().__init__(n_classes)
        self.target_error = target_error

    def validate(self) -> None:
        """Raise TypeError or ValueError unless the parameters are in their ranges."""
        super().validate()
        check_between("target_error", self.target_error, 0.0, 1.0)

    @property
    def c(self) -> float:
        """The time that there is in all."""
        return float(erfinv(1.0 - self.target_error) ** 2)

    def start(self, problem: Problem, rng: np.random.Generator | None) -> State:
        """Return the state in which all time is left."""
        state = super().start(problem, rng)
        self.set_time(state, self.c, 0)
        return state

    def set_time(self, state: State, left: float, n_rounds: int) -> None:
        """Write down the time that is left after so many rounds."""
        for part in state.parts():
            part.carried[TIME] = np.array([left, n_rounds])

    def time_left(self, state: State) -> float:
        """Return the time that is left, found from the potential after a warm start."""
        left, n_rounds = state.carried[TIME]
        if state.ensemble is not None and n_rounds != state.round:
            left = self._found_time(state)
            self.set_time(state, left, state.round)
        return float(left)

    def _found_time(self, state: State) -> float:
        """Return the time at which the mean potential is the target."""
        m = margin(state.y, state.raw_prediction)
        if self.is_late(m, state.weight):
            return 0.0

        def excess(time: float) -> float:
            return self.potential(m, time, state.weight) - self.target_error

        # No row's potential is above the target then, but for rounding.
        high = max(self.c - float(m.min()), self.c)
        while excess(high) > 0:
            high *= 1.5
        return float(brentq(excess, 0.0, high, xtol=1e-15))

    def is_late(self, m: Array, weight: Array) -> bool:
        """Return whether margins `m` keep the promise with no time left at all.

        Rounding may hide that the time is up, so a mean potential above the target by
        a billionth of it counts as kept.
        """
        return self.potential(m, 0.0, weight) <= self.target_error * (1 + 1e-9)

    def reason_to_stop(self, state: State) -> str | None:
        """Return "time_is_up" where no time is left."""
        return None if self.time_left(state) > 0 else "time_is_up"

    def potential(self, m: Array, left: float, weight: Array) -> float:
        """Return the mean potential of margins `m` where so much time is left."""
        return float(np.average(erfc((m + left) / np.sqrt(self.c)), weights=weight))

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return the potential that a row has when the time is up, shape (n,)."""
        return erfc(margin(y, raw) / np.sqrt(self.c))

    def log_weights(self, state: State) -> Array:
        """Return the logarithm of each row's weight, up to a constant, shape (n,)."""
        ahead = margin(state.y, state.raw_prediction) + self.time_left(state)
        return np.log(state.weight) - ahead**2 / self.c

    def log_slope(self, m: Array) -> Array:
        """Return the logarithm of the slope when the time is up."""
        return np.log(2.0 / np.sqrt(np.pi * self.c)) - m**2 / self.c
