"""Boosting from pieces: every piece is an argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from numpy.random import Generator, RandomState

from boostlab.boosting import Boosting
from boostlab.estimators.classification import Classification
from boostlab.estimators.parameters import INIT, Domain, Number, PieceOrName
from boostlab.estimators.pieces import (
    CORRECTORS,
    DIRECTIONS,
    OBJECTIVE_METHODS,
    STEPS,
    UPDATES,
    LearnerOrName,
    check_refits,
    learner_piece,
    partitions,
    piece,
    schedule_faults,
)
from boostlab.estimators.regression import Regression
from boostlab.objectives import objective_names
from boostlab.protocols import (
    Corrector,
    Direction,
    Monitor,
    Objective,
    Step,
    Update,
)
from boostlab.samplers import RowsAndColumns
from boostlab.steps import CellFit, Shrinkage

_CALLABLE = ("__call__",)

_DOMAINS: dict[str, Domain] = {
    "direction": PieceOrName(tuple(DIRECTIONS), _CALLABLE),
    "learner": LearnerOrName(),
    "step": PieceOrName(tuple(STEPS), _CALLABLE, optional=True),
    "update": PieceOrName(tuple(UPDATES), _CALLABLE),
    "corrector": PieceOrName(tuple(CORRECTORS), _CALLABLE),
    "subsample": Number(above=0, at_most=1),
    "max_features": Number(above=0, at_most=1),
}


class _FromPieces:
    """What regressor and classifier have in common."""

    def _conflicts(self) -> list[str]:
        return super()._conflicts() + schedule_faults(self.learner, self.every)

    def _make_objective(self) -> Objective:
        return self._objective_for(self.objective)

    def _make_boosting(self, objective: Objective) -> Boosting:
        learner = learner_piece(self.learner, self.every)
        refits = getattr(objective, "refits_cells", False) and partitions(learner)
        default = CellFit() if refits else Shrinkage()
        step = default if self.step is None else piece(self.step, STEPS)
        if isinstance(step, CellFit):
            check_refits(learner)
        return Boosting(
            objective=objective,
            direction=piece(self.direction, DIRECTIONS),
            learner=learner,
            step=step,
            update=piece(self.update, UPDATES),
            corrector=piece(self.corrector, CORRECTORS),
            sampler=RowsAndColumns(self.subsample, self.max_features),
        )


class BoostingRegressor(_FromPieces, Regression):
    """Boosting for regression from any pieces.

    Each round asks the pieces in turn: the *direction* says what is to be fitted, the
    *learner* fits it, the *step* says how far to go, the *update* goes there, and the
    *corrector* puts right what can be put right afterwards.

    With several targets, ``y`` of shape (n_samples, T), the loss is the sum of the
    targets' losses, each in a unit of its own that makes all count alike: see
    :class:`~boostlab.objectives.MultiOutput` and
    :func:`~boostlab.objectives.for_targets`.

    Parameters
    ----------
    objective : str or Objective, default="squared_error"
        What is minimised: "squared_error", "absolute_error", "huber", "quantile",
        "poisson", "gamma" or "tweedie", or an object from
        :mod:`boostlab.objectives`.
    direction : str or Direction, default="newton"
        What the learner is to fit: "newton", "gradient", "natural" (for a
        :class:`~boostlab.objectives.DistributionObjective`), or an object from
        :mod:`boostlab.directions`.
    learner : WeakLearner, str, estimator, or list of these, default="tree"
        Who fits: "tree", "linear", an object from :mod:`boostlab.learners`, or any
        regressor with scikit-learn's interface, which is cloned and fitted anew every
        round. A list takes turns by the schedule `every`.
    every : list of int, optional
        One number for each learner of a list, the first of them 1:
        ``learner=["tree", Ridge()], every=[1, 10]`` gives every tenth round to the
        ridge regression and all others to the tree.
    step : str or Step, optional
        How far to go: "shrinkage", "line_search", "cell_fit", "doubling",
        "reference_search", or an object from :mod:`boostlab.steps`, which holds the
        learning rate: ``Shrinkage(0.05)``. By
        default "cell_fit" for objectives that value the cells of trees themselves
        (absolute error, quantile, Huber), else "shrinkage", both with rate 0.1.
    update : str or Update, default="add_to_prediction"
        What the step changes: "add_to_prediction", "add_to_representation", or an
        object from :mod:`boostlab.updates`.
    corrector : str or Corrector, default="none"
        What is put right after the update: "none" or an object.
    subsample : float, default=1.0
        Share of the rows that each round is fitted on, in (0, 1], drawn without
        replacement.
    max_features : float, default=1.0
        Share of the features that each round is fitted on, in (0, 1].
    n_estimators : int, default=100
        Number of rounds, at least 1.
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

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from boostlab import BoostingRegressor
    >>> from boostlab.steps import LineSearch
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = BoostingRegressor(
    ...     learner=DecisionTreeRegressor(max_depth=3),
    ...     step=LineSearch(0.1),
    ...     random_state=0,
    ... )
    >>> model.fit(X, y).n_iter_
    100
    """

    _domains: ClassVar[dict[str, Domain]] = {
        **Regression._domains,
        "init": INIT,
        **_DOMAINS,
        "objective": PieceOrName(objective_names("regression"), OBJECTIVE_METHODS),
    }

    def __init__(
        self,
        objective: str | Objective = "squared_error",
        *,
        direction: str | Direction = "newton",
        learner: Any = "tree",
        every: Sequence[int] | None = None,
        step: str | Step | None = None,
        update: str | Update = "add_to_prediction",
        corrector: str | Corrector = "none",
        subsample: float = 1.0,
        max_features: float = 1.0,
        n_estimators: int = 100,
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
        self.objective = objective
        self.direction = direction
        self.learner = learner
        self.every = every
        self.step = step
        self.update = update
        self.corrector = corrector
        self.subsample = subsample
        self.max_features = max_features
        self.n_estimators = n_estimators
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


class BoostingClassifier(_FromPieces, Classification):
    """Boosting for classification from any pieces.

    Each round asks the pieces in turn: the *direction* says what is to be fitted, the
    *learner* fits it, the *step* says how far to go, the *update* goes there, and the
    *corrector* puts right what can be put right afterwards.

    Parameters
    ----------
    objective : str or Objective, default="log_loss"
        What is minimised: "log_loss" or, for two classes, "exponential"; or an object
        from :mod:`boostlab.objectives`.
    direction : str or Direction, default="newton"
        What the learner is to fit: "newton", "gradient", "natural" (for a
        :class:`~boostlab.objectives.DistributionObjective`), or an object from
        :mod:`boostlab.directions`.
    learner : WeakLearner, str, estimator, or list of these, default="tree"
        Who fits: "tree", "linear", an object from :mod:`boostlab.learners`, or any
        regressor with scikit-learn's interface (log losses are fitted through their
        derivatives), which is cloned and fitted anew every
        round. A list takes turns by the schedule `every`.
    every : list of int, optional
        One number for each learner of a list, the first of them 1:
        ``learner=["tree", Ridge()], every=[1, 10]`` gives every tenth round to the
        ridge regression and all others to the tree.
    step : str or Step, optional
        How far to go: "shrinkage", "line_search", "cell_fit", "doubling",
        "reference_search", or an object from :mod:`boostlab.steps`, which holds the
        learning rate: ``Shrinkage(0.05)``. By
        default "cell_fit" for objectives that value the cells of trees themselves,
        else "shrinkage", both with rate 0.1.
    update : str or Update, default="add_to_prediction"
        What the step changes: "add_to_prediction", "add_to_representation", or an
        object from :mod:`boostlab.updates`.
    corrector : str or Corrector, default="none"
        What is put right after the update: "none" or an object.
    subsample : float, default=1.0
        Share of the rows that each round is fitted on, in (0, 1], drawn without
        replacement.
    max_features : float, default=1.0
        Share of the features that each round is fitted on, in (0, 1].
    n_estimators : int, default=100
        Number of rounds, at least 1.
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

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import Ridge
    >>> from boostlab import BoostingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = BoostingClassifier(
    ...     learner=["tree", Ridge()], every=[1, 10], random_state=0
    ... )
    >>> model.fit(X, y).predict_proba(X[:2]).shape
    (2, 3)
    """

    _domains: ClassVar[dict[str, Domain]] = {
        **Classification._domains,
        "init": INIT,
        **_DOMAINS,
        "objective": PieceOrName(objective_names("classification"), OBJECTIVE_METHODS),
    }

    def __init__(
        self,
        objective: str | Objective = "log_loss",
        *,
        direction: str | Direction = "newton",
        learner: Any = "tree",
        every: Sequence[int] | None = None,
        step: str | Step | None = None,
        update: str | Update = "add_to_prediction",
        corrector: str | Corrector = "none",
        subsample: float = 1.0,
        max_features: float = 1.0,
        n_estimators: int = 100,
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
        self.objective = objective
        self.direction = direction
        self.learner = learner
        self.every = every
        self.step = step
        self.update = update
        self.corrector = corrector
        self.subsample = subsample
        self.max_features = max_features
        self.n_estimators = n_estimators
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
