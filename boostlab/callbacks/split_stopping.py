"""Stop when the learner finds no split that holds on rows held out of its tree."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from boostlab.callbacks.monitor import BaseMonitor, Losses
from boostlab.checks import check_number
from boostlab.state import Run


class SplitStopping(BaseMonitor):
    """Stop after rounds in a row whose trees have no split; no row is set aside.

    For learners that test their splits on rows held out of each tree, such as
    ``Tree(split_test=0.3)``: where no split passes, the round adds nothing. The rounds
    without a split at the end are cut off the model. If the rounds asked for run out
    first, a ``ConvergenceWarning`` says so.

    Parameters
    ----------
    n_iter_no_change : int, default=20
        Stop after this many rounds in a row without a split, at least 1. The test
        rows are drawn anew each round, so that a split may pass in the next.
    tol : float, default=1e-7
        A round counts as one without a split unless its training loss is below that of
        the last one with a split by more than `tol` times the loss at the start; at
        least 0.

    Attributes
    ----------
    stopped_ : bool
        Whether there were that many.
    """

    def __init__(self, n_iter_no_change: int = 20, tol: float = 1e-7):
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol

    _losses: Losses | None = None

    def validate(self) -> None:
        """Raise TypeError or ValueError unless the parameters are in their ranges."""
        check_number(
            "n_iter_no_change", self.n_iter_no_change, at_least=1, integer=True
        )
        check_number("tol", self.tol, at_least=0)

    def sharing(self, losses: Losses) -> SplitStopping:
        """Take losses from `losses`, where other monitors find them too."""
        self._losses = losses
        return self

    def begin(self, run: Run) -> None:
        """Start to count.

        Raises
        ------
        TypeError
            If the learner does not test its splits.
        """
        self.validate()
        if not getattr(run.boosting.learner, "split_test", 0):
            raise TypeError(
                f"{type(run.boosting.learner).__name__} does not test its splits, "
                "which SplitStopping counts; give one such as Tree(split_test=0.3)."
            )
        self._losses = self._losses or Losses()
        self._losses.forget()
        self._reference = self._losses.training(run)
        self._least = self.tol * abs(self._reference)
        self.stopped_ = False
        self._stale = 0

    def after_round(self, run: Run) -> bool:
        """Count rounds without a split; return True when there are enough."""
        has_split = run.ensemble.rounds[-1].hypothesis.n_splits > 0
        if has_split and self._losses.training(run) < self._reference - self._least:
            self._reference = self._losses.training(run)
            self._stale = 0
        else:
            self._stale += 1
        self.stopped_ = self._stale >= self.n_iter_no_change
        if self.stopped_:
            run.best = run.ensemble[: run.ensemble.n_rounds - self._stale]
        return self.stopped_

    def end(self, run: Run) -> None:
        """Cut rounds without a gain, and warn, if the rounds ran out first."""
        if not self.stopped_ and run.ensemble.n_rounds >= run.n_rounds:
            if self._stale and run.best is None:
                run.best = run.ensemble[: run.ensemble.n_rounds - self._stale]
            warnings.warn(
                f"The {run.n_rounds} rounds ran out before {self.n_iter_no_change} in "
                "a row had no split that passes the test and gains. Give a larger "
                "learning_rate or tol for fewer rounds, or n_estimators as a number.",
                ConvergenceWarning,
                stacklevel=2,
            )

    def get_state(self) -> dict[str, Any]:
        """Return what later rounds depend on as plain data."""
        return {
            "stale": self._stale,
            "reference": self._reference,
            "least": self._least,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`get_state`."""
        self._stale = state["stale"]
        self._reference = state["reference"]
        self._least = state["least"]
        self.stopped_ = self._stale >= self.n_iter_no_change
