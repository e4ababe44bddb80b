"""Bins: every feature as at most 255 ordered codes, and one for missing values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab import _core
from boostlab.data.table import Table
from boostlab.parallel import n_threads

MAX_BINS = 255
"""Most value bins of a feature; bin 255 is for missing values."""

# Features that are read together, which is cheaper where rows are contiguous; the core
# takes no more.
_BLOCK = 8
# Below this number of values, starting threads costs more than it saves.
_SERIAL_SIZE = 1 << 16
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


@dataclass(frozen=True, slots=True, eq=False)
class BinnedTable:
    """The bins of a table, twice, and the borders they come from; all read-only.

    Parameters
    ----------
    columns : ndarray of uint8, shape (n_features, n_samples)
        Bin of each value, 255 where it is missing.
    tiles : ndarray of uint8, shape (n_tiles, n_samples, 16)
        The same by rows, in tiles of 16 features; the last tile is filled up with 0.
    n_bins : ndarray of int32, shape (n_features,)
        Value bins of each feature, 0 to 255.
    borders, offsets : ndarray
        See :class:`Borders`.
    workspace : capsule
        Memory of the core that the trees grown on this table share.
    """

    columns: NDArray[np.uint8]
    tiles: NDArray[np.uint8]
    n_bins: NDArray[np.int32]
    borders: NDArray[np.float64]
    offsets: NDArray[np.int64]
    workspace: Any = field(default_factory=_core.workspace, repr=False)


@dataclass(frozen=True, slots=True)
class Bins:
    """The view of a table as bins.

    A feature of no more than `max_bins` distinct values gets a bin for each of them,
    with borders half-way between neighbours. Any other feature is cut at weighted
    quantiles: with the values of the sampled rows in ascending order, there is a
    border where the cumulative weight reaches k / `max_bins` of the total, for k = 1
    .. `max_bins` - 1, half-way between the value that reaches it and the next. A
    value so frequent that it would reach several levels gets one bin, where possible
    to itself, and the others share the bins that are left. Borders never part equal
    values, and depend on the summed weight of each distinct value alone; so a row of
    weight 2 is the same as two rows, unless rows are sampled.

    A feature of category codes has the border c + 0.5 after every code c up to the
    largest: the bin is the code, whatever `max_bins` is. A larger code, which only
    other rows can hold, falls into one bin more.

    Parameters
    ----------
    max_bins : int, default=255
        Most value bins of a numeric feature, 2 to 255; missing values have one more.
    subsample : int, default=200_000
        Most rows that quantiles are computed from. If there are more, they are drawn
        without replacement by the table's seed, the same rows for all features.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer, or not in its range.
    """

    max_bins: int = MAX_BINS
    subsample: int = 200_000

    def __post_init__(self) -> None:
        for name, least, most in (("max_bins", 2, MAX_BINS), ("subsample", 1, None)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral):
                raise TypeError(f"{name} is {value!r}; give an integer.")
            if value < least or (most is not None and value > most):
                allowed = f"from {least} to {most}" if most else f"of at least {least}"
                raise ValueError(f"{name} is {value}; give an integer {allowed}.")

    def fit(self, table: Table) -> Borders:
        """Return the borders for the features of `table`.

        Raises
        ------
        ValueError
            If a categorical feature holds anything but whole numbers from 0 to 254.
        """
        rows = _sampled_rows(table, self.subsample)
        mass = _masses(table.weight if rows is None else _taken(table.weight, rows))

        def borders_of(first: int) -> list[NDArray[np.float64] | None]:
            return self._borders_of(table, first, rows, mass)

        starts = range(0, table.n_features, _BLOCK)
        size = table.n_samples * table.n_features
        found = [b for part in _map(borders_of, starts, size) for b in part]
        n_borders = [0 if b is None else len(b) for b in found]
        n_bins = [0 if b is None else len(b) + 1 for b in found]
        return Borders(
            _frozen(
                np.concatenate([np.empty(0), *(b for b in found if b is not None)])
            ),
            _frozen(np.concatenate(([0], np.cumsum(n_borders))).astype(np.int64)),
            _frozen(np.array(n_bins, dtype=np.int32)),
        )

    def _borders_of(
        self,
        table: Table,
        first: int,
        rows: NDArray[np.int64] | None,
        mass: NDArray[np.int64] | None,
    ) -> list[NDArray[np.float64] | None]:
        """Return the borders of a block of features; None where all is missing."""
        block = table.features(first, min(first + _BLOCK, table.n_features))
        exact = _distinct(block, MAX_BINS)
        sample = None
        found = []
        for j, values in enumerate(exact):
            if table.categorical[first + j]:
                name = table.feature_names[first + j]
                found.append(_code_borders(values, name))
            elif values is not None and len(values) <= self.max_bins:
                found.append(_between(values))
            else:
                if sample is None:
                    sample = block.T if rows is None else _gathered(block, rows)
                summary = _summed(sample[j], mass)
                found.append(quantile_borders(*summary, self.max_bins))
        return found

    def apply(self, fitted: Borders, table: Table) -> BinnedTable:
        """Return the bins of `table` between the borders `fitted`.

        Raises
        ------
        ValueError
            If the borders are those of another number of features.
        """
        n_samples, n_features = table.n_samples, table.n_features
        if len(fitted.n_bins) != n_features:
            raise ValueError(
                f"The borders are those of {len(fitted.n_bins)} features and the table "
                f"has {n_features}; give a table with the features of the fit."
            )
        n_tiles = -(-n_features // _core.TILE)
        columns = np.empty((n_features, n_samples), dtype=np.uint8)
        tiles = np.empty((n_tiles, n_samples, _core.TILE), dtype=np.uint8)
        # All at once, or tile by tile where that much has to be made dense.
        step = _core.TILE if table.is_sparse else n_features
        for first in range(0, n_features, step):
            stop = min(first + step, n_features)
            offsets = fitted.offsets[first : stop + 1]
            _core.bin(
                table.features(first, stop),
                fitted.borders[offsets[0] : offsets[-1]],
                offsets - offsets[0],
                columns[first:stop],
                tiles[first // _core.TILE : -(-stop // _core.TILE)],
                n_threads(),
            )
        return BinnedTable(
            _frozen(columns),
            _frozen(tiles),
            fitted.n_bins,
            fitted.borders,
            fitted.offsets,
        )


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


def _sampled_rows(table: Table, subsample: int) -> NDArray[np.int64] | None:
    """Return the rows that quantiles are computed from, ascending; None for all."""
    if table.n_samples <= subsample:
        return None
    rng = np.random.default_rng(table.seed)
    chosen = np.zeros(table.n_samples, dtype=bool)
    chosen[rng.choice(table.n_samples, subsample, replace=False, shuffle=False)] = True
    return np.flatnonzero(chosen).astype(np.int64, copy=False)


def _gathered(
    block: NDArray[np.floating[Any]], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the sampled rows of some features, one row of the result a feature."""
    sample = np.empty((block.shape[1], len(rows)))
    _core.gather(block, rows, sample)
    return sample


