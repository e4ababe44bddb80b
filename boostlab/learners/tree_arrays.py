"""The nodes of fitted trees, and many trees as few arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.learners.tree_check import check_forest_arrays


@dataclass(frozen=True, slots=True, eq=False)
class TreeArrays:
    """The nodes of one tree.

    The children of node ``i`` are ``left[i]`` and ``left[i] + 1``, both after it; a
    leaf has ``feature`` and ``left`` of -1. A row goes left where its value is at most
    ``threshold``, or where the value is missing and ``missing_left`` is 1. A node
    with ``subset`` of at least 0 splits categories instead: the value is a code, its
    integer part counting, and goes left if that bit of ``subsets[subset]`` is set;
    codes outside 0 .. 255 go right.

    Parameters
    ----------
    feature, left : ndarray of shape (n_nodes,), int32
        Split feature and left child.
    threshold, gain, weight : ndarray of shape (n_nodes,)
        Split threshold, decrease of the objective by the split (0 for leaves), and
        total sample weight.
    value : ndarray of shape (n_nodes, K)
        Values of the leaf, 0 for inner nodes; K is 1 or, where all outputs share the
        tree, the number of outputs.
    bin, missing_left : ndarray of shape (n_nodes,), uint8
        Last bin on the left, and where missing values go.
    subset : ndarray of shape (n_nodes,), int32
        Which of `subsets` the node splits by; -1 in leaves and numeric splits.
    subsets : ndarray of shape (n_subsets, 4), uint64
        Sets of 256 bits: bit ``c % 64`` of word ``c // 64`` is code c.
    """

    feature: NDArray[np.int32]
    left: NDArray[np.int32]
    threshold: NDArray[np.float64]
    value: NDArray[np.float64]
    gain: NDArray[np.float64]
    weight: NDArray[np.float64]
    bin: NDArray[np.uint8]
    missing_left: NDArray[np.uint8]
    subset: NDArray[np.int32]
    subsets: NDArray[np.uint64]

    @classmethod
    def empty(
        cls, capacity: int, n_outputs: int = 1, subsets: bool = False
    ) -> TreeArrays:
        """Return blank arrays for `capacity` nodes, with room for sets or not."""
        return cls(
            feature=np.empty(capacity, np.int32),
            left=np.empty(capacity, np.int32),
            threshold=np.empty(capacity),
            value=np.empty((capacity, n_outputs)),
            gain=np.empty(capacity),
            weight=np.empty(capacity),
            bin=np.empty(capacity, np.uint8),
            missing_left=np.empty(capacity, np.uint8),
            subset=np.full(capacity, -1, np.int32),
            subsets=np.empty((capacity // 2 if subsets else 0, 4), np.uint64),
        )

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.feature)

    @property
    def n_outputs(self) -> int:
        """Number of values a leaf has."""
        return self.value.shape[1]

    def outputs(self) -> tuple[NDArray[Any], ...]:
        """Return the arrays as the core fills them, in its order."""
        return (
            self.feature,
            self.left,
            self.threshold,
            self.value,
            self.gain,
            self.weight,
            self.bin,
            self.missing_left,
            self.subset,
            self.subsets,
        )

    def head(self, n_nodes: int) -> TreeArrays:
        """Return the first `n_nodes` nodes and the sets they split by.

        They are a copy, or the tree itself where it has no more than these.
        """
        n_subsets = self.subset[:n_nodes].max(initial=-1) + 1
        if n_nodes == self.n_nodes and n_subsets == len(self.subsets):
            return self
        return TreeArrays(
            **{name: getattr(self, name)[:n_nodes].copy() for name in NODE},
            subsets=self.subsets[:n_subsets].copy(),
        )


NODE = tuple(each.name for each in fields(TreeArrays) if each.name != "subsets")
"""The arrays of a tree that have an entry a node."""

_COUNTS = ("n_nodes", "n_trees")
_SUBSETS = ("subset", "subsets", "n_subsets")


def starts_of(sizes: Sequence[int]) -> NDArray[np.int64]:
    """Return where groups of the given sizes begin, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def joined_subsets(trees: Sequence[TreeArrays]) -> NDArray[np.int32]:
    """Return ``subset`` of all trees, counted through the sets of all of them."""
    first = starts_of([len(tree.subsets) for tree in trees])[:-1]
    moved = [
        np.where(tree.subset < 0, -1, tree.subset + begin)
        for tree, begin in zip(trees, first, strict=True)
    ]
    return np.concatenate(moved).astype(np.int32)


