"""Borders of bins from rows that come in blocks, or lie in several places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boostlab import _core
from boostlab.checks import check_number
from boostlab.data.borders import (
    BLOCK,
    MAX_BINS,
    Borders,
    Values,
    are_enough,
    distinct_values,
    exact_borders,
    masses,
    sample_borders,
)
from boostlab.data.scratch import scratch
from boostlab.data.table import Table, checked_weight
from boostlab.parallel import n_threads
from boostlab.reduce import Whole, count, gathered, parts, summed

Keys = NDArray[np.uint64]

# Below this number of values, starting threads costs more than it saves.
_SERIAL_SIZE = 1 << 16
# Rows whose keys are computed at once, in the cache.
_STRIP = 1 << 15


class BorderSketch:
    """What the borders of bins are computed from, of rows that come in any order.

    It holds the distinct values of each feature, as long as they are no more than 255,
    and the values of a sample: of the `subsample` rows that have the least keys, a
    key being random bits that depend on the seed and the number of the row. So it
    does not matter how the rows are cut into blocks, in which order the blocks come,
    or which sketches are merged first: the borders are those that
    :class:`boostlab.data.Bins` finds on the table of all rows, bit for bit.

    Memory is bounded by about ``2.5 * subsample * n_features`` values, of the type of
    the blocks.

    Parameters
    ----------
    n_features : int
        Number of features.
    categorical : array-like of bool, shape (n_features,), optional
        Which features hold category codes; by default none.
    max_bins : int, default=255
        See :class:`boostlab.data.Bins`.
    subsample : int, default=200_000
        See :class:`boostlab.data.Bins`.
    seed : int or sequence of int, default=0
        The seed of the table.
    feature_names : sequence of str, optional
        Named in errors; by default ``x0, x1, ...``.

    Examples
    --------
    >>> import numpy as np
    >>> from boostlab.data import Bins, Table
    >>> from boostlab.data.sketch import BorderSketch
    >>> X = np.random.default_rng(0).normal(size=(1000, 3))
    >>> sketch, other = BorderSketch(3), BorderSketch(3)
    >>> sketch.add(X[600:], first_row=600)
    >>> other.add(X[:600], first_row=0)
    >>> sketch.merge(other)
    >>> bool((sketch.borders().borders == Table(X).fitted(Bins()).borders).all())
    True
    """

    def __init__(
        self,
        n_features: int,
        categorical: ArrayLike | None = None,
        max_bins: int = MAX_BINS,
        subsample: int = 200_000,
        seed: int | Sequence[int] = 0,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        # An empty table checks what is said of the features.
        self._empty = Table(
            np.empty((0, n_features)), feature_names, categorical=categorical
        )
        check_number("max_bins", max_bins, at_least=2, at_most=MAX_BINS, integer=True)
        check_number("subsample", subsample, at_least=1, integer=True)
        self._max_bins, self._subsample = max_bins, subsample
        self._seed = _entropy(seed)
        self._distinct: list[Values] = [np.empty(0)] * n_features
        self._pieces: list[_Sample] = []
        self._bound = np.uint64(2**64 - 1)

    def add(
        self,
        block: NDArray[np.floating[Any]] | Table,
        first_row: int,
        weight: ArrayLike | None = None,
    ) -> None:
        """Take rows in; the block is not kept.

        Parameters
        ----------
        block : ndarray or sparse matrix of float, shape (n, n_features), or Table
            Values of the rows, NaN where missing; of category codes the codes.
        first_row : int
            Number of the block's first row among all rows.
        weight : array-like of shape (n,), optional
            Positive weights; by default those of the Table, or ones.

        Raises
        ------
        TypeError, ValueError
            If the block is not made of floats, has another number of features, or has
            weights that are not positive.
        """
        if first_row < 0:
            raise ValueError(f"first_row is {first_row}; give the number of a row.")
        table = block if isinstance(block, Table) else Table(block)
        if table.n_features != self._empty.n_features:
            raise ValueError(
                f"The block has {table.n_features} features, but the sketch "
                f"{self._empty.n_features}; give blocks of the same features."
            )
        keys = _keys(self._seed, first_row, table.n_samples)
        rows = np.flatnonzero(keys <= self._bound)
        weight = table.weight if weight is None else checked_weight(weight, len(keys))
        starts = range(0, table.n_features, BLOCK)

        def read(first: int) -> tuple[list[Values], NDArray[Any]]:
            stop = min(first + BLOCK, table.n_features)
            return self._read(table.features(first, stop), first, rows)

        found = in_threads(read, starts, table.n_samples * table.n_features)
        self._distinct = [values for part, _ in found for values in part]
        self._pieces.append(
            _Sample(
                keys[rows],
                np.concatenate([sample for _, sample in found]),
                None if weight is None else weight[rows],
            )
        )
        self._shrink(self._subsample + self._subsample // 4)

    def merge(self, other: BorderSketch) -> None:
        """Take in the rows of another sketch, which stays as it is.

        Raises
        ------
        ValueError
            If the other has other features, parameters, or another seed.
        """
        if self._settings() != other._settings():
            raise ValueError(
                "The sketches have other features, parameters or seeds; merge sketches "
                "that were made with the same arguments."
            )
        self._distinct = list(map(_union, self._distinct, other._distinct))
        self._pieces += other._pieces
        self._shrink(self._subsample)

    def borders(self) -> Borders:
        """Return the borders of all rows that were added; see `Bins.fit`.

        Raises
        ------
        ValueError
            If a row was added twice, or a categorical feature holds anything but
            whole numbers from 0 to 254.
        """
        sample = self._sample()
        keys = np.sort(sample.keys)
        if (keys[1:] == keys[:-1]).any():
            raise ValueError(
                "Some rows were added to the sketch twice; give every block the number "
                "of its first row among all rows."
            )
        mass = masses(sample.weight)

        def borders_of(j: int) -> NDArray[np.float64] | None:
            values, categorical = self._distinct[j], bool(self._empty.categorical[j])
            if are_enough(values, categorical, self._max_bins):
                name = self._empty.feature_names[j]
                return exact_borders(values, categorical, name)
            return sample_borders(sample.values[j], mass, self._max_bins)

        n_features = self._empty.n_features
        return Borders.joined(
            in_threads(borders_of, range(n_features), sample.values.size)
        )

    def _read(
        self, block: NDArray[Any], first: int, rows: NDArray[np.int64]
    ) -> tuple[list[Values], NDArray[Any]]:
        """Return the distinct values of some features, and their sampled values."""
        known = self._distinct[first : first + block.shape[1]]
        if any(values is not None for values in known):
            known = list(map(_union, known, distinct_values(block)))
        # Half the memory where floats are narrow; wide ones are the same numbers.
        return known, taken(block, rows).astype(block.dtype, copy=False)

    def _shrink(self, most: int) -> None:
        """Keep only the rows of the least keys, if there are more than `most`."""
        if sum(len(piece.keys) for piece in self._pieces) > most:
            sample = self._sample()
            self._pieces, self._bound = [sample], sample.keys.max()

    def _sample(self) -> _Sample:
        """Return the sampled rows of all blocks."""
        keys = [piece.keys for piece in self._pieces]
        every = np.concatenate([np.empty(0, np.uint64), *keys])
        kept = slice(None)
        if len(every) > self._subsample:
            kept = (
                every <= np.partition(every, self._subsample - 1)[self._subsample - 1]
            )
        return _Sample.joined(self._pieces, every, kept, self._empty.n_features)

    def _settings(self) -> tuple[Any, ...]:
        table = self._empty
        return (
            table.feature_names,
            tuple(table.categorical),
            self._max_bins,
            self._subsample,
            self._seed,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Sampled rows: keys (m,), values (f, m), and weights (m,), None for ones."""

    keys: Keys
    values: NDArray[np.floating[Any]]
    weight: NDArray[np.float64] | None

    @classmethod
    def joined(
        cls,
        pieces: Sequence[_Sample],
        keys: Keys,
        kept: slice | NDArray[np.bool_],
        n_features: int,
    ) -> _Sample:
        """Return the kept rows of all pieces, whose joined keys are `keys`."""
        keys = keys[kept]
        dtype = np.result_type(np.float32, *(piece.values for piece in pieces))
        values = np.empty((n_features, len(keys)), dtype)
        if pieces:
            for j in range(n_features):  # one by one, which takes the least memory
                values[j] = np.concatenate([p.values[j] for p in pieces])[kept]
        weight = None
        if any(piece.weight is not None for piece in pieces):
            own = [
                np.ones(len(piece.keys)) if piece.weight is None else piece.weight
                for piece in pieces
            ]
            weight = np.concatenate(own)[kept]
        return cls(keys, values, weight)


