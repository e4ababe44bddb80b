"""The base class of monitors, and the losses that they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from boostlab.pieces import Piece
from boostlab.protocols import Monitor
from boostlab.state import Run, State


class BaseMonitor(Piece):
    """A monitor that does nothing; subclass it and override what you need.

    Attributes
    ----------
    stopped_ : bool
        Whether this monitor wants the fit to end. Set it together with returning
        True from :meth:`after_round`, so that a checkpoint knows that the fit was
        finished and not cut off.
    """

    stopped_: bool = False

    def watch(self, monitors: Sequence[Monitor]) -> None:
        """Learn of all monitors of the fit, before any of them begins."""

    def begin(self, run: Run) -> None:
        """Called once before the first round."""

    def after_round(self, run: Run) -> bool:
        """Called after every round; return True to stop."""
        return False

    def end(self, run: Run) -> None:
        """Called once, also when a round raised or was interrupted."""


class Losses:
    """The losses of the current round, computed once however many monitors ask."""

    def __init__(self) -> None:
        self._round = -1
        self._known: dict[str, float] = {}

    def forget(self) -> None:
        """Forget the losses of an earlier fit."""
        self._round = -1

    def training(self, run: Run) -> float:
        """Return the weighted mean loss on the training rows."""
        return self._loss(run, "training", run.state)

    def validation(self, run: Run) -> float | None:
        """Return the loss on the held-out rows, or None if there are none."""
        if run.state.validation is None:
            return None
        return self._loss(run, "validation", run.state.validation)

    def _loss(self, run: Run, name: str, state: State) -> float:
        if self._round != run.ensemble.n_rounds:
            self._round, self._known = run.ensemble.n_rounds, {}
        if name not in self._known:
            self._known[name] = float(run.boosting.objective.loss(state))
        return self._known[name]


def is_stateful(monitor: Any) -> bool:
    """Return whether `monitor` can hand its state to a checkpoint."""
    return hasattr(monitor, "get_state") and hasattr(monitor, "set_state")
