"""One voter of a majority: how it is fitted, and what it answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import has_fit_parameter

from boostlab.estimators.voter_samples import Sample

Array = NDArray[np.float64]


def fit_voter(model: Any, X: Any, y: NDArray[Any], sample: Sample) -> tuple[Any, float]:
    """Fit one voter to its sample, and return its error there, too.

    Weights other than 1 are given as such, or as repeated rows where the model takes no
    weights.

    Raises
    ------
    TypeError
        If rows cannot be repeated, because a weight is no whole number.
    """
    rows, weight = sample.rows, sample.weight
    weights = {}
    if (weight != 1).any():
        if has_fit_parameter(model, "sample_weight"):
            weights = {"sample_weight": weight}
        else:
            rows, weight = _repeated(model, sample), None
    part, labels = _safe_indexing(X, rows), y[rows]
    model.fit(part, labels, **weights)
    return model, float(np.average(model.predict(part) != labels, weights=weight))


def _repeated(model: Any, sample: Sample) -> NDArray[np.intp]:
    """Return the rows as often as they weigh."""
    times = sample.weight.astype(np.intp)
    if (times != sample.weight).any():
        raise TypeError(
            f"{type(model).__name__} takes no sample_weight, so a row of weight 2 is "
            "given to it twice; sample weights must be whole numbers here."
        )
    return np.repeat(sample.rows, times)


def answer(
    voter: Any, X: Any, classes: NDArray[Any]
) -> tuple[NDArray[np.int64], Array]:
    """Return a voter's labels as indicators, and its probabilities, (n, K)."""
    codes = np.searchsorted(classes, voter.predict(X))
    indicators = (codes[:, None] == np.arange(len(classes))).astype(np.int64)
    if not hasattr(voter, "predict_proba"):
        return indicators, indicators.astype(np.float64)
    proba = np.zeros(indicators.shape)
    # A sample may lack a class, for which its voter then does not vote.
    proba[:, np.searchsorted(classes, voter.classes_)] = voter.predict_proba(X)
    return indicators, proba
