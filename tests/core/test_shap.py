"""Contributions of made trees against Shapley values by their definition."""

import core_calls
import made_trees
import numpy as np
import pytest
import shapley

F = 5


def contribute(trees, x, background=None, outputs=None, n_outputs=1, n_threads=1):
    """Shares (n, K, f + 1) by the core."""
    packed = core_calls.forest(trees, x.shape[1], outputs, n_outputs)
    weight = np.concatenate([tree.weight for tree in trees])
    out = np.full((len(x), n_outputs, x.shape[1] + 1), 77.0)
    core_calls._core.contributions(packed, weight, x, background, out, n_threads)
    return out


def expected(trees, x, background=None, outputs=None, n_outputs=1):
    """Shares (n, K, f) by the definition."""
    phi = np.zeros((len(x), n_outputs, x.shape[1]))
    for tree, first in zip(trees, outputs or [0] * len(trees), strict=True):
        for i, row in enumerate(x):
            game = (
                shapley.path_game(tree, row)
                if background is None
                else shapley.background_game(tree, row, background)
            )
            own = shapley.values(game, x.shape[1], tree.n_outputs)
            phi[i, first : first + tree.n_outputs] += own
    return phi


@pytest.mark.parametrize("against", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("n_leaves", [1, 2, 3, 9, 25])
@pytest.mark.parametrize("chain", [False, True])
def test_the_definition(tier, against, n_outputs, n_leaves, chain):
    rng = np.random.default_rng([n_leaves, n_outputs])
    trees = [
        made_trees.make_tree(rng, n_leaves, F, n_outputs, 0.3, chain) for _ in range(2)
    ]
    x = made_trees.make_rows(rng, 5, F)
    background = made_trees.make_rows(rng, 4, F) if against else None
    found = contribute(trees, x, background, None, n_outputs)
    wanted = expected(trees, x, background, None, n_outputs)
    np.testing.assert_allclose(found[..., :-1], wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("against", [False, True])
def test_every_tier_and_number_of_threads_gives_the_same_bits(against):
    rng = np.random.default_rng(1)
    trees = [made_trees.make_tree(rng, n, 7, 2, 0.2) for n in (31, 60)]
    x = made_trees.make_rows(rng, 150, 7)
    background = made_trees.make_rows(rng, 9, 7) if against else None
    results = []
    for name in core_calls.present_tiers():
        with core_calls.tier(name):
            for n_threads in (1, 2, 3):
                results.append(contribute(trees, x, background, None, 2, n_threads))
    assert all(np.array_equal(results[0], other) for other in results[1:])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_leaves", [31, 255, 700])
@pytest.mark.parametrize("chain", [False, True])
def test_rows_sum_to_predictions(dtype, n_leaves, chain):
    rng = np.random.default_rng(n_leaves)
    trees = [made_trees.make_tree(rng, n_leaves, 40, 1, 0.1, chain) for _ in range(3)]
    x = made_trees.make_rows(rng, 70, 40).astype(dtype)
    packed = core_calls.forest(trees, 40)
    raw = core_calls.predict_raw(packed, x)
    found = contribute(trees, x)
    np.testing.assert_allclose(found.sum(axis=2), raw, rtol=0, atol=1e-11)
    background = made_trees.make_rows(rng, 20, 40).astype(dtype)
    base = core_calls.predict_raw(packed, background).mean(axis=0)
    found = contribute(trees, x, background)
    assert (found[..., -1] == 0).all()
    np.testing.assert_allclose(found.sum(axis=2) + base, raw, rtol=0, atol=1e-11)


def test_the_expected_value_is_the_mean_of_the_leaves_by_weight():
    rng = np.random.default_rng(0)
    trees = [made_trees.make_tree(rng, n, 3, 2) for n in (1, 8, 30)]
    x = made_trees.make_rows(rng, 3, 3)
    wanted = sum(
        (tree.value * tree.weight[:, None])[tree.feature < 0].sum(axis=0)
        / tree.weight[0]
        for tree in trees
    )
    found = contribute(trees, x, n_outputs=2)
    np.testing.assert_allclose(found[..., -1], np.tile(wanted, (3, 1)), atol=1e-12)


def test_rounds_of_shared_and_of_separate_trees():
    rng = np.random.default_rng(0)
    trees = [made_trees.make_tree(rng, 7, 3, k, 0.3) for k in (3, 1, 1)]
    x = made_trees.make_rows(rng, 4, 3)
    for background in (None, made_trees.make_rows(rng, 3, 3)):
        found = contribute(trees, x, background, [0, 1, 2], 3)
        wanted = expected(trees, x, background, [0, 1, 2], 3)
        np.testing.assert_allclose(found[..., :-1], wanted, rtol=0, atol=1e-12)


def test_nodes_without_weight():
    """What no training row reached shares its parent's weight evenly, or has none."""
    rng = np.random.default_rng(0)
    tree = made_trees.make_tree(rng, 12, 4)
    inner = np.flatnonzero(tree.left >= 0)
    tree.weight[tree.left[inner[3]]] = 0.0
    tree.weight[tree.left[inner[5]] : tree.left[inner[5]] + 2] = 0.0
    x = made_trees.make_rows(rng, 20, 4)
    found = contribute([tree], x)
    np.testing.assert_allclose(found[..., :-1], expected([tree], x), atol=1e-12)


def test_a_background_of_the_row_itself_explains_nothing():
    rng = np.random.default_rng(0)
    tree = made_trees.make_tree(rng, 20, 4, 1, 0.3)
    row = made_trees.make_rows(rng, 1, 4)
    assert (contribute([tree], row, row) == 0).all()


def arguments():
    rng = np.random.default_rng(0)
    tree = made_trees.make_tree(rng, 6, 3)
    packed = core_calls.forest([tree], 3)
    x = np.zeros((4, 3))
    return {
        "forest": packed, "weight": tree.weight, "X": x, "background": x,
        "out": np.zeros((4, 1, 4)), "n_threads": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("forest", None, "PyCapsule"),
        ("weight", np.ones(3), "weight has 3 entries"),
        ("weight", -np.ones(11), "at least 0"),
        ("weight", np.full(11, np.nan), "finite"),
        ("weight", np.full(11, np.inf), "finite"),
        ("weight", np.ones(11, np.float32), "float64"),
        ("X", np.zeros((4, 2)), "X has 2 features"),
        ("X", np.zeros(4), "2-d"),
        ("background", np.zeros((4, 4)), "background has 4 features"),
        ("background", np.zeros((0, 3)), "no rows"),
        ("background", "text", "bytes-like"),
        ("out", np.zeros((4, 1, 3)), "3 entries on axis 2"),
        ("out", np.zeros((4, 2, 4)), "2 entries on axis 1"),
        ("out", np.zeros((5, 1, 4)), "5 entries on axis 0"),
        ("out", np.zeros((4, 1, 8))[..., ::2], "contiguous"),
        ("n_threads", 0, "n_threads is 0"),
    ],
)
def test_wrong_arguments(name, value, words):
    given = {**arguments(), name: value}
    with pytest.raises((TypeError, ValueError), match=words):
        core_calls._core.contributions(*given.values())


def test_no_rows_and_no_trees():
    assert contribute([made_trees.make_tree(np.random.default_rng(0), 3, 2)],
                      np.zeros((0, 2))).shape == (0, 1, 3)  # fmt: skip
