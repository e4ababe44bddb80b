"""Trees as other libraries lay them out, and as ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.learners.tree_arrays import TreeArrays
from boostlab.learners.trees import Trees


@dataclass(frozen=True, slots=True, eq=False)
class ForeignTree:
    """One tree, its nodes in any order, the root first.

    Parameters
    ----------
    feature : ndarray of shape (n_nodes,), int
        Split feature; -1 in leaves.
    left, right : ndarray of shape (n_nodes,), int
        Children; not read in leaves.
    threshold : ndarray of shape (n_nodes,)
        A row goes left where its value is at most this.
    missing_left : ndarray of shape (n_nodes,), bool
        Whether missing values go left.
    value : ndarray of shape (n_nodes, K)
        What leaves add; not read elsewhere.
    gain, weight : ndarray of shape (n_nodes,)
        Gain of the split, and weight of the rows that were there.
    subset : ndarray of shape (n_nodes,), int
        Which of `subsets` goes left; -1 where the split is numeric.
    subsets : ndarray of shape (n_subsets, 4), uint64
        Sets of category codes, as :class:`~boostlab.learners.tree_arrays.TreeArrays`
        has them.
    """

    feature: NDArray[Any]
    left: NDArray[Any]
    right: NDArray[Any]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    gain: NDArray[np.float64]
    weight: NDArray[np.float64]
    subset: NDArray[Any]
    subsets: NDArray[np.uint64]

    @property
    def n_nodes(self) -> int:
        """Number of nodes, those that cannot be reached included."""
        return len(self.feature)

    def arranged(self) -> TreeArrays:
        """Return the nodes that can be reached, level by level, siblings together.

        Raises
        ------
        ValueError
            If a child is no node, or a node is reached twice.
        """
        order, left = self._levels()
        inner = left >= 0
        subset = np.where(inner, self.subset[order], -1)
        by_set = subset >= 0
        numeric = inner & ~by_set
        return TreeArrays(
            feature=np.where(inner, self.feature[order], -1).astype(np.int32),
            left=left.astype(np.int32),
            threshold=np.where(numeric, self.threshold[order], 0.0),
            value=np.where(inner[:, None], 0.0, self.value[order]),
            gain=np.where(inner, self.gain[order], 0.0),
            weight=self.weight[order].astype(np.float64),
            bin=np.zeros(len(order), np.uint8),
            missing_left=(inner & self.missing_left[order]).astype(np.uint8),
            subset=np.where(by_set, np.cumsum(by_set) - 1, -1).astype(np.int32),
            subsets=self.subsets[subset[by_set]],
        )

    def _levels(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the nodes in their new order, and their new left children."""
        seen = np.zeros(self.n_nodes, bool)
        level, levels, lefts, n_placed = np.zeros(1, np.intp), [], [], 1
        while len(level):
            if seen[level].any() or len(np.unique(level)) < len(level):
                raise ValueError("a node of a tree has two parents")
            seen[level] = True
            inner = self.feature[level] >= 0
            above = level[inner]
            children = np.column_stack([self.left[above], self.right[above]]).ravel()
            if ((children < 0) | (children >= self.n_nodes)).any():
                raise ValueError("a child of a node of a tree does not exist")
            left = np.full(len(level), -1)
            left[inner] = n_placed + 2 * np.arange(len(above))
            n_placed += len(children)
            levels.append(level)
            lefts.append(left)
            level = children.astype(np.intp)
        return np.concatenate(levels), np.concatenate(lefts)


def code_sets(sets: Sequence[NDArray[Any]]) -> NDArray[np.uint64]:
    """Return sets of category codes as rows of 256 bits, shape (n_sets, 4).

    Raises
    ------
    ValueError
        If a code is none of 0 .. 255.
    """
    words = np.zeros((len(sets), 4), np.uint64)
    for row, codes in zip(words, sets, strict=True):
        codes = np.asarray(codes)
        if codes.min(initial=0) < 0 or codes.max(initial=0) > 255:
            raise ValueError(
                "it splits by categories beyond the code 255, which our trees cannot"
            )
        bits = np.uint64(1) << (codes % 64).astype(np.uint64)
        np.bitwise_or.at(row, codes // 64, bits)
    return words


@dataclass(frozen=True, slots=True, eq=False)
class ForeignRound:
    """The trees of one round: one an output, or one for all of them.

    Parameters
    ----------
    trees : sequence of ForeignTree
        In the order of the outputs.
    size : float or ndarray of shape (K,)
        Factor on the values of the leaves.
    """

    trees: Sequence[ForeignTree]
    size: Any = field(default=1.0)


def checked_trees(rounds: Sequence[ForeignRound], n_features: int) -> list[Trees]:
    """Return the hypotheses of the rounds, in our layout.

    Raises
    ------
    ValueError
        If anything in a tree is inconsistent.
    """
    if not rounds:
        return []
    made = [
        Trees(tuple(tree.arranged() for tree in done.trees), n_features)
        for done in rounds
    ]
    # Written and read as in a model file: that checks every number and every link.
    return Trees.unpack(*Trees.pack(made))
