"""Learners of scikit-learn in the recipes of the AdaBoost family."""

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_classification
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from boostlab import AdaBoostClassifier
from boostlab.estimators.voting_recipes import RECIPES
from boostlab.learners import External, Tree


def problem():
    return make_classification(200, 6, n_informative=4, flip_y=0.1, random_state=0)


def test_boosting_a_strong_learner_is_no_worse_than_the_learner():
    X, y = problem()
    boosted = AdaBoostClassifier(SVC(), n_estimators=5).fit(X, y)
    assert boosted.score(X, y) >= SVC().fit(X, y).score(X, y)


def test_gentle_adaboost_of_the_paper_with_external_regressors():
    X, y = problem()
    tree, sign = DecisionTreeRegressor(max_depth=2, random_state=0), 2.0 * y - 1
    score = np.full(len(y), 0.5 * np.log(y.mean() / (1 - y.mean())))
    for _ in range(20):
        weight = np.exp(-sign * score)
        score += tree.fit(X, sign, weight / weight.sum()).predict(X)
    assert np.exp(-sign * score).min() < 0.01
    model = AdaBoostClassifier(tree, "gentle", n_estimators=20).fit(X, y)
    np.testing.assert_allclose(model.decision_function(X), score, atol=1e-6)


@pytest.mark.parametrize("algorithm", ["gentle", "logit"])
def test_responses_are_not_shortened(algorithm):
    voters = RECIPES[algorithm].voters
    assert voters(DecisionTreeRegressor()).min_hessian == 0
    assert voters([DecisionTreeRegressor()])[0].min_hessian == 0
    chosen = External(DecisionTreeRegressor(), min_hessian=0.5)
    assert voters(chosen).min_hessian == 0.5


def test_gentle_predicts_the_most_probable_class():
    X, y = load_iris(return_X_y=True)
    model = AdaBoostClassifier(algorithm="gentle", n_estimators=200).fit(X, y)
    inside = np.random.default_rng(0).uniform(X.min(axis=0), X.max(axis=0), (2000, 4))
    most = model.classes_[model.predict_proba(inside).argmax(axis=1)]
    np.testing.assert_array_equal(most, model.predict(inside))


def test_a_tree_by_name_has_the_parameters_of_the_estimator():
    X, y = problem()
    plain = AdaBoostClassifier(max_depth=2, n_estimators=5).fit(X, y)
    for learner, every in (("tree", None), (["tree", "tree"], [1, 2])):
        named = AdaBoostClassifier(learner, every=every, max_depth=2, n_estimators=5)
        np.testing.assert_array_equal(
            named.fit(X, y).decision_function(X), plain.decision_function(X)
        )
    assert (
        AdaBoostClassifier(Tree())
        .fit(X, y)
        .ensemble_.rounds[0]
        .hypothesis.trees[0]
        .n_nodes
        > 7
    )


@pytest.mark.parametrize(
    ("learner", "algorithm", "message"),
    [
        (DecisionTreeRegressor(), "samme", "'samme' needs a classifier"),
        ("linear", "mada", "'mada' needs a classifier"),
        (DecisionTreeClassifier(), "gentle", "'gentle' needs a regressor"),
        (["tree", DecisionTreeClassifier()], "logit", "'logit' needs a regressor"),
        (LinearSVC(), "real", "'real' needs probabilities, but LinearSVC has no"),
    ],
)
def test_learners_that_cannot_serve_are_named(learner, algorithm, message):
    X, y = problem()
    every = [1, 2] if isinstance(learner, list) else None
    with pytest.raises(ValueError, match=message):
        AdaBoostClassifier(learner, algorithm, every=every).fit(X, y)
