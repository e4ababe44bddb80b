"""Looking into fitted models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boostlab.state import Ensemble

__all__ = ["feature_importances"]


def feature_importances(
    ensemble: Ensemble, n_features: int, kind: str = "gain"
) -> NDArray[np.float64]:
    """Return each feature's share in what the hypotheses learnt.

    Parameters
    ----------
    ensemble : Ensemble
        Its hypotheses must have ``importances(kind)``, as trees do.
    n_features : int
        Number of features f.
    kind : {"gain", "split"}, default="gain"
        Count the decrease of the objective by the splits on a feature, or the splits.

    Returns
    -------
    ndarray of shape (f,)
        Shares that sum to 1; zeros if nothing was learnt.

    Raises
    ------
    AttributeError
        If a hypothesis has no importances.
    """
    total = np.zeros(n_features)
    for done in ensemble.rounds:
        if not hasattr(done.hypothesis, "importances"):
            raise AttributeError(
                f"{type(done.hypothesis).__name__} hypotheses have no feature "
                "importances; use sklearn.inspection.permutation_importance instead."
            )
        total += done.hypothesis.importances(kind)
    summed = total.sum()
    return total / summed if summed > 0 else total
