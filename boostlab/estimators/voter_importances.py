"""What features are worth to voters of any kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.inspection.importance import feature_importances
from boostlab.learners.external import ExternalClassifier, ExternalRegressors
from boostlab.learners.trees import Trees
from boostlab.state import Ensemble, Round

Array = NDArray[np.float64]


def voter_importances(ensemble: Ensemble, n_features: int) -> Array:
    """Return the share of each feature in what was learnt, shape (f,).

    Of trees alone it is that in the gain of all splits; else the mean of the learners'
    own, each with sum 1, by the sizes of their rounds.

    Raises
    ------
    AttributeError
        If a learner has no ``feature_importances_``.
    """
    rounds = ensemble.rounds
    if all(isinstance(done.hypothesis, Trees) for done in rounds):
        return feature_importances(ensemble, n_features)
    total = sum(
        abs(done.size) * _normalised(_own(ensemble, done, n_features))
        for done in rounds
    )
    return _normalised(total)


def _own(ensemble: Ensemble, done: Round, n_features: int) -> Array:
    """Return the importances that one round has by itself."""
    hypothesis = done.hypothesis
    if isinstance(hypothesis, Trees):
        single = Ensemble(ensemble.baseline, ensemble.update, [done])
        return feature_importances(single, n_features)
    models: tuple[Any, ...] = ()
    if isinstance(hypothesis, ExternalClassifier):
        models = (hypothesis.model,)
    elif isinstance(hypothesis, ExternalRegressors):
        models = hypothesis.models
    lacking = [m for m in models or (hypothesis,) if not _has(m)]
    if lacking:
        raise AttributeError(
            f"{type(lacking[0]).__name__} has no feature_importances_, so the ensemble "
            "has none; use sklearn.inspection.permutation_importance."
        )
    columns = slice(None) if hypothesis.features is None else hypothesis.features
    own = np.zeros(n_features)
    for model in models:
        own[columns] += np.asarray(model.feature_importances_, float)
    return own


def _has(model: Any) -> bool:
    return hasattr(model, "feature_importances_")


def _normalised(values: Array) -> Array:
    """Return values of sum 1, or zeros."""
    total = values.sum()
    return values / total if total > 0 else values
