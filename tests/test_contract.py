"""scikit-learn's own checks, for every public estimator and many configurations."""

import pytest
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from boostlab import (
    BoostingClassifier,
    BoostingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from boostlab.learners import External, Linear
from boostlab.learners.tree import Tree
from boostlab.steps import LineSearch, Shrinkage

EVERY_KIND = [
    GradientBoostingRegressor(),
    GradientBoostingClassifier(),
    BoostingRegressor(),
    BoostingClassifier(),
]

ONE_TREE = GradientBoostingRegressor(
    n_estimators=1, learning_rate=1.0, max_leaf_nodes=4, early_stopping=False
)

CONFIGURATIONS = [
    GradientBoostingRegressor(growth="depth", max_depth=3),
    GradientBoostingClassifier(growth="depth", max_depth=3, max_leaf_nodes=None),
    GradientBoostingRegressor(early_stopping=True),
    GradientBoostingClassifier(early_stopping=True),
    GradientBoostingRegressor(loss="absolute_error"),
    GradientBoostingRegressor(loss="quantile", quantile=0.3),
    GradientBoostingClassifier(class_weight="balanced", max_features=0.5),
    BoostingRegressor(learner=Linear()),
    BoostingClassifier(learner="linear", step=Shrinkage(0.5)),
    BoostingRegressor(learner=External(Ridge()), step="line_search"),
    BoostingClassifier(learner=Ridge(), step=LineSearch(0.5)),
    BoostingRegressor(learner=ONE_TREE, step=Shrinkage(0.5)),
    BoostingClassifier(learner=ONE_TREE),
    BoostingRegressor(direction="gradient", learner=Tree(max_leaf_nodes=4)),
    BoostingClassifier(learner=[Tree(), Ridge()], every=[1, 3]),
]


@parametrize_with_checks(EVERY_KIND + CONFIGURATIONS)
def test_scikit_learn(estimator, check):
    check(estimator)
