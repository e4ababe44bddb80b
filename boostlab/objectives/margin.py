"""Losses of the margin: what voting methods such as AdaBoost minimise.

The margin m of a row is how far its votes are in favour of its own class. With two
classes, ``s = 2 y - 1`` and one raw output, it is ``m = s raw``. With K classes and
votes in SAMME's code (1 for the class voted for, ``-1 / (K - 1)`` for the others) it
is ``m = (raw_y - mean(raw)) / (K - 1)``, which is the same where K is 2. A loss
``phi(m)`` weighs a row by ``-phi'(m)``, and it gives the logarithm of that, so that no
weight vanishes however many rounds there are.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit
from sklearn.base import clone

from boostlab.checks import check_number
from boostlab.objectives.base import PointwiseObjective
from boostlab.objectives.classification import RAREST, check_labels
from boostlab.objectives.links import RAW_LIMIT, Link, LogitLink, RestLink, VotesLink
from boostlab.registry import register
from boostlab.state import State

Array = NDArray[np.float64]


def agreement(y: Array, votes: Array) -> Array:
    """Return how far votes are for each row's own class, shape (n,).

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels, encoded 0 .. K-1.
    votes : ndarray of shape (n, 1) or (n, K)
        Votes for class 1 of two, or for each class. In SAMME's code the result is 1
        where the vote is right and ``-1 / (K - 1)`` where it is wrong.
    """
    if votes.shape[1] == 1:
        return (2.0 * y - 1.0) * votes[:, 0]
    own = np.take_along_axis(votes, y.astype(np.intp)[:, None], axis=1)[:, 0]
    return own - votes.mean(axis=1)


def margin(y: Array, raw: Array) -> Array:
    """Return the margin of each row; see the module, shape (n,)."""
    return agreement(y, raw) / max(1, raw.shape[1] - 1)


def voted_class(votes: Array) -> NDArray[np.intp]:
    """Return the class that has most of the votes, the first of equals, shape (n,)."""
    if votes.shape[1] == 1:
        return (votes[:, 0] > 0).astype(np.intp)
    return np.argmax(votes, axis=1)


class MarginObjective(PointwiseObjective):
    """Base of the losses ``phi(m)`` of the margin.

    A subclass writes :meth:`phi`, :meth:`log_slope`, and :meth:`bend` where the loss is
    convex. The raw prediction starts from 0.

    Parameters
    ----------
    n_classes : int, default=2
        Number of classes K >= 2: one raw output for two, else K.
    """

    task: ClassVar[str] = "classification"
    takes_parts = False

    def __init__(self, n_classes: int = 2) -> None:
        self.n_classes = n_classes

    def validate(self) -> None:
        """Raise TypeError or ValueError unless n_classes is an integer >= 2."""
        check_number("n_classes", self.n_classes, at_least=2, integer=True)

    # What a subclass writes.

    def phi(self, m: Array) -> Array:
        """Return the loss of each margin."""
        raise NotImplementedError(f"{type(self).__name__} must define phi.")

    def log_slope(self, m: Array) -> Array:
        """Return the logarithm of ``-phi'(m)``."""
        raise NotImplementedError(f"{type(self).__name__} must define log_slope.")

    def bend(self, m: Array) -> Array | None:
        """Return ``phi''(m)``, at least 0; None for a loss that is not convex."""
        return None

    # What the pieces around it call.

    @property
    def link(self) -> Link:
        """Half the log odds of two classes, or what they are for K."""
        return LogitLink(scale=2.0) if self.n_classes == 2 else VotesLink()

    def n_outputs(self, y: Array) -> int:
        """Return 1 for two classes, else their number."""
        return 1 if self.n_classes == 2 else int(self.n_classes)

    def with_classes(self, n_classes: int) -> MarginObjective:
        """Return the loss for `n_classes` classes."""
        return clone(self).set_params(n_classes=max(2, n_classes))

    def check_targets(self, y: Array) -> None:
        """Raise ValueError unless all labels are integers in 0 .. n_classes - 1."""
        check_labels(self, y, self.n_classes)

    def baseline(self, y: Array, weight: Array) -> Array:
        """Return zeros: no vote was cast."""
        return np.zeros(self.n_outputs(y))

    def log_weights(self, state: State) -> Array:
        """Return the logarithm of each row's weight, up to a constant, shape (n,)."""
        logs = self.log_slope(margin(state.y, state.raw_prediction))
        return logs + np.log(state.weight)

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return ``phi(m)``, shape (n,)."""
        return self.phi(margin(y, raw))

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``phi'(m) dm / draw``, shape (n, K)."""
        bounded = np.maximum(self.log_slope(margin(y, raw)), -RAW_LIMIT)
        slope = np.exp(np.minimum(bounded, RAW_LIMIT))
        return -slope[:, None] * _ascent(y, raw.shape[1])

    def pointwise_hessian(self, y: Array, raw: Array) -> Array | None:
        """Return ``phi''(m) (dm / draw)^2``, shape (n, K)."""
        bend = self.bend(margin(y, raw))
        return None if bend is None else bend[:, None] * _ascent(y, raw.shape[1]) ** 2


