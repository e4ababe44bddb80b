"""The six pieces of a boosting method, on one page.

Every method in this library is a choice of six pieces, run by the one loop in
:mod:`boostlab.boosting`::

    objective -> direction -> weak learner -> step -> update -> corrector

These protocols are what the loop knows; the concrete pieces live in the packages
of the same names. They are structural: a piece is anything with these methods.
Shapes throughout: ``n`` rows, ``K`` outputs of the raw prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from boostlab.data.table import Table
    from boostlab.state import Ensemble, Problem, Run, State, Target

Array = NDArray[np.float64]


@runtime_checkable
class Objective(Protocol):
    """What is minimised.

    An objective reads the *state*, never bare labels: a graph objective needs the
    neighbours, a density its sample pool, a representation its top model. Losses are
    minimised, and :meth:`gradient` is the gradient of the loss itself (not its
    negative), weights included.

    One whose loss along a line is cheaper than a loss at each point may have
    ``loss_along(state, values)``: the loss at ``size * values`` from the raw
    prediction as a function of the size, or None where it has no such.
    """

    def start(self, problem: Problem, rng: np.random.Generator) -> State:
        """Return the state before the first round: baseline, and what is carried."""

    def redraw(self, state: State) -> None:
        """Renew what the round depends on: pseudo-targets, sample pools, rows."""

    def loss(self, state: State) -> float:
        """Return the weighted mean loss on the rows of `state`."""

    def gradient(self, state: State) -> Array:
        """Return the weighted derivative of each row's loss, shape (n, K)."""

    def hessian(self, state: State) -> Array | None:
        """Return the weighted curvature (n, K); None where it is the weight itself."""


class Direction(Protocol):
    """Which way is down, and so what this round's learner must fit."""

    produces: str
    """Kind of the targets: "derivatives" or "labels"."""

    def __call__(self, objective: Objective, state: State) -> Target:
        """Return what the learner must fit this round."""


@runtime_checkable
class Contribution(Protocol):
    """What a hypothesis adds to the rows it was computed on.

    A contribution is a value that can add itself, not necessarily an array: cells
    (ids and one value each) do it in C without ever forming the (n, K) array.
    """

    def values(self) -> Array:
        """Return the contribution as an array (n, K)."""

    def add_to(self, raw_prediction: Array, size: Any) -> None:
        """Add ``size`` times the contribution to `raw_prediction`, in place."""


@runtime_checkable
class Hypothesis(Protocol):
    """A fitted weak learner: plain data that can be applied, compared and saved.

    A hypothesis that partitions the rows also has ``cells(table)``, the cell of
    each row; one with a representation has ``hidden(state)``. A class may offer
    ``fuse(rounds)``, a faster equivalent of applying the rounds one by one.
    """

    def contribution(self, state: State) -> Contribution:
        """Return the contribution on the rows of `state`.

        Most hypotheses read only ``state.table``; one that was fitted on something
        carried from round to round (a hidden layer, a representation) reads, and
        renews, ``state.carried``.
        """


@runtime_checkable
class WeakLearner(Protocol):
    """Who fits the direction."""

    accepts: frozenset[str]
    """Kinds of targets it can fit: a subset of {"derivatives", "labels"}."""

    def fit(self, target: Target, state: State) -> tuple[Hypothesis, Contribution]:
        """Fit `target`; return the hypothesis and what it adds on ``state``'s rows."""


class Step(Protocol):
    """How far to go: a number, one number an output, or a value per cell."""

    def __call__(
        self, objective: Objective, state: State, contribution: Contribution
    ) -> Any:
        """Return a number, an array (K,), or ``contributions.CellValues``."""


class Update(Protocol):
    """What the step changes: the raw prediction, a representation, an energy.

    The same piece replays the rounds at prediction time. ``additive`` says that it
    only ever adds to the raw prediction, so that rounds may be fused. One that is not,
    but is faster where only the last prediction matters, may have
    ``at_once(state, rounds)``.
    """

    additive: bool

    def __call__(self, state: State, contribution: Contribution, size: Any) -> None:
        """Apply ``size`` times the contribution to `state`, in place."""


class Corrector(Protocol):
    """What is put right after the update.

    A corrector may replace rounds of the ensemble (never mutate a hypothesis: the
    best round is delivered *as it was then*) and may attach to the last round a
    ``correction``, whose ``apply(state)`` is replayed at prediction.
    """

    def __call__(self, objective: Objective, state: State, ensemble: Ensemble) -> None:
        """Put right what this round's update left wrong."""


class Sampler(Protocol):
    """Which rows and columns this round sees; None stands for all of them."""

    def __call__(
        self, state: State
    ) -> tuple[NDArray[np.intp] | None, NDArray[np.intp] | None]:
        """Return the rows and the columns, ascending."""


class Monitor(Protocol):
    """What watches the loop. All monitors run every round; any of them may stop it."""

    def begin(self, run: Run) -> None:
        """Called once, before the first round."""

    def after_round(self, run: Run) -> bool:
        """Return True to stop after this round."""

    def end(self, run: Run) -> None:
        """Called once, also when a round raised or was interrupted."""


class View(Protocol):
    """A recipe for one view of a table (binned, scaled, text), hashable.

    It is fitted once, on the training table, and applied to every other table.
    """

    def fit(self, table: Table) -> Any:
        """Return what is learnt from the training table."""

    def apply(self, fitted: Any, table: Table) -> Any:
        """Return the view of `table`."""


Monitors = Sequence[Monitor]
