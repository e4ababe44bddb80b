"""The rows of a fit, and of a prediction, that are given as chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from boostlab.data.chunk_columns import ChunkColumns
from boostlab.data.chunks import Chunks
from boostlab.data.columns import read
from boostlab.data.frames import TableEncoder
from boostlab.data.levels import MAX_CATEGORIES, Categories
from boostlab.data.spill import Spilling
from boostlab.estimators.labels import distinct_labels
from boostlab.estimators.rows import Given, Rows, check_weight
from boostlab.groups import Groups
from boostlab.reduce import refuse

if TYPE_CHECKING:
    from boostlab.data.chunk_blocks import Block
    from boostlab.estimators.base import BaseBoosting

Array = NDArray[np.float64]

GROUP_BYTES, STATISTICS_BYTES = 60, 40
"""Memory for each row besides: with groups, and with target statistics."""


def features_of(chunks: Chunks, encoder: TableEncoder) -> Iterator[Any]:
    """Yield the features of chunks that are to be predicted, some rows at a time."""
    for block in chunks.blocks(_names(encoder), with_target=False):
        yield block.native


def _names(encoder: TableEncoder) -> list[str] | None:
    names = getattr(encoder, "feature_names_in_", None)
    return None if names is None else list(names)


class ChunkedRows:
    """Reads chunks: features to a file, and targets, weights and groups to memory.

    Parameters
    ----------
    estimator : BaseBoosting
        Says what targets and groups may be.
    given : Given
        The chunks.
    suffix : str
        Behind the names of arguments in messages.
    encoder : TableEncoder
        Learns the features, unless it knows them.
    """

    def __init__(
        self, estimator: BaseBoosting, given: Given, suffix: str, encoder: TableEncoder
    ) -> None:
        _check_given(estimator, given, suffix)
        self.estimator = estimator
        self.chunks: Chunks = given.X
        self.suffix = suffix
        self.encoder = encoder
        self._learns = not encoder.is_fitted
        self._columns = ChunkColumns(None if self._learns else encoder.categorical_)
        self._spilling: Spilling | None = None
        self._feature_names: NDArray[np.object_] | None = None
        self._y = _Targets(estimator._task == "classification")
        self._weight: list[Array] = []
        self._group: list[NDArray[Any]] = []
        self._n_given = 0

    def read(self, reset: bool) -> Rows:
        """Read all chunks and return the rows; those of weight 0 are gone.

        Raises
        ------
        ValueError
            If the chunks are no table, hold no row, or need more memory than they may
            have.
        OSError
            If the disk is full.
        """
        for block in self.chunks.blocks(None if self._learns else _names(self.encoder)):
            self._take(block)
            self._check_memory()
        if self._spilling is None or self._spilling.n_samples == 0:
            raise ValueError(_no_rows(self._n_given, self.suffix))
        if self._learns:
            self.encoder.adopt(self._categories(), self._feature_names)
        numeric = self._spilling.values(self.encoder.codes_of(self._columns.columns))
        y = self._y.encoded(self.estimator, "y" + self.suffix, reset)
        group = np.concatenate(self._group) if self._group else None
        group = self.estimator._check_group(group, len(y), "group" + self.suffix)
        return Rows(
            numeric,
            y,
            np.concatenate(self._weight),
            None if group is None else Groups.of(group),
        )

    def _categories(self) -> list[Categories | None]:
        """Return the categories of each feature; None where it is numeric."""
        columns, weight = self._columns.columns, np.concatenate(self._weight)
        numbers = self._spilling.values([None] * len(columns))
        return [
            column.categories(lambda j=j: numbers[:, j], weight)
            for j, column in enumerate(columns)
        ]

    def _take(self, block: Block) -> None:
        """Read some rows."""
        given = read(block.native)
        if self._spilling is None:
            if not self._learns:
                self.encoder.check_features(given.names, given.shape[1])
            self._feature_names = given.names
            self._spilling = Spilling(self.chunks.directory, given.shape[1])
        y = self.estimator._check_targets(block.y, "y" + self.suffix)
        weight = check_weight(
            block.weight, block.n_rows, "sample_weight" + self.suffix, may_vanish=True
        )
        if (block.group is None) != (len(self._group) == 0) and self._n_given:
            raise ValueError(
                "Some chunks have groups and some have none; give all of them groups, "
                "or none."
            )
        self._n_given += block.n_rows
        columns = self._columns.read(given)
        counts = weight > 0
        if not counts.all():
            columns = [values[counts] for values in columns]
            y, weight = y[counts], weight[counts]
        self._spilling.append(columns)
        self._y.append(y)
        # A copy: the array may be filled anew, or be a view of the whole chunk.
        self._weight.append(weight.copy())
        if block.group is not None:
            self._group.append(block.group[counts])

    def _check_memory(self) -> None:
        """Refuse rows that do not fit, before all of them were read."""
        n_rows = self._spilling.n_samples
        per_row = self.estimator._row_bytes(self._y.n_outputs)
        per_row += GROUP_BYTES if self._group else 0
        if any(c.n_levels > MAX_CATEGORIES for c in self._columns.columns):
            per_row += STATISTICS_BYTES
        needed, levels = n_rows * per_row, self._columns.size
        blocks = self.chunks.memory // 4
        if needed + levels + blocks <= self.chunks.memory:
            return
        if levels > needed:
            column = max(self._columns.columns, key=lambda column: column.n_levels)
            raise ValueError(
                f"Column {column.label} has more than {column.n_levels:,} categories, "
                f"which do not fit into memory={self.chunks.memory:,} bytes; leave it "
                "out, make it a number, or give Chunks more memory."
            )
        raise ValueError(
            f"A fit holds about {per_row} bytes for each row, and {n_rows:,} rows and "
            "more do not fit beside the blocks that are read into memory="
            f"{self.chunks.memory:,} bytes; give Chunks more memory, or fewer rows."
        )


class _Targets:
    """Targets, as chunks go by; labels as their numbers.

    Parameters
    ----------
    are_labels : bool
        Whether they are labels of classes.
    """

    def __init__(self, are_labels: bool) -> None:
        self.are_labels = are_labels
        self.n_outputs = 1
        self._labels: list[NDArray[Any]] = []
        self._parts: list[NDArray[Any]] = []
        self._known: set[Any] = set()

    def append(self, y: NDArray[Any]) -> None:
        """Take the targets of some rows."""
        if not len(y):
            return
        if not self.are_labels:
            if self._parts and y.shape[1:] != self._parts[0].shape[1:]:
                raise ValueError(
                    f"A chunk has targets of shape {y.shape}, unlike the chunks before "
                    "it; give the same targets in every chunk."
                )
            self.n_outputs = 1 if y.ndim == 1 else y.shape[1]
            self._parts.append(y)
            return
        labels, codes = distinct_labels(y, "y")
        self._known.update(labels.tolist())
        self.n_outputs = len(self._known) if len(self._known) > 2 else 1
        self._labels.append(labels)
        self._parts.append(codes.astype(np.int32))

    def encoded(self, estimator: BaseBoosting, name: str, learn: bool) -> Array:
        """Return all targets as the objective wants them."""
        if not self.are_labels:
            y = np.concatenate(self._parts)
            return estimator._encode_targets(y, name, learn)
        texts = {labels.dtype.kind in "OUST" for labels in self._labels}
        if len(texts) > 1:  # numpy would make strings of numbers
            self._labels = [labels.astype(object) for labels in self._labels]
        numbers = estimator._encode_targets(np.concatenate(self._labels), name, learn)
        stops = np.cumsum([len(labels) for labels in self._labels])
        of_parts = np.split(numbers, stops[:-1])
        return np.concatenate(
            [own[codes] for own, codes in zip(of_parts, self._parts, strict=True)]
        )


def _check_given(estimator: BaseBoosting, given: Given, suffix: str) -> None:
    """Refuse what chunks do not go with."""
    refuse("X as Chunks", "give each part its rows as an array or a frame")
    if not estimator._takes_sparse():
        raise TypeError(
            "Chunks are read by trees alone, without linear leaves; choose these, or "
            "give the whole table."
        )
    beside = {"y": given.y, **given.metadata}
    named = [name + suffix for name, value in beside.items() if value is not None]
    if named:
        raise ValueError(
            f"{' and '.join(named)} cannot be given beside Chunks, which hold them; "
            "name their columns by Chunks(target=..., weight=..., group=...), or give "
            "chunks as tuples (X, y, weight, group)."
        )


def _no_rows(n_given: int, suffix: str) -> str:
    if n_given:
        return (
            f"sample_weight{suffix} are all zero, so no row is left; sample weights "
            "must contain at least one non-zero number."
        )
    return (
        f"The chunks of X{suffix} hold no rows; give a source with rows, and where it "
        "is an iterator, a fresh one."
    )
