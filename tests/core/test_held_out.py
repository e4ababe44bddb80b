"""Splits of a tree tested on rows that had no part in growing it."""

import core_calls
import grower_oracle as oracle
import numpy as np
import pytest
import tree_problems
from core_calls import assert_same_tree

TIERS = core_calls.present_tiers()


def rows(*numbers):
    return np.array(numbers, np.int32)


HALVES = rows(8, 9, 10, 11), rows(12, 13, 14, 15)


def four_bins(held_gradient, step=0.0, **changes):
    """Rows 0-7 grow a tree of four leaves, two rows each; 8-11 and as many equal ones
    are the two halves held out.

    Gradients -3 -1 1 3 by bin: leaves are worth 3 1 -1 -3, their parents 2 and -2.
    """
    x = np.array([0, 0, 1, 1, 2, 2, 3, 3, *range(4), *range(4)], float)[:, None]
    g = np.concatenate([np.repeat([-3.0, -1.0, 1.0, 3.0], 2), *[held_gradient] * 2])
    params = oracle.Params(test_step=step)
    problem = tree_problems.make_problem(
        x, [np.array([0.5, 1.5, 2.5])], g, rows=np.arange(8, dtype=np.int32),
        params=params,
    )  # fmt: skip
    return oracle.replace(problem, **{"held": HALVES} | changes)


def grown(problem):
    tree = core_calls.grow(problem)
    assert_same_tree(tree, oracle.grow(problem), "core against oracle")
    return tree


def test_held_out_rows_like_the_others_keep_all():
    tree = grown(four_bins([-3.0, -1.0, 1.0, 3.0]))
    assert tree.n_leaves == 4
    assert sorted(tree.value[tree.feature < 0].tolist()) == [-3.0, -1.0, 1.0, 3.0]


def test_a_split_that_fails_is_cut_and_one_that_passes_stays():
    """Left: -2 (3 g0 + g1) = 14 for the leaves, 2 * 2 * 4 = 16 for the node."""
    tree = grown(four_bins([-1.0, -4.0, 1.0, 3.0]))
    assert tree.n_leaves == 3
    assert tree.value[tree.ids].tolist()[:4] == [2.0] * 4  # both bins of the left
    assert tree.value[tree.ids].tolist()[8:] == [2.0, 2.0, -1.0, -3.0] * 2
    assert tree.gain[tree.feature < 0].tolist() == [0.0] * 3


def test_longer_steps_are_held_to_more():
    """Of held-out gradients a fifth as large a step of a tenth gains, a whole not."""
    g = np.array([-3.0, -1.0, 1.0, 3.0]) / 5
    assert grown(four_bins(g, step=0.1)).n_leaves == 4
    assert grown(four_bins(g, step=1.0)).n_leaves == 1


def test_a_split_is_kept_for_what_is_below_it():
    """A product of signs: the root's split is worth nothing, those below it all."""
    x = np.array([[a, b] for a in (0, 1) for b in (0, 1)] * 12, float)
    y = 2.0 * (x[:, 0] == x[:, 1]) - 1
    y[0] += 0.01  # so that some root split gains at all
    problem = tree_problems.make_problem(
        x, [np.array([0.5])] * 2, -y, rows=np.arange(16, dtype=np.int32)
    )
    held = np.arange(16, 48, dtype=np.int32).reshape(2, 16)
    problem = oracle.replace(problem, held=tuple(held))
    tree = grown(problem)
    assert tree.n_leaves == 4


def test_opposite_rows_leave_no_split_and_no_value():
    tree = grown(four_bins([3.0, 1.0, -1.0, -3.0]))
    assert tree.feature.tolist() == [-1]
    assert tree.value.tolist() == [0.0]
    assert tree.ids.tolist() == [0] * 16


def test_halves_that_contradict_each_other_leave_nothing():
    """Together they keep a split, but each by itself keeps what harms the other."""
    problem = four_bins([0.0] * 4)
    g = problem.gradient.copy()
    g[8:] = [-5.0, -1.0, 1.0, 5.0, 4.0, 1.0, -1.0, -4.0]
    tree = grown(oracle.replace(problem, gradient=g))
    assert tree.n_leaves == 1
    g[12:] = [-1.0, -1.0, 1.0, 1.0]
    assert grown(oracle.replace(problem, gradient=g)).n_leaves > 1


def test_one_half_alone_decides_nothing():
    problem = four_bins([-3.0, -1.0, 1.0, 3.0], held=(HALVES[0], rows()))
    assert grown(problem).n_leaves == 1


def test_without_held_out_rows_nothing_passes():
    tree = grown(four_bins([-3.0, -1.0, 1.0, 3.0], held=(rows(), rows())))
    assert tree.feature.tolist() == [-1]
    assert tree.value.tolist() == [0.0]


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e150])
def test_held_out_gradients_have_a_scale_of_their_own(scale):
    """They may be far greater than those the tree was grown on."""
    assert grown(four_bins(np.array([-3.0, -1.0, 1.0, 3.0]) * scale)).n_leaves > 1


def test_bad_held_out_rows_are_refused():
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="NaN"):
            core_calls.grow(four_bins([-3.0, bad, 1.0, 3.0]))
    hessian = np.ones(16)
    hessian[9] = -1.0
    with pytest.raises(ValueError, match="negative"):
        core_calls.grow(four_bins([-3.0, -1.0, 1.0, 3.0], hessian=hessian))


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_many_rows_threads_and_tiers(n_outputs):
    """Several tasks of held-out rows; the tree is the oracle's all the same."""
    rng = np.random.default_rng(5)
    n = 40_000
    columns = rng.integers(0, 40, (3, n)).astype(np.uint8)
    signal = (columns[0] > 20) + (columns[1] < 9) * 1.0
    g = rng.standard_normal((n, n_outputs)) + signal[:, None]
    order = rng.permutation(n)
    problem = oracle.Problem(
        columns=columns,
        n_bins=np.full(3, 40, np.int32),
        gradient=g[:, 0].copy() if n_outputs == 1 else g,
        hessian=rng.uniform(0.5, 1, g.shape if n_outputs > 1 else n),
        rows=np.sort(order[:20_000]).astype(np.int32),
        held=tuple(np.sort(order[20_000:]).astype(np.int32).reshape(2, -1)),
        borders=np.tile(np.arange(39.0), 3),
        offsets=np.arange(4) * 39,
        params=oracle.Params(max_leaves=20, min_leaf_weight=20.0, test_step=0.1),
    )
    expected = oracle.grow(problem)
    assert 2 < expected.n_leaves < 20
    for tier in TIERS:
        for n_threads in (1, 3):
            with core_calls.tier(tier):
                tree = core_calls.grow(problem, n_threads)
            assert_same_tree(tree, expected, f"{tier}, {n_threads} threads")
