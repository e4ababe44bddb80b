"""Stop when held-out rows no longer gain, and deliver the best round."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from boostlab.callbacks.generator import generator_state
from boostlab.callbacks.monitor import BaseMonitor, Losses
from boostlab.checks import check_number
from boostlab.state import Ensemble, Run

SAME = 1e-9
"""Relative difference of two losses that are taken for those of the same rows."""


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
    at_best_ : dict
        Plain data of the best round, for :meth:`going_on_from`: "generator", its state
        after that round, "loss", and "start", "reference" and "stale", the patience.
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
    _earlier: dict[str, Any] | None = None

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

    def going_on_from(self, at_best: dict[str, Any] | None) -> EarlyStopping:
        """Go on from :attr:`at_best_` of the fit whose rounds are gone on from.

        So patience does not start anew; it does where other rows are watched, which
        the loss at the start tells.
        """
        self._earlier = at_best
        return self

    def begin(self, run: Run) -> None:
        """Take the start for the best round so far."""
        self.validate()
        self._losses = self._losses or Losses()
        self._losses.forget()
        loss, earlier = self._loss(run), self._earlier
        self.losses_ = [loss]
        self._start, self._reference, self._stale = loss, loss, 0
        if earlier and math.isclose(loss, earlier["loss"], rel_tol=SAME):
            self._start, self._reference, self._stale = (
                earlier[name] for name in ("start", "reference", "stale")
            )
        self._take(run, loss, run.ensemble.snapshot())
        self.stopped_ = self._stale >= self.n_iter_no_change
        if self.stopped_:
            run.n_rounds = run.ensemble.n_rounds

    def after_round(self, run: Run) -> bool:
        """Compare the round with the best; return True when patience is out."""
        loss = self._loss(run)
        self.losses_.append(loss)
        start = abs(self._start)
        unit = start if self.loss is None and math.isfinite(start) else 1.0
        if loss < self._reference - self.tol * unit:
            self._reference, self._stale = loss, 0
        else:
            self._stale += 1
        if loss < self.best_loss_:
            self._take(run, loss, run.ensemble.snapshot())
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
        self._take(run, loss, other.ensemble)
        return True

    def _take(self, run: Run, loss: float, model: Ensemble) -> None:
        """Deliver `model` unless a better one comes, and keep where the fit stands."""
        self.best_loss_, self.best_round_ = loss, model.n_rounds
        run.best = model
        self.at_best_ = {
            "generator": generator_state(run.state.rng),
            "loss": loss,
            "start": self._start,
            "reference": self._reference,
            "stale": self._stale,
        }

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
            "start": self._start,
            "at_best": self.at_best_,
            "best_loss": self.best_loss_,
            "best_round": self.best_round_,
            "reference": self._reference,
            "stale": self._stale,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`get_state`."""
        self.losses_ = list(state["losses"])
        self._start = state["start"]
        self.at_best_ = dict(state["at_best"])
        self.best_loss_ = state["best_loss"]
        self.best_round_ = state["best_round"]
        self._reference = state["reference"]
        self._stale = state["stale"]
        self.stopped_ = self._stale >= self.n_iter_no_change
