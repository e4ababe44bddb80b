"""GBNN: a network built a few hidden units at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, ClassVar, Self

import numpy as np
from numpy.random import Generator, RandomState
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from boostlab.boosting import Boosting
from boostlab.checks import check_number
from boostlab.correctors import NoCorrection
from boostlab.directions import Gradient
from boostlab.estimators.classification import Classification
from boostlab.estimators.parameters import (
    FLAG,
    INIT,
    Choice,
    Domain,
    Number,
    PieceOrName,
    resolved,
)
from boostlab.estimators.pieces import OBJECTIVE_METHODS
from boostlab.estimators.regression import Regression
from boostlab.learners.network import Layer, Network
from boostlab.learners.neurons import Neurons
from boostlab.objectives import objective_names
from boostlab.protocols import Monitor, Objective, Step
from boostlab.samplers import HashedRows
from boostlab.state import Ensemble, Round
from boostlab.steps import NewtonScalar, Shrinkage
from boostlab.updates import AddToPrediction

Array = NDArray[np.float64]

AUTO_RATE: dict[bool, float] = {False: 0.1, True: 1.0}
"""What "auto" is as a learning rate, by `faithful`."""

_DOMAINS: dict[str, Domain] = {
    "init": INIT,
    "n_units": Number(at_least=1, integer=True),
    "activation": Choice(("logistic", "tanh", "relu")),
    "alpha": Number(at_least=0),
    "max_iter": Number(at_least=1, integer=True),
    "learning_rate": Number(above=0, also=("auto",)),
    "subsample": Number(above=0, at_most=1),
    "faithful": FLAG,
}


class _GBNN:
    """What regressor and classifier have in common."""

    @property
    def learner(self) -> Neurons:
        """Who fits a round."""
        return Neurons(
            n_units=self.n_units,
            activation=self.activation,
            alpha=self.alpha,
            max_iter=self.max_iter,
            scale_targets=not self.faithful,
            numeric="standard" if self.faithful else "robust",
        )

    def _rate(self) -> float:
        return resolved(self.learning_rate, AUTO_RATE[bool(self.faithful)])

    def _make_step(self) -> Step:
        return NewtonScalar(self._rate())

    def _make_boosting(self, objective: Objective) -> Boosting:
        return Boosting(
            objective=objective,
            direction=Gradient(),
            learner=self.learner,
            step=self._make_step(),
            update=AddToPrediction(),
            corrector=NoCorrection(),
            sampler=HashedRows(self.subsample),
        )

    def _first(self, n_units: int | None) -> Self:
        """Return the model without its last units: itself where none is left out."""
        if n_units is None:
            return self
        check_number("n_units", n_units, at_least=0, integer=True)
        check_is_fitted(self)
        ensemble, left = self.ensemble_, n_units
        kept = []
        for done in ensemble.rounds:
            network = _units_of(done)
            if left < network.n_hidden:
                break
            left -= network.n_hidden
            kept.append(done)
        if n_units and not kept and ensemble.rounds:
            fewest = _units_of(ensemble.rounds[0]).n_hidden
            raise ValueError(
                f"n_units is {n_units}, but the first round of this model has "
                f"{fewest} units, which are used together; give 0 or at least {fewest}."
                " (The model that to_single_network was called on can use fewer.)"
            )
        model = copy(self)
        model.ensemble_ = Ensemble(ensemble.baseline, ensemble.update, kept)
        return model

    def to_single_network(self) -> Self:
        """Return the same model as one network with all hidden units in one layer.

        Returns
        -------
        estimator
            A fitted copy whose ensemble has a single round, the network
            ``ensemble_.rounds[0].hypothesis``: slopes side by side in the order of the
            rounds, and output weights times the sizes of their steps. The baseline
            stays ``baseline_prediction_``. Its predictions differ by rounding alone,
            and are faster; its units are used all together.

        Raises
        ------
        TypeError
            If a round is no net of units, as those of ``init`` may be.

        Notes
        -----
        Source: Emami, Martinez-Munoz (2023), section III-B.
        """
        check_is_fitted(self)
        ensemble = self.ensemble_
        if not ensemble.rounds:  # as where there is a single class
            return copy(self)
        nets = [_units_of(done) for done in ensemble.rounds]
        sizes = [np.asarray(done.size, dtype=np.float64) for done in ensemble.rounds]
        first, second = zip(*(net.layers for net in nets), strict=True)
        bias = sum(
            (size * layer.bias for size, layer in zip(sizes, second, strict=True)),
            np.zeros_like(ensemble.baseline),
        )
        layers = (
            Layer(
                np.concatenate([layer.weight for layer in first], axis=1),
                np.concatenate([layer.bias for layer in first]),
            ),
            Layer(
                np.concatenate(
                    [
                        size * layer.weight
                        for size, layer in zip(sizes, second, strict=True)
                    ]
                ),
                bias,
            ),
        )
        network = Network(
            nets[0].front_end, "features", nets[0].activations, layers, True
        )
        model = copy(self)
        model._store(
            Ensemble(ensemble.baseline, ensemble.update, [Round(network, 1.0)]),
            dict(self.history_),
            self.generator_state_["start"],
            np.random.default_rng(0),
        )
        model.generator_state_ = self.generator_state_
        return model


def _units_of(done: Round) -> Network:
    """Return the net of a round; raise TypeError if it is another learner's."""
    if not isinstance(done.hypothesis, Network):
        raise TypeError(
            f"A round of this model is a {type(done.hypothesis).__name__}, which has "
            "no units to count; fit without init."
        )
    return done.hypothesis


