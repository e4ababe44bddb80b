"""The prediction of a model of another library, as where an ensemble begins."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from boostlab.contributions import Dense
from boostlab.objectives.links import Link
from boostlab.state import State

_LEAST = 1e-12
"""Least probability; its logarithm has to be finite."""


@dataclass(frozen=True, slots=True, eq=False)
class StartPrediction:
    """A hypothesis that says what a fitted estimator says, on the raw scale.

    Parameters
    ----------
    model : estimator
        Fitted, with scikit-learn's interface; it is given the numeric columns.
    link : Link
        Leads from its predictions to the raw prediction.
    classifies : bool
        Whether its prediction are probabilities.
    """

    model: Any
    link: Link
    classifies: bool

    def contribution(self, state: State) -> Dense:
        """Return the raw prediction (n, K) on the rows of ``state.table``.

        Raises
        ------
        ValueError
            If a prediction has another shape than the raw prediction, or lies outside
            the range of the link.
        """
        predict = self.model.predict_proba if self.classifies else self.model.predict
        with warnings.catch_warnings():
            # The names were compared when the model was given.
            warnings.filterwarnings("ignore", "X does not have valid feature names")
            mean = np.asarray(predict(state.table.numeric), dtype=np.float64)
        mean = mean.reshape(state.table.n_samples, -1)
        if self.classifies:
            mean = np.clip(mean, _LEAST, 1.0)
        with np.errstate(all="ignore"):
            raw = self.link.link(mean)
        name = type(self.model).__name__
        if raw.shape != state.raw_prediction.shape:
            raise ValueError(
                f"The {name} given as init predicts {raw.shape[1]} outputs, but the "
                f"loss has {state.raw_prediction.shape[1]}."
            )
        if not np.isfinite(raw).all():
            raise ValueError(
                f"The {name} given as init predicts values that {self.link} has no raw "
                "prediction for, such as negative means under a logarithm."
            )
        return Dense(raw)
