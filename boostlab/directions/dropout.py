"""Dropout of rounds: each round is fitted as if some earlier ones were not there.

Three pieces carry it: the direction :class:`Dropout` takes rounds out, the step
:class:`boostlab.steps.DropoutStep` gives the new round its share, and the corrector
:class:`boostlab.correctors.RescaleDropped` puts the others back with theirs. What they
tell each other is in ``state.carried``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from boostlab.checks import check_number
from boostlab.pieces import Piece
from boostlab.protocols import Direction, Objective
from boostlab.registry import register
from boostlab.state import Ensemble, State, Target

Array = NDArray[np.float64]

DROPPED = "dropout:dropped"
"""Where the round's :class:`Dropped` is carried, from direction to corrector."""

WEIGHTS = "dropout:weights"
"""Where the weights of all rounds are carried, an array (n_rounds,)."""

_NORMALIZE = ("tree", "forest", "paper")


@dataclass(frozen=True, slots=True, eq=False)
class Dropped:
    """The rounds that are left out of this one.

    Parameters
    ----------
    rounds : ndarray of int
        Their numbers, ascending; may be empty.
    prediction : ndarray of shape (n, K) or None
        What they add to the training rows; None for no rounds.
    share, kept_share : float or None
        Factors on the new round and on the dropped ones, once the step is made.
    """

    rounds: NDArray[np.intp]
    prediction: Array | None = None
    share: float | None = None
    kept_share: float | None = None

    def taken_from(self, state: State) -> State:
        """Return `state` as it were without these rounds."""
        if self.prediction is None:
            return state
        return replace(state, raw_prediction=state.raw_prediction - self.prediction)


def contribution_of(
    rounds: NDArray[np.intp], ensemble: Ensemble, state: State
) -> Array:
    """Return what some rounds of `ensemble` add to the rows of `state`, (n, K)."""
    state.table.collect()  # rounds are dropped again and again
    chosen = [ensemble.rounds[i] for i in rounds]
    nothing = np.zeros(len(ensemble.baseline))
    return Ensemble(nothing, ensemble.update, chosen).predict(state.table)


