"""Any scikit-learn regressor or classifier as weak learner."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from boostlab.checks import check_number
from boostlab.contributions import Dense
from boostlab.data.table import Table
from boostlab.pieces import Piece
from boostlab.protocols import Contribution
from boostlab.registry import register
from boostlab.state import State, Target

Array = NDArray[np.float64]

VOTE_KINDS = ("labels", "proba", "log_odds")
"""What a classifier can contribute."""

LEAST_SHARE = 1e-15
"""Shares are at least this where their logarithm is taken."""

MOST_DRAWS = 10
"""Samples drawn until one has more than one class."""


def votes_of_shares(share: Array, predict: str) -> Array:
    """Return what a classifier of K classes contributes to each, shape (n, K).

    Parameters
    ----------
    share : ndarray of shape (n, K)
        Probabilities of the classes.
    predict : {"labels", "proba", "log_odds"}
        1 for the most probable class and ``-1 / (K - 1)`` for the others; the same of
        the probabilities, ``(K p - 1) / (K - 1)``; or
        ``(K - 1) (log p - mean(log p))``.
    """
    n_classes = share.shape[1]
    if predict == "log_odds":
        logs = np.log(np.maximum(share, LEAST_SHARE))
        return (n_classes - 1.0) * (logs - logs.mean(axis=1, keepdims=True))
    if predict == "labels":
        best = np.argmax(share, axis=1)
        share = (best[:, None] == np.arange(n_classes)).astype(np.float64)
    return (n_classes * share - 1.0) / (n_classes - 1.0)


MOST_REPEATS = 8
"""Whole weights are numbers of rows, up to this many times the rows there are."""


@register("external")
class External(Piece):
    """A scikit-learn estimator, cloned and fitted anew every round.

    A *regressor* fits derivatives: the Newton step ``-g / h`` with sample weights
    ``h``. Several outputs are one fit if the estimator supports them and all outputs
    share their weights, else one clone an output. ``XGBRegressor`` and others that
    follow scikit-learn's interface serve as well. Few estimators can be told that a
    step rests on too little curvature, so that a leaf with one misclassified row would
    go to ``1 / p``; therefore ``h`` is raised to `min_hessian` times the row's weight.
    This keeps ``h`` times the step at ``-g``, so the optimum stays where it is.

    A *classifier* fits labels with weights. Its contribution has the shape (n, K) of
    the raw prediction and is coded as in SAMME: 1 for the class predicted and
    ``-1 / (C - 1)`` for each other of C classes, so -1 and 1 for two; with
    probabilities ``(C p - 1) / (C - 1)`` in between. Or it is the logarithms of the
    probabilities, at least 1e-15, ``(C - 1) (log p - mean(log p))``: half the log odds
    for two classes, the step of Real AdaBoost.

    The estimator sees the numeric view of the table, categories as codes. Every
    ``random_state`` of it, nested ones included, is drawn anew each round from the
    generator of the fit. An estimator whose ``fit`` has no ``sample_weight`` is given,
    unless all weights are equal, a bootstrap sample of the rows drawn in proportion to
    the weights: right on average, but noisier. Weights that are whole numbers, of 8 on
    average at most, say how often it gets a row. (Of a pipeline, the last step gets the
    weights.) A classifier's weights are as heavy in total as the rows themselves, so
    that its regularisation means what it does alone; a sample of one class is drawn
    anew up to 10 times, and then has that class for its answer. Models with such
    hypotheses can be pickled, but not saved as model files.

    Source: for classifiers, Hastie, Rosset, Zhu, Zou (2009), Multi-class AdaBoost,
    equations 2 and 3.

    Parameters
    ----------
    estimator : estimator
        A regressor or classifier with scikit-learn's interface; it is not changed.
    predict : {"labels", "proba", "log_odds"}, default="labels"
        What a classifier contributes; regressors ignore it.
    min_hessian : float, default=0.01
        Least curvature of a row, per unit of its weight, that a regressor is told of;
        at least 0. It does not matter where the curvature is the weight itself.
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        predict: str = "labels",
        min_hessian: float = 0.01,
    ):
        self.estimator = estimator
        self.predict = predict
        self.min_hessian = min_hessian

    def validate(self) -> None:
        """Raise TypeError or ValueError if the estimator cannot serve."""
        if not self.accepts:
            raise TypeError(
                f"External got {self.estimator!r}, which is neither a regressor nor a "
                "classifier; give an instance of one with scikit-learn's interface."
            )
        check_number("min_hessian", self.min_hessian, at_least=0)
        if self.predict not in VOTE_KINDS:
            raise ValueError(
                f"predict is {self.predict!r}; give 'labels', 'proba' or 'log_odds'."
            )
        unable = not hasattr(self.estimator, "predict_proba")
        if self.predict != "labels" and "labels" in self.accepts and unable:
            raise ValueError(
                f"{type(self.estimator).__name__} has no predict_proba; give "
                "predict='labels'."
            )

    @property
    def accepts(self) -> frozenset[str]:
        """Kinds of targets: derivatives for regressors, labels for classifiers."""
        if isinstance(self.estimator, type) or not hasattr(self.estimator, "fit"):
            return frozenset()
        if is_regressor(self.estimator):
            return frozenset({"derivatives"})
        return frozenset({"labels"} if is_classifier(self.estimator) else ())

    @property
    def allows_missing(self) -> bool:
        """Whether missing values may be given to the estimator, as far as it says."""
        return bool(self.accepts) and _allows_missing(self.estimator)

    def fit(self, target: Target, state: State) -> tuple[Any, Contribution]:
        """Fit clones of the estimator to `target`.

        Parameters
        ----------
        target : Target
            Derivatives of K outputs for a regressor, labels for a classifier.
        state : State
            The rows that the contribution is computed on.

        Returns
        -------
        hypothesis : ExternalRegressors or ExternalClassifier
            The fitted estimators; plain arrays go into them.
        contribution : Dense
            Its values (n, K) on the rows of `state`.

        Raises
        ------
        ValueError
            If the table has missing values and the estimator does not accept them.
        """
        x = _columns(self.estimator, target.table, target.features)
        x = x if target.rows is None else x[target.rows]
        if target.kind == "labels":
            hypothesis = self._classifier(x, _as_heavy(target, state), state.rng)
        else:
            hypothesis = self._regressors(x, target, state.rng)
        return hypothesis, hypothesis.contribution(state)

    def _regressors(
        self, x: NDArray[Any], target: Target, rng: np.random.Generator
    ) -> ExternalRegressors:
        """Fit one estimator for all outputs, or one for each."""
        if target.hessian is not None:
            least = self.min_hessian * target.weight[:, None]
            target = replace(target, hessian=np.maximum(target.hessian, least))
        step, weight = target.newton()
        several = target.n_outputs > 1
        shared = target.hessian is None
        if several and shared and get_tags(self.estimator).target_tags.multi_output:
            models = [_fit(self.estimator, x, step, weight[:, 0], rng)]
        else:
            models = [
                _fit(self.estimator, x, step[:, k], weight[:, k], rng)
                for k in range(target.n_outputs)
            ]
        return ExternalRegressors(tuple(models), target.features)

    def _classifier(
        self, x: NDArray[Any], target: Target, rng: np.random.Generator
    ) -> ExternalClassifier:
        """Fit one estimator to the labels of the sample."""
        labels = target.labels.astype(np.intp)
        weight = target.weight
        if target.rows is not None:
            labels, weight = labels[target.rows], weight[target.rows]
        model = _fit(self.estimator, x, labels, weight, rng)
        return ExternalClassifier(model, target.features, self.predict)


