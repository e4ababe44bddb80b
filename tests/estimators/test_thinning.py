"""Fewer rounds that do as well."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss

from boostlab import AdaBoostClassifier, GradientBoostingClassifier, WeakToStrong
from boostlab.estimators import thin


def test_a_rare_class_keeps_accuracy_and_probabilities():
    X, y = make_classification(
        3000, 10, n_informative=5, weights=[0.9], flip_y=0.05, random_state=0
    )
    train, rest = np.arange(1500), np.arange(1500, 3000)
    model = GradientBoostingClassifier(n_estimators=100, random_state=0)
    model.fit(X[train], y[train])
    fewer = thin(model, X[train], y[train])
    assert 0 < fewer.n_iter_ < model.n_iter_
    assert fewer.score(X[rest], y[rest]) > model.score(X[rest], y[rest]) - 0.01
    before, after = (
        log_loss(y[rest], each.predict_proba(X[rest])) for each in (model, fewer)
    )
    assert after < 1.25 * before


def test_votes_stay_several_where_rows_are_noisy():
    X, y = make_classification(1500, 10, n_informative=5, flip_y=0.1, random_state=0)
    train, rest = np.arange(750), np.arange(750, 1500)
    model = AdaBoostClassifier(n_estimators=60, random_state=0).fit(X[train], y[train])
    fewer = thin(model, X[train], y[train])
    assert 5 < fewer.n_iter_ < 60
    assert fewer.score(X[rest], y[rest]) > model.score(X[rest], y[rest]) - 0.03


def test_rounds_that_do_nothing_are_all_left_out():
    X, y = np.ones((20, 1)), np.arange(20) % 2
    model = GradientBoostingClassifier(n_estimators=5).fit(X, y)
    assert model.n_iter_ == 5
    fewer = thin(model, X, y)
    assert fewer.n_iter_ == 0
    np.testing.assert_array_equal(fewer.predict_proba(X), model.predict_proba(X))


def test_models_that_are_no_ensemble_of_rounds_are_refused():
    X, y = make_classification(60, random_state=0)
    voters = WeakToStrong(GradientBoostingClassifier(n_estimators=2), n_voters=3)
    with pytest.raises(TypeError, match="WeakToStrong cannot be thinned"):
        thin(voters.fit(X, y), X, y)
