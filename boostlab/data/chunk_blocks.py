"""Chunks in their parts: features, targets, weights, groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

if TYPE_CHECKING:
    from boostlab.data.chunks import Chunks


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some rows of a chunk.

    Parameters
    ----------
    X : frame of narwhals, or ndarray of shape (n, f)
        The features.
    y, weight, group : ndarray of shape (n,), or None
        Targets, of shape (n, T) where there are several; weights; groups.
    """

    X: Any
    y: NDArray[Any] | None = None
    weight: NDArray[Any] | None = None
    group: NDArray[Any] | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return self.X.shape[0]

    @property
    def n_features(self) -> int:
        """Number of features; 1 where that is not known yet."""
        return self.X.shape[1] if len(self.X.shape) > 1 else 1

    @property
    def native(self) -> Any:
        """The features as what they were given as."""
        return self.X.to_native() if isinstance(self.X, nw.DataFrame) else self.X

    def rows(self, start: int, stop: int) -> Block:
        """Return some of the rows."""
        parts = (self.X, self.y, self.weight, self.group)
        return Block(*(None if part is None else part[start:stop] for part in parts))


class BlockReader:
    """Cuts chunks into features, targets, weights and groups.

    Parameters
    ----------
    chunks : Chunks
        Says which columns are which.
    features : sequence of str or None
        The features and their order; by default those of the first chunk.
    with_target : bool
        Whether targets, weights and groups are needed.
    """

    def __init__(
        self, chunks: Chunks, features: Sequence[str] | None, with_target: bool
    ) -> None:
        self.chunks = chunks
        self.features = features
        self.with_target = with_target
        self._order: list[Any] | None = None

    def block(self, chunk: Any, i: int) -> Block:
        """Return a chunk, the i-th, in its parts."""
        if isinstance(chunk, tuple):
            return self._of_tuple(chunk, i)
        X = self._matrix(chunk, i)
        if not self.with_target:
            named = self.chunks.roles if isinstance(X, nw.DataFrame) else ()
            return Block(self._ordered(X, i, without=named))
        if not isinstance(X, nw.DataFrame):
            raise ValueError(
                f"Chunk {i} is a matrix without targets; give tuples (X, y), or frames "
                "and Chunks(target=...)."
            )
        if self.chunks.target is None:
            raise ValueError(
                "The chunks are frames, and which column is the target is not said; "
                "give Chunks(target=...) its name, or chunks as tuples (X, y)."
            )
        absent = [name for name in self.chunks.roles if name not in X.columns]
        if absent:
            raise ValueError(
                f"Chunk {i} has no column {absent[0]!r}; give every chunk the columns "
                "of targets, weights and groups."
            )
        y = [_values(X, name) for name in self.chunks.target]
        return Block(
            self._ordered(X, i, without=self.chunks.roles),
            y[0] if len(y) == 1 else np.column_stack(y),
            *(
                None if name is None else _values(X, name[0])
                for name in (self.chunks.weight, self.chunks.group)
            ),
        )

    def _of_tuple(self, chunk: tuple[Any, ...], i: int) -> Block:
        if not 2 <= len(chunk) <= 4:
            raise ValueError(
                f"Chunk {i} is a tuple of {len(chunk)} parts; give (X, y), (X, y, "
                "weight) or (X, y, weight, group)."
            )
        if self.chunks.roles:
            raise ValueError(
                f"Chunk {i} is a tuple, but Chunks names the columns "
                f"{self.chunks.roles}; give frames, or leave the names out."
            )
        X = self._ordered(self._matrix(chunk[0], i), i)
        if not self.with_target:
            return Block(X)
        parts = [None if part is None else np.asarray(part) for part in chunk[1:]]
        if parts[0] is None:
            raise ValueError(f"Chunk {i} has no targets; give tuples (X, y).")
        for part, name in zip(parts, ("targets", "weights", "groups"), strict=False):
            if part is not None and part.shape[:1] != X.shape[:1]:
                raise ValueError(
                    f"Chunk {i} has features of shape {X.shape} and {name} of shape "
                    f"{part.shape}; give one for each row."
                )
        return Block(X, *parts)

    def _matrix(self, X: Any, i: int) -> Any:
        """Return a frame as one of narwhals, and a matrix as it is."""
        if isinstance(X, np.ndarray):
            return X
        if sparse.issparse(X):
            raise TypeError(
                f"Chunk {i} is a sparse matrix; give chunks as X.toarray()."
            )
        frame = nw.from_native(X, pass_through=True, eager_only=False)
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect()
        if not isinstance(frame, nw.DataFrame):
            raise TypeError(
                f"Chunk {i} is a {type(X).__name__}; give frames of pandas, polars or "
                "pyarrow, or tuples (X, y)."
            )
        return frame

    def _ordered(self, X: Any, i: int, without: Sequence[str] = ()) -> Any:
        """Return the features, in the order of the first chunk."""
        if not isinstance(X, nw.DataFrame):
            return self._same_width(X, i)
        given = [name for name in X.columns if name not in without]
        if self._order is None:
            self._order = given if self.features is None else list(self.features)
        if isinstance(self._order, int):
            raise ValueError(
                f"Chunk {i} is a frame, but chunks before it are matrices; give all "
                "of them as the same."
            )
        absent = [name for name in self._order if name not in given]
        if absent:
            raise ValueError(
                f"Chunk {i} has no column {absent[0]!r}; give every chunk the same "
                "features."
            )
        new = set(given) - set(self._order) if self.features is None else ()
        if new:
            raise ValueError(
                f"Chunk {i} has the column {min(new, key=str)!r}, which chunks before "
                "it have not; give every chunk the same features, or name them by "
                "Chunks(features=...)."
            )
        same = given == self._order and len(X.columns) == len(given)
        return X if same else X.select(self._order)

    def _same_width(self, X: NDArray[Any], i: int) -> NDArray[Any]:
        if X.ndim != 2:
            raise ValueError(
                f"Chunk {i} has features of shape {X.shape}; give a matrix of rows by "
                "features."
            )
        if self.chunks.features is not None:
            raise ValueError(
                f"Chunk {i} is a matrix, but Chunks names features; give frames, or "
                "leave the names out."
            )
        if self._order is None:
            self._order = X.shape[1]
        if self._order != X.shape[1]:
            raise ValueError(
                f"Chunk {i} is a matrix of {X.shape[1]} features, which chunks before "
                "it are not; give every chunk the same features."
            )
        return X


def _values(frame: nw.DataFrame[Any], name: str) -> NDArray[Any]:
    """Return a column as an array, categories by value."""
    series = frame.get_column(name)
    if series.dtype in (nw.Categorical, nw.Enum):
        native = series.to_native()
        if hasattr(native, "to_pylist"):
            series = series.cast(nw.String)
        elif series.implementation.is_pandas_like():
            return np.asarray(native)
    return series.to_numpy()
