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
from boostlab.state import Run
from boostlab.steps.vote import EDGES, PERFECT, STOP

UNDONE = frozenset({"no_edge", "diverged", "optimal"})
"""Reasons after which the last round is left out of the model."""


class VoteStopping(BaseMonitor):
    """End a fit of votes when a piece has said why, and keep the edges.

    Steps and objectives leave the reason in ``state.carried["stop"]``. Where the
    learner has no edge, the round is left out; where it is never wrong, it becomes the
    whole model, since votes of learners that are sometimes wrong add nothing to it.

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
    """

    def __init__(self, edges: NDArray[np.float64] | None = None):
        self.edges = edges

    _monitors: Sequence[Monitor] = ()

    def watch(self, monitors: Sequence[Monitor]) -> None:
        """Learn who else may stop the fit."""
        self._monitors = monitors

    def begin(self, run: Run) -> None:
        """Give the steps the edges of earlier rounds."""
        self.reason_ = None
        self.stopped_ = False
        self._before = run.ensemble.snapshot()
        before = np.empty(0) if self.edges is None else self.edges
        run.state.carried[EDGES] = np.array(before[: run.ensemble.n_rounds])

    def after_round(self, run: Run) -> bool:
        """Return whether a piece wants to stop; choose the model to deliver then."""
        self.reason_ = run.state.carried.get(STOP)
        self.stopped_ = self.reason_ is not None
        if self.reason_ == PERFECT:
            last = replace(run.ensemble.rounds[-1], size=1.0)
            alone = run.ensemble[:0]
            alone.rounds.append(last)
            run.best = alone
        elif self.reason_ in UNDONE and run.best is None:
            run.best = self._before
        self._before = run.ensemble.snapshot()
        return self.stopped_

    def end(self, run: Run) -> None:
        """Find out why the fit ended, if no piece has said so."""
        self.edges_ = run.state.carried.get(EDGES, np.empty(0)).copy()
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
        return {"reason": self.reason_}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`get_state`."""
        self.reason_ = state["reason"]
        self.stopped_ = self.reason_ is not None