def pack_trees(groups: Sequence[Sequence[TreeArrays]]) -> dict[str, NDArray[Any]]:
    """Return groups of trees as few arrays, for model files.

    Arrays of sets are there only if a tree splits by one, and ``widths`` only if trees
    differ in the number of values of a leaf; the fewer are then padded with zeros.
    """
    trees = [tree for group in groups for tree in group]
    names = [name for name in NODE if name not in ("subset", "value")]
    arrays = {
        name: np.concatenate([getattr(tree, name) for tree in trees]) for name in names
    }
    widths = [tree.n_outputs for tree in trees]
    arrays["value"] = np.concatenate([_padded(t.value, max(widths)) for t in trees])
    if min(widths) < max(widths):
        arrays["widths"] = np.array(widths, dtype=np.int64)
    if any(len(tree.subsets) for tree in trees):
        for name in ("subset", "subsets"):
            arrays[name] = np.concatenate([getattr(tree, name) for tree in trees])
        arrays["n_subsets"] = np.array([len(t.subsets) for t in trees], dtype=np.int64)
    arrays["n_nodes"] = np.array([tree.n_nodes for tree in trees], dtype=np.int64)
    arrays["n_trees"] = np.array([len(group) for group in groups], dtype=np.int64)
    return arrays


def unpack_trees(
    arrays: dict[str, NDArray[Any]], n_features: int
) -> list[tuple[TreeArrays, ...]]:
    """Build what :func:`pack_trees` packed; anything inconsistent raises ValueError.

    A group holds trees of one value a leaf, or a single tree.
    """
    arrays = dict(arrays)
    wanted = {name for name in NODE if name != "subset"} | set(_COUNTS)
    if "subsets" in arrays:
        wanted |= set(_SUBSETS)
    if set(arrays) - {"widths"} != wanted:
        raise ValueError(f"Trees need the arrays {sorted(wanted)}.")
    n_nodes, n_trees = (arrays.pop(name) for name in _COUNTS)
    starts = _starts(n_nodes, len(arrays["feature"]), "nodes")
    subsets, n_subsets = _pop_subsets(arrays, len(n_nodes))
    widths = _pop_widths(arrays, len(n_nodes))
    check_forest_arrays(
        starts,
        **arrays,
        n_subsets=n_subsets,
        n_features=n_features,
        n_outputs=int(widths.max(initial=1)),
    )
    bits = starts_of(n_subsets)
    trees = [
        TreeArrays(
            **{
                name: array[begin:end, :width] if name == "value" else array[begin:end]
                for name, array in arrays.items()
            },
            subsets=subsets[bits[i] : bits[i + 1]],
        )
        for i, ((begin, end), width) in enumerate(
            zip(pairwise(starts), widths, strict=True)
        )
    ]
    ends = _starts(n_trees, len(trees), "trees")
    groups = [tuple(trees[begin:end]) for begin, end in pairwise(ends)]
    if any(len(group) > 1 and max(t.n_outputs for t in group) > 1 for group in groups):
        raise ValueError("A tree of several outputs is not the only one of its round.")
    return groups


def _padded(value: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Return values with columns of zeros added up to `width`."""
    return np.pad(value, ((0, 0), (0, width - value.shape[1])))


def _pop_widths(arrays: dict[str, NDArray[Any]], n_trees: int) -> NDArray[np.int64]:
    """Take out how many values a leaf of each tree has, shape (n_trees,)."""
    value = arrays["value"]
    most = value.shape[1] if value.ndim == 2 else 0
    widths = arrays.pop("widths", np.full(n_trees, most))
    if most < 1 or widths.dtype != np.int64 or widths.shape != (n_trees,):
        raise ValueError("The leaves of trees have at least one value each.")
    if (widths < 1).any() or widths.max(initial=most) != most:
        raise ValueError(f"The leaves of trees have 1 to {most} values each.")
    return widths


def _pop_subsets(
    arrays: dict[str, NDArray[Any]], n_trees: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Take out the sets of all trees, and how many each tree has.

    ``subset`` stays in `arrays`, or is put there.
    """
    if "subsets" not in arrays:
        arrays["subset"] = np.full(len(arrays["feature"]), -1, dtype=np.int32)
        return np.empty((0, 4), np.uint64), np.zeros(n_trees, np.int64)
    subsets, counts = arrays.pop("subsets"), arrays.pop("n_subsets")
    if subsets.dtype != np.uint64 or subsets.ndim != 2 or subsets.shape[1] != 4:
        raise ValueError("The sets of trees are not rows of four 64-bit words.")
    if counts.dtype != np.int64 or counts.shape != (n_trees,) or (counts < 0).any():
        raise ValueError("The numbers of sets must be 64-bit integers of at least 0.")
    if (counts > len(subsets)).any() or counts.sum() != len(subsets):
        raise ValueError(f"The numbers of sets do not add up to {len(subsets)}.")
    return subsets, counts


def _starts(counts: NDArray[Any], total: int, what: str) -> NDArray[np.int64]:
    """Return the offsets of groups of the given sizes."""
    if counts.dtype != np.int64 or counts.ndim != 1 or (counts < 1).any():
        raise ValueError(f"The numbers of {what} must be positive 64-bit integers.")
    if (counts > total).any() or counts.sum() != total:
        raise ValueError(f"The numbers of {what} do not add up to {total}.")
    return starts_of(counts)
