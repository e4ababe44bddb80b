"""What all estimators share: from a table and pieces to a fitted model and back."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.metrics import check_scoring
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from boostlab.boosting import Boosting
from boostlab.callbacks.generator import generator_from, generator_state
from boostlab.callbacks.scikit_learn import (
    CallbackSupportMixin,
    ScikitLearnCallbacks,
    with_callbacks,
)
from boostlab.data.chunks import Chunks
from boostlab.data.frames import TableEncoder
from boostlab.data.table import Table
from boostlab.estimators.chunked import ChunkedRows, features_of
from boostlab.estimators.features import check_finite
from boostlab.estimators.in_parts import check_parts, check_rows_left
from boostlab.estimators.monitors import FitMonitors, joined
from boostlab.estimators.origin import Origin, copy_features
from boostlab.estimators.parameters import COMMON, check_parameters, make_generator
from boostlab.estimators.pieces import (
    allows_missing,
    partitions,
    piece,
    splits_sets,
    takes_sparse,
)
from boostlab.estimators.rounds import MOST_ROUNDS, PLAIN_ROUNDS, chosen_rounds
from boostlab.estimators.rows import Given, Rows, check_weight, hold_out
from boostlab.estimators.tree_inspection import TreeInspection
from boostlab.groups import Groups
from boostlab.inspection import feature_importances
from boostlab.objectives import get_objective
from boostlab.parallel import FEW_ROWS, threads
from boostlab.protocols import Monitor, Objective
from boostlab.reduce import agree, count, refuse, total
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
    cross_validates : bool, default=False
        Whether cross-validation chooses the number of rounds.
    """

    rows: Rows
    held_out: Rows | None
    seed: int
    stops_early: bool
    cross_validates: bool = False


