"""What is looked into: a fitted model, in the words of the table it was fitted on."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from boostlab.state import Ensemble

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """An ensemble with names for its features, categories and outputs.

    Parameters
    ----------
    ensemble : Ensemble
        The rounds of the model: after early stopping those up to the best.
    names : tuple of str
        Names of the f features.
    categories : tuple of (tuple of tuple of str, or None)
        For each feature, the names of the categories that have code 0, 1, 2, ...; None
        if it is numeric.
    outputs : tuple of str
        What each of the K raw outputs is of; empty strings where nothing is to say.
    """

    ensemble: Ensemble
    names: tuple[str, ...]
    categories: tuple[tuple[tuple[str, ...], ...] | None, ...]
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, model: Any) -> Subject:
        """Return the subject that `model` is: a fitted estimator, or an ensemble.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is no model of boosting rounds.
        """
        if isinstance(model, Ensemble):
            n_features = _n_features(model)
            names = tuple(f"x{j}" for j in range(n_features))
            outputs = _numbered(len(model.baseline))
            return cls(model, names, (None,) * n_features, outputs)
        if not hasattr(model, "fit") or not hasattr(model, "get_params"):
            raise TypeError(
                f"A {type(model).__name__} has no boosting rounds to look into; give a "
                "fitted estimator of boostlab, or its ensemble_."
            )
        check_is_fitted(model)
        if not hasattr(model, "ensemble_"):
            raise TypeError(
                f"This {type(model).__name__} has no boosting rounds to look into; "
                "give a fitted estimator of boostlab, or its ensemble_."
            )
        n_features = model.n_features_in_
        names = getattr(model, "feature_names_in_", None)
        if names is None:
            names = [f"x{j}" for j in range(n_features)]
        encoder = model.encoder_
        return cls(
            model.ensemble_,
            tuple(map(str, names)),
            tuple(_strings(encoder.values_of_codes(j)) for j in range(n_features)),
            _outputs(model),
        )


def _strings(
    values: tuple[tuple[Any, ...], ...] | None,
) -> tuple[tuple[str, ...], ...] | None:
    return values and tuple(tuple(map(str, shared)) for shared in values)


def _outputs(model: Any) -> tuple[str, ...]:
    """Return what the raw outputs of an estimator are of."""
    n_outputs = len(model.ensemble_.baseline)
    classes = getattr(model, "classes_", ())
    if len(classes) == n_outputs:
        return tuple(f"class {label}" for label in classes)
    if len(classes) == 2 and n_outputs == 1:
        return (f"class {classes[1]}",)
    return _numbered(n_outputs)


def _numbered(n_outputs: int) -> tuple[str, ...]:
    """Return names of outputs that have none; a single one needs none."""
    return ("",) if n_outputs == 1 else tuple(f"output {k}" for k in range(n_outputs))


def _n_features(ensemble: Ensemble) -> int:
    for done in ensemble.rounds:
        if hasattr(done.hypothesis, "n_features"):
            return done.hypothesis.n_features
    raise TypeError(
        "The number of features cannot be told from this ensemble; give the fitted "
        "estimator."
    )


def contributions(model: Any, X: Any, background: Any) -> Array:
    """Return SHAP values with the expected value last: (n, f + 1) or (n, K, f + 1).

    Raises
    ------
    TypeError
        If the model has none.
    """
    if not hasattr(model, "predict_contributions"):
        raise TypeError(
            f"This {type(model).__name__} has no predict_contributions, which SHAP "
            "values come from; give a fitted estimator of boostlab."
        )
    return model.predict_contributions(X, background=background)


class Encoded:
    """Stands for the encoder of a model whose rows come encoded.

    Numbers can be shuffled and replaced where categories of a frame cannot, and
    need not be looked up anew each time.

    Parameters
    ----------
    encoder : TableEncoder
        The encoder that it stands for.
    missing : sequence of (float or None)
        For each feature, a number that stands for missing beside NaN.
    """

    def __init__(self, encoder: Any, missing: Sequence[float | None]) -> None:
        self._encoder = encoder
        self._missing = missing

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._encoder, name)

    def transform(self, X: Any, **parameters: Any) -> Array:
        """Return encoded rows as they are, NaN where they are missing."""
        numeric = np.array(X, dtype=np.float64, order="F")
        for column, missing in zip(numeric.T, self._missing, strict=True):
            if missing is not None:
                column[column == missing] = np.nan
        return numeric


def reading_codes(model: Any, missing: Sequence[float | None]) -> Any:
    """Return a copy of `model` that predicts encoded rows; see :class:`Encoded`."""
    model = copy.copy(model)
    model.encoder_ = Encoded(model.encoder_, missing)
    return model
