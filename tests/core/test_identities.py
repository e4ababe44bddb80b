"""What must hold of any correct tree, whatever the rules of rounding."""

import core_calls
import grower_oracle as oracle
import numpy as np
import pytest
import tree_problems
from sklearn.tree import DecisionTreeRegressor


def make(x, g, w=None, rows=None, features=None, **params):
    """A problem on the mid-points of x, without hessian."""
    borders = tree_problems.midpoints(x)
    params = oracle.Params(**params)
    return tree_problems.make_problem(x, borders, g, None, w, rows, features, params)


def signal(n, f, seed, n_values=150):
    """Columns of few values and a target of steps, a product and noise."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, n_values, (n, f)) / n_values
    y = 3 * (x[:, 0] > 0.4) + x[:, 1 % f] * x[:, -1] + 0.3 * rng.standard_normal(n)
    return x, y, rng


def structure(tree):
    """Which node splits where."""
    return [tree.feature.tolist(), tree.left.tolist(), tree.bin.tolist()]


@pytest.mark.parametrize("n", [30, 300, 3000])
@pytest.mark.parametrize("min_leaf", [1, 10])
@pytest.mark.parametrize("leaves", [4, 20, 100])
def test_equals_the_exact_tree_of_scikit_learn(n, min_leaf, leaves):
    x, y, _ = signal(n, 4, n + leaves)
    tree = core_calls.grow(make(x, -y, max_leaves=leaves, min_leaf_weight=min_leaf))
    exact = DecisionTreeRegressor(
        max_leaf_nodes=leaves, min_samples_leaf=min_leaf, random_state=0
    ).fit(x, y)
    assert tree.n_leaves == exact.get_n_leaves()
    ours, theirs = tree.value[tree.ids], exact.predict(x)
    assert np.sum((y - ours) ** 2) == pytest.approx(np.sum((y - theirs) ** 2), rel=1e-9)
    # equal gains leave the choice of feature open, on very few rows alone
    assert np.mean(np.abs(ours - theirs) > 1e-9) <= (0.0 if n > 30 else 0.2)


@pytest.mark.parametrize("depth", [1, 3, 6])
def test_equals_the_exact_tree_level_by_level(depth):
    x, y, _ = signal(1000, 4, depth)
    tree = core_calls.grow(
        make(x, -y, max_depth=depth, max_leaves=2**depth, min_leaf_weight=5)
    )
    exact = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=5, random_state=0)
    theirs = exact.fit(x, y).predict(x)
    np.testing.assert_allclose(tree.value[tree.ids], theirs, atol=1e-9)


def test_equals_the_exact_weighted_tree_of_scikit_learn():
    x, y, rng = signal(500, 4, 3)
    w = rng.uniform(0.5, 2.0, 500)
    tree = core_calls.grow(make(x, -y * w, w, max_leaves=12))
    exact = DecisionTreeRegressor(max_leaf_nodes=12, random_state=0)
    theirs = exact.fit(x, y, sample_weight=w).predict(x)
    np.testing.assert_allclose(tree.value[tree.ids], theirs, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_a_weight_is_a_number_of_copies(seed):
    x, y, rng = signal(300, 4, seed)
    w = rng.integers(1, 5, 300)
    copies = np.repeat(np.arange(300), w)
    options = {"max_leaves": 10, "min_leaf_weight": 7}
    weighted = core_calls.grow(make(x, -y * w, w.astype(float), **options))
    copied = core_calls.grow(make(x[copies], -y[copies], **options))
    assert structure(weighted) == structure(copied)
    assert np.array_equal(weighted.ids[copies], copied.ids)
    assert np.array_equal(weighted.weight, copied.weight)
    np.testing.assert_allclose(weighted.value, copied.value, rtol=1e-12)
    np.testing.assert_allclose(weighted.gain, copied.gain, rtol=1e-5)


def test_unit_weights_and_a_unit_hessian_change_no_structure():
    x, y, _ = signal(400, 4, 0)
    plain = make(x, -y, max_leaves=10, l2=1.0)
    ones = np.ones(400)
    tree = core_calls.grow(plain)
    for fields in ({"weight": ones}, {"hessian": ones}):
        other = core_calls.grow(oracle.replace(plain, **fields))
        assert structure(other) == structure(tree)
        assert np.array_equal(other.value, tree.value)
        assert np.array_equal(other.weight, tree.weight)


def test_a_sample_of_all_rows_is_no_sample():
    x, y, _ = signal(400, 4, 1)
    problem = make(x, -y, max_leaves=10)
    sampled = oracle.replace(problem, rows=np.arange(400, dtype=np.int32))
    core_calls.assert_same_tree(
        core_calls.grow(sampled), core_calls.grow(problem), "all rows"
    )


def test_rows_outside_the_sample_count_for_nothing():
    x, y, rng = signal(400, 4, 2)
    rows = np.sort(rng.choice(400, 250, replace=False)).astype(np.int32)
    sampled = core_calls.grow(make(x, -y, rows=rows, max_leaves=10))
    borders = tree_problems.midpoints(x)
    params = oracle.Params(max_leaves=10)
    alone = core_calls.grow(
        tree_problems.make_problem(x[rows], borders, -y[rows], params=params)
    )
    assert structure(sampled) == structure(alone)
    assert np.array_equal(sampled.value, alone.value)
    assert np.array_equal(sampled.gain, alone.gain)
    assert np.array_equal(sampled.ids[rows], alone.ids)


def test_order_of_rows_is_irrelevant():
    x, y, rng = signal(400, 4, 3)
    order = rng.permutation(400)
    tree = core_calls.grow(make(x, -y, max_leaves=10))
    shuffled = core_calls.grow(make(x[order], -y[order], max_leaves=10))
    assert structure(tree) == structure(shuffled)
    assert np.array_equal(tree.gain, shuffled.gain)
    assert np.array_equal(tree.ids[order], shuffled.ids)


def test_masked_features_are_absent_features():
    x, y, _ = signal(400, 6, 4)
    kept = np.array([1, 2, 5])
    mask = np.isin(np.arange(6), kept).astype(np.uint8)
    masked = core_calls.grow(make(x, -y, features=mask, max_leaves=10))
    alone = core_calls.grow(make(x[:, kept], -y, max_leaves=10))
    split = alone.feature >= 0
    assert np.array_equal(masked.feature[split], kept[alone.feature[split]])
    assert np.array_equal(masked.ids, alone.ids)
    assert np.array_equal(masked.gain, alone.gain)


@pytest.mark.parametrize("exponent", [-40, -1, 3, 100])
def test_scaled_by_a_power_of_two(exponent):
    x, y, _ = signal(400, 4, 5)
    tree = core_calls.grow(make(x, -y, max_leaves=10))
    scaled = core_calls.grow(make(x, -y * 2.0**exponent, max_leaves=10))
    assert structure(tree) == structure(scaled)
    assert np.array_equal(tree.value * 2.0**exponent, scaled.value)
    assert np.array_equal(tree.gain * 4.0**exponent, scaled.gain)


def test_negated_gradient_negates_the_values():
    x, y, _ = signal(400, 4, 6)
    tree = core_calls.grow(make(x, -y, max_leaves=10))
    negated = core_calls.grow(make(x, y, max_leaves=10))
    assert structure(tree) == structure(negated)
    assert np.array_equal(tree.gain, negated.gain)
    assert np.array_equal(tree.value, -negated.value)


def test_only_the_order_of_raw_values_counts():
    x, y, _ = signal(400, 4, 7)
    tree = core_calls.grow(make(x, -y, max_leaves=10))
    other = core_calls.grow(make(np.exp(x) - 3, -y, max_leaves=10))
    assert structure(tree) == structure(other)
    assert np.array_equal(tree.ids, other.ids)


def test_a_repeated_feature_is_never_preferred():
    x, y, _ = signal(400, 4, 8)
    tree = core_calls.grow(make(x, -y, max_leaves=10))
    other = core_calls.grow(make(np.hstack([x, x]), -y, max_leaves=10))
    core_calls.assert_same_tree(other, tree, "features twice")


@pytest.mark.parametrize("hessian", [False, True])
def test_nodes_add_up(hessian):
    """Weights of children sum to the parent's; the gain is the fall of the loss."""
    x, y, rng = signal(2000, 4, 9)
    h = rng.uniform(0.5, 1, 2000) if hessian else None
    x[rng.random(x.shape) < 0.1] = np.nan
    problem = oracle.replace(make(x, -y, max_leaves=25, l2=1.0), hessian=h)
    tree = core_calls.grow(problem)
    at = np.flatnonzero(tree.feature >= 0)
    children = tree.weight[tree.left[at]] + tree.weight[tree.left[at] + 1]
    assert np.array_equal(tree.weight[at], children)
    assert (tree.left[at] > at).all()
    assert (tree.value[at] == 0).all()
    assert (tree.gain[at] > 0).all()
    assert (tree.gain[tree.feature < 0] == 0).all()
    ones = np.ones(2000) if h is None else h
    g_leaf = np.bincount(tree.ids, -y)
    h_leaf = np.bincount(tree.ids, ones)
    used = h_leaf > 0
    fall = np.sum(g_leaf[used] ** 2 / (h_leaf[used] + 1.0))
    fall -= y.sum() ** 2 / (ones.sum() + 1.0)
    assert tree.gain.sum() == pytest.approx(fall, rel=1e-4)


