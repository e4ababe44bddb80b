"""What the wrappers of XGBoostLSS and LightGBMLSS share, but for the packages.

Both pin older versions of NumPy, pandas and torch than this library is tested with, so
they often want an environment of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from boostlab.sweeps.peers.base import Array, NormalPeer


class LSSRegressor(NormalPeer):
    """What the two have in common.

    Parameters
    ----------
    n_estimators : int, default=100
        Most rounds.
    learning_rate : float, default=0.1
        Factor on what each round adds.
    max_depth : int, default=3
        Depth of the trees.
    early_stopping : bool, default=False
        Whether to stop when the rows ``X_val`` no longer gain.
    n_iter_no_change : int, default=20
        Rounds without improvement after which to stop.
    n_jobs : int, default=1
        Threads.
    random_state : int or None, default=None
        Source of randomness.
    """

    def __init__(
        self,
        n_estimators: int = 100,
        learning_rate: float = 0.1,
        max_depth: int = 3,
        early_stopping: bool = False,
        n_iter_no_change: int = 20,
        n_jobs: int = 1,
        random_state: int | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Array, X_val: Any = None, y_val: Any = None) -> Any:
        """Fit, and keep the rounds up to the best if there are rows to tell it."""
        torch.set_num_threads(self.n_jobs)
        held_out = None
        if self.early_stopping:
            held_out = np.asarray(X_val, dtype=np.float64), y_val
        self._train(np.asarray(X, dtype=np.float64), y, held_out)
        return self

    def _seed(self) -> int:
        return 0 if self.random_state is None else self.random_state

    def _train(self, X: Array, y: Array, held_out: tuple[Array, Array] | None) -> None:
        """Fit ``model_`` and set ``n_iter_``."""
        raise NotImplementedError
