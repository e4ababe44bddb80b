"""What families of counts share: quantiles on the lattice, and far tails."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from boostlab.distributions.base import Distribution

Array = NDArray[np.float64]

TERMS = 40
"""Terms of a tail that are summed before the rest is taken for a geometric series."""

FAINT = 1e-280
"""Probability below which a tail is summed from its largest term."""

DOUBLINGS = 1100
"""More than any number of doublings and halvings between two float64 numbers."""


class Counts(Distribution):
    """Base of families on 0, 1, 2, ...: a subclass adds ``ratio`` to the rest."""

    support: ClassVar[str] = "counts"
    discrete: ClassVar[bool] = True

    def ratio(self, count: Array, raw: Array) -> Array:
        """Return ``p(count + 1) / p(count)``, shape (n,)."""
        raise NotImplementedError

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return the least count with a cdf of at least `p`, shape (n,)."""
        with np.errstate(all="ignore"):
            return count_quantile(
                p,
                lambda count: self.cdf(count, raw),
                self.mean(raw),
                np.sqrt(self.variance(raw)),
            )

    def log_cdf(self, y: Array, raw: Array) -> Array:
        """Return ``log P(Y <= y)``, shape (n,); -inf below 0."""
        count = np.floor(y)
        return log_tail(
            self.cdf(y, raw),
            self.sf(y, raw),
            lambda rows: self.log_density(count[rows], raw[rows]),
            lambda rows, j: 1.0 / self.ratio(count[rows] - j, raw[rows]),
            count >= 0,
        )

    def log_sf(self, y: Array, raw: Array) -> Array:
        """Return ``log P(Y > y)``, shape (n,)."""
        first = np.floor(y) + 1.0
        return log_tail(
            self.sf(y, raw),
            self.cdf(y, raw),
            lambda rows: self.log_density(first[rows], raw[rows]),
            lambda rows, j: self.ratio(first[rows] + j - 1.0, raw[rows]),
            first >= 0,
        )


def counted(y: Array) -> tuple[NDArray[np.bool_], Array]:
    """Return which targets are counts, and the targets with 0 in place of others."""
    inside = (y >= 0) & (y == np.floor(y)) & np.isfinite(y)
    return inside, np.where(inside, y, 0.0)


def log_tail(
    tail: Array,
    rest: Array,
    log_first: Callable[[NDArray[np.bool_]], Array],
    ratio: Callable[[NDArray[np.bool_], int], Array],
    inside: NDArray[np.bool_],
) -> Array:
    """Return the logarithm of a tail's probability, also where that underflows.

    Parameters
    ----------
    tail, rest : ndarray of shape (n,)
        Probabilities of the tail and of everything else.
    log_first : callable
        Takes a mask of rows, returns the log probability of the tail's first count.
    ratio : callable
        Takes the mask and j, returns the probability of the tail's count number j over
        that of number j - 1.
    inside : ndarray of shape (n,), bool
        Rows whose tail has a first count.
    """
    with np.errstate(all="ignore"):
        log = np.where(tail < 0.5, np.log(tail), np.log1p(-rest))
        faint = (tail < FAINT) & inside
        if faint.any():
            log[faint] = log_first(faint) + _log_series(
                lambda j: ratio(faint, j), int(np.count_nonzero(faint))
            )
    return log


def _log_series(ratio: Callable[[int], Array], n: int) -> Array:
    """Return the log of ``1 + r(1) + r(1) r(2) + ...`` for falling ratios below 1."""
    total, term = np.ones(n), np.ones(n)
    for j in range(1, TERMS):
        term = term * _below_one(ratio(j))
        total += term
    last = _below_one(ratio(TERMS))
    return np.log(total + term * last / (1.0 - last))


def _below_one(ratio: Array) -> Array:
    # No ratio is left (the end of the support): nothing follows.
    return np.clip(np.nan_to_num(ratio, nan=0.0), 0.0, 1.0 - 1e-9)


def count_quantile(
    p: Array, cdf: Callable[[Array], Array], mean: Array, deviation: Array
) -> Array:
    """Return the least count whose cdf is at least `p`, by bisection; inf for 1.

    Parameters
    ----------
    p : ndarray of shape (n,)
        Probabilities in [0, 1].
    cdf : callable
        Takes counts, shape (n,), and returns their cdf; -1 gives 0.
    mean, deviation : ndarray of shape (n,)
        Where the search starts, and how wide.
    """
    z = np.clip(np.nan_to_num(ndtri(p)), -40.0, 40.0)
    guess = np.floor(np.clip(mean + deviation * z, 0.0, 1e300))
    # At least two of the numbers that there are at such a size.
    step = np.maximum(
        np.ceil(np.clip(deviation, 1.0, 1e300) / 8), 2 * np.spacing(guess)
    )
    low, high = np.maximum(guess - step, -1.0), guess + step
    for _ in range(DOUBLINGS):
        short = (cdf(high) < p) & (high < 1e300)
        long = (low > -1) & (cdf(low) >= p)
        if not (short.any() or long.any()):
            break
        step = step * 2
        low, high = (
            np.where(long, np.maximum(low - step, -1.0), np.where(short, high, low)),
            np.where(short, high + step, np.where(long, low, high)),
        )
    for _ in range(DOUBLINGS):
        middle = np.floor(low / 2 + high / 2)
        open_rows = (middle > low) & (middle < high)
        if not open_rows.any():
            break
        enough = cdf(middle) >= p
        high = np.where(open_rows & enough, middle, high)
        low = np.where(open_rows & ~enough, middle, low)
    return np.where(p >= 1, np.inf, np.where(p <= 0, 0.0, high))
