"""Which rows a round holds out of its tree, and trees that are tested on them."""

import numpy as np
import pytest

from boostlab.data.table import Table
from boostlab.directions import Newton
from boostlab.groups import Groups
from boostlab.learners import LinearTree, Tree
from boostlab.learners.held_out import held_out_rows
from boostlab.objectives import SquaredError
from boostlab.state import Problem, Target


def state_of(x, y, weight=None, seed=0, group=None):
    weight = np.ones(len(y)) if weight is None else weight
    problem = Problem(Table(x, weight=weight), y, weight, group=group)
    return SquaredError().start(problem, np.random.default_rng(seed))


def target_of(state):
    return Newton()(SquaredError(), state)


def parted(state, rows=None, share=0.25):
    target = Target(state.table, state.weight, rows=rows)
    grown, halves = held_out_rows(target, state, share)
    assert all((np.diff(half) > 0).all() for half in halves)
    return grown, np.sort(np.concatenate(halves))


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    x = rng.integers(0, 4, (2000, 3)).astype(float)
    return x, rng.standard_normal(2000) + x[:, 0]


def test_every_row_is_on_one_side_and_the_share_is_met(data):
    grown, held = parted(state_of(*data))
    assert np.array_equal(np.sort(np.concatenate([grown, held])), np.arange(2000))
    assert (np.diff(grown) > 0).all()
    assert (np.diff(held) > 0).all()
    assert grown.dtype == held.dtype == np.int32
    assert abs(len(held) / 2000 - 0.25) < 0.04  # four standard errors


def test_the_halves_are_alike(data):
    _, (first, second) = held_out_rows(target_of(state_of(*data)), state_of(*data), 0.5)
    assert abs(len(first) - 500) < 80
    assert abs(len(second) - 500) < 80
    assert not len(np.intersect1d(first, second))


def test_rounds_hold_out_other_rows_and_seeds_repeat_them(data):
    state = state_of(*data)
    first, second = parted(state)[1], parted(state)[1]
    assert np.array_equal(first, parted(state_of(*data))[1])
    expected = 0.25 * len(second)  # as of independent draws
    assert abs(len(np.intersect1d(first, second)) - expected) < 50


def test_equal_rows_are_never_parted(data):
    x, y = np.tile(data[0], (3, 1)), np.tile(data[1], 3)
    is_held = np.zeros(6000, bool)
    is_held[parted(state_of(x, y))[1]] = True
    assert (is_held.reshape(3, 2000) == is_held[:2000]).all()
    alone = parted(state_of(*data, weight=np.full(2000, 3.0)))[1]
    assert np.array_equal(np.flatnonzero(is_held[:2000]), alone)


def test_targets_part_rows_of_equal_features():
    """Else tables of few distinct rows would be tested on features never seen."""
    x, y = np.zeros((1000, 1)), np.arange(1000.0)
    assert 150 < len(parted(state_of(x, y))[1]) < 350


def test_groups_stay_together(data):
    labels = np.arange(2000) % 200
    held = parted(state_of(*data, group=Groups.of(labels)))[1]
    inside = np.isin(labels, labels[held])
    assert np.array_equal(np.flatnonzero(inside), held)
    assert 0 < len(held) < 2000


def test_only_sampled_rows_count(data):
    rows = np.arange(0, 2000, 5)
    grown, held = parted(state_of(*data), rows)
    assert np.array_equal(np.sort(np.concatenate([grown, held])), rows)


def test_a_row_to_grow_on_is_always_left():
    for seed in range(20):
        state = state_of(np.zeros((3, 1)), np.zeros(3), seed=seed)
        grown, held = parted(state, share=0.5)
        assert (grown.tolist(), held.tolist()) == ([0, 1, 2], [])


def n_splits(tree, x, y, n_rounds=20, weight=None):
    """Splits of the trees of some rounds on the same targets."""
    state = state_of(x, y, weight)
    target = target_of(state)
    return [tree.fit(target, state)[0].n_splits for _ in range(n_rounds)]


