"""Trees made at random, not grown: any shape, sets of categories, several outputs."""

from __future__ import annotations

import math

import numpy as np

from boostlab.learners.tree_arrays import TreeArrays


def make_tree(
    rng: np.random.Generator,
    n_leaves: int,
    n_features: int,
    n_outputs: int = 1,
    subsets: float = 0.0,
    chain: bool = False,
    n_values: int = 12,
) -> TreeArrays:
    """A random tree.

    Thresholds are quarters, so that values in steps of a quarter meet them exactly.
    `subsets` is the share of splits by a set of categories; a `chain` has one leaf at
    each depth. Weights are those of rows dealt out at random.
    """
    feature, left, leaves = [-1], [-1], [0]
    while len(leaves) < n_leaves:
        node = leaves.pop(-1 if chain else int(rng.integers(len(leaves))))
        feature[node], left[node] = int(rng.integers(n_features)), len(feature)
        leaves += [len(feature), len(feature) + 1]
        feature += [-1, -1]
        left += [-1, -1]
    n = len(feature)
    inner = np.array(feature) >= 0
    categorical = inner & (rng.random(n) < subsets)
    subset = np.where(categorical, np.cumsum(categorical) - 1, -1)
    sets = rng.integers(0, 2**64, (int(categorical.sum()), 4), dtype=np.uint64)
    borders = rng.integers(-n_values, n_values, n)
    threshold = np.where(inner, borders / 4, 0.0)
    threshold[inner & (rng.random(n) < 0.05)] = np.inf
    weight = np.where(inner, 0.0, rng.integers(1, 9, n))
    for i in range(n - 1, -1, -1):
        if left[i] >= 0:
            weight[i] = weight[left[i]] + weight[left[i] + 1]
    return TreeArrays(
        feature=np.array(feature, np.int32),
        left=np.array(left, np.int32),
        threshold=threshold,
        value=np.where(inner[:, None], 0.0, rng.standard_normal((n, n_outputs))),
        gain=np.where(inner, rng.random(n), 0.0),
        weight=weight,
        bin=rng.integers(0, 9, n).astype(np.uint8),
        missing_left=(inner & (rng.random(n) < 0.5)).astype(np.uint8),
        subset=subset.astype(np.int32),
        subsets=sets,
    )


def make_rows(
    rng: np.random.Generator, n: int, n_features: int, n_values: int = 12
) -> np.ndarray:
    """Rows in steps of a quarter, with missing values, infinities and wild codes."""
    x = rng.integers(-n_values, n_values, (n, n_features)) / 4
    special = np.array([np.nan, np.nan, np.inf, -np.inf, 300.0, 255.0, 256.0, -0.5])
    return np.where(rng.random(x.shape) < 0.2, rng.choice(special, x.shape), x)


def goes_left(tree: TreeArrays, node: int, value: float) -> bool:
    """Where one value goes: the rule of the format, spelt out."""
    if math.isnan(value):
        return bool(tree.missing_left[node])
    if tree.subset[node] < 0:
        return value <= tree.threshold[node]
    if not 0 <= value < 256:
        return False
    code = math.floor(value)
    word = int(tree.subsets[tree.subset[node], code // 64])
    return bool(word >> (code % 64) & 1)


def walk(tree: TreeArrays, row: np.ndarray) -> int:
    """The leaf of one row."""
    node = 0
    while tree.left[node] >= 0:
        value = float(row[tree.feature[node]])
        node = int(tree.left[node]) + (not goes_left(tree, node, value))
    return node


def leaves(tree: TreeArrays, x: np.ndarray) -> np.ndarray:
    """The leaf of every row, int32."""
    return np.array([walk(tree, row) for row in x], np.int32)


def binned_leaves(tree: TreeArrays, columns: np.ndarray) -> np.ndarray:
    """The leaf of every row of bins (f, n), 255 missing."""
    as_raw = np.where(columns == 255, np.nan, columns.astype(float)).T
    by_bin = TreeArrays(
        **{
            name: getattr(tree, name)
            for name in TreeArrays.__slots__
            if name != "threshold"
        },
        threshold=tree.bin.astype(float),
    )
    return leaves(by_bin, as_raw)
