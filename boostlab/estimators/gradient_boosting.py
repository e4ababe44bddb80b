"""Gradient boosting of trees, as most users want it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator, RandomState

from boostlab.directions.dropout import Dart
from boostlab.directions.sampled import RowSampling
from boostlab.estimators.classification import Classification
from boostlab.estimators.parameters import INIT, Domain, Number, PieceOrName
from boostlab.estimators.pieces import OBJECTIVE_METHODS
from boostlab.estimators.regression import Regression
from boostlab.estimators.tree_boosting import (
    FREE_DOMAINS,
    SEVERAL_OUTPUTS,
    TREE_DOMAINS,
    TreeBoosting,
)
from boostlab.learners.tree_rules import is_by_output
from boostlab.objectives import Quantile, objective_names
from boostlab.protocols import Monitor, Objective


class GradientBoostingRegressor(TreeBoosting, Regression):
    """Gradient boosting for regression: Newton steps fitted by histogram trees.

    Features may be numbers, strings or categories, with missing values.

    With several targets, ``y`` of shape (n_samples, T), the loss is the sum of the
    targets' losses, each in a unit of its own that makes all count alike: see
    :class:`~boostlab.objectives.MultiOutput` and
    :func:`~boostlab.objectives.for_targets`.

    Parameters
    ----------
    loss : str or Objective, default="squared_error"
        "squared_error", "absolute_error", "huber", "quantile", "poisson", "gamma" or
        "tweedie", or an object from :mod:`boostlab.objectives`, which holds the loss's
        own parameters: ``Tweedie(power=1.7)``, ``Huber(delta=1.0)``.
    quantile : float, optional
        The level for ``loss="quantile"``, in (0, 1); it must be given then, and only
        then.
    learner : WeakLearner, str or estimator, optional
        Who fits the Newton steps; by default a tree of the parameters below. See
        :class:`BoostingRegressor` for what can be given.
    learning_rate : float or "auto", default="auto"
        Factor on what each round adds, greater than 0. "auto" is 0.05 where the number
        of rounds is left to the data, and 0.1 where `n_estimators` gives it.
    n_estimators : int, "auto" or None, default=None
        Number of rounds, at least 1. None leaves it to the data, up to 1000 rounds:
        where `early_stopping` holds rows out, it chooses; otherwise, with
        ``early_stopping="auto"``, cross-validation in four folds does, and the model
        is then fitted to all rows. Each fold stops after 20 rounds without improvement
        in what `scoring` says (or `n_iter_no_change`, if that is more), and asks no
        callbacks; the number is the geometric mean of the best ones, times
        4 / 3 as the model sees so many more rows. With ``early_stopping=False`` it is
        100.
        "auto" finds it in one fit of all rows: each round grows its tree on a random
        70 % of the rows, and keeps of it what also lowers the loss of the others. The
        fit ends when twice `n_iter_no_change` rounds in a row have kept nothing (or
        have not lowered the training loss by `tol` times its start), or with a warning
        after ``200 / learning_rate``. Early stopping, `dropout` and `warm_start` do not
        go with it; a `learner` must test its splits, as
        ``boostlab.learners.Tree(split_test=0.3)`` does.
    max_leaf_nodes : int, "auto" or None, default="auto"
        Most leaves of a tree, at least 2; None for no limit. "auto" is 0.3 times the
        square root of the total sample weight, but at least 6 and at most 31: 6 up to
        400 rows, 31 from 11,000.
    max_depth : int or None, default=None
        Most splits between the root and a leaf, at least 1; None for no limit.
    min_samples_leaf : int, float or "auto", default="auto"
        Least total sample weight of a leaf, greater than 0. "auto" is 20; where the
        weights sum to less than 1000 it is 5, or a tenth of the sum if that is less.
    l2_regularization : float, default=1.0
        Added to the sum of hessians of every leaf, at least 0.
    max_bins : int, default=255
        Most bins of a feature, 2 to 255; missing values have one of their own.
    low_memory : bool, default=False
        Keep the bins once, by rows, and not by columns too. The model is the same; this
        saves a byte for each value of X, and sending rows to leaves takes longer.
    subsample : float, default=1.0
        Share of the rows that each round is fitted on, in (0, 1], drawn without
        replacement (but see `sampling`).
    max_features : float or "auto", default="auto"
        Share of the features that each node chooses from, in (0, 1]. "auto" is 0.7
        where the number of rounds is left to the data, and 1 where it is given.
    growth : {"leaf", "depth", "oblivious"}, default="leaf"
        Split the best leaf first, or level by level; or by one split for each level, as
        CatBoost does: then a tree has ``2 ** max_depth`` leaves, `max_depth` is 6 if
        None, and `max_leaf_nodes` must be "auto", 31 or None.
    multi_strategy : {"separate", "shared"}, default="separate"
        With several outputs, a tree for each, or one tree whose leaves hold a value
        for each: several times faster a round, and less fitted by it.
    categorical_smoothing : float, default=10.0
        Added to the sum of hessians by which the categories of a node are sorted, at
        least 0; more keeps rare categories together.
    categorical_l2 : float, default=10.0
        Added to `l2_regularization` in the gain of a set of categories, at least 0.
    l1_regularization : float, default=0.0
        Times the absolute values of the leaves, added to the objective, at least 0.
    min_gain : float, default=0.0
        Least gain of a split, at least 0; see :class:`boostlab.learners.Tree`.
    max_delta_step : float or None, default=None
        Greatest absolute value of a leaf before shrinkage, greater than 0; None for no
        limit.
    path_smoothing : float, default=0.0
        Weight by which a node's value is drawn towards its parent's, at least 0.
    monotonic_cst : array-like of int or dict, optional
        Signs of features: 1 where the prediction must not fall as the feature grows,
        -1 where it must not rise, 0 for no constraint; an array of shape (n_features,),
        or a dict by feature name. Categories have no sign unless their type declares an
        order. Nothing is promised of missing values. Not for the
        losses "absolute_error", "huber" and "quantile", which value the leaves anew;
        nor are the two parameters above, or `l1_regularization`.
    interaction_cst : "pairwise", "no_interactions" or sequence of sets, optional
        Sets of features, by name or position, that may interact: the splits from the
        root to a leaf use features of one set only. Features in no set are one more
        set. "pairwise" stands for all pairs, "no_interactions" for each feature alone.
    max_features_tree : float, default=1.0
        Share of the features drawn for each tree, in (0, 1].
    max_features_level : float, default=1.0
        Share of the tree's features drawn for each level, in (0, 1]; `max_features` is
        a share of these.
    splitter : {"best", "random"}, default="best"
        Try every threshold of a feature, or one drawn at random for each node, as
        extremely randomised trees do.
    sampling : {"uniform", "goss", "mvs"}, GOSS or MVS, default="uniform"
        How each round's rows are drawn. "goss" keeps the 20 % with the largest
        derivatives and draws 10 % from the others, once 1 / learning_rate rounds are
        done; "mvs" draws the share `subsample`, rows with larger derivatives more
        often. See :class:`boostlab.directions.GOSS` and
        :class:`boostlab.directions.MVS`.
    dropout : float or Dart, default=0.0
        Share of the earlier rounds that every second round, on average, is fitted
        without, in [0, 1]; :class:`boostlab.directions.Dart` has more parameters.
        Rounds that were left out are scaled down. Early stopping delivers the best
        round with the sizes that all rounds had then, while ``staged_predict`` shows
        the first rounds of the model with the sizes that they have in it.
    linear_leaves : bool, default=False
        Whether each leaf holds a linear function of the numeric features on its path,
        which suits smooth targets. See :class:`boostlab.learners.LinearTree`.
    linear_l2 : float, default=1.0
        Penalty of its slopes, at least 0, by one standard deviation of each feature
        in the leaf.
    early_stopping : bool or "auto", default="auto"
        Whether to stop when held-out rows no longer gain, and to deliver the model of
        the best round. "auto" does so for more than 10,000 rows, and when ``X_val``
        is given to ``fit``.
    scoring : str or callable, default="loss"
        What early stopping watches: the loss, or a scorer of scikit-learn.
    validation_fraction : float or None, default=0.1
        Share of the weight to hold out for early stopping, in (0, 1), unless ``X_val``
        is given. Equal rows are never parted. None watches the training rows.
    n_iter_no_change : int, default=10
        Stop after this many rounds in a row without improvement, at least 1.
    tol : float, default=1e-7
        Least improvement that counts for `n_iter_no_change`, at least 0: as a share of
        the loss at the start, or as it is where `scoring` is not "loss".
    keep_all_rounds : bool, default=False
        Whether to keep the rounds after the best one, too, as ``all_rounds_``.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the rounds that are there. With the same data the
        result is that of one longer fit.
    init : estimator, Ensemble or None, default=None
        Fitted model to start from; `n_estimators` counts the rounds added to it. One of
        boostlab, XGBoost or LightGBM, or an ensemble, becomes the first rounds, and its
        classes and its encoding of features stay; so the model predicts without it.
        Any other estimator with scikit-learn's interface, fitted on numbers, gives the
        prediction to start from and becomes part of the model as its first round. As a
        clone of a fitted model is not fitted, wrap it in
        :class:`sklearn.frozen.FrozenEstimator` for cross-validation. Model files do not
        hold this parameter.
    callbacks : list of Monitor, optional
        Monitors from :mod:`boostlab.callbacks`, or your own. (``set_callbacks`` takes
        those of :mod:`sklearn.callback`.)
    handle_unknown : {"missing", "error"}, default="missing"
        What a category means that training has not seen: that the value is missing,
        or an error. In a feature of more than 254 categories it is as good as the
        mean in place of missing.
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
    n_init_ : int
        How many of them are from `init`.
    baseline_prediction_ : ndarray of shape (K,)
        Raw prediction before the first round.
    objective_ : Objective
        The objective that was minimised.
    feature_importances_ : ndarray of shape (n_features,)
        Share of each feature in the gain of all splits.
    history_ : dict of str to ndarray
        Entry i of "validation_loss", and while stopping early or verbose of
        "training_loss", is the loss after i rounds. "validation_score" is there if
        `scoring` is not "loss".
    train_score_, validation_score_ : ndarray
        The same as scores: greater is better.
    all_rounds_ : Ensemble
        With `keep_all_rounds`: all rounds that were run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, where ``X`` had names.

    References
    ----------
    Friedman (2001), Greedy function approximation: a gradient boosting machine.
    Chen, Guestrin (2016), XGBoost: a scalable tree boosting system.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from boostlab import GradientBoostingRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = GradientBoostingRegressor(random_state=0).fit(X, y)
    >>> model.predict(X[:2]).shape
    (2,)
    """

    _domains: ClassVar[dict[str, Domain]] = {
        **Regression._domains,
        "init": INIT,
        **TREE_DOMAINS,
        **SEVERAL_OUTPUTS,
        **FREE_DOMAINS,
        "loss": PieceOrName(objective_names("regression"), OBJECTIVE_METHODS),
        "quantile": Number(above=0, below=1, also=(None,)),
    }

    def __init__(
        self,
        loss: str | Objective = "squared_error",
        *,
        quantile: float | None = None,
        learner: Any = None,
        learning_rate: float | str = "auto",
        n_estimators: int | str | None = None,
        max_leaf_nodes: int | str | None = "auto",
        max_depth: int | None = None,
        min_samples_leaf: float | str = "auto",
        l2_regularization: float = 1.0,
        max_bins: int = 255,
        low_memory: bool = False,
        subsample: float = 1.0,
        max_features: float | str = "auto",
        growth: str = "leaf",
        multi_strategy: str = "separate",
        categorical_smoothing: float = 10.0,
        categorical_l2: float = 10.0,
        l1_regularization: float = 0.0,
        min_gain: float = 0.0,
        max_delta_step: float | None = None,
        path_smoothing: float = 0.0,
        monotonic_cst: Any = None,
        interaction_cst: Any = None,
        max_features_tree: float = 1.0,
        max_features_level: float = 1.0,
        splitter: str = "best",
        sampling: str | RowSampling = "uniform",
        dropout: float | Dart = 0.0,
        linear_leaves: bool = False,
        linear_l2: float = 1.0,
        early_stopping: bool | str = "auto",
        scoring: str | Callable[..., float] = "loss",
        validation_fraction: float | None = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-7,
        keep_all_rounds: bool = False,
        warm_start: bool = False,
        init: Any = None,
        callbacks: Sequence[Monitor] | None = None,
        handle_unknown: str = "missing",
        n_jobs: int | None = None,
        random_state: int | RandomState | Generator | None = None,
        verbose: int = 0,
    ) -> None:
        self.loss = loss
        self.quantile = quantile
        self.learner = learner
        self.learning_rate = learning_rate
        self.n_estimators = n_estimators
        self.max_leaf_nodes = max_leaf_nodes
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.max_bins = max_bins
        self.low_memory = low_memory
        self.subsample = subsample
        self.max_features = max_features
        self.growth = growth
        self.multi_strategy = multi_strategy
        self.categorical_smoothing = categorical_smoothing
        self.categorical_l2 = categorical_l2
        self.l1_regularization = l1_regularization
        self.min_gain = min_gain
        self.max_delta_step = max_delta_step
        self.path_smoothing = path_smoothing
        self.monotonic_cst = monotonic_cst
        self.interaction_cst = interaction_cst
        self.max_features_tree = max_features_tree
        self.max_features_level = max_features_level
        self.splitter = splitter
        self.sampling = sampling
        self.dropout = dropout
        self.linear_leaves = linear_leaves
        self.linear_l2 = linear_l2
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.keep_all_rounds = keep_all_rounds
        self.warm_start = warm_start
        self.init = init
        self.callbacks = callbacks
        self.handle_unknown = handle_unknown
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _conflicts(self) -> list[str]:
        faults = super()._conflicts()
        is_quantile = isinstance(self.loss, str) and self.loss == "quantile"
        if is_quantile and self.quantile is None:
            faults.append(
                "loss='quantile' needs a level; give quantile=0.9, for example."
            )
        if self.quantile is not None and not is_quantile:
            faults.append(
                f"quantile={self.quantile!r} belongs to loss='quantile' only; leave it "
                "out, or change the loss."
            )
        return faults

    def _make_objective(self) -> Objective:
        if self.quantile is not None:
            return Quantile(self.quantile)
        return super()._make_objective()


class GradientBoostingClassifier(TreeBoosting, Classification):
    """Gradient boosting for classification: Newton steps fitted by histogram trees.

    Two classes have one raw output and one tree a round; K > 2 classes have K.
    Features may be numbers, strings or categories, with missing values.

    Parameters
    ----------
    loss : str or Objective, default="log_loss"
        "log_loss" or, for two classes, "exponential"; or an object from
        :mod:`boostlab.objectives`, which holds the loss's own parameters.
    learner : WeakLearner, str or estimator, optional
        Who fits the Newton steps; by default a tree of the parameters below. See
        :class:`BoostingClassifier` for what can be given.
    learning_rate : float or "auto", default="auto"
        Factor on what each round adds, greater than 0. "auto" is 0.05 where the number
        of rounds is left to the data, and 0.1 where `n_estimators` gives it.
    n_estimators : int, "auto" or None, default=None
        Number of rounds, at least 1. None leaves it to the data, up to 1000 rounds:
        where `early_stopping` holds rows out, it chooses; otherwise, with
        ``early_stopping="auto"``, cross-validation in four folds does, and the model
        is then fitted to all rows. Each fold stops after 20 rounds without improvement
        in what `scoring` says (or `n_iter_no_change`, if that is more), and asks no
        callbacks; the number is the geometric mean of the best ones, times
        4 / 3 as the model sees so many more rows. With ``early_stopping=False`` it is
        100.
        "auto" finds it in one fit of all rows: each round grows its tree on a random
        70 % of the rows, and keeps of it what also lowers the loss of the others. The
        fit ends when twice `n_iter_no_change` rounds in a row have kept nothing (or
        have not lowered the training loss by `tol` times its start), or with a warning
        after ``200 / learning_rate``. Early stopping, `dropout` and `warm_start` do not
        go with it; a `learner` must test its splits, as
        ``boostlab.learners.Tree(split_test=0.3)`` does.
    max_leaf_nodes : int, "auto" or None, default="auto"
        Most leaves of a tree, at least 2; None for no limit. "auto" is 0.3 times the
        square root of the total sample weight, but at least 6 and at most 31: 6 up to
        400 rows, 31 from 11,000.
    max_depth : int or None, default=None
        Most splits between the root and a leaf, at least 1; None for no limit.
    min_samples_leaf : int, float or "auto", default="auto"
        Least total sample weight of a leaf, greater than 0. "auto" is 20; where the
        weights sum to less than 1000 it is 5, or a tenth of the sum if that is less.
    l2_regularization : float, default=1.0
        Added to the sum of hessians of every leaf, at least 0.
    max_bins : int, default=255
        Most bins of a feature, 2 to 255; missing values have one of their own.
    low_memory : bool, default=False
        Keep the bins once, by rows, and not by columns too. The model is the same; this
        saves a byte for each value of X, and sending rows to leaves takes longer.
    subsample : float, default=1.0
        Share of the rows that each round is fitted on, in (0, 1], drawn without
        replacement (but see `sampling`).
    max_features : float or "auto", default="auto"
        Share of the features that each node chooses from, in (0, 1]. "auto" is 0.7
        where the number of rounds is left to the data, and 1 where it is given.
    growth : {"leaf", "depth", "oblivious"}, default="leaf"
        Split the best leaf first, or level by level; or by one split for each level, as
        CatBoost does: then a tree has ``2 ** max_depth`` leaves, `max_depth` is 6 if
        None, and `max_leaf_nodes` must be "auto", 31 or None.
    multi_strategy : {"separate", "shared"}, default="separate"
        With several outputs, a tree for each, or one tree whose leaves hold a value
        for each: several times faster a round, and less fitted by it.
    categorical_smoothing : float, default=10.0
        Added to the sum of hessians by which the categories of a node are sorted, at
        least 0; more keeps rare categories together.
    categorical_l2 : float, default=10.0
        Added to `l2_regularization` in the gain of a set of categories, at least 0.
    l1_regularization : float, default=0.0
        Times the absolute values of the leaves, added to the objective, at least 0.
    min_gain : float, default=0.0
        Least gain of a split, at least 0; see :class:`boostlab.learners.Tree`.
    max_delta_step : float or None, default=None
        Greatest absolute value of a leaf before shrinkage, greater than 0; None for no
        limit.
    path_smoothing : float, default=0.0
        Weight by which a node's value is drawn towards its parent's, at least 0.
    monotonic_cst : array-like of int or dict, optional
        Signs of features: 1 where the score of the second class must not fall as the
        feature grows, -1 where it must not rise, 0 for no constraint; an array of shape
        (n_features,), or a dict by feature name. For K > 2 classes an array of shape
        (n_features, K), or a dict from class labels to one of these; the raw score of a
        class is monotone then, its probability not always. Categories have no sign
        unless their type declares an order. Nothing is promised of missing values.
    interaction_cst : "pairwise", "no_interactions" or sequence of sets, optional
        Sets of features, by name or position, that may interact: the splits from the
        root to a leaf use features of one set only. Features in no set are one more
        set. "pairwise" stands for all pairs, "no_interactions" for each feature alone.
    max_features_tree : float, default=1.0
        Share of the features drawn for each tree, in (0, 1].
    max_features_level : float, default=1.0
        Share of the tree's features drawn for each level, in (0, 1]; `max_features` is
        a share of these.
    splitter : {"best", "random"}, default="best"
        Try every threshold of a feature, or one drawn at random for each node, as
        extremely randomised trees do.
    sampling : {"uniform", "goss", "mvs"}, GOSS or MVS, default="uniform"
        How each round's rows are drawn. "goss" keeps the 20 % with the largest
        derivatives and draws 10 % from the others, once 1 / learning_rate rounds are
        done; "mvs" draws the share `subsample`, rows with larger derivatives more
        often. See :class:`boostlab.directions.GOSS` and
        :class:`boostlab.directions.MVS`.
    dropout : float or Dart, default=0.0
        Share of the earlier rounds that every second round, on average, is fitted
        without, in [0, 1]; :class:`boostlab.directions.Dart` has more parameters.
        Rounds that were left out are scaled down. Early stopping delivers the best
        round with the sizes that all rounds had then, while ``staged_predict`` shows
        the first rounds of the model with the sizes that they have in it.
    linear_leaves : bool, default=False
        Whether each leaf holds a linear function of the numeric features on its path,
        which suits smooth targets. See :class:`boostlab.learners.LinearTree`.
    linear_l2 : float, default=1.0
        Penalty of its slopes, at least 0, by one standard deviation of each feature
        in the leaf.
    early_stopping : bool or "auto", default="auto"
        Whether to stop when held-out rows no longer gain, and to deliver the model of
        the best round. "auto" does so for more than 10,000 rows, and when ``X_val``
        is given to ``fit``.
    scoring : str or callable, default="loss"
        What early stopping watches: the loss, or a scorer of scikit-learn.
    validation_fraction : float or None, default=0.1
        Share of the weight to hold out for early stopping, in (0, 1), unless ``X_val``
        is given. Equal rows are never parted. None watches the training rows.
    n_iter_no_change : int, default=10
        Stop after this many rounds in a row without improvement, at least 1.
    tol : float, default=1e-7
        Least improvement that counts for `n_iter_no_change`, at least 0: as a share of
        the loss at the start, or as it is where `scoring` is not "loss".
    keep_all_rounds : bool, default=False
        Whether to keep the rounds after the best one, too, as ``all_rounds_``.
    class_weight : dict or "balanced", optional
        Factor on the sample weights of each class; "balanced" makes all classes weigh
        the same in total. Held-out rows are weighted alike.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the rounds that are there. With the same data the
        result is that of one longer fit.
    init : estimator, Ensemble or None, default=None
        Fitted model to start from; `n_estimators` counts the rounds added to it. One of
        boostlab, XGBoost or LightGBM, or an ensemble, becomes the first rounds, and its
        classes and its encoding of features stay; so the model predicts without it.
        Any other estimator with scikit-learn's interface, fitted on numbers, gives the
        prediction to start from and becomes part of the model as its first round. As a
        clone of a fitted model is not fitted, wrap it in
        :class:`sklearn.frozen.FrozenEstimator` for cross-validation. Model files do not
        hold this parameter.
    callbacks : list of Monitor, optional
        Monitors from :mod:`boostlab.callbacks`, or your own. (``set_callbacks`` takes
        those of :mod:`sklearn.callback`.)
    handle_unknown : {"missing", "error"}, default="missing"
        What a category means that training has not seen: that the value is missing,
        or an error. In a feature of more than 254 categories it is as good as the
        mean in place of missing.
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
    n_init_ : int
        How many of them are from `init`.
    baseline_prediction_ : ndarray of shape (K,)
        Raw prediction before the first round.
    objective_ : Objective
        The objective that was minimised.
    feature_importances_ : ndarray of shape (n_features,)
        Share of each feature in the gain of all splits.
    history_ : dict of str to ndarray
        Entry i of "validation_loss", and while stopping early or verbose of
        "training_loss", is the loss after i rounds. "validation_score" is there if
        `scoring` is not "loss".
    train_score_, validation_score_ : ndarray
        The same as scores: greater is better.
    all_rounds_ : Ensemble
        With `keep_all_rounds`: all rounds that were run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, where ``X`` had names.
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.

    References
    ----------
    Friedman (2001), Greedy function approximation: a gradient boosting machine.
    Chen, Guestrin (2016), XGBoost: a scalable tree boosting system.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from boostlab import GradientBoostingClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = GradientBoostingClassifier(random_state=0).fit(X, y)
    >>> model.predict_proba(X[:3]).shape
    (3, 2)
    """

    _domains: ClassVar[dict[str, Domain]] = {
        **Classification._domains,
        "init": INIT,
        **TREE_DOMAINS,
        **SEVERAL_OUTPUTS,
        **FREE_DOMAINS,
        "loss": PieceOrName(objective_names("classification"), OBJECTIVE_METHODS),
    }

    def __init__(
        self,
        loss: str | Objective = "log_loss",
        *,
        learner: Any = None,
        learning_rate: float | str = "auto",
        n_estimators: int | str | None = None,
        max_leaf_nodes: int | str | None = "auto",
        max_depth: int | None = None,
        min_samples_leaf: float | str = "auto",
        l2_regularization: float = 1.0,
        max_bins: int = 255,
        low_memory: bool = False,
        subsample: float = 1.0,
        max_features: float | str = "auto",
        growth: str = "leaf",
        multi_strategy: str = "separate",
        categorical_smoothing: float = 10.0,
        categorical_l2: float = 10.0,
        l1_regularization: float = 0.0,
        min_gain: float = 0.0,
        max_delta_step: float | None = None,
        path_smoothing: float = 0.0,
        monotonic_cst: Any = None,
        interaction_cst: Any = None,
        max_features_tree: float = 1.0,
        max_features_level: float = 1.0,
        splitter: str = "best",
        sampling: str | RowSampling = "uniform",
        dropout: float | Dart = 0.0,
        linear_leaves: bool = False,
        linear_l2: float = 1.0,
        early_stopping: bool | str = "auto",
        scoring: str | Callable[..., float] = "loss",
        validation_fraction: float | None = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-7,
        keep_all_rounds: bool = False,
        class_weight: Mapping[Any, float] | str | None = None,
        warm_start: bool = False,
        init: Any = None,
        callbacks: Sequence[Monitor] | None = None,
        handle_unknown: str = "missing",
        n_jobs: int | None = None,
        random_state: int | RandomState | Generator | None = None,
        verbose: int = 0,
    ) -> None:
        self.loss = loss
        self.learner = learner
        self.learning_rate = learning_rate
        self.n_estimators = n_estimators
        self.max_leaf_nodes = max_leaf_nodes
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.max_bins = max_bins
        self.low_memory = low_memory
        self.subsample = subsample
        self.max_features = max_features
        self.growth = growth
        self.multi_strategy = multi_strategy
        self.categorical_smoothing = categorical_smoothing
        self.categorical_l2 = categorical_l2
        self.l1_regularization = l1_regularization
        self.min_gain = min_gain
        self.max_delta_step = max_delta_step
        self.path_smoothing = path_smoothing
        self.monotonic_cst = monotonic_cst
        self.interaction_cst = interaction_cst
        self.max_features_tree = max_features_tree
        self.max_features_level = max_features_level
        self.splitter = splitter
        self.sampling = sampling
        self.dropout = dropout
        self.linear_leaves = linear_leaves
        self.linear_l2 = linear_l2
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.keep_all_rounds = keep_all_rounds
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.init = init
        self.callbacks = callbacks
        self.handle_unknown = handle_unknown
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _signs_by_output(self) -> Any:
        """Return `monotonic_cst` with numbers of outputs in place of class labels."""
        signs, labels = self.monotonic_cst, self.classes_.tolist()
        if signs is None or len(labels) == 2:
            return signs
        if not is_by_output(signs):
            if np.ndim(signs) == 2:
                return signs
            raise ValueError(
                f"monotonic_cst has one sign a feature for {len(labels)} classes, "
                "whose scores cannot all rise; give an array of shape (n_features, "
                f"{len(labels)}), or a dict from class labels to signs."
            )
        unknown = [label for label in signs if label not in labels]
        if unknown:
            raise ValueError(
                f"monotonic_cst has signs for the class {unknown[0]!r}, but the "
                f"classes are {labels!r:.200}."
            )
        return {labels.index(label): own for label, own in signs.items()}
