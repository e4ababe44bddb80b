"""Trees of the C core equal the oracle's in every bit, on every tier."""

import core_calls
import grower_oracle as oracle
import numpy as np
import pytest
import tree_problems
from core_calls import assert_same_tree
from hypothesis import given, settings
from hypothesis import strategies as st

THREADS = (1, 2, 3)


def check(problem, note=""):
    """Hold C against the oracle on every tier and number of threads."""
    expected = oracle.grow(problem)
    for name in core_calls.present_tiers():
        with core_calls.tier(name):
            for n_threads in THREADS:
                tree = core_calls.grow(problem, n_threads)
                where = f"{note} {name}, {n_threads} threads"
                assert_same_tree(tree, expected, where)
                ids = core_calls.apply_bins(tree, problem.columns, n_threads)
                assert np.array_equal(ids, expected.ids), where
    return expected


def make(x, g, *, h=None, w=None, rows=None, features=None, **params):
    """A problem on the mid-points of x."""
    x = np.asarray(x, float)
    borders = tree_problems.midpoints(x)
    params = oracle.Params(**params)
    return tree_problems.make_problem(x, borders, g, h, w, rows, features, params)


def data(n, f, seed=0, n_values=40):
    """Random columns of `n_values` values and a gradient that depends on them."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, n_values, (n, f)).astype(float)
    g = rng.standard_normal(n) + (x[:, 0] > n_values / 3) - (x[:, -1] > n_values / 2)
    return x, g, rng


# Hand-made problems


def test_split_by_hand(tier):
    """Gradients 1 1 -2 -2 in bins 0 0 1 2: gain 2^2/2 + 4^2/2 - 2^2/4 at bin 0."""
    problem = make([[0.0], [0.0], [1.0], [2.0]], np.array([1.0, 1.0, -2.0, -2.0]))
    tree = core_calls.grow(problem)
    assert tree.feature.tolist() == [0, -1, -1]
    assert tree.left.tolist() == [1, -1, -1]
    assert tree.threshold[0] == 0.5
    assert tree.gain.tolist() == [9.0, 0.0, 0.0]
    assert tree.value.tolist() == [0.0, -1.0, 2.0]
    assert tree.weight.tolist() == [4.0, 2.0, 2.0]
    assert tree.bin[0] == 0
    assert tree.missing_left[0] == 1
    assert tree.ids.tolist() == [1, 1, 2, 2]


def test_missing_rows_choose_their_side(tier):
    """Missing rows have the gradient of the high values, then of the low ones."""
    x = [[0.0], [0.0], [1.0], [1.0], [np.nan], [np.nan]]
    for of_missing, side in ((-1.0, 0), (1.0, 1)):
        g = np.array([1.0, 1.0, -1.0, -1.0, of_missing, of_missing])
        tree = core_calls.grow(make(x, g))
        assert tree.missing_left[0] == side
        assert tree.gain[0] == pytest.approx(6.0 - 4.0 / 6.0)
        assert tree.threshold[0] == 0.5


def test_missing_alone_on_the_right(tier):
    """Values against missing: every value is at most +inf."""
    x = [[0.0], [1.0], [np.nan], [np.nan]]
    tree = core_calls.grow(make(x, np.array([1.0, 1.0, -1.0, -1.0])))
    assert tree.feature.tolist() == [0, -1, -1]
    assert tree.threshold[0] == np.inf
    assert tree.missing_left[0] == 0
    assert tree.ids.tolist() == [1, 1, 2, 2]


def test_ties_go_to_the_lowest_feature_and_bin(tier):
    x = np.array([[5.0, 0.0, 0.0], [5.0, 1.0, 1.0], [5.0, 2.0, 2.0]])
    tree = core_calls.grow(make(x, np.array([1.0, 0.0, -1.0]), max_leaves=2))
    assert tree.feature[0] == 1
    assert tree.bin[0] == 0


def test_missing_to_the_heavier_child_where_there_is_none(tier):
    x = [[0.0], [0.0], [1.0], [1.0], [1.0]]
    problem = make(x, np.array([2.0, 2.0, -1.0, -1.0, -1.0]))
    assert core_calls.grow(problem).missing_left[0] == 0
    problem = make(x, np.array([2.0, 2.0, -1.0, -1.0, -1.0]), w=np.r_[2.0, 2, 1, 1, 1])
    assert core_calls.grow(problem).missing_left[0] == 1


def test_best_leaf_first_against_level_by_level(tier):
    """Of the root's children the right one gains more, the left one comes first."""
    x = np.repeat(np.arange(4.0), 4)[:, None]
    g = np.repeat([0.0, 1.0, 10.0, 14.0], 4)
    best = core_calls.grow(make(x, g, max_leaves=3))
    level = core_calls.grow(make(x, g, max_leaves=3, depth_wise=True))
    assert best.feature.tolist() == [0, -1, 0, -1, -1]
    assert level.feature.tolist() == [0, 0, -1, -1, -1]
    assert best.gain[2] == 32.0
    assert level.gain[1] == 2.0


