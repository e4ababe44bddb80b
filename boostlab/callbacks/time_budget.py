"""Stop when time is up."""

from __future__ import annotations

import time

from boostlab.callbacks.monitor import BaseMonitor
from boostlab.checks import check_number
from boostlab.state import Run


class TimeBudget(BaseMonitor):
    """Stop after the first round that ends when the budget is spent.

    The clock starts with the first round of this fit: binning is not counted, and a
    fit that resumes from a checkpoint has the whole budget again.

    Parameters
    ----------
    seconds : float
        Wall-clock time, greater than 0.

    Attributes
    ----------
    seconds_ : float
        Time spent so far.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds

    def validate(self) -> None:
        """Raise TypeError or ValueError unless `seconds` is positive."""
        check_number("seconds", self.seconds, above=0)

    def begin(self, run: Run) -> None:
        """Start the clock."""
        self.validate()
        self.stopped_ = False
        self.seconds_ = 0.0
        self._start = time.perf_counter()

    def after_round(self, run: Run) -> bool:
        """Return True when the time is up."""
        self.seconds_ = time.perf_counter() - self._start
        self.stopped_ = self.seconds_ >= self.seconds
        return self.stopped_
