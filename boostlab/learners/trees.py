"""Fitted trees: plain arrays, applied by the C core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from boostlab import _core
from boostlab.contributions import Cells, scaled_cells
from boostlab.data.binning import Bins, Borders
from boostlab.learners.tree_check import check_forest_arrays
from boostlab.parallel import n_threads
from boostlab.registry import register
from boostlab.state import Round, State

if TYPE_CHECKING:
    from boostlab.data.table import Table


@dataclass(frozen=True, slots=True, eq=False)
class TreeArrays:
    """The nodes of one tree.

    The children of node ``i`` are ``left[i]`` and ``left[i] + 1``, both after it; a
    leaf has ``feature`` and ``left`` of -1. A row goes left where its value is at most
    ``threshold``, or where the value is missing and ``missing_left`` is 1.

    Parameters
    ----------
    feature, left : ndarray of shape (n_nodes,), int32
        Split feature and left child.
    threshold, gain, weight : ndarray of shape (n_nodes,)
        Split threshold, decrease of the objective by the split (0 for leaves), and
        total sample weight.
    value : ndarray of shape (n_nodes, 1)
        Value of the leaf, 0 for inner nodes.
    bin, missing_left : ndarray of shape (n_nodes,), uint8
        Last bin on the left, and where missing values go.
    """

    feature: NDArray[np.int32]
    left: NDArray[np.int32]
    threshold: NDArray[np.float64]
    value: NDArray[np.float64]
    gain: NDArray[np.float64]
    weight: NDArray[np.float64]
    bin: NDArray[np.uint8]
    missing_left: NDArray[np.uint8]

    @classmethod
    def empty(cls, capacity: int) -> TreeArrays:
        """Return arrays that hold `capacity` nodes, uninitialised."""
        return cls(
            feature=np.empty(capacity, np.int32),
            left=np.empty(capacity, np.int32),
            threshold=np.empty(capacity),
            value=np.empty((capacity, 1)),
            gain=np.empty(capacity),
            weight=np.empty(capacity),
            bin=np.empty(capacity, np.uint8),
            missing_left=np.empty(capacity, np.uint8),
        )

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.feature)

    def outputs(self) -> tuple[NDArray[Any], ...]:
        """Return the arrays as the core fills them, in its order."""
        return (
            self.feature,
            self.left,
            self.threshold,
            self.value[:, 0],
            self.gain,
            self.weight,
            self.bin,
            self.missing_left,
        )

    def head(self, n_nodes: int) -> TreeArrays:
        """Return a copy of the first `n_nodes` nodes."""
        return TreeArrays(
            **{name.name: getattr(self, name.name)[:n_nodes].copy() for name in NODE}
        )


NODE = fields(TreeArrays)


@register("trees")
@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """One round's trees: one an output.

    Parameters
    ----------
    trees : tuple of TreeArrays
        The trees, in the order of the outputs.
    n_features : int
        Features of the tables they apply to.
    bins : Bins, optional
        The view they were grown on.
    borders : Borders, optional
        The borders of that view: a table binned by the very same borders is walked by
        bins, any other by raw values. Not stored in files and pickles.
    """

    trees: tuple[TreeArrays, ...]
    n_features: int
    bins: Bins | None = None
    borders: Borders | None = field(default=None, repr=False)

    def __getstate__(self) -> tuple[Any, ...]:
        return (self.trees, self.n_features)

    def __setstate__(self, values: tuple[Any, ...]) -> None:
        for name, value in zip(("trees", "n_features"), values, strict=True):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "bins", None)
        object.__setattr__(self, "borders", None)

    @property
    def cell_values(self) -> tuple[NDArray[np.float64], ...]:
        """Values of the nodes of each tree, shape (n_nodes, 1) each."""
        return tuple(tree.value for tree in self.trees)

    def contribution(self, state: State) -> Cells:
        """Return the leaf of every row of ``state.table``, with the leaf values."""
        return Cells(self.cells(state.table), self.cell_values)

    def cells(self, table: Table) -> NDArray[np.int32]:
        """Return the leaf of each row in each tree, shape (n_trees, n), int32."""
        ids = np.empty((len(self.trees), table.n_samples), dtype=np.int32)
        if self.bins is None or not table.was_fitted(self.bins, self.borders):
            _core.apply(self._forest(), table.numeric, ids, n_threads())
            return ids
        columns = table.view(self.bins).columns
        for tree, out in zip(self.trees, ids, strict=True):
            _core.apply_bins(
                columns,
                tree.feature,
                tree.left,
                tree.bin,
                tree.missing_left,
                out,
                n_threads(),
            )
        return ids

    def predict(self, table: Table) -> NDArray[np.float64]:
        """Return the unscaled prediction, shape (n, K)."""
        return Cells(self.cells(table), self.cell_values).values()

    def importances(self, kind: str = "gain") -> NDArray[np.float64]:
        """Return each feature's total gain, or its number of splits, shape (f,)."""
        total = np.zeros(self.n_features)
        for tree in self.trees:
            inner = tree.feature >= 0
            amount = tree.gain[inner] if kind == "gain" else np.ones(inner.sum())
            np.add.at(total, tree.feature[inner], amount)
        return total

    def _forest(self) -> Any:
        return _forest([self], [self.cell_values])

    @staticmethod
    def fuse(rounds: Sequence[Round]) -> FusedTrees:
        """Return all rounds as one predictor."""
        hypotheses = [done.hypothesis for done in rounds]
        values = [
            scaled_cells(h.cell_values, r.size)
            for h, r in zip(hypotheses, rounds, strict=True)
        ]
        return FusedTrees(_forest(hypotheses, values))

    @staticmethod
    def pack(
        hypotheses: Sequence[Trees],
    ) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return many hypotheses as few arrays, for model files."""
        trees = [tree for h in hypotheses for tree in h.trees]
        arrays = {
            name.name: np.concatenate([getattr(tree, name.name) for tree in trees])
            for name in NODE
        }
        arrays["n_nodes"] = np.array([tree.n_nodes for tree in trees], dtype=np.int64)
        arrays["n_trees"] = np.array([len(h.trees) for h in hypotheses], dtype=np.int64)
        return {"n_features": hypotheses[0].n_features}, arrays

    @staticmethod
    def unpack(data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> list[Trees]:
        """Build what :meth:`pack` packed; anything inconsistent raises ValueError."""
        wanted = {name.name for name in NODE} | {"n_nodes", "n_trees"}
        if set(arrays) != wanted:
            raise ValueError(f"Trees need the arrays {sorted(wanted)}.")
        n_features = data.get("n_features") if isinstance(data, dict) else None
        if type(n_features) is not int or not 1 <= n_features < 2**24:
            raise ValueError(f"Trees cannot have {n_features!r} features.")
        n_nodes, n_trees = arrays.pop("n_nodes"), arrays.pop("n_trees")
        starts = _starts(n_nodes, len(arrays["feature"]), "nodes")
        check_forest_arrays(starts, **arrays, n_features=n_features, n_outputs=1)
        trees = [
            TreeArrays(**{name: array[begin:end] for name, array in arrays.items()})
            for begin, end in pairwise(starts)
        ]
        groups = _starts(n_trees, len(trees), "trees")
        return [
            Trees(tuple(trees[begin:end]), n_features)
            for begin, end in pairwise(groups)
        ]

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return plain data and arrays; see :mod:`boostlab.registry`."""
        return self.pack([self])

    @classmethod
    def from_parts(cls, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Trees:
        """Build the trees again, checking every link."""
        hypotheses = cls.unpack(data, dict(arrays))
        if len(hypotheses) != 1:
            raise ValueError("One hypothesis was expected in these arrays.")
        return hypotheses[0]


def _starts(counts: NDArray[Any], total: int, what: str) -> NDArray[np.int64]:
    """Return the offsets of groups of the given sizes."""
    if counts.dtype != np.int64 or counts.ndim != 1 or (counts < 1).any():
        raise ValueError(f"The numbers of {what} must be positive 64-bit integers.")
    if (counts > total).any() or counts.sum() != total:
        raise ValueError(f"The numbers of {what} do not add up to {total}.")
    return np.concatenate([[0], np.cumsum(counts)])


def _forest(
    hypotheses: Sequence[Trees], values: Sequence[tuple[NDArray[np.float64], ...]]
) -> Any:
    """Return the core's packed form of trees with the given node values."""
    trees = [tree for h in hypotheses for tree in h.trees]
    sizes = [tree.n_nodes for tree in trees]
    outputs = [range(len(h.trees)) for h in hypotheses]
    return _core.forest(
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.concatenate([tree.feature for tree in trees]),
        np.concatenate([tree.left for tree in trees]),
        np.concatenate([tree.threshold for tree in trees]),
        np.concatenate([tree.missing_left for tree in trees]),
        np.concatenate([v[:, 0] for per_tree in values for v in per_tree]),
        np.concatenate([np.arange(len(o)) for o in outputs]).astype(np.int32),
        hypotheses[0].n_features,
        len(outputs[0]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class FusedTrees:
    """All trees of an ensemble, walked together, 64 rows at a time.

    Parameters
    ----------
    forest : capsule
        The core's packed nodes, values scaled by the rounds' sizes.
    """

    forest: Any

    def add_to(self, raw_prediction: NDArray[np.float64], table: Table) -> None:
        """Add the trees' values for the rows of `table`, in the order of rounds."""
        _core.predict(self.forest, table.numeric, raw_prediction, n_threads())
