"""The package ngboost."""

from __future__ import annotations

from typing import Any

import numpy as np
from ngboost import NGBRegressor
from ngboost.learners import default_tree_learner
from sklearn.base import clone

from boostlab.sweeps.peers.base import Array, NormalPeer


class NGBoost(NormalPeer):
    """``ngboost.NGBRegressor``: a normal distribution under the log score.

    Parameters
    ----------
    n_estimators : int, default=500
        Most rounds.
    learning_rate : float, default=0.01
        Factor on what each round adds.
    max_depth : int, default=3
        Depth of the trees.
    subsample : float, default=1.0
        Share of the rows in each round (``minibatch_frac``).
    early_stopping : bool, default=False
        Whether to stop when the rows ``X_val`` no longer gain.
    n_iter_no_change : int, default=20
        Rounds without improvement after which to stop.
    random_state : int or None, default=None
        Source of randomness.
    """

    def __init__(
        self,
        n_estimators: int = 500,
        learning_rate: float = 0.01,
        max_depth: int = 3,
        subsample: float = 1.0,
        early_stopping: bool = False,
        n_iter_no_change: int = 20,
        random_state: int | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.subsample = subsample
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state

    def fit(self, X: Any, y: Array, X_val: Any = None, y_val: Any = None) -> NGBoost:
        """Fit, and keep the rounds up to the best if there are rows to tell it."""
        # The package's own tree, but for the depth.
        tree = clone(default_tree_learner).set_params(max_depth=self.max_depth)
        self.model_ = NGBRegressor(
            Base=tree,
            n_estimators=self.n_estimators,
            learning_rate=self.learning_rate,
            minibatch_frac=self.subsample,
            random_state=self.random_state,
            verbose=False,
        )
        watched = {}
        if self.early_stopping:
            watched = {
                "X_val": np.asarray(X_val),
                "Y_val": y_val,
                "early_stopping_rounds": self.n_iter_no_change,
            }
        self.model_.fit(np.asarray(X), y, **watched)
        best = self.model_.best_val_loss_itr if self.early_stopping else None
        self.n_iter_ = len(self.model_.base_models) if best is None else best + 1
        return self

    def _parameters(self, X: Any) -> tuple[Array, Array]:
        told = self.model_.pred_dist(np.asarray(X), max_iter=self.n_iter_)
        return told.params["loc"], told.params["scale"]
