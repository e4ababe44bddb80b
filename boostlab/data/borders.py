"""Where the bins of a feature end: between its values, or at quantiles of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab import _core

MAX_BINS = 255
"""Most value bins of a feature; bin 255 is for missing values."""

BLOCK = 8
"""Features that are read together, which is cheaper where rows are contiguous; the core
takes no more."""

Values = NDArray[np.float64] | None
"""The distinct values of a feature, ascending; None if there are more than 255."""

# Sums of masses below it are exact, also when multiplied by MAX_BINS in 64 bits.
_TOTAL_MASS = 1 << 53


@dataclass(frozen=True, slots=True, eq=False)
class Borders:
    """The borders between the bins of each feature.

    A value x belongs to the first bin b with ``x <= border[b]``, and to the last bin
    if there is none.

    Parameters
    ----------
    borders : ndarray of float64
        The borders of all features, one feature after another, ascending.
    offsets : ndarray of int64, shape (n_features + 1,)
        Feature j has ``borders[offsets[j]:offsets[j + 1]]``.
    n_bins : ndarray of int32, shape (n_features,)
        Value bins of each feature: one more than its borders, but 0 for a feature
        that is missing in every row.
    """

    borders: NDArray[np.float64]
    offsets: NDArray[np.int64]
    n_bins: NDArray[np.int32]

    def of(self, feature: int) -> NDArray[np.float64]:
        """Return the borders of one feature."""
        return self.borders[self.offsets[feature] : self.offsets[feature + 1]]

    @classmethod
    def joined(cls, found: Sequence[NDArray[np.float64] | None]) -> Borders:
        """Return the borders of features, None standing for one without values."""
        n_borders = [0 if b is None else len(b) for b in found]
        n_bins = [0 if b is None else len(b) + 1 for b in found]
        borders = np.concatenate([np.empty(0), *(b for b in found if b is not None)])
        offsets = np.concatenate(([0], np.cumsum(n_borders))).astype(np.int64)
        joined = cls(borders, offsets, np.array(n_bins, dtype=np.int32))
        for array in (joined.borders, joined.offsets, joined.n_bins):
            array.setflags(write=False)  # views are shared
        return joined


def midpoints(
    lower: NDArray[np.float64], upper: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return borders b with ``lower <= b < upper``, half-way where that is possible.

    Infinities count as the greatest finite numbers, and the halves are taken before
    the sum, which so cannot overflow. Between neighbouring floats the rounded
    midpoint may be `upper`, and the border is then `lower`.
    """
    greatest = np.finfo(np.float64).max
    middle = np.maximum(lower, -greatest) / 2 + np.minimum(upper, greatest) / 2
    return np.where((lower <= middle) & (middle < upper), middle, lower)


