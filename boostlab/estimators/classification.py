"""Targets and predictions of classifiers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d

from boostlab.estimators.base import BaseBoosting
from boostlab.estimators.in_parts import labels_of_all
from boostlab.estimators.labels import distinct_labels
from boostlab.estimators.parameters import CLASS_WEIGHT
from boostlab.estimators.rows import Rows, class_factors

Array = NDArray[np.float64]


class Classification(ClassifierMixin, BaseBoosting):
    """Base class of the classifiers."""

    _task = "classification"
    _domains = BaseBoosting._domains | {"class_weight": CLASS_WEIGHT}

    def _check_targets(self, y: Any, name: str) -> NDArray[Any]:
        """Return `y` as labels, shape (n,)."""
        y = column_or_1d(y, warn=True)
        if y.dtype.kind == "f" and not np.isfinite(y).all():
            raise ValueError(
                f"Input {name} contains NaN or infinity; remove the unlabelled rows."
            )
        if y.dtype.kind == "O" and any(v is None or v != v for v in y.tolist()):
            raise ValueError(
                f"Input {name} contains missing labels (None or NaN); remove the "
                "unlabelled rows."
            )
        return y

    def _encode_targets(self, y: NDArray[Any], name: str, learn: bool) -> Array:
        """Return the number of each row's class; with `learn`, learn the classes."""
        labels, codes = distinct_labels(y, name)
        _check_discrete(labels, name)
        if learn:
            self.classes_ = labels_of_all(labels)
        known = self.classes_.tolist()
        unknown = [label for label in labels.tolist() if label not in known]
        if unknown:
            raise ValueError(
                f"{name} has the classes {unknown!r:.200}, but those of the training "
                f"rows are {known!r:.200}."
            )
        return np.searchsorted(self.classes_, labels)[codes].astype(np.float64)

    def _decode_targets(self, y: Array) -> NDArray[Any]:
        return self.classes_[y.astype(np.intp)]

    def _order_target(self, rows: Rows) -> Array:
        """Return what categories are ordered by: labels, or K class indicators."""
        n_classes = len(self.classes_)
        if n_classes <= 2:
            return rows.y[:, None]
        return (rows.y[:, None] == np.arange(n_classes)).astype(np.float64)

    def _target_factors(self, rows: Rows) -> Array | None:
        """Return the factor of each class on the sample weights."""
        if self.class_weight is None:
            return None
        return class_factors(self.class_weight, self.classes_, rows)

    def _is_constant(self) -> bool:
        """Whether there is a single class, so nothing to boost."""
        return len(self.classes_) == 1

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the most probable class.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels from ``classes_``.
        """
        return self._labels(self._raw_prediction(X))

    def predict_proba(self, X: Any) -> Array:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; rows sum to 1.
        """
        return self._probabilities(self._raw_prediction(X))

    def predict_log_proba(self, X: Any) -> Array:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            ``log(predict_proba(X))``.
        """
        with np.errstate(divide="ignore"):  # log 0 is -inf, as it should be
            return np.log(self.predict_proba(X))

    def decision_function(self, X: Any) -> Array:
        """Return the raw prediction.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes one score, which is greater the more probable the second
            class is.
        """
        return _scores(self._raw_prediction(X))

    def staged_predict(self, X: Any) -> Iterator[NDArray[Any]]:
        """Yield the predicted labels after each round; see :meth:`predict`."""
        for raw in self._staged_raw_prediction(X):
            yield self._labels(raw)

    def staged_predict_proba(self, X: Any) -> Iterator[Array]:
        """Yield the probabilities after each round; see :meth:`predict_proba`."""
        for raw in self._staged_raw_prediction(X):
            yield self._probabilities(raw.copy(order="F"))

    def staged_decision_function(self, X: Any) -> Iterator[Array]:
        """Yield the raw prediction after each round; see :meth:`decision_function`."""
        for raw in self._staged_raw_prediction(X):
            yield _scores(raw.copy(order="F"))

    def _probabilities(self, raw: Array) -> Array:
        if self._is_constant():
            return np.ones((len(raw), 1))
        return self.objective_.link.inverse(raw)

    def _labels(self, raw: Array) -> NDArray[Any]:
        return self.classes_[np.argmax(self._probabilities(raw), axis=1)]


def _scores(raw: Array) -> Array:
    return raw[:, 0] if raw.shape[1] == 1 else raw


def _check_discrete(labels: NDArray[Any], name: str) -> None:
    """Refuse what cannot be labels: fractions, dates, complex numbers."""
    if labels.dtype.kind in "fO":
        values = labels.tolist()
        if any(isinstance(v, float) and not v.is_integer() for v in values):
            raise ValueError(
                f"Unknown label type: continuous. {name} has fractions, where a "
                "classifier expects discrete classes; use a regressor, or make labels "
                "of them."
            )
    elif labels.dtype.kind not in "biuUST":
        raise ValueError(
            f"Unknown label type: {labels.dtype}. Give {name} as integers, booleans or "
            "strings."
        )
