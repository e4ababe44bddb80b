"""Tiles that are written from a table without all its bins as columns beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab import _core
from boostlab.data.borders import Borders
from boostlab.data.bundles import Tiles, find_bundles
from boostlab.data.mapped import Allocate, in_memory
from boostlab.data.table import Table
from boostlab.parallel import n_threads

BLOCK_BYTES = 1 << 20
"""Bins that are made at once of a matrix in memory."""


class ColumnsOnDemand:
    """The bins of a table, of which a column is made when it is read.

    Parameters
    ----------
    fitted : Borders
        The borders between the bins.
    table : Table
        The values.
    """

    def __init__(self, fitted: Borders, table: Table) -> None:
        self.fitted, self.table = fitted, table
        self.shape = (table.n_features, table.n_samples)

    def __getitem__(self, feature: int) -> NDArray[np.uint8]:
        """Return the bins of one feature, shape (n_samples,)."""
        values = self.table.features(feature, feature + 1)
        first, stop = self.fitted.offsets[feature : feature + 2]
        offsets = np.array([0, stop - first])
        column = in_memory((1, len(values)))
        borders = self.fitted.borders[first:stop]
        _core.bin(values, borders, offsets, column, n_threads())
        return column[0]


def lean_tiles(
    fitted: Borders, table: Table, bundled: bool, allocate: Allocate = in_memory
) -> Tiles:
    """Return the bins of `table` by rows, as :func:`~.bundles.make_tiles` does.

    Features that share a byte are binned twice: once to find which they are, and once
    to write the tiles.
    """
    columns = ColumnsOnDemand(fitted, table)
    bundles, joined, sources = find_bundles(columns, fitted.n_bins, bundled, allocate)
    n_tiles = -(-len(sources) // _core.TILE)
    codes = allocate((n_tiles, table.n_samples, _core.TILE))
    if table.is_sparse or table.is_by_column:
        _fill_by_columns(columns, joined, sources, codes)
    else:
        _fill_by_rows(columns, joined, sources, codes)
    codes.setflags(write=False)
    return Tiles(codes, bundles)


def _fill_by_columns(
    columns: ColumnsOnDemand,
    joined: NDArray[np.uint8],
    sources: NDArray[np.int32],
    codes: NDArray[np.uint8],
) -> None:
    """Fill one tile after another."""
    width = -(-len(sources) // len(codes))
    for tile, first in zip(codes, range(0, len(sources), width), strict=True):
        own = sources[first : first + width]
        part = in_memory((len(own), columns.shape[1]))
        for column, source in zip(part, own.tolist(), strict=True):
            column[:] = columns[source] if source >= 0 else joined[~source]
        order = np.arange(len(own), dtype=np.int32)
        _core.fill_tiles(part, joined[:0], order, tile[None], n_threads())


def _fill_by_rows(
    columns: ColumnsOnDemand,
    joined: NDArray[np.uint8],
    sources: NDArray[np.int32],
    codes: NDArray[np.uint8],
) -> None:
    """Fill all tiles for some rows after others."""
    for rows, values in _blocks(columns.table):
        shared = np.ascontiguousarray(joined[:, rows])
        codes[:, rows] = _tiles_of(values, columns.fitted, shared, sources)


def _tiles_of(
    values: NDArray[np.floating[Any]],
    fitted: Borders,
    joined: NDArray[np.uint8],
    sources: NDArray[np.int32],
) -> NDArray[np.uint8]:
    """Return the tiles of some rows, shape (n_tiles, m, 16)."""
    m, n_features = values.shape
    part = in_memory((n_features, m))
    _core.bin(values, fitted.borders, fitted.offsets, part, n_threads())
    tiles = in_memory((-(-len(sources) // _core.TILE), m, _core.TILE))
    _core.fill_tiles(part, joined, sources, tiles, n_threads())
    return tiles


def _blocks(table: Table) -> Iterator[tuple[slice, NDArray[np.floating[Any]]]]:
    """Yield the values by rows, not too many at once."""
    if not table.is_whole:
        yield from table.row_blocks()
        return
    step = max(1, BLOCK_BYTES // table.n_features)
    for first in range(0, table.n_samples, step):
        rows = slice(first, min(first + step, table.n_samples))
        yield rows, table.numeric[rows]