def quantile_borders(
    values: NDArray[np.float64], mass: NDArray[np.int64], max_bins: int
) -> NDArray[np.float64]:
    """Return at most ``max_bins - 1`` borders at quantiles of a column.

    Parameters
    ----------
    values : ndarray of shape (m,)
        Distinct values, ascending.
    mass : ndarray of int64, shape (m,)
        Positive mass of each; the total is below 2^54.
    max_bins : int
        Number of bins.

    Notes
    -----
    A value heavier than the mass of a bin is counted as exactly one bin, and the
    mass of a bin is what the other values have, over the bins left for them. The
    border below such a value is moved up to it, so that it has the bin to itself. All
    of it is done in integers, multiplied by the number of those bins: which value
    reaches a level is never a matter of rounding.
    """
    if len(values) <= max_bins:
        return midpoints(values[:-1], values[1:])
    total = int(mass.sum())
    if int(mass.max()) * max_bins <= total:  # none is, which is soon told and done
        levels = -(-total * np.arange(1, max_bins) // max_bins)
        last = np.searchsorted(np.cumsum(mass), levels)
        return midpoints(values[last], values[last + 1])
    heavy = np.zeros(len(mass), dtype=bool)
    while True:
        light, n_light_bins = int(mass[~heavy].sum()), max_bins - int(heavy.sum())
        heavier = mass * n_light_bins > light
        if (heavier == heavy).all():
            break
        heavy = heavier
    reached = np.cumsum(np.where(heavy, light, mass * n_light_bins))
    last = np.unique(np.searchsorted(reached, light * np.arange(1, max_bins)))
    _isolate(np.flatnonzero(heavy), heavy, last)
    return midpoints(values[last], values[last + 1])


def _isolate(
    frequent: NDArray[np.intp], heavy: NDArray[np.bool_], last: NDArray[np.intp]
) -> None:
    """Move the border before each frequent value up to that value, in place.

    `last` holds the values that borders come after, and one comes after every
    frequent value already, which is why the borders stay distinct and ascending. The
    bin below, of other values, becomes at most twice as heavy. A border that parts
    another frequent value from what follows it stays.
    """
    before = np.searchsorted(last, frequent) - 1
    movable = (before >= 0) & ~heavy[last[before]]
    last[before[movable]] = frequent[movable] - 1


def distinct_values(block: NDArray[np.floating[Any]]) -> list[Values]:
    """Return the distinct values of each of a few features.

    Parameters
    ----------
    block : ndarray of shape (n, f)
        At most :data:`BLOCK` features.
    """
    values = np.empty((block.shape[1], MAX_BINS))
    counts = np.empty(block.shape[1], dtype=np.int32)
    _core.distinct(block, values, counts)
    return [
        None if count < 0 else own[:count]
        for own, count in zip(values, counts, strict=True)
    ]


def are_enough(values: Values, categorical: bool, max_bins: int) -> bool:
    """Return whether distinct values give the borders, and no sample is needed."""
    return categorical or (values is not None and len(values) <= max_bins)


def exact_borders(
    values: Values, categorical: bool, name: str
) -> NDArray[np.float64] | None:
    """Return the borders of a feature of few values, or of codes; None without any.

    Raises
    ------
    ValueError
        If a categorical feature holds anything but whole numbers from 0 to 254.
    """
    if categorical:
        return _code_borders(values, name)
    return midpoints(values[:-1], values[1:]) if len(values) else None


def sample_borders(
    column: NDArray[np.floating[Any]],
    mass: NDArray[np.int64] | None,
    max_bins: int,
    in_place: bool = False,
) -> NDArray[np.float64]:
    """Return the borders of a feature at quantiles of its sampled values.

    Parameters
    ----------
    column : ndarray of shape (n,)
        The values, in any order.
    mass : ndarray of int64, shape (n,), or None
        What :func:`masses` returned for the weights of these rows.
    max_bins : int
        Number of bins.
    in_place : bool, default=False
        Whether the column, then contiguous and float64, may be overwritten.
    """
    values = column if in_place else np.empty(len(column))
    sums = np.empty(len(column), dtype=np.int64)
    count = _core.summarize(column, mass, values, sums)
    return quantile_borders(values[:count], sums[:count], max_bins)


def masses(weight: NDArray[np.float64] | None) -> NDArray[np.int64] | None:
    """Return the weights of the sampled rows as integers; None where all are equal.

    The scale is a power of two, so that whole weights stay in exact proportion, and
    integer sums do not depend on the order in which equal values were sorted.
    """
    if weight is None or len(weight) == 0 or (weight == weight[0]).all():
        return None
    bound = _TOTAL_MASS // len(weight)
    exponent = bound.bit_length() - 1 - int(np.frexp(weight.max())[1])
    return np.maximum(np.rint(np.ldexp(weight, exponent)), 1).astype(np.int64)


def _code_borders(codes: Values, name: str) -> NDArray[np.float64] | None:
    """Return the borders after every code up to the largest; None without codes."""
    if codes is None or not all(
        0 <= code < MAX_BINS and code == int(code) for code in codes
    ):
        raise ValueError(
            f"The categorical feature {name} holds values that are not whole numbers "
            f"from 0 to {MAX_BINS - 1}; encode its categories, or make it numeric."
        )
    if not len(codes):
        return None
    return np.arange(min(int(codes[-1]) + 1, MAX_BINS - 1)) + 0.5
