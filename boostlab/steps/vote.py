"""Votes: steps in closed form from how often a weak learner is right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.checks import check_number
from boostlab.directions.reweighting import DISTRIBUTION
from boostlab.objectives.base import check_between
from boostlab.objectives.margin import voted_class
from boostlab.pieces import Piece
from boostlab.protocols import Contribution, Objective, Step
from boostlab.registry import register
from boostlab.state import State

Array = NDArray[np.float64]

EDGES = "edges"
"""Where a state carries the edges of all rounds, shape (n_rounds,)."""

STOP = "stop"
"""Where a piece writes the reason why the fit should end after this round."""

NO_EDGE, PERFECT, DIVERGED = "no_edge", "perfect_learner", "diverged"
NO_STEP = "no_step"

ROUNDING = 1e-12
"""Edge that may be nothing but rounding in the sums of weights."""


@dataclass(frozen=True, slots=True)
class Showing:
    """How a weak learner has done on this round's weights.

    Parameters
    ----------
    error : float
        Weight of the rows on which it is wrong, of a total of 1.
    n_classes : int
        Number K of classes.
    perfect : bool
        Whether it is right on every row.
    """

    error: float
    n_classes: int
    perfect: bool

    @property
    def edge(self) -> float:
        """1 where it is always right and 0 at chance, ``1 - error K / (K - 1)``."""
        return 1.0 - self.error * self.n_classes / (self.n_classes - 1.0)


def showing(state: State, contribution: Contribution) -> Showing:
    """Return how the votes of `contribution` fit the labels, by the round's weights."""
    values = contribution.values()
    weight = state.carried[DISTRIBUTION]
    wrong = voted_class(values) != state.y
    n_classes = max(2, values.shape[1])
    if not wrong.any():
        return Showing(0.0, n_classes, True)
    # A weight may be too small for a number, but an error is never nothing.
    error = max(float(weight[wrong].sum()), np.finfo(float).tiny)
    return Showing(error, n_classes, False)


def is_nothing(size: Any) -> bool:
    """Return whether a step of this size changes nothing."""
    return isinstance(size, int | float | np.ndarray) and not np.any(size)


def record(state: State, shown: Showing) -> None:
    """Write down the edge."""
    before = state.carried.get(EDGES, np.empty(0))
    state.carried[EDGES] = np.append(before, shown.edge)


class VotingPiece(Piece):
    """Base of the steps that write down the edges; a subclass writes :meth:`size`."""

    def __call__(
        self, objective: Objective, state: State, contribution: Contribution
    ) -> Any:
        """Return the size, and write down the edge in ``state.carried``.

        A learner that is never wrong gets the vote 1, one without an edge gets 0, and
        both end the fit (:class:`boostlab.callbacks.VoteStopping`).
        """
        shown = self.showing(objective, state, contribution)
        record(state, shown)
        if shown.perfect:
            state.carried[STOP] = PERFECT
            return 1.0
        if shown.edge <= ROUNDING:
            state.carried[STOP] = NO_EDGE
            return 0.0
        return self.size(objective, state, contribution, shown)

    def showing(
        self, objective: Objective, state: State, contribution: Contribution
    ) -> Showing:
        """Return how the learner has done; classes by default."""
        return showing(state, contribution)

    def size(
        self,
        objective: Objective,
        state: State,
        contribution: Contribution,
        shown: Showing,
    ) -> Any:
        """Return the size for a learner that has an edge and is sometimes wrong."""
        raise NotImplementedError(f"{type(self).__name__} must define size.")


@register("vote")
class Vote(VotingPiece):
    """The vote of AdaBoost and SAMME, which minimises the exponential loss.

    With K classes and weighted error e the size is ``(K - 1)^2 / K`` times
    ``log((1 - e) / e) + log(K - 1)``; for two classes that is AdaBoost's
    ``log((1 - e) / e) / 2``.

    Source: Freund, Schapire (1997), AdaBoost; Zhu, Zou, Rosset, Hastie (2009),
    Multi-class AdaBoost, Algorithm 2 and equation 8.

    Parameters
    ----------
    learning_rate : float, default=1.0
        Factor on the vote, greater than 0.
    """

    def __init__(self, learning_rate: float = 1.0):
        self.learning_rate = learning_rate

    def validate(self) -> None:
        """Raise TypeError or ValueError unless `learning_rate` is positive."""
        check_number("learning_rate", self.learning_rate, above=0)

    def size(
        self,
        objective: Objective,
        state: State,
        contribution: Contribution,
        shown: Showing,
    ) -> float:
        """Return the learning rate times the vote."""
        return self.learning_rate * half_log_odds(shown)


def half_log_odds(shown: Showing) -> float:
    """Return SAMME's vote; half the log odds of being right for two classes."""
    others = shown.n_classes - 1.0
    odds = np.log1p(-shown.error) - np.log(shown.error) + np.log(others)
    return float(others**2 / shown.n_classes * odds)


