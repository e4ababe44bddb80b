"""The package lightgbmlss."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightgbm import Dataset, early_stopping
from lightgbmlss.distributions.Gaussian import Gaussian
from lightgbmlss.model import LightGBMLSS

from boostlab.sweeps.peers.base import Array
from boostlab.sweeps.peers.lss import LSSRegressor


class LightGBMLSSRegressor(LSSRegressor):
    """``lightgbmlss.LightGBMLSS`` of a normal distribution."""

    def _train(self, X: Array, y: Array, held_out: tuple[Array, Array] | None) -> None:
        params = {
            "learning_rate": self.learning_rate,
            "max_depth": self.max_depth,
            "num_threads": self.n_jobs,
            "seed": self._seed(),
            "verbosity": -1,
        }
        rows = Dataset(X, label=y)
        watched: dict[str, Any] = {}
        if held_out is not None:
            watched = {
                "valid_sets": [Dataset(held_out[0], label=held_out[1], reference=rows)],
                "callbacks": [early_stopping(self.n_iter_no_change, verbose=False)],
            }
        self.model_ = LightGBMLSS(Gaussian())
        self.model_.train(params, rows, num_boost_round=self.n_estimators, **watched)
        booster = self.model_.booster
        self.n_iter_ = booster.current_iteration()
        if held_out is not None:
            self.n_iter_ = booster.best_iteration

    def _parameters(self, X: Any) -> tuple[Array, Array]:
        told = self.model_.predict(np.asarray(X, dtype=np.float64))
        return told["loc"].to_numpy(float), told["scale"].to_numpy(float)
