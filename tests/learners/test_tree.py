import copy
import pickle

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from boostlab.contributions import Cells, CellValues
from boostlab.data.binning import Bins
from boostlab.data.table import Table
from boostlab.learners.tree import Tree, Trees
from boostlab.state import Problem, Round, State, Target


def make_state(X, y, weight=None, n_outputs=1, **table):
    weight = np.ones(len(X)) if weight is None else weight
    problem = Problem(Table(X, weight=weight, **table), y, weight)
    return State.at(problem, np.zeros(n_outputs), np.random.default_rng(0))


def squared_target(state, outputs=None, **kwargs):
    y = state.y[:, None] if outputs is None else outputs
    gradient = np.asfortranarray(-y * state.weight[:, None])
    return Target(state.table, state.weight, gradient=gradient, **kwargs)


@pytest.fixture
def rows():
    rng = np.random.default_rng(1)
    X = rng.integers(0, 30, size=(500, 4)).astype(float)
    y = X[:, 0] * (X[:, 1] > 10) + rng.normal(size=500)
    return X, y


def test_one_split_by_hand():
    X = np.array([[1.0], [2.0], [3.0], [4.0]])
    state = make_state(X, np.array([1.0, 1.0, 5.0, 5.0]))
    tree = Tree(max_leaf_nodes=2, min_samples_leaf=1, l2_regularization=0.0)
    hypothesis, contribution = tree.fit(squared_target(state), state)
    nodes = hypothesis.trees[0]
    assert nodes.feature.tolist() == [0, -1, -1]
    assert nodes.threshold[0] == 2.5
    assert nodes.value[:, 0].tolist() == [0.0, 1.0, 5.0]
    assert nodes.gain[0] == pytest.approx(2 * 1 + 2 * 25 - 36)
    assert contribution.values()[:, 0].tolist() == [1.0, 1.0, 5.0, 5.0]


def test_equals_an_exact_tree(rows):
    X, y = rows
    state = make_state(X, y)
    tree = Tree(max_leaf_nodes=12, min_samples_leaf=5, l2_regularization=0.0)
    hypothesis, _ = tree.fit(squared_target(state), state)
    exact = DecisionTreeRegressor(max_leaf_nodes=12, min_samples_leaf=5).fit(X, y)
    np.testing.assert_allclose(
        hypothesis.predict(state.table)[:, 0], exact.predict(X), rtol=1e-12
    )


def test_fair_ties_cut_gaps_where_an_exact_tree_does():
    """All whole numbers are binned, and a third of them grow the tree."""
    rng = np.random.default_rng(4)
    X = np.arange(120.0)[:, None]
    y = rng.normal(size=120)
    chosen = np.sort(rng.choice(120, 40, replace=False))
    state = make_state(X, y)
    exact = DecisionTreeRegressor(max_leaf_nodes=12, min_samples_leaf=2)
    exact.fit(X[chosen], y[chosen])
    predicted = {}
    for ties in ("first", "fair"):
        tree = Tree(12, min_samples_leaf=2, l2_regularization=0.0, ties=ties)
        found, cells = tree.fit(squared_target(state, rows=chosen), state)
        predicted[ties] = found.predict(state.table)[:, 0]
        np.testing.assert_array_equal(cells.values()[:, 0], predicted[ties])
    np.testing.assert_allclose(predicted["fair"], exact.predict(X), rtol=1e-9)
    np.testing.assert_array_equal(predicted["fair"][chosen], predicted["first"][chosen])
    assert not np.allclose(predicted["first"], exact.predict(X))


