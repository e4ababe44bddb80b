"""What a boosted vote shows about itself: edges, margins, and the trees in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

OPTIMAL = {
    "majority": (
        "at most of order d / (gamma^2 m) in expectation",
        "Hogsgaard, Larsen, Mathiasen 2024, for five parts; Hogsgaard, Larsen 2025, "
        "for three",
    ),
    "bagging": (
        "at most of order d / (gamma^2 m) + ln(1 / delta) / m with probability "
        "1 - delta, for a number of bootstraps of order ln(m / delta)",
        "Larsen 2023",
    ),
    "subsample": (
        "at most of order d / (gamma^2 m) + ln(1 / delta) / m with probability "
        "1 - delta, where every sub-sample has a voter and its margins are large",
        "Larsen, Ritzert 2022",
    ),
}
"""What is proved of each scheme of :class:`.weak_to_strong.WeakToStrong`."""


@dataclass(frozen=True, slots=True, eq=False)
class VoteFacts:
    """What can be read from a fitted model.

    Parameters
    ----------
    n_voters : int
        Number of boosting runs that the majority is taken of.
    edges : tuple of ndarray
        The edges of each run by round; none where they are not recorded.
    margins : ndarray of shape (n_voters, m)
        Normalised margins, or no rows of it.
    plain : bool
        Whether all steps are those of AdaBoost.
    shape : tuple of int or None
        Number of features and greatest number of leaves, where all weak learners
        are trees on numbers.
    hard : bool
        Whether the majority is one of labels.
    optimal : tuple of str or None
        What is proved of the scheme, and where.
    """

    n_voters: int
    edges: tuple[Array, ...]
    margins: Array
    plain: bool
    shape: tuple[int, int] | None
    hard: bool
    optimal: tuple[str, str] | None


def vote_facts(model: Any, X: Any, y: NDArray[Any]) -> VoteFacts:
    """Return the facts of a fitted model on rows and labels."""
    runs, hard, optimal = [model], True, None
    if hasattr(model, "voters_"):
        runs, hard = model.voters_, model.vote == "hard" or len(model.voters_) == 1
        optimal = OPTIMAL.get(model.scheme) if hard else None
    margins = [margins_of(run, X, y) for run in runs]
    edges = [edges for run in runs if (edges := edges_of(run)) is not None]
    shapes = [tree_shape(run) for run in runs]
    known = [margin for margin in margins if margin is not None]
    whole = len(known) == len(runs) > 0
    shape = None
    if shapes and None not in shapes:
        shape = (max(s[0] for s in shapes), max(s[1] for s in shapes))
    return VoteFacts(
        n_voters=max(1, len(runs)),
        edges=tuple(edges) if len(edges) == len(runs) else (),
        margins=np.array(known) if whole else np.empty((0, len(y))),
        plain=all(map(_is_plain, runs)),
        shape=shape,
        hard=hard,
        optimal=optimal,
    )


def edges_of(run: Any) -> Array | None:
    """Return the edge of each round of a boosting run; None if it recorded none."""
    if hasattr(run, "weak_learner_edge_"):
        return np.asarray(run.weak_learner_edge_, np.float64)
    if hasattr(run, "estimator_errors_") and len(run.classes_) == 2:
        errors = np.asarray(run.estimator_errors_, np.float64)
        return 1.0 - 2.0 * errors[: len(run.estimators_)]
    return None


def margins_of(run: Any, X: Any, y: NDArray[Any]) -> Array | None:
    """Return the normalised margin of each row; None if the run is no such vote.

    It is the weight of the weak learners that are right less that of the others, as
    a share of the weight of all.
    """
    if len(run.classes_) != 2:
        return None
    if hasattr(run, "margins"):
        if not run._recipe.votes:  # sums of numbers without a bound
            return None
        return np.asarray(run.margins(X, y), np.float64)
    if not hasattr(run, "estimator_weights_"):
        return None
    weight = run.estimator_weights_[: len(run.estimators_)]
    right = sum(
        share * np.where(learner.predict(X) == y, 1.0, -1.0)
        for share, learner in zip(weight / weight.sum(), run.estimators_, strict=True)
    )
    return np.clip(right, -1.0, 1.0)


def tree_shape(run: Any) -> tuple[int, int] | None:
    """Return the number of features and the greatest number of leaves.

    None unless all weak learners are trees whose features and cuts do not come from
    the labels, so that all such trees can be counted.
    """
    if hasattr(run, "estimators_"):
        leaves = [_n_leaves(tree) for tree in run.estimators_]
        n_features = run.n_features_in_
    elif hasattr(run, "ensemble_"):
        if run.encoder_.categorical_.any():  # numbered, or split, by their labels
            return None
        leaves = [_most_leaves(done.hypothesis) for done in run.ensemble_.rounds]
        n_features = run.n_features_in_
    else:
        return None
    if not leaves or None in leaves:
        return None
    return int(n_features), max(leaves)


def _n_leaves(tree: Any) -> int | None:
    """Return the leaves of a tree of scikit-learn."""
    return int(tree.get_n_leaves()) if hasattr(tree, "get_n_leaves") else None


def _most_leaves(hypothesis: Any) -> int | None:
    """Return the leaves of the largest of a round's trees; None without trees."""
    trees: Sequence[Any] = getattr(hypothesis, "trees", ())
    return max((tree.n_nodes // 2 + 1 for tree in trees), default=None)


def _is_plain(run: Any) -> bool:
    """Whether the steps are half the log odds of a weak learner's being right."""
    rate = getattr(run, "learning_rate", None)
    if hasattr(run, "estimator_weights_") and not hasattr(run, "ensemble_"):
        return rate == 1
    return getattr(run, "algorithm", None) == "samme" and rate == 1
