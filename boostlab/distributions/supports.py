"""Where targets and parameters lie: supports, and links to the real line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

if TYPE_CHECKING:
    from boostlab.distributions.base import Distribution

Array = NDArray[np.float64]

LOG_LIMIT = 700.0
"""Magnitude to which raw parameters are clipped before ``exp``: e^700 is finite."""


def safe_exp(raw: Array) -> Array:
    """Return ``exp(raw)``, positive and finite for every number."""
    return np.exp(np.clip(raw, -LOG_LIMIT, LOG_LIMIT))


def _same(values: Array) -> Array:
    return values


LEAST_POWER, MOST_POWER = 1.01, 1.99
"""Limits of a Tweedie power: beyond them it is Poisson or gamma for all practice."""


def power_at(place: Array) -> Array:
    """Return the power of a place between its limits, given as a logit."""
    return LEAST_POWER + (MOST_POWER - LEAST_POWER) * expit(place)


def power_place(power: Array) -> Array:
    """Return the logit of the place of a power between its limits."""
    return logit((power - LEAST_POWER) / (MOST_POWER - LEAST_POWER))


@dataclass(frozen=True, slots=True)
class ParameterLink:
    """A pair of inverse functions between a raw and a natural parameter.

    Parameters
    ----------
    inverse : callable
        From the raw parameter, any real number, to the natural one.
    link : callable
        From the natural parameter to the raw one.
    """

    inverse: Callable[[Array], Array]
    link: Callable[[Array], Array]


LINKS = {
    "identity": ParameterLink(_same, _same),
    "log": ParameterLink(safe_exp, np.log),
    "logit": ParameterLink(expit, logit),
    "power": ParameterLink(power_at, power_place),
}

_SUPPORTS: dict[str, tuple[Callable[[Array], NDArray[np.bool_]], str]] = {
    "real": (np.isfinite, "finite numbers"),
    "positive": (lambda y: (y > 0) & np.isfinite(y), "finite numbers greater than 0"),
    "nonnegative": (
        lambda y: (y >= 0) & np.isfinite(y),
        "finite numbers of at least 0",
    ),
    "unit": (lambda y: (y > 0) & (y < 1), "numbers between 0 and 1, both excluded"),
    "counts": (
        lambda y: (y >= 0) & np.isfinite(y) & (y == np.floor(y)),
        "whole numbers of at least 0",
    ),
    "simplex": (
        lambda y: (y > 0).all(axis=1) & (np.abs(y.sum(axis=1) - 1.0) < 1e-6),
        "vectors of positive numbers that sum to 1",
    ),
    "classes": (lambda y: (y >= 0) & (y == np.floor(y)), "the numbers of classes"),
}


_FROM_ZERO = ("positive", "nonnegative", "counts")


def check_support(distribution: Distribution, y: Array) -> None:
    """Raise ValueError, naming the first row, if a target is outside the support.

    Intervals, `y` of shape (n, 2), need finite ends only where they are points.
    """
    inside, words = _SUPPORTS[distribution.support]
    if y.ndim == 1 or distribution.multivariate:
        good = inside(y)
    else:
        low, high = y[:, 0], y[:, 1]
        point = low == high
        good = np.where(point, inside(high), low < high)
        good &= ~(np.isneginf(low) & np.isposinf(high))
        words += ", or intervals with lower end < upper end, one of them finite"
        if distribution.support in _FROM_ZERO:
            # Nobody has waited for a negative time: (-3, inf) is a slip.
            good &= ~((low < 0) & np.isposinf(high)) & ~(high < 0)
            words += ", and none below 0"
    if not good.all():
        row = int(np.argmin(good if good.ndim == 1 else good.all(axis=1)))
        raise ValueError(
            f"The distribution {distribution.name!r} is for {words}, but row {row} of "
            f"y holds {y[row]!s:.60} ({np.count_nonzero(~good)} such in all); remove "
            "these rows or choose another distribution."
        )
