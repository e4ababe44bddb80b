"""Natural-gradient boosting: the pieces that it consists of, and what it predicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from boostlab.boosting import Boosting
from boostlab.correctors import NoCorrection
from boostlab.directions import Gradient, NaturalGradient
from boostlab.distributions import (
    Predictive,
    distribution_names,
    get_distribution,
    get_score,
)
from boostlab.estimators.out_of_fold import (
    MOST_ROUNDS,
    Spread,
    Unseen,
    cross_validated,
    shifted,
)
from boostlab.estimators.parameters import (
    FLAG,
    Choice,
    Domain,
    Number,
    PieceOrName,
)
from boostlab.estimators.pieces import LearnerOrName, learner_piece
from boostlab.estimators.rows import check_weight
from boostlab.learners.tree import Tree
from boostlab.objectives import DistributionObjective
from boostlab.objectives.weighted import weighted_mean
from boostlab.protocols import Direction, Objective, Step, WeakLearner
from boostlab.samplers import HashedRows
from boostlab.state import Ensemble, Problem, Run
from boostlab.steps import DoublingSearch, OwnUnits, ReferenceSearch, Shrinkage
from boostlab.updates import AddToPrediction

Array = NDArray[np.float64]

SEARCHES: dict[str, type] = {
    "best": DoublingSearch,
    "reference": ReferenceSearch,
    "none": Shrinkage,
}

TREE_DEFAULTS: dict[str, Any] = {
    "max_depth": "auto",
    "max_leaf_nodes": "auto",
    "min_samples_leaf": "auto",
    "l2_regularization": 0.0,
    "max_bins": 255,
    "low_memory": False,
    "growth": "auto",
    "multi_strategy": "separate",
}
"""Parameters that describe the tree, and no other learner."""

AUTO: dict[str | None, dict[str, Any]] = {
    None: {
        "subsample": 0.5,
        "max_depth": None,
        "max_leaf_nodes": 16,
        "growth": "leaf",
    },
    "reference": {
        "subsample": 1.0,
        "max_depth": 3,
        "max_leaf_nodes": None,
        "growth": "depth",
        "min_samples_leaf": 1,
    },
}
"""What "auto" stands for, by `compat`; leaves are else as the tree has them."""

REFERENCE_RATE, GIVEN_RATE, FREE_RATE = 0.01, 0.02, 0.05
"""What ``learning_rate="auto"`` is.

