"""What a step changes; the same pieces replay the rounds at prediction time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.pieces import Piece
from boostlab.protocols import Contribution
from boostlab.registry import register
from boostlab.state import Round, State

Array = NDArray[np.float64]

REPRESENTATION, INPUTS = "representation", "inputs"
"""Where a state carries the representation, and what it was made of."""

TOP_COEF, TOP_INTERCEPT = "top coef", "top intercept"
"""Where a state carries the top model, which reads the representation."""

VOTES, VOTE_SIZES = "votes", "vote sizes"
"""Where a state carries what each round said of each row, and the rounds' sizes."""

_MEDIAN, _BELOW, _UP_TO = "median vote", "size below", "size up to"

HALF = 0.5 * (1.0 - 1e-12)
"""The share of all votes that a median must reach: a half, but for rounding."""

_BLOCK = 4096
"""Rows whose votes are looked through at a time, so that they stay in the cache."""


@register("add_to_prediction")
class AddToPrediction(Piece):
    """Add the sized contribution to the raw prediction."""

    additive = True
    takes_parts = True

    def __call__(self, state: State, contribution: Contribution, size: Any) -> None:
        """Change ``state.raw_prediction`` in place."""
        contribution.add_to(state.raw_prediction, size)


@register("add_to_representation")
class AddToRepresentation(Piece):
    """Add the sized contribution to the representation that a top model reads.

    The raw prediction is left alone: it is the business of the corrector that refits
    the top model, and of the correction it leaves to be replayed.

    Source: Zozoulenko, Cass, Gonon (2025), Random feature representation boosting,
    section 3.
    """

    additive = False

    def __call__(self, state: State, contribution: Contribution, size: Any) -> None:
        """Renew ``state.carried["representation"]``, an array of shape (n, D)."""
        state.carried[REPRESENTATION] = (
            representation(state) + size * contribution.values()
        )


def representation(state: State) -> Array:
    """Return the representation that `state` carries, shape (n, D).

    Before the first round, and so also where a replay begins, it is the table's
    numeric columns as they are, unless the objective or the first hypothesis put
    another start into ``state.carried["representation"]``.
    """
    carried = state.carried.get(REPRESENTATION)
    return np.asarray(state.table.numeric, float) if carried is None else carried


@register("weighted_median")
class WeightedMedian(Piece):
    """Make the raw prediction the weighted median of what all rounds have said.

    It is the baseline plus the least contribution up to which the contributions have
    half of the total size of all rounds; sizes are votes, and at least 0. Each output
    has its own median. A median is no sum, so a state carries the contributions of all
    rounds so far: 8 bytes for each row, output and round, and up to twice that while
    the fit goes on. A round moves the median to its neighbours until it is right again,
    and sorts nothing; where only the last prediction matters, :meth:`at_once` sorts the
    contributions of each row once.

    Source: Drucker (1997), Improving regressors using boosting techniques, step 8.
    """

    additive = False

    def __call__(self, state: State, contribution: Contribution, size: Any) -> None:
        """Change ``state.raw_prediction`` in place; a round of size 0 has no say.

        Raises
        ------
        ValueError
            If the size is below 0 or not one number, or a contribution is not finite.
        """
        size = _size(size)
        if size == 0:
            return
        vote = _vote(contribution)
        votes, sizes = _with_vote(state.carried, vote, size)
        _count(state.carried, vote, size)
        median, below, up_to = (state.carried[n] for n in (_MEDIAN, _BELOW, _UP_TO))
        for start in range(0, len(median), _BLOCK):
            part = slice(start, start + _BLOCK)
            _settle(votes[:, part], sizes, median[part], below[part], up_to[part])
        raw = state.raw_prediction
        raw[:] = state.baseline + median.reshape(raw.shape, order="F")

    def at_once(self, state: State, rounds: Sequence[Round]) -> None:
        """Make the raw prediction what replaying `rounds` one by one would make it."""
        rounds = [done for done in rounds if _size(done.size) > 0]
        if not rounds:
            return
        raw = state.raw_prediction
        sizes = np.array([done.size for done in rounds])
        votes = np.empty((len(rounds), raw.size))
        for row, done in zip(votes, rounds, strict=True):
            row[:] = _vote(done.hypothesis.contribution(state))
        median = np.empty(raw.size)
        for start in range(0, raw.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            order = np.argsort(votes[:, part], axis=0, kind="stable")
            reached = np.cumsum(sizes[order], axis=0) >= HALF * sizes.sum()
            first = np.argmax(reached, axis=0)
            middle = np.take_along_axis(order, first[None], axis=0)
            median[part] = np.take_along_axis(votes[:, part], middle, axis=0)[0]
        raw[:] = state.baseline + median.reshape(raw.shape, order="F")


def _size(size: Any) -> float:
    """Return a size that can be a vote."""
    if np.ndim(size) or not size >= 0:
        raise ValueError(
            f"WeightedMedian got the size {size!r:.80}; give a step whose sizes are "
            "numbers of at least 0, such as MedianVote()."
        )
    return float(size)


def _vote(contribution: Contribution) -> Array:
    """Return what a round says of each row, output after output, checked."""
    vote = np.ravel(contribution.values(), order="F")
    if not np.isfinite(vote).all():
        raise ValueError(
            "A learner's prediction is NaN or infinite, which has no place in a "
            "median; give another learner, or other data."
        )
    return vote


def _with_vote(carried: dict[str, Any], vote: Array, size: float) -> tuple[Array, ...]:
    """Return all votes and their sizes, this one included, from where they are kept."""
    sizes = np.append(carried.get(VOTE_SIZES, np.empty(0)), size)
    kept, last = carried.get(VOTES), len(sizes) - 1
    if kept is None or last == len(kept):
        longer = np.zeros((max(8, 2 * last), len(vote)))
        longer[:last] = 0.0 if kept is None else kept
        carried[VOTES] = kept = longer
    kept[last] = vote
    carried[VOTE_SIZES] = sizes
    return kept[: last + 1], sizes


def _count(carried: dict[str, Any], vote: Array, size: float) -> None:
    """Add a vote to the total sizes below, and up to, the median as it was."""
    if _MEDIAN not in carried:
        carried[_MEDIAN] = vote.copy()
        carried[_BELOW], carried[_UP_TO] = np.zeros(len(vote)), np.zeros(len(vote))
    carried[_BELOW][vote < carried[_MEDIAN]] += size
    carried[_UP_TO][vote <= carried[_MEDIAN]] += size


def _settle(
    votes: Array, sizes: Array, median: Array, below: Array, up_to: Array
) -> None:
    """Move the medians of some rows from vote to vote until they are medians."""
    half = HALF * sizes.sum()
    while len(rows := np.flatnonzero(up_to < half)):
        own = votes[:, rows]
        above = np.where(own > median[rows], own, np.inf).min(axis=0)
        below[rows], median[rows] = up_to[rows], above
        up_to[rows] += sizes @ (own == above)
    while len(rows := np.flatnonzero(below >= half)):
        own = votes[:, rows]
        under = np.where(own < median[rows], own, -np.inf).max(axis=0)
        up_to[rows], median[rows] = below[rows], under
        below[rows] -= sizes @ (own == under)
