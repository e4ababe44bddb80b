import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from boostlab import (
    BoostingClassifier,
    BoostingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from boostlab.callbacks import BaseMonitor
from boostlab.contributions import Dense
from boostlab.directions import Gradient
from boostlab.estimators.pieces import allows_missing, learner_piece, partitions
from boostlab.learners import External, Linear, Mixture
from boostlab.learners.tree import Tree
from boostlab.objectives import AbsoluteError, SquaredError
from boostlab.persistence import model_hash
from boostlab.samplers import RowsAndColumns
from boostlab.steps import CellFit, LineSearch, Shrinkage


@pytest.fixture(scope="module")
def diabetes():
    return load_diabetes(return_X_y=True)


def pieces_of(model, X, y):
    """Return the pieces that a fit of `model` used."""

    class Spy(BaseMonitor):
        def begin(self, run):
            Spy.boosting = run.boosting

    clone(model).set_params(n_estimators=1, callbacks=[Spy()]).fit(X, y)
    return Spy.boosting


def test_the_defaults_are_gradient_boosting(diabetes):
    X, y = diabetes
    generic = BoostingRegressor(n_estimators=10, random_state=0).fit(X, y)
    trees = GradientBoostingRegressor(
        n_estimators=10, max_leaf_nodes=31, random_state=0
    ).fit(X, y)
    assert model_hash(generic) == model_hash(trees)


def test_names_and_objects_agree(diabetes):
    X, y = diabetes
    for name, made in (
        ({"objective": "absolute_error"}, {"objective": AbsoluteError()}),
        ({"direction": "gradient"}, {"direction": Gradient()}),
        ({"learner": "linear"}, {"learner": Linear()}),
        ({"step": "line_search"}, {"step": LineSearch()}),
        ({"step": "cell_fit"}, {"step": CellFit()}),
        ({"learner": Ridge()}, {"learner": External(Ridge())}),
    ):
        models = [
            BoostingRegressor(n_estimators=4, random_state=0, **params).fit(X, y)
            for params in (name, made)
        ]
        np.testing.assert_array_equal(models[0].predict(X), models[1].predict(X))


def test_linear_regression_in_one_round(diabetes):
    X, y = diabetes
    model = BoostingRegressor(learner=LinearRegression(), step=Shrinkage(1.0))
    model.set_params(n_estimators=1).fit(X, y)
    expected = LinearRegression().fit(X, y).predict(X)
    np.testing.assert_allclose(model.predict(X), expected)


def test_friedman_2001_with_external_trees(diabetes):
    """Least-squares boosting, written out."""
    X, y = diabetes
    raw = np.full(len(y), y.mean())
    for _ in range(5):
        tree = DecisionTreeRegressor(max_depth=2, random_state=0).fit(X, y - raw)
        raw += 0.3 * tree.predict(X)
    model = BoostingRegressor(
        direction="gradient",
        learner=DecisionTreeRegressor(max_depth=2),
        step=Shrinkage(0.3),
        n_estimators=5,
    ).fit(X, y)
    np.testing.assert_allclose(model.predict(X), raw)


def test_the_step_follows_objective_and_learner(diabetes):
    X, y = diabetes
    for params, step in (
        ({}, Shrinkage),
        ({"objective": "absolute_error"}, CellFit),
        ({"objective": "absolute_error", "learner": "linear"}, Shrinkage),
        ({"objective": "absolute_error", "step": "line_search"}, LineSearch),
        ({"objective": "huber", "learner": Mixture([Tree(), Tree()], [1, 2])}, CellFit),
    ):
        assert type(pieces_of(BoostingRegressor(**params), X, y).step) is step
    trees = GradientBoostingRegressor("absolute_error", learning_rate=0.3)
    step = pieces_of(trees, X, y).step
    assert type(step) is CellFit
    assert step.learning_rate == 0.3


def test_sampling(diabetes):
    X, y = diabetes
    model = BoostingRegressor(subsample=0.5, max_features=0.2)
    sampler = pieces_of(model, X, y).sampler
    assert type(sampler) is RowsAndColumns
    assert (sampler.subsample, sampler.max_features) == (0.5, 0.2)
    node = pieces_of(GradientBoostingRegressor(max_features=0.2), X, y)
    assert (node.sampler.max_features, node.learner.max_features) == (1.0, 0.2)


def test_learners_take_turns(diabetes):
    X, y = diabetes
    model = BoostingRegressor(learner=["tree", Ridge(), Linear()], every=[1, 3, 6])
    model.set_params(n_estimators=7).fit(X, y)
    kinds = [type(done.hypothesis).__name__ for done in model.ensemble_.rounds]
    assert kinds == [
        "Trees",
        "Trees",
        "ExternalRegressors",
        "Trees",
        "Trees",
        "LinearModel",
        "Trees",
    ]


@pytest.mark.parametrize("learner", ["tree", "linear", Ridge(), ["tree", "linear"]])
def test_warm_start_of_any_learner(diabetes, learner):
    X, y = diabetes
    params = {"learner": learner, "subsample": 0.7, "random_state": 0}
    if isinstance(learner, list):
        params["every"] = [1, 2]
    once = BoostingRegressor(n_estimators=9, **params).fit(X, y)
    warm = BoostingRegressor(n_estimators=4, warm_start=True, **params).fit(X, y)
    warm.set_params(n_estimators=9).fit(X, y)
    np.testing.assert_array_equal(warm.predict(X), once.predict(X))


@pytest.mark.parametrize("learner", ["tree", "linear", Ridge()])
def test_multiclass_of_any_learner(learner):
    X, y = load_iris(return_X_y=True)
    model = BoostingClassifier(learner=learner, step=Shrinkage(0.5), random_state=0)
    model.set_params(n_estimators=30).fit(X, y)
    assert model.score(X, y) > 0.93
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)