Where held-out rows choose the number of rounds, they guard against too many.
"""

FIXED_ROUNDS = 500
"""Rounds where neither the caller says how many nor held-out rows."""

NATURAL_DOMAINS: dict[str, Domain] = {
    "scoring_rule": PieceOrName(("brier", "crps", "log"), ("values", "gradient")),
    "natural_gradient": FLAG,
    "line_search": Choice(tuple(SEARCHES)),
    "compat": Choice((None, "reference")),
    "learner": LearnerOrName(optional=True, lists=False),
    "learning_rate": Number(above=0, also=("auto",)),
    "n_estimators": Number(at_least=1, integer=True, also=(None,)),
    "max_depth": Number(at_least=1, integer=True, also=(None, "auto")),
    "max_leaf_nodes": Number(at_least=2, integer=True, also=(None, "auto")),
    "min_samples_leaf": Number(above=0, also=("auto",)),
    "l2_regularization": Number(at_least=0),
    "max_bins": Number(at_least=2, at_most=255, integer=True),
    "low_memory": FLAG,
    "subsample": Number(above=0, at_most=1, also=("auto",)),
    "max_features": Number(above=0, at_most=1),
    "growth": Choice(("auto", "leaf", "depth", "oblivious")),
    "multi_strategy": Choice(("separate", "shared")),
    "recalibrate": Choice(("auto", True, False)),
}


def distribution_domain(task: str) -> PieceOrName:
    """Return what ``distribution=...`` may be."""
    return PieceOrName(distribution_names(task), ("log_density", "fisher"))


class NaturalBoosting:
    """What the estimators of this kind have in common."""

    _unseen: tuple[Unseen, Unseen] | None = None

    def _conflicts(self) -> list[str]:
        faults = super()._conflicts()
        if self.learner is not None:
            changed = [
                name
                for name, default in TREE_DEFAULTS.items()
                if getattr(self, name) != default
            ]
            if changed:
                faults.append(
                    f"{' and '.join(changed)} cannot be set together with learner=..., "
                    "which replaces the tree that they describe; set them on the "
                    "learner."
                )
        if self.compat is not None and self.line_search == "none":
            faults.append(
                "line_search='none' contradicts compat='reference', whose search it "
                "is; leave one of them out."
            )
        if self.warm_start and self.n_estimators is None:
            faults.append(
                "warm_start goes on to a number of rounds; give n_estimators too."
            )
        if self.warm_start and self.recalibrate is True:
            faults.append(
                "recalibrate=True moves the baseline, from which warm_start=True would "
                "go on; leave one of them out."
            )
        return faults

    def _family(self) -> Any:
        """Return the distribution of the parameter, for the classes that there are."""
        family = get_distribution(self.distribution)
        return clone(family) if hasattr(family, "get_params") else family

    def _make_objective(self) -> DistributionObjective:
        score = get_score(self.scoring_rule)
        score = clone(score) if hasattr(score, "get_params") else score
        return DistributionObjective(self._family(), score, self.compat is None)

    def _objective_of(self, problem: Problem, goes_on: bool) -> Objective:
        made = self._make_objective()
        if problem.y.ndim == 2:
            made.distribution = made.family.for_targets(problem.y)
        return made

    def _row_bytes(self, n_targets: int) -> int:
        if self._task == "classification":
            return 70 + 40 * n_targets
        if n_targets == 1:
            return 70 + 40 * self._family().n_parameters
        # Means, variances and covariances, and the metric is a full matrix.
        n_outputs = n_targets * (n_targets + 3) // 2
        return 70 + 40 * n_outputs + 8 * n_outputs**2

    def _make_direction(self) -> Direction:
        if not self.natural_gradient:
            return Gradient()
        return NaturalGradient(common_unit=self._shares_trees())

    def _shares_trees(self) -> bool:
        """Return whether parameters of different units share a tree."""
        return self.natural_gradient and self.multi_strategy == "shared"

    def _make_learner(self) -> WeakLearner:
        if self.learner is not None:
            return learner_piece(self.learner)
        tree = Tree(
            **{name: self._value(name) for name in TREE_DEFAULTS},
            ties=self._ties(),
        )
        tree.validate()
        return tree

    def _ties(self) -> str:
        """Return how ties between splits are broken: fairly, as in exact trees."""
        is_faithful = self.compat is not None and self.growth != "oblivious"
        return "fair" if is_faithful else "first"

    def _make_step(self) -> Step:
        search = "reference" if self.compat == "reference" else self.line_search
        step = SEARCHES[search](self._value("learning_rate"))
        return OwnUnits(step) if self._shares_trees() else step

    def _make_boosting(self, objective: Objective) -> Boosting:
        return Boosting(
            objective=objective,
            direction=self._make_direction(),
            learner=self._make_learner(),
            step=self._make_step(),
            update=AddToPrediction(),
            corrector=NoCorrection(),
            sampler=HashedRows(self._value("subsample"), self.max_features),
        )

    def _value(self, name: str) -> Any:
        """Return a parameter, where it is "auto" what that stands for."""
        value = getattr(self, name)
        if not isinstance(value, str) or value != "auto":
            return value
        if name == "learning_rate":
            return self._rate()
        return AUTO[self.compat].get(name, value)

    def _rate(self) -> float:
        if self.compat is not None:
            return REFERENCE_RATE
        is_free = self._is_free() and bool(self.early_stopping)
        return FREE_RATE if is_free else GIVEN_RATE

    def _is_free(self) -> bool:
        """Return whether held-out rows, if any, choose the number of rounds."""
        return self.n_estimators is None and self.compat is None

    def _recalibrates(self) -> bool:
        """Return whether the spread follows held-out rows, if there are any."""
        if self.recalibrate == "auto":
            return self._is_free()
        return bool(self.recalibrate)

    def _n_rounds(self, data: Any, first: Ensemble | None) -> int:
        self._unseen, given = None, self.n_estimators
        if self.n_estimators is None and not (self._is_free() and self.early_stopping):
            given = FIXED_ROUNDS
        crosses = given is None and data.held_out is None
        if crosses or (self.recalibrate is True and data.held_out is None):
            given, self._unseen = cross_validated(self, data, given)
        return MOST_ROUNDS if given is None else given

    def _correct(self, run: Run) -> None:
        """Widen what was learnt to what held-out rows call for."""
        pair, self._unseen = self._unseen, None
        held_out, best = run.state.validation, run.best or run.ensemble
        if pair is None and held_out is not None:
            pair = (Unseen.by(best, held_out),) * 2
        unseen, late = pair or (None, None)
        if unseen is not None and self._recalibrates():
            spread = Spread(self.objective_)
            shift, _ = spread.improve(unseen, spread.start())
            run.ensemble = shifted(run.ensemble, shift)
            run.best = run.best and shifted(run.best, shift)
            late = late.shifted(shift)
        self._keep_levels(run.state.y if late is None else late.y, late)

    def _keep_levels(self, y: Array, unseen: Unseen | None) -> None:
        """Keep what intervals need of targets and of rows held out, if any were."""

    def predict_dist(self, X: Any) -> Predictive:
        """Predict a distribution for each row.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        Predictive
            With ``mean``, ``std``, ``quantile``, ``interval``, ``cdf``, ``logpdf``,
            ``sample`` and more; it can be indexed by rows.
        """
        return self._predictive(self._raw_prediction(X))

    def staged_predict_dist(self, X: Any) -> Iterator[Predictive]:
        """Yield the predicted distributions after each round; see `predict_dist`."""
        for raw in self._staged_raw_prediction(X):
            yield self._predictive(raw)

    def score(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the negative weighted mean of the scoring rule: greater is better.

        With the log score it is the mean log likelihood.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.
        y : array-like
            Targets, as in ``fit``.
        sample_weight : array-like of shape (n_samples,), optional
            Weights.
        """
        raw = self._raw_prediction(X)
        y = self._encode_targets(self._check_targets(y, "y"), "y", False)
        weight = check_weight(sample_weight, len(y), "sample_weight")
        predicted, objective = self._predictive(raw), self._objective()
        objective.check_targets(y)
        return -weighted_mean(objective.pointwise_loss(y, predicted.raw), weight)

    def _objective(self) -> DistributionObjective:
        """Return the objective of the fitted model."""
        return self.objective_

    def _predictive(self, raw: Array) -> Predictive:
        return self.objective_.predictive(raw, self.ensemble_.baseline)

    @property
    def parameter_importances_(self) -> Array:
        """Share of each feature in the gain of each parameter's trees, shape (K, f).

        Rows sum to 1, or are zeros where nothing was learnt. Only trees that belong to
        one parameter each have such shares.
        """
        check_is_fitted(self)
        n_outputs = len(self.ensemble_.baseline)
        total = np.zeros((n_outputs, self.n_features_in_))
        for done in self.ensemble_.rounds:
            own = getattr(done.hypothesis, "importances_by_tree", None)
            own = None if own is None else own()
            if own is None or len(own) != n_outputs:
                raise AttributeError(
                    "parameter_importances_ needs a tree for each parameter; use "
                    "predict_contributions, which has a part for each parameter."
                )
            total += own
        summed = total.sum(axis=1, keepdims=True)
        return np.divide(total, summed, out=np.zeros_like(total), where=summed > 0)

    @property
    def feature_importances_(self) -> Array:
        """Share of each feature in the gain of all splits; sums to 1, shape (f,).

        The mean of the shares in the trees of each parameter, whose gains are in units
        of their own.
        """
        check_is_fitted(self)
        if self.learner is not None or self.multi_strategy == "shared":
            return super().feature_importances_
        shares = self.parameter_importances_
        learnt = shares.any(axis=1)
        return shares[learnt].mean(axis=0) if learnt.any() else shares[0]
