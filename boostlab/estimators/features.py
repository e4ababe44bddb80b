"""Features on their way in: arrays and frames checked by scikit-learn's rules."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import check_array, get_tags
from sklearn.utils.validation import validate_data

from boostlab.data.frames import is_frame


def check_columns(estimator: Any, X: Any, *, reset: bool, y: Any = "no_validation") -> Any:
    """Return `X` as a frame or a 2-d array, names and number of columns checked.

    Parameters
    ----------
    estimator : estimator
        Learns ``n_features_in_`` and ``feature_names_in_`` with `reset`, and is asked
        for them without.
    X : array-like or data frame of shape (n, f)
        The features.
    reset : bool
        Whether this is a fit.
    y : array-like, optional
        Targets, of which only the presence is checked.

    Raises
    ------
    TypeError, ValueError
        If `X` is sparse, not two-dimensional, empty, or not what was fitted.
    """
    if issparse(X):
        raise TypeError(
            f"X is a sparse {type(X).__name__}, but {type(estimator).__name__} takes "
            "dense data only; give X.toarray()."
        )
    if not is_frame(X):
        X = check_array(
            X, dtype=None, ensure_all_finite=False, estimator=estimator, input_name="X"
        )
    elif 0 in X.shape:
        raise ValueError(
            f"X is a data frame of shape {tuple(X.shape)}; at least one row and one "
            "column are needed."
        )
    validate_data(estimator, X, y, reset=reset, skip_check_array=True)
    return X


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


def allows_missing(learner: Any) -> bool:
    """Return whether a learner, or all learners of a mixture, take missing values."""
    told = getattr(learner, "allows_missing", None)
    if told is not None:
        return bool(told)
    if hasattr(learner, "learners"):
        return all(allows_missing(each) for each in learner.learners)
    if hasattr(learner, "estimator"):
        return bool(get_tags(learner.estimator).input_tags.allow_nan)
    return False
