"""The values that the boosting loop passes between its pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from boostlab.in_blocks import limited_once
from boostlab.reduce import Whole, whole

if TYPE_CHECKING:
    from boostlab.boosting import Boosting
    from boostlab.data.table import Table
    from boostlab.groups import Groups
    from boostlab.protocols import Contribution, Hypothesis, Update

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What a fit is given: a table, its targets and weights, and held-out rows.

    Parameters
    ----------
    table : Table
        The training rows.
    y : ndarray of shape (n,), or (n, T) for several targets
        Targets as the objective wants them (class labels are encoded 0 .. K-1).
    weight : ndarray of shape (n,)
        Positive sample weights.
    validation : Problem, optional
        Held-out rows that early stopping watches.
    group : Groups, optional
        Which rows belong together, such as the documents of a query; None where every
        row stands for itself.
    """

    table: Table
    y: Array
    weight: Array
    validation: Problem | None = None
    group: Groups | None = None


@dataclass(slots=True, eq=False)
class State:
    """Where the loop stands on one set of rows.

    The held-out rows have a state of their own, side by side in ``validation``, so
    that ``objective.loss(state.validation)`` needs no second code path.

    Parameters
    ----------
    table : Table
        The rows.
    y, weight : ndarray of shape (n,) or None
        Targets, (n, T) where there are several, and weights; None when the ensemble is
        replayed for prediction.
    baseline : ndarray of shape (K,)
        The constant the raw prediction started from.
    raw_prediction : ndarray of shape (n, K), Fortran order
        The ensemble's score before the link.
    rng : numpy.random.Generator or None
        The one source of randomness, made in ``fit``.
    carried : dict
        Belongs to the objective, the learner and the corrector: hidden layers,
        representations, sample pools. Plain arrays and numbers can be checkpointed.
    validation : State or None
        The state of the held-out rows.
    rows, features : ndarray of int or None
        This round's sample, ascending; None stands for all.
    round : int
        Rounds finished before this one, those of a warm start included.
    ensemble : Ensemble or None
        On the training rows: the rounds so far, to be read and not changed.
    group : Groups or None
        Which rows belong together; None where every row stands for itself.
    """

    table: Table
    y: Array | None
    weight: Array | None
    baseline: Array
    raw_prediction: Array
    rng: np.random.Generator | None = None
    carried: dict[str, Any] = field(default_factory=dict)
    validation: State | None = None
    rows: NDArray[np.intp] | None = None
    features: NDArray[np.intp] | None = None
    round: int = 0
    ensemble: Ensemble | None = None
    group: Groups | None = None

    @classmethod
    def at(
        cls, problem: Problem, baseline: Array, rng: np.random.Generator | None
    ) -> State:
        """Return the state of `problem` with every row at `baseline`."""
        held_out = problem.validation
        return cls(
            table=problem.table,
            y=problem.y,
            weight=problem.weight,
            baseline=baseline,
            raw_prediction=constant(problem.table.n_samples, baseline),
            rng=rng,
            validation=held_out and cls.at(held_out, baseline, rng),
            group=problem.group,
        )

    def parts(self) -> Iterator[State]:
        """Yield this state and then, if there are held-out rows, theirs."""
        part: State | None = self
        while part is not None:
            yield part
            part = part.validation

    def among_all(self) -> Whole:
        """Return what the rows are among those of all parts."""
        return _among_all(self)

    def at_trial(self, contribution: Contribution, size: Any) -> State:
        """Return a copy whose raw prediction has made a trial step."""
        trial = self.raw_prediction.copy(order="F")
        contribution.add_to(trial, size)
        return replace(self, raw_prediction=trial, validation=None)


def _among_all(rows: State | Target) -> Whole:
    """Return what the table knows, unless these are weights of their own."""
    table, weight = rows.table, rows.weight
    if weight is getattr(table, "weight", None):
        return table.whole
    return whole(len(weight), weight)


