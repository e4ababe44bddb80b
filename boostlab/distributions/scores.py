"""Scores: how good a predicted distribution was, once the target is known.

A score is proper if no other forecast than the truth has a better expected score. Each
comes with its gradient by the raw parameters and with the Riemannian metric that it
induces on them; the natural gradient is ``metric^-1 gradient``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from boostlab.distributions.censoring import (
    censored_crps,
    censored_crps_gradient,
    censored_log_gradient,
    censored_log_score,
    is_censored,
)
from boostlab.distributions.metrics import metric_of
from boostlab.pieces import Piece
from boostlab.registry import register

if TYPE_CHECKING:
    from boostlab.distributions.base import Distribution
    from boostlab.distributions.fused import FusedScore

Array = NDArray[np.float64]

DAMPING = 1e-10
"""Share of its diagonal that is added to a metric before it is inverted."""


class Score(Piece):
    """Base of the scores; a user's own writes the first two methods.

    The metric of a score without a formula is found by quadrature, which asks for its
    gradient ``48 K`` times: see :func:`boostlab.distributions.metrics.metric_of`.

    Attributes
    ----------
    name : str
        The name that ``scoring_rule=...`` of the estimators takes.
    """

    name: ClassVar[str] = "own"

    def values(self, distribution: Distribution, y: Array, raw: Array) -> Array:
        """Return the score of each row, lower is better, shape (n,)."""
        raise NotImplementedError

    def gradient(self, distribution: Distribution, y: Array, raw: Array) -> Array:
        """Return the derivatives of the values by the raw parameters, (n, K)."""
        raise NotImplementedError

    def metric(self, distribution: Distribution, raw: Array) -> Array:
        """Return the metric, (n, K, K), or its diagonal (n, K) if it is diagonal."""
        return metric_of(self, distribution, raw)

    def natural_gradient(
        self, distribution: Distribution, y: Array, raw: Array
    ) -> Array:
        """Return ``metric^-1 gradient`` of each row, shape (n, K)."""
        gradient = self.gradient(distribution, y, raw)
        return solve(self.metric(distribution, raw), gradient)

    def check(self, distribution: Distribution) -> None:
        """Raise ValueError if the distribution does not have this score."""

    def takes_intervals(self, distribution: Distribution) -> bool:
        """Return whether `y` may be intervals, shape (n, 2); by default it may not."""
        return False


class _OfFamily(Score):
    """A score whose formulas the family itself has."""

    def check(self, distribution: Distribution) -> None:
        """Raise ValueError if the family does not have the formulas."""
        if self.name not in distribution.scores:
            raise ValueError(
                f"The distribution {distribution.name!r} has no formulas for the score "
                f"{self.name!r}; choose one of {list(distribution.scores)}."
            )

    def takes_intervals(self, distribution: Distribution) -> bool:
        """Return whether the family has the formulas for intervals."""
        return self.name in distribution.censors


@register("score:log")
class LogScore(_OfFamily):
    """The negative log likelihood, ``-log p(y)``; its metric is the Fisher information.

    Of an interval it is the negative log of its probability. Source: Good (1952).
    The metric is that of observed targets in each case, so that the steps of censored
    rows are, if anything, too short.
    """

    name = "log"

    def values(self, distribution: Distribution, y: Array, raw: Array) -> Array:
        """Return ``-log p(y)``, shape (n,)."""
        if is_censored(distribution, y):
            return censored_log_score(distribution, y, raw)
        return -distribution.log_density(y, raw)

    def gradient(self, distribution: Distribution, y: Array, raw: Array) -> Array:
        """Return its derivatives, shape (n, K)."""
        if is_censored(distribution, y):
            return censored_log_gradient(distribution, y, raw)
        return distribution.log_score_gradient(y, raw)

    def metric(self, distribution: Distribution, raw: Array) -> Array:
        """Return the Fisher information."""
        return distribution.fisher(raw)

    def natural_gradient(
        self, distribution: Distribution, y: Array, raw: Array
    ) -> Array:
        """Return ``fisher^-1 gradient``, in closed form where there is one."""
        if not is_censored(distribution, y):
            closed = distribution.natural_log_gradient(y, raw)
            if closed is not None:
                return closed
        return super().natural_gradient(distribution, y, raw)


@register("score:crps")
class CRPS(_OfFamily):
    """The continuous ranked probability score, ``integral (F(x) - 1[x >= y])^2 dx``.

    It is in the unit of the target and grows only linearly with an outlier. Of an
    interval it is the integral outside of it. Source: Matheson, Winkler (1976);
    Gneiting, Raftery (2007), Strictly proper scoring rules, section 4.2.
    """

    name = "crps"

    def values(self, distribution: Distribution, y: Array, raw: Array) -> Array:
        """Return the CRPS, shape (n,)."""
        if is_censored(distribution, y):
            return censored_crps(distribution, y, raw)
        return distribution.crps(y, raw)

    def gradient(self, distribution: Distribution, y: Array, raw: Array) -> Array:
        """Return its derivatives, shape (n, K)."""
        if is_censored(distribution, y):
            return censored_crps_gradient(distribution, y, raw)
        return distribution.crps_gradient(y, raw)

    def metric(self, distribution: Distribution, raw: Array) -> Array:
        """Return ``2 integral dF/draw dF/draw^T dx``."""
        return distribution.crps_metric(raw)


@register("score:brier")
class Brier(Score):
    """The Brier score of classes, ``sum_c (p_c - 1[y = c])^2``, whatever their order.

    It is bounded, so that a wrong label costs 2 at most. Its metric is ``2 sum_c dp_c
    dp_c^T`` by the logits. Source: Brier (1950), Verification of forecasts expressed in
    terms of probability; Gneiting, Raftery (2007), section 3.1.
    """

    name = "brier"

    def values(self, distribution: Distribution, y: Array, raw: Array) -> Array:
        """Return the score, from 0 to 2, shape (n,)."""
        return np.sum(_class_errors(distribution, y, raw) ** 2, axis=1)

    def gradient(self, distribution: Distribution, y: Array, raw: Array) -> Array:
        """Return its derivatives, shape (n, K)."""
        errors = _class_errors(distribution, y, raw)
        slopes = _class_slopes(distribution, raw)
        return np.asfortranarray(2.0 * np.einsum("nc,nck->nk", errors, slopes))

    def metric(self, distribution: Distribution, raw: Array) -> Array:
        """Return ``2 sum_c dp_c dp_c^T``, shape (n, K, K)."""
        slopes = _class_slopes(distribution, raw)
        return 2.0 * slopes.transpose(0, 2, 1) @ slopes

    def check(self, distribution: Distribution) -> None:
        """Raise ValueError if the family is not one of classes."""
        if distribution.support != "classes":
            raise ValueError(
                f"The distribution {distribution.name!r} is not one of classes, which "
                "the score 'brier' is for; choose 'log', or 'crps' where it has that."
            )


def _class_errors(distribution: Distribution, y: Array, raw: Array) -> Array:
    """Return ``p_c - 1[y = c]``, shape (n, C)."""
    p = distribution.probabilities(raw)
    return p - (np.asarray(y)[:, None] == np.arange(p.shape[1]))


def _class_slopes(distribution: Distribution, raw: Array) -> Array:
    """Return ``dp_c/draw_k = p_c (1[c = k] - p_k)``, shape (n, C, C - 1)."""
    p = distribution.probabilities(raw)
    # Of the classes with a logit, this is the Fisher information.
    own = distribution.fisher(raw).reshape(len(p), p.shape[1] - 1, p.shape[1] - 1)
    return np.concatenate([-p[:, :1, None] * p[:, None, 1:], own], axis=1)


def fused_score(score: Score, distribution: Distribution) -> FusedScore | None:
    """Return the kernel of a score of a family, None without one.

    Only for the very classes whose formulas it follows: subclasses may have others.
    """
    if type(score) not in (LogScore, CRPS):
        return None
    return vars(type(distribution)).get("fused", {}).get(score.name)


def solve(metric: Array, gradient: Array) -> Array:
    """Return ``metric^-1 gradient`` of each row, finite where both are.

    Parameters
    ----------
    metric : ndarray of shape (n, K, K), or (n, K) for the diagonal
        Positive semi-definite. It is scaled to a unit diagonal and damped by 1e-10, so
        that parameters of very different sizes, and flat directions, do no harm.
    gradient : ndarray of shape (n, K)
        Derivatives.

    Returns
    -------
    ndarray of shape (n, K), Fortran order
        The natural gradient.
    """
    tiny = np.finfo(np.float64).tiny
    if metric.ndim == 2:
        return np.asfortranarray(gradient / np.maximum(metric, tiny))
    diagonal = np.maximum(np.einsum("nkk->nk", metric), tiny)
    scale = np.sqrt(diagonal)
    unit = metric / scale[:, :, None] / scale[:, None, :]
    order = np.arange(metric.shape[1])
    unit[:, order, order] = 1.0 + DAMPING
    solved = np.linalg.solve(unit, (gradient / scale)[:, :, None])[:, :, 0]
    return np.asfortranarray(solved / scale)


SCORES: dict[str, type[Score]] = {
    "brier": Brier,
    "crps": CRPS,
    "log": LogScore,
}


def get_score(score: Any) -> Score:
    """Return the score of a name, or the one that was given.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If `score` is neither a name nor an instance of a score.
    """
    if isinstance(score, str):
        if score not in SCORES:
            raise ValueError(f"scoring_rule is {score!r}; give one of {list(SCORES)}.")
        return SCORES[score]()
    if isinstance(score, type) or not hasattr(score, "values"):
        raise TypeError(
            f"scoring_rule is {score!r:.200}; give one of {list(SCORES)}, or an "
            "instance of a score with the methods values and gradient."
        )
    return score
