import doctest

import numpy as np

import boostlab.inspection.model_summary
from boostlab import (
    BoostingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from boostlab.inspection import summary


def test_example():
    assert doctest.testmod(boostlab.inspection.model_summary).failed == 0


def test_an_ensemble_by_hand(small, make_tree, make_ensemble):
    leaf = make_tree([(-1, -1, 0.0, 0, 1.0, 0.0, 3.0)])
    assert summary(make_ensemble([small, leaf])).splitlines() == [
        "Ensemble: 1 round, 2 outputs",
        "2 trees of at most 3 leaves (median 2) and depth 2",
        "2 of 3 features used; most gain by x0 0.75, x2 0.25",
    ]
    assert summary(make_ensemble([leaf])).splitlines()[1:] == [
        "1 tree of at most 1 leaf (median 1) and depth 0",
        "0 of 3 features used",
    ]


def test_losses_of_the_round_that_was_chosen():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    model = GradientBoostingRegressor(
        n_estimators=200, early_stopping=True, random_state=0
    ).fit(X, X[:, 0] + rng.normal(size=300))
    found = summary(model).splitlines()[-1]
    history, left = model.history_, 10
    assert found.startswith(f"mean loss {history['training_loss'][model.n_iter_]:.4g}")
    assert f"{history['validation_loss'][model.n_iter_]:.4g} in validation" in found
    assert found.endswith(f"; {left} later rounds were left out")


def test_other_learners_and_none():
    X = np.arange(40.0)[:, None]
    mixed = BoostingRegressor(learner=["tree", "linear"], every=[1, 4], n_estimators=8)
    first, second = summary(mixed.fit(X, X[:, 0])).splitlines()
    assert first == "BoostingRegressor: 8 rounds (6 of Trees, 2 of LinearModel)"
    assert second.startswith("6 trees of at most ")
    linear = BoostingRegressor(learner="linear", n_estimators=2).fit(X, X[:, 0])
    assert summary(linear) == "BoostingRegressor: 2 rounds"
    constant = GradientBoostingClassifier().fit(X, np.zeros(40))
    assert summary(constant) == "GradientBoostingClassifier: 0 rounds"
