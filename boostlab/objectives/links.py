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
from scipy.special import expit, log_expit, softmax

Array = NDArray[np.float64]

RAW_LIMIT = 500.0
"""Exponents are clipped to this magnitude, here and in the C kernels."""


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

    The probabilities ``1 / (1 + exp(-2 raw_k))`` are divided by their sum.
    """

    def inverse(self, raw: Array) -> Array:
        """Return the probabilities, shape (n, K)."""
        return softmax(log_expit(2.0 * raw), axis=1)

    def link(self, mean: Array) -> Array:
        """Return the raw prediction (n, K)."""
        return 0.5 * (np.log(mean) - np.log1p(-mean))


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
