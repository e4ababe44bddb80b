"""Linear models in leaves: by hand, against the normal equations, and in estimators."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import make_friedman1

import boostlab
from boostlab import (
    BoostingClassifier,
    BoostingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from boostlab.callbacks import Checkpoint
from boostlab.data.table import Table
from boostlab.learners import LinearTree, Tree
from boostlab.learners.linear_leaves import LinearTrees
from boostlab.learners.linear_tree import path_features
from boostlab.objectives import SquaredError
from boostlab.persistence import model_hash
from boostlab.state import Problem, Target

STUMP = Tree(max_leaf_nodes=2, min_samples_leaf=1, l2_regularization=0.0)


def rng(seed=0):
    return np.random.default_rng(seed)


def state_of(X, y, weight=None, categorical=None):
    weight = np.ones(len(y)) if weight is None else weight
    table = Table(np.asarray(X, float), weight=weight, categorical=categorical)
    return SquaredError().start(Problem(table, np.asarray(y, float), weight), rng())


def fitted(X, y, learner, weight=None, rows=None, hessian=None, categorical=None):
    """Fit y itself by one round, starting from nothing."""
    y = np.asarray(y, float).reshape(len(X), -1)
    state = state_of(X, y[:, 0], weight, categorical)
    curvature = state.weight[:, None] if hessian is None else hessian
    target = Target(
        state.table,
        state.weight,
        gradient=np.asfortranarray(-curvature * y),
        hessian=None if hessian is None else np.asfortranarray(hessian),
        rows=rows,
    )
    hypothesis, contribution = learner.fit(target, state)
    again = hypothesis.contribution(state).values()
    np.testing.assert_array_equal(again, contribution.values())
    return hypothesis, again


def at(hypothesis, X):
    X = np.asarray(X, float)
    return hypothesis.contribution(state_of(X, np.zeros(len(X)))).values()


def hinge(n=200):
    x = np.linspace(-1, 1, n)[:, None]
    return x, np.where(x[:, 0] < 0, 2 * x[:, 0], 5 - 3 * x[:, 0])


def friedman(n=400, seed=0):
    return make_friedman1(n, noise=0.5, random_state=seed)


def labelled(n=400):
    X, y = friedman(n)
    return X, np.digitize(y, np.quantile(y, [0.3, 0.6]))


def test_two_lines_are_found_exactly():
    X, y = hinge()
    hypothesis, values = fitted(X, y, LinearTree(STUMP, l2=0.0))
    np.testing.assert_allclose(values[:, 0], y, atol=1e-6)
    models = hypothesis.models[0]
    np.testing.assert_allclose(models.coef[:, 0, 0], [2, -3], rtol=1e-6)
    np.testing.assert_allclose(models.center[:, 0], [-0.5, 0.5], atol=0.01)


def test_features_are_clipped_to_their_range_in_the_leaf():
    X, y = hinge()
    far = [[-5.0], [-1.0], [1.0], [9.0]]
    clipped = at(fitted(X, y, LinearTree(STUMP, l2=0.0))[0], far)[:, 0]
    np.testing.assert_allclose(clipped, [-2, -2, 2, 2], atol=1e-6)
    free = at(fitted(X, y, LinearTree(STUMP, 0.0, extrapolate=True))[0], far)[:, 0]
    np.testing.assert_allclose(free, [-10, -2, 2, -22], atol=1e-5)


def test_a_strong_penalty_leaves_the_tree():
    X, y = friedman()
    plain = at(fitted(X, y, Tree(max_leaf_nodes=8))[0], X)
    stiff = at(fitted(X, y, LinearTree(Tree(max_leaf_nodes=8), l2=1e12))[0], X)
    np.testing.assert_allclose(stiff, plain, rtol=1e-6)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("with_hessian", [False, True])
def test_leaves_solve_the_normal_equations(n_outputs, sampled, with_hessian):
    X, _ = friedman(300)
    y = rng(1).normal(size=(300, n_outputs)) + X[:, :1] * 5
    weight = rng(2).uniform(0.5, 2, 300)
    hessian = rng(3).uniform(0.1, 1, (300, n_outputs)) if with_hessian else None
    rows = np.sort(rng(4).choice(300, 200, replace=False)) if sampled else None
    tree = Tree(max_leaf_nodes=5, min_samples_leaf=20)
    hypothesis, values = fitted(X, y, LinearTree(tree, l2=3.0), weight, rows, hessian)
    curvature = weight[:, None] * np.ones_like(y) if hessian is None else hessian
    features = [
        path_features(t, np.zeros(X.shape[1], bool)) for t in hypothesis.partition.trees
    ]
    ids = hypothesis.cells(Table(X))
    seen = np.arange(300) if rows is None else rows
    for k in range(n_outputs):
        own, used = features[k]
        for leaf in np.unique(ids[k]):
            inside = seen[ids[k][seen] == leaf]
            h, columns = curvature[inside, k], own[leaf][used[leaf]]
            x = X[inside][:, columns]
            mean = h @ x / h.sum()
            z = (x - mean) / np.sqrt(h @ (x - mean) ** 2 / h.sum())
            gram = (z.T * h) @ z + 3.0 * np.eye(len(columns))
            slopes = np.linalg.solve(gram, z.T @ (h * y[inside, k]))
            constant = h @ y[inside, k] / (h.sum() + tree.l2_regularization)
            np.testing.assert_allclose(
                values[inside, k], constant + z @ slopes, rtol=1e-4, atol=1e-4
            )


def test_rows_with_missing_values_get_the_constant():
    X, y = friedman()
    X = np.where(rng(5).random(X.shape) < 0.1, np.nan, X)
    X[::50] = np.inf
    hypothesis, values = fitted(X, y, LinearTree(Tree(max_leaf_nodes=8)))
    constant = at(hypothesis.partition, X)
    (ids,), models = hypothesis.cells(Table(X)), hypothesis.models[0]
    model = dict(zip(models.nodes.tolist(), models.features, strict=True))
    n_constant = 0
    for i, leaf in enumerate(ids.tolist()):
        if leaf not in model or not np.isfinite(X[i, model[leaf]]).all():
            assert values[i, 0] == constant[i, 0]
            n_constant += 1
    assert 20 < n_constant < 300
    assert np.isfinite(values).all()


def test_categorical_paths_have_no_slopes():
    codes = rng(6).integers(0, 4, 300)
    x = rng(7).normal(size=300)
    y = codes * 10.0 + x
    X = np.column_stack([codes, x])
    flags = np.array([True, False])
    only, _ = fitted(X[:, :1], y, LinearTree(STUMP), categorical=flags[:1])
    assert len(only.models[0].nodes) == 0
    both, _ = fitted(X, y, LinearTree(Tree(max_leaf_nodes=8)), categorical=flags)
    assert (both.models[0].features == 1).all()


def test_path_features_by_hand():
    X = rng(8).normal(size=(400, 3))
    y = np.where(X[:, 2] < 0, 10.0 * (X[:, 0] > 0), 0.0)
    hypothesis, _ = fitted(X, y, Tree(max_leaf_nodes=3, min_samples_leaf=1))
    features, used = path_features(hypothesis.trees[0], np.zeros(3, bool))
    left = hypothesis.trees[0].left
    paths = {tuple(f[u]) for f, u, c in zip(features, used, left, strict=True) if c < 0}
    assert paths in ({(2,), (0, 2)}, {(0,), (0, 2)})
    assert not used[left >= 0].any()


@pytest.mark.parametrize(
    "x",
    [
        np.zeros(40),
        np.full(40, 1e300) * np.linspace(-1, 1, 40),
        np.linspace(1, 2, 40) * 1e-300,
        1e15 + np.arange(40.0),
        np.r_[np.full(39, np.nan), 1.0],
        np.r_[np.full(20, -np.inf), np.full(20, np.inf)],
    ],
)
@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_odd_features_give_finite_values(x, l2):
    X, y = np.column_stack([x, x, np.arange(40.0)]), np.arange(40.0)
    for weight in (np.ones(40), np.geomspace(1e-12, 1e12, 40)):
        for learner in (LinearTree(Tree(max_leaf_nodes=6), l2), LinearTree(STUMP, l2)):
            _, values = fitted(X, y, learner, weight)
            assert np.isfinite(values).all()


def test_rows_without_curvature_make_no_model():
    X, y = friedman(100)
    hessian = np.zeros((100, 1))
    _, values = fitted(X, y, LinearTree(STUMP), hessian=hessian)
    np.testing.assert_array_equal(values, 0.0)


# In estimators.


@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_a_piecewise_linear_truth_is_learnt_better(l2):
    X, y = friedman(1500)
    params = {"n_estimators": 60, "random_state": 0, "early_stopping": False}
    plain = GradientBoostingRegressor(**params)
    linear = clone(plain).set_params(linear_leaves=True, linear_l2=l2)
    errors = [
        np.mean((model.fit(X[:1000], y[:1000]).predict(X[1000:]) - y[1000:]) ** 2)
        for model in (plain, linear)
    ]
    assert errors[1] < 0.9 * errors[0]


@pytest.mark.parametrize("params", [{}, {"sampling": "mvs", "subsample": 0.5}])
def test_seeds_threads_copies_and_files_agree(params, tmp_path):
    for cls, (X, y) in (
        (GradientBoostingRegressor, friedman()),
        (GradientBoostingClassifier, labelled()),
    ):
        X = np.where(rng(9).random(X.shape) < 0.05, np.nan, X)
        model = cls(linear_leaves=True, n_estimators=8, random_state=0, **params)
        hashes = {
            model_hash(each.fit(X, y))
            for each in (model, clone(model), clone(model).set_params(n_jobs=3))
        }
        assert len(hashes) == 1
        method = "predict_proba" if cls is GradientBoostingClassifier else "predict"
        expected = getattr(model, method)(X)
        model.save(tmp_path / "model.boostlab")
        for copy in (
            boostlab.load(tmp_path / "model.boostlab"),
            pickle.loads(pickle.dumps(model)),
        ):
            np.testing.assert_array_equal(getattr(copy, method)(X), expected)
        path = tmp_path / cls.__name__
        for n_estimators in (3, 8):
            resumed = clone(model).set_params(
                n_estimators=n_estimators, callbacks=[Checkpoint(path, every=2)]
            )
            resumed.fit(X, y)
        np.testing.assert_array_equal(getattr(resumed, method)(X), expected)
        warm = clone(model).set_params(n_estimators=3, warm_start=True).fit(X, y)
        warm.set_params(n_estimators=8).fit(X, y)
        np.testing.assert_array_equal(getattr(warm, method)(X), expected)
        assert model.feature_importances_.sum() == pytest.approx(1)


def test_dropout_and_linear_leaves_go_together():
    X, y = friedman()
    model = GradientBoostingRegressor(
        linear_leaves=True, dropout=0.3, n_estimators=30, random_state=0
    )
    assert model.fit(X, y).score(X, y) > 0.8


def test_frames_with_strings():
    X, y = friedman()
    frame = pd.DataFrame(X).add_prefix("f")
    frame["kind"] = np.array(["a", "b", "c"])[rng(1).integers(0, 3, len(y))]
    frame.loc[::7, "kind"] = None
    y = y + 5 * (frame["kind"] == "a").to_numpy()
    model = GradientBoostingRegressor(linear_leaves=True, n_estimators=40)
    assert model.fit(frame, y).score(frame, y) > 0.9


def test_weight_two_is_a_row_given_twice():
    X, y = friedman()
    weight = rng(2).integers(0, 4, len(y)).astype(float)
    twice = np.repeat(np.arange(len(y)), weight.astype(int))
    model = GradientBoostingRegressor(
        linear_leaves=True, n_estimators=10, random_state=0, early_stopping=False
    )
    weighted = model.fit(X, y, sample_weight=weight).predict(X)
    repeated = clone(model).fit(X[twice], y[twice]).predict(X)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-6)


def test_generic_estimators_take_the_learner():
    X, y = labelled()
    model = BoostingClassifier(learner=LinearTree(Tree(max_leaf_nodes=4)))
    assert model.fit(X, y).score(X, y) > 0.9
    X, y = friedman()
    model = BoostingRegressor(learner=["tree", LinearTree()], every=[1, 2])
    assert model.fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"linear_leaves": 1}, "linear_leaves is 1"),
        ({"linear_leaves": True, "linear_l2": -1}, "linear_l2 is -1"),
        ({"linear_l2": 2.0}, "linear_l2 belongs to linear_leaves=True"),
        ({"linear_leaves": True, "path_smoothing": 1.0}, "path_smoothing cannot be"),
        (
            {"linear_leaves": True, "monotonic_cst": [1] * 10, "max_delta_step": 1.0},
            "max_delta_step and monotonic_cst cannot be kept by linear leaves",
        ),
        ({"linear_leaves": True, "learner": "tree"}, "linear_leaves cannot be set"),
        (
            {"linear_leaves": True, "loss": "absolute_error"},
            "AbsoluteError gives every leaf a value of its own",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(parameters, message):
    X, y = friedman(50)
    with pytest.raises(ValueError, match=message):
        GradientBoostingRegressor(**parameters).fit(X, y)


@pytest.mark.parametrize(
    ("learner", "error", "message"),
    [
        (LinearTree("tree"), TypeError, "tree is 'tree'; give a Tree"),
        (LinearTree(Tree(max_bins=1)), ValueError, "max_bins is 1"),
        (LinearTree(Tree(l1_regularization=1.0)), ValueError, "cannot be kept"),
        (LinearTree(l2=-1), ValueError, "l2 is -1"),
        (LinearTree(extrapolate="yes"), TypeError, "extrapolate is 'yes'"),
    ],
)
def test_faulty_parameters_are_refused(learner, error, message):
    with pytest.raises(error, match=message):
        learner.validate()


# Files.


def saved(n_outputs=2):
    X, y = friedman()
    y = np.column_stack([y, -y])[:, :n_outputs]
    return fitted(X, y, LinearTree(Tree(max_leaf_nodes=6)))[0], X


def test_parts_give_the_same_trees():
    hypothesis, X = saved()
    again = LinearTrees.from_parts(*hypothesis.to_parts())
    np.testing.assert_array_equal(at(again, X), at(hypothesis, X))


def test_rounds_of_unequal_depth_are_packed_together():
    X, y = friedman()
    rounds = [
        fitted(X, y, LinearTree(Tree(max_leaf_nodes=leaves)))[0] for leaves in (9, 2, 5)
    ]
    rounds.append(fitted(X[:4], y[:4], LinearTree(STUMP))[0])  # too few rows
    widths = {each.models[0].width for each in rounds}
    assert len(widths) > 1
    for each, again in zip(
        rounds, LinearTrees.unpack(*LinearTrees.pack(rounds)), strict=True
    ):
        np.testing.assert_array_equal(at(again, X), at(each, X))


def _set(name, index, value):
    def change(arrays):
        arrays[name] = arrays[name].copy()
        arrays[name][index] = value

    return change


def _swap(name, make):
    def change(arrays):
        arrays[name] = make(arrays[name])

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("models/nodes", 0, -1),
        _set("models/nodes", 0, 0),
        _set("models/nodes", 1, 1000),
        _swap("models/nodes", lambda a: a[::-1].copy()),
        _swap("models/nodes", lambda a: a.astype(np.int64)),
        _set("models/features", (0, 0), -1),
        _set("models/features", (0, 0), 10**6),
        _swap("models/features", lambda a: a[:, :1]),
        _set("models/coef", (0, 0, 0), np.nan),
        _set("models/intercept", (0, 0), np.inf),
        _set("models/center", (0, 0), np.nan),
        _set("models/low", (0, 0), np.nan),
        _set("models/high", (0, 0), -1e9),
        _swap("models/coef", lambda a: a[:, :, :0]),
        _swap("models/low", lambda a: a.astype(np.float32)),
        _set("models/n_models", 0, -1),
        _set("models/n_models", 0, 2**62),
        _swap("models/n_models", lambda a: a[:1]),
        lambda arrays: arrays.pop("models/coef"),
        lambda arrays: arrays.update({"models/more": np.zeros(1)}),
        lambda arrays: arrays.update({"more/coef": np.zeros(1)}),
        lambda arrays: arrays.pop("trees/left"),
    ],
)
def test_damaged_parts_are_refused(change):
    data, arrays = saved()[0].to_parts()
    change(arrays)
    with pytest.raises((ValueError, KeyError)):
        LinearTrees.from_parts(data, arrays)