def test_without_a_budget_order_of_growth_is_irrelevant():
    x, y, _ = signal(500, 4, 10, n_values=12)
    best = core_calls.grow(make(x, -y, max_leaves=500, min_leaf_weight=5))
    level = core_calls.grow(
        make(x, -y, max_leaves=500, min_leaf_weight=5, depth_wise=True)
    )
    pairs = np.unique(np.column_stack([best.ids, level.ids]), axis=0)
    assert len(pairs) == best.n_leaves == level.n_leaves


def test_dithered_sums_are_unbiased():
    """Gradients under half a unit, which rounding to nearest would lose entirely."""
    n = 3000
    x = (np.arange(n) % 2).astype(float)[:, None]
    g = 1e-6 * (1 + x[:, 0])
    g[[0, 2]] = 3.0, -3.0  # the greatest of 19 bits: a unit is 5.7e-6
    sums = [g[x[:, 0] == side].sum() for side in (0, 1)]
    weight = np.full(n, 1.5)  # not whole: half of the bits go to the weights
    exact = (sum(s * s for s in sums) / (n / 2) - g.sum() ** 2 / n) / 1.5
    gains = [
        core_calls.grow(make(x, g, weight, max_leaves=2, seed=seed)).gain[0]
        for seed in range(60)
    ]
    assert np.std(gains) > 0
    assert np.mean(gains) == pytest.approx(exact, rel=0.1)


def test_rules_that_bind_nothing_change_nothing():
    """The search by rules finds the plain tree where no rule has an effect."""
    rng = np.random.default_rng(3)
    x = rng.integers(0, 50, (900, 4)).astype(float)
    x[rng.random(x.shape) < 0.1] = np.nan
    y = rng.standard_normal(900) + (np.nan_to_num(x[:, 0]) > 20)
    for weight in (None, rng.uniform(0.5, 1.5, 900)):
        problem = make(x, -y, weight, max_leaves=12, l2=1.0)
        plain = core_calls.grow(problem)
        ruled = core_calls.grow(problem.with_params(max_delta_step=1e9))
        for name in ("feature", "bin", "missing_left", "value"):
            np.testing.assert_array_equal(getattr(ruled, name), getattr(plain, name))
        np.testing.assert_allclose(ruled.gain, plain.gain, rtol=1e-6)
