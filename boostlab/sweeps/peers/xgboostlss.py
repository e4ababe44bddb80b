"""The package xgboostlss."""

from __future__ import annotations

from typing import Any

import numpy as np
from xgboost import DMatrix
from xgboostlss.distributions.Gaussian import Gaussian
from xgboostlss.model import XGBoostLSS

from boostlab.sweeps.peers.base import Array
from boostlab.sweeps.peers.lss import LSSRegressor


class XGBoostLSSRegressor(LSSRegressor):
    """``xgboostlss.XGBoostLSS`` of a normal distribution."""

    def _train(self, X: Array, y: Array, held_out: tuple[Array, Array] | None) -> None:
        params = {
            "eta": self.learning_rate,
            "max_depth": self.max_depth,
            "nthread": self.n_jobs,
            "seed": self._seed(),
            "verbosity": 0,
        }
        rows = DMatrix(X, label=y, nthread=self.n_jobs)
        watched: dict[str, Any] = {}
        if held_out is not None:
            later = DMatrix(held_out[0], label=held_out[1], nthread=self.n_jobs)
            # The package wants the training rows first and takes exactly two sets.
            watched = {
                "evals": [(rows, "train"), (later, "later")],
                "early_stopping_rounds": self.n_iter_no_change,
            }
        self.model_ = XGBoostLSS(Gaussian())
        self.model_.train(
            params,
            rows,
            num_boost_round=self.n_estimators,
            verbose_eval=False,
            **watched,
        )
        booster = self.model_.booster
        self.n_iter_ = booster.num_boosted_rounds()
        if held_out is not None:
            self.n_iter_ = booster.best_iteration + 1
            self.model_.booster = booster[: self.n_iter_]

    def _parameters(self, X: Any) -> tuple[Array, Array]:
        rows = DMatrix(np.asarray(X, dtype=np.float64), nthread=self.n_jobs)
        told = self.model_.predict(rows, pred_type="parameters")
        return told["loc"].to_numpy(float), told["scale"].to_numpy(float)
