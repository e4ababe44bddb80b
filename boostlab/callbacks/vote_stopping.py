"""Stop where the weak learner, or the method itself, says that nothing is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.callbacks.early_stopping import EarlyStopping
from boostlab.callbacks.monitor import BaseMonitor
from boostlab.protocols import Monitor
from boostlab.state import Ensemble, Run, State
from boostlab.steps.vote import EDGES, PERFECT, STOP, is_nothing

UNDONE = frozenset({"no_edge", "diverged", "no_step", "optimal"})
"""Reasons after which the last round is left out, as is any that changed nothing."""


class VoteStopping(BaseMonitor):
    """End a fit of votes when a piece has said why, and keep the edges.

    Steps and objectives leave the reason in ``state.carried["stop"]``. Where the
    learner has no edge, the round is left out; where it is never wrong, it becomes the
    whole model, since votes of learners that are sometimes wrong add nothing to it.
    With early stopping it does so only if its own loss is the least on the rows that
    are watched.

    An objective with ``reason_to_stop(state)`` is asked before the first round as well,
    so that a fit that goes on from a finished one adds nothing.

    Parameters
    ----------
    edges : ndarray of shape (n,), optional
        Edges of the rounds that the fit goes on from.

    Attributes
    ----------
    reason_ : str
        Why the fit ended: what a piece said ("no_edge", "perfect_learner" ...), or
        "early_stopping", "n_estimators", or "callback" for any other monitor.
    edges_ : ndarray of shape (n_rounds,)
        The edge of every round that was run.
    round_edges_ : ndarray of shape (n_iter,)
        The edge of each round of the model that is delivered.
    """

    def __init__(self, edges: NDArray[np.float64] | None = None):
        self.edges = edges

    _monitors: Sequence[Monitor] = ()

    def watch(self, monitors: Sequence[Monitor]) -> None:
        """Learn who else may stop the fit."""
        self._monitors = monitors

    def begin(self, run: Run) -> None:
        """Give the steps the edges of earlier rounds; ask if there is more to do."""
        self._alone = False
        before = np.empty(0) if self.edges is None else self.edges
        run.state.carried[EDGES] = np.array(before[: run.ensemble.n_rounds])
        self.reason_ = _reason_at_start(run)
        self.stopped_ = self.reason_ is not None
        if self.stopped_:
            run.n_rounds = run.ensemble.n_rounds

    def after_round(self, run: Run) -> bool:
        """Return whether a piece wants to stop; choose the model to deliver then."""
        self.reason_ = run.state.carried.get(STOP)
        self.stopped_ = self.reason_ is not None
        if self.reason_ == PERFECT:
            self._offer_alone(run)
        elif self.stopped_:
            done = run.ensemble.rounds[-1]
            undone = self.reason_ in UNDONE or is_nothing(done.size)
            best = run.best
            if undone and (best is None or best.n_rounds == run.ensemble.n_rounds):
                run.best = run.ensemble[:-1]
        return self.stopped_

    def _offer_alone(self, run: Run) -> None:
        """Deliver the last round alone, unless held-out rows speak against it."""
        alone = run.ensemble[:0]
        alone.rounds.append(replace(run.ensemble.rounds[-1], size=1.0))
        watching = [m for m in self._monitors if isinstance(m, EarlyStopping)]
        if not watching:
            run.best, self._alone = alone, True
            return
        other = Run(run.boosting, _state_of(alone, run.state), alone, 1)
        self._alone = watching[0].offer(run, other)

    def end(self, run: Run) -> None:
        """Find out why the fit ended, if no piece has said so."""
        self.edges_ = run.state.carried.get(EDGES, np.empty(0)).copy()
        n_rounds = (run.ensemble if run.best is None else run.best).n_rounds
        kept = self.edges_[-1:] if self._alone else self.edges_[:n_rounds]
        self.round_edges_ = kept.copy()
        if self.reason_ is not None:
            return
        stopped = [m for m in self._monitors if getattr(m, "stopped_", False)]
        if any(isinstance(monitor, EarlyStopping) for monitor in stopped):
            self.reason_ = "early_stopping"
        elif run.ensemble.n_rounds >= run.n_rounds and not stopped:
            self.reason_ = "n_estimators"
        else:
            self.reason_ = "callback"

    def get_state(self) -> dict[str, Any]:
        """Return what a finished fit must know as plain data."""
        return {"reason": self.reason_, "alone": self._alone}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`get_state`."""
        self.reason_, self._alone = state["reason"], bool(state["alone"])
        self.stopped_ = self.reason_ is not None


def _reason_at_start(run: Run) -> str | None:
    """Return why no further round is wanted, if the objective knows."""
    ask = getattr(run.boosting.objective, "reason_to_stop", None)
    if ask is None:
        return None
    rounds = run.ensemble
    return ask(replace(run.state, round=rounds.n_rounds, ensemble=rounds))


def _state_of(ensemble: Ensemble, state: State) -> State:
    """Return where another model stands on the rows of `state`."""
    aside = state.validation
    return replace(
        state,
        raw_prediction=ensemble.predict(state.table),
        validation=None if aside is None else _state_of(ensemble, aside),
    )
