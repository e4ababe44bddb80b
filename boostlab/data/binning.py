"""Bins: every feature as at most 255 ordered codes, and one for missing values."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab import _core
from boostlab.data.borders import (
    BLOCK,
    MAX_BINS,
    Borders,
    are_enough,
    distinct_values,
    exact_borders,
    masses,
    sample_borders,
)
from boostlab.data.bundles import Tiles, make_tiles
from boostlab.data.lean_tiles import lean_tiles
from boostlab.data.mapped import Allocate, in_files, in_memory
from boostlab.data.sketch import in_threads, least_rows, taken, union_of_parts
from boostlab.data.table import Table
from boostlab.parallel import n_threads
from boostlab.reduce import gathered, parts


@dataclass(frozen=True, slots=True, eq=False)
class BinnedTable:
    """The bins of a table and the borders they come from; all read-only.

    Parameters
    ----------
    columns : ndarray of uint8, shape (n_features, n_samples), or None
        Bin of each value, 255 where it is missing. None where memory is saved: then
        there are tiles from the start, and nothing else.
    n_bins : ndarray of int32, shape (n_features,)
        Value bins of each feature, 0 to 255.
    borders, offsets : ndarray
        See :class:`Borders`.
    workspace : capsule
        Memory of the core that the trees grown on this table share.
    allocate : callable
        Makes the arrays of bytes, in memory or in files.
    """

    columns: NDArray[np.uint8] | None
    n_bins: NDArray[np.int32]
    borders: NDArray[np.float64]
    offsets: NDArray[np.int64]
    workspace: Any = field(default_factory=_core.workspace, repr=False)
    allocate: Allocate = field(default=in_memory, repr=False)
    _tiles: dict[bool, Tiles] = field(default_factory=dict, repr=False)

    def tiles(self, bundled: bool = True) -> Tiles:
        """Return the bins by rows, as histograms read them; made once, when asked for.

        Parameters
        ----------
        bundled : bool, default=True
            Whether features of few bins may share a byte.
        """
        only = None if self.columns is not None else next(iter(self._tiles.values()))
        if only is not None and (bundled or only.bundles is None):
            return only
        if bundled not in self._tiles:
            columns = only.columns(len(self.n_bins)) if only else self.columns
            self._tiles[bundled] = make_tiles(
                columns, self.n_bins, bundled, self.allocate
            )
        return self._tiles[bundled]

    def partitioned_by(self) -> NDArray[np.uint8] | tuple[Any, ...]:
        """Return what the core finds the leaves of rows by: columns, or else tiles."""
        if self.columns is not None:
            return self.columns
        tiles = self.tiles()
        return tiles.codes, self.n_bins, tiles.bundles and tiles.bundles.arrays()


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
        Most rows that quantiles are computed from. If there are more, those of the
        least random keys by the table's seed are, the same rows for all features.
    low_memory : bool, default=False
        Keep the bins once, by rows, and not by columns too. Borders and bins are the
        same.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer, or not in its range.
    """

    max_bins: int = MAX_BINS
    subsample: int = 200_000
    low_memory: bool = False

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

        :class:`boostlab.data.sketch.BorderSketch` finds the same from blocks of rows.

        Raises
        ------
        ValueError
            If a categorical feature holds anything but whole numbers from 0 to 254.
        """
        rows = least_rows(table.seed, table.n_samples, self.subsample, table.whole)
        mass = masses(_weights_of(table, rows))

        def borders_of(first: int) -> list[NDArray[np.float64] | None]:
            return self._borders_of(table, first, rows, mass)

        starts = range(0, table.n_features, _block(table))
        size = table.n_samples * table.n_features
        found = in_threads(borders_of, starts, size)
        return Borders.joined([b for part in found for b in part])

    def _borders_of(
        self,
        table: Table,
        first: int,
        rows: NDArray[np.int64] | None,
        mass: NDArray[np.int64] | None,
    ) -> list[NDArray[np.float64] | None]:
        """Return the borders of a block of features; None where all is missing."""
        block = table.features(first, min(first + _block(table), table.n_features))
        sample = None
        found = []
        for j, values in enumerate(union_of_parts(distinct_values(block)), first):
            categorical = bool(table.categorical[j])
            if are_enough(values, categorical, self.max_bins):
                name = table.feature_names[j]
                found.append(exact_borders(values, categorical, name))
            else:
                if sample is None:
                    sample = block.T if rows is None else taken(block, rows)
                    sample = _of_all_parts(sample)
                column, ours = (
                    sample[j - first],
                    rows is not None or parts() is not None,
                )
                found.append(sample_borders(column, mass, self.max_bins, ours))
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
        allocate = in_files(table.directory) if table.is_on_disk else in_memory
        columns, tiles = None, {}
        if self.low_memory:
            # Codes of parts would differ, and rows that no tree is grown on need none.
            bundled = parts() is None and table.reference is None
            tiles[bundled] = lean_tiles(fitted, table, bundled, allocate)
            table.drop_copies()
        else:
            columns = allocate((n_features, n_samples))
            _fill(columns, fitted, table)
            columns = _frozen(columns)
        return BinnedTable(
            columns,
            fitted.n_bins,
            fitted.borders,
            fitted.offsets,
            allocate=allocate,
            _tiles=tiles,
        )


def _block(table: Table) -> int:
    """Return how many features are read together: few where each takes memory."""
    if table.is_on_disk:
        return 1
    return BLOCK if table.is_whole or table.is_sparse else BLOCK // 2


def _fill(columns: NDArray[np.uint8], fitted: Borders, table: Table) -> None:
    """Write the bins of a table, shape (n_features, n_samples)."""
    if not (table.is_whole or table.is_sparse or table.is_by_column):
        for rows, block in table.row_blocks():
            part = in_memory((table.n_features, len(block)))
            _core.bin(block, fitted.borders, fitted.offsets, part, n_threads())
            columns[:, rows] = part
        return
    # All at once, or some where that much has to be made dense.
    step = _core.TILE if table.is_sparse else table.n_features
    step = _block(table) if table.is_by_column else step
    for first in range(0, table.n_features, step):
        stop = min(first + step, table.n_features)
        offsets = fitted.offsets[first : stop + 1]
        _core.bin(
            table.features(first, stop),
            fitted.borders[offsets[0] : offsets[-1]],
            offsets - offsets[0],
            columns[first:stop],
            n_threads(),
        )


def _weights_of(
    table: Table, rows: NDArray[np.int64] | None
) -> NDArray[np.float64] | None:
    """Return the weights of the sampled rows of all parts; None for ones."""
    if table.whole.unweighted:
        return None
    weight = np.ones(table.n_samples) if table.weight is None else table.weight
    return gathered(weight if rows is None else weight[rows])


def _of_all_parts(sample: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return the sampled values (f, m) of all parts."""
    if parts() is None:
        return sample
    return np.ascontiguousarray(gathered(sample.T.astype(np.float64)).T)


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return `array`, made read-only, since views are shared."""
    array.setflags(write=False)
    return array