@pytest.mark.parametrize(("ties", "features"), [("first", {0}), ("fair", {0, 1, 2})])
def test_fair_ties_draw_among_equal_features(ties, features):
    X = np.repeat(np.arange(40.0)[:, None], 3, axis=1)
    state = make_state(X, np.where(X[:, 0] < 20, 0.0, 1.0))
    tree = Tree(2, min_samples_leaf=1, ties=ties)
    fits = [tree.fit(squared_target(state), state)[0] for _ in range(40)]
    assert {int(fit.trees[0].feature[0]) for fit in fits} == features


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"ties": "random"}, "ties is 'random'"),
        ({"ties": "fair", "splitter": "random"}, "leave it at 'first'"),
        ({"ties": "fair", "growth": "oblivious"}, "leave it at 'first'"),
    ],
)
def test_ties_that_there_are_none_of(params, message):
    with pytest.raises(ValueError, match=message):
        Tree(**params).validate()


def test_raw_values_and_bins_agree(rows):
    X, y = rows
    X = np.where(np.random.default_rng(2).random(X.shape) < 0.1, np.nan, X)
    state = make_state(X, y)
    hypothesis, contribution = Tree().fit(squared_target(state), state)
    by_bins = hypothesis.cells(state.table)
    by_values = hypothesis.cells(Table(X.astype(np.float32)))
    np.testing.assert_array_equal(by_bins, contribution.ids)
    np.testing.assert_array_equal(by_values, by_bins)
    held_out = Table(X[::-1].copy(), reference=state.table)
    np.testing.assert_array_equal(hypothesis.cells(held_out), by_bins[:, ::-1])


def test_applying_does_not_bin_a_new_table(rows):
    X, y = rows
    state = make_state(X, y)
    hypothesis, _ = Tree().fit(squared_target(state), state)
    table = Table(X)
    hypothesis.cells(table)
    assert not table.was_fitted(Bins(), hypothesis.borders)
    assert table._fitted == {}


def test_one_tree_an_output(rows):
    X, y = rows
    outputs = np.column_stack([y, -2 * y, y**2])
    state = make_state(X, y, n_outputs=3)
    hypothesis, contribution = Tree().fit(squared_target(state, outputs), state)
    assert len(hypothesis.trees) == 3
    assert contribution.values().shape == (500, 3)
    alone = make_state(X, outputs[:, 2])
    single, _ = Tree().fit(squared_target(alone), alone)
    np.testing.assert_array_equal(
        single.predict(alone.table)[:, 0], hypothesis.predict(state.table)[:, 2]
    )


def test_sampled_rows_and_features_only(rows):
    X, y = rows
    state = make_state(X, y)
    chosen, features = np.arange(0, 500, 3), np.array([1, 3])
    tree = Tree(min_samples_leaf=5)
    target = squared_target(state, rows=chosen, features=features)
    hypothesis, contribution = tree.fit(target, state)
    assert set(hypothesis.trees[0].feature) <= {-1, 1, 3}
    small = make_state(X[chosen], y[chosen])
    alone, _ = tree.fit(squared_target(small, features=features), small)
    borders_agree = len(np.unique(X[chosen])) == len(np.unique(X))
    assert borders_agree
    np.testing.assert_array_equal(alone.trees[0].value, hypothesis.trees[0].value)
    assert contribution.ids.shape == (1, 500)


@pytest.mark.parametrize(("total", "least"), [(999, 5), (1000, 20)])
def test_auto_leaf_size(total, least):
    n = 500
    X = np.arange(n, dtype=float)[:, None]
    weight = np.full(n, total / n)
    y = np.random.default_rng(0).normal(size=n)
    state = make_state(X, y, weight)
    hypothesis, _ = Tree(max_leaf_nodes=None).fit(squared_target(state), state)
    nodes = hypothesis.trees[0]
    leaves = nodes.weight[nodes.feature < 0]
    assert leaves.min() >= least * (1 - 1e-6)
    assert leaves.min() < 2 * least


@pytest.mark.parametrize(
    ("total", "most"), [(100, 6), (400, 6), (2500, 15), (10_600, 30), (40_000, 31)]
)
def test_auto_number_of_leaves(total, most):
    n = 500
    X = np.arange(n, dtype=float)[:, None]
    y = np.random.default_rng(0).normal(size=n)
    state = make_state(X, y, np.full(n, total / n))
    tree = Tree(max_leaf_nodes="auto", min_samples_leaf=total / n)
    hypothesis, _ = tree.fit(squared_target(state), state)
    assert (hypothesis.trees[0].feature < 0).sum() == most
    tree.set_params(max_depth=2)
    hypothesis, _ = tree.fit(squared_target(state), state)
    assert (hypothesis.trees[0].feature < 0).sum() == 4


