"""Leaves and contributions of fitted estimators."""

import made_trees
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris

from boostlab import (
    BoostingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    import_xgboost,
)
from boostlab.data.table import Table
from boostlab.inspection.forest import leaf_ids, tree_contributions
from boostlab.learners import Linear
from boostlab.learners.trees import Trees
from boostlab.state import Ensemble, Round
from boostlab.updates import AddToPrediction

OPTIONS = {"n_estimators": 7, "max_leaf_nodes": 6, "random_state": 0}


@pytest.fixture(scope="module")
def regression():
    X, y = load_diabetes(return_X_y=True)
    return GradientBoostingRegressor(**OPTIONS).fit(X, y), X, y


@pytest.fixture(scope="module")
def three_classes():
    X, y = load_iris(return_X_y=True)
    return GradientBoostingClassifier(**OPTIONS).fit(X, y), X, y


def test_leaves_are_those_of_a_walk(regression, three_classes):
    for model, X, _ in (regression, three_classes):
        found = model.apply(X[:30]).reshape(30, model.n_iter_, -1)
        for i, done in enumerate(model.ensemble_.rounds):
            for k, tree in enumerate(done.hypothesis.trees):
                walked = made_trees.leaves(tree, X[:30])
                assert np.array_equal(found[:, i, k], walked)
                assert (tree.feature[walked] == -1).all()


def test_shapes_of_leaves(regression, three_classes):
    model, X, _ = regression
    assert model.apply(X).shape == (len(X), 7)
    assert model.apply(X).dtype == np.int32
    model, X, _ = three_classes
    assert model.apply(X).shape == (len(X), 7, 3)
    assert model.apply(X[:1]).shape == (1, 7, 3)


@pytest.mark.parametrize("against", [False, True])
def test_contributions_sum_to_the_raw_prediction(regression, three_classes, against):
    model, X, _ = regression
    shares = model.predict_contributions(X, background=X[:20] if against else None)
    assert shares.shape == (len(X), X.shape[1] + 1)
    np.testing.assert_allclose(shares.sum(axis=1), model.predict(X), rtol=1e-12)
    model, X, _ = three_classes
    shares = model.predict_contributions(X, background=X[::20] if against else None)
    assert shares.shape == (len(X), 3, X.shape[1] + 1)
    np.testing.assert_allclose(
        shares.sum(axis=2), model.decision_function(X), rtol=0, atol=1e-12
    )


def test_the_expected_value(regression):
    model, X, _ = regression
    against = model.predict_contributions(X[:3], background=X)[:, -1]
    np.testing.assert_allclose(against, model.predict(X).mean())
    by_path = model.predict_contributions(X[:3])[:, -1]
    np.testing.assert_allclose(by_path, model.predict(X).mean(), rtol=1e-6)


def test_frames_with_categories_and_missing_values():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X = X[["bmi", "bp", "s5"]].copy()
    X["group"] = np.where(y > 150, "high", "low")
    X.loc[::5, "bmi"] = np.nan
    X["group"] = pd.Categorical(X["group"])
    model = GradientBoostingRegressor("huber", **OPTIONS).fit(X, y)
    for background in (None, X[:10]):
        shares = model.predict_contributions(X, background)
        np.testing.assert_allclose(shares.sum(axis=1), model.predict(X), rtol=1e-12)
    assert np.abs(shares[:, 3]).mean() > np.abs(shares[:, 1]).mean()


def test_a_model_that_has_no_rounds():
    model = GradientBoostingClassifier().fit(np.zeros((5, 2)), np.ones(5))
    assert model.apply(np.zeros((3, 2))).shape == (3, 0)
    assert (model.predict_contributions(np.zeros((3, 2))) == 0).all()


def test_other_learners_are_refused():
    X, y = load_diabetes(return_X_y=True)
    mixed = BoostingRegressor(learner=["tree", Linear()], every=[1, 2], n_estimators=4)
    for model in (mixed, BoostingRegressor(learner=Linear(), n_estimators=2)):
        model.fit(X, y)
        with pytest.raises(TypeError, match="rounds all add trees have leaves"):
            model.apply(X)
        with pytest.raises(TypeError, match="have contributions of the features"):
            model.predict_contributions(X)


def test_a_background_without_rows_or_of_other_features(regression):
    model, X, _ = regression
    with pytest.raises(ValueError, match="0 sample"):
        model.predict_contributions(X, background=X[:0])
    with pytest.raises(ValueError, match="features"):
        model.predict_contributions(X, background=X[:, :3])


def test_rounds_of_different_numbers_of_trees(three_classes):
    model, X, _ = three_classes
    rng = np.random.default_rng(0)
    shared = Trees((made_trees.make_tree(rng, 5, 4, 3),), 4)
    rounds = [*model.ensemble_.rounds[:2], Round(shared, 0.1)]
    ensemble = Ensemble(np.zeros(3), AddToPrediction(), rounds)
    with pytest.raises(ValueError, match="1 or 3 trees"):
        leaf_ids(ensemble, Table(X))
    shares = tree_contributions(ensemble, Table(X))
    np.testing.assert_allclose(
        shares.sum(axis=2), ensemble.predict(Table(X)), rtol=0, atol=1e-12
    )


def test_xgboost_agrees(regression):
    """Its own trees, read from its file, have its own contributions."""
    xgboost = pytest.importorskip("xgboost")
    _, X, y = regression
    options = {"n_estimators": 10, "max_depth": 4, "base_score": 100.0}
    theirs = xgboost.XGBRegressor(**options).fit(X, y)
    raw = theirs.get_booster().save_raw("json")
    ours = import_xgboost(bytes(raw))
    found = ours.predict_contributions(X.astype(np.float32))
    wanted = theirs.get_booster().predict(xgboost.DMatrix(X), pred_contribs=True)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-3)
