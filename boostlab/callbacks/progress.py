"""Tell how far a fit has come."""

from __future__ import annotations

import logging
import time

from boostlab.callbacks.monitor import BaseMonitor, Losses
from boostlab.checks import check_number
from boostlab.state import Run

LOGGER_NAME = "boostlab"


class Progress(BaseMonitor):
    """Log rounds, losses, the time spent and an estimate of the time left.

    The lines have level INFO. Where logging has not been set up, they go to the
    standard error for as long as the fit runs.

    Parameters
    ----------
    every : int, default=1
        Log every this many rounds, and the last one asked for; at least 1.
    logger : logging.Logger, optional
        By default the logger named "boostlab".
    """

    def __init__(self, every: int = 1, logger: logging.Logger | None = None):
        self.every = every
        self.logger = logger

    _losses: Losses | None = None
    _log: logging.Logger | None = None

    def validate(self) -> None:
        """Raise TypeError or ValueError unless `every` is a positive integer."""
        check_number("every", self.every, at_least=1, integer=True)

    def sharing(self, losses: Losses) -> Progress:
        """Take losses from `losses`, where other monitors find them too."""
        self._losses = losses
        return self

    def begin(self, run: Run) -> None:
        """Start the clock, and make the lines visible if nobody listens."""
        self._log = None
        self.validate()
        self._losses = self._losses or Losses()
        self._losses.forget()
        self._log = self.logger or logging.getLogger(LOGGER_NAME)
        self._level = self._log.level
        self._handler = None
        if not self._log.hasHandlers():
            self._handler = logging.StreamHandler()
            self._handler.setFormatter(logging.Formatter("%(message)s"))
            self._log.addHandler(self._handler)
            self._log.setLevel(logging.INFO)
        self._first = run.ensemble.n_rounds
        self._start = time.perf_counter()

    def after_round(self, run: Run) -> bool:
        """Log this round if its turn has come; never stops."""
        done = run.ensemble.n_rounds
        if done % self.every == 0 or done == run.n_rounds:
            self._tell(run)
        return False

    def end(self, run: Run) -> None:
        """Log how many rounds there were, and leave logging as it was."""
        if self._log is None:
            return
        done, seconds = run.ensemble.n_rounds, time.perf_counter() - self._start
        self._log.info("ended after %d rounds, %.1f s spent", done, seconds)
        if self._handler is not None:
            self._log.removeHandler(self._handler)
            self._log.setLevel(self._level)

    def _tell(self, run: Run) -> None:
        done = run.ensemble.n_rounds
        seconds = time.perf_counter() - self._start
        left = seconds / max(1, done - self._first) * (run.n_rounds - done)
        words = [f"training loss {self._losses.training(run):.6g}"]
        held_out = self._losses.validation(run)
        if held_out is not None:
            words.append(f"held-out loss {held_out:.6g}")
        self._log.info(
            "round %d of %d: %s, %.1f s spent, at most %.1f s left",
            done,
            run.n_rounds,
            ", ".join(words),
            seconds,
            left,
        )
