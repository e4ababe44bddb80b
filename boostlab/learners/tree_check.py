"""Checks that arrays from a file or a user are trees, before C ever sees them.

Trees are stored one after another in long arrays, as in a model file. Node indices
are relative to the tree's first node; the children of node i are ``left[i]`` and
``left[i] + 1``, both greater than i; a leaf has feature -1 and left -1.

A node index greater than its parent's rules out cycles, and exactly one parent for
every node but the root rules out shared and unreachable nodes: what passes is a tree,
so walking it ends at a leaf. All of it is a handful of array operations, whatever the
number of trees.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_DTYPES = {
    "feature": np.int32,
    "left": np.int32,
    "threshold": np.float64,
    "value": np.float64,
    "gain": np.float64,
    "weight": np.float64,
    "bin": np.uint8,
    "missing_left": np.uint8,
    "subset": np.int32,
}
_OPTIONAL = ("gain", "weight", "bin", "missing_left", "subset")


def check_tree_arrays(
    feature: NDArray[np.int32],
    left: NDArray[np.int32],
    threshold: NDArray[np.float64],
    value: NDArray[np.float64],
    gain: NDArray[np.float64] | None = None,
    weight: NDArray[np.float64] | None = None,
    bin: NDArray[np.uint8] | None = None,
    missing_left: NDArray[np.uint8] | None = None,
    subset: NDArray[np.int32] | None = None,
    *,
    n_subsets: int = 0,
    n_features: int,
    n_outputs: int,
) -> int:
    """Check the arrays of one tree and return its depth.

    Parameters
    ----------
    feature : ndarray of shape (n_nodes,), int32
        Feature that the node splits on; -1 in leaves.
    left : ndarray of shape (n_nodes,), int32
        Left child, the right one being the next node; -1 in leaves.
    threshold : ndarray of shape (n_nodes,), float64
        A row goes left if its value is at most this; not NaN, infinities allowed.
    value : ndarray of shape (n_nodes, n_outputs), float64
        What a node predicts; finite.
    gain, weight : ndarray of shape (n_nodes,), float64, optional
        Reduction of the loss by the split, and sum of sample weights; finite.
    bin, missing_left : ndarray of shape (n_nodes,), uint8, optional
        Bin of the threshold, and whether missing values go left (0 or 1).
    subset : ndarray of shape (n_nodes,), int32, optional
        Set of categories that the node splits by; -1 in leaves and numeric splits.
    n_subsets : int, default=0
        Number of sets; every entry of `subset` is below it.
    n_features : int
        Features of the table; every split feature is below it.
    n_outputs : int
        Columns of `value`.

    Returns
    -------
    int
        Steps from the root to the deepest leaf, 0 for a lone leaf.

    Raises
    ------
    ValueError
        With one sentence about the first fault found.
    """
    n_nodes = feature.shape[0] if getattr(feature, "ndim", 0) == 1 else 0
    depths = check_forest_arrays(
        np.array([0, n_nodes]),
        feature,
        left,
        threshold,
        value,
        gain,
        weight,
        bin,
        missing_left,
        subset,
        n_subsets=np.array([n_subsets]),
        n_features=n_features,
        n_outputs=n_outputs,
    )
    return int(depths[0])


def check_forest_arrays(
    starts: NDArray[np.int64],
    feature: NDArray[np.int32],
    left: NDArray[np.int32],
    threshold: NDArray[np.float64],
    value: NDArray[np.float64],
    gain: NDArray[np.float64] | None = None,
    weight: NDArray[np.float64] | None = None,
    bin: NDArray[np.uint8] | None = None,
    missing_left: NDArray[np.uint8] | None = None,
    subset: NDArray[np.int32] | None = None,
    *,
    n_subsets: NDArray[np.int64] | None = None,
    n_features: int,
    n_outputs: int,
) -> NDArray[np.int32]:
    """Check many trees laid end to end and return the depth of each.

    Parameters
    ----------
    starts : ndarray of shape (n_trees + 1,), int64
        First node of each tree, and the number of all nodes; every tree has a node.
    feature, left, threshold, value, gain, weight, bin, missing_left, subset
        As for :func:`check_tree_arrays`, for all nodes of all trees.
    n_subsets : ndarray of shape (n_trees,), int64, optional
        Number of sets of each tree; None for no sets.
    n_features, n_outputs : int
        Features of the table and columns of `value`.

    Returns
    -------
    ndarray of shape (n_trees,), int32
        Steps from each root to its deepest leaf.

    Raises
    ------
    ValueError
        With one sentence about the first fault found.
    """
    arrays = {
        "feature": feature,
        "left": left,
        "threshold": threshold,
        "value": value,
        "gain": gain,
        "weight": weight,
        "bin": bin,
        "missing_left": missing_left,
        "subset": subset,
    }
    _check_layout(arrays, n_outputs)
    _check_starts(starts, len(feature))
    _check_numbers(arrays, n_features)
    if subset is not None:
        _check_subsets(starts, feature, subset, n_subsets)
    return _check_shape(starts, feature, left)


def _check_layout(
    arrays: dict[str, NDArray[np.generic] | None], n_outputs: int
) -> None:
    """Check dtypes and shapes."""
    feature = arrays["feature"]
    n_nodes = len(feature) if getattr(feature, "ndim", 0) == 1 else -1
    for name, array in arrays.items():
        if array is None and name in _OPTIONAL:
            continue
        shape = (n_nodes, n_outputs) if name == "value" else (n_nodes,)
        dtype = np.dtype(_DTYPES[name])
        if not isinstance(array, np.ndarray) or array.dtype != dtype:
            found = getattr(array, "dtype", type(array).__name__)
            raise ValueError(f"The tree array {name!r} is {found}, not {dtype}.")
        if array.shape != shape:
            wanted = shape if n_nodes >= 0 else "one-dimensional"
            raise ValueError(
                f"The tree array {name!r} has shape {array.shape}, not {wanted}."
            )


def _check_starts(starts: NDArray[np.int64], n_nodes: int) -> None:
    """Check that the trees follow each other and that none is empty."""
    if (
        not isinstance(starts, np.ndarray)
        or starts.dtype != np.int64
        or starts.ndim != 1
        or not len(starts)
    ):
        raise ValueError("The starts of the trees are not a vector of int64.")
    if starts[0] != 0 or starts[-1] != n_nodes or (starts[1:] <= starts[:-1]).any():
        raise ValueError(
            f"The starts of the trees do not ascend from 0 to the {n_nodes} nodes, "
            "with at least one node a tree."
        )


def _check_numbers(
    arrays: dict[str, NDArray[np.generic] | None], n_features: int
) -> None:
    """Check the contents that do not concern the shape of the trees."""
    feature, left = arrays["feature"], arrays["left"]
    if ((feature < -1) | (feature >= n_features)).any():
        worst = int(np.argmax((feature < -1) | (feature >= n_features)))
        raise ValueError(
            f"Node {worst} splits on feature {feature[worst]}, but the features are "
            f"0 .. {n_features - 1}."
        )
    if ((feature == -1) != (left == -1)).any():
        worst = int(np.argmax((feature == -1) != (left == -1)))
        raise ValueError(
            f"Node {worst} has feature {feature[worst]} and left child {left[worst]}; "
            "both are -1 in a leaf and neither is in a split."
        )
    if np.isnan(arrays["threshold"]).any():
        raise ValueError("A threshold of a tree is NaN.")
    for name in ("value", "gain", "weight"):
        if arrays[name] is not None and not np.isfinite(arrays[name]).all():
            raise ValueError(f"The tree array {name!r} holds NaN or infinity.")
    missing_left = arrays["missing_left"]
    if missing_left is not None and missing_left.max(initial=0) > 1:
        raise ValueError("The tree array 'missing_left' holds more than 0 and 1.")


def _check_subsets(
    starts: NDArray[np.int64],
    feature: NDArray[np.int32],
    subset: NDArray[np.int32],
    n_subsets: NDArray[np.int64] | None,
) -> None:
    """Check that only splits name sets, and only those that are there."""
    n_trees = len(starts) - 1
    counts = np.zeros(n_trees, np.int64) if n_subsets is None else n_subsets
    allowed = np.repeat(counts, np.diff(starts))
    if ((subset < -1) | (subset >= allowed)).any():
        worst = int(np.argmax((subset < -1) | (subset >= allowed)))
        raise ValueError(
            f"Node {worst} splits by the set {subset[worst]} of categories, but its "
            f"tree has {allowed[worst]} sets."
        )
    if ((subset >= 0) & (feature == -1)).any():
        raise ValueError("A leaf of a tree has a set of categories to split by.")


def _check_shape(
    starts: NDArray[np.int64], feature: NDArray[np.int32], left: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Check that the nodes form trees; return their depths."""
    n_nodes = len(feature)
    sizes = np.diff(starts)
    first = np.repeat(starts[:-1], sizes)
    split = np.flatnonzero(feature != -1)
    child = left[split].astype(np.int64)
    own = split - first[split]
    outside = (child <= own) | (child + 1 >= np.repeat(sizes, sizes)[split])
    if outside.any():
        worst = int(np.argmax(outside))
        raise ValueError(
            f"Node {own[worst]} of a tree has the left child {child[worst]}, but both "
            "children come after it and before the end of the tree."
        )
    child += first[split]
    parents = np.bincount(np.concatenate([child, child + 1]), minlength=n_nodes)
    parents[starts[:-1]] += 1
    if (parents != 1).any():
        worst = int(np.argmax(parents != 1))
        raise ValueError(
            f"Node {worst - first[worst]} of a tree has {parents[worst]} parents; "
            "every node but the root, which comes first, has exactly one."
        )
    return _depths(starts, split, child, n_nodes)


def _depths(
    starts: NDArray[np.int64],
    split: NDArray[np.intp],
    child: NDArray[np.int64],
    n_nodes: int,
) -> NDArray[np.int32]:
    """Return the depth of every tree in log2(depth) passes, by pointer doubling.

    ``ancestor[i]`` starts as the parent and doubles its distance with every pass, so
    that a hostile chain of a million nodes takes twenty passes, not a million.
    """
    if len(starts) == 1:
        return np.zeros(0, dtype=np.int32)
    ancestor = np.arange(n_nodes)
    ancestor[child] = ancestor[child + 1] = split
    depth = (ancestor != np.arange(n_nodes)).astype(np.int32)
    while (above := depth[ancestor]).any():
        depth += above
        ancestor = ancestor[ancestor]
    return np.maximum.reduceat(depth, starts[:-1])
