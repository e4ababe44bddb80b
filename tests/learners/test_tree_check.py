"""What passes is a tree, whatever the arrays were; what does not says why."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boostlab.learners.tree_check import check_forest_arrays, check_tree_arrays

# A root that splits, a left child that splits, three leaves.
NODES = {
    "feature": np.array([0, 2, -1, -1, -1], np.int32),
    "left": np.array([1, 3, -1, -1, -1], np.int32),
    "threshold": np.array([0.5, np.inf, 0.0, 0.0, 0.0]),
    "value": np.array([[0.0], [0.0], [1.0], [2.0], [3.0]]),
    "gain": np.array([3.0, 1.0, 0.0, 0.0, 0.0]),
    "weight": np.array([10.0, 6.0, 4.0, 1.0, 5.0]),
    "bin": np.array([7, 254, 0, 0, 0], np.uint8),
    "missing_left": np.array([1, 0, 0, 0, 0], np.uint8),
}
SIZES = {"n_features": 3, "n_outputs": 1}


def grown(seed, n_splits, n_features=3):
    """Return feature and left child of a random tree."""
    rng = np.random.default_rng(seed)
    feature, left, leaves = [-1], [-1], [0]
    for _ in range(n_splits):
        node = leaves.pop(rng.integers(len(leaves)))
        feature[node], left[node] = rng.integers(n_features), len(feature)
        leaves += [len(feature), len(feature) + 1]
        feature += [-1, -1]
        left += [-1, -1]
    return np.array(feature, np.int32), np.array(left, np.int32)


def walk(left):
    """Return all nodes reached and the depth; endless on a cycle."""
    deepest, level, reached = -1, [0], []
    while level:
        deepest += 1
        reached += level
        level = [c for i in level if left[i] >= 0 for c in (left[i], left[i] + 1)]
    return reached, deepest


def test_the_tree_above_has_depth_two():
    assert check_tree_arrays(**NODES, **SIZES) == 2


def test_the_last_four_arrays_may_be_left_out():
    first = {name: NODES[name] for name in ("feature", "left", "threshold", "value")}
    assert check_tree_arrays(**first, **SIZES) == 2


def test_a_lone_leaf_has_depth_zero():
    leaf = {name: array[-1:] for name, array in NODES.items()}
    assert check_tree_arrays(**leaf, **SIZES) == 0


@settings(max_examples=50)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(0, 99))
def test_depths_of_many_trees_equal_those_by_walking(splits, seed):
    trees = [grown(seed + i, n) for i, n in enumerate(splits)]
    starts = np.concatenate([[0], np.cumsum([len(t[0]) for t in trees])])
    feature, left = (np.concatenate(arrays) for arrays in zip(*trees, strict=True))
    numbers = np.zeros(len(feature))
    depths = check_forest_arrays(
        starts, feature, left, numbers, numbers[:, None], **SIZES
    )
    assert depths.dtype == np.int32
    assert depths.tolist() == [walk(tree[1])[1] for tree in trees]


def test_whatever_passes_reaches_every_node_once():
    # Random arrays of up to seven nodes: many pass, and many nearly pass.
    rng = np.random.default_rng(0)
    passed = 0
    for _ in range(20_000):
        n = int(rng.choice([1, 3, 5, 7]))
        left = rng.integers(-1, n, size=n).astype(np.int32)
        left[n // 2 :] = -1
        feature = np.where(left < 0, -1, rng.integers(-1, 4, size=n)).astype(np.int32)
        numbers = np.zeros(n)
        try:
            depth = check_tree_arrays(feature, left, numbers, numbers[:, None], **SIZES)
        except ValueError:
            continue
        passed += 1
        reached, deepest = walk(left)
        assert sorted(reached) == list(range(n))
        assert depth == deepest
        assert feature.max() < SIZES["n_features"]
    assert 1000 < passed < 19_000


def changed(name, index, value):
    array = NODES[name].copy()
    array[index] = value
    return name, array


@pytest.mark.parametrize(
    ("name", "array", "words"),
    [
        (*changed("feature", 0, 3), "splits on feature 3, but the features are 0 .. 2"),
        (*changed("feature", 0, -2), "splits on feature -2"),
        (*changed("feature", 0, 2**31 - 1), "splits on feature 2147483647"),
        (*changed("feature", 0, -1), "has feature -1 and left child 1"),
        (*changed("left", 0, -1), "has feature 0 and left child -1"),
        (*changed("left", 2, 3), "has feature -1 and left child 3"),
        (*changed("left", 0, 0), "left child 0, but both children come after"),
        (*changed("left", 1, 1), "left child 1, but both children come after"),
        (*changed("left", 1, 0), "left child 0, but both children come after"),
        (*changed("left", 1, 4), "left child 4, but both children come after"),
        (*changed("left", 1, 2**31 - 1), "left child 2147483647"),
        (*changed("left", 1, -(2**31)), "left child -2147483648"),
        (*changed("left", 0, 3), "Node 1 of a tree has 0 parents"),
        (*changed("left", 1, 2), "Node 2 of a tree has 2 parents"),
        (*changed("threshold", 0, np.nan), "threshold of a tree is NaN"),
        (*changed("value", 4, np.nan), "'value' holds NaN or infinity"),
        (*changed("value", 4, np.inf), "'value' holds NaN or infinity"),
        (*changed("gain", 0, -np.inf), "'gain' holds NaN or infinity"),
        (*changed("weight", 0, np.nan), "'weight' holds NaN or infinity"),
        (*changed("missing_left", 0, 2), "'missing_left' holds more than 0 and 1"),
        ("feature", NODES["feature"].astype(np.int64), "'feature' is int64, not int32"),
        ("feature", NODES["feature"][:, None], "has shape \\(5, 1\\)"),
        ("feature", NODES["feature"][:4], "'left' has shape \\(5,\\), not \\(4,\\)"),
        ("feature", [0, 2, -1, -1, -1], "'feature' is list, not int32"),
        ("left", None, "'left' is NoneType"),
        ("left", NODES["left"].astype(">i4"), "'left' is >i4"),
        ("threshold", NODES["threshold"].astype(np.float32), "is float32, not float64"),
        ("value", NODES["value"][:, 0], "'value' has shape \\(5,\\), not \\(5, 1\\)"),
        ("value", np.zeros((5, 2)), "'value' has shape \\(5, 2\\), not \\(5, 1\\)"),
        ("bin", NODES["bin"][:0], "'bin' has shape \\(0,\\)"),
        ("missing_left", NODES["missing_left"].astype(bool), "is bool, not uint8"),
    ],
)
def test_every_fault_is_named(name, array, words):
    with pytest.raises(ValueError, match=words):
        check_tree_arrays(**{**NODES, name: array}, **SIZES)


@pytest.mark.parametrize(
    "starts",
    [
        [],
        [0],
        [0, 0, 5],
        [0, 4],
        [1, 5],
        [0, 6],
        [0, 7, 5],
        [0, -1, 5],
        [0, 2**62, 5],
        [[0, 5]],
        [0.0, 5.0],
    ],
)
def test_starts_that_do_not_partition_the_nodes(starts):
    dtype = np.float64 if 5.0 in starts and isinstance(starts[0], float) else np.int64
    with pytest.raises(ValueError, match="starts of the trees"):
        check_forest_arrays(np.array(starts, dtype), **NODES, **SIZES)


def test_a_child_in_the_next_tree_is_refused():
    two = {name: np.concatenate([a, a]) for name, a in NODES.items()}
    assert check_forest_arrays(np.array([0, 5, 10]), **two, **SIZES).tolist() == [2, 2]
    two["left"][1] = 5
    with pytest.raises(ValueError, match="left child 5"):
        check_forest_arrays(np.array([0, 5, 10]), **two, **SIZES)


def test_no_trees_at_all():
    none = {name: array[:0] for name, array in NODES.items()}
    assert len(check_forest_arrays(np.array([0]), **none, **SIZES)) == 0


def test_a_chain_of_half_a_million_splits_takes_no_time():
    n = 1_000_001
    inner = np.arange(n) % 2 == 0
    inner[-1] = False
    feature = np.where(inner, 0, -1).astype(np.int32)
    left = np.where(inner, np.arange(n) + 1, -1).astype(np.int32)
    begun = time.perf_counter()
    depth = check_tree_arrays(
        feature, left, np.zeros(n), np.zeros((n, 1)), n_features=1, n_outputs=1
    )
    assert depth == n // 2
    assert time.perf_counter() - begun < 5