def test_small_weights_do_not_forbid_splits(rows):
    X, y = rows
    state = make_state(X, y, np.full(500, 1 / 512))
    hypothesis, _ = Tree(min_hessian=0.0).fit(squared_target(state), state)
    nodes = hypothesis.trees[0]
    assert nodes.n_nodes > 5
    assert nodes.weight[nodes.feature < 0].min() >= 500 / 512 / 10


def test_fused_rounds_equal_rounds_one_by_one(rows):
    X, y = rows
    state = make_state(X, y, n_outputs=2)
    outputs = np.column_stack([y, y**2])
    rounds, expected = [], np.zeros((500, 2), order="F")
    values = None
    for size in (0.1, np.array([0.5, 2.0]), "cells"):
        hypothesis, _ = Tree(max_leaf_nodes=5).fit(
            squared_target(state, outputs), state
        )
        if isinstance(size, str):
            values = tuple(
                np.random.default_rng(0).normal(size=v.shape)
                for v in hypothesis.cell_values
            )
            size = CellValues(values)
        rounds.append(Round(hypothesis, size))
        hypothesis.contribution(state).add_to(expected, size)
    fused = np.zeros((500, 2), order="F")
    Trees.fuse(rounds).add_to(fused, Table(X))
    np.testing.assert_array_equal(fused, expected)


