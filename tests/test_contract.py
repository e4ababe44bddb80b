"""scikit-learn's own checks, for every public estimator and many configurations.

None is expected to fail. These are the checks of ``parametrize_with_checks``, listed
here because that of scikit-learn 1.6 does not get along with recent pytest.
"""

import pytest
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import estimator_checks_generator

from boostlab import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BoostingClassifier,
    BoostingRegressor,
    GBNNClassifier,
    GBNNRegressor,
    GradientBoostingClassifier,
    GradientBoostingRanker,
    GradientBoostingRegressor,
    NGBoostClassifier,
    NGBoostRegressor,
    NGBoostSurvival,
    RFRBoostClassifier,
    RFRBoostRegressor,
    WeakToStrong,
)
from boostlab.directions import GOSS, MVS, Dart
from boostlab.learners import External, Linear
from boostlab.learners.tree import Tree
from boostlab.steps import LineSearch, Shrinkage

FAST = {"n_estimators": 30}
ONE_TREE = GradientBoostingRegressor(
    n_estimators=1, learning_rate=1.0, max_leaf_nodes=4, early_stopping=False
)

ESTIMATORS = {
    "adaboost": AdaBoostClassifier(),
    "adaboost, external": AdaBoostClassifier(GaussianNB()),
    "real adaboost": AdaBoostClassifier(algorithm="real"),
    "gentle adaboost": AdaBoostClassifier(algorithm="gentle", n_estimators=20),
    "adaboost_nu": AdaBoostClassifier(algorithm="adaboost_nu"),
    "smoothboost": AdaBoostClassifier(algorithm="smooth"),
    "brownboost adaboost": AdaBoostClassifier(algorithm="brown"),
    "lpboost": AdaBoostClassifier(algorithm="lp", nu=0.2, n_estimators=10),
    "samme.r": AdaBoostClassifier(algorithm="samme.r", n_estimators=20),
    "logitboost": AdaBoostClassifier(algorithm="logit", n_estimators=20),
    "madaboost": AdaBoostClassifier(algorithm="mada", n_estimators=20),
    "adaboost regressor": AdaBoostRegressor(),
    "adaboost regressor, external": AdaBoostRegressor(
        DecisionTreeRegressor(max_depth=3), "exponential", n_estimators=10
    ),
    "adaboost regressor, early stopping": AdaBoostRegressor(
        loss="square", early_stopping=True
    ),
    "marginboost": AdaBoostClassifier(algorithm="margin", n_estimators=20),
    "regressor": GradientBoostingRegressor(),
    "classifier": GradientBoostingClassifier(),
    "ranker": GradientBoostingRanker(),
    "ranker by average precision": GradientBoostingRanker("map", **FAST),
    "ranker by pairs": GradientBoostingRanker("pairwise", subsample=0.5, **FAST),
    "ranker by cross-entropy": GradientBoostingRanker("xe_ndcg", **FAST),
    "linear ranker": GradientBoostingRanker(learner="linear", **FAST),
    "generic regressor": BoostingRegressor(),
    "generic classifier": BoostingClassifier(),
    "depth-wise regressor": GradientBoostingRegressor(
        growth="depth", max_depth=3, **FAST
    ),
    "depth-wise classifier": GradientBoostingClassifier(
        growth="depth", max_depth=3, max_leaf_nodes=None, **FAST
    ),
    "early stopping regressor": GradientBoostingRegressor(early_stopping=True),
    "early stopping classifier": GradientBoostingClassifier(
        n_estimators=100, early_stopping=True, scoring="accuracy", n_iter_no_change=20
    ),
    "automatic regressor": GradientBoostingRegressor(n_estimators="auto"),
    "automatic classifier": GradientBoostingClassifier(n_estimators="auto", tol=1e-4),
    "absolute error": GradientBoostingRegressor(loss="absolute_error", **FAST),
    "quantile": GradientBoostingRegressor(loss="quantile", quantile=0.3, **FAST),
    "balanced": GradientBoostingClassifier(
        class_weight="balanced", max_features=0.5, **FAST
    ),
    "linear regressor": BoostingRegressor(learner=Linear(), **FAST),
    "linear classifier": BoostingClassifier(
        learner="linear", step=Shrinkage(0.5), **FAST
    ),
    "external regressor": BoostingRegressor(
        learner=External(Ridge()), step="line_search", **FAST
    ),
    "external classifier": BoostingClassifier(
        learner=Ridge(), step=LineSearch(0.5), n_estimators=10
    ),
    "external tree, regressor": BoostingRegressor(
        learner=ONE_TREE, step=Shrinkage(0.5), n_estimators=5
    ),
    "external tree, classifier": BoostingClassifier(
        learner=ONE_TREE, step=Shrinkage(0.5), n_estimators=5
    ),
    "gradient": BoostingRegressor(
        direction="gradient", learner=Tree(max_leaf_nodes=4), **FAST
    ),
    # Rates of 1, because a row of weight 2 is drawn otherwise than two of weight 1.
    "goss": GradientBoostingClassifier(
        sampling=GOSS(0.5, 0.5), learning_rate=0.5, **FAST
    ),
    "mvs": GradientBoostingRegressor(sampling=MVS(1.0), **FAST),
    "dropout regressor": GradientBoostingRegressor(
        dropout=Dart(0.2, skip=0.0, one_drop=True), **FAST
    ),
    "dropout classifier": GradientBoostingClassifier(dropout=0.2, **FAST),
    "linear leaves regressor": GradientBoostingRegressor(linear_leaves=True, **FAST),
    "linear leaves classifier": GradientBoostingClassifier(
        linear_leaves=True, n_estimators=10
    ),
    "natural gradient regressor": NGBoostRegressor(n_estimators=30),
    "natural gradient, shared tree": NGBoostRegressor(
        scoring_rule="crps", multi_strategy="shared", early_stopping=True, **FAST
    ),
    "natural gradient classifier": NGBoostClassifier(learning_rate=0.1, **FAST),
    "natural gradient classifier, shared tree": NGBoostClassifier(
        scoring_rule="crps",
        learning_rate=0.2,
        multi_strategy="shared",
        early_stopping=True,
        **FAST,
    ),
    "survival": NGBoostSurvival(**FAST),
    "natural gradient as published": NGBoostRegressor(
        compat="reference", learner="linear", **FAST
    ),
    "majority": WeakToStrong(GradientBoostingClassifier(n_estimators=5)),
    "bagging": WeakToStrong(AdaBoostClassifier(n_estimators=5), "bagging", 3),
    "sub-samples": WeakToStrong(
        GradientBoostingClassifier(n_estimators=5), "subsample", max_voters=3
    ),
    "soft votes": WeakToStrong(GradientBoostingClassifier(**FAST), vote="soft"),
    "random features": BoostingRegressor(learner="random_features", **FAST),
    "representation regressor": RFRBoostRegressor(),
    "representation classifier": RFRBoostClassifier(),
    "greedy representation": RFRBoostRegressor(
        variant="greedy", early_stopping=True, n_estimators=8
    ),
    "units regressor": GBNNRegressor(n_estimators=8),
    "units classifier": GBNNClassifier(n_units=2, n_estimators=8),
    "units as published": GBNNClassifier(faithful=True, n_estimators=5),
    "mixture": BoostingClassifier(learner=[Tree(), Ridge()], every=[1, 3], **FAST),
}

CASES = [
    pytest.param(estimator, check, id=f"{name}: {check.func.__name__}")
    for name, model in ESTIMATORS.items()
    for estimator, check in estimator_checks_generator(model)
]


# Data of these checks that one stump separates, or on which it has no edge.
@pytest.mark.filterwarnings("ignore:The learner of the first round")
@pytest.mark.parametrize(("estimator", "check"), CASES)
def test_scikit_learn(estimator, check):
    check(estimator)