@pytest.mark.parametrize(
    "changes",
    [
        {"max_leaves": 1},
        {"max_depth": 0},
        {"min_leaf_weight": 4.0},
        {"min_leaf_hessian": 4.0},
    ],
)
def test_root_alone(tier, changes):
    problem = make(np.arange(6.0)[:, None], np.arange(6.0), **changes)
    tree = core_calls.grow(problem)
    assert tree.feature.tolist() == [-1]
    assert tree.value.tolist() == [-2.5]
    assert tree.weight.tolist() == [6.0]
    assert tree.ids.tolist() == [0] * 6


def test_zero_gradient_does_not_split():
    assert check(make(np.arange(9.0)[:, None], np.zeros(9))).n_leaves == 1


def test_constant_gradient_does_not_split():
    tree = check(make(np.arange(9.0)[:, None], np.full(9, 0.1), max_leaves=9))
    assert tree.n_leaves == 1


@pytest.mark.parametrize("x", [np.zeros((9, 3)), np.full((9, 3), np.nan)])
def test_constant_and_missing_columns_do_not_split(x):
    assert check(make(x, np.arange(9.0))).n_leaves == 1


def test_feature_without_a_bin():
    """A column that was missing when the bins were made has no value bin at all."""
    problem = oracle.Problem(
        columns=np.array([[255] * 4, [0, 0, 1, 255]], np.uint8),
        n_bins=np.array([0, 2], np.int32),
        gradient=np.array([1.0, 2.0, -3.0, 4.0]),
        borders=np.array([0.5]),
        offsets=np.array([0, 0, 1]),
    )
    assert check(problem).n_leaves == 3


def test_one_row():
    assert check(make([[3.0]], np.array([2.0]))).value.tolist() == [-2.0]


def test_all_bins_are_used():
    """255 value bins and missing rows, one split at each end of the range."""
    rng = np.random.default_rng(0)
    x = np.tile(np.r_[np.arange(255.0), np.nan], 4)[:, None]
    g = rng.standard_normal(len(x))
    for at in (0.0, 253.0, 254.0):
        g[x[:, 0] == at] += 100.0
    tree = check(make(x, g, max_leaves=200))
    assert {0, 252, 253}.issubset(tree.bin[tree.feature == 0].tolist())
    assert tree.n_leaves == 200


# Each option against the oracle


