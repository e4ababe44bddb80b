"""Trees that vote for classes."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from boostlab.contributions import Cells
from boostlab.learners.external import VOTE_KINDS, votes_of_shares
from boostlab.learners.tree import Tree
from boostlab.learners.trees import Trees
from boostlab.pieces import Piece
from boostlab.registry import register
from boostlab.state import State, Target

Array = NDArray[np.float64]


@register("learner:tree_votes")
class TreeVotes(Piece):
    """A histogram tree that fits labels with weights, and votes.

    The tree fits the codes of the classes by weighted least squares: -1 and 1 for two
    classes, an indicator of each for more, in one tree. Up to a constant factor the
    gain of a split is then that of Gini's index. A leaf votes for the class that has
    most of its weight.

    Parameters
    ----------
    tree : Tree
        What is grown. Leaf sizes are measured in sample weights and not in those of the
        round; with ``min_samples_leaf=0`` they are not measured at all, and histograms
        need less memory traffic.
    predict : {"labels", "proba", "log_odds"}, default="labels"
        What a leaf contributes: its class in SAMME's code, or the shares of the classes
        instead, or ``(K - 1) (log p_k - mean(log p))``, which is half the log odds for
        two classes (Real AdaBoost).
    """

    accepts = frozenset({"labels"})
    allows_missing = True
    partitions = True

    def __init__(self, tree: Tree, predict: str = "labels"):
        self.tree = tree
        self.predict = predict

    def validate(self) -> None:
        """Check the tree and what it contributes; raise TypeError or ValueError."""
        if not isinstance(self.tree, Tree):
            raise TypeError(
                f"tree of TreeVotes is {self.tree!r:.200}; give a boostlab tree."
            )
        self.tree.validate()
        if self.predict not in VOTE_KINDS:
            raise ValueError(
                f"predict is {self.predict!r}; give one of {list(VOTE_KINDS)}."
            )

    def fit(self, target: Target, state: State) -> tuple[Trees, Cells]:
        """Grow the tree; see :class:`boostlab.protocols.WeakLearner`."""
        n_classes = max(2, state.raw_prediction.shape[1])
        codes = _codes(target.labels, n_classes)
        tree = self.tree
        if n_classes > 2:
            tree = copy.copy(tree)
            tree.multi_strategy = "shared"
        grown, cells = tree.fit(self._derivatives(target, state, codes), state)
        ids, nodes = cells.ids[0], grown.trees[0]
        share = _shares(target, ids, codes, nodes.value)
        votes = votes_of_shares(share, self.predict)[
            :, -state.raw_prediction.shape[1] :
        ]
        votes[nodes.feature >= 0] = 0.0
        voting = replace(grown, trees=(replace(nodes, value=votes),))
        return voting, Cells(cells.ids, (votes,))

    def _derivatives(self, target: Target, state: State, codes: Array) -> Target:
        """Return the least-squares target whose fit are the codes."""
        # As heavy as the rows themselves, so that regularisation means the same.
        total = state.weight.sum() if target.table is state.table else 1.0
        weight = target.weight * (total / target.weight.sum())
        sized = self.tree.min_samples_leaf != 0 and target.table is state.table
        measured = sized or not weight.min() > 0  # weights of 0 are only hessians
        size = state.weight if target.table is state.table else np.ones(len(weight))
        return Target(
            target.table,
            size if measured else weight,
            gradient=np.asfortranarray(-weight[:, None] * codes),
            hessian=_columns(weight, codes.shape[1]) if measured else None,
            rows=target.rows,
            features=target.features,
        )


def _columns(weight: Array, n_outputs: int) -> Array:
    """Return the weights once for each output, output-major in memory."""
    return np.asfortranarray(np.broadcast_to(weight[:, None], (len(weight), n_outputs)))


def _codes(labels: NDArray[np.float64], n_classes: int) -> Array:
    """Return -1 or 1, shape (n, 1), or an indicator of each class, (n, K)."""
    if n_classes == 2:
        return 2.0 * labels[:, None] - 1.0
    return (labels[:, None] == np.arange(n_classes)).astype(np.float64)


def _shares(
    target: Target, ids: NDArray[np.int32], codes: Array, value: Array
) -> Array:
    """Return the weighted share of each class in each node, shape (n_nodes, K).

    Sums are those of the weights themselves, not of the tree's fixed-point numbers. A
    leaf without weight has what the tree made of it.
    """
    weight, n_nodes = target.weight, len(value)
    if target.rows is not None:
        ids, weight, codes = ids[target.rows], weight[target.rows], codes[target.rows]
    total = np.bincount(ids, weights=weight, minlength=n_nodes)
    sums = np.column_stack(
        [np.bincount(ids, weights=weight * code, minlength=n_nodes) for code in codes.T]
    )
    known = total > 0
    mean = np.array(value)
    np.divide(sums, total[:, None], out=mean, where=known[:, None])
    if codes.shape[1] == 1:
        second = np.clip(0.5 * (1.0 + mean[:, 0]), 0.0, 1.0)
        return np.column_stack([1.0 - second, second])
    return np.clip(mean, 0.0, 1.0)