def _distinct(
    block: NDArray[np.floating[Any]], limit: int
) -> list[NDArray[np.float64] | None]:
    """Return each feature's distinct values, ascending; None if more than `limit`."""
    values = np.empty((block.shape[1], limit))
    counts = np.empty(block.shape[1], dtype=np.int32)
    _core.distinct(block, values, counts)
    return [
        None if count < 0 else own[:count]
        for own, count in zip(values, counts, strict=True)
    ]


def _between(values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the borders between all values; None if there are no values."""
    return midpoints(values[:-1], values[1:]) if len(values) else None


def _code_borders(
    codes: NDArray[np.float64] | None, name: str
) -> NDArray[np.float64] | None:
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


def _masses(weight: NDArray[np.float64] | None) -> NDArray[np.int64] | None:
    """Return the weights as integers; None where all are equal.

    The scale is a power of two, so that whole weights stay in exact proportion, and
    integer sums do not depend on the order in which equal values were sorted.
    """
    if weight is None or len(weight) == 0 or (weight == weight[0]).all():
        return None
    bound = _TOTAL_MASS // len(weight)
    exponent = bound.bit_length() - 1 - int(np.frexp(weight.max())[1])
    return np.maximum(np.rint(np.ldexp(weight, exponent)), 1).astype(np.int64)


def _summed(
    column: NDArray[np.floating[Any]], mass: NDArray[np.int64] | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the distinct values of a column, ascending, and the mass of each."""
    values = np.empty(len(column))
    sums = np.empty(len(column), dtype=np.int64)
    count = _core.summarize(column, mass, values, sums)
    return values[:count], sums[:count]


def _map(function: Callable[[int], Any], items: Sequence[int], size: int) -> list[Any]:
    """Return the function of each item, in threads if `size` values are worth it.

    Sorting, and the scan for distinct values, release the interpreter's lock.
    """
    n_workers = min(n_threads(), len(items))
    if n_workers == 1 or size < _SERIAL_SIZE:
        return [function(item) for item in items]
    with ThreadPoolExecutor(n_workers) as pool:
        return list(pool.map(function, items))


def _taken(values: NDArray[Any] | None, rows: NDArray[np.intp]) -> NDArray[Any] | None:
    return None if values is None else values[rows]


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return `array`, made read-only, since views are shared."""
    array.setflags(write=False)
    return array
