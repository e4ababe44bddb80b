"""Stop when held-out rows no longer gain, and deliver the best round."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from boostlab.callbacks.monitor import BaseMonitor, Losses
from boostlab.checks import check_number
from boostlab.state import Run


class EarlyStopping(BaseMonitor):
    """Stop after rounds without improvement; the model is that of the best round.

    The best round is the earliest with the smallest loss, the start before any round
    included; it is delivered exactly as it was then, later corrections undone.

    Parameters
    ----------
    n_iter_no_change : int, default=10
        Stop after this many rounds in a row of which none improved, at least 1.
    tol : float, default=1e-7
        A round improves if its loss is below that of the last one that improved by
        more than `tol` times the loss at the start, so that the unit of the target
        does not matter; or where `loss` is given, by more than `tol`. At least 0. It
        does not influence which round is the best.
    loss : callable, optional
        ``loss(run) -> float``, smaller is better. By default the objective's
        weighted mean loss on the held-out rows, or on the training rows if there
        are no held-out rows.

    Attributes
    ----------
    losses_ : list of float
        Entry i is the loss after i rounds (after a warm start: after i more rounds).
    best_round_ : int
        Number of rounds of the delivered model.
    best_loss_ : float
        Its loss.
    stopped_ : bool
        Whether patience ran out.
    """

    def __init__(
        self,
        n_iter_no_change: int = 10,
        tol: float = 1e-7,
        loss: Callable[[Run], float] | None = None,
    ):
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.loss = loss

    _losses: Losses | None = None

    def validate(self) -> None:
        """Raise TypeError or ValueError unless the parameters are in their ranges."""
        check_number(
            "n_iter_no_change", self.n_iter_no_change, at_least=1, integer=True
        )
        check_number("tol", self.tol, at_least=0)

    def sharing(self, losses: Losses) -> EarlyStopping:
        """Take losses from `losses`, where other monitors find them too."""
        self._losses = losses
        return self

    def begin(self, run: Run) -> None:
        """Take the start for the best round so far."""
        self.validate()
        self._losses = self._losses or Losses()
        self._losses.forget()
        self.losses_ = [self._loss(run)]
        self.best_loss_ = self._reference = self.losses_[0]
        self.best_round_ = run.ensemble.n_rounds
        self._stale = 0
        self.stopped_ = False
        run.best = run.ensemble.snapshot()

    def after_round(self, run: Run) -> bool:
        """Compare the round with the best; return True when patience is out."""
        loss = self._loss(run)
        self.losses_.append(loss)
        if loss < self.best_loss_:
            self.best_loss_, self.best_round_ = loss, run.ensemble.n_rounds
            run.best = run.ensemble.snapshot()
        start = abs(self.losses_[0])
        unit = start if self.loss is None and math.isfinite(start) else 1.0
        if loss < self._reference - self.tol * unit:
            self._reference, self._stale = loss, 0
        else:
            self._stale += 1
        self.stopped_ = self._stale >= self.n_iter_no_change
        return self.stopped_

    def offer(self, run: Run, other: Run) -> bool:
        """Deliver the model of `other` unless the best round so far has less loss.

        Parameters
        ----------
        run : Run
            The fit.
        other : Run
            Another model of the same rows, and where it stands on them.

        Returns
        -------
        bool
            Whether it is delivered.
        """
        loss = self._loss(other, Losses())
        if not loss <= self.best_loss_:
            return False
        self.best_loss_, self.best_round_ = loss, other.ensemble.n_rounds
        run.best = other.ensemble
        return True

    def _loss(self, run: Run, losses: Losses | None = None) -> float:
        """Return the watched loss; what is not a number is worse than any other."""
        losses = losses or self._losses
        if self.loss is not None:
            loss = float(self.loss(run))
        elif run.state.validation is not None:
            loss = losses.validation(run)
        else:
            loss = losses.training(run)
        return math.inf if math.isnan(loss) else loss

    def get_state(self) -> dict[str, Any]:
        """Return what later rounds depend on as plain data."""
        return {
            "losses": list(self.losses_),
            "best_loss": self.best_loss_,
            "best_round": self.best_round_,
            "reference": self._reference,
            "stale": self._stale,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`get_state`."""
        self.losses_ = list(state["losses"])
        self.best_loss_ = state["best_loss"]
        self.best_round_ = state["best_round"]
        self._reference = state["reference"]
        self._stale = state["stale"]
        self.stopped_ = self._stale >= self.n_iter_no_change
