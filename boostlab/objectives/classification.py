"""Objectives of classification: labels encoded 0 .. K-1."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp, softmax
from sklearn.base import clone

from boostlab.checks import check_number
from boostlab.objectives.base import PointwiseObjective
from boostlab.objectives.fused import FusedLoss
from boostlab.objectives.links import RAW_LIMIT, LogitLink, SoftmaxLink
from boostlab.objectives.weighted import weighted_mean
from boostlab.reduce import greatest, group_sums
from boostlab.registry import register

Array = NDArray[np.float64]

RAREST = float(np.finfo(float).eps)
"""Class shares are clipped to at least this in baselines, which so stay finite."""


class _TwoClasses(PointwiseObjective):
    """One raw output for the classes 0 and 1."""

    task: ClassVar[str] = "classification"
    link = LogitLink()
    takes_parts = True

    def check_targets(self, y: Array) -> None:
        """Raise ValueError unless all labels are 0 or 1."""
        check_labels(self, y, 2)

    def with_classes(self, n_classes: int) -> PointwiseObjective:
        """Return self; ValueError for more than two classes."""
        if n_classes > 2:
            raise ValueError(
                f"{type(self).__name__} is a loss for two classes, but y has "
                f"{n_classes}; use 'log_loss'."
            )
        return self

    def baseline(self, y: Array, weight: Array) -> Array:
        """Return the raw prediction of the weighted class shares, shape (1,).

        A missing class counts as a share of 2.2e-16.
        """
        share = np.clip(weighted_mean(y, weight), RAREST, 1.0 - RAREST)
        return self.link.link(np.array([[1.0 - share, share]]))[0]


@register("objective:binomial")
class Binomial(_TwoClasses):
    """The log loss of two classes, ``log(1 + exp(raw)) - y raw``.

    `raw` is the log-odds of class 1. With ``p = 1 / (1 + exp(-raw))`` the gradient
    is ``p - y`` and the hessian ``p (1 - p)``, positive also where p rounds to 1;
    in the derivatives `raw` is clipped to +-500.
    """

    fused = FusedLoss.BINOMIAL

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return the log loss, shape (n,)."""
        score = raw[:, 0]
        positive = np.maximum(score, 0.0) - y * score
        return positive + np.log1p(np.exp(-np.abs(score)))

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``p - y``, shape (n, 1), without cancellation."""
        bounded, label = np.clip(raw, -RAW_LIMIT, RAW_LIMIT), y[:, None]
        return (1.0 - label) * expit(bounded) - label * expit(-bounded)

    def pointwise_hessian(self, y: Array, raw: Array) -> Array:
        """Return ``p (1 - p)``, shape (n, 1)."""
        bounded = np.clip(raw, -RAW_LIMIT, RAW_LIMIT)
        return expit(bounded) * expit(-bounded)


@register("objective:exponential")
class Exponential(_TwoClasses):
    """AdaBoost's loss of two classes, ``exp(-s raw)`` with ``s = 2 y - 1``.

    `raw` is half the log-odds of class 1: ``P(class 1) = 1 / (1 + exp(-2 raw))``
    (Friedman, Hastie & Tibshirani, 2000, lemma 1). The gradient is
    ``-s exp(-s raw)``, the hessian equals the loss; exponents are clipped to +-500.
    """

    fused = FusedLoss.EXPONENTIAL
    link = LogitLink(scale=2.0)

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return ``exp(-s raw)``, shape (n,)."""
        return self.pointwise_hessian(y, raw)[:, 0]

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``-s exp(-s raw)``, shape (n, 1)."""
        return (1.0 - 2.0 * y[:, None]) * self.pointwise_hessian(y, raw)

    def pointwise_hessian(self, y: Array, raw: Array) -> Array:
        """Return ``exp(-s raw)``, shape (n, 1)."""
        margin = (2.0 * y[:, None] - 1.0) * raw
        return np.exp(-np.clip(margin, -RAW_LIMIT, RAW_LIMIT))


@register("objective:multinomial")
class Multinomial(PointwiseObjective):
    """The log loss of K classes, ``logsumexp(raw) - raw_y``.

    One raw output a class, ``p = softmax(raw)``. The gradient is ``p_k - [y = k]``.
    The hessian is ``K / (K - 1) p_k (1 - p_k)``: the diagonal of the true one, and
    the factor of Friedman (2001, Algorithm 6), because the K outputs move together
    and only their differences count. So the Newton step for two classes is the one of
    :class:`Binomial`. The baseline is the logarithm of
    the weighted class shares, a missing class counting as a share of 2.2e-16. In the
    derivatives, raw predictions count as at most 500 below the row's largest.

    Parameters
    ----------
    n_classes : int, optional
        Number of classes K >= 2; by default the largest label + 1.
    """

    task = "classification"
    link = SoftmaxLink()
    fused = FusedLoss.MULTINOMIAL
    takes_parts = True

    def __init__(self, n_classes: int | None = None) -> None:
        self.n_classes = n_classes

    def validate(self) -> None:
        """Raise TypeError or ValueError unless n_classes is an integer >= 2 or None."""
        if self.n_classes is not None:
            check_number("n_classes", self.n_classes, at_least=2, integer=True)

    def n_outputs(self, y: Array) -> int:
        """Return the number of classes."""
        if self.n_classes is not None:
            return int(self.n_classes)
        return max(2, int(greatest(np.array([np.max(y, initial=0)], np.int64))[0]) + 1)

    def with_classes(self, n_classes: int) -> PointwiseObjective:
        """Return the loss for `n_classes`; ValueError if it was made for fewer."""
        if self.n_classes is None:
            return clone(self).set_params(n_classes=max(2, n_classes))
        if self.n_classes < n_classes:
            raise ValueError(
                f"n_classes is {self.n_classes}, but y has {n_classes} classes; give "
                "at least that many, or None."
            )
        return self

    def check_targets(self, y: Array) -> None:
        """Raise ValueError unless all labels are integers in 0 .. n_classes - 1."""
        check_labels(self, y, self.n_classes)

    def baseline(self, y: Array, weight: Array) -> Array:
        """Return the logarithms of the weighted class shares, shape (K,)."""
        labels = np.asarray(y, dtype=np.intp)
        total = group_sums(labels, weight, self.n_outputs(y))
        return np.log(np.maximum(total / np.sum(total), RAREST))

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return the log loss, shape (n,)."""
        own = np.take_along_axis(raw, y.astype(np.intp)[:, None], axis=1)
        return logsumexp(raw - own, axis=1)

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``p_k - [y = k]``, shape (n, K)."""
        return softmax(_within_reach(raw), axis=1) - _indicator(y, raw.shape[1])

    def pointwise_hessian(self, y: Array, raw: Array) -> Array:
        """Return ``K / (K - 1) p_k (1 - p_k)``, shape (n, K)."""
        share = softmax(_within_reach(raw), axis=1)
        return self.curvature_factor(raw.shape[1]) * (share * (1.0 - share))

    def curvature_factor(self, n_outputs: int) -> float:
        """Return ``K / (K - 1)``."""
        return n_outputs / (n_outputs - 1.0)


def _within_reach(raw: Array) -> Array:
    """Return `raw` less each row's maximum, and not more than 500 below it."""
    return np.maximum(raw - np.max(raw, axis=1, keepdims=True), -RAW_LIMIT)


def _indicator(y: Array, n_outputs: int) -> Array:
    return (y[:, None] == np.arange(n_outputs)).astype(np.float64)


def check_labels(
    objective: PointwiseObjective, y: Array, n_classes: int | None
) -> None:
    """Raise ValueError unless y holds integers in 0 .. n_classes - 1."""
    whole = np.isfinite(y) & (np.floor(y) == y) & (y >= 0)
    wrong = ~whole if n_classes is None else ~(whole & (y < n_classes))
    if np.any(wrong):
        allowed = "0, 1, 2, ..." if n_classes is None else f"0 .. {n_classes - 1}"
        raise ValueError(
            f"{type(objective).__name__} needs class labels encoded as {allowed}, but "
            f"y holds {np.count_nonzero(wrong)} others, such as {y[wrong][0]:g}."
        )
