"""What the wrappers have in common: predictions are normal distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from boostlab.distributions import Normal, Predictive

Array = NDArray[np.float64]

#: A spread that a package rounds to 0 would cost an infinite likelihood.
SMALLEST_SCALE = 1e-12


class NormalPeer(RegressorMixin, BaseEstimator):
    """Base of the wrappers: a subclass writes ``fit`` and ``_parameters``."""

    def _parameters(self, X: Any) -> tuple[Array, Array]:
        """Return means and standard deviations, each of shape (n,)."""
        raise NotImplementedError

    def predict(self, X: Any) -> Array:
        """Return the means, shape (n,)."""
        return self._parameters(X)[0]

    def predict_dist(self, X: Any) -> Predictive:
        """Return the predicted normal distributions."""
        mean, sd = self._parameters(X)
        log_sd = np.log(np.maximum(sd, SMALLEST_SCALE))
        return Predictive(Normal(), np.column_stack([mean, log_sd]))
