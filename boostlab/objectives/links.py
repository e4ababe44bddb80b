"""Links: from the raw prediction to what a user reads, and back.

``inverse`` takes the raw prediction of shape (n, K). In regression it returns
predictions of the same shape; in classification, probabilities of shape
(n, n_classes), also where one raw output serves two classes. ``link`` is its inverse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logsumexp, softmax

Array = NDArray[np.float64]

RAW_LIMIT = 500.0
"""Exponents are clipped to this magnitude, here and in the C kernels."""

_MOST_STEPS = 60
"""Halving alone finds the shift of :class:`RestLink` in so many steps."""


class Link(Protocol):
    """A pair of inverse functions between raw predictions and predictions."""

    def inverse(self, raw: Array) -> Array:
        """Return predictions (n, K) or probabilities (n, n_classes)."""

    def link(self, mean: Array) -> Array:
        """Return the raw prediction (n, K) that :meth:`inverse` maps to `mean`."""


@dataclass(frozen=True, slots=True)
class IdentityLink:
    """The raw prediction is the prediction."""

    def inverse(self, raw: Array) -> Array:
        """Return `raw`."""
        return raw

    def link(self, mean: Array) -> Array:
        """Return `mean`."""
        return mean


@dataclass(frozen=True, slots=True)
class LogLink:
    """``mean = exp(raw)``: positive and finite, since `raw` is clipped to +-500."""

    def inverse(self, raw: Array) -> Array:
        """Return ``exp(raw)``."""
        return np.exp(np.clip(raw, -RAW_LIMIT, RAW_LIMIT))

    def link(self, mean: Array) -> Array:
        """Return ``log(mean)``."""
        return np.log(mean)


@dataclass(frozen=True, slots=True)
class LogitLink:
    """``P(class 1) = 1 / (1 + exp(-scale * raw))``; one raw output, two columns.

    Parameters
    ----------
    scale : float, default=1.0
        1 for the log-odds, 2 for the half log-odds of the exponential loss.
    """

    scale: float = 1.0

    def inverse(self, raw: Array) -> Array:
        """Return the probabilities of both classes, shape (n, 2)."""
        score = self.scale * raw[:, 0]
        return np.column_stack([expit(-score), expit(score)])

    def link(self, mean: Array) -> Array:
        """Return the raw prediction (n, 1) of probabilities (n, 2)."""
        return (np.log(mean[:, 1:]) - np.log(mean[:, :1])) / self.scale


@dataclass(frozen=True, slots=True)
class SoftmaxLink:
    """``p_k = exp(raw_k) / sum_j exp(raw_j)``; `link` returns ``log p``."""

    def inverse(self, raw: Array) -> Array:
        """Return the probabilities, shape (n, K)."""
        return softmax(raw, axis=1)

    def link(self, mean: Array) -> Array:
        """Return the logarithms of the probabilities, shape (n, K)."""
        return np.log(mean)


@dataclass(frozen=True, slots=True)
class VotesLink:
    """Votes for K classes in SAMME's code: ``p = softmax(raw / (K - 1))``.

    `link` returns ``(K - 1) (log p_k - mean(log p))``, the minimiser of the loss (Zhu
    et al., 2009, theorem 1).
    """

    def inverse(self, raw: Array) -> Array:
        """Return the probabilities, shape (n, K)."""
        return softmax(raw / (raw.shape[1] - 1.0), axis=1)

    def link(self, mean: Array) -> Array:
        """Return the raw prediction (n, K), whose rows sum to 0."""
        logs = np.log(mean)
        return (mean.shape[1] - 1.0) * (logs - logs.mean(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class RestLink:
    """Half the log odds of each class against the rest.

    One shift c for all classes of a row makes ``p_k = 1 / (1 + exp(c - 2 raw_k))`` sum
    to 1. It is 0 where the log odds are those of probabilities. The order of the
    classes is that of `raw` also where two are nearly certain, which quotients by the
    sum would take for equal.
    """

    def inverse(self, raw: Array) -> Array:
        """Return the probabilities, shape (n, K)."""
        # Halved first, so that no difference overflows.
        below = 0.5 * raw - 0.5 * raw.max(axis=1, keepdims=True)
        log_odds = 4.0 * np.maximum(below, -RAW_LIMIT)
        share = expit(log_odds - _shift(log_odds)[:, None])
        return share / share.sum(axis=1, keepdims=True)

    def link(self, mean: Array) -> Array:
        """Return the raw prediction (n, K)."""
        return 0.5 * (np.log(mean) - np.log1p(-mean))


def _shift(log_odds: Array) -> Array:
    """Return c, shape (n,), for which the sum of ``expit(log_odds - c)`` is 1.

    What the greatest leaves, ``expit(c - log_odds)``, is what the others have. Newton's
    method finds where the logarithms of the two are equal, whose difference has a slope
    of 1/2 to 2 there; a step out of the bracket halves it instead.
    """
    ordered = np.sort(log_odds, axis=1)
    most, others = ordered[:, -1], ordered[:, :-1]
    low, high = others[:, -1], most + np.log(others.shape[1])
    c = 0.5 * (low + high)
    for _ in range(_MOST_STEPS):
        each = log_expit(others - c[:, None])
        rest = logsumexp(each, axis=1)
        gap = log_expit(c - most) - rest
        low, high = np.where(gap < 0, c, low), np.where(gap > 0, c, high)
        own = np.exp(each - rest[:, None])
        slope = expit(most - c) + (own * expit(c[:, None] - others)).sum(axis=1)
        step = c - gap / slope
        inside = (step >= low) & (step <= high)
        step = np.where(inside, step, 0.5 * (low + high))
        if np.all(np.abs(step - c) <= 1e-14 * np.maximum(1.0, np.abs(c))):
            return step
        c = step
    return c


@dataclass(frozen=True, slots=True)
class TargetsLink:
    """A link for each of T targets.

    Parameters
    ----------
    links : tuple of Link
        One for each target, or a single one for all.
    units : tuple of float, optional
        What the mean of each target is multiplied by; by default 1.
    """

    links: tuple[Link, ...]
    units: tuple[float, ...] | None = None

    def inverse(self, raw: Array) -> Array:
        """Return the predictions of the targets, shape (n, T)."""
        means = [
            self._of(k).inverse(raw[:, k : k + 1]) * unit
            for k, unit in enumerate(self._units(raw))
        ]
        return np.column_stack(means)

    def link(self, mean: Array) -> Array:
        """Return the raw prediction (n, T)."""
        raw = [
            self._of(k).link(mean[:, k : k + 1] / unit)
            for k, unit in enumerate(self._units(mean))
        ]
        return np.column_stack(raw)

    @property
    def factors(self) -> Array | None:
        """What raw predictions are multiplied by, if nothing else is done to them."""
        plain = all(isinstance(link, IdentityLink) for link in self.links)
        return np.array(self.units) if plain and self.units is not None else None

    def _of(self, k: int) -> Link:
        return self.links[0 if len(self.links) == 1 else k]

    def _units(self, values: Array) -> tuple[float, ...]:
        return (1.0,) * values.shape[1] if self.units is None else self.units
