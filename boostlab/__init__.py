"""Boosting in one loop: trees, nets, random features and prompted LLMs.

Every boosting method is one loop with six pieces in it (:mod:`boostlab.boosting`):
objective, direction, weak learner, step, update, corrector. The estimators are
recipes of pieces with scikit-learn's interface.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

try:
    from boostlab import _core  # noqa: F401
except ImportError as error:
    raise ImportError(
        "The compiled core of boostlab cannot be imported "
        f"({error}); if this is a source tree, build it with `pip install .` (it needs "
        "a C compiler) and start Python in another folder."
    ) from error

if TYPE_CHECKING:
    from boostlab.estimators import (
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
    from boostlab.persistence import (
        ModelFileError,
        import_lightgbm,
        import_xgboost,
        load,
        save,
    )

try:
    __version__ = version("boostlab")
except PackageNotFoundError:  # imported from a source tree that is not installed
    __version__ = "unknown"

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
    "ModelFileError",
    "NGBoostClassifier",
    "NGBoostRegressor",
    "NGBoostSurvival",
    "RFRBoostClassifier",
    "RFRBoostRegressor",
    "WeakToStrong",
    "import_lightgbm",
    "import_xgboost",
    "load",
    "save",
]

# Imported when first used, so that `import boostlab` stays cheap.
_HOME = {
    "AdaBoostClassifier": "boostlab.estimators",
    "AdaBoostRegressor": "boostlab.estimators",
    "BoostingClassifier": "boostlab.estimators",
    "BoostingRegressor": "boostlab.estimators",
    "GBNNClassifier": "boostlab.estimators",
    "GBNNRegressor": "boostlab.estimators",
    "GradientBoostingClassifier": "boostlab.estimators",
    "GradientBoostingRanker": "boostlab.estimators",
    "GradientBoostingRegressor": "boostlab.estimators",
    "ModelFileError": "boostlab.persistence",
    "NGBoostClassifier": "boostlab.estimators",
    "NGBoostRegressor": "boostlab.estimators",
    "NGBoostSurvival": "boostlab.estimators",
    "RFRBoostClassifier": "boostlab.estimators",
    "RFRBoostRegressor": "boostlab.estimators",
    "WeakToStrong": "boostlab.estimators",
    "import_lightgbm": "boostlab.persistence",
    "import_xgboost": "boostlab.persistence",
    "load": "boostlab.persistence",
    "save": "boostlab.persistence",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'boostlab' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