def _ascent(y: Array, n_outputs: int) -> Array:
    """Return the derivative of the margin by the raw outputs, shape (n, K)."""
    if n_outputs == 1:
        return 2.0 * y[:, None] - 1.0
    own = (y[:, None] == np.arange(n_outputs)).astype(np.float64)
    return (own - 1.0 / n_outputs) / (n_outputs - 1.0)


@register("objective:exponential_margin")
class ExponentialMargin(MarginObjective):
    """AdaBoost's and SAMME's loss, ``exp(-m)``.

    The loss itself is clipped to exponents of +-500; the weights are not.

    Source: Friedman, Hastie, Tibshirani (2000), equation 11; Zhu, Zou, Rosset, Hastie
    (2009), Multi-class AdaBoost, equation 3, whose ``-Y'f / K`` is ``-m``.
    """

    def phi(self, m: Array) -> Array:
        """Return ``exp(-m)``."""
        return np.exp(-np.clip(m, -RAW_LIMIT, RAW_LIMIT))

    def log_slope(self, m: Array) -> Array:
        """Return ``-m``."""
        return -m

    def bend(self, m: Array) -> Array:
        """Return ``exp(-m)``."""
        return self.phi(m)


@register("objective:logistic_margin")
class LogisticMargin(MarginObjective):
    """The logistic loss of the margin, ``log(1 + exp(-2 m))``.

    For two classes `raw` is half the log odds, as with the exponential loss.

    Source: Friedman, Hastie, Tibshirani (2000), equation 15.
    """

    def phi(self, m: Array) -> Array:
        """Return ``log(1 + exp(-2 m))``."""
        return -log_expit(2.0 * m)

    def log_slope(self, m: Array) -> Array:
        """Return ``log(2 / (1 + exp(2 m)))``."""
        return np.log(2.0) + log_expit(-2.0 * m)

    def bend(self, m: Array) -> Array:
        """Return ``4 p (1 - p)`` with ``p = 1 / (1 + exp(-2 m))``."""
        bounded = np.clip(2.0 * m, -RAW_LIMIT, RAW_LIMIT)
        return 4.0 * expit(bounded) * expit(-bounded)


@register("objective:mada_margin")
class MadaMargin(MarginObjective):
    """MadaBoost's loss: ``exp(-m)``, continued by its tangent ``1 - m`` below 0.

    So no row ever weighs more than it did at the beginning.

    Source: Domingo, Watanabe (2000), MadaBoost.
    """

    def phi(self, m: Array) -> Array:
        """Return ``exp(-m)`` for ``m >= 0`` and ``1 - m`` below."""
        return np.where(m >= 0, np.exp(-np.clip(m, 0.0, RAW_LIMIT)), 1.0 - m)

    def log_slope(self, m: Array) -> Array:
        """Return ``-max(m, 0)``."""
        return -np.maximum(m, 0.0)

    def bend(self, m: Array) -> Array:
        """Return ``exp(-m)`` for ``m >= 0`` and 0 below."""
        return np.where(m >= 0, np.exp(-np.clip(m, 0.0, RAW_LIMIT)), 0.0)


