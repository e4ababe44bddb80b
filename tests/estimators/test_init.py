"""Fits that start from another fitted model."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_score

import boostlab
from boostlab import (
    BoostingClassifier,
    BoostingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from boostlab.persistence import model_hash
from boostlab.state import Ensemble
from boostlab.updates import AddToPrediction


@pytest.fixture(scope="module")
def diabetes():
    return load_diabetes(return_X_y=True)


def regressor(**params):
    return GradientBoostingRegressor(
        **{"n_estimators": 10, "random_state": 0, "learning_rate": 0.3, **params}
    )


def rounds_equal(a, b):
    return all(
        np.array_equal(x.value, y.value) and np.array_equal(x.threshold, y.threshold)
        for one, two in zip(a, b, strict=True)
        for x, y in zip(one.hypothesis.trees, two.hypothesis.trees, strict=True)
    )


def test_ten_rounds_and_ten_more_are_twenty(diabetes):
    X, y = diabetes
    whole = regressor(n_estimators=20).fit(X, y)
    first = regressor().fit(X, y)
    for init in (first, first.ensemble_):
        model = regressor(init=init).fit(X, y)
        assert (model.n_iter_, model.n_init_) == (20, 10)
        assert rounds_equal(model.ensemble_.rounds[:10], first.ensemble_.rounds)
        scale = np.abs(whole.predict(X)).max()
        # The generator begins anew, so gradients are rounded another way.
        assert np.abs(model.predict(X) - whole.predict(X)).max() < 0.05 * scale
        assert first.n_iter_ == first.ensemble_.n_rounds == 10
    assert regressor().fit(X, y).n_init_ == 0


def test_the_result_predicts_alone(diabetes, tmp_path):
    X, y = diabetes
    model = regressor(init=regressor().fit(X, y)).fit(X, y)
    model.save(tmp_path / "model.boostlab")
    loaded = boostlab.load(tmp_path / "model.boostlab")
    assert loaded.init is None
    assert (loaded.n_iter_, loaded.n_init_) == (20, 10)
    assert model_hash(loaded) == model_hash(model)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).predict(X), model.predict(X)
    )


def test_rounds_are_counted_from_init_also_in_a_warm_start(diabetes, tmp_path):
    X, y = diabetes
    first = regressor().fit(X, y)
    model = regressor(init=first, n_estimators=5, warm_start=True).fit(X, y)
    model.save(tmp_path / "model.boostlab")
    for each in (model, boostlab.load(tmp_path / "model.boostlab")):
        each.set_params(n_estimators=8).fit(X, y)
        assert (each.n_iter_, each.n_init_) == (18, 10)
        longer = regressor(init=first, n_estimators=8).fit(X, y)
        np.testing.assert_array_equal(each.predict(X), longer.predict(X))
        each.set_params(n_estimators=7)
        with pytest.raises(ValueError, match=r"n_iter_=8 \(beside 10 of init"):
            each.fit(X, y)


def test_several_targets_stay_in_their_units(diabetes):
    X, y = diabetes
    both = np.c_[y, 100 * X[:, 2]]
    first = regressor().fit(X, both)
    model = regressor(init=first).fit(X[:200], 3 * both[:200])
    assert model.objective_.units == first.objective_.units
    stages = list(model.staged_predict(X))
    np.testing.assert_allclose(stages[9], first.predict(X), rtol=1e-9)
    plain = Ensemble(np.array([1.0, 2.0]), AddToPrediction())
    model = regressor(init=plain, n_estimators=1, learning_rate=1e-12).fit(X, both)
    np.testing.assert_allclose(model.predict(X), [[1.0, 2.0]] * len(X), rtol=1e-6)


def test_history_begins_where_init_ends(diabetes):
    X, y = diabetes
    first = regressor().fit(X, y)
    model = regressor(init=first, early_stopping=True, n_iter_no_change=50).fit(X, y)
    losses = model.history_["validation_loss"]
    assert len(losses) == 21
    assert np.isnan(losses[:10]).all()
    assert np.isfinite(losses[10:]).all()


def test_init_itself_may_be_the_best_round(diabetes):
    X, y = diabetes
    first = regressor(n_estimators=30).fit(X, y)
    noise = np.random.default_rng(0).permutation(y)
    model = regressor(init=first, early_stopping=True, n_iter_no_change=3)
    model.fit(X, noise, X_val=X, y_val=y)
    assert model.n_iter_ == model.n_init_ == 30
    np.testing.assert_array_equal(model.predict(X), first.predict(X))


def test_the_encoding_of_init_stays():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"x": rng.normal(size=400), "c": rng.choice(list("abcd"), 400)}
    )
    y = frame["x"] + (frame["c"] == "b") * 3
    first = regressor().fit(frame, y)
    other = frame.assign(c=rng.choice(list("cdz"), 400))
    model = regressor(init=first).fit(other, y)
    assert model.encoder_.categories_ == first.encoder_.categories_
    assert model.encoder_.owner == "GradientBoostingRegressor"
    # What init says of the first rows has not changed.
    stages = list(model.staged_predict(frame))
    np.testing.assert_allclose(stages[9], first.predict(frame), rtol=1e-12)
    with pytest.raises(ValueError, match="feature names should match"):
        regressor(init=first).fit(frame.rename(columns={"x": "z"}), y)
    X = frame[["x"]].to_numpy()
    with pytest.raises(ValueError, match="expecting 1 features"):
        regressor(init=regressor().fit(X, y)).fit(np.hstack([X, X]), y)


def test_classes_of_init_stay():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    first = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(X, names)
    model = GradientBoostingClassifier(n_estimators=5, init=first, random_state=0)
    model.fit(X[y > 0], names[y > 0])
    assert model.classes_.tolist() == sorted(set(names))
    assert model.predict_proba(X).shape == (150, 3)
    with pytest.raises(ValueError, match="'other'"):
        model.fit(X, np.where(y == 0, "other", names))


def test_weights_count_in_what_is_added(diabetes):
    X, y = diabetes
    first = regressor().fit(X, y)
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    model = regressor(init=first).fit(X, y, sample_weight=weight)
    repeated = regressor(init=first).fit(np.repeat(X, weight, 0), np.repeat(y, weight))
    np.testing.assert_allclose(model.predict(X), repeated.predict(X), rtol=1e-6)


def test_models_of_xgboost_and_lightgbm(diabetes):
    xgboost, lightgbm = (pytest.importorskip(n) for n in ("xgboost", "lightgbm"))
    X, y = diabetes
    for other in (
        xgboost.XGBRegressor(n_estimators=5).fit(X, y),
        lightgbm.LGBMRegressor(n_estimators=5, verbose=-1).fit(X, y),
    ):
        for init in (other, getattr(other, "booster_", None) or other.get_booster()):
            model = regressor(init=init).fit(X, y)
            assert (model.n_iter_, model.n_init_) == (15, 5)
            first = list(model.staged_predict(X))[4]
            np.testing.assert_allclose(first, other.predict(X), rtol=1e-5)
            assert model.score(X, y) > other.score(X, y)
    imported = boostlab.import_lightgbm(other)
    assert regressor(init=imported).fit(X, y).n_iter_ == 15


@pytest.mark.parametrize("name", ["squared_error", "poisson", "absolute_error"])
def test_a_foreign_regressor(diabetes, name):
    X, y = diabetes
    init = Ridge().fit(X, y)
    model = regressor(init=init, loss=name).fit(X, y)
    assert (model.n_iter_, model.n_init_) == (11, 1)
    np.testing.assert_allclose(next(model.staged_predict(X)), init.predict(X))
    assert model.score(X, y) > init.score(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    # It is gradient boosting of what the regression left over.
    if name == "squared_error":
        rest = regressor(init=Ensemble(np.zeros(1), AddToPrediction()))
        rest.fit(X, y - init.predict(X))
        np.testing.assert_allclose(
            model.predict(X), init.predict(X) + rest.predict(X), rtol=1e-9
        )


def test_a_foreign_classifier():
    X, y = load_iris(return_X_y=True)
    init = LogisticRegression(max_iter=1000).fit(X, y)
    for model in (
        GradientBoostingClassifier(init=init, n_estimators=3),
        BoostingClassifier(init=init, n_estimators=3),
    ):
        model.fit(X, y)
        first = next(model.staged_predict_proba(X))
        np.testing.assert_allclose(first, init.predict_proba(X), rtol=1e-9)
    two = LogisticRegression().fit(X[y < 2], y[y < 2])
    model = GradientBoostingClassifier(init=two, n_estimators=3).fit(X[y < 2], y[y < 2])
    first = next(model.staged_predict_proba(X))
    np.testing.assert_allclose(first, two.predict_proba(X), rtol=1e-6, atol=1e-11)
    with pytest.raises(ValueError, match="fitted with the classes"):
        GradientBoostingClassifier(init=two, n_estimators=3).fit(X, y)


def test_a_foreign_estimator_with_names_and_missing_values(diabetes):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X = X.mask(np.random.default_rng(0).random(X.shape) < 0.1)
    init = HistGradientBoostingRegressor(max_iter=3).fit(X, y)
    model = BoostingRegressor(init=init, n_estimators=3).fit(X, y)
    np.testing.assert_allclose(next(model.staged_predict(X)), init.predict(X))
    renamed = X.rename(columns={"age": "years"})
    with pytest.raises(ValueError, match="with the feature names"):
        model.fit(renamed, y)


def test_foreign_estimators_stay_out_of_files(diabetes, tmp_path):
    X, y = diabetes
    model = regressor(init=Ridge().fit(X, y)).fit(X, y)
    with pytest.raises(TypeError, match="StartPrediction cannot be stored"):
        model.save(tmp_path / "model.boostlab")


def test_what_cannot_be_a_start_is_refused(diabetes):
    X, y = diabetes
    with pytest.raises(NotFittedError, match="init is a Ridge that is not fitted"):
        regressor(init=Ridge()).fit(X, y)
    with pytest.raises(ValueError, match="init is 3; give None, a fitted model"):
        regressor(init=3).fit(X, y)
    with pytest.raises(ValueError, match="choose a loss with the same link"):
        regressor(init=regressor(loss="poisson").fit(X, y)).fit(X, y)
    classifier = GradientBoostingClassifier(n_estimators=2).fit(X, y > 150)
    with pytest.raises(ValueError, match="model for classification"):
        regressor(init=classifier).fit(X, y)
    with pytest.raises(ValueError, match="reads 10 features, but X has 9"):
        regressor(init=regressor().fit(X, y).ensemble_).fit(X[:, :9], y)
    two = Ensemble(np.zeros(2), AddToPrediction())
    with pytest.raises(ValueError, match="1 outputs, but the rounds to go on from"):
        regressor(init=two).fit(X, y)
    negative = Ridge().fit(X, -y)
    with pytest.raises(ValueError, match="no raw prediction for"):
        regressor(init=negative, loss="poisson").fit(X, y)
    text = pd.DataFrame(X).assign(c="a").rename(columns=str)
    with pytest.raises(ValueError, match="would see the codes"):
        regressor(init=Ridge().fit(X, y)).fit(text, y)
    fitted = regressor(learner="linear").fit(X, y)
    with pytest.raises(TypeError, match="init has the update AddToPrediction"):
        BoostingRegressor(init=fitted, update="add_to_representation").fit(X, y)


def test_cross_validation_needs_a_frozen_init(diabetes):
    X, y = diabetes
    first = regressor().fit(X, y)
    model = regressor(init=first, n_estimators=3)
    with pytest.raises(NotFittedError, match="FrozenEstimator"):
        clone(model).fit(X, y)
    frozen = clone(regressor(init=FrozenEstimator(first), n_estimators=3)).fit(X, y)
    np.testing.assert_array_equal(frozen.predict(X), model.fit(X, y).predict(X))
    assert np.isfinite(cross_val_score(frozen, X, y, cv=3)).all()
