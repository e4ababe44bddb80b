"""NGBoost for times until an event that was not always observed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator, RandomState
from numpy.typing import ArrayLike, NDArray

from boostlab.distributions import Distribution, Score, get_distribution
from boostlab.estimators.ngboost import NGBoostRegressor
from boostlab.protocols import Monitor
from boostlab.survival_metrics import check_event_times

Array = NDArray[np.float64]


class NGBoostSurvival(NGBoostRegressor):
    """Natural-gradient boosting for survival times: a distribution for each row.

    Each round fits the natural gradient of a score by one tree for each parameter of
    the distribution, or by one tree for all. Rows whose event was not observed count
    by the probability of what is known of them.

    Targets are a structured array of two fields, whether the event was observed and
    the time of the event or of the end of observation, in this order and of any names,
    as in scikit-survival; or the ends of intervals, shape (n_samples, 2), with
    ``(t, inf)`` for an event after t, ``(0, t)`` for one before t, and equal ends for
    one at t; or plain times, all observed. See :func:`censored_times`. All of them go
    through the tools of scikit-learn, such as ``cross_val_score`` and
    ``GridSearchCV``, which score by :meth:`score`, the mean log likelihood, or with
    ``scoring=boostlab.survival_metrics.concordance_scorer`` by the concordance.

    Parameters
    ----------
    distribution : str or Distribution, default="log_normal"
        A family of positive numbers from :mod:`boostlab.distributions`, such as
        "log_normal", "weibull" or "exponential", by name or as an object.
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
    >>> import numpy as np
    >>> from boostlab import NGBoostSurvival
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> time = np.exp(X[:, 0] + 0.3 * rng.normal(size=200))
    >>> from boostlab.estimators import censored_times
    >>> y = censored_times(time < 2, np.minimum(time, 2))
    >>> model = NGBoostSurvival(n_estimators=50, random_state=0).fit(X, y)
    >>> model.predict_dist(X[:3]).sf(1.0).shape
    (3,)
    """

    def __init__(
        self,
        distribution: str | Distribution = "log_normal",
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
        super().__init__(
            distribution,
            scoring_rule,
            natural_gradient=natural_gradient,
            line_search=line_search,
            compat=compat,
            learner=learner,
            learning_rate=learning_rate,
            n_estimators=n_estimators,
            max_depth=max_depth,
            max_leaf_nodes=max_leaf_nodes,
            min_samples_leaf=min_samples_leaf,
            l2_regularization=l2_regularization,
            max_bins=max_bins,
            low_memory=low_memory,
            subsample=subsample,
            max_features=max_features,
            growth=growth,
            multi_strategy=multi_strategy,
            recalibrate=recalibrate,
            early_stopping=early_stopping,
            scoring=scoring,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            keep_all_rounds=keep_all_rounds,
            warm_start=warm_start,
            callbacks=callbacks,
            handle_unknown=handle_unknown,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )

    def _check_targets(self, y: Any, name: str) -> Array:
        """Return times (n,), or the ends of intervals (n, 2)."""
        family = get_distribution(self.distribution)
        if family.multivariate:
            raise ValueError(
                f"The distribution {family.name!r} is for vectors, and a survival time "
                "is one number; choose a family such as 'log_normal' or 'weibull'."
            )
        values = np.asarray(y)
        if values.dtype.names is not None:
            if len(values.dtype.names) != 2 or values.ndim != 1:
                raise ValueError(
                    f"{name} has the fields {values.dtype.names}; give two, whether "
                    "the event was observed and the time, for each row."
                )
            event, time = (values[field] for field in values.dtype.names)
            y = censored_times(event, time)
        elif values.ndim == 2 and values.shape[1] == 2:
            y = _two_columns(values, y, name)
        return super()._check_targets(y, name)


def _two_columns(values: NDArray[Any], y: Any, name: str) -> Any:
    """Return the ends of intervals that two columns stand for."""
    first, second = values.T
    if values.dtype == object and all(isinstance(v, bool | np.bool_) for v in first):
        return censored_times(first.astype(bool), second.astype(np.float64))
    flags, times = first.astype(np.float64), second.astype(np.float64)
    looks_like_events = (
        np.isin(flags, (0.0, 1.0)).all()
        and (flags == 1).any()
        and np.isfinite(times).all()
        and not (flags == times).any()
    )
    if looks_like_events:
        raise ValueError(
            f"{name} has a column of zeros and ones and one of times, but two columns "
            "are the ends of intervals; give censored_times(event, time)."
        )
    return y


def censored_times(event: ArrayLike, time: ArrayLike) -> Array:
    """Return right-censored times as the ends of intervals.

    Parameters
    ----------
    event : array-like of bool, shape (n,)
        Whether the event was observed.
    time : array-like of shape (n,)
        Time of the event, or of the end of observation without one.

    Returns
    -------
    ndarray of shape (n, 2)
        ``(time, time)`` where the event was observed, else ``(time, inf)``.

    Raises
    ------
    ValueError
        If `event` holds other values than true and false (or 1 and 0), or the shapes
        differ.
    """
    event, time = check_event_times(event, time)
    return np.column_stack([time, np.where(event, time, np.inf)])