class GBNNRegressor(_GBNN, Regression):
    """Gradient boosting of tiny neural networks for regression.

    Each round fits a net of one hidden layer with `n_units` units to the negative
    gradient on a share of the rows by L-BFGS, and takes Newton's step along it. The sum
    is one network, whose units are in the order of their use: the last ones can be
    switched off when predictions must be cheap (``predict(X, n_units=50)``), and
    :meth:`to_single_network` hands it over whole.

    Features may be numbers, strings or categories, with missing values.

    Parameters
    ----------
    loss : str or Objective, default="squared_error"
        What is minimised: "squared_error", "absolute_error", "huber", "quantile",
        "poisson", "gamma" or "tweedie", or an object from
        :mod:`boostlab.objectives`. With several targets see
        :class:`BoostingRegressor`; each round then has an output for each.
    n_units : int, default=1
        Hidden units that a round adds, at least 1.
    activation : {"logistic", "tanh", "relu"}, default="logistic"
        Their function.
    alpha : float, default=1e-4
        Penalty on the slopes of a round's net, at least 0.
    max_iter : int, default=200
        Most iterations of L-BFGS a round, at least 1.
    learning_rate : float or "auto", default="auto"
        Factor on Newton's step, greater than 0. "auto" is 0.1, and 1 if `faithful`.
    n_estimators : int, default=200
        Number of rounds, at least 1.
    subsample : float, default=0.5
        Chance of a row to be fitted in a round, in (0, 1]; equal rows are drawn
        together. Newton's step looks at all rows.
    faithful : bool, default=False
        Whether to follow the published method: numbers are standardised and not
        clipped, targets are not rescaled round by round, under squared error the step
        is the learning rate alone.
    early_stopping : bool or "auto", default="auto"
        Whether to stop when held-out rows no longer gain, and to deliver the model of
        the best round. "auto" does so for more than 10,000 rows, and when ``X_val``
        is given to ``fit``.
    scoring : str or callable, default="loss"
        What early stopping watches: the loss, or a scorer of scikit-learn.
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
    init : estimator, Ensemble or None, default=None
        Fitted model to start from; see :class:`GradientBoostingRegressor`.
    callbacks : list of Monitor, optional
        Monitors from :mod:`boostlab.callbacks`, or your own.
    handle_unknown : {"missing", "error"}, default="missing"
        What a category means that training has not seen: that the value is missing,
        or an error.
    n_jobs : int or None, default=None
        Number of threads; None or -1 for all cores. The model does not depend on it.
    random_state : int, RandomState, Generator or None, default=None
        Source of all randomness: held-out rows, samples, and where nets start. An int
        makes the fit repeatable.
    verbose : int, default=0
        Log the progress every this many rounds; 0 for never.

    Attributes
    ----------
    ensemble_ : Ensemble
        Baseline and rounds; with early stopping those up to the best.
    n_iter_ : int
        Number of rounds of the model.
    objective_ : Objective
        The objective that was minimised.
    history_ : dict of str to ndarray
        Losses after each round; see :class:`BoostingRegressor`.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, where ``X`` had names.

    References
    ----------
    Emami, Martinez-Munoz (2023), Sequential training of neural networks with gradient
    boosting, IEEE Access 11.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from boostlab import GBNNRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = GBNNRegressor(n_estimators=20, random_state=0).fit(X, y)
    >>> model.to_single_network().ensemble_.rounds[0].hypothesis.n_hidden
    20
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
        n_units: int = 1,
        activation: str = "logistic",
        alpha: float = 1e-4,
        max_iter: int = 200,
        learning_rate: float | str = "auto",
        n_estimators: int = 200,
        subsample: float = 0.5,
        faithful: bool = False,
        early_stopping: bool | str = "auto",
        scoring: str | Callable[..., float] = "loss",
        validation_fraction: float | None = 0.1,
        n_iter_no_change: int = 20,
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
        self.n_units = n_units
        self.activation = activation
        self.alpha = alpha
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.n_estimators = n_estimators
        self.subsample = subsample
        self.faithful = faithful
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

    def _make_step(self) -> Step:
        if self.faithful and self.loss == "squared_error":
            return Shrinkage(self._rate())
        return super()._make_step()

    def predict(self, X: Any, n_units: int | None = None) -> Array:
        """Predict the targets.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.
        n_units : int, optional
            Use only the first hidden units, rounds being left out whole; all by
            default.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, T) for T targets
        """
        return super(GBNNRegressor, self._first(n_units)).predict(X)


class GBNNClassifier(_GBNN, Classification):
    """Gradient boosting of tiny neural networks for classification.

    Each round fits a net of one hidden layer with `n_units` units, and an output for
    each class of more than two, to the negative gradient on a share of the rows by
    L-BFGS, and takes Newton's step along it. The sum is one network, whose units are in
    the order of their use: the last ones can be switched off when predictions must be
    cheap (``predict(X, n_units=50)``), and :meth:`to_single_network` hands it over
    whole.

    Parameters
    ----------
    loss : str or Objective, default="log_loss"
        What is minimised: "log_loss" or, for two classes, "exponential"; or an object
        from :mod:`boostlab.objectives`.
    n_units, activation, alpha, max_iter, learning_rate, n_estimators, subsample
        See :class:`GBNNRegressor`.
    faithful : bool, default=False
        Whether to follow the published method: numbers are standardised and not
        clipped, and targets are not rescaled round by round. (The published code fits
        twice the residual of two classes, so its penalty `alpha` weighs a quarter on
        the slopes of the inputs.)
    class_weight : dict or "balanced", optional
        Factor on the sample weights of each class; "balanced" makes all classes weigh
        the same in total. Held-out rows are weighted alike.
    early_stopping, scoring, validation_fraction, n_iter_no_change, tol
        See :class:`GBNNRegressor`.
    keep_all_rounds, warm_start, init, callbacks, handle_unknown
        See :class:`GBNNRegressor`.
    n_jobs, random_state, verbose
        See :class:`GBNNRegressor`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, ascending.
    ensemble_ : Ensemble
        Baseline and rounds; with early stopping those up to the best.
    n_iter_ : int
        Number of rounds of the model.
    objective_ : Objective
        The objective that was minimised.
    history_ : dict of str to ndarray
        Losses after each round; see :class:`BoostingRegressor`.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, where ``X`` had names.

    References
    ----------
    Emami, Martinez-Munoz (2023), Sequential training of neural networks with gradient
    boosting, IEEE Access 11.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from boostlab import GBNNClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = GBNNClassifier(n_estimators=20, random_state=0).fit(X, y)
    >>> model.predict(X[:2], n_units=10)
    array([0, 0])
    """

    _domains: ClassVar[dict[str, Domain]] = {
        **Classification._domains,
        **_DOMAINS,
        "loss": PieceOrName(objective_names("classification"), OBJECTIVE_METHODS),
    }

    def __init__(
        self,
        loss: str | Objective = "log_loss",
        *,
        n_units: int = 1,
        activation: str = "logistic",
        alpha: float = 1e-4,
        max_iter: int = 200,
        learning_rate: float | str = "auto",
        n_estimators: int = 200,
        subsample: float = 0.5,
        faithful: bool = False,
        class_weight: Mapping[Any, float] | str | None = None,
        early_stopping: bool | str = "auto",
        scoring: str | Callable[..., float] = "loss",
        validation_fraction: float | None = 0.1,
        n_iter_no_change: int = 20,
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
        self.n_units = n_units
        self.activation = activation
        self.alpha = alpha
        self.max_iter = max_iter
        self.learning_rate = learning_rate
        self.n_estimators = n_estimators
        self.subsample = subsample
        self.faithful = faithful
        self.class_weight = class_weight
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

    def _make_step(self) -> Step:
        n_classes = len(self.classes_)
        if self.faithful and n_classes > 2:
            # The paper's curvature is p (1 - p), ours K / (K - 1) times as much.
            return NewtonScalar(self._rate() * n_classes / (n_classes - 1))
        return super()._make_step()

    def predict(self, X: Any, n_units: int | None = None) -> NDArray[Any]:
        """Predict the most probable class.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.
        n_units : int, optional
            Use only the first hidden units, rounds being left out whole; all by
            default.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels from ``classes_``.
        """
        return super(GBNNClassifier, self._first(n_units)).predict(X)

    def predict_proba(self, X: Any, n_units: int | None = None) -> Array:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.
        n_units : int, optional
            Use only the first hidden units, rounds being left out whole; all by
            default.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        return super(GBNNClassifier, self._first(n_units)).predict_proba(X)
