"""AdaBoost and its kin for classes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator, RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from boostlab.boosting import Boosting
from boostlab.estimators.base import BaseBoosting
from boostlab.estimators.classification import Classification
from boostlab.estimators.parameters import Choice, Domain, Number
from boostlab.estimators.pieces import LearnerOrName, learner_piece, schedule_faults
from boostlab.estimators.rows import Rows
from boostlab.estimators.voter_importances import voter_importances
from boostlab.estimators.voting import VotingRounds
from boostlab.estimators.voting_recipes import (
    MARGIN_LOSSES,
    RECIPES,
    Recipe,
    adds_up,
    learner_faults,
    with_tree,
)
from boostlab.learners.tree import Tree
from boostlab.objectives.margin import voted_class
from boostlab.protocols import Monitor, Objective
from boostlab.samplers import RowsAndColumns
from boostlab.state import Ensemble
from boostlab.updates import AddToPrediction

Array = NDArray[np.float64]


class AdaBoostClassifier(VotingRounds, Classification):
    """AdaBoost and its kin: weighted votes of weak classifiers.

    Each round fits the learner to the labels with weights that are greater the more a
    row is still on the wrong side, and gives it a vote by how often it is right. By
    default the learners are stumps of boostlab's own; any classifier with
    scikit-learn's interface can take their place. One that takes no sample weights is
    given a sample of the rows that is drawn by the weights.

    A learner no better than chance ends the fit, and its round is left out; one that is
    never wrong ends it as well, and is the model, alone, unless held-out rows of early
    stopping have less loss with another: see ``stop_reason_``.

    Parameters
    ----------
    learner : WeakLearner, str, estimator, or list of these, optional
        Who votes: a tree of the parameters below by default and for "tree", a
        :class:`~boostlab.learners.Tree`, or any classifier with scikit-learn's
        interface. "gentle" and "logit" need a regressor. A list takes turns by the
        schedule `every`.
    algorithm : str, default="samme"
        "samme": AdaBoost (Freund & Schapire, 1997) and, for K classes, SAMME (Zhu et
        al., 2009), with the votes of scikit-learn.
        "real": Real AdaBoost of two classes (Friedman, Hastie & Tibshirani, 2000):
        learners contribute half the log odds that they see.
        "samme.r": the same for K classes. It is from the preprint of SAMME only; where
        a step does not lower the loss the fit ends.
        "gentle", "logit": Gentle AdaBoost and LogitBoost (the same paper): regressors
        fit working responses. For K classes "gentle" fits each against the rest. Both
        start from the shares of the classes.
        "mada": MadaBoost (Domingo & Watanabe, 2000): no weight above what it was in the
        first round.
        "margin": MarginBoost (Mason et al., 2000), any loss of the margin with a line
        search; see `margin_loss`.
        "adaboost_nu" (Ratsch & Warmuth, 2005): the greatest margin, less `nu`.
        "smooth": SmoothBoost (Servedio, 2003): equal votes, and no row of great weight.
        "brown": BrownBoost (Freund, 2001): it gives up on rows far behind.
        "lp", "erlp": LPBoost (Demiriz et al., 2002) and its entropy regularised form
        (Warmuth et al., 2008): all votes anew after each round, for the greatest soft
        margin; ``staged_predict`` and its kin replay the votes of the end. These five
        are for two classes.
    n_estimators : int, default=50
        Number of rounds, at least 1.
    learning_rate : float, default=1.0
        Factor on each vote, greater than 0. "adaboost_nu", "smooth", "brown", "lp" and
        "erlp" take none but 1.
    margin_loss : {"exponential", "logistic", "sigmoid", "doom2"}, default="logistic"
        The loss of the margin m that "margin" minimises. "sigmoid" is
        ``1 - tanh(m / 2 + 1)`` and "doom2" ``1 - tanh(m + 1)``: they give up on rows
        far on the wrong side. They are least where one vote is without end, so no vote
        for them is above 0.2 (of two classes), times `learning_rate`. Centred at 0, as
        in DOOM II, they could not tell a wrong row from a right one after one vote.
    nu : float or "auto", default="auto"
        What margins may fall short by in "adaboost_nu", by default 0.05; or the share
        of the weight that may lie below the soft margin in "lp" and "erlp", by default
        twice the weighted error of the first learner, but at least 0.05. Between 0 and
        1. Where it is not well above twice the share of errors that any votes make, no
        votes have a soft margin above 0, and these two learn nothing.
    eta : float, default=20.0
        How little "erlp" keeps the weights near the sample weights, greater than 0.
    gamma : float, default=0.1
        What "smooth" reckons with, between 0 and 1: Servedio's gamma, which is half of
        the edge in `weak_learner_edge_`.
    target_error : float, default=0.1
        Share of the rows that "smooth" and "brown" may leave wrong, between 0 and 1.
    max_depth : int or None, default=1
        Most splits between the root and a leaf of the default learner, at least 1.
    min_samples_leaf : float, default=0
        Least total sample weight of its leaves, at least 0.
    max_bins : int, default=255
        Most bins of a feature, 2 to 255.
    every : list of int, optional
        One number for each learner of a list, the first of them 1:
        ``learner=["tree", GaussianNB()], every=[1, 10]``.
    early_stopping : bool or "auto", default=False
        Whether to stop when held-out rows no longer gain, and to deliver the model of
        the best round. "auto" does so for more than 10,000 rows, and when ``X_val`` is
        given to ``fit``.
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
        result is that of one longer fit. "lp" and "erlp" cannot.
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
        How much better than chance the learner of each round was on that round's
        weights, also of rounds that were left out: ``1 - error K / (K - 1)``.
    estimator_weights_ : ndarray of shape (n_iter_,)
        The vote of each round.
    estimator_edges_ : ndarray of shape (n_iter_,)
        The edge of each round of the model.
    stop_reason_ : str
        Why the fit ended: "n_estimators", "early_stopping", "no_edge",
        "perfect_learner", "diverged" ("real", "samme.r"), "no_step" ("margin": no vote
        lowers the loss), "few_hard_rows" ("smooth"), "time_is_up" ("brown"), "optimal"
        ("lp", "erlp"), "one_class", or "callback".
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    objective_ : Objective
        The loss that was minimised.
    feature_importances_ : ndarray of shape (n_features,)
        Share of each feature in the gain of all splits. Where learners are of
        scikit-learn, the mean of their own by votes; AttributeError if one has none.
    history_ : dict of str to ndarray
        "round_edge" is `estimator_edges_`. Entry i of "edge" is the edge of round i,
        that of 0 is NaN; of "validation_loss", and while stopping early or verbose of
        "training_loss", the loss after i rounds.
    all_rounds_ : Ensemble
        With `keep_all_rounds`: all rounds that were run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, where ``X`` had names.

    Notes
    -----
    All predictions come from :meth:`decision_function`. In "samme", "real" and "gentle"
    it is half the log odds for two classes, so that probabilities are
    ``1 / (1 + exp(-2 F))``; and for K classes ``softmax(F / (K - 1))``, but in
    "gentle" ``1 / (1 + exp(c - 2 F))`` with the c for which they sum to 1.
    scikit-learn divides it by the sum of the votes. In "smooth" it is the sum of the
    votes, of 1 each, and probabilities are those of their mean,
    ``1 / (1 + exp(-2 F / n_iter_))``.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from boostlab import AdaBoostClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = AdaBoostClassifier(n_estimators=30).fit(X, y)
    >>> bool(model.weak_learner_edge_.min() > 0), model.stop_reason_
    (True, 'n_estimators')
    """

    _domains: ClassVar[dict[str, Domain]] = {
        **BaseBoosting._domains,
        "learner": LearnerOrName(optional=True),
        "algorithm": Choice(tuple(RECIPES)),
        "learning_rate": Number(above=0),
        "margin_loss": Choice(tuple(MARGIN_LOSSES)),
        "nu": Number(above=0, below=1, also=("auto",)),
        "eta": Number(above=0),
        "gamma": Number(above=0, below=1),
        "target_error": Number(above=0, below=1),
        "max_depth": Number(at_least=1, integer=True, also=(None,)),
        "min_samples_leaf": Number(at_least=0),
        "max_bins": Number(at_least=2, at_most=255, integer=True),
    }

    def __init__(
        self,
        learner: Any = None,
        algorithm: str = "samme",
        *,
        n_estimators: int = 50,
        learning_rate: float = 1.0,
        margin_loss: str = "logistic",
        nu: float | str = "auto",
        eta: float = 20.0,
        gamma: float = 0.1,
        target_error: float = 0.1,
        max_depth: int | None = 1,
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
        self.algorithm = algorithm
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.margin_loss = margin_loss
        self.nu = nu
        self.eta = eta
        self.gamma = gamma
        self.target_error = target_error
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
        """The vote of each round, shape (n_iter_,).

        In "samme" it is ``log((1 - error) / error) + log(K - 1)`` times the learning
        rate, as in scikit-learn: twice AdaBoost's vote for two classes.
        """
        check_is_fitted(self)
        n_classes = len(self.classes_)
        unit = 1.0
        if self.algorithm == "samme" and n_classes > 1:
            unit = n_classes / (n_classes - 1.0) ** 2
        return np.array([unit * done.size for done in self.ensemble_.rounds])

    @property
    def feature_importances_(self) -> Array:
        """Share of each feature in what was learnt; sums to 1, shape (f,).

        That in the gain of all splits, if all learners are trees of boostlab, else the
        mean by votes of what each learner says of itself.

        Raises
        ------
        AttributeError
            If a learner has no importances.
        """
        check_is_fitted(self)
        return voter_importances(self.ensemble_, self.n_features_in_)

    def margins(self, X: Any, y: ArrayLike) -> Array:
        """Return by how much the votes for the right class exceed all others.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Their labels.

        Returns
        -------
        ndarray of shape (n_samples,)
            From -1 to 1: the share of the votes for the row's class, less the greatest
            share of another. It is above 0 where the prediction is right. A model
            without rounds, or of one class, has margins of 0 or 1.

        Raises
        ------
        ValueError
            If the learners do not vote for classes, as in "real", "samme.r", "gentle"
            and "logit"; or a label is unknown.
        """
        check_is_fitted(self)
        if not self._recipe.votes:
            raise ValueError(
                f"algorithm={self.algorithm!r} adds up numbers without a bound, and "
                "not votes, so margins have no unit; use decision_function."
            )
        check_consistent_length(X, y)
        codes = self._encode_targets(self._check_targets(y, "y"), "y", False)
        raw = self._raw_prediction(X)
        if self._is_constant():
            return np.ones(len(raw))
        votes = float(np.abs([d.size for d in self.ensemble_.rounds]).sum())
        n_classes = len(self.classes_)
        unit = (n_classes - 1.0) / n_classes / votes if votes > 0 else 0.0
        if n_classes == 2:
            raw = np.column_stack([-raw[:, 0], raw[:, 0]])
        own = np.take_along_axis(raw, codes.astype(np.intp)[:, None], axis=1)[:, 0]
        others = np.where(codes[:, None] == np.arange(n_classes), -np.inf, raw)
        return np.clip(unit * (own - others.max(axis=1)), -1.0, 1.0)

    @property
    def _recipe(self) -> Recipe:
        return RECIPES[self.algorithm]

    def _conflicts(self) -> list[str]:
        faults = super()._conflicts() + schedule_faults(self._voters(), self.every)
        faults += learner_faults(self.learner, self.algorithm)
        recipe, rate = self._known_recipe(), self.learning_rate
        if recipe is None:
            return faults
        if not recipe.shrinks and isinstance(rate, Real) and rate != 1:
            faults.append(
                f"algorithm={self.algorithm!r} finds its votes without a learning "
                f"rate, but learning_rate is {rate!r}; leave it at 1.0."
            )
        if not recipe.goes_on and self.warm_start is True:
            faults.append(
                f"algorithm={self.algorithm!r} finds all votes anew and cannot go on "
                "from earlier rounds; give warm_start=False and more n_estimators."
            )
        return faults

    def _known_recipe(self) -> Recipe | None:
        """Return the recipe, or None where `algorithm` is no name of one."""
        known = isinstance(self.algorithm, str)
        return RECIPES.get(self.algorithm) if known else None

    def _voters(self) -> Any:
        """Return the learners, each of a list as the algorithm wants it."""
        recipe = self._known_recipe()
        return self.learner if recipe is None else recipe.voters(self.learner)

    def _target_factors(self, rows: Rows) -> None:
        return None

    def _make_objective(self) -> Objective:
        n_classes = len(self.classes_)
        if n_classes > 2 and not self._recipe.multi_class:
            several = ", ".join(repr(n) for n, r in RECIPES.items() if r.multi_class)
            raise ValueError(
                "Only binary classification is supported by "
                f"algorithm={self.algorithm!r}, but y has {n_classes} classes; give "
                f"one of {several}."
            )
        return self._recipe.objective(self, max(2, n_classes))

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
        learner = self._recipe.voters(with_tree(self.learner, tree))
        learner = learner_piece(learner, self.every)
        if adds_up(learner):
            warnings.warn(
                "Sums of linear functions are linear, so boosting this learner gains "
                "nothing over one fit of it; give a learner such as a tree.",
                UserWarning,
                stacklevel=2,
            )
        return Boosting(
            objective=objective,
            direction=self._recipe.direction(self),
            learner=learner,
            step=self._recipe.step(self),
            update=AddToPrediction(),
            corrector=self._recipe.corrector(self),
            sampler=RowsAndColumns(),
        )

    def _store(
        self,
        ensemble: Ensemble,
        curves: dict[str, Array],
        start: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        super()._store(ensemble, curves, start, rng)
        if self.stop_reason_ != "one_class":
            self.objective_ = self._recipe.finished(self.objective_, self.n_iter_)

    def _labels(self, raw: Array) -> NDArray[Any]:
        if self._is_constant():
            return super()._labels(raw)
        return self.classes_[voted_class(raw)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        recipe = self._known_recipe()
        tags.classifier_tags.multi_class = recipe is None or recipe.multi_class
        return tags