def constant(n_samples: int, baseline: Array) -> Array:
    """Return (n, K) rows of `baseline`, output-major in memory."""
    raw = np.empty((n_samples, len(baseline)), order="F")
    raw[:] = baseline
    return raw


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What this round's learner must fit.

    Either *derivatives*: ``gradient`` and ``hessian`` of the loss, and the learner
    approaches the step ``-gradient / hessian`` with weights ``hessian``; or
    *labels* with ``weight``.

    Parameters
    ----------
    table : Table
        The rows to fit on: usually the training rows.
    weight : ndarray of shape (n,)
        Sample weights; leaf sizes are measured in them.
    gradient : ndarray of shape (n, K), optional
        Weighted derivatives of the loss.
    hessian : ndarray of shape (n, K), optional
        Weighted curvatures; None where each is the row's weight.
    labels : ndarray of shape (n,), optional
        Class labels, for classifiers under reweighting.
    rows, features : ndarray of int, optional
        The round's sample; None stands for all.
    """

    table: Table
    weight: Array
    gradient: Array | None = None
    hessian: Array | None = None
    labels: NDArray[Any] | None = None
    rows: NDArray[np.intp] | None = None
    features: NDArray[np.intp] | None = None

    @property
    def kind(self) -> str:
        """Either "derivatives" or "labels"."""
        return "labels" if self.gradient is None else "derivatives"

    @property
    def n_outputs(self) -> int:
        """Number of outputs K; 1 for labels."""
        return 1 if self.gradient is None else self.gradient.shape[1]

    def among_all(self) -> Whole:
        """Return what the rows are among those of all parts."""
        return _among_all(self)

    def newton(self) -> tuple[Array, Array]:
        """Return the sampled rows' Newton step ``-g/h`` and its weights ``h``.

        Both have shape (n, K). A row without curvature has step 0 and weight 0.
        """
        rows = slice(None) if self.rows is None else self.rows
        gradient = self.gradient[rows]
        hessian = self.weight[:, None] if self.hessian is None else self.hessian
        hessian = np.broadcast_to(hessian[rows], gradient.shape)
        step = np.divide(
            -gradient, hessian, out=np.zeros_like(gradient), where=hessian > 0
        )
        return step, hessian


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """One finished round: who was fitted, how far it went, what was put right.

    Parameters
    ----------
    hypothesis : Hypothesis
        The fitted weak learner.
    size : float, ndarray of shape (K,) or CellValues
        The step, learning rate included.
    correction : object with ``apply(state)``, optional
        What the corrector left to be replayed after the update.
    """

    hypothesis: Hypothesis
    size: Any
    correction: Any = None


@dataclass(slots=True, eq=False)
class Ensemble:
    """A baseline and rounds: everything needed to predict.

    Parameters
    ----------
    baseline : ndarray of shape (K,)
        Raw prediction before the first round.
    update : Update
        Replays a round onto a state.
    rounds : list of Round
        The rounds, oldest first.
    """

    baseline: Array
    update: Update
    rounds: list[Round] = field(default_factory=list)
    _fused: tuple[tuple[Round, ...], Any] | None = field(default=None, repr=False)

    @property
    def n_rounds(self) -> int:
        """Number of rounds."""
        return len(self.rounds)

    def __len__(self) -> int:
        return len(self.rounds)

    def __getitem__(self, index: slice) -> Ensemble:
        """Return the ensemble of a slice of the rounds, with the same baseline."""
        if not isinstance(index, slice):
            raise TypeError(
                "An Ensemble is sliced, e.g. ensemble[:10]; for one round use "
                "ensemble.rounds[i]."
            )
        return Ensemble(self.baseline, self.update, self.rounds[index])

    def __add__(self, other: Ensemble) -> Ensemble:
        """Return the rounds of both; baselines add, as raw predictions do."""
        if type(self.update) is not type(other.update) or not self.update.additive:
            raise TypeError(
                "Only ensembles that both add to the raw prediction can be joined."
            )
        if self.baseline.shape != other.baseline.shape:
            raise ValueError(
                f"The ensembles have {len(self.baseline)} and {len(other.baseline)} "
                "outputs; join only ensembles of equal outputs."
            )
        return Ensemble(
            self.baseline + other.baseline, self.update, self.rounds + other.rounds
        )

    def __getstate__(self) -> dict[str, Any]:
        return {
            "baseline": self.baseline,
            "update": self.update,
            "rounds": self.rounds,
        }

    def __setstate__(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(self, name, value)
        self._fused = None

    def snapshot(self) -> Ensemble:
        """Return a copy that later rounds and corrections do not touch."""
        return self[:]

    def replay(self, state: State) -> Iterator[State]:
        """Apply the rounds to `state` one by one, yielding it after each."""
        for done in self.rounds:
            self.update(state, done.hypothesis.contribution(state), done.size)
            if done.correction is not None:
                done.correction.apply(state)
            yield state

    def staged_predict(self, table: Table) -> Iterator[Array]:
        """Yield the raw prediction (n, K) after each round; copy to keep one."""
        for state in self.replay(self._unlabelled(table)):
            yield state.raw_prediction

    def predict(self, table: Table) -> Array:
        """Return the raw prediction of the rows of `table`, shape (n, K)."""
        state = self._unlabelled(table)
        fused, at_once = self.fused(), getattr(self.update, "at_once", None)
        if fused is not None:
            fused.add_to(state.raw_prediction, table)
        elif at_once is not None and not _corrected(self.rounds):
            at_once(state, self.rounds)
        else:
            with limited_once():
                for _ in self.replay(state):
                    pass
        return state.raw_prediction

    def _unlabelled(self, table: Table) -> State:
        raw = constant(table.n_samples, self.baseline)
        return State(table, None, None, self.baseline, raw)

    def fused(self) -> Any:
        """Return all rounds as one predictor, None where their class offers none."""
        if not self.update.additive:
            return None
        rounds = tuple(self.rounds)
        if self._fused is None or self._fused[0] != rounds:
            self._fused = rounds, _fused(rounds)
        return self._fused[1]


def _fused(rounds: tuple[Round, ...]) -> Any:
    """Return the rounds as one predictor, or None where there is no such."""
    kinds = {type(done.hypothesis) for done in rounds}
    fuse = getattr(next(iter(kinds)), "fuse", None) if len(kinds) == 1 else None
    return None if fuse is None or _corrected(rounds) else fuse(rounds)


def _corrected(rounds: Sequence[Round]) -> bool:
    return any(done.correction is not None for done in rounds)


@dataclass(slots=True, eq=False)
class Run:
    """A fit under way, as monitors see it.

    Parameters
    ----------
    boosting : Boosting
        The pieces.
    state : State
        Where the loop stands.
    ensemble : Ensemble
        The rounds so far.
    n_rounds : int
        Rounds asked for, those of a warm start included.
    best : Ensemble or None
        What a monitor chose to deliver in place of all rounds.
    """

    boosting: Boosting
    state: State
    ensemble: Ensemble
    n_rounds: int
    best: Ensemble | None = None