def test_noise_leaves_few_splits_and_signal_many(data):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((3000, 8))
    noise = rng.standard_normal(3000)
    tree = Tree(split_test=0.3)
    assert n_splits(Tree(), x, noise, 1) == [30]
    assert np.mean(n_splits(tree, x, noise)) < 8
    assert np.mean(n_splits(tree, x, 3 * np.sin(2 * x[:, 0]) + noise)) > 5


def test_values_are_those_of_the_rows_that_grew_the_tree(data):
    x, y = data
    state, again = state_of(x, y), state_of(x, y)
    grown, _ = held_out_rows(target_of(again), again, 0.3)
    tree = Tree(split_test=0.3, l2_regularization=0.0)
    hypothesis, cells = tree.fit(target_of(state), state)
    residual = -target_of(again).gradient[:, 0]
    ids, values = cells.ids[0], hypothesis.trees[0].value[:, 0]
    assert hypothesis.n_splits > 2
    for leaf in np.flatnonzero(hypothesis.trees[0].feature < 0):
        rows = grown[ids[grown] == leaf]
        assert values[leaf] == pytest.approx(residual[rows].mean(), abs=1e-9)
    assert np.array_equal(hypothesis.cells(state.table), cells.ids)


def test_weight_two_is_a_row_given_twice(data):
    x, y = data
    tree = Tree(split_test=0.3)
    twice = state_of(np.repeat(x, 2, axis=0), np.repeat(y, 2))
    weighted = state_of(x, y, np.full(len(y), 2.0))
    for _ in range(5):
        first = tree.fit(target_of(twice), twice)[0].predict(weighted.table)
        second = tree.fit(target_of(weighted), weighted)[0].predict(weighted.table)
        assert first.any()
        np.testing.assert_allclose(first, second, atol=1e-6)


@pytest.mark.parametrize("multi_strategy", ["separate", "shared"])
@pytest.mark.parametrize("n_outputs", [3, 20])
def test_several_outputs(data, multi_strategy, n_outputs):
    """More than 16 shared outputs are sketched; noise is worth exactly 0 then, too."""
    x, y = data
    state = state_of(x, y)
    rng = np.random.default_rng(0)
    signal = np.asfortranarray(np.column_stack([-y] * n_outputs))
    tree = Tree(split_test=0.3, multi_strategy=multi_strategy)
    found = tree.fit(Target(state.table, state.weight, signal), state)[0]
    assert found.n_splits > 2 * len(found.trees)
    noise = np.asfortranarray(rng.standard_normal((2000, n_outputs)))
    fits = [
        tree.fit(Target(state.table, state.weight, noise), state)[0] for _ in range(20)
    ]
    bare = [t for fit in fits for t in fit.trees if t.n_nodes == 1]
    assert bare
    assert not any(t.value.any() for t in bare)


def test_monotone_trees_stay_monotone():
    rng = np.random.default_rng(3)
    x = rng.uniform(-2, 2, (2000, 2))
    y = np.sin(3 * x[:, 0]) + x[:, 0] + 0.3 * rng.standard_normal(2000)
    state = state_of(x, y)
    tree = Tree(split_test=0.3, monotonic_cst=[1, 0], path_smoothing=5.0)
    grid = np.column_stack([np.linspace(-2, 2, 300), np.zeros(300)])
    for _ in range(10):
        fitted = tree.fit(target_of(state), state)[0]
        assert fitted.n_splits > 2
        assert (np.diff(fitted.predict(Table(grid))[:, 0]) >= 0).all()


def test_linear_leaves_report_their_splits(data):
    state = state_of(*data)
    learner = LinearTree(Tree(split_test=0.3))
    assert learner.split_test == 0.3
    assert LinearTree().split_test == 0
    hypothesis, contribution = learner.fit(target_of(state), state)
    assert hypothesis.n_splits == hypothesis.partition.n_splits > 0
    again = hypothesis.contribution(state).values()
    assert np.array_equal(contribution.values(), again)


@pytest.mark.parametrize(
    "wrong", [{"split_test": 0.6}, {"split_test": -0.1}, {"test_step": -1.0}]
)
def test_bad_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Tree(**wrong).validate()
