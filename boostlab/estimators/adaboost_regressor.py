"""AdaBoost for numbers: AdaBoost.R2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator, RandomState
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from boostlab.boosting import Boosting
from boostlab.correctors import NoCorrection
from boostlab.directions import ReweightedTargets
from boostlab.estimators.base import BaseBoosting
from boostlab.estimators.parameters import Choice, Domain, Number
from boostlab.estimators.pieces import LearnerOrName, learner_piece, schedule_faults
from boostlab.estimators.regression import Regression
from boostlab.estimators.voting import VotingRounds
from boostlab.learners.tree import Tree
from boostlab.objectives import RelativeError
from boostlab.objectives.relative_error import RELATIVE_LOSSES
from boostlab.protocols import Monitor, Objective
from boostlab.samplers import RowsAndColumns
from boostlab.steps import MedianVote
from boostlab.updates import WeightedMedian

Array = NDArray[np.float64]


class AdaBoostRegressor(VotingRounds, Regression):
    """AdaBoost.R2: the weighted median of weak regressors.

    Each round fits the learner to the targets with weights that are greater the worse
    the learners so far have done on a row, and gives it a vote by its average error, as
    a share of its greatest. The prediction is the weighted median of what the learners
    say. By default these are trees of boostlab's own; any regressor with scikit-learn's
    interface can take their place. One that takes no sample weights is given a sample
    of the rows that is drawn by the weights.

    A learner whose average loss is a half or more ends the fit, and its round is left
    out; one without any error ends it as well, and is the model, alone: see
    ``stop_reason_``. A model without rounds predicts the median of the targets.

    Parameters
    ----------
    learner : WeakLearner, str, estimator, or list of these, optional
        Who votes: a tree of the parameters below by default, a
        :class:`~boostlab.learners.Tree`, or any regressor with scikit-learn's
        interface. It fits the distances of the targets from their median. A list takes
        turns by the schedule `every`.
    loss : {"linear", "square", "exponential"}, default="linear"
        What a row's error e counts, where E is the learner's greatest: ``e / E``,
        ``(e / E)^2`` or ``1 - exp(-e / E)``.
    n_estimators : int, default=50
        Number of rounds, at least 1.
    learning_rate : float, default=1.0
        Factor on each vote, and so on what it changes of the weights, greater than 0.
    resample : bool, default=False
        Whether the learner is given, as published and in scikit-learn, a sample of as
        many rows drawn by the weights. The weights themselves, False, make the fit
        deterministic and a row of weight 2 that row given twice.
    max_depth : int or None, default=3
        Most splits between the root and a leaf of the default learner, at least 1.
    min_samples_leaf : float, default=0
        Least weight of its leaves, by the weights of the round, whose total is that of
        the sample weights; at least 0.
    max_bins : int, default=255
        Most bins of a feature, 2 to 255.
    every : list of int, optional
        One number for each learner of a list, the first of them 1:
        ``learner=["tree", KNeighborsRegressor()], every=[1, 10]``.
    early_stopping : bool or "auto", default=False
        Whether to stop when held-out rows no longer gain, and to deliver the model of
        the best round. "auto" does so for more than 10,000 rows, and when ``X_val`` is
        given to ``fit``.
    scoring : str or callable, default="loss"
        What early stopping watches: the mean absolute error, which a median minimises,
        or a scorer of scikit-learn.
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
    callbacks : list of Monitor, optional
        Monitors from :mod:`boostlab.callbacks`, or your own.
    handle_unknown : {"missing", "error"}, default="missing"
        What a category means that training has not seen: that the value is missing,
        or an error.
    n_jobs : int or None, default=None
        Number of threads; None or -1 for all cores. The model does not depend on it.
    random_state : int, RandomState, Generator or None, default=None
        Source of all randomness: held-out rows, samples, bins, and the seeds of the
        learners. An int makes the fit repeatable.
    verbose : int, default=0
        Log the progress every this many rounds; 0 for never.

    Attributes
    ----------
    ensemble_ : Ensemble
        Baseline and rounds.
    n_iter_ : int
        Number of rounds of the model.
    weak_learner_edge_ : ndarray of shape (n_rounds_run,)
        ``1 - 2 e`` of each round's average loss e on that round's weights, also of
        rounds that were left out.
    estimator_errors_ : ndarray of shape (n_iter_,)
        The average loss e of each round of the model.
    estimator_edges_ : ndarray of shape (n_iter_,)
        The edge of each round of the model.
    estimator_weights_ : ndarray of shape (n_iter_,)
        The vote of each, the learning rate times ``log((1 - e) / e)``; 1 for a learner
        without any error.
    stop_reason_ : str
        Why the fit ended: "n_estimators", "early_stopping", "no_edge",
        "perfect_learner", or "callback".
    objective_ : Objective
        The loss of a relative error.
    feature_importances_ : ndarray of shape (n_features,)
        Share of each feature in the gain of all splits.
    history_ : dict of str to ndarray
        "round_edge" is `estimator_edges_`. Entry i of "edge" is the edge of round i,
        that of 0 is NaN; of "validation_loss", and while stopping early or verbose of
        "training_loss", the mean absolute error after i rounds.
    all_rounds_ : Ensemble
        With `keep_all_rounds`: all rounds that were run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, where ``X`` had names.

    Notes
    -----
    A median needs what all rounds say: 8 bytes for each row and round while predicting,
    and up to twice that during the fit.

    Source: Drucker (1997), Improving regressors using boosting techniques.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from boostlab import AdaBoostRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = AdaBoostRegressor(n_estimators=10, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.5), model.stop_reason_
    (True, 'n_estimators')
    """

    _domains: ClassVar[dict[str, Domain]] = {
        **BaseBoosting._domains,
        "learner": LearnerOrName(optional=True),
        "loss": Choice(RELATIVE_LOSSES),
        "learning_rate": Number(above=0),
        "resample": Choice((True, False)),
        "max_depth": Number(at_least=1, integer=True, also=(None,)),
        "min_samples_leaf": Number(at_least=0),
        "max_bins": Number(at_least=2, at_most=255, integer=True),
    }

    _weak = "loses half of the most it can, or more"

    def __init__(
        self,
        learner: Any = None,
        loss: str = "linear",
        *,
        n_estimators: int = 50,
        learning_rate: float = 1.0,
        resample: bool = False,
        max_depth: int | None = 3,
        min_samples_leaf: float = 0,
        max_bins: int = 255,
        every: Sequence[int] | None = None,
        early_stopping: bool | str = False,
        scoring: str | Callable[..., float] = "loss",
        validation_fraction: float | None = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-7,
        keep_all_rounds: bool = False,
        warm_start: bool = False,
        callbacks: Sequence[Monitor] | None = None,
        handle_unknown: str = "missing",
        n_jobs: int | None = None,
        random_state: int | RandomState | Generator | None = None,
        verbose: int = 0,
    ) -> None:
        self.learner = learner
        self.loss = loss
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.resample = resample
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.max_bins = max_bins
        self.every = every
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

    @property
    def estimator_weights_(self) -> Array:
        """The vote of each round, shape (n_iter_,)."""
        check_is_fitted(self)
        return np.array([done.size for done in self.ensemble_.rounds])

    @property
    def estimator_errors_(self) -> Array:
        """The average loss of each round of the model, shape (n_iter_,)."""
        return 0.5 * (1.0 - self.estimator_edges_)

    def _conflicts(self) -> list[str]:
        return super()._conflicts() + schedule_faults(self.learner, self.every)

    def _check_targets(self, y: Any, name: str) -> Array:
        y = super()._check_targets(y, name)
        if y.ndim > 1:
            raise ValueError(
                f"{name} has {y.shape[1]} targets, but a voter has one error; fit each "
                "target by itself, as sklearn.multioutput.MultiOutputRegressor does."
            )
        return y

    def _make_objective(self) -> Objective:
        return RelativeError(self.loss)

    def _make_boosting(self, objective: Objective) -> Boosting:
        tree = Tree(
            max_leaf_nodes=None,
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            min_hessian=0.0,
            l2_regularization=0.0,
            max_bins=self.max_bins,
            growth="depth",
            categorical_smoothing=0.0,
            categorical_l2=0.0,
        )
        learner = tree if self.learner is None else self.learner
        return Boosting(
            objective=objective,
            direction=ReweightedTargets(bool(self.resample)),
            learner=learner_piece(learner, self.every),
            step=MedianVote(self.learning_rate),
            update=WeightedMedian(),
            corrector=NoCorrection(),
            sampler=RowsAndColumns(),
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = False
        return tags
