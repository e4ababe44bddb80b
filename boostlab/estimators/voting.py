"""What estimators whose rounds vote share: edges, and why the fit has ended."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from boostlab.callbacks.vote_stopping import VoteStopping
from boostlab.protocols import Monitor
from boostlab.state import Ensemble

Array = NDArray[np.float64]

EDGE = "edge"
"""Name of the curve of edges in ``history_``; its first entry is NaN."""


class VotingRounds:
    """Mixin of the AdaBoost estimators, to stand before their base class."""

    _also_saved = ("stop_reason_",)
    _weak = "is no better than chance"

    @property
    def weak_learner_edge_(self) -> Array:
        """The edge of every round that was run, those left out included."""
        check_is_fitted(self)
        return self.history_.get(EDGE, np.empty(1))[1:]

    def _own_monitors(self, previous: Ensemble | None) -> list[Monitor]:
        edges = None if previous is None else self.weak_learner_edge_
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
        edges = np.empty(0) if stopping is None else stopping.edges_
        curves = {**curves, EDGE: np.concatenate([[np.nan], edges])}
        super()._store(ensemble, curves, start, rng)
        self.stop_reason_ = "one_class" if stopping is None else stopping.reason_
        self._warn(edges)

    def _warn(self, edges: Array) -> None:
        """Say what users of AdaBoost stumble over."""
        if self.stop_reason_ == "perfect_learner" and len(edges) == 1:
            warnings.warn(
                "The learner of the first round makes no error on the training rows, "
                "so there is nothing to boost; give a weaker learner.",
                UserWarning,
                stacklevel=2,
            )
        elif self.stop_reason_ == "no_edge" and len(edges) == 1:
            warnings.warn(
                f"The learner of the first round {self._weak}, so the model has no "
                "rounds; give a stronger learner.",
                UserWarning,
                stacklevel=2,
            )
