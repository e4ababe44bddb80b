"""What estimators whose rounds vote share: edges, and why the fit has ended."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from boostlab.callbacks.vote_stopping import UNDONE, VoteStopping
from boostlab.protocols import Monitor
from boostlab.state import Ensemble

Array = NDArray[np.float64]

EDGE = "edge"
"""Name of the curve of edges in ``history_``; its first entry is NaN."""

ROUND_EDGE = "round_edge"
"""Name of the edges of the model's own rounds in ``history_``."""


class VotingRounds:
    """Mixin of the AdaBoost estimators, to stand before their base class."""

    _also_saved = ("stop_reason_",)
    _weak = "is no better than chance"

    @property
    def weak_learner_edge_(self) -> Array:
        """The edge of every round that was run, those left out included."""
        check_is_fitted(self)
        return self.history_.get(EDGE, np.empty(1))[1:]

    @property
    def estimator_edges_(self) -> Array:
        """The edge of each round of the model, shape (n_iter_,)."""
        check_is_fitted(self)
        return self.history_.get(ROUND_EDGE, np.empty(0))

    def _own_monitors(self, previous: Ensemble | None) -> list[Monitor]:
        edges = None if previous is None else self.estimator_edges_
        self._stopping = VoteStopping(edges)
        return [self._stopping]

    def _store(
        self,
        ensemble: Ensemble,
        curves: dict[str, Array],
        start: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        stopping = vars(self).pop("_stopping", None)
        edges = kept = np.empty(0)
        if stopping is not None:
            edges, kept = stopping.edges_, stopping.round_edges_
        curves = {**curves, EDGE: np.append(np.nan, edges), ROUND_EDGE: kept}
        super()._store(ensemble, curves, start, rng)
        self.stop_reason_ = "one_class" if stopping is None else stopping.reason_
        self._warn(edges)

    def _keep(self, ensemble: Ensemble, rounds: NDArray[np.intp]) -> None:
        super()._keep(ensemble, rounds)
        kept = self.estimator_edges_[rounds]
        self.history_ = {**self.history_, ROUND_EDGE: kept}

    def _warn(self, edges: Array) -> None:
        """Say what users of AdaBoost stumble over."""
        if self.stop_reason_ == "perfect_learner" and len(edges) == 1:
            warnings.warn(
                "The learner of the first round makes no error on the training rows, "
                "so there is nothing to boost; give a weaker learner.",
                UserWarning,
                stacklevel=2,
            )
        elif self.stop_reason_ in UNDONE and self.n_iter_ == 0 and len(edges) == 1:
            fault = {
                "no_edge": f"The learner of the first round {self._weak}",
                "diverged": "The votes of the first round do not lower the loss",
            }.get(self.stop_reason_, "No vote of the first round lowers the loss")
            warnings.warn(
                f"{fault}, so the model has no rounds; give a stronger learner.",
                UserWarning,
                stacklevel=2,
            )
