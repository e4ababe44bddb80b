"""Tables that do not fit into memory, as users name them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from boostlab.data.chunk_sources import source_of

if TYPE_CHECKING:
    from boostlab.data.chunk_blocks import Block

_UNITS = {"": 1} | {
    prefix + suffix: base ** (i + 1)
    for i, prefix in enumerate("KMGT")
    for suffix, base in (("B", 1000), ("iB", 1024))
}
LEAST_MEMORY = 1 << 24
"""Least memory that chunks are read in: 16 MiB."""

# A block of rows as floats takes this share of the memory at most: what it is made of,
# copies by column, and bins, are there at the same time.
_BLOCK_SHARE = 32
_BLOCK_ROWS = 1 << 18


class Chunks:
    """A table that is read chunk by chunk, to be given to ``fit`` and ``predict``.

    ``fit(Chunks(...))`` gives the model of the whole table, bit for bit, for any chunks
    that the table is cut into. The source is read once, so that a generator will do.
    Its values go to a file, in the narrowest type that gives them back (1 to 8 bytes a
    value). From this file come the borders of the bins, feature by feature, and then
    the bins, block by block, 2 bytes a value, less where features share bytes; their
    files are mapped into memory, and trees read them where the pages are. That is all
    the compression there is: trees read bins at random, and would have to undo any
    other in every round. The files have no names and are gone with the fit, even with
    one that is killed.

    Parameters
    ----------
    source : callable, iterable, str, path, list of these, or pyarrow.dataset.Dataset
        A callable that returns a fresh iterator of chunks, or an iterable of them; or
        the name of a Parquet file, a folder of files ``*.parquet`` or a pattern, or a
        list of such names; or a dataset of pyarrow. Chunks are frames of pandas, polars
        or pyarrow, or tuples (X, y), (X, y, weight) or (X, y, weight, group) in which X
        is a matrix or a frame. They may have any number of rows, also none. Columns are
        told by their names; types, and the dictionaries of categories, may differ.
    target : str or sequence of str, optional
        Name of the column of targets, where chunks are frames; several for several
        targets. Chunks to be predicted need not have it.
    features : sequence of str, optional
        Names of the features; by default all other columns.
    weight : str, optional
        Name of the column of sample weights.
    group : str, optional
        Name of the column that tells the queries of a ranker.
    memory : int or str, default="2GB"
        Bytes, or a number with one of the units KB, MB, GB, TB, KiB, MiB, GiB, TiB: the
        most that a fit may allocate. It covers blocks of rows, categories, and what is
        held for each row: 100 bytes, 30 more for each output after the first, 60 more
        with groups, 40 more with a feature of more than 254 categories (NGBoost holds
        70 and 40 for each parameter). A table that needs more is refused. It does not
        cover copies that estimators of your own pieces make, nor what the
        source takes (pyarrow some 5 MB for each column of a Parquet file), histograms
        (2 KB for each feature and leaf, 512 MB at most), and the pages of the mapped
        bins, which the system takes back whenever somebody needs memory.
    directory : str or path, optional
        Folder of the files, best on a fast disk and not in memory; by default that of
        :mod:`tempfile`.

    Raises
    ------
    TypeError, ValueError
        If a parameter cannot be used.
    FileNotFoundError
        If no Parquet file has the name.

    Examples
    --------
    >>> import numpy as np
    >>> from boostlab import GradientBoostingRegressor
    >>> from boostlab.data import Chunks
    >>> def chunks():
    ...     rng = np.random.default_rng(0)
    ...     for _ in range(5):
    ...         X = rng.normal(size=(1000, 3))
    ...         yield X, X[:, 0] + X[:, 1] ** 2
    >>> model = GradientBoostingRegressor(random_state=0).fit(Chunks(chunks))
    >>> model.predict(Chunks(chunks)).shape
    (5000,)
    """

    def __init__(
        self,
        source: Any,
        *,
        target: str | Sequence[str] | None = None,
        features: Sequence[str] | None = None,
        weight: str | None = None,
        group: str | None = None,
        memory: int | str = "2GB",
        directory: str | os.PathLike[str] | None = None,
    ) -> None:
        self.source = source_of(source)
        self.target = _names("target", target, single=True)
        self.features = _names("features", features)
        self.weight = _names("weight", weight, single=True, several=False)
        self.group = _names("group", group, single=True, several=False)
        self.memory = _bytes(memory)
        self.directory = None if directory is None else os.fspath(directory)
        named = [*self.roles, *(self.features or ())]
        twice = [name for name in named if named.count(name) > 1]
        if twice:
            raise ValueError(
                f"The column {twice[0]!r} is named twice in target, features, weight "
                "and group; a column has one part."
            )

    def __repr__(self) -> str:
        return f"Chunks({type(self.source).__name__}, memory={self.memory})"

    @property
    def roles(self) -> list[str]:
        """The columns that are no features."""
        return [*(self.target or ()), *(self.weight or ()), *(self.group or ())]

    def blocks(
        self, features: Sequence[str] | None = None, with_target: bool = True
    ) -> Iterator[Block]:
        """Yield the chunks in blocks of rows, none of them empty, columns in one order.

        Parameters
        ----------
        features : sequence of str, optional
            The features and their order; by default those of the first chunk.
        with_target : bool, default=True
            Whether targets, weights and groups are needed too.

        Raises
        ------
        TypeError, ValueError
            If a chunk is no table, or of other columns than the first.
        """
        from boostlab.data.chunk_blocks import BlockReader

        reader = BlockReader(self, features or self.features, with_target)
        columns = None
        if reader.features is not None:
            columns = [*reader.features, *(self.roles if with_target else ())]
        known = self.source.names() if columns is None else columns
        n_rows = self.block_rows(1 if known is None else len(known))
        for i, chunk in enumerate(self.source.read(columns, n_rows)):
            whole = reader.block(chunk, i)
            size = self.block_rows(whole.n_features)
            for start in range(0, whole.n_rows, size):
                yield whole.rows(start, min(start + size, whole.n_rows))

    def block_rows(self, n_features: int) -> int:
        """Return how many rows are in memory as floats at once."""
        rows = self.memory // (_BLOCK_SHARE * 8 * max(1, n_features))
        return int(min(max(rows, 64), _BLOCK_ROWS))


def _names(
    what: str, given: Any, *, single: bool = False, several: bool = True
) -> tuple[str, ...] | None:
    """Return names of columns as a tuple; None where there are none."""
    if given is None:
        return None
    if isinstance(given, str) and single:
        return (given,)
    whole = several and isinstance(given, Sequence) and not isinstance(given, str)
    if not whole or not given or not all(isinstance(name, str) for name in given):
        allowed = ["the name of a column"] if single else []
        allowed += ["a list of names of columns"] if several else []
        raise TypeError(f"{what} is {given!r:.200}; give {' or '.join(allowed)}.")
    return tuple(given)


def _bytes(memory: int | str) -> int:
    """Return a size in bytes."""
    number: float | None = None
    if isinstance(memory, str):
        match = re.fullmatch(r"\s*([0-9.]+)\s*([A-Za-z]*)\s*", memory)
        if match and match[2] in _UNITS and match[1].count(".") <= 1:
            number = float(match[1]) * _UNITS[match[2]]
    elif isinstance(memory, int | np.integer) and not isinstance(memory, bool):
        number = int(memory)
    if number is None:
        raise ValueError(
            f"memory is {memory!r}; give a number of bytes, or one with a unit such as "
            "'500MB' or '2GB'."
        )
    if number < LEAST_MEMORY:
        raise ValueError(f"memory is {memory!r}; give at least {LEAST_MEMORY} bytes.")
    return int(number)
