"""Histogram trees on the C core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from boostlab import _core
from boostlab.checks import check_number
from boostlab.data.binning import BinnedTable, Bins, Borders
from boostlab.learners.tree_check import check_forest_arrays
from boostlab.parallel import n_threads
from boostlab.pieces import Piece
from boostlab.registry import register
from boostlab.state import Cells, Round, State, Target, scaled_cells

if TYPE_CHECKING:
    from boostlab.data.table import Table

SMALL_TABLE = 1000
"""Total weight below which ``min_samples_leaf="auto"`` is 5 instead of 20."""


@register("learner:tree")
class Tree(Piece):
    """A regression tree grown on histograms of binned features.

    It fits the Newton step: a leaf's value is ``-G / (H + l2_regularization)`` with
    G and H the sums of its rows' derivatives, and a split is chosen for the largest
    decrease of the second-order objective (Chen & Guestrin, XGBoost, 2016, eq. 6-7).
    Under the gradient direction H is the sum of weights, and the tree that of
    Friedman (2001). With K outputs, K trees are grown.

    Histograms are sums of fixed-point integers, so the same seed gives the same tree,
    bit for bit, for any number of threads and on any CPU.

    Parameters
    ----------
    max_leaf_nodes : int or None, default=31
        Most leaves of a tree, at least 2; None for no limit.
    max_depth : int or None, default=None
        Most splits between the root and a leaf, at least 1; None for no limit.
    min_samples_leaf : int, float or "auto", default="auto"
        Least total sample weight of a leaf: rows count by their weight, so that
        weight 2 is a row given twice. "auto" is 20, or 5 where the weights of the
        table sum to less than 1000.
    min_hessian : float, default=1e-3
        Least sum of hessians of a leaf.
    l2_regularization : float, default=1.0
        Added to the hessian of every leaf.
    max_bins : int, default=255
        Most bins of a feature, 2 to 255; missing values have one of their own.
    max_features : float, default=1.0
        Share of the round's features drawn afresh for every node, in (0, 1].
    growth : {"leaf", "depth"}, default="leaf"
        Split the best leaf first, or level by level.
    """

    accepts = frozenset({"derivatives"})
    allows_missing = True

    def __init__(
        self,
        max_leaf_nodes: int | None = 31,
        max_depth: int | None = None,
        min_samples_leaf: float | str = "auto",
        min_hessian: float = 1e-3,
        l2_regularization: float = 1.0,
        max_bins: int = 255,
        max_features: float = 1.0,
        growth: str = "leaf",
    ) -> None:
        self.max_leaf_nodes = max_leaf_nodes
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.min_hessian = min_hessian
        self.l2_regularization = l2_regularization
        self.max_bins = max_bins
        self.max_features = max_features
        self.growth = growth

    def validate(self) -> None:
        """Check the parameters; see :meth:`boostlab.pieces.Piece.validate`."""
        if self.max_leaf_nodes is not None:
            check_number("max_leaf_nodes", self.max_leaf_nodes, at_least=2, integer=True)
        if self.max_depth is not None:
            check_number("max_depth", self.max_depth, at_least=1, integer=True)
        if not isinstance(self.min_samples_leaf, str):
            check_number("min_samples_leaf", self.min_samples_leaf, at_least=0)
        elif self.min_samples_leaf != "auto":
            raise ValueError(
                f"min_samples_leaf is {self.min_samples_leaf!r}; give a number or "
                "'auto'."
            )
        check_number("min_hessian", self.min_hessian, at_least=0)
        check_number("l2_regularization", self.l2_regularization, at_least=0)
        check_number("max_bins", self.max_bins, at_least=2, at_most=255, integer=True)
        check_number("max_features", self.max_features, above=0, at_most=1)
        if self.growth not in ("leaf", "depth"):
            raise ValueError(f"growth is {self.growth!r}; give 'leaf' or 'depth'.")

    def fit(self, target: Target, state: State) -> tuple[Trees, Cells]:
        """Grow one tree an output; see :class:`boostlab.protocols.WeakLearner`."""
        view = Bins(self.max_bins)
        binned = target.table.view(view)
        n_outputs = target.n_outputs
        ids = np.empty((n_outputs, target.table.n_samples), dtype=np.int32)
        seeds = state.rng.integers(0, 2**64, size=n_outputs, dtype=np.uint64)
        trees = tuple(
            self._grow(target, binned, output, int(seed), ids[output])
            for output, seed in enumerate(seeds)
        )
        borders = target.table.fitted(view)
        hypothesis = Trees(trees, target.table.n_features, view, borders)
        return hypothesis, Cells(ids, hypothesis.cell_values)

    def _grow(
        self,
        target: Target,
        binned: BinnedTable,
        output: int,
        seed: int,
        ids: NDArray[np.int32],
    ) -> TreeArrays:
        """Grow the tree of one output and write the leaf of every row to `ids`."""
        n_features = target.table.n_features
        usable = n_features if target.features is None else len(target.features)
        total_weight = float(target.weight.sum())
        min_weight = self.min_samples_leaf
        if min_weight == "auto":
            min_weight = 5 if total_weight < SMALL_TABLE else 20
        max_leaves = self._most_leaves(target, total_weight, float(min_weight))
        arrays = TreeArrays.empty(2 * max_leaves - 1)
        unweighted = bool((target.weight == 1.0).all())
        n_nodes = _core.grow(
            binned.columns,
            binned.tiles,
            binned.n_bins,
            target.gradient[:, output],
            None if target.hessian is None else target.hessian[:, output],
            None if unweighted else target.weight,
            None if target.rows is None else target.rows.astype(np.int32),
            _mask(target.features, n_features),
            binned.borders,
            binned.offsets,
            max_leaves,
            -1 if self.max_depth is None else self.max_depth,
            float(min_weight),
            self.min_hessian,
            self.l2_regularization,
            self.growth == "depth",
            max(1, int(self.max_features * usable)),
            seed,
            *arrays.outputs(),
            ids,
            binned.workspace,
            n_threads(),
        )
        return arrays.head(n_nodes)

    def _most_leaves(self, target: Target, weight: float, min_weight: float) -> int:
        """Return how many leaves the tree can have at most."""
        n_rows = len(target.weight) if target.rows is None else len(target.rows)
        bounds = [n_rows]
        if self.max_leaf_nodes is not None:
            bounds.append(self.max_leaf_nodes)
        if self.max_depth is not None and self.max_depth < 31:
            bounds.append(2**self.max_depth)
        if min_weight > 0:
            bounds.append(int(weight / min_weight) + 1)
        return max(1, min(bounds))


def _mask(
    features: NDArray[np.intp] | None, n_features: int
) -> NDArray[np.uint8] | None:
    """Return the usable features as a mask, None for all."""
    if features is None:
        return None
    mask = np.zeros(n_features, dtype=np.uint8)
    mask[features] = 1
    return mask


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
            scaled_cells(h.cell_values, r.size) for h, r in zip(hypotheses, rounds)
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
