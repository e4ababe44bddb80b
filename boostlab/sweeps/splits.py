"""The splits of a table: k-fold, stratified or by group."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)

Indices = NDArray[np.intp]


def split(
    y: NDArray,
    group: NDArray | None,
    is_classification: bool,
    *,
    folds: int,
    repeat: int,
    fold: int,
    seed: int,
) -> tuple[Indices, Indices]:
    """Return the training and the test rows of one fold.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Targets; stratified by them for classification.
    group : ndarray of shape (n,) or None
        Rows of one group stay together.
    is_classification : bool
        Whether to stratify.
    folds, repeat, fold : int
        Which split: fold `fold` of `folds` in the `repeat`-th draw, from 0.
    seed : int
        All draws follow from it, so the folds are the same for every method.

    Returns
    -------
    train, test : ndarray of int
        Row numbers, ascending.
    """
    draw = int(np.random.SeedSequence([seed, repeat]).generate_state(1)[0])
    kinds = {
        (False, False): KFold,
        (True, False): StratifiedKFold,
        (False, True): GroupKFold,
        (True, True): StratifiedGroupKFold,
    }
    kind = kinds[is_classification, group is not None]
    folder = kind(n_splits=folds, shuffle=True, random_state=draw)
    with warnings.catch_warnings():
        # A class with fewer members than folds is a fact of the table, not a mistake.
        warnings.filterwarnings("ignore", message="The least populated class")
        for number, (train, test) in enumerate(folder.split(y, y, group)):
            if number == fold:
                return np.sort(train), np.sort(test)
    raise IndexError(f"There is no fold {fold}; the folds are 0 to {folds - 1}.")
