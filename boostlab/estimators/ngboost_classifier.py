"""NGBoost for classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator, RandomState
from numpy.typing import NDArray

from boostlab.distributions import ClassPredictive, Distribution, Score
from boostlab.estimators.classification import Classification
from boostlab.estimators.natural_boosting import (
    NATURAL_DOMAINS,
    NaturalBoosting,
    distribution_domain,
)
from boostlab.estimators.parameters import Domain
from boostlab.objectives import DistributionObjective
from boostlab.protocols import Monitor

Array = NDArray[np.float64]

CERTAIN = -700.0
"""Raw parameter of a class that was never seen."""


class NGBoostClassifier(NaturalBoosting, Classification):
    """Natural-gradient boosting for classification.

    Each round fits the natural gradient of a score by one tree for each raw parameter,
    the log odds against the first class, or by one tree for all. Features may be
    numbers, strings or categories, with missing values.

    Note that :meth:`score` is the negative mean score, so that it rewards calibrated
    probabilities; for the accuracy use ``scoring="accuracy"`` in cross-validation.

    Parameters
    ----------
    distribution : str or Distribution, default="categorical"
        "categorical", or "bernoulli" for two classes, or an object.
    scoring_rule : {"log", "brier", "crps"} or Score, default="log"
        What is minimised: the negative log likelihood; the Brier score; the ranked
        probability score, for classes that are ordered; or a score of your own.
    natural_gradient : bool, default=True
        Whether to fit the natural gradient, or the plain one.
    line_search : {"best", "reference", "none"}, default="best"
        How far a round goes before shrinkage: nearly where the score is least, the
        longest power of two that still improves, as the published code does, or always
        the same.
    compat : None or "reference", default=None
        "reference" follows the choices of the package ngboost 0.6: its line search, no
        limits on the steps of single rows, fair ties between splits (see
        :class:`boostlab.learners.Tree`), and its values for what is "auto" below.
    learner : WeakLearner, str or estimator, optional
        Who fits the gradients; by default a tree of the parameters below. See
        :class:`BoostingRegressor` for what can be given.
    learning_rate : float or "auto", default="auto"
        Factor on what each round adds, greater than 0. "auto" is 0.05 where held-out
        rows choose the number of rounds, and else 0.02; 0.01 under `compat`, whose line
        search goes about twice as far.
    n_estimators : int or None, default=None
        Number of rounds, at least 1. None leaves it to the data, up to 2000 rounds:
        where `early_stopping` holds rows out, they choose; where it holds none out
        (also with ``validation_fraction=None``), cross-validation in four folds does,
        and the model is then fitted to all rows. Each fold stops after 50 rounds
        without improvement (or `n_iter_no_change`, if that is more) in the score that
        `recalibrate` leaves, or in what `scoring` says, and asks no callbacks; the
        number is the geometric mean of the best ones, times 4 / 3 as the model sees so
        many more rows. Folds take steps twice as long (if `learning_rate` is at most
        0.05), and half the rounds. With ``early_stopping=False``, and under `compat`,
        it is 500.
    max_depth : int, None or "auto", default="auto"
        Most splits between the root and a leaf, at least 1; None for no limit. "auto"
        is no limit, and 3 under `compat`.
    max_leaf_nodes : int, None or "auto", default="auto"
        Most leaves of a tree, at least 2; None for no limit. "auto" is 16, and no limit
        under `compat`.
    min_samples_leaf : int, float or "auto", default="auto"
        Least total sample weight of a leaf, greater than 0. "auto" is 20; where the
        weights sum to less than 1000 it is 5, or a tenth of the sum if that is less;
        under `compat` it is 1.
    l2_regularization : float, default=0.0
        Added to the weight of every leaf, at least 0.
    max_bins : int, default=255
        Most bins of a feature, 2 to 255; missing values have one of their own.
    low_memory : bool, default=False
        Keep the bins once, by rows, and not by columns too. The model is the same; this
        saves a byte for each value of X, and sending rows to leaves takes longer.
    subsample : float or "auto", default="auto"
        Chance of a row to take part in a round, in (0, 1]; equal rows are drawn
        together. "auto" is 0.5, which keeps the spread from being learnt too small, and
        1 under `compat`.
    max_features : float, default=1.0
        Share of the features that each round is fitted on, in (0, 1].
    growth : {"auto", "leaf", "depth", "oblivious"}, default="auto"
        Split the best leaf first, or level by level, or by one split for each level.
        "auto" is "leaf", and "depth" under `compat`.
    multi_strategy : {"separate", "shared"}, default="separate"
        A tree for each parameter, or one tree whose leaves hold a value for each.
    recalibrate : bool or "auto", default="auto"
        Whether the spread follows rows that the trees have not seen, lest the model be
        too sure: a constant for each parameter on the log scale, where there are
        others, is found that makes the score of held-out rows least, and added to the
        baseline. "auto" does so where held-out rows choose the number of rounds; True
        cross-validates for it if no rows are held out.
    early_stopping : bool or "auto", default="auto"
        Whether to stop when held-out rows no longer gain, and to deliver the model of
        the best round. "auto" does so for more than 10,000 rows, and when ``X_val``
        is given to ``fit``.
    scoring : str or callable, default="loss"
        What early stopping watches: the score, or a scorer of scikit-learn.
    validation_fraction : float or None, default=0.1
        Share of the weight to hold out for early stopping, in (0, 1), unless ``X_val``
        is given. Equal rows are never parted. None watches the training rows.
    n_iter_no_change : int, default=20
        Stop after this many rounds in a row without improvement, at least 1.
    tol : float, default=1e-7
        Least improvement that counts for `n_iter_no_change`, at least 0: as a share of
        the loss at the start, or as it is where `scoring` is not "loss".
    keep_all_rounds : bool, default=False
        Whether to keep the rounds after the best one, too, as ``all_rounds_``.
    class_weight : dict, "balanced" or None, default=None
        Factors on the sample weights of the classes.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the rounds that are there. With the same data the
        result is that of one longer fit.
    callbacks : list of Monitor, optional
        Monitors from :mod:`boostlab.callbacks`, or your own.
    handle_unknown : {"missing", "error"}, default="missing"
        What a category means that training has not seen: that the value is missing,
        or an error.
    n_jobs : int or None, default=None
        Number of threads; None or -1 for all cores. The model does not depend on it.
    random_state : int, RandomState, Generator or None, default=None
        Source of all randomness: held-out rows, samples, bins, and the rounding of
        gradients. An int makes the fit repeatable.
    verbose : int, default=0
        Log the progress every this many rounds; 0 for never.

    Attributes
    ----------
    ensemble_ : Ensemble
        Baseline and rounds; with early stopping those up to the best.
    n_iter_ : int
        Number of rounds of the model.
    baseline_prediction_ : ndarray of shape (K,)
        Raw parameters from which the rounds start: those of the marginal fit, and what
        `recalibrate` adds.
    objective_ : DistributionObjective
        The objective that was minimised.
    feature_importances_ : ndarray of shape (n_features,)
        Share of each feature in the gain of all splits.
    parameter_importances_ : ndarray of shape (K, n_features)
        The same for the trees of each parameter.
    history_ : dict of str to ndarray
        Entry i of "validation_loss", and while stopping early or verbose of
        "training_loss", is the mean score after i rounds.
    all_rounds_ : Ensemble
        With `keep_all_rounds`: all rounds that were run.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, where ``X`` had names.

    References
    ----------
    Duan, Avati, Ding, Thai, Basu, Ng, Schuler (2020), NGBoost: natural gradient
    boosting for probabilistic prediction.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from boostlab import NGBoostClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = NGBoostClassifier(n_estimators=50, random_state=0).fit(X, y)
    >>> model.predict_proba(X[:2]).shape
    (2, 3)
    """

    _domains: ClassVar[dict[str, Domain]] = {
        **Classification._domains,
        **NATURAL_DOMAINS,
        "distribution": distribution_domain("classification"),
    }

    def __init__(
        self,
        distribution: str | Distribution = "categorical",
        scoring_rule: str | Score = "log",
        *,
        natural_gradient: bool = True,
        line_search: str = "best",
        compat: str | None = None,
        learner: Any = None,
        learning_rate: float | str = "auto",
        n_estimators: int | None = None,
        max_depth: int | str | None = "auto",
        max_leaf_nodes: int | str | None = "auto",
        min_samples_leaf: float | str = "auto",
        l2_regularization: float = 0.0,
        max_bins: int = 255,
        low_memory: bool = False,
        subsample: float | str = "auto",
        max_features: float = 1.0,
        growth: str = "auto",
        multi_strategy: str = "separate",
        recalibrate: bool | str = "auto",
        early_stopping: bool | str = "auto",
        scoring: str | Callable[..., float] = "loss",
        validation_fraction: float | None = 0.1,
        n_iter_no_change: int = 20,
        tol: float = 1e-7,
        keep_all_rounds: bool = False,
        class_weight: Mapping[Any, float] | str | None = None,
        warm_start: bool = False,
        callbacks: Sequence[Monitor] | None = None,
        handle_unknown: str = "missing",
        n_jobs: int | None = None,
        random_state: int | RandomState | Generator | None = None,
        verbose: int = 0,
    ) -> None:
        self.distribution = distribution
        self.scoring_rule = scoring_rule
        self.natural_gradient = natural_gradient
        self.line_search = line_search
        self.compat = compat
        self.learner = learner
        self.learning_rate = learning_rate
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.max_bins = max_bins
        self.low_memory = low_memory
        self.subsample = subsample
        self.max_features = max_features
        self.growth = growth
        self.multi_strategy = multi_strategy
        self.recalibrate = recalibrate
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.keep_all_rounds = keep_all_rounds
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.handle_unknown = handle_unknown
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def decision_function(self, X: Any) -> Array:
        """Return scores of the classes.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes the log odds of the second, else the log probabilities.
        """
        return self._class_scores(self._raw_prediction(X))

    def staged_decision_function(self, X: Any) -> Iterator[Array]:
        """Yield the scores after each round; see :meth:`decision_function`."""
        for raw in self._staged_raw_prediction(X):
            yield self._class_scores(raw.copy(order="F"))

    def _class_scores(self, raw: Array) -> Array:
        if raw.shape[1] == 1:
            return raw[:, 0]
        tiny = np.finfo(np.float64).tiny
        return np.log(np.maximum(self._probabilities(raw), tiny))

    def _store(self, *fitted: Any) -> None:
        super()._store(*fitted)
        if self._is_constant():
            # Nothing was boosted: one class, and another that does not happen.
            self.objective_ = self._make_objective()

    def _make_objective(self) -> DistributionObjective:
        return super()._make_objective().with_classes(max(2, len(self.classes_)))

    def predict_dist(self, X: Any) -> ClassPredictive:
        """Predict a distribution over the classes for each row.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ClassPredictive
            In terms of the labels ``classes``, ``probabilities()``, ``mode()``,
            ``probability_of(labels)`` and ``sample_labels()``. What all predicted
            distributions have, such as ``mean`` and ``quantile``, is in terms of the
            positions 0, 1, ... of the classes, which are sorted.
        """
        return super().predict_dist(X)

    def _predictive(self, raw: Array) -> ClassPredictive:
        if self._is_constant():
            n_outputs = self.objective_.n_outputs(np.empty(0))
            raw = np.full((len(raw), n_outputs), CERTAIN)
            predicted = self.objective_.predictive(raw, raw[0])
        else:
            predicted = super()._predictive(raw)
        return ClassPredictive.of(predicted, self.classes_)
