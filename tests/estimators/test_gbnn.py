"""GBNN: one network, units switched off, steps of the paper."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_linnerud
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import train_test_split

import boostlab
from boostlab import GBNNClassifier, GBNNRegressor
from boostlab.learners.network import Network


def pair(load, **params):
    X, y = load(return_X_y=True)
    model = GBNNRegressor if load in (load_diabetes, load_linnerud) else GBNNClassifier
    return model(random_state=0, **{"n_estimators": 15} | params).fit(X, y), X, y


CASES = [load_diabetes, load_linnerud, load_breast_cancer, load_iris]


def scores(model, X):
    proba = getattr(model, "decision_function", model.predict)
    return proba(X)


@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize("load", CASES)
def test_one_network_says_what_the_ensemble_says(load, faithful):
    model, X, _ = pair(load, n_units=2, faithful=faithful)
    single = model.to_single_network()
    np.testing.assert_allclose(scores(single, X), scores(model, X), rtol=1e-6)
    network = single.ensemble_.rounds[0].hypothesis
    assert isinstance(network, Network)
    assert (single.n_iter_, network.n_hidden, model.n_iter_) == (1, 30, 15)


def test_one_network_is_saved_and_pickled(tmp_path):
    model, X, _ = pair(load_iris)
    single = model.to_single_network()
    single.save(tmp_path / "one")
    again = boostlab.load(tmp_path / "one")
    np.testing.assert_array_equal(again.predict_proba(X), single.predict_proba(X))
    np.testing.assert_allclose(again.predict_proba(X), model.predict_proba(X), 1e-6)


@pytest.mark.parametrize("load", CASES)
def test_the_last_units_can_be_switched_off(load):
    model, X, _ = pair(load, n_units=2)
    stages = [stage.copy() for stage in model.staged_predict(X)]
    np.testing.assert_array_equal(model.predict(X, n_units=8), stages[3])
    np.testing.assert_array_equal(model.predict(X, n_units=9), stages[3])
    np.testing.assert_array_equal(model.predict(X, n_units=30), model.predict(X))
    assert model.predict(X, n_units=0).shape == stages[0].shape
    with pytest.raises(ValueError, match="n_units is -1"):
        model.predict(X, n_units=-1)


def test_one_network_has_all_units_or_none():
    model, X, y = pair(load_diabetes, n_units=2)
    single = model.to_single_network()
    np.testing.assert_array_equal(single.baseline_prediction_, [y.mean()])
    np.testing.assert_array_equal(single.predict(X, n_units=30), single.predict(X))
    np.testing.assert_allclose(single.predict(X, n_units=0), y.mean())
    with pytest.raises(ValueError, match="give 0 or at least 30"):
        single.predict(X, n_units=15)


def test_what_is_not_fitted_says_so():
    X, _ = load_iris(return_X_y=True)
    with pytest.raises(NotFittedError):
        GBNNClassifier().predict_proba(X, n_units=3)
    with pytest.raises(NotFittedError):
        GBNNRegressor().to_single_network()


@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize("unit", [1e-9, 1e-3, 1e9])
def test_the_unit_of_targets_does_not_spoil_the_fit(unit, faithful):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    y = X[:, 0] + 0.2 * rng.normal(size=120)
    model = GBNNRegressor(n_estimators=30, faithful=faithful, random_state=0)
    score = model.fit(X, unit * y).score(X, unit * y)
    # The published penalty does not know the unit, so it may leave nothing to learn.
    assert score > (-0.01 if faithful else 0.8)


def test_half_of_the_units_cost_little():
    X, y = load_breast_cancer(return_X_y=True)
    parts = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
    X_train, X_test, y_train, y_test = parts
    model = GBNNClassifier(n_estimators=60, random_state=0).fit(X_train, y_train)
    whole = np.mean(model.predict(X_test) == y_test)
    half = np.mean(model.predict(X_test, n_units=30) == y_test)
    floor = DummyClassifier().fit(X_train, y_train).score(X_test, y_test)
    assert whole > floor + 0.25
    assert half > whole - 0.02


def test_staged_predictions_are_those_of_shorter_fits():
    model, X, y = pair(load_breast_cancer)
    short = GBNNClassifier(n_estimators=5, random_state=0).fit(X, y)
    stages = list(model.staged_predict_proba(X))
    np.testing.assert_array_equal(stages[4], short.predict_proba(X))


def test_steps_of_the_published_method():
    model, X, y = pair(load_diabetes, faithful=True)
    assert {done.size for done in model.ensemble_.rounds} == {1.0}
    model, X, y = pair(load_iris, faithful=True, n_estimators=1)
    done = model.ensemble_.rounds[0]
    onehot = np.eye(3)[y]
    f = np.column_stack(
        [
            (s - b) / done.size
            for s, b in zip(
                model.decision_function(X).T, model.baseline_prediction_, strict=True
            )
        ]
    )
    p = np.exp(model.baseline_prediction_)
    p = p / p.sum()
    newton = (f * (onehot - p)).sum() / (f**2 * p * (1 - p)).sum()
    assert done.size == pytest.approx(newton, rel=1e-9)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_threads_do_not_change_the_model(n_jobs):
    X, y = load_breast_cancer(return_X_y=True)
    model = GBNNClassifier(n_estimators=5, random_state=0, n_jobs=n_jobs).fit(X, y)
    first = GBNNClassifier(n_estimators=5, random_state=0, n_jobs=1).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), first.predict_proba(X))


def test_rounds_of_another_model_have_no_units():
    X, y = load_diabetes(return_X_y=True)
    trees = boostlab.GradientBoostingRegressor(n_estimators=2).fit(X, y)
    model = GBNNRegressor(n_estimators=3, init=trees, random_state=0).fit(X, y)
    with pytest.raises(TypeError, match="no units to count"):
        model.predict(X, n_units=2)
    with pytest.raises(TypeError, match="no units to count"):
        model.to_single_network()


def test_strings_and_missing_values():
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(
        {"a": ["x", "y", None, "z"] * 20, "b": [1.0, np.nan, 3.0, 4.0] * 20}
    )
    y = np.tile([0, 1, 2, 1], 20)
    model = GBNNClassifier(n_estimators=60, random_state=0).fit(X, y)
    assert (model.predict(X) == y).all()
