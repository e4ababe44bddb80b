"""Several weak learners taking turns in one ensemble."""

from __future__ import annotations

from collections.abc import Sequence

from boostlab.checks import check_number
from boostlab.pieces import Piece
from boostlab.protocols import Contribution, Hypothesis, WeakLearner
from boostlab.registry import register
from boostlab.state import State, Target


@register("mixture")
class Mixture(Piece):
    """One learner a round, by a fixed schedule.

    Rounds are counted from 1. A learner's turn comes whenever its `every` divides the
    round; if several have their turn, the last of them fits. With
    ``Mixture([Tree(), Net()], every=[1, 10])`` rounds 10, 20, 30 ... belong to the
    net and all others to the tree.

    Parameters
    ----------
    learners : sequence of WeakLearner
        At least one; the first fits the rounds that no other claims.
    every : sequence of int
        One positive number for each learner; the first is 1.
    """

    def __init__(self, learners: Sequence[WeakLearner], every: Sequence[int]):
        self.learners = learners
        self.every = every

    def validate(self) -> None:
        """Check the schedule, and each learner; raise TypeError or ValueError."""
        for name in ("learners", "every"):
            if not isinstance(getattr(self, name), list | tuple):
                raise TypeError(
                    f"{name} of Mixture is a {type(getattr(self, name)).__name__}; "
                    "give a list."
                )
        if not self.learners or len(self.learners) != len(self.every):
            raise ValueError(
                f"Mixture has {len(self.learners)} learners and {len(self.every)} "
                "numbers in every; give at least one learner and one number for each."
            )
        for number in self.every:
            check_number("A number in every", number, at_least=1, integer=True)
        if self.every[0] != 1:
            raise ValueError(
                f"The first number in every is {self.every[0]}; it must be 1, so that "
                "every round has a learner."
            )
        for learner in self.learners:
            learner.validate()
        if not self.accepts:
            raise ValueError(
                "The learners of Mixture accept no kind of target in common; mix only "
                "learners that fit derivatives, or only learners that fit labels."
            )

    @property
    def accepts(self) -> frozenset[str]:
        """Kinds of targets that all the learners can fit."""
        return frozenset.intersection(*(each.accepts for each in self.learners))

    @property
    def allows_missing(self) -> bool:
        """Whether all the learners take missing values."""
        return all(getattr(each, "allows_missing", False) for each in self.learners)

    def learner_of(self, finished: int) -> WeakLearner:
        """Return the learner of the round that follows `finished` rounds."""
        turns = zip(self.learners, self.every, strict=True)
        return [each for each, every in turns if (finished + 1) % every == 0][-1]

    def fit(self, target: Target, state: State) -> tuple[Hypothesis, Contribution]:
        """Let the learner whose turn it is fit `target`."""
        return self.learner_of(state.round).fit(target, state)
