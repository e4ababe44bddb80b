"""What a fit begins with: a constant, or another fitted model (``init``)."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from boostlab.boosting import Boosting
from boostlab.data.frames import TableEncoder
from boostlab.learners.start import StartPrediction
from boostlab.objectives.links import Link
from boostlab.state import Ensemble, Round

_XGBOOST = ("get_booster", "save_raw")
_LIGHTGBM = ("booster_", "model_to_string")


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where the rounds of a fit set out from.

    Parameters
    ----------
    ensemble : Ensemble, optional
        Rounds to go on from.
    encoder : TableEncoder, optional
        What made numbers of the features for these rounds.
    classes : ndarray, optional
        The labels that they tell apart.
    link : Link, optional
        How their raw prediction is to be read; None if that is not known.
    units : tuple of float, optional
        Units of several targets, in which the raw prediction is.
    other : estimator, optional
        A fitted estimator of another library, whose predictions are the start.
    """

    ensemble: Ensemble | None = None
    encoder: TableEncoder | None = None
    classes: NDArray[Any] | None = None
    link: Link | None = None
    units: tuple[float, ...] | None = None
    other: Any = None

    @classmethod
    def of(cls, init: Any, task: str) -> Origin:
        """Return the origin that the parameter ``init`` stands for.

        Raises
        ------
        NotFittedError
            If it is an estimator that is not fitted.
        ValueError
            If it is a model for another task.
        """
        if init is None:
            return cls()
        if isinstance(init, FrozenEstimator):
            init = init.estimator
        if not isinstance(init, Ensemble):
            _check_fitted(init)
            init = _imported(init)
        if isinstance(init, Ensemble):
            return cls(init, units=(1.0,) * len(init.baseline))
        if not hasattr(init, "ensemble_"):
            return cls(other=init)
        if getattr(init, "_task", task) != task:
            raise ValueError(
                f"init is a model for {init._task}, but this one is for {task}; give "
                "one for the same task."
            )
        objective = getattr(init, "objective_", None)
        return cls(
            init.ensemble_,
            init.encoder_,
            getattr(init, "classes_", None),
            getattr(objective, "link", None),
            getattr(objective, "units", None) or (1.0,) * len(init.ensemble_.baseline),
        )

    def teach(self, estimator: Any) -> bool:
        """Hand units, features and classes over; return whether features were known."""
        if self.units is not None:
            estimator.objective_ = SimpleNamespace(units=self.units)
        if self.encoder is None:
            return False
        estimator.encoder_ = copy.copy(self.encoder)
        estimator.encoder_.owner = type(estimator).__name__
        copy_features(self.encoder, estimator)
        if self.classes is not None:
            estimator.classes_ = self.classes
        return True

    def rounds(
        self, estimator: Any, boosting: Boosting, y: NDArray[np.float64]
    ) -> Ensemble | None:
        """Return the rounds to go on from; None for a fit from the constant.

        Parameters
        ----------
        estimator : BaseBoosting
            Its ``objective_``, ``encoder_`` and ``classes_`` are known by now.
        boosting : Boosting
            What will add rounds.
        y : ndarray of shape (n,)
            Encoded targets.

        Raises
        ------
        TypeError, ValueError
            If the rounds cannot be gone on from.
        """
        if self.other is not None:
            return self._around_other(estimator, boosting, y)
        if self.ensemble is None:
            return None
        if type(self.ensemble.update) is not type(boosting.update):
            raise TypeError(
                f"init has the update {type(self.ensemble.update).__name__}, but this "
                f"model {type(boosting.update).__name__}; use the same."
            )
        own = getattr(estimator.objective_, "link", None)
        if self.link is not None and self.link != own:
            raise ValueError(
                f"init has the link {self.link}, but the loss of this model {own}; "
                "choose a loss with the same link."
            )
        _check_features(self.ensemble, estimator.n_features_in_)
        return self.ensemble.snapshot()

    def _around_other(
        self, estimator: Any, boosting: Boosting, y: NDArray[np.float64]
    ) -> Ensemble:
        """Return the start of a foreign estimator as an ensemble of one round."""
        classes = getattr(estimator, "classes_", None)
        if not boosting.update.additive:
            raise TypeError(
                f"{type(boosting.update).__name__} does not add to the raw prediction, "
                "so it cannot start from the prediction of an estimator."
            )
        if estimator.encoder_.categorical_.any():
            raise ValueError(
                f"init is a {type(self.other).__name__}, which would see the codes of "
                "categories; encode them as numbers before both models."
            )
        _check_same(self.other, estimator, "feature_names_in_", "feature names")
        _check_same(self.other, estimator, "n_features_in_", "number of features")
        if classes is not None:
            _check_same(self.other, estimator, "classes_", "classes")
        objective = estimator.objective_
        n_outputs = objective.n_outputs(y) if hasattr(objective, "n_outputs") else 1
        start = StartPrediction(self.other, objective.link, classes is not None)
        return Ensemble(np.zeros(n_outputs), boosting.update, [Round(start, 1.0)])


def copy_features(encoder: TableEncoder, estimator: Any) -> None:
    """Give the estimator the number and names of the features."""
    vars(estimator).pop("feature_names_in_", None)
    estimator.n_features_in_ = encoder.n_features_in_
    if hasattr(encoder, "feature_names_in_"):
        estimator.feature_names_in_ = encoder.feature_names_in_


def _check_fitted(init: Any) -> None:
    """Refuse an estimator that is not fitted, and say how that may have come about."""
    if any(hasattr(init, method) for method in (*_XGBOOST, *_LIGHTGBM)):
        return  # these raise by themselves
    check_is_fitted(
        init,
        msg="init is a %(name)s that is not fitted; fit it first, and where this model "
        "is cloned, as in cross-validation, give FrozenEstimator(init) of "
        "sklearn.frozen, since a clone of init is not fitted.",
    )


def _imported(init: Any) -> Any:
    """Return models of XGBoost and LightGBM as ours, and others as they are."""
    from boostlab.persistence import import_lightgbm, import_xgboost

    if any(hasattr(init, method) for method in _XGBOOST):
        return import_xgboost(init)
    if any(hasattr(init, method) for method in _LIGHTGBM):
        return import_lightgbm(init)
    return init


def _check_features(ensemble: Ensemble, n_features: int) -> None:
    """Refuse rounds that read other features than the table has."""
    for done in ensemble.rounds:
        wanted = getattr(done.hypothesis, "n_features", n_features)
        if wanted != n_features:
            raise ValueError(
                f"init reads {wanted} features, but X has {n_features}; give the same."
            )


def _check_same(init: Any, estimator: Any, name: str, words: str) -> None:
    """Refuse a foreign estimator that was fitted on something else."""
    given, own = getattr(init, name, None), getattr(estimator, name, None)
    if given is None or own is None or np.array_equal(given, own):
        return
    raise ValueError(
        f"init was fitted with the {words} {np.asarray(given).tolist()!r:.200}, but "
        f"this fit has {np.asarray(own).tolist()!r:.200}; give the same to both."
    )
