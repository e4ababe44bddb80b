"""What all estimators share: from a table and pieces to a fitted model and back."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils.validation import check_is_fitted

from boostlab.boosting import Boosting
from boostlab.callbacks.generator import generator_from, generator_state
from boostlab.callbacks.scikit_learn import (
    CallbackSupportMixin,
    ScikitLearnCallbacks,
    with_callbacks,
)
from boostlab.data.frames import TableEncoder
from boostlab.data.table import Table
from boostlab.estimators.features import allows_missing, check_columns, check_finite
from boostlab.estimators.monitors import FitMonitors, joined
from boostlab.estimators.parameters import COMMON, check_parameters, make_generator
from boostlab.estimators.rows import Rows, check_weight, hold_out
from boostlab.inspection import feature_importances
from boostlab.parallel import threads
from boostlab.protocols import Objective
from boostlab.state import Ensemble, Problem, Run
from boostlab.updates import AddToPrediction

Array = NDArray[np.float64]

AUTO_STOPPING_ABOVE = 10_000
"""Number of rows above which ``early_stopping="auto"`` stops early."""


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """What a fit works on.

    Parameters
    ----------
    rows, held_out : Rows
        Training rows, and held-out rows or None.
    seed : int
        Seed of the tables.
    stops_early : bool
        Whether early stopping is on.
    """

    rows: Rows
    held_out: Rows | None
    seed: int
    stops_early: bool


class BaseBoosting(CallbackSupportMixin, BaseEstimator):
    """Base class of the estimators.

    A subclass has the parameters of :data:`boostlab.estimators.parameters.COMMON` and
    its own, reads targets and raw predictions (:class:`.regression.Regression` or
    :class:`.classification.Classification`), and says which pieces it consists of.
    """

    _domains = COMMON

    def _make_objective(self) -> Objective:
        """Return the objective for the targets that were learnt."""
        raise NotImplementedError

    def _make_boosting(self, objective: Objective) -> Boosting:
        """Return the pieces around `objective`."""
        raise NotImplementedError

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> BaseBoosting:
        """Fit the model.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Training rows: an array, or a frame of pandas, polars or pyarrow, with
            strings, categories and missing values as they are. Strings and categories
            are encoded by value; a value not seen in training counts as missing.
        y : array-like of shape (n_samples,)
            Targets: numbers for regression, labels of any type for classification.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of at least 0. A row of weight 2 counts like that row given twice,
            and one of weight 0 like a row that is not there.
        X_val, y_val, sample_weight_val : array-like, optional
            Held-out rows for early stopping, in place of a share of the training rows.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If parameters or data cannot be used; all faulty parameters are named.
        """
        check_parameters(self, self._domains)
        with threads(self.n_jobs):
            self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))
        return self

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, val: tuple[Any, Any, Any]
    ) -> None:
        previous = self._previous()
        if previous is None:
            vars(self).pop("ensemble_", None)
            rng = make_generator(self.random_state)
        else:
            rng = generator_from(self.generator_state_["start"])
        start = generator_state(rng)
        data = self._prepare(X, y, sample_weight, val, rng, previous is None)
        if self._is_constant():
            self._store(Ensemble(np.zeros(1), AddToPrediction()), {}, start, rng)
            return
        self.objective_ = self._make_objective()
        outside = self._public_callbacks(X, y, sample_weight)
        monitors = FitMonitors(
            self, data.stops_early, self._watched_loss(data), previous, outside
        )
        run = self._make_boosting(self.objective_).fit(
            self._problem(data), self.n_estimators, rng, monitors.all, previous
        )
        curves = monitors.curves()
        if previous is not None:
            curves = joined(self.history_, curves, previous.n_rounds)
        self._store(run.best or run.ensemble, curves, start, run.state.rng)
        vars(self).pop("all_rounds_", None)
        if self.keep_all_rounds:
            self.all_rounds_ = run.ensemble
        for public in outside:
            public.finish(self.ensemble_)

    def _store(
        self,
        ensemble: Ensemble,
        curves: dict[str, Array],
        start: dict[str, Any],
        rng: np.random.Generator,
    ) -> None:
        """Set the fitted attributes."""
        vars(self).update(_fitted(ensemble))
        self.history_ = curves
        self.generator_state_ = {"start": start, "end": generator_state(rng)}

    def _previous(self) -> Ensemble | None:
        """Return the rounds to go on from, or None for a fit from the start."""
        if not self.warm_start or not hasattr(self, "ensemble_"):
            return None
        if self.n_estimators < self.n_iter_:
            raise ValueError(
                f"n_estimators={self.n_estimators} must be larger or equal to "
                f"n_iter_={self.n_iter_} when warm_start=True, which adds rounds and "
                "removes none."
            )
        return self.ensemble_

    def _prepare(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        val: tuple[Any, Any, Any],
        rng: np.random.Generator,
        reset: bool,
    ) -> _Data:
        """Encode the rows and hold some out."""
        given = val[0] is not None
        if given != (val[1] is not None) or (val[2] is not None and not given):
            raise ValueError(
                "X_val and y_val belong together; give both, or neither of X_val, "
                "y_val and sample_weight_val."
            )
        rows = self._rows(X, y, sample_weight, "", reset)
        held_out = self._rows(*val, "_val", False) if given else None
        auto = given or len(rows.y) > AUTO_STOPPING_ABOVE
        stops_early = auto if self.early_stopping == "auto" else self.early_stopping
        split_seed, seed = (int(number) for number in rng.integers(2**63, size=2))
        if stops_early and not given and self.validation_fraction is not None:
            fraction = float(self.validation_fraction)
            aside = hold_out(rows, fraction, split_seed, hasattr(self, "classes_"))
            rows, held_out = rows.take(~aside), rows.take(aside)
        factors = self._target_factors(rows)
        if factors is not None:
            rows, held_out = (
                part and part.reweighted(factors[part.y.astype(np.intp)])
                for part in (rows, held_out)
            )
        return _Data(rows, held_out, seed, bool(stops_early))

    def _rows(
        self, X: Any, y: Any, sample_weight: Any, suffix: str, reset: bool
    ) -> Rows:
        """Return encoded rows, those of weight 0 dropped before anything is learnt."""
        X = check_columns(self, X, y=y, reset=reset)
        n_samples = X.shape[0]
        y = self._check_targets(y, n_samples, "y" + suffix)
        weight = check_weight(sample_weight, n_samples, "sample_weight" + suffix)
        counts = weight > 0
        if not counts.all():
            X, y, weight = select_rows(X, counts), y[counts], weight[counts]
        if reset:
            self.encoder_ = TableEncoder().fit(X)
        numeric = self.encoder_.transform(X)
        check_finite(self, numeric)
        return Rows(numeric, self._encode_targets(y, reset), weight)

    def _problem(self, data: _Data) -> Problem:
        """Return what the loop is given."""
        names = self._names()
        rows, aside = data.rows, data.held_out
        table = Table(rows.numeric, names, weight=rows.weight, seed=data.seed)
        validation = None
        if aside is not None:
            held_out = Table(
                aside.numeric, names, aside.weight, reference=table, seed=data.seed
            )
            validation = Problem(held_out, aside.y, aside.weight)
        return Problem(table, rows.y, rows.weight, validation)

    def _names(self) -> list[str]:
        """Return the names of the features, x0, x1, ... where they have none."""
        names = getattr(self, "feature_names_in_", None)
        return [f"x{i}" for i in range(self.n_features_in_)] if names is None else [
            str(name) for name in names
        ]