@pytest.mark.parametrize("hessian", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("missing", [0.0, 0.2, 0.95])
def test_formats_and_missing(hessian, weighted, missing):
    x, g, rng = data(700, 5)
    x[rng.random(x.shape) < missing] = np.nan
    h = rng.uniform(0.1, 1, 700) if hessian else None
    w = rng.uniform(0.1, 3, 700) if weighted else None
    check(make(x, g, h=h, w=w, seed=77, min_leaf_weight=3, l2=0.5))


@pytest.mark.parametrize(
    "changes",
    [
        {"max_leaves": 2},
        {"max_leaves": 200},
        {"max_depth": 1},
        {"max_depth": 4, "max_leaves": 200},
        {"depth_wise": True, "max_leaves": 7},
        {"depth_wise": True, "max_leaves": 200, "max_depth": 4},
        {"l2": 0.0},
        {"l2": 1e6},
        {"min_leaf_weight": 20.0},
        {"min_leaf_hessian": 15.0},
        {"min_leaf_weight": 0.3, "min_leaf_hessian": 40.5, "l2": 3.0},
    ],
    ids=str,
)
def test_growth_parameters(changes):
    x, g, rng = data(400, 4)
    check(make(x, g, **changes))
    check(make(x, g, h=rng.uniform(0.1, 1, 400), **changes))


@pytest.mark.parametrize("n_features", [1, 2, 15, 16, 17, 31, 33, 70])
def test_tiles(n_features):
    """Features fill tiles of 16; the informative ones are the first and the last."""
    x, g, _ = data(300, n_features)
    check(make(x, g, max_leaves=12))


@pytest.mark.parametrize("n_node_features", [1, 2, 5, 19])
def test_features_drawn_for_each_node(n_node_features):
    x, g, _ = data(300, 20)
    trees = []
    for seed in (0, 1, 2**64 - 1):
        problem = make(x, g, max_leaves=12, n_node_features=n_node_features, seed=seed)
        trees.append(check(problem).feature.tolist())
    if n_node_features < 5:
        assert trees[0] != trees[1]


def test_feature_masks():
    x, g, rng = data(300, 20)
    for mask in (np.zeros(20, np.uint8), np.arange(20) == 19, rng.random(20) < 0.4):
        mask = mask.astype(np.uint8)
        tree = check(make(x, g, features=mask, max_leaves=12))
        used = tree.feature[tree.feature >= 0]
        assert mask[used].all()
        check(make(x, g, features=mask, max_leaves=12, n_node_features=3, seed=5))


@pytest.mark.parametrize("share", [0.002, 0.1, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("hessian", [False, True])
def test_sampled_rows(share, hessian):
    x, g, rng = data(1000, 5)
    size = max(1, int(share * 1000))
    rows = np.sort(rng.choice(1000, size, replace=False)).astype(np.int32)
    h = rng.uniform(0.1, 1, 1000) if hessian else None
    # rows outside the sample must count for nothing, the scale included
    g[np.setdiff1d(np.arange(1000), rows)] *= 1e9
    check(make(x, g, h=h, rows=rows))
    check(make(x, g, h=h, rows=rows, w=rng.uniform(0.1, 2, 1000), seed=3))


@pytest.mark.parametrize("size", [1e-307, 1e-150, 1e-20, 1e20, 1e140])
def test_gradients_of_any_size(size):
    x, g, rng = data(300, 3)
    check(make(x, g * size, max_leaves=8))
    check(make(x, g * size, h=rng.uniform(0.1, 1, 300), max_leaves=8))


@pytest.mark.parametrize("size", [1e-161, 1e-160, 3e-159, 1e-157, 1e-155, 1e-154])
def test_gains_about_the_smallest_number(size):
    """Gains of few bits: a gain that coarsening leaves nothing of is none."""
    x, g, rng = data(300, 3)
    check(make(x, g * size, max_leaves=8))
    check(make(x, g * size, h=rng.uniform(0.1, 1, 300), max_leaves=8))


def test_gradients_too_large_to_square_do_not_split():
    """G^2 overflows, so that no gain is a number; the tree is its root."""
    x, g, rng = data(300, 3)
    for size in (1e200, 1e305):
        assert check(make(x, g * size)).n_leaves == 1
        assert check(make(x, g * size, h=rng.random(300))).n_leaves == 1


@pytest.mark.parametrize("size", [1e-300, 1e-12, 1e-3, 1e12, 1e100])
@pytest.mark.parametrize("kind", ["integers", "uniform", "spread"])
def test_weights_of_any_size(size, kind):
    x, g, rng = data(900, 3)
    w = tree_problems.weight(kind, 900, rng) * size
    check(make(x, g * w, w=w, max_leaves=8, seed=11))
    check(make(x, g * w, w=w, h=rng.uniform(0.1, 1, 900) * w, max_leaves=8))


def test_heavy_tails_and_zero_hessians():
    x, g, rng = data(900, 3)
    g = rng.standard_cauchy(900) ** 3
    h = np.where(rng.random(900) < 0.5, 0.0, np.exp(6 * rng.standard_normal(900)))
    for l2 in (0.0, 1e-9, 1.0):
        check(make(x, g, max_leaves=50, l2=l2))
        check(make(x, g, h=h, max_leaves=50, l2=l2))
        check(make(x, g, h=np.zeros(900), max_leaves=50, l2=l2))


def test_dither_depends_on_the_seed_alone():
    x, g, rng = data(900, 3)
    w = rng.uniform(0.1, 3, 900)
    first = check(make(x, g, w=w, seed=1))
    again = check(make(x, g, w=w, seed=1))
    other = check(make(x, g, w=w, seed=2))
    assert core_calls.difference(first, again) is None
    assert core_calls.difference(first, other) is not None


def test_capacity_beyond_the_nodes_is_left_alone(tier):
    x, g, _ = data(100, 2)
    arguments = core_calls.grow_arguments(make(x, g, max_leaves=3), capacity=50)
    tree = core_calls.grow_with(arguments)
    assert len(tree.feature) == 5
    assert (arguments["feature"][5:] == -77).all()
    assert (arguments["value"][5:] == -77.0).all()


# Random problems


@st.composite
def problems(draw):
    """Problems of every kind; shrinks to few rows, features and options."""
    n = draw(st.integers(1, 80))
    kinds = draw(st.lists(st.sampled_from(tree_problems.COLUMNS), min_size=1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = tree_problems.raw_values(kinds[:20], n, np.float64, "C", rng)
    f = x.shape[1]
    max_bins = draw(st.sampled_from([2, 16, 255]))
    borders = [tree_problems.find_borders(x[:, j], max_bins, rng) for j in range(f)]
    g = tree_problems.gradient(draw(st.sampled_from(tree_problems.GRADIENTS)), n, rng)
    h = tree_problems.hessian(draw(st.sampled_from(tree_problems.HESSIANS)), n, rng)
    w = tree_problems.weight(draw(st.sampled_from(tree_problems.WEIGHTS)), n, rng)
    rows = draw(st.none() | st.sets(st.integers(0, n - 1), min_size=1))
    mask = draw(st.none() | st.lists(st.booleans(), min_size=f, max_size=f))
    params = oracle.Params(
        max_leaves=draw(st.integers(1, 40)),
        max_depth=draw(st.just(oracle.NO_LIMIT) | st.integers(0, 6)),
        min_leaf_weight=draw(st.sampled_from([0.0, 1.0, 2.5, n / 4])),
        min_leaf_hessian=draw(st.sampled_from([0.0, 1e-3, 1.0])),
        l2=draw(st.sampled_from([0.0, 1e-6, 1.0, 100.0])),
        depth_wise=draw(st.booleans()),
        n_node_features=draw(st.integers(1, f)),
        seed=draw(st.integers(0, 2**64 - 1)),
    )
    rows = None if rows is None else np.array(sorted(rows), np.int32)
    mask = None if mask is None else np.array(mask, np.uint8)
    return tree_problems.make_problem(x, borders, g, h, w, rows, mask, params)


@settings(max_examples=250, deadline=None)
@given(problems())
def test_random_problems(problem):
    check(problem)
