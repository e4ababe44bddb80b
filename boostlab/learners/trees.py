"""Fitted trees: plain arrays, applied by the C core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from boostlab import _core
from boostlab.contributions import Cells, scaled_cells
from boostlab.data.binning import Bins
from boostlab.data.borders import Borders
from boostlab.learners.tree_arrays import (
    TreeArrays,
    joined_subsets,
    pack_trees,
    starts_of,
    unpack_trees,
)
from boostlab.parallel import FEW_ROWS, n_threads
from boostlab.registry import register
from boostlab.state import Round, State

if TYPE_CHECKING:
    from boostlab.data.table import Table


@register("trees")
@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """One round's trees: one an output, or one tree for all outputs.

    Parameters
    ----------
    trees : tuple of TreeArrays
        Trees of one value a leaf, in the order of the outputs; or a single tree whose
        leaves have a value for each output.
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
        """Values of the nodes of each tree, shape (n_nodes, 1) or (n_nodes, K)."""
        return tuple(tree.value for tree in self.trees)

    @property
    def n_outputs(self) -> int:
        """Number of outputs K that the trees add to."""
        return sum(tree.n_outputs for tree in self.trees)

    @property
    def n_splits(self) -> int:
        """Number of splits of all trees."""
        return sum(int(np.count_nonzero(tree.feature >= 0)) for tree in self.trees)

    def contribution(self, state: State) -> Cells:
        """Return the leaf of every row of ``state.table``, with the leaf values."""
        return Cells(self.cells(state.table), self.cell_values)

    def cells(self, table: Table) -> NDArray[np.int32]:
        """Return the leaf of each row in each tree, shape (n_trees, n), int32."""
        ids = np.empty((len(self.trees), table.n_samples), dtype=np.int32)
        if self.bins is None or not table.was_fitted(self.bins, self.borders):
            _write_leaves(self._forest(), table, ids)
            return ids
        if table.n_samples == 0:  # of this part; others hold rows out
            return ids
        bins = table.view(self.bins).partitioned_by()
        for tree, out in zip(self.trees, ids, strict=True):
            _core.apply_bins(
                bins,
                tree.feature,
                tree.left,
                tree.bin,
                tree.missing_left,
                tree.subset,
                tree.subsets,
                out,
                n_threads(),
            )
        return ids

    def predict(self, table: Table) -> NDArray[np.float64]:
        """Return the unscaled prediction, shape (n, K)."""
        return Cells(self.cells(table), self.cell_values).values()

    def importances(self, kind: str = "gain") -> NDArray[np.float64]:
        """Return each feature's total gain, or its number of splits, shape (f,)."""
        return self.importances_by_tree(kind).sum(axis=0)

    def importances_by_tree(self, kind: str = "gain") -> NDArray[np.float64]:
        """Return the importances of each tree, shape (n_trees, f)."""
        totals = np.zeros((len(self.trees), self.n_features))
        for tree, total in zip(self.trees, totals, strict=True):
            inner = tree.feature >= 0
            amount = tree.gain[inner] if kind == "gain" else np.ones(inner.sum())
            np.add.at(total, tree.feature[inner], amount)
        return totals

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
        trees = [tree for h in hypotheses for tree in h.trees]
        weight = np.concatenate([tree.weight for tree in trees])
        n_outputs = hypotheses[0].n_outputs
        return FusedTrees(_forest(hypotheses, values), len(trees), n_outputs, weight)

    @staticmethod
    def pack(
        hypotheses: Sequence[Trees],
    ) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return many hypotheses as few arrays, for model files."""
        return {"n_features": hypotheses[0].n_features}, pack_trees(
            [h.trees for h in hypotheses]
        )

    @staticmethod
    def unpack(data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> list[Trees]:
        """Build what :meth:`pack` packed; anything inconsistent raises ValueError."""
        n_features = data.get("n_features") if isinstance(data, dict) else None
        if type(n_features) is not int or not 1 <= n_features < 2**24:
            raise ValueError(f"Trees cannot have {n_features!r} features.")
        return [Trees(trees, n_features) for trees in unpack_trees(arrays, n_features)]

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


def _forest(
    hypotheses: Sequence[Trees], values: Sequence[tuple[NDArray[np.float64], ...]]
) -> Any:
    """Return the core's packed form of trees with the given node values."""
    trees = [tree for h in hypotheses for tree in h.trees]
    widths = [[tree.n_outputs for tree in h.trees] for h in hypotheses]
    outputs = [np.cumsum([0, *own[:-1]]) for own in widths]
    return _core.forest(
        starts_of([tree.n_nodes for tree in trees]),
        np.concatenate([tree.feature for tree in trees]),
        np.concatenate([tree.left for tree in trees]),
        np.concatenate([tree.threshold for tree in trees]),
        np.concatenate([tree.missing_left for tree in trees]),
        joined_subsets(trees),
        np.concatenate([tree.subsets for tree in trees]),
        np.concatenate([v.ravel() for per_tree in values for v in per_tree]),
        np.concatenate(outputs).astype(np.int32),
        np.concatenate(widths).astype(np.int32),
        hypotheses[0].n_features,
        hypotheses[0].n_outputs,
    )


