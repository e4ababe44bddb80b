"""A user's own loss from plain functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boostlab.checks import check_number
from boostlab.objectives.base import PointwiseObjective
from boostlab.objectives.links import IdentityLink, Link, LogitLink, SoftmaxLink

Array = NDArray[np.float64]
Pointwise = Callable[[Array, Array], Array]


class CustomObjective(PointwiseObjective):
    """A loss given as functions of the target and the raw prediction.

    With one output the functions take and return arrays of shape (n,); with K > 1
    outputs `raw` and the derivatives have shape (n, K), the loss (n,). Weights are
    taken care of. Check a new one with
    :func:`boostlab.objectives.check_objective`. A model with functions in it can be
    pickled if they can, but not saved to a model file; for that, subclass
    :class:`~boostlab.objectives.PointwiseObjective` and register the class.

    Parameters
    ----------
    loss : callable ``(y, raw) -> (n,)``
        Loss of each row; lower is better.
    gradient : callable ``(y, raw) -> (n,) or (n, K)``
        Derivative of the loss by `raw`: of the loss itself, not its negative.
    hessian : callable ``(y, raw) -> (n,) or (n, K)``, optional
        Second derivative by each output, not negative; by default ones.
    baseline : callable ``(y, weight) -> (K,)``, or array-like of shape (K,), optional
        Constant to start from; by default the minimiser of the mean loss is searched
        for numerically.
    n_outputs : int, default=1
        Number K of raw outputs.
    inverse_link : callable ``raw -> prediction``, optional
        Turns raw predictions into predictions; in classification, into
        probabilities: of class 1, shape (n,), or of all classes, (n, n_classes). By
        default the raw prediction is the prediction, or, in classification, the
        log-odds or the arguments of a softmax.
    task : {"regression", "classification"}, default="regression"
        Kind of targets; class labels arrive encoded 0 .. K-1.

    Examples
    --------
    >>> from boostlab.objectives import CustomObjective, check_objective
    >>> squared = CustomObjective(
    ...     loss=lambda y, raw: 0.5 * (raw - y) ** 2,
    ...     gradient=lambda y, raw: raw - y,
    ... )
    >>> check_objective(squared)
    """

    def __init__(
        self,
        loss: Pointwise,
        gradient: Pointwise,
        hessian: Pointwise | None = None,
        baseline: Callable[[Array, Array], ArrayLike] | ArrayLike | None = None,
        n_outputs: int = 1,
        inverse_link: Callable[[Array], Array] | None = None,
        task: str = "regression",
    ) -> None:
        # Kept apart: their names are also those of the state methods.
        self._given = {
            "loss": loss,
            "gradient": gradient,
            "hessian": hessian,
            "baseline": baseline,
            "n_outputs": n_outputs,
            "inverse_link": inverse_link,
            "task": task,
        }

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return dict(self._given)

    def set_params(self, **params: Any) -> CustomObjective:
        """Change some of the constructor's arguments; return self."""
        unknown = sorted(set(params) - set(self._given))
        if unknown:
            raise ValueError(
                f"CustomObjective has no parameters named {unknown}; it has "
                f"{sorted(self._given)}."
            )
        self._given.update(params)
        return self

    def validate(self) -> None:
        """Raise TypeError or ValueError, in one sentence, for unusable arguments."""
        for name in ("loss", "gradient"):
            if not callable(self._given[name]):
                raise TypeError(
                    f"{name} is {self._given[name]!r}; give a function of (y, raw)."
                )
        for name in ("hessian", "inverse_link"):
            if self._given[name] is not None and not callable(self._given[name]):
                raise TypeError(
                    f"{name} is {self._given[name]!r}; give a function or None."
                )
        check_number("n_outputs", self._given["n_outputs"], at_least=1, integer=True)
        task = self._given["task"]
        if task not in ("regression", "classification"):
            raise ValueError(
                f"task is {task!r}; give 'regression' or 'classification'."
            )

    @property
    def task(self) -> str:
        """Kind of targets."""
        return self._given["task"]

    @property
    def link(self) -> Link:
        """The link made from `inverse_link`."""
        classifies = self.task == "classification"
        if self._given["inverse_link"] is not None:
            single = self._given["n_outputs"] == 1
            return CustomLink(self._given["inverse_link"], single, classifies)
        if not classifies:
            return IdentityLink()
        return LogitLink() if self._given["n_outputs"] == 1 else SoftmaxLink()

    def n_outputs(self, y: Array) -> int:
        """Return the number of raw outputs."""
        return int(self._given["n_outputs"])

    def with_classes(self, n_classes: int) -> CustomObjective:
        """Return self; ValueError if the outputs cannot stand for the classes."""
        n_outputs = self.n_outputs(np.empty(0))
        fits = n_classes <= max(2, n_outputs)
        if self._given["inverse_link"] is None and not fits:
            raise ValueError(
                f"n_outputs is {n_outputs}, but y has {n_classes} classes; give one "
                "output a class, or an inverse_link that returns their probabilities."
            )
        return self

    def baseline(self, y: Array, weight: Array) -> Array:
        """Return the baseline given, or the one found numerically, shape (K,)."""
        given = self._given["baseline"]
        if given is None:
            return super().baseline(y, weight)
        value = given(y, weight) if callable(given) else given
        return np.atleast_1d(np.asarray(value, dtype=np.float64))

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return the loss of each row, shape (n,)."""
        return np.asarray(self._given["loss"](y, _squeezed(raw)))

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return the gradient, shape (n, K)."""
        return _column(self._given["gradient"](y, _squeezed(raw)))

    def pointwise_hessian(self, y: Array, raw: Array) -> Array | None:
        """Return the hessian, shape (n, K), or None."""
        if self._given["hessian"] is None:
            return None
        return _column(self._given["hessian"](y, _squeezed(raw)))


@dataclass(frozen=True, slots=True)
class CustomLink:
    """A link from a user's function, one way only.

    Parameters
    ----------
    function : callable
        From raw predictions to predictions.
    single : bool
        Whether there is one raw output, given to `function` with shape (n,).
    classifies : bool
        Whether the result is probabilities.
    """

    function: Callable[[Array], Array]
    single: bool
    classifies: bool

    def inverse(self, raw: Array) -> Array:
        """Return predictions (n, K) or probabilities (n, n_classes)."""
        values = np.asarray(self.function(raw[:, 0] if self.single else raw))
        if values.ndim == 2:
            return values
        if self.classifies:
            return np.column_stack([1.0 - values, values])
        return values[:, None]

    def link(self, mean: Array) -> Array:
        """Raise TypeError: the inverse of the user's function is not known."""
        raise TypeError("A custom objective has an inverse_link, but no link.")


def _squeezed(raw: Array) -> Array:
    return raw[:, 0] if raw.shape[1] == 1 else raw


def _column(values: ArrayLike) -> Array:
    values = np.asarray(values)
    return values[:, None] if values.ndim == 1 else values
