"""The public callbacks of scikit-learn 1.9 and later, told by our own loop.

On older versions the mixin is empty and the decorator does nothing; then estimators
have no ``set_callbacks``, and ``callbacks=[...]`` still takes our monitors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from boostlab.callbacks.monitor import BaseMonitor
from boostlab.protocols import Monitor
from boostlab.state import Ensemble, Run

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:
        """Stands in for scikit-learn's mixin, which this version does not have."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Return `method` as it is."""
        return method


class ScikitLearnCallbacks(BaseMonitor):
    """Tell an estimator's public callbacks of every round, and stop if one asks.

    The fit is the root task, every round one of its subtasks.

    Parameters
    ----------
    estimator : estimator
        A :class:`CallbackSupportMixin` in the middle of its ``fit``.
    X, y : array-like
        The training data, as callbacks are to see them.
    metadata : dict
        What else ``fit`` was given, such as ``sample_weight``.
    attributes : callable
        ``attributes(ensemble)`` returns the fitted attributes of a model that has
        the rounds of `ensemble`.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        metadata: dict[str, Any],
        attributes: Callable[[Ensemble], dict[str, Any]],
    ):
        self.estimator = estimator
        self.X = X
        self.y = y
        self.metadata = metadata
        self.attributes = attributes

    _monitors: Sequence[Monitor] = ()
    _root: Any = None

    def watch(self, monitors: Sequence[Monitor]) -> None:
        """Learn of the monitors that may end the fit."""
        self._monitors = [monitor for monitor in monitors if monitor is not self]

    def begin(self, run: Run) -> None:
        """Open the task of the fit, and that of the first round."""
        n_left = run.n_rounds - run.ensemble.n_rounds
        self._root = self.estimator._init_callback_context(max_subtasks=n_left)
        self._root.call_on_fit_task_begin(**self._data())
        self._round = None
        self._open_round(run)

    def after_round(self, run: Run) -> bool:
        """Close the round's task; return True if a callback asks for it."""
        self.stopped_ = self._round.call_on_fit_task_end(
            **self._data(),
            reconstruction_attributes=lambda: self.attributes(run.ensemble.snapshot()),
        )
        self._round = None
        others = (getattr(monitor, "stopped_", False) for monitor in self._monitors)
        if not self.stopped_ and not any(others):
            self._open_round(run)
        return self.stopped_

    def finish(self, ensemble: Ensemble) -> None:
        """Close the task of a fit that was not interrupted."""
        if self._round is not None:
            # Opened, but a monitor that we do not know ended the fit.
            self._round.call_on_fit_task_end(**self._data())
        self._root.call_on_fit_task_end(
            **self._data(), reconstruction_attributes=lambda: self.attributes(ensemble)
        )

    def _open_round(self, run: Run) -> None:
        if run.ensemble.n_rounds < run.n_rounds:
            self._round = self._root.subcontext(task_name="round")
            self._round.call_on_fit_task_begin(**self._data())

    def _data(self) -> dict[str, Any]:
        return {
            "estimator": self.estimator,
            "X": self.X,
            "y": self.y,
            "metadata": self.metadata,
        }
