"""NGBoost: natural-gradient boosting of distributions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator, RandomState
from numpy.typing import ArrayLike, NDArray

from boostlab.checks import check_number
from boostlab.distributions import (
    Distribution,
    Score,
    distribution_names,
    get_distribution,
)
from boostlab.distributions.censoring import is_censored, representative
from boostlab.estimators.intervals import Intervals
from boostlab.estimators.natural_boosting import (
    NATURAL_DOMAINS,
    NaturalBoosting,
    distribution_domain,
)
from boostlab.estimators.parameters import Domain
from boostlab.estimators.regression import Regression
from boostlab.estimators.rows import Rows
from boostlab.estimators.uncertainty import Uncertainty, member_predictions
from boostlab.parallel import threads
from boostlab.protocols import Monitor

Array = NDArray[np.float64]


class NGBoostRegressor(Intervals, NaturalBoosting, Regression):
    """Natural-gradient boosting for regression: a distribution for each row.

    Each round fits the natural gradient of a score by one tree for each parameter of
    the distribution, or by one tree for all. Features may be numbers, strings or
    categories, with missing values.

    Targets that are known only to lie in an interval are given as two columns, the
    lower and the upper end: equal for an observed value, ``(t, inf)`` for more than t,
    ``(-inf, t)`` for at most t. Under a multivariate distribution the columns are the
    components of vectors.

    Parameters
    ----------
    distribution : str or Distribution, default="normal"
        A family from :mod:`boostlab.distributions`, by name or as an object, which
        holds the family's own settings.
    scoring_rule : {"log", "crps"} or Score, default="log"
        What is minimised: the negative log likelihood, the continuous ranked
        probability score, or a score of your own.
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
    >>> from sklearn.datasets import load_diabetes
    >>> from boostlab import NGBoostRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = NGBoostRegressor(random_state=0).fit(X, y)
    >>> low, high = model.predict_dist(X[:3]).interval(0.9)
    >>> low.shape
    (3,)
    """

    _domains: ClassVar[dict[str, Domain]] = {
        **Regression._domains,
        **NATURAL_DOMAINS,
        "distribution": distribution_domain("regression"),
    }

    def __init__(
        self,
        distribution: str | Distribution = "normal",
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
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.handle_unknown = handle_unknown
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _check_targets(self, y: Any, name: str) -> Array:
        """Return `y` as floats: numbers, vectors, or the ends of intervals."""
        values = np.asarray(y)
        family = get_distribution(self.distribution)
        if family.multivariate and (values.ndim != 2 or values.shape[1] < 2):
            raise ValueError(
                f"The distribution {family.name!r} is for vectors, but {name} has "
                f"shape {values.shape}; give two or more columns, or another family."
            )
        if values.ndim != 2 or values.shape[1] != 2 or family.multivariate:
            return super()._check_targets(y, name)
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"The ends in {name} are not numbers: {error}") from None
        if np.isnan(values).any():
            raise ValueError(
                f"Input {name} contains NaN; give -inf or inf for an end that is open, "
                "and remove rows of which nothing is known."
            )
        return values

    def _encode_targets(self, y: Array, name: str, learn: bool) -> Array:
        """Return targets; intervals that are all points as the numbers they are."""
        censored = is_censored(get_distribution(self.distribution), y)
        if censored and y.shape[1] == 2 and (y[:, 0] == y[:, 1]).all():
            return y[:, 1]
        return super()._encode_targets(y, name, learn)

    def _same_targets(self, y: Array, y_val: Array) -> bool:
        # Numbers are intervals whose ends are equal.
        if not get_distribution(self.distribution).multivariate:
            return {y.shape[1:], y_val.shape[1:]} <= {(), (2,)}
        return super()._same_targets(y, y_val)

    def _watched_loss(self, data: Any) -> Any:
        watched = data.rows if data.held_out is None else data.held_out
        censored = is_censored(get_distribution(self.distribution), watched.y)
        if isinstance(self.scoring, str) and self.scoring != "loss" and censored:
            raise ValueError(
                f"scoring={self.scoring!r} compares predictions with numbers, but y "
                "holds intervals; give 'loss', or a callable, such as "
                "boostlab.survival_metrics.concordance_scorer for right-censored times."
            )
        return super()._watched_loss(data)

    def _order_target(self, rows: Rows) -> Array:
        """Return what categories are ordered by; of intervals, a value inside."""
        if is_censored(get_distribution(self.distribution), rows.y):
            return representative(rows.y)[:, None]
        return super()._order_target(rows)

    def predict(self, X: Any) -> Array:
        """Predict the means; medians where the distribution has no finite mean.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, p) for vectors
            On the scale of ``y``.
        """
        return super().predict(X)

    def predict_quantiles(
        self, X: Any, quantiles: ArrayLike = (0.05, 0.5, 0.95)
    ) -> Array:
        """Predict quantiles, which never cross.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.
        quantiles : array-like of shape (q,), default=(0.05, 0.5, 0.95)
            Probabilities in [0, 1].

        Returns
        -------
        ndarray of shape (n_samples, q), or (n_samples, q, p) for vectors
        """
        return self.predict_dist(X).quantile(np.atleast_1d(quantiles))

    def predict_uncertainty(self, X: Any, n_members: int = 10) -> Uncertainty:
        """Part the variance of each prediction by its source.

        The members of a virtual ensemble are this model after half of its rounds, and
        so on to all of them. They are not independent, so that the knowledge part tells
        rows apart rather than how wrong the model is; it takes no further fit.

        Source: Malinin, Prokhorenkova, Ustimenko (2021), Uncertainty in gradient
        boosting via ensembles, section 4.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.
        n_members : int, default=10
            Number of members, at least 2; fewer where there are fewer rounds.

        Returns
        -------
        Uncertainty
            With ``data``, ``knowledge`` and ``total``, each of shape (n_samples,), or
            (n_samples, p) for vectors.
        """
        check_number("n_members", n_members, at_least=2, integer=True)
        table = self._table(X)
        with threads(self.n_jobs):
            raws = member_predictions(self.ensemble_, table, n_members)
        members = [self._predictive(raw) for raw in raws]
        return Uncertainty(
            data=np.mean([member.var() for member in members], axis=0),
            knowledge=np.var([member.mean() for member in members], axis=0),
        )

    def _prediction(self, raw: Array) -> Array:
        predicted = self._predictive(raw)
        mean = predicted.mean()
        if mean.ndim == 1 and not np.all(np.isfinite(mean)):
            missing = ~np.isfinite(mean)
            mean[missing] = predicted[missing].median()
        return mean

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        family = self.distribution
        if isinstance(family, str) and family in distribution_names("regression"):
            family = get_distribution(family)
        support = getattr(family, "support", "real")
        several = bool(getattr(family, "multivariate", False))
        tags.target_tags.multi_output = several
        tags.target_tags.positive_only = support in (
            "positive",
            "nonnegative",
            "counts",
        )
        # The score is a mean log likelihood, which has no such bound as R^2 has.
        tags.regressor_tags.poor_score = True
        return tags
