"""The trees in an XGBoost model."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.persistence.interchange.float32 import double_threshold
from boostlab.persistence.interchange.trees import ForeignRound, ForeignTree, code_sets

_CATEGORICAL = 1


def read_rounds(
    booster: dict[str, Any], attributes: dict[str, Any], n_outputs: int
) -> tuple[list[ForeignRound], int]:
    """Return the rounds of a booster, and how many of them lead to the best one.

    The trees of an iteration belong to an output each; the parallel trees of a random
    forest become one round each.

    Raises
    ------
    ValueError
        If the booster is linear, or its trees do not make full rounds.
    """
    name = booster["name"]
    if name not in ("gbtree", "dart"):
        raise ValueError(f"its booster {name!r:.60} is not made of trees")
    model = booster["gbtree"]["model"] if name == "dart" else booster["model"]
    trees = [_tree(tree) for tree in model["trees"]]
    drops = booster["weight_drop"] if name == "dart" else [1.0] * len(trees)
    weights = _array(drops, np.float64, len(trees), "weight_drop")
    if not np.isfinite(weights).all():
        raise ValueError("the weights of its trees are not finite")
    outputs = _array(model["tree_info"], np.int64, len(trees), "tree_info")
    bounds = _iterations(model, len(trees), n_outputs)
    rounds, ends = [], [0]
    for begin, end in pairwise(bounds):
        rounds += _iteration(
            trees[begin:end], weights[begin:end], outputs[begin:end], n_outputs
        )
        ends.append(len(rounds))
    best = attributes.get("best_iteration")
    last = len(bounds) - 2 if best is None else int(best)
    if last < -1:
        raise ValueError(f"its best iteration is {last}")
    return rounds, ends[min(last + 1, len(ends) - 1)]


def _iterations(model: dict[str, Any], n_trees: int, n_outputs: int) -> list[int]:
    """Return the first tree of each iteration, and the number of trees."""
    bounds = model.get("iteration_indptr")
    if bounds is None:
        parallel = int(model["gbtree_model_param"].get("num_parallel_tree", 1))
        step = max(parallel, 1) * n_outputs
        bounds = [*range(0, n_trees, step), n_trees]
    bounds = _array(bounds, np.int64, len(bounds), "iteration_indptr").tolist()
    steps = [end - begin for begin, end in pairwise(bounds)]
    if not bounds or bounds[0] != 0 or bounds[-1] != n_trees or min([0, *steps]) < 0:
        raise ValueError(f"its iterations do not cover its {n_trees} trees")
    return bounds


def _iteration(
    trees: list[ForeignTree],
    weights: NDArray[np.float64],
    outputs: NDArray[np.int64],
    n_outputs: int,
) -> list[ForeignRound]:
    """Return the rounds that an iteration consists of."""
    widths = {tree.value.shape[1] for tree in trees}
    if widths == {n_outputs} and not outputs.any():
        return [
            ForeignRound((tree,), weight)
            for tree, weight in zip(trees, weights.tolist(), strict=True)
        ]
    groups = [np.flatnonzero(outputs == k) for k in range(n_outputs)]
    sizes = {len(group) for group in groups}
    if widths - {1} or len(sizes) > 1 or sum(map(len, groups)) != len(trees):
        raise ValueError("an iteration has not the same number of trees an output")
    return [
        ForeignRound(tuple(trees[i] for i in members), _size(weights[list(members)]))
        for members in zip(*groups, strict=True)
    ]


def _size(weights: NDArray[np.float64]) -> Any:
    """Return the factors of a round's trees, as one number if they are equal."""
    return float(weights[0]) if (weights == weights[0]).all() else weights


