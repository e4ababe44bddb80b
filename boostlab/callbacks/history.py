"""The losses of every round."""

from __future__ import annotations

import math
from typing import Any

from boostlab.callbacks.monitor import BaseMonitor, Losses
from boostlab.state import Run


class History(BaseMonitor):
    """Record the loss after every round, and before the first.

    Parameters
    ----------
    training : bool, default=True
        Whether to compute the loss on the training rows; it costs one pass over
        them a round. The loss on held-out rows is recorded whenever there are any.

    Attributes
    ----------
    training_loss_ : list of float
        Weighted mean loss on the training rows; entry i is the loss after i rounds
        (after a warm start: after i more rounds). Empty if not `training`.
    validation_loss_ : list of float
        The same on the held-out rows; empty without any.
    """

    def __init__(self, training: bool = True):
        self.training = training

    _losses: Losses | None = None

    def sharing(self, losses: Losses) -> History:
        """Take losses from `losses`, where other monitors find them too."""
        self._losses = losses
        return self

    def begin(self, run: Run) -> None:
        """Start anew with the losses before the first round."""
        self._losses = self._losses or Losses()
        self._losses.forget()
        self.training_loss_: list[float] = []
        self.validation_loss_: list[float] = []
        self._record(run)

    def after_round(self, run: Run) -> bool:
        """Record the losses; never stops."""
        self._record(run)
        return False

    def _record(self, run: Run) -> None:
        if self.training:
            self.training_loss_.append(self._losses.training(run))
        held_out = self._losses.validation(run)
        if held_out is not None:
            self.validation_loss_.append(held_out)

    def get_state(self) -> dict[str, Any]:
        """Return the recorded losses as plain data."""
        return {
            "training_loss": list(self.training_loss_),
            "validation_loss": list(self.validation_loss_),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`get_state`; what was not recorded then becomes NaN."""
        length = max(len(state["training_loss"]), len(state["validation_loss"]))
        unknown = [math.nan] * length
        if self.training:
            self.training_loss_ = list(state["training_loss"] or unknown)
        self.validation_loss_ = list(state["validation_loss"])
