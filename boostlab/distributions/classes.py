"""What families of classes share: shares, and the check of targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from boostlab.distributions.supports import check_support

if TYPE_CHECKING:
    from boostlab.distributions.base import Distribution

Array = NDArray[np.float64]

LEAST = 1e-7
"""Least probability of a class that the natural gradient and a marginal fit see."""

STEEPEST = 1.0 / LEAST
"""Greatest size of a natural gradient by a logit."""


def class_shares(y: Array, weight: Array, n_classes: int) -> Array:
    """Return the weighted share of each class, at least 1e-7, shape (n_classes,)."""
    share = weight / np.max(weight)
    sums = np.bincount(y.astype(np.int64), share, minlength=n_classes)
    return np.clip(sums / np.sum(share), LEAST, 1.0 - LEAST)


def log_shares(logits: Array) -> Array:
    """Return the log probabilities of logits against the first class, (n, C)."""
    logits = np.column_stack([np.zeros(len(logits)), logits])
    logits -= logits.max(axis=1, keepdims=True)
    return logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))


def check_classes(distribution: Distribution, y: Array, n_classes: int) -> None:
    """Raise ValueError, naming the first row, if a target is no class's number."""
    check_support(distribution, y)
    beyond = y >= n_classes
    if beyond.any():
        row = int(np.argmax(beyond))
        raise ValueError(
            f"The distribution {distribution.name!r} is for the classes 0 to "
            f"{n_classes - 1}, but row {row} of y holds {y[row]!s:.60}; number the "
            "classes from 0, without gaps."
        )
