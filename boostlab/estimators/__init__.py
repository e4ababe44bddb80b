"""The scikit-learn face: named systems as short recipes of pieces."""

from boostlab.estimators.adaboost import AdaBoostClassifier
from boostlab.estimators.adaboost_regressor import AdaBoostRegressor
from boostlab.estimators.gbnn import GBNNClassifier, GBNNRegressor
from boostlab.estimators.generic import BoostingClassifier, BoostingRegressor
from boostlab.estimators.gradient_boosting import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from boostlab.estimators.ngboost import NGBoostRegressor
from boostlab.estimators.ngboost_classifier import NGBoostClassifier
from boostlab.estimators.ranking import GradientBoostingRanker
from boostlab.estimators.rfrboost import RFRBoostClassifier, RFRBoostRegressor
from boostlab.estimators.survival import NGBoostSurvival, censored_times
from boostlab.estimators.thinning import thin
from boostlab.estimators.uncertainty import Uncertainty
from boostlab.estimators.weak_to_strong import WeakToStrong

__all__ = [
    "AdaBoostClassifier",
    "AdaBoostRegressor",
    "BoostingClassifier",
    "BoostingRegressor",
    "GBNNClassifier",
    "GBNNRegressor",
    "GradientBoostingClassifier",
    "GradientBoostingRanker",
    "GradientBoostingRegressor",
    "NGBoostClassifier",
    "NGBoostRegressor",
    "NGBoostSurvival",
    "RFRBoostClassifier",
    "RFRBoostRegressor",
    "Uncertainty",
    "WeakToStrong",
    "censored_times",
    "thin",
]
