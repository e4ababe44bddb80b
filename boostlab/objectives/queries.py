"""The documents of queries as the core ranks them: gains, copies and weights."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from boostlab import _core
from boostlab.groups import Groups
from boostlab.parallel import n_threads

Array = NDArray[np.float64]

GAINS = ("exponential", "linear")
EVERYWHERE = 1 << 40
"""As a number of places: all of them."""

MOST_EXPONENTIAL = 60
"""Largest label whose gain may be ``2**y - 1``."""

MOST_COPIES = 1 << 24


class Measure(IntEnum):
    """What a ranking is measured by, numbered as ``bl_ranking`` is in the core."""

    NDCG = 0
    MAP = 1
    PAIRS = 2


def gains(y: Array, kind: str) -> Array:
    """Return the gain of each label, shape (n,).

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels of at least 0.
    kind : {"exponential", "linear"}
        ``2**y - 1``, or `y` itself.

    Raises
    ------
    ValueError
        If a label is negative, not finite, or too large for an exponential gain.
    """
    most = MOST_EXPONENTIAL if kind == "exponential" else np.inf
    wrong = ~(np.isfinite(y) & (y >= 0) & (y <= most))
    if wrong.any():
        allowed = "at least 0" if kind == "linear" else f"0 .. {MOST_EXPONENTIAL}"
        raise ValueError(
            f"y holds {np.count_nonzero(wrong)} labels, such as {y[wrong][0]:g}, that "
            f"are no grades of relevance; with {kind} gains give numbers of {allowed}."
        )
    return np.exp2(y) - 1.0 if kind == "exponential" else np.array(y, dtype=float)


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """Documents in queries, with what they are worth.

    Parameters
    ----------
    group : Groups
        The query of each row.
    gain : ndarray of shape (n,)
        Gain of each document.
    weight : ndarray of shape (Q,)
        Weight of each query.
    copies : ndarray of int32, shape (n,), optional
        How often each document is there; None where each is there once.
    """

    group: Groups
    gain: Array
    weight: Array
    copies: NDArray[np.int32] | None = None

    @classmethod
    def of(cls, group: Groups, gain: Array, sample_weight: Array) -> Queries:
        """Return the queries of weighted rows.

        The least weight in a query is the query's own: twice the weight is the query
        given twice. A row of m times that weight is its document given m times in the
        query, for a whole number m.

        Raises
        ------
        ValueError
            If a weight is not a whole multiple of the least in its query.
        """
        weight = group.reduce(np.minimum, sample_weight)
        ratio = sample_weight / weight[group.codes]
        times = np.rint(ratio)
        wrong = (np.abs(ratio - times) > 1e-6 * ratio) | (times > MOST_COPIES)
        if wrong.any():
            raise ValueError(
                f"sample_weight has {np.count_nonzero(wrong)} rows, such as number "
                f"{np.flatnonzero(wrong)[0]}, whose weight is not a whole multiple of "
                "the least in their query; give all rows of a query one weight (that "
                "of the query), or whole multiples of it (documents given again)."
            )
        copies = None if (times == 1).all() else times.astype(np.int32)
        return cls(group, np.ascontiguousarray(gain), weight, copies)

    @property
    def _layout(self) -> tuple[NDArray, NDArray, NDArray | None]:
        return self.group.starts, self.group.rows, self.copies

    def total(self, values: Array) -> Array:
        """Return the sum of the values (n,) of all documents of each query."""
        times = values if self.copies is None else values * self.copies
        return self.group.reduce(np.add, times)

    def measure(
        self, measure: Measure, raw: Array, top: int = EVERYWHERE, sigmoid: float = 1.0
    ) -> Array:
        """Return the measure of each query's ranking by `raw` (n,), shape (Q,).

        The discounted gain of the first `top` places, not normalised; the average
        precision; or the sum of the pairs' logistic losses. Documents of equal score
        come in every order at once: it is the mean over these orders.
        """
        out = np.empty(len(self.group))
        inputs = (self.gain, np.ascontiguousarray(raw, dtype=float), top, sigmoid)
        _core.rank_measure(int(measure), *self._layout, *inputs, out, n_threads())
        return out

    def lambdas(
        self,
        measure: Measure,
        raw: Array,
        scale: Array,
        top: int,
        sigmoid: float,
        normalize: bool,
    ) -> tuple[Array, Array]:
        """Return gradient and hessian of the weighted pairs, each of shape (n, 1)."""
        gradient, hessian = (np.empty((len(raw), 1), order="F") for _ in range(2))
        inputs = (self.gain, np.ascontiguousarray(raw, dtype=float), scale, self.weight)
        settings = (top, sigmoid, normalize, gradient[:, 0], hessian[:, 0])
        _core.lambdas(int(measure), *self._layout, *inputs, *settings, n_threads())
        return gradient, hessian

    def entropy(self, target: Array, raw: Array) -> tuple[Array, Array]:
        """Return gradient and hessian (n, 1) of the cross-entropy with `target`."""
        gradient, hessian = (np.empty((len(raw), 1), order="F") for _ in range(2))
        inputs = (target, np.ascontiguousarray(raw, dtype=float), self.weight)
        outputs = (gradient[:, 0], hessian[:, 0], None)
        _core.rank_entropy(*self._layout, *inputs, *outputs, n_threads())
        return gradient, hessian

    def entropy_losses(self, target: Array, raw: Array) -> Array:
        """Return the cross-entropy with `target` of each query, shape (Q,)."""
        losses = np.empty(len(self.group))
        inputs = (target, np.ascontiguousarray(raw, dtype=float), self.weight)
        _core.rank_entropy(*self._layout, *inputs, None, None, losses, n_threads())
        return losses

    def ndcg(self, raw: Array, top: int = EVERYWHERE) -> Array:
        """Return the NDCG of each query, NaN where all gains are 0, shape (Q,)."""
        ideal = self.measure(Measure.NDCG, self.gain, top)
        gained = self.measure(Measure.NDCG, raw, top)
        unknown = np.full(len(ideal), np.nan)
        return np.divide(gained, ideal, out=unknown, where=ideal > 0)

    def average_precision(self, raw: Array) -> Array:
        """Return the average precision of each query, NaN without gains, shape (Q,)."""
        has_gain = self.group.reduce(np.maximum, self.gain) > 0
        return np.where(has_gain, self.measure(Measure.MAP, raw), np.nan)

    def mean(self, values: Array) -> float:
        """Return the mean of the queries' values by weight, without those NaN."""
        known = ~np.isnan(values)
        if not known.any():
            return float("nan")
        return float(np.average(values[known], weights=self.weight[known]))
