"""Learning to rank: targets, queries and predictions of rankers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator, RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d

from boostlab.callbacks.scikit_learn import with_callbacks
from boostlab.directions.dropout import Dart
from boostlab.directions.sampled import RowSampling
from boostlab.estimators.base import BaseBoosting
from boostlab.estimators.parameters import (
    INIT,
    Domain,
    Instance,
    PieceOrName,
    check_parameters,
)
from boostlab.estimators.pieces import OBJECTIVE_METHODS
from boostlab.estimators.rows import Given, Rows
from boostlab.estimators.tree_boosting import TREE_DOMAINS, TreeBoosting
from boostlab.groups import check_group
from boostlab.metrics import mean_average_precision, ndcg_score
from boostlab.objectives import objective_names
from boostlab.parallel import threads
from boostlab.protocols import Monitor, Objective
from boostlab.samplers import GroupsAndColumns

Array = NDArray[np.float64]

_NDCG = re.compile(r"ndcg(@[1-9]\d{0,8})?\Z")


def _is_scoring(value: Any) -> bool:
    named = isinstance(value, str) and (
        value in ("loss", "map") or _NDCG.match(value) is not None
    )
    return named or callable(value)


class Ranking(BaseBoosting):
    """Base class of the rankers: rows come in queries, and scores order them."""

    _task = "ranking"
    _domains: ClassVar[dict[str, Domain]] = BaseBoosting._domains | {
        "scoring": Instance(
            _is_scoring,
            "'loss', 'ndcg', 'ndcg@10' or with another number of places, 'map', or a "
            "callable (estimator, X, y, group=..., sample_weight=...)",
        )
    }

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any = None,
        group: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        group_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Ranking:
        """Fit the model.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Training rows, the documents: an array, or a frame of pandas, polars or
            pyarrow, with strings, categories and missing values as they are; or
            :class:`boostlab.data.Chunks`, which hold targets and groups too.
        y : array-like of shape (n_samples,)
            Grades of relevance, numbers of at least 0; more is better.
        group : array-like of shape (n_samples,), optional
            The query of each row (not the sizes of queries): numbers, strings or any
            hashable values, in any order. Without it, all rows are one query.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of at least 0. The least weight in a query is that of the query:
            twice as much is the query given twice. Within a query, weights must be
            whole multiples of it: a row of m times the least is that document given m
            times. A row of weight 0 is like one that is not there.
        X_val, y_val, group_val, sample_weight_val : array-like, optional
            Held-out rows for early stopping, in place of a share of the training
            queries.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If parameters or data cannot be used; all faulty parameters are named.
        """
        check_parameters(self, self._domains, self._conflicts())
        given = Given(X, y, sample_weight, group)
        val = Given(X_val, y_val, sample_weight_val, group_val)
        chunked = given.is_chunked or val.is_chunked  # groups are in the chunks
        if X_val is not None and not chunked and (group is None) != (group_val is None):
            raise ValueError(
                "group and group_val belong together; give the queries of the training "
                "rows and of the held-out rows, or neither."
            )
        with threads(self.n_jobs):
            self._fit(given, val)
        return self

    def _check_targets(self, y: Any, name: str) -> Array:
        """Return `y` as finite floats of at least 0, shape (n,)."""
        try:
            y = column_or_1d(y, warn=True).astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{name} is not one number for each row: {error}"
            ) from None
        if not np.isfinite(y).all():
            raise ValueError(
                f"Input {name} contains NaN or infinity or a value too large for "
                "dtype('float64'); remove those rows."
            )
        if (y < 0).any():
            raise ValueError(
                f"Negative values in data: {name} holds {np.count_nonzero(y < 0)} "
                "grades of relevance below 0; give numbers of at least 0."
            )
        return y

    def _check_group(self, group: Any, n_rows: int, name: str) -> NDArray[Any]:
        if group is None:
            return np.zeros(n_rows, dtype=np.intp)
        return check_group(group, n_rows, name)

    def _encode_targets(self, y: Array, name: str, learn: bool) -> Array:
        return y

    def _decode_targets(self, y: Array) -> Array:
        return y

    def _order_target(self, rows: Rows) -> Array:
        """Return what categories are ordered by, shape (n, 1)."""
        return rows.y[:, None]

    def _target_factors(self, rows: Rows) -> None:
        return None

    def _is_constant(self) -> bool:
        return False

    def _scorer(self) -> Callable[..., float]:
        if callable(self.scoring):
            return self.scoring
        if self.scoring == "map":
            return _average_precision
        return _NDCGScorer(self.scoring, self._gain)

    def _score_metadata(self, rows: Rows) -> dict[str, Any]:
        return super()._score_metadata(rows) | {"group": rows.group.codes}

    @property
    def _gain(self) -> str:
        """How the objective values grades, which measures follow."""
        return getattr(self.objective_, "gain", "exponential")

    def predict(self, X: Any) -> Array:
        """Predict the score of each row.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            The raw prediction: the higher, the earlier. Only differences between the
            documents of one query mean something.
        """
        return self._raw_prediction(X)[:, 0]

    def staged_predict(self, X: Any) -> Iterator[Array]:
        """Yield the scores after each round.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.

        Yields
        ------
        ndarray of shape (n_samples,)
            Scores by the model's first 1, 2, ... ``n_iter_`` rounds.
        """
        for raw in self._staged_raw_prediction(X):
            yield raw[:, 0].copy()

    def score(
        self,
        X: Any,
        y: ArrayLike,
        group: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return the NDCG of all places, the mean over the queries.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Grades of relevance.
        group : array-like of shape (n_samples,), optional
            The query of each row; without it, all rows are one query.
        sample_weight : array-like of shape (n_samples,), optional
            Weights, as in ``fit``.

        Returns
        -------
        float
            Between 0 and 1; queries without a grade above 0 are left out. See
            :func:`boostlab.metrics.ndcg_score`, also for the first k places.
        """
        return ndcg_score(
            y, self.predict(X), group, sample_weight=sample_weight, gain=self._gain
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.positive_only = True
        return tags


class _NDCGScorer:
    """NDCG of the places that a name such as "ndcg@10" says."""

    def __init__(self, name: str, gain: str):
        self.k = int(name[5:]) if "@" in name else None
        self.gain = gain

    def __call__(self, model: Any, X: Any, y: Array, **metadata: Any) -> float:
        score = model.predict(X)
        return ndcg_score(y, score, k=self.k, gain=self.gain, **metadata)


def _average_precision(model: Any, X: Any, y: Array, **metadata: Any) -> float:
    return mean_average_precision(y, model.predict(X), **metadata)


class GradientBoostingRanker(TreeBoosting, Ranking):
    """Gradient boosting for ranking: LambdaMART and its kin on histogram trees.

    Rows are documents, and ``group`` says which query each belongs to. Queries are
    sampled and held out whole. Documents of equal score are ranked in every order at
    once, so that the derivatives do not depend on the order of the rows. Features may
    be numbers, strings or categories, with missing values.

    Parameters
    ----------
    loss : str or Objective, default="ndcg"
        "ndcg" or "map" for LambdaMART, "pairwise" for the pairwise logistic loss,
        "xe_ndcg" for the cross-entropy that bounds NDCG; or an object from
        :mod:`boostlab.objectives`, which holds the loss's own parameters:
        ``LambdaRank(truncation_level=10)``, ``PairwiseLogistic(sigmoid=2.0)``.
    learner : WeakLearner, str or estimator, optional
        Who fits the Newton steps; by default a tree of the parameters below. See
        :class:`BoostingRegressor` for what can be given.
    learning_rate : float, default=0.1
        Factor on what each round adds, greater than 0.
    n_estimators : int or "auto", default=100
        Number of rounds, at least 1. "auto" finds it in one fit of all rows: each round
        grows its tree on 70 % of the queries, drawn at random, and keeps of it what
        also lowers the loss of the others. The fit ends when twice `n_iter_no_change`
        rounds in a row have kept nothing (or have not lowered the training loss by
        `tol` times its start), or with a warning
        after ``200 / learning_rate``. Early stopping, `dropout` and `warm_start` do not
        go with it; a `learner` must test its splits, as
        ``boostlab.learners.Tree(split_test=0.3)`` does.
    max_leaf_nodes : int, "auto" or None, default=31
        Most leaves of a tree, at least 2; None for no limit; "auto" as for
        :class:`GradientBoostingRegressor`.
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
        Share of the queries that each round is fitted on, in (0, 1], drawn without
        replacement (but see `sampling`).
    max_features : float, default=1.0
        Share of the features that each node chooses from, in (0, 1].
    growth : {"leaf", "depth", "oblivious"}, default="leaf"
        Split the best leaf first, or level by level; or by one split for each level, as
        CatBoost does: then a tree has ``2 ** max_depth`` leaves, `max_depth` is 6 if
        None, and `max_leaf_nodes` must be left at
        31, "auto" or None.
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
        order. Nothing is promised of missing values.
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
        How each round's rows are drawn. "uniform" draws whole queries. The others draw
        rows by their derivatives, after those were computed from whole queries; see
        :class:`boostlab.directions.GOSS` and :class:`boostlab.directions.MVS`.
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
        Whether to stop when held-out queries no longer gain, and to deliver the model
        of the best round. "auto" does so for more than 10,000 rows in several queries,
        and when ``X_val`` is given to ``fit``.
    scoring : str or callable, default="loss"
        What early stopping watches: "loss", for "ndcg" and "map" 1 less the measure;
        "ndcg", "ndcg@10" (or another number of places) or "map"; or a callable
        ``(estimator, X, y, group=..., sample_weight=...)``, greater being better, which
        gets `sample_weight` only where weights are not all 1.
    validation_fraction : float or None, default=0.1
        Share of the weight to hold out for early stopping, in (0, 1), in whole queries,
        unless ``X_val`` is given. Equal queries are never parted. None watches the
        training rows.
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
        Source of all randomness: held-out queries, samples, bins, the noise of
        "xe_ndcg", and the rounding of gradients. An int makes the fit repeatable.
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
    baseline_prediction_ : ndarray of shape (1,)
        Raw prediction before the first round: 0.
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
    Burges (2010), From RankNet to LambdaRank to LambdaMART: an overview.
    Bruch (2021), An alternative cross entropy loss for learning-to-rank.

    Examples
    --------
    >>> import numpy as np
    >>> from boostlab import GradientBoostingRanker
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(600, 5))
    >>> relevance = np.digitize(X[:, 0] + rng.normal(size=600), [0.5, 1.5])
    >>> query = rng.integers(60, size=600)
    >>> model = GradientBoostingRanker(random_state=0).fit(X, relevance, group=query)
    >>> model.predict(X[:2]).shape
    (2,)
    """

    _sampler = GroupsAndColumns
    _domains: ClassVar[dict[str, Domain]] = {
        **Ranking._domains,
        "init": INIT,
        **TREE_DOMAINS,
        "loss": PieceOrName(objective_names("ranking"), OBJECTIVE_METHODS),
    }

    def __init__(
        self,
        loss: str | Objective = "ndcg",
        *,
        learner: Any = None,
        learning_rate: float = 0.1,
        n_estimators: int | str = 100,
        max_leaf_nodes: int | str | None = 31,
        max_depth: int | None = None,
        min_samples_leaf: float | str = "auto",
        l2_regularization: float = 1.0,
        max_bins: int = 255,
        low_memory: bool = False,
        subsample: float = 1.0,
        max_features: float = 1.0,
        growth: str = "leaf",
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