@register("dart")
class Dart(Piece):
    """Which rounds are dropped, and what they and the new one count afterwards.

    Without dropout the first rounds dominate, and late ones mend what is left of a few
    rows. A round that is fitted without k others does a part of their work again, so
    that all of these are scaled down. With a learning rate r, the new round and the
    dropped ones are multiplied by

    - "tree": ``r / (k + r)`` and ``k / (k + r)``;
    - "forest": ``r / (1 + r)`` and ``1 / (1 + r)``;
    - "paper": ``r / (k + 1)`` and ``k / (k + 1)``.

    Source: Rashmi, Gilad-Bachrach (2015), DART: dropouts meet multiple additive
    regression trees, Algorithm 1; "tree" and "forest" are XGBoost's, "paper" is
    LightGBM's.

    Parameters
    ----------
    rate : float, default=0.1
        Expected share of the rounds that is dropped, in [0, 1].
    skip : float, default=0.5
        Probability that a round drops none, in [0, 1].
    max_drop : int or None, default=50
        Most rounds that are dropped at once, at least 1; None for no limit.
    one_drop : bool, default=False
        Whether at least one round is dropped wherever none was skipped on purpose.
    weighted : bool, default=True
        Whether the chance of a round is proportional to its weight, which shrinks
        with every drop; else all have the same.
    normalize : {"tree", "forest", "paper"}, default="tree"
        How the rounds are scaled afterwards, see above.
    """

    def __init__(
        self,
        rate: float = 0.1,
        skip: float = 0.5,
        max_drop: int | None = 50,
        one_drop: bool = False,
        weighted: bool = True,
        normalize: str = "tree",
    ) -> None:
        self.rate = rate
        self.skip = skip
        self.max_drop = max_drop
        self.one_drop = one_drop
        self.weighted = weighted
        self.normalize = normalize

    def validate(self) -> None:
        """Raise TypeError or ValueError unless the parameters are in their ranges."""
        check_number("rate", self.rate, at_least=0, at_most=1)
        check_number("skip", self.skip, at_least=0, at_most=1)
        if self.max_drop is not None:
            check_number("max_drop", self.max_drop, at_least=1, integer=True)
        for name in ("one_drop", "weighted"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise TypeError(
                    f"{name} is {getattr(self, name)!r}; give True or False."
                )
        if self.normalize not in _NORMALIZE:
            raise ValueError(
                f"normalize is {self.normalize!r}; give 'tree', 'forest' or 'paper'."
            )

    def draw(self, weights: Array, rng: np.random.Generator) -> NDArray[np.intp]:
        """Return the rounds to drop, ascending, from the weights of all rounds.

        Where `max_drop` is below the number expected the chances are lowered, so that
        it seldom cuts; then which rounds stay dropped is left to chance.
        """
        n_rounds = len(weights)
        if n_rounds == 0 or self.rate == 0 or rng.random() < self.skip:
            return np.empty(0, np.intp)
        relative = weights / weights.mean() if self.weighted else np.ones(n_rounds)
        limit = n_rounds if self.max_drop is None else self.max_drop
        chance = min(self.rate, limit / n_rounds) * relative
        dropped = np.flatnonzero(rng.random(n_rounds) < chance)
        if len(dropped) > limit:
            dropped = np.sort(rng.choice(dropped, limit, replace=False))
        if len(dropped) == 0 and self.one_drop:
            total = np.cumsum(relative)
            point = rng.random() * total[-1]
            last = n_rounds - 1
            dropped = np.array([min(np.searchsorted(total, point, "right"), last)])
        return dropped.astype(np.intp)

    def shares(self, n_dropped: int, learning_rate: float) -> tuple[float, float]:
        """Return the factors on the new round's step, and on the dropped rounds.

        The step has the learning rate in it already.
        """
        if n_dropped == 0:
            return 1.0, 1.0
        if self.normalize == "forest":
            return 1 / (1 + learning_rate), 1 / (1 + learning_rate)
        added = learning_rate if self.normalize == "tree" else 1.0
        return 1 / (n_dropped + added), n_dropped / (n_dropped + added)


@register("dropout")
class Dropout(Piece):
    """A direction that looks from where the model would be without some rounds.

    Go with it the step :class:`~boostlab.steps.DropoutStep` and the corrector
    :class:`~boostlab.correctors.RescaleDropped`; each says so where one is missing.
    The dropped rounds are applied anew to the training rows, which costs about as
    much as predicting with them.

    Parameters
    ----------
    direction : Direction
        The inner direction.
    dart : Dart, optional
        Which rounds are dropped; ``Dart()`` by default.
    """

    def __init__(self, direction: Direction, dart: Dart | None = None):
        self.direction = direction
        self.dart = dart

    @property
    def produces(self) -> str:
        """Kind of the inner direction's targets."""
        return self.direction.produces

    def validate(self) -> None:
        """Check both parts; raise TypeError or ValueError."""
        if not hasattr(self.direction, "produces") or isinstance(self.direction, type):
            raise TypeError(
                f"direction of Dropout is {self.direction!r}; give a direction such "
                "as Newton()."
            )
        if isinstance(self.direction, Piece):
            self.direction.validate()
        dart_of(self).validate()

    def __call__(self, objective: Objective, state: State) -> Target:
        """Draw rounds to drop, and return the inner target without them.

        Parameters
        ----------
        objective : Objective
            Handed to the inner direction.
        state : State
            The training rows; its raw prediction is left as it is.

        Raises
        ------
        ValueError
            If there are rounds that no :class:`~boostlab.correctors.RescaleDropped`
            has seen, as after a warm start.
        TypeError
            If rounds of this kind cannot be taken out one by one.
        """
        weights = state.carried.get(WEIGHTS, np.empty(0))
        if len(weights) != state.round:
            raise ValueError(
                f"Dropout knows the weights of {len(weights)} rounds, but "
                f"{state.round} are there; use it with the corrector RescaleDropped, "
                "and without warm start or init."
            )
        rounds = dart_of(self).draw(weights, state.rng)
        prediction = None
        if len(rounds):
            _check_separable(rounds, state.ensemble)
            prediction = contribution_of(rounds, state.ensemble, state)
        dropped = state.carried[DROPPED] = Dropped(rounds, prediction)
        return self.direction(objective, dropped.taken_from(state))


def dart_of(piece: Piece) -> Dart:
    """Return the rule that a piece of dropout was given, or the default one."""
    if piece.dart is None:
        return Dart()
    if not isinstance(piece.dart, Dart):
        raise TypeError(f"dart is {piece.dart!r}; give Dart(...) or None.")
    return piece.dart


def _check_separable(rounds: NDArray[np.intp], ensemble: Ensemble) -> None:
    """Refuse rounds that depend on other rounds."""
    for done in (ensemble.rounds[i] for i in rounds):
        chained = done.correction is not None or hasattr(done.hypothesis, "hidden")
        if chained or not ensemble.update.additive:
            raise TypeError(
                "Dropout takes single rounds out of the raw prediction, which cannot "
                f"be done with rounds of {type(done.hypothesis).__name__} that build "
                "on each other; use it with trees, for example."
            )
