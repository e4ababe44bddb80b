"""What a weak learner can take: missing values, and values that are not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import get_tags


def check_finite(estimator: Any, numeric: NDArray[Any]) -> None:
    """Refuse missing and infinite values where the learner cannot take them.

    Raises
    ------
    ValueError
        If there are any.
    """
    if get_tags(estimator).input_tags.allow_nan or np.isfinite(numeric).all():
        return
    what = "NaN" if np.isnan(numeric).any() else "infinity"
    raise ValueError(
        f"Input X contains {what}, which the weak learner of this "
        f"{type(estimator).__name__} does not accept; impute or clip it first, or use "
        "a learner such as boostlab.learners.Tree that does."
    )
