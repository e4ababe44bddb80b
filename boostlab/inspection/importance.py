"""How much each feature matters to a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boostlab.inspection.subject import Subject, contributions, reading_codes
from boostlab.state import Ensemble

Array = NDArray[np.float64]

KINDS = ("gain", "split", "permutation", "shap")


@dataclass(frozen=True, slots=True, eq=False)
class Importances:
    """The importance of every feature.

    Parameters
    ----------
    names : tuple of str
        Names of the f features.
    values : ndarray of shape (f,)
        Their importances, in the order of the features.
    kind : {"gain", "split", "permutation", "shap"}
        What they measure; see :func:`importances`.
    std : ndarray of shape (f,), optional
        Standard deviation over the repeats, for permutation importances.
    """

    names: tuple[str, ...]
    values: Array
    kind: str
    std: Array | None = None

    def order(self) -> NDArray[np.intp]:
        """Return the numbers of the features, the most important first."""
        return np.argsort(-self.values, kind="stable")

    def __repr__(self) -> str:
        pairs = [f"{self.names[j]} {self.values[j]:.3g}" for j in self.order()[:5]]
        more = ", ..." if len(self.names) > 5 else ""
        return f"Importances({self.kind}: {', '.join(pairs)}{more})"


def importances(
    model: Any,
    kind: str = "gain",
    X: Any = None,
    y: Any = None,
    *,
    sample_weight: ArrayLike | None = None,
    group: ArrayLike | None = None,
    scoring: Any = None,
    n_repeats: int = 5,
    random_state: Any = 0,
    background: Any = None,
) -> Importances:
    """Return how much each feature matters to a fitted model.

    Parameters
    ----------
    model : estimator or Ensemble
        A fitted estimator; for "gain" and "split" also an ensemble.
    kind : {"gain", "split", "permutation", "shap"}, default="gain"
        What is measured. "gain" is the share in the decrease of the objective by all
        splits, "split" the share of the splits themselves; both tell what training
        used, and favour features of many distinct values. "permutation" is by how much
        the score on the rows given drops when a feature is shuffled
        (:func:`sklearn.inspection.permutation_importance`); "shap" is the mean
        absolute contribution of a feature to the raw prediction of the rows given,
        summed over the outputs.
    X : array-like or frame of shape (n, f), optional
        Rows for "permutation" and "shap", best held-out ones.
    y : array-like of shape (n,), optional
        Their targets, for "permutation".
    sample_weight : array-like of shape (n,), optional
        Weights of the rows.
    group : array-like of shape (n,), optional
        Queries of the rows, for "permutation" of a ranker.
    scoring : str or callable, optional
        The score of "permutation"; by default the model's own. With `group` it is
        called as ``scoring(model, X, y, group=group)``.
    n_repeats : int, default=5
        How often "permutation" shuffles each feature.
    random_state : int, RandomState or None, default=0
        Source of the shuffles.
    background : array-like or frame, optional
        For "shap": rows that contributions are measured against; see
        ``predict_contributions`` of the model.

    Returns
    -------
    Importances
        Names and values of all features, in their order.

    Raises
    ------
    ValueError
        If `kind` is unknown, or needs rows that are not given.
    AttributeError
        If a hypothesis of the model has no splits.

    References
    ----------
    Breiman (2001), Random forests, section 10 (permutation).
    Lundberg, Erion, Lee (2018), Consistent individualized feature attribution for tree
    ensembles (SHAP).

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from boostlab import GradientBoostingRegressor
    >>> from boostlab.inspection import importances
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = GradientBoostingRegressor(random_state=0).fit(X, y)
    >>> found = importances(model)
    >>> found.names[found.order()[0]]
    's5'
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; give one of {list(KINDS)}.")
    subject = Subject.of(model)
    if kind in ("gain", "split"):
        shares = feature_importances(subject.ensemble, len(subject.names), kind)
        return Importances(subject.names, shares, kind)
    _check_rows(model, kind, X, y)
    if kind == "shap":
        values = _mean_contribution(model, X, sample_weight, background)
        return Importances(subject.names, values, kind)
    from sklearn.inspection import permutation_importance

    found = permutation_importance(
        reading_codes(model, [None] * len(subject.names)),
        model.encoder_.transform(X),
        np.asarray(y),
        scoring=scoring if group is None else _with_group(scoring, group),
        n_repeats=n_repeats,
        random_state=random_state,
        sample_weight=sample_weight,
    )
    mean, std = found["importances_mean"], found["importances_std"]
    return Importances(subject.names, mean, kind, std)


def _check_rows(model: Any, kind: str, X: Any, y: Any) -> None:
    """Refuse what a measure on rows cannot do without."""
    if isinstance(model, Ensemble):
        raise TypeError(
            f"An Ensemble cannot read rows, which kind={kind!r} needs; give the fitted "
            "estimator."
        )
    if X is None or (kind == "permutation" and y is None):
        what = "X and y" if kind == "permutation" else "X"
        raise ValueError(
            f"kind={kind!r} is measured on rows; give {what}, best those of held-out "
            "rows."
        )


def _with_group(scoring: Any, group: ArrayLike) -> Callable[..., float]:
    """Return the score of a ranker on rows of these queries."""
    if scoring is not None and not callable(scoring):
        raise ValueError(
            f"scoring={scoring!r} does not know of group; leave scoring out, or give a "
            "callable (model, X, y, group=...)."
        )
    group = np.asarray(group)

    def score(model: Any, X: Any, y: Any, **weights: Any) -> float:
        if scoring is None:
            return model.score(X, y, group=group, **weights)
        return scoring(model, X, y, group=group, **weights)

    return score


def _mean_contribution(
    model: Any, X: Any, sample_weight: ArrayLike | None, background: Any
) -> Array:
    """Return the mean absolute contribution of each feature, summed over outputs."""
    values = np.abs(contributions(model, X, background)[..., :-1])
    means = np.average(values, axis=0, weights=sample_weight)
    return means.reshape(-1, means.shape[-1]).sum(axis=0)


def feature_importances(
    ensemble: Ensemble, n_features: int, kind: str = "gain"
) -> Array:
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
