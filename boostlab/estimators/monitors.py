"""The monitors of an estimator's fit, and the history they leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.callbacks.checkpoint import Checkpoint
from boostlab.callbacks.early_stopping import EarlyStopping
from boostlab.callbacks.generator import generator_from
from boostlab.callbacks.history import History
from boostlab.callbacks.monitor import BaseMonitor, Losses
from boostlab.callbacks.progress import Progress
from boostlab.callbacks.split_stopping import SplitStopping
from boostlab.protocols import Monitor
from boostlab.state import Ensemble, Run

AUTO_PATIENCE = 2
"""Rounds without a split that end ``n_estimators="auto"``, by n_iter_no_change."""


class GoOnFrom(BaseMonitor):
    """Set the generator to where an earlier fit left it (warm start).

    Parameters
    ----------
    generator_state : dict
        The state; see :mod:`boostlab.callbacks.generator`.
    """

    def __init__(self, generator_state: dict[str, Any]):
        self.generator_state = generator_state

    def begin(self, run: Run) -> None:
        """Replace the generator of all rows."""
        rng = generator_from(self.generator_state)
        for part in run.state.parts():
            part.rng = rng


class FitMonitors:
    """All monitors of one fit, in the order in which they are called.

    Warm start, history, early stopping, progress, those that the estimator needs, then
    the user's own; checkpoints
    come after everything that has a state to save, and scikit-learn's callbacks last,
    when it is known whether a round is followed by another.

    Parameters
    ----------
    estimator : BaseBoosting
        Its parameters say which monitors there are.
    stops_early : bool
        Whether to stop early.
    loss : callable or None
        What early stopping watches, ``loss(run) -> float``; None for the objective.
    previous : Ensemble or None
        Rounds to go on from.
    outside : sequence of Monitor
        Monitors to be called last.
    """

    def __init__(
        self,
        estimator: Any,
        stops_early: bool,
        loss: Callable[[Run], float] | None,
        previous: Ensemble | None,
        outside: Sequence[Monitor],
    ):
        losses = Losses()
        watched = bool(stops_early or estimator.verbose)
        self.history = History(training=watched).sharing(losses)
        self.early_stopping = None
        first: list[Monitor] = []
        if previous is not None:
            first.append(GoOnFrom(estimator.generator_state_["end"]))
        first.append(self.history)
        if stops_early:
            self.early_stopping = EarlyStopping(
                estimator.n_iter_no_change, estimator.tol, loss
            ).sharing(losses)
            if previous is not None:
                at_best = estimator.generator_state_.get("stopping")
                self.early_stopping.going_on_from(at_best)
            first.append(self.early_stopping)
        if estimator.n_estimators == "auto":
            first.append(
                SplitStopping(
                    AUTO_PATIENCE * estimator.n_iter_no_change, estimator.tol
                ).sharing(losses)
            )
        if estimator.verbose:
            first.append(Progress(every=int(estimator.verbose)).sharing(losses))
        own = sorted(
            estimator.callbacks or (), key=lambda item: isinstance(item, Checkpoint)
        )
        first += estimator._own_monitors(previous)
        self.all: list[Monitor] = [*first, *own, *outside]
        for monitor in self.all:
            if hasattr(monitor, "watch"):
                monitor.watch(self.all)

    def at_best(self) -> dict[str, Any]:
        """Return where a warm start goes on, if not where the last round ended.

        The rounds after the best are not in the model, so that a fit which goes on
        from it must draw what they have drawn.
        """
        if self.early_stopping is None:
            return {}
        stopping = dict(self.early_stopping.at_best_)
        return {"end": stopping.pop("generator"), "stopping": stopping}

    def curves(self) -> dict[str, NDArray[np.float64]]:
        """Return the losses (and held-out scores) from before the first round on."""
        curves = {
            "training_loss": self.history.training_loss_,
            "validation_loss": self.history.validation_loss_,
        }
        if self.early_stopping is not None and self.early_stopping.loss is not None:
            curves["validation_score"] = [-x for x in self.early_stopping.losses_]
        return {name: np.array(curve) for name, curve in curves.items() if curve}


def joined(
    old: dict[str, NDArray[np.float64]],
    new: dict[str, NDArray[np.float64]],
    n_rounds: int,
) -> dict[str, NDArray[np.float64]]:
    """Return the curves of a fit of `n_rounds` rounds and of one that went on from it.

    A curve that only the second fit recorded is NaN for the rounds before it.
    """
    unknown = np.full(n_rounds, np.nan)
    return {
        name: np.concatenate([old[name][:n_rounds] if name in old else unknown, curve])
        for name, curve in new.items()
    }
