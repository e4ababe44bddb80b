"""Trees grown and applied on tiles alone equal those on columns in every bit."""

import core_calls
import grower_oracle as oracle
import numpy as np
import pytest
import tree_problems

from boostlab import _core


@pytest.mark.parametrize("bundled", [False, True])
@pytest.mark.parametrize("seed", range(120))
def test_trees_are_those_of_columns(tier, seed, bundled):
    rng = np.random.default_rng([seed, 78])
    problem = tree_problems.random_case(rng, n_outputs=1 + seed % 3).problem
    expected = oracle.grow(problem)
    n_threads = 1 + seed % 3
    arguments = core_calls.grow_arguments(
        problem, n_threads, bundling=rng if bundled else None, tiles_only=True
    )
    tree = core_calls.grow_with(arguments)
    core_calls.assert_same_tree(tree, expected, f"seed {seed}")
    ids = core_calls.apply_tiles(tree, arguments, n_threads)
    assert np.array_equal(ids, expected.ids)


@pytest.mark.parametrize("n_features", [1, 3, 16, 17, 40])
@pytest.mark.parametrize("sampled", [False, True])
def test_many_rows(tier, n_features, sampled):
    """Several chunks of a parallel partition, on any lane of any tile."""
    n, rng = 70_001, np.random.default_rng(n_features)
    columns = rng.integers(0, 200, (n_features, n)).astype(np.uint8)
    columns[rng.random(columns.shape) < 0.1] = 255
    g = rng.standard_normal(n) + sum(
        (c < 90 + j).astype(float) for j, c in enumerate(columns)
    )
    rows = np.flatnonzero(rng.random(n) < 0.7).astype(np.int32) if sampled else None
    problem = oracle.Problem(
        columns=columns,
        n_bins=np.full(n_features, 200, np.int32),
        gradient=g,
        rows=rows,
        borders=np.tile(np.arange(199.0), n_features),
        offsets=np.arange(n_features + 1) * 199,
        params=oracle.Params(max_leaves=40, min_leaf_weight=20.0, seed=3),
    )
    expected = core_calls.grow(problem)
    assert len(expected.feature) > 60
    for n_threads in (1, 2, 3):
        arguments = core_calls.grow_arguments(problem, n_threads, tiles_only=True)
        tree = core_calls.grow_with(arguments)
        core_calls.assert_same_tree(tree, expected, f"{n_threads} threads")
        ids = core_calls.apply_tiles(tree, arguments, n_threads)
        assert np.array_equal(ids, expected.ids)


def stump(feature, cut, missing_left, sets=()):
    """A tree of one split, by a bin or by a set of categories."""
    subset = np.full(3, -1, np.int32)
    subsets = np.zeros((len(sets) and 1, 4), np.uint64)
    for code in sets:
        subsets[0, code // 64] |= np.uint64(1) << np.uint64(code % 64)
    subset[0] = len(subsets) - 1
    return (
        np.array([feature, -1, -1], np.int32),
        np.array([1, -1, -1], np.int32),
        np.array([cut, 0, 0], np.uint8),
        np.array([missing_left, 0, 0], np.uint8),
        subset,
        subsets,
    )


@pytest.mark.parametrize("missing_left", [0, 1])
@pytest.mark.parametrize(("cut", "sets"), [(0, ()), (77, ()), (254, ()), (0, (0, 200))])
def test_every_code(tier, cut, sets, missing_left):
    """All 256 codes of a plain byte, of a joint one and of a constant feature."""
    bins = np.arange(256, dtype=np.uint8)
    joint = np.roll(bins, 3) % 5  # of the codes 0 .. 255
    constant = np.full((1, 256), 255, np.uint8)
    n_bins = np.array([255, 5, 255], np.int32)
    bundle = np.array([0, 1, -1], np.int32)
    bin_of = np.stack([bins, joint, constant[0]])
    n_codes, is_joint = np.array([255, 255], np.int32), np.array([0, 1], np.uint8)
    tiles = tree_problems.tiles(np.stack([bins, bins[::-1]]))
    table = (tiles, n_bins, (bundle, n_codes, is_joint, bin_of))
    for feature, own in enumerate([bins, joint[bins[::-1]], constant[0]]):
        tree = stump(feature, cut, missing_left, sets)
        left = np.isin(own, sets) if sets else own <= cut
        left = np.where(own == 255, missing_left == 1, left)
        ids = np.zeros(256, np.int32)
        _core.apply_bins(table, *tree, ids, 1)
        assert ids.tolist() == np.where(left, 1, 2).tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tiles": None}, "buffer|NoneType"),
        ({"n_bins": np.array([5, 5, 256], np.int32)}, "between 0 and 255"),
        ({"n_bins": np.zeros(0, np.int32)}, "at least one feature"),
        ({"n_bins": np.full(17, 5, np.int32)}, "tiles has 1 entries"),
        ({"tiles": np.zeros((2, 9, 16), np.uint8)}, "tiles has 2 entries"),
        ({"tiles": np.zeros((1, 0, 16), np.uint8)}, "one row"),
        ({"tiles": np.zeros((1, 9, 15), np.uint8)}, "axis 2"),
        ({"bundles": 3}, "tuple or None"),
    ],
)
def test_wrong_tiles_are_refused(change, message):
    made = {
        "tiles": np.zeros((1, 9, 16), np.uint8),
        "n_bins": np.full(3, 5, np.int32),
        "bundles": None,
    }
    ids = np.zeros(9, np.int32)
    _core.apply_bins(tuple(made.values()), *stump(2, 1, 0), ids, 1)
    with pytest.raises((TypeError, ValueError), match=message):
        _core.apply_bins(tuple((made | change).values()), *stump(2, 1, 0), ids, 1)
    with pytest.raises(TypeError):
        _core.apply_bins(None, *stump(2, 1, 0), ids, 1)
    with pytest.raises(TypeError):
        _core.apply_bins((made["tiles"],), *stump(2, 1, 0), ids, 1)
