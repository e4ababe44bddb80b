from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor

from boostlab import (
    BoostingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    load,
)
from boostlab.data.table import Table
from boostlab.learners.tree import Tree
from boostlab.learners.tree_rules import monotone_signs
from boostlab.state import Problem, State, Target


def grow(X, gradient, hessian=None, weight=None, **params):
    """The node values and leaves of one tree for given derivatives."""
    weight = np.ones(len(X)) if weight is None else weight
    problem = Problem(Table(X, weight=weight), -gradient, weight)
    state = State.at(problem, np.zeros(1), np.random.default_rng(0))
    target = Target(
        state.table,
        weight,
        gradient=np.asfortranarray(gradient[:, None]),
        hessian=None if hessian is None else np.asfortranarray(hessian[:, None]),
    )
    params = {"min_samples_leaf": 1, "min_hessian": 0.0, **params}
    hypothesis, cells = Tree(**params).fit(target, state)
    return hypothesis.trees[0], cells.values()[:, 0]


# Values by hand: gradients 4 4 -2 -2 in two leaves, of divisors 2 + l2

X4 = np.array([[0.0], [0.0], [1.0], [1.0]])
G4 = np.array([4.0, 4.0, -2.0, -2.0])


def test_l1_by_hand():
    tree, values = grow(X4, G4, l1_regularization=1.0, l2_regularization=2.0)
    np.testing.assert_allclose(values, [-7 / 4, -7 / 4, 3 / 4, 3 / 4])
    # soft thresholds 7, 3 and, of the sum 4, 3: 7^2/4 + 3^2/4 - 3^2/6
    assert tree.gain[0] == pytest.approx(49 / 4 + 9 / 4 - 9 / 6)


def test_l1_that_outweighs_all_gradients_leaves_a_stump():
    tree, values = grow(X4, G4, l1_regularization=8.0)
    assert tree.feature.tolist() == [-1]
    assert (values == 0).all()


def test_greatest_step_by_hand():
    tree, values = grow(X4, G4, max_delta_step=1.5, l2_regularization=0.0)
    np.testing.assert_allclose(values, [-1.5, -1.5, 1.5, 1.5])
    # -(2 G v + H v^2): 24 - 4.5 on the left, 12 - 4.5 on the right; the node has -1
    assert tree.gain[0] == pytest.approx(19.5 + 7.5 - 4)


def test_path_smoothing_by_hand():
    _, values = grow(X4, G4, path_smoothing=3.0, l2_regularization=0.0)
    # values -4 and 2 of weight 2, drawn to the root's -1 of weight 3
    np.testing.assert_allclose(values, [-11 / 5, -11 / 5, 1 / 5, 1 / 5])


def test_least_gain_is_met_exactly():
    # 8^2/2 + 4^2/2 - 4^2/4 = 36
    for least, n_nodes in ((36.0, 3), (36.001, 1)):
        tree, _ = grow(X4, G4, min_gain=least, l2_regularization=0.0)
        assert tree.n_nodes == n_nodes


@pytest.mark.parametrize("sign", [1, -1])
def test_monotone_tree_by_hand(sign):
    """Steps of a rising function are kept, and those of a falling one refused."""
    X = np.arange(8.0)[:, None]
    y = np.arange(8.0) * sign
    _, values = grow(X, -y, monotonic_cst=[sign], l2_regularization=0.0)
    np.testing.assert_allclose(values, y)
    tree, values = grow(X, y, monotonic_cst=[sign], l2_regularization=0.0)
    assert tree.n_nodes == 1
    np.testing.assert_allclose(values, 0 * y - y.mean())