def test_classifiers_need_labels_and_say_so(diabetes):
    X, y = diabetes
    with pytest.raises(TypeError, match=r"'derivatives' targets.*only \['labels'\]"):
        BoostingRegressor(learner=LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match="neither a regressor nor a classifier"):
        BoostingRegressor(learner=StandardScaler()).fit(X, y)


def test_objectives_are_of_a_task(diabetes):
    with pytest.raises(ValueError, match="not for classification"):
        BoostingClassifier(SquaredError()).fit(np.eye(2), [0, 1])
    with pytest.raises(ValueError, match="two classes"):
        BoostingClassifier("exponential").fit(np.eye(3), [0, 1, 2])


def test_missing_values_by_learner(diabetes):
    X, y = diabetes
    X = X.copy()
    X[::5, 0] = np.nan
    for learner, allowed in (
        ("tree", True),
        ("linear", True),
        (Ridge(), False),
        (DecisionTreeRegressor(), True),
        ([Tree(), Ridge()], False),
        ([Tree(), DecisionTreeRegressor()], True),
    ):
        every = [1, 2] if isinstance(learner, list) else None
        model = BoostingRegressor(learner=learner, every=every, n_estimators=2)
        assert model.__sklearn_tags__().input_tags.allow_nan is allowed
        if allowed:
            assert np.isfinite(model.fit(X, y).predict(X)).all()
            continue
        with pytest.raises(ValueError, match=r"Input X contains NaN.*weak learner"):
            model.fit(X, y)
        model.fit(X[1:5], y[1:5])
        with pytest.raises(ValueError, match="Input X contains NaN"):
            model.predict(X)


def test_learner_piece():
    assert isinstance(learner_piece("tree"), Tree)
    assert isinstance(learner_piece(Ridge()), External)
    own = Linear(alpha=3.0)
    assert learner_piece(own) is not own
    assert learner_piece(own).alpha == 3.0
    mixture = learner_piece(["tree", Ridge()], [1, 5])
    assert [type(each) for each in mixture.learners] == [Tree, External]
    assert partitions(Tree())
    assert not partitions(mixture)
    assert not allows_missing("unknown") or allows_missing("linear")


class Constant:
    """A learner that is no Piece: anything with the methods will do."""

    accepts = frozenset({"derivatives"})

    def fit(self, target, state):
        step, weight = target.newton()
        mean = np.average(step, axis=0, weights=weight[:, 0])
        return ConstantHypothesis(mean), Dense(np.tile(mean, (len(state.y), 1)))


class ConstantHypothesis:
    def __init__(self, mean):
        self.mean = mean

    def contribution(self, state):
        return Dense(np.tile(self.mean, (state.table.n_samples, 1)))


def test_pieces_need_no_base_class(diabetes):
    X, y = diabetes
    squared = BoostingRegressor(learner=Constant(), n_estimators=3).fit(X, y)
    np.testing.assert_allclose(squared.predict(X), y.mean())


VALUES = st.one_of(
    st.floats(width=32), st.sampled_from([0.0, -0.0, 1e-300, 1e300, np.nan, np.inf])
)


def test_equal_rows_of_much_weight_are_not_held_out_unasked():
    X, weight = np.zeros((2, 1)), np.full(2, 1e6)
    for model in (GradientBoostingRegressor, GradientBoostingClassifier):
        fitted = model(n_estimators=4).fit(X, [1, 1], sample_weight=weight)
        np.testing.assert_array_equal(fitted.predict(X), [1, 1])
    asked = GradientBoostingRegressor(n_estimators=4, early_stopping=True)
    with pytest.raises(ValueError, match="leaves no rows to train on"):
        asked.fit(X, [1, 1], sample_weight=weight)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_small_table(data):
    """No table of numbers and no weights may break a fit, or give what is no number."""
    n, f = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 4))
    X = np.array(data.draw(st.lists(VALUES, min_size=n * f, max_size=n * f)))
    X = X.reshape(n, f)
    y = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    weight = data.draw(
        st.lists(st.sampled_from([0, 1e-6, 1, 3, 1e6]), min_size=n, max_size=n)
    )
    weight[0] = 1.0
    params = {"n_estimators": 4, "random_state": 0, "n_jobs": 1}
    params["min_samples_leaf"] = data.draw(st.sampled_from(["auto", 1, 0.5]))
    model = GradientBoostingClassifier(**params)
    model.fit(X, y, sample_weight=weight)
    proba = model.predict_proba(X)
    assert proba.shape == (n, len(model.classes_))
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert set(model.predict(X)) <= set(model.classes_)
    regressor = GradientBoostingRegressor(**params).fit(X, y, sample_weight=weight)
    prediction = regressor.predict(X)
    assert (prediction >= min(y) - 1e-6).all()
    assert (prediction <= max(y) + 1e-6).all()