def _fit(
    estimator: BaseEstimator,
    x: NDArray[Any],
    y: NDArray[Any],
    weight: Array,
    rng: np.random.Generator,
) -> BaseEstimator:
    """Fit a clone to the rows of positive weight, by weights or by resampling."""
    model = clone(estimator)
    names = sorted(n for n in model.get_params() if n.split("__")[-1] == "random_state")
    model.set_params(**{name: int(rng.integers(2**31)) for name in names})
    counting = np.flatnonzero(weight > 0)
    if len(counting) == 0:  # nothing left to learn: every step is 0
        counting, weight = np.arange(len(weight)), np.ones(len(weight))
    weight = weight[counting]
    equal = (weight == weight[0]).all()
    parameter = _weight_parameter(model)
    if parameter is None and not equal:
        counting = _resampled(model, counting, y, weight, rng)
    if _too_few_classes(model, y[counting]):
        model, parameter = DummyClassifier(), None
    weights = {} if parameter is None else {parameter: weight}
    return model.fit(x[counting], y[counting], **weights)


def _resampled(
    model: BaseEstimator,
    rows: NDArray[np.intp],
    y: NDArray[Any],
    weight: Array,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Return rows as often as their weights say, or drawn in proportion to them.

    What is drawn for a classifier has several classes, if possible.
    """
    times = np.rint(weight)
    whole = np.isclose(weight, times, rtol=1e-12, atol=0).all()
    if whole and weight.sum() <= MOST_REPEATS * len(rows):
        return np.repeat(rows, times.astype(np.intp))
    for _ in range(MOST_DRAWS):
        drawn = rng.choice(rows, len(rows), p=weight / weight.sum())
        if not _too_few_classes(model, y[drawn]):
            break
    return drawn


def _too_few_classes(model: BaseEstimator, y: NDArray[Any]) -> bool:
    """Return whether `y` has one class only, which many classifiers refuse."""
    return is_classifier(model) and bool((y == y[0]).all())


def _as_heavy(target: Target, state: State) -> Target:
    """Return labels whose weights sum to those of the rows of `state`."""
    if target.table is not state.table or state.weight is None:
        return target
    factor = state.weight.sum() / target.weight.sum()
    return replace(target, weight=factor * target.weight)


def _weight_parameter(model: BaseEstimator) -> str | None:
    """Return the name by which ``model.fit`` takes sample weights, or None."""
    prefix = ""
    while isinstance(model, Pipeline):
        name, model = model.steps[-1]
        prefix += f"{name}__"
    return (
        f"{prefix}sample_weight" if has_fit_parameter(model, "sample_weight") else None
    )


def _allows_missing(estimator: BaseEstimator) -> bool:
    """Return whether missing values may be given to `estimator`, as far as it says."""
    while isinstance(estimator, Pipeline):
        steps = [step for _, step in estimator.steps]
        estimator = next(step for step in steps if step not in (None, "passthrough"))
    tags = get_tags(estimator)
    # What is composed of estimators often says nothing of what they accept.
    composed = any(hasattr(part, "fit") for part in estimator.get_params().values())
    return tags.input_tags.allow_nan or tags.no_validation or composed


def _columns(
    estimator: BaseEstimator, table: Table, features: NDArray[np.intp] | None
) -> NDArray[Any]:
    """Return the numeric columns, refused if missing values would be."""
    x = table.numeric if features is None else table.numeric[:, features]
    if not _allows_missing(estimator):
        missing = np.isnan(x).any(axis=0)
        if missing.any():
            first = missing.argmax() if features is None else features[missing.argmax()]
            raise ValueError(
                f"{type(estimator).__name__} does not accept missing values, but the "
                f"feature {table.feature_names[first]!r} has some; impute them first, "
                "or give a pipeline that begins with an imputer."
            )
    return x


@dataclass(frozen=True, slots=True, eq=False)
class ExternalRegressors:
    """Fitted regressors: one for all outputs, or one for each.

    Parameters
    ----------
    models : tuple of estimators
        The fitted regressors.
    features : ndarray of int or None
        The columns they were fitted on; None for all.
    """

    models: tuple[BaseEstimator, ...]
    features: NDArray[np.intp] | None

    def contribution(self, state: State) -> Dense:
        """Return the predictions (n, K) on the rows of ``state.table``."""
        x = _columns(self.models[0], state.table, self.features)
        columns = [np.asarray(model.predict(x), float) for model in self.models]
        return Dense(np.column_stack(columns))


@dataclass(frozen=True, slots=True, eq=False)
class ExternalClassifier:
    """A fitted classifier.

    Parameters
    ----------
    model : estimator
        The fitted classifier; its classes are integers from 0.
    features : ndarray of int or None
        The columns it was fitted on; None for all.
    predict : {"labels", "proba", "log_odds"}
        What it contributes.
    """

    model: BaseEstimator
    features: NDArray[np.intp] | None
    predict: str

    def contribution(self, state: State) -> Dense:
        """Return the votes, in the shape of the raw prediction.

        One output stands for two classes, and its vote is in favour of class 1.
        """
        x = _columns(self.model, state.table, self.features)
        n_outputs = state.raw_prediction.shape[1]
        n_classes = max(2, n_outputs)
        share = np.zeros((len(x), n_classes))
        if self.predict == "labels":
            share[np.arange(len(x)), self.model.predict(x)] = 1.0
        else:
            share[:, self.model.classes_] = self.model.predict_proba(x)
        votes = votes_of_shares(share, self.predict)
        return Dense(votes[:, -n_outputs:])