def _tree(tree: dict[str, Any]) -> ForeignTree:
    """Return one tree."""
    left = np.asarray(tree["left_children"])
    n_nodes = len(left)

    def read(name: str, dtype: Any) -> NDArray[Any]:
        return _array(tree[name], dtype, n_nodes, name)

    left, right = read("left_children", np.int64), read("right_children", np.int64)
    inner = left >= 0
    conditions = read("split_conditions", np.float32)
    subset, subsets = _subsets(tree, inner)
    by_set = subset >= 0
    missing_left = read("default_left", np.int64).astype(bool)
    return ForeignTree(
        feature=np.where(inner, read("split_indices", np.int64), -1),
        # Sets go right there, and here they go left; what is in no set goes right.
        left=np.where(by_set, right, left),
        right=np.where(by_set, left, right),
        threshold=double_threshold(np.where(inner & ~by_set, conditions, 0.0)),
        missing_left=missing_left ^ by_set,
        value=_leaf_values(tree, conditions, right, inner),
        gain=_statistic(tree, "loss_changes", n_nodes),
        weight=_statistic(tree, "sum_hessian", n_nodes),
        subset=subset,
        subsets=subsets,
    )


def _subsets(
    tree: dict[str, Any], inner: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Return which set each node splits by, -1 for none, and the sets."""
    n_nodes = len(inner)
    subset = np.full(n_nodes, -1)
    if "split_type" in tree:
        kinds = _array(tree["split_type"], np.int64, n_nodes, "split_type")
        by_set = inner & (kinds == _CATEGORICAL)
    else:  # before XGBoost 1.5
        by_set = np.zeros(n_nodes, bool)
    if not by_set.any():
        return subset, code_sets([])
    nodes = _vector(tree, "categories_nodes")
    begins, sizes, codes = (
        _vector(tree, f"categories{part}") for part in ("_segments", "_sizes", "")
    )
    if not np.array_equal(nodes, np.flatnonzero(by_set)):
        raise ValueError("the sets of categories of a tree are not those of its nodes")
    bounded = min(begins.min(), sizes.min()) >= 0 and sizes.max() <= len(codes)
    if not bounded or (begins > len(codes) - sizes).any():
        raise ValueError("a set of categories of a tree does not exist")
    subset[nodes] = np.arange(len(nodes))
    sets = [codes[b : b + n] for b, n in zip(begins, sizes, strict=True)]
    return subset, code_sets(sets)


def _statistic(tree: dict[str, Any], name: str, n_nodes: int) -> NDArray[np.float64]:
    """Return a number of each node that not all versions write; else zeros."""
    if name not in tree:
        return np.zeros(n_nodes)
    return _array(tree[name], np.float32, n_nodes, name).astype(np.float64)


def _vector(tree: dict[str, Any], name: str) -> NDArray[np.int64]:
    """Return a vector of integers of any length."""
    return _array(tree[name], np.int64, len(tree[name]), name)


def _leaf_values(
    tree: dict[str, Any],
    conditions: NDArray[np.float32],
    right: NDArray[np.int64],
    inner: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the values of the leaves, shape (n_nodes, K)."""
    n_nodes = len(inner)
    width = int(tree["tree_param"].get("size_leaf_vector", 1))
    if width <= 1:
        return conditions[:, None].astype(np.float64)
    if width > 1 << 23:
        raise ValueError(f"its trees have {width} outputs")
    if "leaf_weights" not in tree:  # before XGBoost 3.2
        values = _array(tree["base_weights"], np.float32, n_nodes * width, "values")
        return values.reshape(n_nodes, width).astype(np.float64)
    n_leaves = int(n_nodes - inner.sum())
    leaves = _array(tree["leaf_weights"], np.float32, n_leaves * width, "leaf_weights")
    rows = np.where(inner, 0, right)  # in a leaf, the right child is its row
    if ((rows < 0) | (rows >= n_leaves)).any():
        raise ValueError("a leaf of a tree has no values")
    return leaves.reshape(n_leaves, width)[rows].astype(np.float64)


def _array(values: Any, dtype: Any, length: int, name: str) -> NDArray[Any]:
    """Return a vector of numbers, checked."""
    array = np.asarray(values)
    kinds = "bui" if np.dtype(dtype).kind == "i" else "buif"
    if array.shape == (length,) and array.dtype.kind in (kinds if length else "buif"):
        return array.astype(dtype)
    raise ValueError(f"{name} in it is not a vector of {length} numbers")
