"""Choose the number of rounds on rows set aside, then fit all rows with it.

The protocol of many papers. A class takes part by the parameters `n_estimators`,
`early_stopping` and `n_iter_no_change`, by a ``fit`` that takes `X_val` and `y_val`,
and by telling the best round as ``n_iter_``.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import train_test_split

from boostlab.sweeps.classes import parameters_of
from boostlab.sweeps.specs import Rounds

_NEEDED = ("n_estimators", "early_stopping", "n_iter_no_change")


def lacks_for_rounds(cls: type) -> str:
    """Return what a class lacks to have its rounds chosen; empty if nothing."""
    known = parameters_of(cls)[0]
    lacking = [name for name in _NEEDED if name not in known]
    if lacking:
        return f"no parameter {lacking[0]!r}"
    if "X_val" not in inspect.signature(cls.fit).parameters:
        return "no 'X_val' in fit"
    return ""


def fit_chosen_rounds(
    model: Any,
    rounds: Rounds,
    X: pd.DataFrame,
    y: NDArray[Any],
    seed: int,
    stratified: bool = False,
) -> None:
    """Fit a model to all rows, with the rounds that a part of them calls for.

    Parameters
    ----------
    model : estimator
        Unfitted; it is fitted with its `n_estimators` as the most rounds.
    rounds : Rounds
        The share that is set aside, and the patience.
    X : pandas.DataFrame of shape (n, f)
        Training rows.
    y : ndarray of shape (n,)
        Their targets.
    seed : int
        Of the rows that are set aside.
    stratified : bool, default=False
        Whether these rows are drawn class by class.
    """
    rest, aside = train_test_split(
        np.arange(len(y)),
        test_size=rounds.validation,
        random_state=seed,
        stratify=y if stratified else None,
    )
    searching = clone(model).set_params(
        early_stopping=True, n_iter_no_change=rounds.patience
    )
    searching.fit(X.iloc[rest], y[rest], X_val=X.iloc[aside], y_val=y[aside])
    best = max(1, int(searching.n_iter_))
    model.set_params(n_estimators=best, early_stopping=False).fit(X, y)
