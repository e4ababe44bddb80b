"""The trees in a LightGBM model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.persistence.interchange.trees import ForeignTree, code_sets

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_NO_MISSING, _ZERO_MISSING, _NAN_MISSING = 0, 1, 2
_ZERO = float(np.float32(1e-35))
"""What is no larger counts as zero in LightGBM (``kZeroThreshold``)."""
_MAX_NODES = 1 << 20


def read_tree(block: Mapping[str, str]) -> ForeignTree:
    """Return the tree of one block of lines, as a mapping of key to text.

    Splits come first, then leaves.

    Raises
    ------
    ValueError
        If anything is missing or inconsistent, or leaves are linear models.
    """
    n_leaves = int(block["num_leaves"])
    if not 1 <= n_leaves <= _MAX_NODES:
        raise ValueError(f"a tree has {n_leaves} leaves")
    n_splits = n_leaves - 1
    values = _numbers(block, "leaf_value", np.float64, n_leaves)
    if block.get("is_linear", "0") == "1":
        values = _constants(block, n_leaves)
    decision = _numbers(block, "decision_type", np.int64, n_splits)
    threshold = _numbers(block, "threshold", np.float64, n_splits)
    left, right = (
        # A negative child is the leaf of its complement.
        np.where(child < 0, n_splits - 1 - child, child)
        for child in (
            _numbers(block, f"{side}_child", np.int64, n_splits)
            for side in ("left", "right")
        )
    )
    missing = (decision >> 2) & 3
    by_set = (decision & _CATEGORICAL) > 0
    if (missing > _NAN_MISSING).any():
        raise ValueError("a split of a tree treats missing values in an unknown way")
    missing_left = np.where(
        missing == _NO_MISSING, threshold >= 0.0, (decision & _DEFAULT_LEFT) > 0
    )
    subset, subsets = _subsets(block, by_set, threshold)

    def padded(splits: NDArray[Any], fill: float) -> NDArray[Any]:
        return np.concatenate([splits, np.full(n_leaves, fill, splits.dtype)])

    tree = ForeignTree(
        feature=padded(_features(block, n_splits), -1),
        left=padded(left, -1),
        right=padded(right, -1),
        threshold=padded(threshold, 0),
        missing_left=padded(missing_left & ~by_set, False),
        value=np.concatenate([np.zeros(n_splits), values])[:, None],
        gain=padded(_statistic(block, "split_gain", n_splits), 0),
        weight=np.concatenate(
            [
                _statistic(block, "internal_count", n_splits),
                _statistic(block, "leaf_count", n_leaves),
            ]
        ),
        subset=padded(subset, -1),
        subsets=subsets,
    )
    return _zeros_parted(tree, (missing == _ZERO_MISSING) & ~by_set)


def _features(block: Mapping[str, str], n_splits: int) -> NDArray[np.int64]:
    feature = _numbers(block, "split_feature", np.int64, n_splits)
    if feature.min(initial=0) < 0:
        raise ValueError("a split of a tree has a negative feature")
    return feature


def _subsets(
    block: Mapping[str, str], by_set: NDArray[np.bool_], threshold: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Return which set each split sends left, -1 for none, and the sets."""
    subset = np.full(len(by_set), -1)
    if not by_set.any():
        return subset, code_sets([])
    bounds = _numbers(block, "cat_boundaries", np.int64, None)
    words = _numbers(block, "cat_threshold", np.uint32, None)
    which = threshold[by_set]
    exists = (which >= 0) & (which < len(bounds) - 1) & (which == np.floor(which))
    ascending = (np.diff(bounds) >= 0).all()
    if not exists.all() or not ascending or bounds[0] != 0 or bounds[-1] > len(words):
        raise ValueError("a set of categories of a tree does not exist")
    subset[by_set] = np.arange(by_set.sum())
    sets = []
    for k in which.astype(int):
        bits = words[bounds[k] : bounds[k + 1]].astype("<u4").view(np.uint8)
        sets.append(np.flatnonzero(np.unpackbits(bits, bitorder="little")))
    return subset, code_sets(sets)


def _constants(block: Mapping[str, str], n_leaves: int) -> NDArray[np.float64]:
    """Return the constants of leaves that are linear models without features."""
    if _numbers(block, "num_features", np.int64, n_leaves).any():
        raise ValueError("it has linear models in its leaves, which are not read yet")
    return _numbers(block, "leaf_const", np.float64, n_leaves)


