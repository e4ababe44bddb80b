"""CatBoost's regression with uncertainty."""

from __future__ import annotations

from typing import Any

import numpy as np
from catboost import CatBoostRegressor

from boostlab.sweeps.peers.base import Array, NormalPeer


class CatBoostUncertainty(NormalPeer):
    """``catboost.CatBoostRegressor`` under the loss ``RMSEWithUncertainty``.

    Parameters
    ----------
    n_estimators : int, default=1000
        Most rounds.
    learning_rate : float or None, default=None
        Factor on what each round adds; None for CatBoost's own choice.
    max_depth : int or None, default=None
        Depth of the trees; None for CatBoost's own, 6.
    early_stopping : bool, default=False
        Whether to stop when the rows ``X_val`` no longer gain.
    n_iter_no_change : int, default=20
        Rounds without improvement after which to stop.
    cat_features : list of str or None, default=None
        Columns that are categories.
    n_jobs : int, default=1
        Threads.
    random_state : int or None, default=None
        Source of randomness.
    """

    def __init__(
        self,
        n_estimators: int = 1000,
        learning_rate: float | None = None,
        max_depth: int | None = None,
        early_stopping: bool = False,
        n_iter_no_change: int = 20,
        cat_features: list[str] | None = None,
        n_jobs: int = 1,
        random_state: int | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.cat_features = cat_features
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(
        self, X: Any, y: Array, X_val: Any = None, y_val: Any = None
    ) -> CatBoostUncertainty:
        """Fit, and keep the rounds up to the best if there are rows to tell it."""
        self.model_ = CatBoostRegressor(
            loss_function="RMSEWithUncertainty",
            n_estimators=self.n_estimators,
            learning_rate=self.learning_rate,
            max_depth=self.max_depth,
            cat_features=self.cat_features,
            thread_count=self.n_jobs,
            random_state=self.random_state,
            verbose=False,
            allow_writing_files=False,
        )
        watched = {}
        if self.early_stopping:
            watched = {
                "eval_set": (X_val, y_val),
                "early_stopping_rounds": self.n_iter_no_change,
            }
        self.model_.fit(X, y, **watched)
        self.n_iter_ = self.model_.tree_count_
        return self

    def _parameters(self, X: Any) -> tuple[Array, Array]:
        mean, log_sd = self.model_.predict(X, prediction_type="RawFormulaVal").T
        # The raw second output is the log of the standard deviation.
        return mean, np.exp(log_sd)