def _write_leaves(forest: Any, table: Table, ids: NDArray[np.int32]) -> None:
    """Write the leaf of each row in each tree, shape (n_trees, n)."""
    if table.is_whole:
        _core.apply(forest, table.numeric, ids, n_threads())
        return
    for rows, values in table.row_blocks():
        part = np.empty((len(ids), len(values)), dtype=np.int32)
        _core.apply(forest, values, part, n_threads())
        ids[:, rows] = part


@dataclass(frozen=True, slots=True, eq=False)
class FusedTrees:
    """All trees of an ensemble, laid out for prediction of many rows.

    Parameters
    ----------
    forest : capsule
        The core's trees, values scaled by the rounds' sizes.
    n_trees, n_outputs : int
        How many trees there are, and outputs K that they add to.
    weight : ndarray of shape (n_nodes,)
        Training weight of the nodes of all trees.
    """

    forest: Any
    n_trees: int
    n_outputs: int
    weight: NDArray[np.float64] = field(repr=False)

    def add_to(self, raw_prediction: NDArray[np.float64], table: Table) -> None:
        """Add the trees' values for the rows of `table`, in the order of rounds."""
        # Few rows are predicted faster than the processors are counted.
        limit = 1 if table.n_samples <= FEW_ROWS else n_threads()
        if table.is_whole:
            _core.predict(self.forest, table.numeric, raw_prediction, limit)
            return
        for rows, values in table.row_blocks():
            part = np.array(raw_prediction[rows], order="F")
            _core.predict(self.forest, values, part, limit)
            raw_prediction[rows] = part

    def leaves(self, table: Table) -> NDArray[np.int32]:
        """Return the leaf of each row in each tree, shape (n_trees, n), int32."""
        ids = np.empty((self.n_trees, table.n_samples), dtype=np.int32)
        _write_leaves(self.forest, table, ids)
        return ids

    def contributions(
        self, table: Table, background: Table | None = None
    ) -> NDArray[np.float64]:
        """Return shares of the features, shape (n, K, f + 1), the expected value last.

        Exact Shapley values: path-dependent by the weights of the nodes or, with a
        background, interventional.
        """
        shares = np.empty((table.n_samples, self.n_outputs, table.n_features + 1))
        others = None if background is None else background.numeric
        for rows, values in table.row_blocks():
            arguments = (self.forest, self.weight, values, others, shares[rows])
            _core.contributions(*arguments, n_threads())
        if background is not None:
            shape = (background.n_samples, self.n_outputs)
            expected = np.zeros(shape, order="F")
            self.add_to(expected, background)
            shares[:, :, -1] = expected.mean(axis=0)
        return shares