class BaseBoosting(TreeInspection, CallbackSupportMixin, BaseEstimator):
    """Base class of the estimators.

    A subclass has the parameters of :data:`boostlab.estimators.parameters.COMMON` and
    its own, reads targets and raw predictions (:class:`.regression.Regression` or
    :class:`.classification.Classification`), and says which pieces it consists of.
    """

    _domains = COMMON
    _task: str

    def _conflicts(self) -> list[str]:
        """Return a sentence for each combination of parameters that cannot be."""
        return []

    def _takes_sparse(self) -> bool:
        """Return whether sparse matrices are taken as they are."""
        return takes_sparse(self.learner)

    def _make_objective(self) -> Objective:
        """Return the objective for the targets that were learnt."""
        return self._objective_for(self.loss)

    def _objective_of(self, problem: Problem, goes_on: bool) -> Objective:
        """Return the objective of a fit, which may go on from earlier rounds."""
        return self._make_objective()

    def _objective_for(self, objective: str | Objective) -> Objective:
        """Return the objective that a parameter stands for."""
        n_classes = len(getattr(self, "classes_", ()))
        return get_objective(piece(objective, {}), self._task, n_classes)

    def _row_bytes(self, n_targets: int) -> int:
        """Return the memory that a fit holds for each row, as measured."""
        return 100 + 30 * (n_targets - 1)

    def _make_boosting(self, objective: Objective) -> Boosting:
        """Return the pieces around `objective`."""
        raise NotImplementedError

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any = None,
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
            are encoded by value; `handle_unknown` says what other values mean. Trees
            also take sparse matrices, and make of them what they make of dense ones;
            and :class:`boostlab.data.Chunks`, for more data than memory.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets: numbers for regression, labels of any type for classification.
            Only regression takes several targets. Chunks hold them.
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
        check_parameters(self, self._domains, self._conflicts())
        with threads(self.n_jobs):
            self._fit(
                Given(X, y, sample_weight), Given(X_val, y_val, sample_weight_val)
            )
        return self

    def _fit(self, given: Given, val: Given) -> None:
        previous = self._previous()
        origin = Origin.of(getattr(self, "init", None), self._task)
        if previous is None:
            for name in ("ensemble_", "objective_", "classes_", "all_rounds_"):
                vars(self).pop(name, None)
            self.n_init_ = 0
            rng = make_generator(self.random_state)
        else:
            rng = generator_from(self.generator_state_["start"])
        check_parts(self, rng, val.X is not None)
        start = generator_state(rng)
        learns = previous is None and not origin.teach(self)
        data = self._prepare(given, val, rng, learns)
        if self._is_constant():
            self._store(Ensemble(np.zeros(1), AddToPrediction()), {}, start, rng)
            return
        problem = self._problem(data)
        goes_on = previous is not None or origin.units is not None
        self.objective_ = self._objective_of(problem, goes_on)
        boosting = self._make_boosting(self.objective_)
        first = previous
        if previous is None and (first := origin.rounds(self, boosting, data.rows.y)):
            self.n_init_ = first.n_rounds
        self._check_continues(first, data)
        outside = self._public_callbacks(given)
        monitors = FitMonitors(
            self, data.stops_early, self._watched_loss(data), previous, outside
        )
        n_rounds = self.n_init_ + self._n_rounds(data, first)
        run = boosting.fit(problem, n_rounds, rng, monitors.all, first)
        curves = monitors.curves()
        if first is not None:
            old = {} if previous is None else self.history_
            curves = joined(old, curves, first.n_rounds)
        self._correct(run)
        ensemble = run.ensemble if run.best is None else run.best
        self._store(ensemble, curves, start, run.state.rng)
        self.generator_state_.update(monitors.at_best())
        vars(self).pop("all_rounds_", None)
        if self.keep_all_rounds:
            self.all_rounds_ = run.ensemble
        for public in outside:
            public.finish(self.ensemble_)

    def _n_rounds(self, data: _Data, first: Ensemble | None) -> int:
        """Return how many rounds to run at most, those of `first` not counted."""
        if self.n_estimators is not None:
            return self.n_estimators
        if data.cross_validates:
            return chosen_rounds(self, data, first)
        return MOST_ROUNDS if data.stops_early else PLAIN_ROUNDS

    def _correct(self, run: Run) -> None:
        """Put right what held-out rows call for, once all rounds are there."""

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

    def _keep(self, ensemble: Ensemble, rounds: NDArray[np.intp]) -> None:
        """Become the model of `ensemble`, whose rounds are these of the present one."""
        vars(self).update(_fitted(ensemble), n_init_=0)

    def _previous(self) -> Ensemble | None:
        """Return the rounds to go on from, or None for a fit from the start."""
        if not self.warm_start or not hasattr(self, "ensemble_"):
            return None
        n_fitted = self.n_iter_ - self.n_init_
        if self.n_estimators < n_fitted:
            beside = f" (beside {self.n_init_} of init)" if self.n_init_ else ""
            raise ValueError(
                f"n_estimators={self.n_estimators} must be larger or equal to "
                f"n_iter_={n_fitted}{beside} when warm_start=True, which adds rounds "
                "and removes none."
            )
        return self.ensemble_

    def _check_continues(self, previous: Ensemble | None, data: _Data) -> None:
        """Refuse rounds of another number of outputs than the objective now has."""
        n_outputs = getattr(self.objective_, "n_outputs", None)
        if previous is None or n_outputs is None:
            return
        now, before = n_outputs(data.rows.y), len(previous.baseline)
        if now != before:
            raise ValueError(
                f"{type(self.objective_).__name__} has {now} outputs, but the rounds "
                f"to go on from have {before}; fit anew with warm_start=False and "
                "without init, or change the loss."
            )

    def _prepare(
        self, given: Given, val: Given, rng: np.random.Generator, reset: bool
    ) -> _Data:
        """Encode the rows and hold some out."""
        has_val = val.X is not None
        if has_val != val.has_targets or (val.metadata and not has_val):
            raise ValueError(
                "X_val and y_val belong together; give both, or neither of X_val, "
                "y_val and sample_weight_val."
            )
        split_seed, seed = (int(number) for number in rng.integers(2**63, size=2))
        encoder = TableEncoder(
            handle_unknown=self.handle_unknown, owner=type(self).__name__
        )
        data = self._parts(given, val, encoder, reset, (split_seed, seed))
        if not reset:
            self.encoder_.handle_unknown = self.handle_unknown
        if not reset and encoder.to_parts() != self.encoder_.to_parts():
            # Other rows than those that the encoder has learnt from.
            data = self._parts(given, val, self.encoder_, reset, (split_seed, seed))
        if reset:
            self.encoder_ = encoder
            copy_features(encoder, self)
        return data

    def _parts(
        self,
        given: Given,
        val: Given,
        encoder: TableEncoder,
        reset: bool,
        seeds: tuple[int, int],
    ) -> _Data:
        """Return training and held-out rows, encoded by what `encoder` is or learns."""
        learns = not encoder.is_fitted
        rows, held_out = self._rows(given, "", encoder, reset), None
        has_val, stops_early = val.X is not None, self.early_stopping
        is_auto = stops_early == "auto"
        if is_auto:
            n_rows = max(count(len(rows.y)), total(rows.weight))
            many = n_rows > AUTO_STOPPING_ABOVE and rows.can_be_parted
            stops_early = self.n_estimators != "auto" and (has_val or many)
        if stops_early and not has_val and self.validation_fraction is not None:
            fraction = float(self.validation_fraction)
            stratify = hasattr(self, "classes_")
            aside = hold_out(rows, fraction, seeds[0], stratify, not is_auto)
            if aside is None:
                stops_early = False
            else:
                rows, held_out = rows.take(~aside), rows.take(aside)
                check_rows_left(len(rows.y))
        factors = self._target_factors(rows)
        if factors is not None:
            rows, held_out = (
                part and part.reweighted(factors[part.y.astype(np.intp)])
                for part in (rows, held_out)
            )
        if learns:  # only now is it known which rows may be learnt from
            recoding = encoder.order_by_target(
                rows.numeric,
                rows.weight,
                self._order_target(rows),
                pool_rare=not splits_sets(self.learner),
                seed=seeds[0],
            )
            rows, held_out = (
                part and replace(part, numeric=recoding.apply(part.numeric, learnt))
                for part, learnt in ((rows, True), (held_out, False))
            )
        if has_val:
            held_out = self._rows(val, "_val", encoder, False)
            if factors is not None:
                held_out = held_out.reweighted(factors[held_out.y.astype(np.intp)])
            if not self._same_targets(rows.y, held_out.y):
                raise ValueError(
                    f"y_val has {_n_targets(held_out.y)} targets, but y has "
                    f"{_n_targets(rows.y)}; give the same targets in the same order."
                )
        asked = is_auto and self.n_estimators is None and not stops_early
        return _Data(rows, held_out, seeds[1], bool(stops_early), asked)

    def _rows(
        self, given: Given, suffix: str, encoder: TableEncoder, reset: bool
    ) -> Rows:
        """Return encoded rows; those of weight 0 are gone before anything is learnt."""
        X, y = given.X, given.y
        if isinstance(X, Chunks):
            return ChunkedRows(self, given, suffix, encoder).read(reset)
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        y = self._check_targets(y, "y" + suffix)
        check_consistent_length(X, y)
        weight = check_weight(given.sample_weight, len(y), "sample_weight" + suffix)
        group = self._check_group(given.group, len(y), "group" + suffix)
        sparse = self._takes_sparse()
        if encoder.is_fitted:
            numeric = encoder.transform(X, accept_sparse=sparse, by_column=True)
        else:
            numeric = encoder.fit_transform(
                X, weight, accept_sparse=sparse, by_column=True
            )
        counts = weight > 0
        if not counts.all():
            numeric, y, weight = numeric[counts], y[counts], weight[counts]
            group = None if group is None else group[counts]
        check_finite(self, numeric)
        check_rows_left(len(y))
        agree(str(numeric.dtype), "the type of the numbers in X" + suffix)
        if group is not None:
            refuse("Groups of rows, as in ranking,", "fit all rows in one place")
        y = self._encode_targets(y, "y" + suffix, reset)
        return Rows(numeric, y, weight, None if group is None else Groups.of(group))

    def _check_group(self, group: Any, n_rows: int, name: str) -> NDArray[Any] | None:
        """Return the label of each row's group; None where rows are independent."""
        return None

    def _same_targets(self, y: Array, y_val: Array) -> bool:
        """Return whether held-out targets are of the same kind as those of training."""
        return y.shape[1:] == y_val.shape[1:]

    def _problem(self, data: _Data) -> Problem:
        """Return what the loop is given."""
        names = getattr(self, "feature_names_in_", None)
        rows, aside = data.rows, data.held_out
        table = Table(
            rows.numeric,
            names,
            weight=rows.weight,
            seed=data.seed,
            categorical=self.encoder_.nominal_,
            unordered=self.encoder_.unordered_,
        )
        validation = None
        if aside is not None:
            held_out = Table(
                aside.numeric, names, aside.weight, reference=table, seed=data.seed
            )
            validation = Problem(held_out, aside.y, aside.weight, group=aside.group)
        return Problem(table, rows.y, rows.weight, validation, rows.group)

    def _watched_loss(self, data: _Data) -> Any:
        """Return the loss that early stopping watches; None for the objective's."""
        if self.scoring == "loss":
            return None
        scorer = self._scorer()
        rows = data.rows if data.held_out is None else data.held_out
        targets = self._decode_targets(rows.y)
        features, metadata = rows.features, self._score_metadata(rows)

        def loss(run: Run) -> float:
            state = run.state if data.held_out is None else run.state.validation
            model = copy.copy(self)
            vars(model).update(_fitted(run.ensemble))
            # The scorer's questions are answered from what the loop has computed.
            model._raw_prediction = lambda X: state.raw_prediction
            return -float(scorer(model, features, targets, **metadata))

        return loss

    def _scorer(self) -> Callable[..., float]:
        """Return what `scoring` stands for, ``scorer(estimator, X, y, **metadata)``."""
        return check_scoring(self, self.scoring)

    def _score_metadata(self, rows: Rows) -> dict[str, Any]:
        """Return what a scorer is given besides features and targets."""
        # Not all metrics take weights, so they are given only where they matter.
        return {} if (rows.weight == 1).all() else {"sample_weight": rows.weight}

    def _own_monitors(self, previous: Ensemble | None) -> list[Monitor]:
        """Return monitors that the method itself needs, going on from `previous`."""
        return []

    def _public_callbacks(self, given: Given) -> list[ScikitLearnCallbacks]:
        """Return the monitor of scikit-learn's callbacks, where there are such."""
        if not hasattr(self, "set_callbacks"):
            return []
        return [ScikitLearnCallbacks(self, given.X, given.y, given.metadata, _fitted)]

    def _raw_prediction(self, X: Any) -> Array:
        """Return the raw prediction, shape (n, K)."""
        if isinstance(X, Chunks):
            check_is_fitted(self)
            parts = features_of(X, self.encoder_)
            found = [self._raw_prediction(part) for part in parts]
            none = np.empty((0, len(self.baseline_prediction_)))
            return np.asfortranarray(np.concatenate([none, *found]))
        table = self._table(X)
        # Few rows are predicted faster than the processors are counted.
        with threads(1 if table.n_samples <= FEW_ROWS else self.n_jobs):
            return self.ensemble_.predict(table)

    def _staged_raw_prediction(self, X: Any) -> Iterator[Array]:
        """Yield the raw prediction after each round; copy to keep one."""
        table = self._table(X)
        stages = self.ensemble_.staged_predict(table)
        while True:
            # Set only while the round runs, and not while the caller uses its result.
            with threads(self.n_jobs):
                raw = next(stages, None)
            if raw is None:
                return
            yield raw

    def _table(self, X: Any) -> Table:
        """Return new rows as the table that the ensemble reads."""
        check_is_fitted(self)
        if isinstance(X, Chunks):
            raise TypeError(
                "Chunks are taken by fit and by the methods that predict; give others, "
                "such as staged_predict and apply, one chunk after another."
            )
        sparse = self._takes_sparse()
        numeric = self.encoder_.transform(X, accept_sparse=sparse)
        check_finite(self, numeric)
        return Table(
            numeric,
            getattr(self, "feature_names_in_", None),
            categorical=self.encoder_.nominal_,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to a file that :func:`boostlab.load` reads.

        Parameters
        ----------
        path : str or path-like
            The file, usually named ``*.boostlab``. One that is there is replaced.

        Raises
        ------
        TypeError
            If the model has a part that is not registered for model files.
        """
        from boostlab.persistence import save

        check_is_fitted(self)
        save(self, path)

    @property
    def feature_importances_(self) -> Array:
        """Share of each feature in the gain of all splits; sums to 1, shape (f,).

        Gain favours features with many distinct values; for a fairer account use
        :func:`sklearn.inspection.permutation_importance` on held-out rows.
        """
        check_is_fitted(self)
        return feature_importances(self.ensemble_, self.n_features_in_)

    @property
    def train_score_(self) -> Array:
        """Negative training loss before the first round and after each round run.

        Recorded while stopping early or verbose, else empty.
        """
        return -self.history_.get("training_loss", np.empty(0))

    @property
    def validation_score_(self) -> Array:
        """Held-out score before the first round and after each round run.

        The negative loss, or the value of ``scoring``; empty without held-out rows.
        """
        if "validation_score" in self.history_:
            return self.history_["validation_score"]
        return -self.history_.get("validation_loss", np.empty(0))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "ensemble_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = allows_missing(self.learner)
        tags.input_tags.categorical = partitions(self.learner)
        tags.input_tags.sparse = self._takes_sparse()
        return tags


def _n_targets(y: Array) -> int:
    return 1 if y.ndim == 1 else y.shape[1]


def _fitted(ensemble: Ensemble) -> dict[str, Any]:
    """Return the fitted attributes that depend on the rounds."""
    return {
        "ensemble_": ensemble,
        "n_iter_": ensemble.n_rounds,
        "baseline_prediction_": ensemble.baseline,
    }
