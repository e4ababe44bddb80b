"""What a boosted vote shows about itself: edges, margins, and the trees in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from boostlab.objectives import ExponentialMargin

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class VoteFacts:
    """What can be read from a fitted model.

    Parameters
    ----------
    n_voters : int
        Number of boosting runs that the majority is taken of.
    n_examples : int
        Number of examples that the samples of the runs were made of.
    edges : tuple of ndarray
        The edges of each run by round, those of rounds that were left out included;
        none where they are not recorded.
    failed : bool
        Whether there was a round without an edge, which was not recorded.
    delivered : tuple of ndarray
        The edges of the rounds that are in the model, where `plain`.
    margins : ndarray of shape (n_voters, m)
        Normalised margins, or no rows of it.
    least_margins : ndarray of shape (n_voters,)
        Least margin of each of several runs on its own sample; NaN where it has none.
    plain : bool
        Whether all steps are those of AdaBoost.
    shape : tuple of int or None
        Number of features and greatest number of leaves, where all weak learners
        are trees on numbers.
    hard : bool
        Whether the majority is one of labels.
    scheme : str or None
        That of :class:`.weak_to_strong.WeakToStrong`; None for a single run.
    """

    n_voters: int
    n_examples: int
    edges: tuple[Array, ...]
    failed: bool
    delivered: tuple[Array, ...]
    margins: Array
    least_margins: Array
    plain: bool
    shape: tuple[int, int] | None
    hard: bool
    scheme: str | None


def vote_facts(model: Any, X: Any, y: NDArray[Any]) -> VoteFacts:
    """Return the facts of a fitted model on rows and labels."""
    runs, hard, scheme = [model], True, None
    if hasattr(model, "voters_"):
        runs = model.voters_
        if len(runs) > 1:
            hard, scheme = model.vote == "hard", model.scheme
    margins = [margins_of(run, X, y) for run in runs]
    edges = [edges for run in runs if (edges := edges_of(run)) is not None]
    delivered = [_delivered(run) for run in runs]
    shapes = [tree_shape(run) for run in runs]
    known = [margin for margin in margins if margin is not None]
    whole = len(known) == len(runs) > 0
    shape = None
    if shapes and None not in shapes:
        shape = (max(s[0] for s in shapes), max(s[1] for s in shapes))
    return VoteFacts(
        n_voters=max(1, len(runs)),
        n_examples=getattr(model, "n_examples_", len(y)),
        edges=tuple(edges) if len(edges) == len(runs) else (),
        failed=any(map(_failed_unrecorded, runs)),
        delivered=tuple(d for d in delivered if d is not None),
        margins=np.array(known) if whole else np.empty((0, len(y))),
        least_margins=getattr(model, "least_margins_", np.empty(0)),
        plain=all(map(_is_plain, runs, delivered)),
        shape=shape,
        hard=hard,
        scheme=scheme,
    )


def edges_of(run: Any) -> Array | None:
    """Return the edge of each round that was run; None if they were not recorded."""
    if hasattr(run, "weak_learner_edge_"):
        return np.asarray(run.weak_learner_edge_, np.float64)
    if hasattr(run, "estimator_errors_") and len(run.classes_) == 2:
        errors = np.asarray(run.estimator_errors_, np.float64)
        return 1.0 - 2.0 * errors[: len(run.estimators_)]
    return None


def _failed_unrecorded(run: Any) -> bool:
    """Whether a round without an edge ended the fit, of which no edge was kept.

    scikit-learn's AdaBoost throws the learner of such a round away. It has place for
    the errors of all rounds that it was to run, and ends early otherwise only where a
    learner makes no error, or the weights overflow.
    """
    if not hasattr(run, "estimator_errors_"):
        return False
    n_rounds = len(run.estimators_)
    return n_rounds < len(run.estimator_errors_) and (
        run.estimator_errors_[n_rounds - 1] > 0
    )


def _delivered(run: Any) -> Array | None:
    """Return the edges of the rounds that are in the model; None if not recorded.

    Others may have been run and left out.
    """
    edges = edges_of(run)
    if edges is None or not hasattr(run, "ensemble_"):
        return edges
    return run.estimator_edges_


def margins_of(run: Any, X: Any, y: NDArray[Any]) -> Array | None:
    """Return the normalised margin of each row; None if the run is no such vote.

    It is the weight of the weak learners that are right less that of the others, as
    a share of the weight of all.
    """
    if len(run.classes_) != 2:
        return None
    if hasattr(run, "weak_learner_edge_"):
        if not run._recipe.votes:  # sums of numbers without a bound
            return None
        return np.asarray(run.margins(X, y), np.float64)
    if not hasattr(run, "estimator_weights_"):
        return None
    # The learners were given arrays, too, and would warn of names.
    X = check_array(
        X, accept_sparse=("csr", "csc"), dtype=None, ensure_all_finite=False
    )
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


def _is_plain(run: Any, edges: Array | None) -> bool:
    """Whether weights and steps are AdaBoost's: half the log odds of being right."""
    if edges is None or len(edges) == 0:
        return False
    if hasattr(run, "ensemble_"):
        if not (run._recipe.votes and isinstance(run.objective_, ExponentialMargin)):
            return False
        sizes = np.array([done.size for done in run.ensemble_.rounds])
    else:
        sizes = run.estimator_weights_[: len(edges)] / 2
    if len(sizes) != len(edges):
        return False
    if len(edges) == 1 and edges[0] == 1:  # of one that is always right, any size
        return True
    inside = (np.abs(edges) < 1).all()
    return bool(inside and np.allclose(sizes, np.arctanh(edges), rtol=1e-5, atol=0))