@register("objective:sigmoid_margin")
class SigmoidMargin(MarginObjective):
    """A loss that gives up on rows far on the wrong side.

    It is ``1 - tanh(steepness (m - centre))``, the cost function of DOOM II where
    `centre` is 0, and twice a sigmoid. It is not convex.

    Source: Mason, Baxter, Bartlett, Frean (2000), Boosting algorithms as gradient
    descent, section 5.

    Parameters
    ----------
    steepness : float, default=1.0
        How fast the loss falls from 2 to 0 around the centre, greater than 0.
    n_classes : int, default=2
        Number of classes.
    centre : float, default=0.0
        The margin of the greatest weight. With 0 the margins m and -m weigh the same,
        so that after one vote of two classes the weights are even again and the same
        learner follows for ever; below 0, rows on the wrong side weigh more, until
        they are beyond the centre.
    """

    def __init__(
        self, steepness: float = 1.0, n_classes: int = 2, centre: float = 0.0
    ) -> None:
        super().__init__(n_classes)
        self.steepness = steepness
        self.centre = centre

    def validate(self) -> None:
        """Raise TypeError or ValueError unless the parameters are in their ranges."""
        super().validate()
        check_number("steepness", self.steepness, above=0)
        check_number("centre", self.centre)

    def phi(self, m: Array) -> Array:
        """Return ``1 - tanh(steepness (m - centre))``, without cancellation."""
        return 2.0 * expit(-2.0 * self.steepness * (m - self.centre))

    def log_slope(self, m: Array) -> Array:
        """Return the logarithm of ``steepness / cosh(steepness (m - centre))^2``."""
        scaled = 2.0 * self.steepness * (m - self.centre)
        both = log_expit(scaled) + log_expit(-scaled)
        return np.log(4.0 * self.steepness) + both


@register("objective:exponential_per_class")
class ExponentialPerClass(MarginObjective):
    """The exponential loss of each class against the rest, ``sum_k exp(-s_k raw_k)``.

    ``s_k`` is 1 for the row's own class and -1 for the others; ``raw_k`` is half the
    log odds of class k, all of them shifted until the probabilities sum to 1.

    Source: Schapire, Singer (1999), Improved boosting algorithms using
    confidence-rated predictions, AdaBoost.MH.
    """

    @property
    def link(self) -> Link:
        """The log odds of each class against the rest."""
        return RestLink()

    def n_outputs(self, y: Array) -> int:
        """Return the number of classes."""
        return int(self.n_classes)

    def baseline(self, y: Array, weight: Array) -> Array:
        """Return half the log odds of the classes' weighted shares, shape (K,)."""
        share = np.bincount(y.astype(np.intp), weight, int(self.n_classes))
        share = np.clip(share / share.sum(), RAREST, 1.0 - RAREST)
        return 0.5 * (np.log(share) - np.log1p(-share))

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return the sum of the classes' losses, shape (n,)."""
        return self.pointwise_hessian(y, raw).sum(axis=1)

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``-s_k exp(-s_k raw_k)``, shape (n, K)."""
        return -_signs(y, raw.shape[1]) * self.pointwise_hessian(y, raw)

    def pointwise_hessian(self, y: Array, raw: Array) -> Array:
        """Return ``exp(-s_k raw_k)``, shape (n, K)."""
        exponent = -_signs(y, raw.shape[1]) * raw
        return np.exp(np.clip(exponent, -RAW_LIMIT, RAW_LIMIT))


def _signs(y: Array, n_classes: int) -> Array:
    return np.where(y[:, None] == np.arange(n_classes), 1.0, -1.0)