def _zeros_parted(tree: ForeignTree, zero_missing: NDArray[np.bool_]) -> ForeignTree:
    """Return the tree with splits that take zeros for missing made into plain ones.

    Such a split sends what is missing or zero one way and compares the rest. Where
    zeros belong on that side anyway, it is a plain split. Else it becomes up to three,
    one below zero, one at zero and one above, and the side that lies around zero is
    there twice.

    Raises
    ------
    ValueError
        If the tree would become too large.
    """
    split = np.flatnonzero(zero_missing)
    threshold, default_left = tree.threshold[split], tree.missing_left[split]
    whole = np.where(default_left, threshold >= _ZERO, threshold < -_ZERO)
    rest = split[~whole]
    if not len(rest):
        return tree
    return _Unfolding(tree, set(rest.tolist())).result()


class _Unfolding:
    """A tree that grows copies of its branches.

    Parameters
    ----------
    tree : ForeignTree
        The tree.
    split_by_zero : set of int
        Nodes whose zeros go the other way than their neighbours.
    """

    def __init__(self, tree: ForeignTree, split_by_zero: set[int]) -> None:
        self.tree = tree
        self.split_by_zero = split_by_zero
        self.source: list[int] = []  # the node whose contents each new node has
        self.threshold: list[float] = []
        self.children: list[tuple[int, int]] = []

    def result(self) -> ForeignTree:
        """Return the new tree; its root comes first."""
        waiting = [(0, self._place(0))]
        while waiting:
            node, here = waiting.pop()
            if self.tree.feature[node] < 0:
                continue
            left, right = int(self.tree.left[node]), int(self.tree.right[node])
            for child, place in self._parted(node, here, left, right):
                waiting.append((child, place))
        at = np.array(self.source)
        left, right = np.array(self.children).T
        own = {
            name: getattr(self.tree, name)[at]
            for name in ("feature", "missing_left", "value", "gain", "weight", "subset")
        }
        threshold = np.array(self.threshold)
        return replace(self.tree, left=left, right=right, threshold=threshold, **own)

    def _parted(
        self, node: int, here: int, left: int, right: int
    ) -> list[tuple[int, int]]:
        """Split the new node `here` as `node`; return the old and new children."""
        if node not in self.split_by_zero:
            ends = [left, right]
            self.children[here] = places = tuple(map(self._place, ends))
            return list(zip(ends, places, strict=True))
        threshold = self.tree.threshold[node]
        zero = left if self.tree.missing_left[node] else right
        below_zero = np.nextafter(-_ZERO, -np.inf)
        # Where each interval between the bounds goes.
        bounds = sorted({below_zero, _ZERO, threshold})
        ends = [left if bound <= threshold else right for bound in bounds] + [right]
        ends[bounds.index(_ZERO)] = zero
        if below_zero < threshold < _ZERO:
            ends[bounds.index(threshold)] = zero
        return self._chain(node, here, bounds, ends)

    def _chain(
        self, node: int, here: int, bounds: list[float], ends: list[int]
    ) -> list[tuple[int, int]]:
        """Make a chain of splits by ascending bounds that lead to `ends`."""
        kept = [i for i in range(len(bounds)) if ends[i] != ends[i + 1]]
        bounds, ends = [bounds[i] for i in kept], [ends[i] for i in kept] + [ends[-1]]
        placed = []
        for i, bound in enumerate(bounds):
            self.threshold[here] = bound
            left = self._place(ends[i])
            placed.append((ends[i], left))
            last = i == len(bounds) - 1
            right = self._place(ends[i + 1] if last else node)
            if last:
                placed.append((ends[i + 1], right))
            self.children[here] = (left, right)
            here = right
        return placed

    def _place(self, node: int) -> int:
        """Append a copy of `node`, its children to be set, and return its place."""
        if len(self.source) >= _MAX_NODES:
            raise ValueError(
                "it takes zeros for missing in splits so deep that a tree would have "
                f"more than {_MAX_NODES} nodes"
            )
        if not 0 <= node < self.tree.n_nodes:
            raise ValueError("a child of a node of a tree does not exist")
        self.source.append(node)
        self.threshold.append(float(self.tree.threshold[node]))
        self.children.append((-1, -1))
        return len(self.source) - 1


def _statistic(block: Mapping[str, str], name: str, count: int) -> NDArray[np.float64]:
    """Return numbers that not all versions write; else zeros."""
    if not block.get(name):
        return np.zeros(count)
    return _numbers(block, name, np.float64, count)


def _numbers(
    block: Mapping[str, str], name: str, dtype: Any, count: int | None
) -> NDArray[Any]:
    """Return a line of numbers, so many if `count` is not None."""
    words = block[name].split()
    if count is not None and len(words) != count:
        raise ValueError(f"a tree has {len(words)} numbers {name!r}, not {count}")
    try:
        return np.array(words, dtype=dtype) if words else np.zeros(0, dtype)
    except OverflowError as error:
        raise ValueError(f"a number in {name!r} of a tree is too large") from error