@pytest.fixture(scope="module")
def noisy():
    """Rows with interactions, missing values and weights, and signs against some."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(1500, 4))
    y = np.sin(3 * X[:, 0]) + X[:, 1] * X[:, 2] - X[:, 3] + rng.normal(size=1500)
    X[rng.random(X.shape) < 0.05] = np.nan
    return X, y, rng.uniform(0.1, 3.0, 1500)


SIGNS = [1, -1, 1, -1]


def assert_monotone(predict, signs, exact=True):
    """Check along each axis, from random points, that no step has the wrong sign."""
    rng = np.random.default_rng(1)
    grid = np.concatenate([[-np.inf], np.linspace(-1.2, 1.2, 200), [np.inf]])
    for j, sign in enumerate(signs):
        for _ in range(30):
            rows = np.repeat(rng.uniform(-1, 1, (1, len(signs))), len(grid), axis=0)
            rows[:, rng.random(len(signs)) < 0.1] = np.nan
            rows[:, j] = grid
            steps = sign * np.diff(predict(rows))
            assert (steps >= 0).all(), (j, steps.min())


OPTIONS = [
    {},
    {"growth": "depth", "max_depth": 6, "max_leaf_nodes": None},
    {"l1_regularization": 2.0, "path_smoothing": 5.0, "max_delta_step": 0.3},
    {"subsample": 0.5, "max_features": 0.5, "early_stopping": True},
    {"sampling": "goss"},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_regression_is_monotone(noisy, options):
    X, y, weight = noisy
    model = GradientBoostingRegressor(
        n_estimators=40, monotonic_cst=SIGNS, random_state=0, **options
    ).fit(X, y, sample_weight=weight)
    assert_monotone(model.predict, SIGNS)
    assert np.corrcoef(model.predict(X), y)[0, 1] > 0.4


def test_without_signs_it_is_not_monotone(noisy):
    X, y, weight = noisy
    model = GradientBoostingRegressor(n_estimators=40, random_state=0)
    model.fit(X, y, sample_weight=weight)
    with pytest.raises(AssertionError):
        assert_monotone(model.predict, SIGNS)


def test_classes_are_monotone(noisy):
    X, y, _ = noisy
    options = {"n_estimators": 20, "random_state": 0}
    model = GradientBoostingClassifier(monotonic_cst=SIGNS, **options)
    model.fit(X, y > 0)
    assert_monotone(lambda rows: model.predict_proba(rows)[:, 1], SIGNS)
    classes = np.digitize(y, [-0.5, 0.5])
    labels = np.array(["high", "low", "middle"])[[1, 2, 0]][classes]
    by_class = {"high": SIGNS, "low": {"x1": 1}}
    model = GradientBoostingClassifier(monotonic_cst=by_class, **options)
    X = X.astype(np.float32)
    model.fit(X, labels)
    assert_monotone(lambda rows: model.decision_function(rows)[:, 0], SIGNS)
    assert_monotone(lambda rows: model.decision_function(rows)[:, 1], [0, 1, 0, 0])
    signs = np.zeros((4, 3), int)
    signs[:, 0], signs[1, 1] = SIGNS, 1
    same = GradientBoostingClassifier(monotonic_cst=signs, **options).fit(X, labels)
    np.testing.assert_array_equal(same.predict_proba(X), model.predict_proba(X))


def test_names_are_positions(noisy):
    X, y, _ = noisy
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    options = {"n_estimators": 5, "random_state": 0}
    by_name = GradientBoostingRegressor(monotonic_cst={"b": -1, "d": 1}, **options)
    by_place = GradientBoostingRegressor(monotonic_cst=[0, -1, 0, 1], **options)
    by_name.fit(frame, y)
    by_place.fit(frame, y)
    np.testing.assert_array_equal(by_name.predict(frame), by_place.predict(frame))


def test_zero_signs_are_no_rules(noisy):
    X, y, _ = noisy
    options = {"n_estimators": 5, "random_state": 0}
    plain = GradientBoostingRegressor(**options).fit(X, y)
    zero = GradientBoostingRegressor(monotonic_cst=np.zeros(4, int), **options)
    np.testing.assert_array_equal(zero.fit(X, y).predict(X), plain.predict(X))


@pytest.mark.parametrize(
    ("signs", "words"),
    [
        ([1, 0], "2 features"),
        ([[1, 0, 0, 0]], "1 features"),
        (np.ones((4, 2)), "shape"),
        ({"nobody": 1}, "nobody"),
        ([1, 2, 0, 0], "-1"),
        ("up", "monotonic_cst"),
        ({3: [1, 0, 0, 0]}, "output"),
    ],
)
def test_signs_that_do_not_fit_are_refused(noisy, signs, words):
    X, y, _ = noisy
    with pytest.raises(ValueError, match=words):
        GradientBoostingRegressor(n_estimators=1, monotonic_cst=signs).fit(X, y)


def test_what_cannot_be_kept_is_refused(noisy):
    X, y, _ = noisy
    for loss in ({"loss": "huber"}, {"loss": "quantile", "quantile": 0.2}):
        for rule in ({"monotonic_cst": SIGNS}, {"max_delta_step": 1.0}):
            model = GradientBoostingRegressor(**loss, **rule)
            with pytest.raises(ValueError, match="cannot be kept"):
                model.fit(X, y)
    model = BoostingRegressor(learner=Tree(path_smoothing=1.0), step="cell_fit")
    with pytest.raises(ValueError, match="path_smoothing cannot be kept"):
        model.fit(X, y)
    model = GradientBoostingClassifier(monotonic_cst=SIGNS)
    with pytest.raises(ValueError, match="3 classes"):
        model.fit(X, np.digitize(y, [-1, 1]))
    model = GradientBoostingClassifier(monotonic_cst={"z": SIGNS})
    with pytest.raises(ValueError, match="'z'"):
        model.fit(X, np.digitize(y, [-1, 1]))
    table = Table(np.zeros((3, 2)), categorical=[False, True])
    with pytest.raises(ValueError, match="categories"):
        monotone_signs([1, 1], table, 1)
    assert monotone_signs([1, 0], table, 1).tolist() == [[1], [0]]
    model = GradientBoostingRegressor(learner=Tree(), monotonic_cst=SIGNS, min_gain=1.0)
    with pytest.raises(ValueError, match="min_gain and monotonic_cst cannot be set"):
        model.fit(X, y)


def test_only_categories_of_a_declared_order_have_signs():
    """However many they are, and whatever numbers the encoder makes of them."""
    rng = np.random.default_rng(0)
    for n_levels in (20, 400):
        codes = rng.permutation(np.arange(4000) % n_levels)
        levels = [f"c{code:03}" for code in range(n_levels)]
        y = np.sin(codes) + codes / n_levels
        names = np.array(levels)[codes]
        model = GradientBoostingRegressor(n_estimators=5, monotonic_cst={"c": 1})
        with pytest.raises(ValueError, match="sign to 'c', which holds categories"):
            model.fit(pd.DataFrame({"c": names}), y)
        ordered = pd.Categorical(names, categories=levels, ordered=True)
        model.fit(pd.DataFrame({"c": ordered}), y)
        grid = pd.Categorical(levels, categories=levels, ordered=True)
        assert (np.diff(model.predict(pd.DataFrame({"c": grid}))) >= 0).all()
    table = Table(np.zeros((3, 2)), unordered=[False, True])
    for part in (table, table.take([0, 1]), Table(np.zeros((2, 2)), reference=table)):
        with pytest.raises(ValueError, match="'x1', which holds categories"):
            monotone_signs([0, -1], part, 1)


@pytest.mark.parametrize("signs", [{"x0": 1}, np.array(SIGNS), SIGNS, {0: {"x1": -1}}])
def test_signs_are_cloned_and_saved(noisy, signs, tmp_path):
    X, y, _ = noisy
    model = GradientBoostingRegressor(
        n_estimators=3, monotonic_cst=signs, max_delta_step=0.5, random_state=0
    )
    assert clone(model).get_params()["monotonic_cst"] is not None
    model.fit(X, y)
    model.save(tmp_path / "model.boostlab")
    loaded = load(tmp_path / "model.boostlab")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    again = clone(loaded).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    piece = Tree(monotonic_cst=signs)
    data, arrays = piece.to_parts()
    back = Tree.from_parts(data, arrays).monotonic_cst
    assert back == (signs.tolist() if isinstance(signs, np.ndarray) else signs)


def paths(tree):
    """The features of the splits above each leaf."""
    used, found = {0: frozenset()}, []
    for i, feature in enumerate(tree.feature.tolist()):
        if feature < 0:
            found.append(used[i])
        else:
            for child in (tree.left[i], tree.left[i] + 1):
                used[int(child)] = used[i] | {feature}
    return found


def trees_of(model):
    """All trees of a model."""
    return [tree for r in model.ensemble_.rounds for tree in r.hypothesis.trees]


@pytest.mark.parametrize(
    ("sets", "allowed"),
    [
        ("no_interactions", [{0}, {1}, {2}, {3}]),
        ([{0, 1}, {1, 2}], [{0, 1}, {1, 2}, {3}]),
        ([["x0", "x3"]], [{0, 3}, {1, 2}]),
        ("pairwise", [{i, j} for i in range(4) for j in range(i)]),
    ],
)
def test_paths_use_one_set(noisy, sets, allowed):
    X, y, _ = noisy
    model = GradientBoostingRegressor(
        n_estimators=20, interaction_cst=sets, random_state=0
    ).fit(X, y)
    found = {path for tree in trees_of(model) for path in paths(tree)}
    assert all(any(path <= each for each in allowed) for path in found)
    largest = max(len(each) for each in allowed)
    assert any(len(path) == largest for path in found)


def test_without_interactions_the_effects_add_up(noisy):
    X, y, _ = noisy
    model = GradientBoostingRegressor(
        n_estimators=30, interaction_cst="no_interactions", random_state=0
    ).fit(X, y)
    rng = np.random.default_rng(0)
    a, b = rng.uniform(-1, 1, (2, 100, 4))
    mixed, other = a.copy(), b.copy()
    mixed[:, 2], other[:, 2] = b[:, 2], a[:, 2]
    total = model.predict(a) + model.predict(b)
    np.testing.assert_allclose(model.predict(mixed) + model.predict(other), total)


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        ("all", "pairwise"),
        ([{0, 4}], "feature 4"),
        ([{"nobody"}], "nobody"),
        ([1, 2], "sets"),
        ({0: [1]}, "sets"),
    ],
)
def test_sets_that_do_not_fit_are_refused(noisy, sets, words):
    X, y, _ = noisy
    with pytest.raises(ValueError, match=words):
        GradientBoostingRegressor(n_estimators=1, interaction_cst=sets).fit(X, y)


def test_features_are_drawn_for_trees_and_levels():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 20))
    y = X.sum(axis=1)
    options = {"n_estimators": 12, "random_state": 0, "early_stopping": False}
    model = GradientBoostingRegressor(max_features_tree=0.2, **options).fit(X, y)
    used = [set(tree.feature.tolist()) - {-1} for tree in trees_of(model)]
    assert max(len(each) for each in used) == 4
    assert len(set.union(*used)) > 12
    model = GradientBoostingRegressor(
        max_features_tree=0.5, max_features_level=0.1, growth="depth", **options
    ).fit(X, y)
    for tree in trees_of(model):
        depth = {0: 0}
        for i, feature in enumerate(tree.feature.tolist()):
            if feature >= 0:
                depth[tree.left[i]] = depth[tree.left[i] + 1] = depth[i] + 1
        for level in range(max(depth.values())):
            at = [tree.feature[i] for i, d in depth.items() if d == level]
            assert len(set(at) - {-1}) <= 1  # a tenth of ten


def test_random_thresholds_differ_from_the_best_and_still_learn(noisy):
    X, y, _ = noisy
    options = {"n_estimators": 60, "random_state": 0, "early_stopping": False}
    best = GradientBoostingRegressor(**options).fit(X, y)
    random = GradientBoostingRegressor(splitter="random", **options).fit(X, y)
    other = GradientBoostingRegressor(
        splitter="random", **{**options, "random_state": 1}
    ).fit(X, y)
    assert best.score(X, y) > random.score(X, y) > 0.5
    assert not np.array_equal(random.predict(X), other.predict(X))


@pytest.mark.parametrize("sets", ["pairwise", [{0, 1}, ["x2"]], ((0, 1), (1, 3))])
def test_sets_are_cloned_and_saved(noisy, sets, tmp_path):
    X, y, _ = noisy
    model = GradientBoostingRegressor(
        n_estimators=3, interaction_cst=sets, splitter="random", random_state=0
    ).fit(X, y)
    assert clone(model).get_params()["interaction_cst"] == sets
    model.save(tmp_path / "model.boostlab")
    again = clone(load(tmp_path / "model.boostlab")).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    data, arrays = Tree(interaction_cst=sets).to_parts()
    assert len(Tree.from_parts(data, arrays).interaction_cst) == len(sets)


# Other libraries with the same rules


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"l1_regularization": 8.0}, {"reg_alpha": 8.0}),
        ({"max_delta_step": 0.7}, {"max_delta_step": 0.7}),
        ({"monotonic_cst": SIGNS}, {"monotone_constraints": (1, -1, 1, -1)}),
        (
            {"interaction_cst": [[0, 1], [2, 3]]},
            {"interaction_constraints": "[[0, 1], [2, 3]]"},
        ),
    ],
)
def test_equals_xgboost_on_few_values(ours, theirs):
    xgboost = pytest.importorskip("xgboost")
    rng = np.random.default_rng(0)
    X = rng.integers(0, 30, (400, 4)).astype(float)
    y = X[:, 0] * 0.3 + (X[:, 1] < 12) * 3 - X[:, 2] * X[:, 3] * 0.01
    y += rng.normal(size=400)
    model = GradientBoostingRegressor(
        n_estimators=5, growth="depth", max_depth=4, max_leaf_nodes=None,
        min_samples_leaf=1, learning_rate=0.5, random_state=0, **ours,
    ).fit(X, y)  # fmt: skip
    other = xgboost.XGBRegressor(
        n_estimators=5, max_depth=4, min_child_weight=1, learning_rate=0.5,
        tree_method="hist", base_score=float(y.mean()), n_jobs=1, **theirs,
    ).fit(X, y)  # fmt: skip
    np.testing.assert_allclose(model.predict(X), other.predict(X), atol=1e-5)


@pytest.mark.parametrize(
    "rule",
    [
        {"monotonic_cst": SIGNS},
        {"interaction_cst": [{0, 1}, {2}]},
        {"interaction_cst": "pairwise", "monotonic_cst": [1, 0, 0, -1]},
    ],
)
def test_fits_as_well_as_scikit_learn(noisy, rule):
    X, y, _ = noisy
    options = {"max_leaf_nodes": 15, "early_stopping": False, "random_state": 0}
    model = GradientBoostingRegressor(
        n_estimators=60, min_samples_leaf=20, l2_regularization=0.0, **rule, **options
    ).fit(X, y)
    other = HistGradientBoostingRegressor(max_iter=60, **rule, **options).fit(X, y)
    assert model.score(X, y) == pytest.approx(other.score(X, y), abs=0.01)


def _column(model, weights, rows):
    """One column of the prediction."""
    return model.predict(rows) @ weights


def test_rules_hold_beside_categories_and_in_shared_trees(noisy):
    X, y, _ = noisy
    rng = np.random.default_rng(5)
    place = rng.integers(0, 12, len(y))
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["e"] = np.array(list("mnopqrstuvwx"))[place]
    signs = {"a": 1, "b": -1, "c": 1, "d": -1}
    options = {"n_estimators": 20, "random_state": 0}
    model = GradientBoostingRegressor(monotonic_cst=signs, **options)
    model.fit(frame, y + place % 3)

    def predict(rows):
        return model.predict(pd.DataFrame(rows, columns=list("abcd")).assign(e="q"))

    assert_monotone(predict, SIGNS)
    with pytest.raises(ValueError, match="categories"):
        GradientBoostingRegressor(monotonic_cst={"e": 1}, **options).fit(frame, y)
    for growth in ("leaf", "oblivious"):
        shared = GradientBoostingRegressor(
            monotonic_cst=SIGNS, multi_strategy="shared", growth=growth, **options
        ).fit(X, np.column_stack([y, y**2]))
        for column in (np.array([1.0, 0.0]), np.array([0.0, 1.0])):
            assert_monotone(partial(_column, shared, column), SIGNS)


# Oblivious trees


def test_oblivious_tree_by_hand():
    """The split of x1 gains in both halves of x0, and is taken in both."""
    X = np.array([[0.0, 0], [0, 0], [0, 1], [0, 1], [1, 0], [1, 0], [1, 1], [1, 1]])
    y = np.array([0.0, 0, 2, 2, 10, 10, 13, 13])
    tree, values = grow(X, -y, growth="oblivious", max_depth=2, l2_regularization=0.0)
    assert tree.feature.tolist() == [0, 1, 1, -1, -1, -1, -1]
    np.testing.assert_allclose(values, y)
    # 2 (n_l n_r / n) per unit of squared difference of means
    np.testing.assert_allclose(tree.gain[:3], [2 * 10.5**2, 4.0, 9.0])


def test_a_leaf_without_rows_has_its_parents_value():
    X = np.array([[0.0, 0], [0, 0], [0, 1], [0, 1], [1, 0], [1, 0]])
    y = np.array([0.0, 0, 2, 2, 10, 10])
    tree, values = grow(X, -y, growth="oblivious", max_depth=2, l2_regularization=0.0)
    assert tree.feature.tolist() == [0, 1, 1, -1, -1, -1, -1]
    np.testing.assert_allclose(values, y)
    assert tree.weight[-1] == 0
    assert tree.value[-1, 0] == 10


@pytest.mark.parametrize("monotone", [None, SIGNS])
@pytest.mark.parametrize("depth", [None, 3])
def test_each_level_has_one_split(noisy, depth, monotone):
    X, y, _ = noisy
    model = GradientBoostingRegressor(
        n_estimators=30, growth="oblivious", max_depth=depth, monotonic_cst=monotone,
        random_state=0,
    ).fit(X, y)  # fmt: skip
    for tree in trees_of(model):
        n_levels = int(np.log2(tree.n_nodes + 1))
        assert tree.n_nodes == 2**n_levels - 1
        for level in range(n_levels):
            nodes = slice(2**level - 1, 2 ** (level + 1) - 1)
            for name in ("feature", "threshold", "missing_left"):
                assert len(set(getattr(tree, name)[nodes].tolist())) == 1
    assert n_levels == (7 if depth is None else 4)
    assert model.score(X, y) > 0.4
    if monotone:
        assert_monotone(model.predict, monotone)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_leaf_nodes": 8}, "max_leaf_nodes=8"),
        ({"max_depth": 17}, "at most 16"),
        ({"splitter": "random"}, "every level"),
    ],
)
def test_what_oblivious_trees_cannot_honour_is_refused(noisy, options, words):
    X, y, _ = noisy
    with pytest.raises(ValueError, match=words):
        GradientBoostingRegressor(growth="oblivious", **options).fit(X, y)