def least_rows(
    seed: int | Sequence[int], n_samples: int, subsample: int, of: Whole | None = None
) -> NDArray[np.int64] | None:
    """Return the rows of the least keys, ascending; None for all.

    Parameters
    ----------
    seed : int or sequence of int
        Makes the keys.
    n_samples, subsample : int
        Number of rows, and of those wanted.
    of : Whole, optional
        What the rows are among those of all parts, which together have `subsample`.
    """
    n_rows, first_row = (of.n_rows, of.first_row) if of else (n_samples, 0)
    if n_rows <= subsample:
        return None
    keys = _keys(_entropy(seed), first_row, n_samples)
    # Random keys below this are a few more than are wanted, and quicker to search.
    few = keys[keys <= _likely_bound(subsample, n_rows)]
    few = few if count(len(few)) >= subsample else keys
    rows = np.flatnonzero(keys <= _bound(few, subsample))
    return rows.astype(np.int64, copy=False)


def taken(
    block: NDArray[np.floating[Any]], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return some rows of a few features, one row of the result a feature."""
    sample = scratch((block.shape[1], len(rows)))
    _core.gather(block, rows, sample)
    return sample


def in_threads(
    function: Callable[[int], Any], items: Sequence[int], size: int
) -> list[Any]:
    """Return the function of each item, in threads if `size` values are worth it.

    Sorting, and the scan for distinct values, release the interpreter's lock.
    """
    # With parts, they all ask each other in the same order.
    n_workers = min(n_threads(), len(items)) if parts() is None else 1
    if n_workers == 1 or size < _SERIAL_SIZE:
        return [function(item) for item in items]
    with ThreadPoolExecutor(n_workers) as pool:
        return list(pool.map(function, items))


def _union(one: Values, other: Values) -> Values:
    """Return the distinct values of two sets of rows."""
    if one is None or other is None:
        return None
    both = np.union1d(one, other)
    return both if len(both) <= MAX_BINS else None


def union_of_parts(found: list[Values]) -> list[Values]:
    """Return the distinct values of features in the rows of all parts."""
    if parts() is None:
        return found
    sizes = np.array([-1 if values is None else len(values) for values in found])
    known = [np.empty(0), *(values for values in found if values is not None)]
    sizes, values = gathered(sizes[None]), gathered(np.concatenate(known))
    united, start = [np.empty(0)] * len(found), 0
    for own in sizes:
        for j, size in enumerate(own):
            ours = None if size < 0 else values[start : start + size]
            united[j] = _union(united[j], ours)
            start += max(int(size), 0)
    return united


def _bound(keys: Keys, wanted: int) -> np.uint64:
    """Return the greatest of the `wanted` least keys of all parts."""
    if parts() is None:
        return np.partition(keys, wanted - 1)[wanted - 1]
    bound = 0
    for shift in range(56, -1, -8):  # eight bits after eight, from the highest
        digits = (keys >> np.uint64(shift)).astype(np.intp) & 255
        upto = np.cumsum(summed(np.bincount(digits, minlength=256)))
        digit = int(np.searchsorted(upto, wanted))
        wanted -= int(upto[digit - 1]) if digit else 0
        keys, bound = keys[digits == digit], bound << 8 | digit
    return np.uint64(bound)


def _entropy(seed: int | Sequence[int]) -> int:
    """Return the 64 bits that the keys of a table's rows start from."""
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])


def _keys(seed: int, first_row: int, n: int) -> Keys:
    """Return the keys of rows: different random bits for each, ``bl_hash`` of C.

    (SplitMix64: Steele, Lea & Flood, 2014.)
    """
    keys = scratch((n,), np.uint64)
    for start in range(0, n, _STRIP):
        x = keys[start : start + _STRIP]
        x[:] = np.arange(first_row + start, first_row + start + len(x))
        x *= np.uint64(2)
        x += np.uint64(1)
        x *= np.uint64(0x9E3779B97F4A7C15)
        x += np.uint64(seed)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            x ^= x >> np.uint64(shift)
            x *= np.uint64(factor)
        x ^= x >> np.uint64(31)
    return keys


def _likely_bound(wanted: int, n: int) -> np.uint64:
    """Return a bound that more than `wanted` of n random keys are almost surely below.

    Their number is binomial; ten standard deviations are added.
    """
    share = (wanted + 10 * np.sqrt(wanted) + 100) / n
    return np.uint64(min(int(share * 2**64), 2**64 - 1))
