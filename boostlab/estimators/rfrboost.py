"""RFRBoost: boosting a representation by random features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator, RandomState

from boostlab.boosting import Boosting
from boostlab.correctors import RefitTop
from boostlab.directions import RepresentationGradient
from boostlab.estimators.classification import Classification
from boostlab.estimators.parameters import (
    FLAG,
    Choice,
    Domain,
    Number,
    PieceOrName,
    resolved,
)
from boostlab.estimators.pieces import OBJECTIVE_METHODS
from boostlab.estimators.regression import Regression
from boostlab.learners.random_layers import KINDS
from boostlab.learners.representation import RepresentationFeatures
from boostlab.objectives import objective_names
from boostlab.protocols import Monitor, Objective
from boostlab.reduce import total
from boostlab.samplers import HashedRows
from boostlab.state import Ensemble
from boostlab.steps import RepresentationStep
from boostlab.updates import AddToRepresentation

FEWEST_ROUNDS, MOST_ROUNDS = 6, 40
"""Rounds that are chosen by the number of rows, and most under early stopping."""

AUTO: dict[bool, dict[str, Any]] = {
    False: {"n_features": "auto", "l2": "auto", "l2_top": 1e-3, "learning_rate": 0.5},
    True: {"n_features": 512, "l2": 1e-4, "l2_top": 1e-4, "learning_rate": 1.0},
}
"""What "auto" stands for, by `faithful`."""

_DOMAINS: dict[str, Domain] = {
    "variant": Choice(("gradient", "greedy")),
    "update": Choice(("dense", "diagonal", "scalar")),
    "n_estimators": Number(at_least=1, integer=True, also=(None,)),
    "n_features": Number(at_least=1, integer=True, also=("auto",)),
    "kind": Choice(KINDS),
    "scale": Number(above=0),
    "activation": Choice(("tanh", "relu")),
    "hidden_dim": Number(at_least=1, integer=True, also=(None,)),
    "l2": Number(at_least=0, also=("auto",)),
    "l2_top": Number(at_least=0, also=("auto",)),
    "learning_rate": Number(above=0, also=("auto",)),
    "line_search": Choice((True, False, "auto")),
    "freeze_top_at": Number(at_least=1, integer=True, also=(None,)),
    "subsample": Number(above=0, at_most=1),
    "faithful": FLAG,
}


class _RFRBoost:
    """What regressor and classifier have in common."""

    _penalty_unit: ClassVar[float] = 1.0

    @property
    def learner(self) -> RepresentationFeatures:
        """Who fits; what the features may be depends on it."""
        auto = AUTO[bool(self.faithful)]
        return RepresentationFeatures(
            solver=self.update if self.variant == "greedy" else "gradient",
            n_features=resolved(self.n_features, auto["n_features"]),
            kind=self.kind,
            scale=self.scale,
            activation=self.activation,
            l2=resolved(self.l2, auto["l2"]),
            numeric="none" if self.faithful else "robust",
            hidden_dim=self.hidden_dim,
        )

    def _conflicts(self) -> list[str]:
        faults = super()._conflicts()
        if self.variant == "gradient" and self.update != "dense":
            faults.append(
                f"update={self.update!r} belongs to variant='greedy'; leave it out, or "
                "change the variant."
            )
        if self.warm_start and self.n_estimators is None:
            faults.append(
                "warm_start goes on to a number of rounds; give n_estimators too."
            )
        return faults

    def _make_boosting(self, objective: Objective) -> Boosting:
        auto = AUTO[bool(self.faithful)]
        greedy, search = self.variant == "greedy", self.line_search
        if isinstance(search, str):
            search = not (greedy and self.faithful)
        l2_top = resolved(self.l2_top, auto["l2_top"])
        return Boosting(
            objective=objective,
            direction=RepresentationGradient(through_top=not greedy),
            learner=self.learner,
            step=RepresentationStep(
                resolved(self.learning_rate, auto["learning_rate"]), bool(search)
            ),
            update=AddToRepresentation(),
            corrector=RefitTop(
                l2_top * (self._penalty_unit if self.faithful else 1.0),
                self.freeze_top_at,
            ),
            sampler=HashedRows(self.subsample),
        )

    def _n_rounds(self, data: Any, first: Ensemble | None) -> int:
        if self.n_estimators is not None:
            return self.n_estimators
        if self.faithful:
            return FEWEST_ROUNDS
        if data.stops_early:
            return MOST_ROUNDS
        # Twice the rows bear about two rounds more.
        doublings = np.log2(max(total(data.rows.weight), 1.0) / 500.0)
        return int(np.clip(round(8 + 2 * doublings), FEWEST_ROUNDS, MOST_ROUNDS))


class RFRBoostRegressor(_RFRBoost, Regression):
    """Random feature representation boosting for regression.

    A linear top model reads a representation, which begins as the scaled inputs. Each
    round draws random features of the representation and of the inputs, moves the
    representation by a readout of them, solved for in closed form, against the
    gradient of the loss, and refits the top model. Nothing is trained by stochastic
    gradients: rounds are a few matrix products, on one processor or many with the same
    bits. The first round fits the top model to the inputs alone, so that
    ``n_estimators=1`` is ridge regression.

    Features may be numbers, strings or categories, with missing values: numbers are
    scaled by quartiles and clipped smoothly, categories become indicators, and missing
    values are marked, by what the training rows say.

    Parameters
    ----------
    loss : str or Objective, default="squared_error"
        What is minimised: "squared_error", "absolute_error", "huber", "quantile",
        "poisson", "gamma" or "tweedie", or an object from
        :mod:`boostlab.objectives`. With several targets see
        :class:`BoostingRegressor`.
    variant : {"gradient", "greedy"}, default="gradient"
        Whether features fit the gradient in the representation and a line search says
        how far to go, or are solved for through the top model at once.
    update : {"dense", "diagonal", "scalar"}, default="dense"
        What readout the variant "greedy" solves for.
    n_estimators : int or None, default=None
        Number of rounds, at least 1; the first fits the top model to the inputs. None
        leaves it to the data: 8 at 500 rows and 2 more for each doubling; up to 40
        where `early_stopping` chooses; 6 if `faithful`.
    n_features : int or "auto", default="auto"
        Random features of the inputs, and as many of the representation, at least 1.
        "auto" grows with the rows, from 32 to 512; it is 512 if `faithful`.
    kind : {"swim", "iid", "fourier"}, default="swim"
        How features are drawn: between pairs of rows with different targets, blindly,
        or as cosines; see :class:`boostlab.learners.RandomFeatures`.
    scale : float, default=0.5
        How steep features are, greater than 0.
    activation : {"tanh", "relu"}, default="tanh"
        What bends features.
    hidden_dim : int or None, default=None
        Width of the representation, at least 1: random features of the inputs. None
        takes the inputs as they are.
    l2 : float or "auto", default="auto"
        Penalty on the readout, at least 0, per mean square. "auto" is found by
        generalised cross-validation in each round; it is 1e-4 if `faithful`.
        For "greedy" targets count in standard deviations.
    l2_top : float or "auto", default="auto"
        Penalty on the top model, ``l2_top / 2`` times its squares beside the mean
        loss, at least 0. "auto" is 1e-3, and 1e-4 if `faithful`.
    learning_rate : float or "auto", default="auto"
        Factor on what each round adds, greater than 0. "auto" is 0.5, and 1 if
        `faithful`.
    line_search : bool or "auto", default="auto"
        Whether each round goes to the minimum of the training loss (before the
        learning rate). "auto" is True, but False for "greedy" if `faithful`.
    freeze_top_at : int or None, default=None
        Number of rounds after which the top model stays as it is, at least 1.
    subsample : float, default=1.0
        Chance of a row to be drawn and solved by in a round, in (0, 1]; equal rows are
        drawn together.
    faithful : bool, default=False
        Whether to follow the paper and its code in all that is "auto" or None, and to
        leave numbers as they are, as its benchmark scales them beforehand.
    early_stopping : bool or "auto", default="auto"
        Whether to stop when held-out rows no longer gain, and to deliver the model of
        the best round. "auto" does so for more than 10,000 rows, and when ``X_val``
        is given to ``fit``.
    scoring : str or callable, default="loss"
        What early stopping watches: the loss, or a scorer of scikit-learn.
    validation_fraction : float or None, default=0.1
        Share of the weight to hold out for early stopping, in (0, 1), unless ``X_val``
        is given. Equal rows are never parted. None watches the training rows.
    n_iter_no_change : int, default=5
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
        Source of all randomness: held-out rows and random features. An int makes the
        fit repeatable.
    verbose : int, default=0
        Log the progress every this many rounds; 0 for never.

    Attributes
    ----------
    ensemble_ : Ensemble
        Baseline and rounds; with early stopping those up to the best.
    n_iter_ : int
        Number of rounds of the model.
    baseline_prediction_ : ndarray of shape (K,)
        Raw prediction before the first round.
    objective_ : Objective
        The objective that was minimised.
    history_ : dict of str to ndarray
        Entry i of "validation_loss", and while stopping early or verbose of
        "training_loss", is the loss after i rounds.
    all_rounds_ : Ensemble
        With `keep_all_rounds`: all rounds that were run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, where ``X`` had names.

    References
    ----------
    Zozoulenko, Cass, Gonon (2025), Random feature representation boosting.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from boostlab import RFRBoostRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = RFRBoostRegressor(random_state=0).fit(X, y)
    >>> model.predict(X[:2]).shape
    (2,)
    """

    _domains: ClassVar[dict[str, Domain]] = {
        **Regression._domains,
        **_DOMAINS,
        "loss": PieceOrName(objective_names("regression"), OBJECTIVE_METHODS),
    }

    def __init__(
        self,
        loss: str | Objective = "squared_error",
        *,
        variant: str = "gradient",
        update: str = "dense",
        n_estimators: int | None = None,
        n_features: int | str = "auto",
        kind: str = "swim",
        scale: float = 0.5,
        activation: str = "tanh",
        hidden_dim: int | None = None,
        l2: float | str = "auto",
        l2_top: float | str = "auto",
        learning_rate: float | str = "auto",
        line_search: bool | str = "auto",
        freeze_top_at: int | None = None,
        subsample: float = 1.0,
        faithful: bool = False,
        early_stopping: bool | str = "auto",
        scoring: str | Callable[..., float] = "loss",
        validation_fraction: float | None = 0.1,
        n_iter_no_change: int = 5,
        tol: float = 1e-7,
        keep_all_rounds: bool = False,
        warm_start: bool = False,
        callbacks: Sequence[Monitor] | None = None,
        handle_unknown: str = "missing",
        n_jobs: int | None = None,
        random_state: int | RandomState | Generator | None = None,
        verbose: int = 0,
    ) -> None:
        self.loss = loss
        self.variant = variant
        self.update = update
        self.n_estimators = n_estimators
        self.n_features = n_features
        self.kind = kind
        self.scale = scale
        self.activation = activation
        self.hidden_dim = hidden_dim
        self.l2 = l2
        self.l2_top = l2_top
        self.learning_rate = learning_rate
        self.line_search = line_search
        self.freeze_top_at = freeze_top_at
        self.subsample = subsample
        self.faithful = faithful
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


class RFRBoostClassifier(_RFRBoost, Classification):
    """Random feature representation boosting for classification.

    A linear top model reads a representation, which begins as the scaled inputs. Each
    round draws random features of the representation and of the inputs, moves the
    representation by a readout of them, solved for in closed form, against the
    gradient of the loss, and refits the top model. Nothing is trained by stochastic
    gradients: rounds are a few matrix products, on one processor or many with the same
    bits. The first round fits the top model to the inputs alone, so that
    ``n_estimators=1`` is logistic regression.

    Features may be numbers, strings or categories, with missing values: numbers are
    scaled by quartiles and clipped smoothly, categories become indicators, and missing
    values are marked, by what the training rows say.

    Parameters
    ----------
    loss : str or Objective, default="log_loss"
        "log_loss" or, for two classes, "exponential"; or an object from
        :mod:`boostlab.objectives`.
    variant : {"gradient", "greedy"}, default="gradient"
        Whether features fit the gradient in the representation and a line search says
        how far to go, or are solved for through the top model at once.
    update : {"dense", "diagonal", "scalar"}, default="dense"
        What readout the variant "greedy" solves for.
    n_estimators : int or None, default=None
        Number of rounds, at least 1; the first fits the top model to the inputs. None
        leaves it to the data: 8 at 500 rows and 2 more for each doubling; up to 40
        where `early_stopping` chooses; 6 if `faithful`.
    n_features : int or "auto", default="auto"
        Random features of the inputs, and as many of the representation, at least 1.
        "auto" grows with the rows, from 32 to 512; it is 512 if `faithful`.
    kind : {"swim", "iid", "fourier"}, default="swim"
        How features are drawn: between pairs of rows with different targets, blindly,
        or as cosines; see :class:`boostlab.learners.RandomFeatures`.
    scale : float, default=0.5
        How steep features are, greater than 0.
    activation : {"tanh", "relu"}, default="tanh"
        What bends features.
    hidden_dim : int or None, default=None
        Width of the representation, at least 1: random features of the inputs. None
        takes the inputs as they are.
    l2 : float or "auto", default="auto"
        Penalty on the readout, at least 0, per mean square. "auto" is found by
        generalised cross-validation in each round; it is 1e-4 if `faithful`.
    l2_top : float or "auto", default="auto"
        Penalty on the top model, ``l2_top / 2`` times its squares beside the mean
        loss, at least 0. "auto" is 1e-3, and 1e-4 if `faithful`,
        where its unit is that of the paper: ``l2_top`` times the squares.
    learning_rate : float or "auto", default="auto"
        Factor on what each round adds, greater than 0. "auto" is 0.5, and 1 if
        `faithful`.
    line_search : bool or "auto", default="auto"
        Whether each round goes to the minimum of the training loss (before the
        learning rate). "auto" is True, but False for "greedy" if `faithful`.
    freeze_top_at : int or None, default=None
        Number of rounds after which the top model stays as it is, at least 1.
    subsample : float, default=1.0
        Chance of a row to be drawn and solved by in a round, in (0, 1]; equal rows are
        drawn together.
    faithful : bool, default=False
        Whether to follow the paper and its code in all that is "auto" or None, and to
        leave numbers as they are, as its benchmark scales them beforehand.
    early_stopping : bool or "auto", default="auto"
        Whether to stop when held-out rows no longer gain, and to deliver the model of
        the best round. "auto" does so for more than 10,000 rows, and when ``X_val``
        is given to ``fit``.
    scoring : str or callable, default="loss"
        What early stopping watches: the loss, or a scorer of scikit-learn.
    validation_fraction : float or None, default=0.1
        Share of the weight to hold out for early stopping, in (0, 1), unless ``X_val``
        is given. Equal rows are never parted. None watches the training rows.
    n_iter_no_change : int, default=5
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
    callbacks : list of Monitor, optional
        Monitors from :mod:`boostlab.callbacks`, or your own.
    handle_unknown : {"missing", "error"}, default="missing"
        What a category means that training has not seen: that the value is missing,
        or an error.
    n_jobs : int or None, default=None
        Number of threads; None or -1 for all cores. The model does not depend on it.
    random_state : int, RandomState, Generator or None, default=None
        Source of all randomness: held-out rows and random features. An int makes the
        fit repeatable.
    verbose : int, default=0
        Log the progress every this many rounds; 0 for never.

    Attributes
    ----------
    ensemble_ : Ensemble
        Baseline and rounds; with early stopping those up to the best.
    n_iter_ : int
        Number of rounds of the model.
    baseline_prediction_ : ndarray of shape (K,)
        Raw prediction before the first round.
    objective_ : Objective
        The objective that was minimised.
    history_ : dict of str to ndarray
        Entry i of "validation_loss", and while stopping early or verbose of
        "training_loss", is the loss after i rounds.
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
    Zozoulenko, Cass, Gonon (2025), Random feature representation boosting.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from boostlab import RFRBoostClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = RFRBoostClassifier(random_state=0).fit(X, y)
    >>> model.predict_proba(X[:2]).shape
    (2, 3)
    """

    _penalty_unit: ClassVar[float] = 2.0

    _domains: ClassVar[dict[str, Domain]] = {
        **Classification._domains,
        **_DOMAINS,
        "loss": PieceOrName(objective_names("classification"), OBJECTIVE_METHODS),
    }

    def __init__(
        self,
        loss: str | Objective = "log_loss",
        *,
        variant: str = "gradient",
        update: str = "dense",
        n_estimators: int | None = None,
        n_features: int | str = "auto",
        kind: str = "swim",
        scale: float = 0.5,
        activation: str = "tanh",
        hidden_dim: int | None = None,
        l2: float | str = "auto",
        l2_top: float | str = "auto",
        learning_rate: float | str = "auto",
        line_search: bool | str = "auto",
        freeze_top_at: int | None = None,
        subsample: float = 1.0,
        faithful: bool = False,
        early_stopping: bool | str = "auto",
        scoring: str | Callable[..., float] = "loss",
        validation_fraction: float | None = 0.1,
        n_iter_no_change: int = 5,
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
        self.loss = loss
        self.variant = variant
        self.update = update
        self.n_estimators = n_estimators
        self.n_features = n_features
        self.kind = kind
        self.scale = scale
        self.activation = activation
        self.hidden_dim = hidden_dim
        self.l2 = l2
        self.l2_top = l2_top
        self.learning_rate = learning_rate
        self.line_search = line_search
        self.freeze_top_at = freeze_top_at
        self.subsample = subsample
        self.faithful = faithful
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
