"""Imported rounds as a fitted estimator, where there is one that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import boostlab
from boostlab.callbacks.generator import generator_state
from boostlab.data.frames import TableEncoder
from boostlab.data.levels import Categories
from boostlab.objectives import get_objective
from boostlab.protocols import Objective
from boostlab.state import Ensemble

_ESTIMATORS = {
    "regression": "GradientBoostingRegressor",
    "classification": "GradientBoostingClassifier",
    "ranking": "GradientBoostingRanker",
}


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What a foreign model knows of its features.

    Parameters
    ----------
    count : int
        Number of features.
    names : tuple of str, optional
        Their names.
    categories : mapping of int to sequence
        Values of the categories, by code, of features that are given by value.
    handle_unknown : {"missing", "error"}
        What happens to other values of such features.
    """

    count: int
    names: Sequence[str] | None = None
    categories: Mapping[int, Sequence[Any]] = field(default_factory=dict)
    handle_unknown: str = "missing"

    def encoder(self, owner: str) -> TableEncoder:
        """Return the encoder that makes the model's numbers of a table."""
        known: list[Categories | None] = [None] * self.count
        for j, values in self.categories.items():
            if len(set(values)) < len(values) or any(v != v for v in values):
                raise ValueError(f"the categories of feature {j} are not distinct")
            known[j] = Categories(tuple(values))
        return TableEncoder.known(
            known, self.names, owner=owner, handle_unknown=self.handle_unknown
        )


def fitted_estimator(
    ensemble: Ensemble,
    features: Features,
    loss: str | Objective,
    task: str,
    *,
    classes: Any = None,
    all_rounds: Ensemble | None = None,
) -> Any:
    """Return a fitted gradient boosting estimator around an ensemble.

    Parameters
    ----------
    ensemble : Ensemble
        Baseline and rounds.
    features : Features
        The features.
    loss : str or Objective
        Its parameter ``loss``.
    task : {"regression", "classification", "ranking"}
        Which of the estimators.
    classes : ndarray, optional
        The labels, sorted, in classification.
    all_rounds : Ensemble, optional
        The rounds with those after the best one, where the model was cut.
    """
    name = _ESTIMATORS[task]
    model = getattr(boostlab, name)(
        loss=loss,
        n_estimators=max(ensemble.n_rounds, 1),
        keep_all_rounds=all_rounds is not None,
    )
    encoder = features.encoder(name)
    state = generator_state(np.random.default_rng(0))
    n_classes = 0 if classes is None else len(classes)
    vars(model).update(
        encoder_=encoder,
        n_features_in_=encoder.n_features_in_,
        ensemble_=ensemble,
        n_iter_=ensemble.n_rounds,
        n_init_=0,
        baseline_prediction_=ensemble.baseline,
        objective_=get_objective(loss, task, n_classes),
        history_={},
        generator_state_={"start": state, "end": state},
    )
    if features.names is not None:
        model.feature_names_in_ = encoder.feature_names_in_
    if classes is not None:
        model.classes_ = classes
    if all_rounds is not None:
        model.all_rounds_ = all_rounds
    return model


def checked_classes(classes: Any, n_classes: int) -> np.ndarray:
    """Return the labels of `n_classes` classes, 0 .. K-1 if None are given.

    Raises
    ------
    TypeError, ValueError
        If they are not so many distinct labels in ascending order.
    """
    if classes is None:
        return np.arange(n_classes)
    labels = np.asarray(classes)
    if labels.shape != (n_classes,):
        raise ValueError(
            f"classes has shape {labels.shape}, but the model has {n_classes} classes; "
            "give one label for each."
        )
    if not (labels[1:] > labels[:-1]).all():
        raise ValueError(
            f"classes is {labels.tolist()!r:.200}; give distinct labels in ascending "
            "order, as the encoder that made codes of them had them."
        )
    return labels


def valid_loss(loss: Any) -> Any:
    """Return an objective if its parameters are allowed; ValueError else."""
    loss.validate()
    return loss
