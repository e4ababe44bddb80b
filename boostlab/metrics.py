"""Measures of rankings, over queries in any order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d

from boostlab.checks import check_number
from boostlab.groups import Groups, check_group
from boostlab.objectives.queries import EVERYWHERE, GAINS, Queries, gains

Array = NDArray[np.float64]


def ndcg_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    group: ArrayLike | None = None,
    k: int | ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    gain: str = "exponential",
    empty: float | None = None,
) -> float | Array:
    """Return the normalised discounted cumulative gain, the mean over the queries.

    The gain of a document counts by ``1 / log2(1 + place)``, and the sum over the first
    `k` places by that of the best possible ranking. Documents of equal score share
    their places: it is the mean over all orders of them, as in scikit-learn.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Labels of at least 0; more is more relevant.
    y_score : array-like of shape (n,)
        Scores, the highest first.
    group : array-like of shape (n,), optional
        The query of each row: any values in any order. None is a single query.
    k : int or array-like of int, optional
        Number of places, at least 1, or several such numbers; None for all.
    sample_weight : array-like of shape (n,), optional
        The least weight in a query is the query's, in the mean; a row of m times that
        weight counts as m equal documents.
    gain : {"exponential", "linear"}, default="exponential"
        Gain of label y: ``2**y - 1`` as in LightGBM and XGBoost, or y as in
        scikit-learn.
    empty : float, optional
        Value of a query in which no label is above 0: 1 in LightGBM, 0 in
        scikit-learn. By default such queries are left out, and NaN is the value where
        there are no others.

    Returns
    -------
    float, or ndarray of the shape of `k`
        Between 0 and 1.

    Raises
    ------
    ValueError
        If a parameter, label or weight is not allowed.

    Notes
    -----
    Source: Järvelin & Kekäläinen (2002); McSherry & Najork (2008) for ties.

    Examples
    --------
    >>> from boostlab.metrics import ndcg_score
    >>> float(ndcg_score([1, 0, 2, 0], [0.3, 0.9, 0.1, 0.2], ["a", "a", "b", "b"]))
    0.6309297535714574
    """
    if gain not in GAINS:
        raise ValueError(f"gain is {gain!r}; give 'exponential' or 'linear'.")
    queries, score = _queries(y_true, y_score, group, sample_weight, gain)
    if k is None or np.ndim(k) == 0:
        return _mean(queries, queries.ndcg(score, _places(k)), empty)
    return np.array(
        [_mean(queries, queries.ndcg(score, _places(each)), empty) for each in k]
    )


def mean_average_precision(
    y_true: ArrayLike,
    y_score: ArrayLike,
    group: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    empty: float | None = None,
) -> float:
    """Return the mean over the queries of the average precision.

    That is the mean, over the relevant documents of a query, of the share of relevant
    documents down to their place. Documents of equal score share their places: it is
    the mean over all orders of them.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Labels of at least 0; those above 0 are relevant.
    y_score : array-like of shape (n,)
        Scores, the highest first.
    group : array-like of shape (n,), optional
        The query of each row: any values in any order. None is a single query.
    sample_weight : array-like of shape (n,), optional
        As in :func:`ndcg_score`.
    empty : float, optional
        Value of a query without relevant documents; by default it is left out, and NaN
        is the value where there are no others.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> from boostlab.metrics import mean_average_precision
    >>> mean_average_precision([1, 0, 2, 0], [0.3, 0.9, 0.1, 0.2], [7, 7, 8, 8])
    0.5
    """
    queries, score = _queries(y_true, y_score, group, sample_weight, "linear")
    return _mean(queries, queries.average_precision(score), empty)


def _queries(
    y_true: Any, y_score: Any, group: Any, sample_weight: Any, gain: str
) -> tuple[Queries, Array]:
    """Return checked queries and scores; documents of weight 0 are gone."""
    label = column_or_1d(y_true).astype(np.float64)
    score = column_or_1d(y_score).astype(np.float64)
    check_consistent_length(label, score, group, sample_weight)
    if not np.isfinite(score).all():
        raise ValueError("y_score contains NaN or infinity; give finite scores.")
    weight = (
        np.ones(len(label))
        if sample_weight is None
        else column_or_1d(sample_weight).astype(np.float64)
    )
    if not (np.isfinite(weight).all() and (weight >= 0).all() and weight.any()):
        raise ValueError(
            "sample_weight must be finite numbers of at least 0, and not all 0."
        )
    labels = (
        np.zeros(len(label))
        if group is None
        else check_group(group, len(label), "group")
    )
    counts = weight > 0
    groups = Groups.of(labels[counts])
    queries = Queries.of(groups, gains(label[counts], gain), weight[counts])
    return queries, score[counts]


def _places(k: Any) -> int:
    if k is None:
        return EVERYWHERE
    check_number("k", k, at_least=1, integer=True)
    return min(int(k), EVERYWHERE)


def _mean(queries: Queries, values: Array, empty: float | None) -> float:
    if empty is not None:
        values = np.where(np.isnan(values), empty, values)
    return queries.mean(values)
