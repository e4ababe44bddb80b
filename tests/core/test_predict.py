"""Forests walked on raw values, against the oracle's walk."""

import core_calls
import grower_oracle as oracle
import made_trees
import numpy as np
import pytest
import tree_problems


def grown(x, seed, **params):
    """A tree of some random gradient on the columns of x."""
    g = np.random.default_rng(seed).standard_normal(len(x))
    params = oracle.Params(**{"max_leaves": 31, "seed": seed, **params})
    borders = tree_problems.midpoints(x)
    return core_calls.grow(tree_problems.make_problem(x, borders, g, params=params))


def values(n, f, seed=0, missing=0.1):
    """Random raw values with missing ones."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, f)).round(2)
    x[rng.random(x.shape) < missing] = np.nan
    return x


def check(trees, x, outputs=None, n_outputs=1, start=0.0):
    """Leaves and sums of every tier and number of threads."""
    outputs = outputs or [0] * len(trees)
    packed = core_calls.forest(trees, x.shape[1], outputs, n_outputs)
    ids = np.array([oracle.apply_raw(tree, x) for tree in trees])
    expected = np.full((len(x), n_outputs), start, order="F")
    for tree, leaf, output in zip(trees, ids, outputs, strict=True):
        expected[:, output] += tree.value[leaf]
    for name in core_calls.present_tiers():
        with core_calls.tier(name):
            for n_threads in (1, 2, 3):
                found = core_calls.apply_raw(packed, x, len(trees), n_threads)
                assert np.array_equal(found, ids), name
                raw = np.full_like(expected, start)
                core_calls._core.predict(packed, x, raw, n_threads)
                assert np.array_equal(raw, expected), name


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 63, 64, 65, 255, 256, 257, 3000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_of_rows(n, dtype):
    x = values(300, 4)
    trees = [grown(x, seed) for seed in range(3)]
    check(trees, values(n, 4, seed=1).astype(dtype), start=0.25)


@pytest.mark.parametrize("layout", tree_problems.LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layouts(layout, dtype):
    x = values(300, 5)
    trees = [grown(x, seed) for seed in range(2)]
    check(trees, tree_problems.in_layout(values(131, 5, 1).astype(dtype), layout))


@pytest.mark.parametrize("max_leaves", [1, 2, 3, 8, 64, 65, 129, 700])
@pytest.mark.parametrize("depth_wise", [False, True])
def test_sizes_of_trees(max_leaves, depth_wise):
    x = values(900, 3)
    tree = grown(x, 0, max_leaves=max_leaves, depth_wise=depth_wise)
    assert tree.n_leaves == max_leaves
    check([tree, grown(x, 1)], values(500, 3, 1))


def test_a_tree_as_deep_as_it_has_splits():
    """Each split cuts the greatest gradients off: a chain of splits."""
    x = np.arange(201.0)[:, None]
    g = 3.0 ** np.arange(201.0)
    problem = tree_problems.make_problem(
        x, tree_problems.midpoints(x), g, params=oracle.Params(max_leaves=300)
    )
    tree = core_calls.grow(problem)
    depth = np.zeros(len(tree.feature), int)
    for i in np.flatnonzero(tree.feature >= 0):
        depth[tree.left[i] : tree.left[i] + 2] = depth[i] + 1
    assert depth.max() > 15
    check([tree], np.random.default_rng(0).uniform(-5, 210, (200, 1)))


def test_values_at_and_around_the_thresholds():
    x = values(300, 2, missing=0.2)
    tree = grown(x, 0)
    borders = np.unique(tree.threshold[tree.feature >= 0])
    near = [borders, np.nextafter(borders, -9), np.nextafter(borders, 9)]
    near = np.concatenate([*near, [np.nan, np.inf, -np.inf, 0.0, -0.0, 5e-324]])
    check([tree], np.column_stack([near, near[::-1]]))
    check([tree], np.column_stack([near, near[::-1]]).astype(np.float32))


def test_missing_values_that_growing_never_saw():
    x = values(300, 3, missing=0.0)
    check([grown(x, seed) for seed in range(4)], np.full((70, 3), np.nan))


def test_everything_is_at_most_infinity():
    """Value against missing: +inf is a value."""
    x = np.array([[0.0], [1.0], [np.nan], [np.nan]])
    problem = tree_problems.make_problem(
        x, tree_problems.midpoints(x), np.array([1.0, 1.0, -1.0, -1.0])
    )
    tree = core_calls.grow(problem)
    assert tree.threshold[0] == np.inf
    check([tree], np.array([[np.inf], [-np.inf], [np.nan], [3.0]]))


def test_several_outputs():
    x = values(300, 4)
    trees = [grown(x, seed) for seed in range(7)]
    check(trees, values(200, 4, 1), [0, 2, 1, 1, 0, 2, 2], n_outputs=4, start=-1.5)


def test_no_tree_at_all():
    packed = core_calls._core.forest(
        np.zeros(1, np.int64),
        *(np.zeros(0, kind) for kind in ("i4", "i4", "f8", "u1", "i4")),
        np.zeros((0, 4), np.uint64),
        *(np.zeros(0, kind) for kind in ("f8", "i4", "i4")), 2, 1,
    )  # fmt: skip
    assert (core_calls.predict_raw(packed, np.zeros((5, 2))) == 0).all()
    assert core_calls.apply_raw(packed, np.zeros((5, 2)), 0).shape == (0, 5)


def test_many_features():
    x = values(200, 70)
    check([grown(x, seed) for seed in range(5)], values(100, 70, 1))


def test_a_forest_outlives_its_arrays():
    x = values(200, 3)
    tree = grown(x, 0)
    packed = core_calls.forest([tree], 3)
    expected = core_calls.predict_raw(packed, x)
    for name in ("feature", "left", "threshold", "value"):
        getattr(tree, name)[:] = 0
    assert np.array_equal(core_calls.predict_raw(packed, x), expected)


def check_made(trees, x, outputs, n_outputs):
    """Made trees on every tier, against a walk in Python row by row."""
    packed = core_calls.forest(trees, x.shape[1], outputs, n_outputs)
    ids = np.array([made_trees.leaves(tree, x) for tree in trees])
    expected = np.zeros((len(x), n_outputs), order="F")
    for tree, leaf, output in zip(trees, ids, outputs, strict=True):
        expected[:, output : output + tree.n_outputs] += tree.value[leaf]
    for name in core_calls.present_tiers():
        with core_calls.tier(name):
            found = core_calls.apply_raw(packed, x, len(trees), 2)
            assert np.array_equal(found, ids), name
            found = core_calls.predict_raw(packed, x, n_outputs, 2)
            assert np.array_equal(found, expected), name


@pytest.mark.parametrize("subsets", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("n_outputs", [1, 2, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sets_of_categories_and_leaves_of_several_values(subsets, n_outputs, dtype):
    rng = np.random.default_rng([n_outputs, int(10 * subsets)])
    trees = [
        made_trees.make_tree(rng, n_leaves, 4, n_outputs, subsets)
        for n_leaves in (1, 2, 3, 7, 31, 40)
    ]
    x = made_trees.make_rows(rng, 150, 4).astype(dtype)
    check_made(trees, x, [0] * len(trees), n_outputs)


def test_rounds_of_shared_and_of_separate_trees():
    rng = np.random.default_rng(0)
    shared = [made_trees.make_tree(rng, 9, 3, 3, 0.3) for _ in range(2)]
    separate = [made_trees.make_tree(rng, 9, 3, 1, 0.3) for _ in range(3)]
    x = made_trees.make_rows(rng, 90, 3)
    check_made([shared[0], *separate, shared[1]], x, [0, 0, 1, 2, 0], 3)


@pytest.mark.parametrize("subsets", [0.0, 0.5, 1.0])
def test_binned_rows_and_sets(tier, subsets):
    rng = np.random.default_rng(int(10 * subsets))
    columns = rng.integers(0, 14, (3, 400)).astype(np.uint8)
    columns[rng.random(columns.shape) < 0.1] = 255
    columns[rng.random(columns.shape) < 0.1] = 254
    for n_leaves in (1, 2, 12, 31):
        tree = made_trees.make_tree(rng, n_leaves, 3, 2, subsets)
        found = core_calls.apply_bins(tree, columns, 2)
        assert np.array_equal(found, made_trees.binned_leaves(tree, columns))


@pytest.mark.parametrize("n_leaves", [1, 15, 16, 17, 33, 48, 49, 64, 65, 255, 256, 257])
@pytest.mark.parametrize("chain", [False, True])
def test_every_size_of_value_tables(n_leaves, chain):
    rng = np.random.default_rng(n_leaves)
    trees = [made_trees.make_tree(rng, n, 5, 1, 0.1, chain) for n in (n_leaves, 20)]
    check_made(trees, made_trees.make_rows(rng, 70, 5), [0, 0], 1)


@pytest.mark.parametrize("chain", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_trees_that_are_walked_on_below_the_nodes_decided(chain, n_outputs):
    rng = np.random.default_rng(n_outputs)
    trees = [
        made_trees.make_tree(rng, n_leaves, 6, n_outputs, 0.2, chain)
        for n_leaves in (900, 31, 400)
    ]
    check_made(trees, made_trees.make_rows(rng, 100, 6), [0, 0, 0], n_outputs)


@pytest.mark.parametrize("n_values", [120, 140, 300, 700])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_more_thresholds_than_one_group_has(n_values, dtype):
    rng = np.random.default_rng(n_values)
    trees = [
        made_trees.make_tree(rng, 200, 2, 1, 0.02, n_values=n_values) for _ in range(12)
    ]
    x = made_trees.make_rows(rng, 200, 2, n_values).astype(dtype)
    check_made(trees, x, [0] * len(trees), 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_thresholds_between_the_numbers_of_float32(dtype):
    """Searched among thresholds rounded down, float32 values fall on the same sides."""
    rng = np.random.default_rng(0)
    extremes = [1e300, -1e300, 3.5e38, -3.5e38, 1e-300, -1e-300, 1e-45, 0.0, -0.0]
    extremes += [np.inf, -np.inf, np.finfo(np.float32).max, 1 + 1e-12, 1 - 1e-12]
    borders = np.concatenate([extremes, rng.standard_normal(60)])
    trees = []
    for _ in range(6):
        tree = made_trees.make_tree(rng, 40, 2)
        inner = tree.feature >= 0
        tree.threshold[inner] = rng.choice(borders, inner.sum())
        trees.append(tree)
    with np.errstate(over="ignore"):
        around = [borders.astype(np.float32)]
        around += [np.nextafter(around[0], np.float32(s * np.inf)) for s in (-1, 1)]
    around = np.concatenate([borders, *around])
    with np.errstate(over="ignore"):
        x = np.column_stack([around, rng.permutation(around)]).astype(dtype)
    check_made(trees, x, [0] * len(trees), 1)


def test_forests_without_a_layout_are_walked():
    """NaN has no place among thresholds; what compares with it goes right."""
    rng = np.random.default_rng(0)
    trees = [made_trees.make_tree(rng, 30, 3, 2, 0.3) for _ in range(3)]
    trees[1].threshold[np.flatnonzero(trees[1].feature >= 0)[:5]] = np.nan
    check_made(trees, made_trees.make_rows(rng, 130, 3), [0] * 3, 2)


def test_more_columns_than_a_layout_has():
    n_features = 66_000
    rng = np.random.default_rng(0)
    tree = made_trees.make_tree(rng, n_features + 1, n_features)
    tree.feature[tree.feature >= 0] = np.arange(n_features)
    x = rng.integers(-12, 12, (6, n_features)) / 4
    check_made([tree], x, [0], 1)