@register("median_vote")
class MedianVote(Vote):
    """The vote of AdaBoost.R2, ``log((1 - e) / e)`` of a regressor's average loss e.

    The average is over the round's weights, and the objective has
    ``vote_losses(state, votes)``, from 0 to 1. The edge is ``1 - 2 e``.

    Source: Drucker (1997), Improving regressors using boosting techniques, steps 5, 6
    and 8.

    Parameters
    ----------
    learning_rate : float, default=1.0
        Factor on the vote, greater than 0.
    """

    def showing(
        self, objective: Objective, state: State, contribution: Contribution
    ) -> Showing:
        """Return the average loss as the error of two classes."""
        losses = objective.vote_losses(state, contribution.values()[:, 0])
        error = float((state.carried[DISTRIBUTION] * losses).sum())
        if not losses.any():
            return Showing(0.0, 2, True)
        return Showing(max(error, np.finfo(float).tiny), 2, False)

    def size(
        self,
        objective: Objective,
        state: State,
        contribution: Contribution,
        shown: Showing,
    ) -> float:
        """Return the learning rate times the vote."""
        return 2.0 * super().size(objective, state, contribution, shown)


@register("nu_vote")
class NuVote(VotingPiece):
    """The vote of AdaBoost*_nu, which leads to the greatest margin, less nu.

    With the least edge so far, this one included, as ``e_min``, the vote is
    ``log((1 + e) / (1 - e)) / 2`` less the same of ``e_min - nu``. After
    ``2 log(n) / nu^2`` rounds all normalised margins are at least the greatest possible
    one less `nu`. (Software calls it AdaBoostV.) For two classes.

    Source: Ratsch, Warmuth (2005), Efficient margin maximizing with boosting, figure 2.

    Parameters
    ----------
    nu : float, default=0.05
        What the margins may fall short by, between 0 and 1.
    """

    def __init__(self, nu: float = 0.05):
        self.nu = nu

    def validate(self) -> None:
        """Raise TypeError or ValueError unless `nu` is between 0 and 1."""
        check_between("nu", self.nu, 0.0, 1.0)

    def size(
        self,
        objective: Objective,
        state: State,
        contribution: Contribution,
        shown: Showing,
    ) -> float:
        """Return the vote; the edges so far are in ``state.carried``."""
        goal = float(state.carried[EDGES].min()) - self.nu
        return half_log_odds(shown) - float(np.arctanh(goal))


@register("equal_vote")
class EqualVote(VotingPiece):
    """One vote for each round, until the objective says that it is done.

    The objective has ``reason_to_stop(state)``, which is asked of the state after the
    vote.
    """

    def size(
        self,
        objective: Objective,
        state: State,
        contribution: Contribution,
        shown: Showing,
    ) -> float:
        """Return 1."""
        after = replace(state.at_trial(contribution, 1.0), round=state.round + 1)
        reason = objective.reason_to_stop(after)
        if reason is not None:
            state.carried[STOP] = reason
        return 1.0


@register("voting_step")
class VotingStep(VotingPiece):
    """Any step, for votes whose edges are to be written down; a size of 0 ends the fit.

    Parameters
    ----------
    step : Step
        Says the size.
    guarded : bool, default=False
        Whether to end the fit where the step does not lower the loss, as the steps of
        SAMME.R may not; the round is then left out.
    """

    def __init__(self, step: Step, guarded: bool = False):
        self.step = step
        self.guarded = guarded

    def validate(self) -> None:
        """Check the inner step; raise TypeError or ValueError."""
        check_step(self, self.step)

    def size(
        self,
        objective: Objective,
        state: State,
        contribution: Contribution,
        shown: Showing,
    ) -> Any:
        """Return the inner step's size, or 0 where it would raise the loss."""
        size = self.step(objective, state, contribution)
        if self.guarded:
            after = objective.loss(state.at_trial(contribution, size))
            if not after < objective.loss(state):
                state.carried[STOP] = DIVERGED
                return 0.0
        if is_nothing(size):  # all later rounds would be the same
            state.carried[STOP] = NO_STEP
        return size


@register("recorded_step")
class RecordedStep(Piece):
    """Any step, whose edges are written down but end nothing.

    For regressors, whose contributions have an edge of their own: that of their signs,
    by the weights in ``state.carried["distribution"]``.

    Parameters
    ----------
    step : Step
        Says the size.
    """

    def __init__(self, step: Step):
        self.step = step

    def validate(self) -> None:
        """Check the inner step; raise TypeError or ValueError."""
        check_step(self, self.step)

    def __call__(
        self, objective: Objective, state: State, contribution: Contribution
    ) -> Any:
        """Return the inner step's size, and write down the edge."""
        record(state, showing(state, contribution))
        return self.step(objective, state, contribution)


def check_step(owner: Piece, step: Any) -> None:
    """Raise TypeError unless `step` can be the inner step of `owner`."""
    if not callable(step) or isinstance(step, type):
        raise TypeError(
            f"step of {type(owner).__name__} is {step!r}; give a step such as "
            "Shrinkage(1.0)."
        )
    if isinstance(step, Piece):
        step.validate()
