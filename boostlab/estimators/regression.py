"""Targets and predictions of regressors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d

from boostlab.data.levels import weighted_means
from boostlab.estimators.base import BaseBoosting
from boostlab.estimators.rows import Rows
from boostlab.objectives import for_targets
from boostlab.protocols import Objective
from boostlab.state import Problem

Array = NDArray[np.float64]


class Regression(RegressorMixin, BaseBoosting):
    """Base class of the regressors."""

    _task = "regression"

    def _objective_of(self, problem: Problem, goes_on: bool) -> Objective:
        # Earlier rounds predict in the units that were chosen for them.
        units = getattr(self.objective_, "units", None) if goes_on else None
        return for_targets(self._make_objective(), problem, units)

    def _check_targets(self, y: Any, name: str) -> Array:
        """Return `y` as finite floats, shape (n,), or (n, T) for T > 1 targets."""
        try:
            values = np.asarray(y)
            if values.ndim != 2 or values.shape[1] < 2:
                values = column_or_1d(y, warn=True)
            y = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{name} is not one number for each row, nor a table of numbers with a "
                f"column for each target: {error}"
            ) from None
        if not np.isfinite(y).all():
            raise ValueError(
                f"Input {name} contains NaN or infinity or a value too large for "
                "dtype('float64'); remove those rows."
            )
        return y

    def _encode_targets(self, y: Array, name: str, learn: bool) -> Array:
        return y

    def _decode_targets(self, y: Array) -> Array:
        return y

    def _order_target(self, rows: Rows) -> Array:
        """Return what categories are ordered by, shape (n, 1) or (n, T)."""
        if rows.y.ndim == 1:
            return rows.y[:, None]
        mean = weighted_means(rows.y, rows.weight)
        spread = weighted_means(np.abs(rows.y - mean), rows.weight)
        return rows.y / np.where(spread > 0, spread, 1.0)

    def _target_factors(self, rows: Rows) -> None:
        return None

    def _is_constant(self) -> bool:
        return False

    def predict(self, X: Any) -> Array:
        """Predict the targets.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, K) for K targets or outputs
            The raw prediction seen through the link: on the scale of ``y``.
        """
        return self._prediction(self._raw_prediction(X))

    def staged_predict(self, X: Any) -> Iterator[Array]:
        """Yield the predictions after each round.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.

        Yields
        ------
        ndarray of shape (n_samples,), or (n_samples, K) for K targets or outputs
            Predictions of the model's first 1, 2, ... ``n_iter_`` rounds.
        """
        for raw in self._staged_raw_prediction(X):
            yield self._prediction(raw.copy(order="F"))

    def _prediction(self, raw: Array) -> Array:
        mean = self.objective_.link.inverse(raw)
        return mean[:, 0] if mean.shape[1] == 1 else mean

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