def test_importances_by_hand():
    X = np.column_stack([np.arange(40.0) % 2, np.arange(40.0) // 20])
    y = 10 * X[:, 1] + X[:, 0]
    state = make_state(X, y)
    tree = Tree(max_leaf_nodes=4, l2_regularization=0.0)
    hypothesis, _ = tree.fit(squared_target(state), state)
    assert hypothesis.importances("split").tolist() == [2.0, 1.0]
    gain = hypothesis.importances()
    assert gain == pytest.approx([10.0, 1000.0], rel=1e-6)


def test_parts_round_trip_and_refuse(rows):
    X, y = rows
    state = make_state(X, y)
    hypothesis, _ = Tree().fit(squared_target(state), state)
    for again in (
        Trees.from_parts(*hypothesis.to_parts()),
        pickle.loads(pickle.dumps(hypothesis)),
        copy.deepcopy(hypothesis),
    ):
        np.testing.assert_array_equal(
            again.predict(Table(X)), hypothesis.predict(state.table)
        )
    data, arrays = hypothesis.to_parts()
    for name, at, value in (("left", 0, 0), ("feature", 0, 9), ("n_nodes", 0, 3)):
        broken = {key: array.copy() for key, array in arrays.items()}
        broken[name][at] = value
        with pytest.raises(ValueError, match=r"\."):
            Trees.from_parts(data, broken)
    with pytest.raises(ValueError, match="features"):
        Trees.from_parts({"n_features": 0}, arrays)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"max_leaf_nodes": 1}, "max_leaf_nodes"),
        ({"max_leaf_nodes": "many"}, "max_leaf_nodes"),
        ({"max_depth": 0}, "max_depth"),
        ({"min_samples_leaf": "all"}, "min_samples_leaf"),
        ({"min_samples_leaf": -1}, "min_samples_leaf"),
        ({"l2_regularization": -0.5}, "l2_regularization"),
        ({"max_bins": 256}, "max_bins"),
        ({"max_features": 0.0}, "max_features"),
        ({"growth": "level"}, "growth"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        Tree(**params).validate()


def test_gradient_that_is_not_finite_is_refused(rows):
    X, y = rows
    y = y.copy()
    y[3] = np.nan
    state = make_state(X, y)
    with pytest.raises(ValueError, match="NaN or infinite"):
        Tree().fit(squared_target(state), state)


def test_no_split_possible_is_one_leaf():
    state = make_state(np.ones((50, 2)), np.arange(50.0))
    hypothesis, contribution = Tree(l2_regularization=0.0).fit(
        squared_target(state), state
    )
    assert hypothesis.trees[0].n_nodes == 1
    assert isinstance(contribution, Cells)
    np.testing.assert_allclose(contribution.values(), np.full((50, 1), 24.5))


@pytest.fixture
def several(rows):
    X, y = rows
    outputs = np.column_stack([y, -2.0 * y, X[:, 2], y + X[:, 3]])
    state = make_state(X, y, n_outputs=4)
    return state, squared_target(state, outputs), outputs


def test_shared_tree_has_the_mean_of_every_output(several):
    state, target, outputs = several
    tree = Tree(multi_strategy="shared", min_samples_leaf=5, l2_regularization=0.0)
    hypothesis, contribution = tree.fit(target, state)
    assert len(hypothesis.trees) == 1
    assert contribution.ids.shape == (1, 500)
    for leaf in np.unique(contribution.ids):
        mean = outputs[contribution.ids[0] == leaf].mean(axis=0)
        np.testing.assert_allclose(hypothesis.trees[0].value[leaf], mean, rtol=1e-9)
    assert np.array_equal(hypothesis.predict(state.table), contribution.values())


def test_equal_outputs_share_the_tree_of_one(rows):
    X, y = rows
    state = make_state(X, y, n_outputs=8)
    single, _ = Tree().fit(squared_target(state), make_state(X, y))
    shared, _ = Tree(multi_strategy="shared", l2_regularization=1.0).fit(
        squared_target(state, np.column_stack([y] * 8)), state
    )
    one, eight = single.trees[0], shared.trees[0]
    assert np.array_equal(one.feature, eight.feature)
    assert np.array_equal(one.threshold, eight.threshold)
    np.testing.assert_allclose(eight.value, np.repeat(one.value, 8, axis=1))
    np.testing.assert_allclose(eight.gain, 8 * one.gain, rtol=1e-6)


def test_many_outputs_are_sketched(rows):
    X, y = rows
    outputs = np.outer(y, np.linspace(-1, 1, 40)) + X[:, [2]]
    state = make_state(X, y, n_outputs=40)
    tree = Tree(multi_strategy="shared", sketch_size=5, l2_regularization=0.0)
    hypothesis, contribution = tree.fit(squared_target(state, outputs), state)
    assert hypothesis.trees[0].value.shape[1] == 40
    error = np.var(outputs - contribution.values())
    assert error < 0.3 * np.var(outputs)
    leaf = contribution.ids[0, 0]
    mean = outputs[contribution.ids[0] == leaf].mean(axis=0)
    np.testing.assert_allclose(hypothesis.trees[0].value[leaf], mean, rtol=1e-9)


def test_categories_are_split_by_sets():
    codes = np.repeat(np.arange(6.0), 50)
    y = np.isin(codes, [0, 2, 5]).astype(float)
    state = make_state(codes[:, None], y, categorical=[True])
    tree = Tree(max_leaf_nodes=2, categorical_l2=0.0, l2_regularization=0.0)
    hypothesis, contribution = tree.fit(squared_target(state), state)
    assert hypothesis.trees[0].subset.tolist() == [0, -1, -1]
    assert np.array_equal(contribution.values()[:, 0], y)
    new = Table(np.array([[2.0], [3.0], [np.nan], [77.0]]), categorical=[True])
    raw = hypothesis.predict(new)[:, 0]
    assert raw[:2].tolist() == [1.0, 0.0]
    assert raw[2] == raw[3]  # a category not seen is as good as missing


@pytest.mark.parametrize(
    "wrong",
    [
        {"multi_strategy": "both"},
        {"sketch_size": 0},
        {"sketch_size": 17},
        {"categorical_l2": -1.0},
        {"categorical_smoothing": float("nan")},
    ],
)
def test_wrong_strategies_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Tree(**wrong).validate()
