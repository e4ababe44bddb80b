"""Intervals that follow rows which the model was not fitted to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from boostlab.distributions import Predictive, conformity
from boostlab.estimators.out_of_fold import Unseen

Array = NDArray[np.float64]


class Intervals:
    """What natural-gradient boosting of numbers has beside; classes have no order."""

    def _keep_levels(self, y: Array, unseen: Unseen | None) -> None:
        """Keep the levels of the least central intervals that hold unseen targets.

        There are none, which is not the same as None, where targets are no numbers.
        """
        levels = None
        if y.ndim > 1:
            levels = ()
        elif unseen is not None:
            predicted = self.objective_.predictive(unseen.raw, unseen.baseline)
            levels = conformity(predicted, y, unseen.weight)
        self.objective_ = self.objective_.remembering(levels)

    def predict_interval(
        self, X: Any, level: float = 0.9, *, calibrated: bool = True
    ) -> tuple[Array, Array]:
        """Predict central intervals that hold the target with probability `level`.

        Calibrated intervals are as wide as rows call for that the model has not been
        fitted to, whatever the true distribution. What that is worth depends on them:

        - After :meth:`calibrate`, with n rows that ``fit`` has not seen, new targets
          are held with probability `level` or more if all rows are exchangeable.
        - With rows that early stopping held out (or ``X_val``), they have also chosen
          the number of rounds, and the spread. For the choice among R rounds the
          probability may be less than `level`, by at most about
          ``sqrt(log(2 R) / (2 n))`` and in practice by much less.
        - With cross-validation each row is predicted by a fit without it, but new rows
          by a model of all. This has no guarantee for every data set; it is exact as n
          grows where single rows do not matter to the fit. (Intervals that join the
          folds' models have one, of ``2 level - 1``.) With 60 to 400 rows, intervals
          of 0.9 have held 0.90 to 0.92 of new targets on average over data sets, with
          a standard deviation between those of 0.01 to 0.04, so that in many they hold
          less; the model's own held 0.87 to 0.90. Where it must hold, calibrate on new
          rows.

        Each holds on average over rows, and not for each row by itself. Targets must
        be one number each: intervals, as of censored times, and vectors tell no level.

        Source: Vovk, Gammerman, Shafer (2005), Algorithmic learning in a random world;
        Chernozhukov, Wuethrich, Zhu (2021), Distributional conformal prediction; Yang,
        Kuchibhotla (2021), Finite-sample efficient conformal prediction, theorem 1;
        Barber, Candes, Ramdas, Tibshirani (2021), Predictive inference with the
        jackknife+.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.
        level : float, default=0.9
            Probability in (0, 1).
        calibrated : bool, default=True
            Whether the intervals follow such rows, or are the model's own quantiles
            ``(1 - level)/2`` and ``(1 + level)/2``.

        Returns
        -------
        low, high : ndarray of shape (n_samples,)
            The ends, on the scale of ``y``; infinite where so few rows cannot promise
            so much.

        Raises
        ------
        ValueError
            If `calibrated`, and there were no such rows, or their targets were
            intervals or vectors; give ``calibrated=False`` then.
        """
        predicted = self._predictive(self._raw_prediction(X))
        own = self._levels() if calibrated else None
        return Predictive(predicted.distribution, predicted.raw, own).interval(level)

    def _levels(self) -> Any:
        """Return the levels of rows not fitted to, those of calibrate before others."""
        objective = self._objective()
        levels = objective.calibration or objective.conformity
        if levels:
            return levels
        if levels is not None:
            raise ValueError(
                "The targets of fit are intervals or vectors, and not one number each, "
                "so that intervals cannot be calibrated by them; give calibrated=False "
                "for the model's own."
            )
        raise ValueError(
            "No rows were held out by fit, so that intervals cannot be calibrated; "
            "fit with n_estimators=None or recalibrate=True, call calibrate(X, y), "
            "or give calibrated=False."
        )

    def calibrate(self, X: Any, y: ArrayLike) -> Intervals:
        """Make the intervals of predictions conformal by rows not used in ``fit``.

        If these rows and new ones are exchangeable, ``predict_dist(X).interval(level)``
        then holds a new target with probability at least `level`, and, for continuous
        families, at most ``level + 1/(n + 1)``: whatever the true distribution, on
        average over rows. The rows must have taken no part in ``fit``, not even in
        early stopping. The distributions themselves are left as they are. (For
        intervals without a second data set see :meth:`predict_interval`.)

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows that ``fit`` has not seen; a few hundred, say.
        y : array-like of shape (n_samples,)
            Their targets.

        Returns
        -------
        self
        """
        check_is_fitted(self)
        y = self._encode_targets(self._check_targets(y, "y"), "y", False)
        if y.ndim > 1:
            raise ValueError(
                "Intervals are calibrated by one number for each row, and not by "
                "vectors or intervals; give y of shape (n_samples,) if the model "
                "predicts numbers, or use its own, "
                "predict_interval(X, calibrated=False)."
            )
        predicted = self._predictive(self._raw_prediction(X))
        if len(predicted) != len(y):
            raise ValueError(f"X has {len(predicted)} rows, but y {len(y)}.")
        self._objective().check_targets(y)
        self.objective_ = self.objective_.calibrated(conformity(predicted, y))
        return self
