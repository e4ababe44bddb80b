"""Numbers for categories that are learnt from the target.

A feature of at most 254 categories gets codes in the order of their means. A feature of
more becomes a numeric column of smoothed means, *target statistics*. The training rows
see statistics that their own targets have no part in, as in CatBoost (Prokhorenkova et
al., 2018, section 3.2); where CatBoost takes the rows before a row in a random order,
here are folds that a hash of the row's features chooses. That is as blind to the row's
target, does not depend on the order of the rows, and keeps a row of weight 2 the same
as that row given twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.data.frame_values import FrameValues
from boostlab.data.levels import (
    RARE,
    SMOOTHING,
    Array,
    direction_of_means,
    weighted_means,
)
from boostlab.data.spill import SpilledValues
from boostlab.reduce import count, gathered, greatest, group_sums, own_rows

N_FOLDS = 20
"""Parts that training rows are cut into; a row's statistic is of the other parts."""

# Targets are rounded to this many bits of the greatest, which makes sums exact, and so
# the same in whatever order the rows come.
_BITS = 26


@dataclass(frozen=True, slots=True)
class Recoding:
    """From the codes of categories as counted to the numbers learnt from the target.

    Parameters
    ----------
    new_codes : dict of int to ndarray of shape (n_categories + 1,)
        By feature: the number for each old code; the last one is for missing values.
    training : dict of int to ndarray of shape (n,)
        By feature: the numbers that the training rows get instead.
    """

    new_codes: dict[int, Array] = field(default_factory=dict)
    training: dict[int, Array] = field(default_factory=dict)

    def apply(
        self, numeric: NDArray[np.floating[Any]], training: bool = False
    ) -> NDArray[np.floating[Any]]:
        """Return rows that were encoded before, recoded; themselves if nothing changes.

        Parameters
        ----------
        numeric : ndarray of shape (n, n_features), SpilledValues or FrameValues
            The rows.
        training : bool, default=False
            Whether they are the rows that the target statistics were learnt from.
        """
        if not self.new_codes:
            return numeric
        if isinstance(numeric, SpilledValues | FrameValues):
            return numeric.recoded(self.new_codes, self.training if training else {})
        numeric = np.array(numeric, order="F")
        for j, new_code in self.new_codes.items():
            old = np.where(np.isnan(numeric[:, j]), len(new_code) - 1, numeric[:, j])
            numeric[:, j] = new_code[old.astype(np.intp)]
        if training:
            for j, values in self.training.items():
                numeric[:, j] = values
        return numeric


def target_statistics(
    column: NDArray[np.floating[Any]],
    n_categories: int,
    weight: Array,
    target: Array,
    contents: NDArray[np.uint64],
) -> tuple[Array, Array]:
    """Return smoothed means of the target by category.

    A statistic is ``sum of w * s / (sum of w + a)`` with ``a`` =
    :data:`~boostlab.data.levels.SMOOTHING` and s the target less its mean, in a unit
    that keeps it within -1 and 1; so 0 is the statistic of a category without rows.
    Several target columns are projected on the direction in which the means differ
    most, as :meth:`~boostlab.data.levels.Categories.by_target` does.

    Rows that differ in no feature are in one fold. Where such rows weigh
    :data:`~boostlab.data.levels.RARE` or more together, a fold would hold much of a
    category, and one row has little part in their mean; they count as spread evenly
    over all folds instead.

    Parameters
    ----------
    column : ndarray of shape (n,)
        Codes of the rows, 0 .. n_categories - 1; NaN is missing.
    n_categories : int
        Number of categories.
    weight : ndarray of shape (n,)
        Positive sample weights.
    target : ndarray of shape (n, T)
        Numbers, or the indicators of T classes.
    contents : ndarray of uint64, shape (n,)
        A hash of the features of each row, by
        :func:`~boostlab.data.hashing.hash_rows`.

    Returns
    -------
    statistics : ndarray of shape (n_categories,)
        Of each category, from all rows.
    training : ndarray of shape (n,)
        Of each training row's category, from the other folds; NaN where missing.
    """
    present = ~np.isnan(column)
    training = np.full(len(column), np.nan)
    if not count(int(present.sum())):
        return np.zeros(n_categories), training
    codes, weight = column[present].astype(np.intp), weight[present]
    scores = _scores(codes, n_categories, weight, target[present])
    fold, spread = _folds(contents[present], weight)
    # A row of weight and of sums for each fold, and one for what is spread over all.
    where = np.where(spread, N_FOLDS, fold) * n_categories + codes
    size = (N_FOLDS + 1) * n_categories
    weights, sums = (
        group_sums(where, masses, size).reshape(N_FOLDS + 1, n_categories)
        for masses in (weight, weight * scores)
    )
    all_weights, all_sums = weights.sum(axis=0), sums.sum(axis=0)
    outside = all_sums - sums[:-1] - sums[-1] / N_FOLDS
    outside /= all_weights - weights[:-1] - weights[-1] / N_FOLDS + SMOOTHING
    mean = outside.sum(axis=0) / N_FOLDS
    values = np.where(spread, mean[codes], outside[np.where(spread, 0, fold), codes])
    training[present] = values
    return _single(all_sums / (all_weights + SMOOTHING)), _single(training)


def _scores(
    codes: NDArray[np.intp], n_categories: int, weight: Array, target: Array
) -> Array:
    """Return the target of each row as one number within -1 and 1, of mean 0."""
    target = _on_grid(target)
    centered = _on_grid(target - weighted_means(target, weight))
    if target.shape[1] == 1:
        return centered[:, 0]
    sums = np.column_stack(
        [
            group_sums(codes, values, n_categories)
            for values in (weight, *(weight[:, None] * centered).T)
        ]
    )
    direction = direction_of_means(sums[sums[:, 0] > 0])
    # Column by column: a product of matrices may round a row by where it stands.
    scores = np.zeros(len(centered))
    for column, factor in zip(centered.T, direction, strict=True):
        scores += column * factor
    return _on_grid(scores)


def _folds(
    contents: NDArray[np.uint64], weight: Array
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the fold of each row, and which rows count as spread over all."""
    distinct, group = np.unique(gathered(contents), return_inverse=True)
    heavy = np.bincount(group, gathered(weight), len(distinct)) >= RARE
    spread = own_rows(heavy[group], len(contents))
    return (contents % np.uint64(N_FOLDS)).astype(np.intp), spread


def _on_grid(values: Array) -> Array:
    """Return values divided by a power of two above all of them, and rounded."""
    size = np.array([np.max(np.abs(values), initial=0.0)])
    size = greatest(size.view(np.int64)).view(np.float64)[0]  # as they are at least 0
    exponent = int(np.frexp(size)[1])
    return np.ldexp(np.rint(np.ldexp(values, _BITS - exponent)), -_BITS)


def _single(values: Any) -> Any:
    """Return numbers that float32 holds, so that narrow tables lose nothing."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)
