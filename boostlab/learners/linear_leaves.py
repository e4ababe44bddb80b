"""Linear models in the leaves of fitted trees: how they are computed, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from boostlab import _core
from boostlab.contributions import Cells, Dense
from boostlab.learners.tree_arrays import TreeArrays, starts_of
from boostlab.learners.trees import Trees
from boostlab.parallel import n_threads
from boostlab.persistence.parts import by_prefix, join, part, take
from boostlab.registry import register
from boostlab.state import State

if TYPE_CHECKING:
    from boostlab.data.table import Table

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class LeafModels:
    """The linear models of one tree's leaves, S of them on at most D features each.

    In its leaf a model adds ``intercept + sum_d coef_d (clip(x_d, low_d, high_d) -
    center_d)``. Rows with a missing or infinite value in one of the features get the
    constant of the leaf, and so do the rows of leaves without a model. A model on
    fewer than D features repeats its first one with a coefficient of 0.

    Parameters
    ----------
    nodes : ndarray of shape (S,), int32
        The leaves that have a model, ascending.
    features : ndarray of shape (S, D), int32
        The features of each model.
    center, low, high : ndarray of shape (S, D)
        Where the intercept holds, and the range beyond which a feature has no
        further effect; the range may be infinite.
    coef : ndarray of shape (S, D, K)
        Change of the K outputs of the tree by one unit of each feature.
    intercept : ndarray of shape (S, K)
        The outputs where all features are at their centers.
    """

    nodes: NDArray[np.int32]
    features: NDArray[np.int32]
    center: Array
    low: Array
    high: Array
    coef: Array
    intercept: Array

    @property
    def width(self) -> int:
        """The greatest number of features D."""
        return self.features.shape[1]

    def replace_in(
        self, outputs: Array, ids: NDArray[np.int32], n_nodes: int, table: Table
    ) -> None:
        """Put what the models say in place of the constants in `outputs`.

        Its shape is (n, K), in Fortran order.
        """
        if not len(self.nodes):
            return
        model_of = np.full(n_nodes, -1, dtype=np.int32)
        model_of[self.nodes] = np.arange(len(self.nodes))
        models = (getattr(self, name) for name in _NAMES[1:])
        arrays = (np.ascontiguousarray(array) for array in models)
        _core.linear_leaves(table.numeric, ids, model_of, *arrays, outputs, n_threads())

    def padded(self, width: int) -> LeafModels:
        """Return the same models with `width` features each."""
        more = width - self.width
        if not more:
            return self
        if not self.width:
            return _without_models(width, self.coef.shape[2])
        first = {
            name: np.repeat(getattr(self, name)[:, :1], more, axis=1)
            for name in ("features", "center", "low", "high", "coef")
        }
        first["coef"] *= 0.0
        whole = {
            name: np.concatenate([getattr(self, name), extra], axis=1)
            for name, extra in first.items()
        }
        return LeafModels(nodes=self.nodes, intercept=self.intercept, **whole)


_NAMES = tuple(each.name for each in fields(LeafModels))


def _without_models(width: int, n_outputs: int) -> LeafModels:
    """Return the models of a tree whose leaves are all constants."""
    none = np.empty((0, width))
    return LeafModels(
        nodes=np.empty(0, np.int32),
        features=np.empty((0, width), np.int32),
        center=none,
        low=none,
        high=none,
        coef=np.empty((0, width, n_outputs)),
        intercept=np.empty((0, n_outputs)),
    )


@register("linear_trees")
@dataclass(frozen=True, slots=True, eq=False)
class LinearTrees:
    """One round's trees with linear models in their leaves.

    Parameters
    ----------
    partition : Trees
        The trees; their leaf values are the constants that rows with missing values,
        and leaves without a model, have.
    models : tuple of LeafModels
        The models of each tree.
    """

    partition: Trees
    models: tuple[LeafModels, ...]

    @property
    def n_features(self) -> int:
        """Features of the tables they apply to."""
        return self.partition.n_features

    @property
    def n_outputs(self) -> int:
        """Number of outputs K."""
        return self.partition.n_outputs

    @property
    def n_splits(self) -> int:
        """Number of splits of all trees."""
        return self.partition.n_splits

    def cells(self, table: Table) -> NDArray[np.int32]:
        """Return the leaf of each row in each tree, shape (n_trees, n), int32."""
        return self.partition.cells(table)

    def contribution(self, state: State) -> Dense:
        """Return the outputs (n, K) on the rows of ``state.table``."""
        return self.on_cells(self.cells(state.table), state.table)

    def on_cells(self, ids: NDArray[np.int32], table: Table) -> Dense:
        """Return the outputs of rows whose leaves are known."""
        constants = Cells(ids, self.partition.cell_values).values()
        outputs = np.asfortranarray(constants)
        first = 0
        for tree, own, models in zip(
            self.partition.trees, ids, self.models, strict=True
        ):
            last = first + tree.n_outputs
            models.replace_in(outputs[:, first:last], own, tree.n_nodes, table)
            first = last
        return Dense(outputs)

    def importances(self, kind: str = "gain") -> Array:
        """Return each feature's total gain, or its number of splits, shape (f,)."""
        return self.partition.importances(kind)

    @staticmethod
    def pack(
        hypotheses: Sequence[LinearTrees],
    ) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return many hypotheses as few arrays, for model files."""
        data, trees = Trees.pack([each.partition for each in hypotheses])
        models = [models for each in hypotheses for models in each.models]
        width = max(each.width for each in models)
        padded = [each.padded(width) for each in models]
        n_outputs = max(each.coef.shape[2] for each in models)
        arrays = {
            name: np.concatenate(
                [_widened(getattr(each, name), name, n_outputs) for each in padded]
            )
            for name in _NAMES
        }
        arrays["n_models"] = np.array([len(m.nodes) for m in models], dtype=np.int64)
        return data, join({"trees": trees, "models": arrays})

    @staticmethod
    def unpack(
        data: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> list[LinearTrees]:
        """Build what :meth:`pack` packed; anything inconsistent raises ValueError."""
        groups = by_prefix(arrays, {"trees", "models"}, "linear trees")
        partitions = Trees.unpack(data, part(groups, "trees"))
        trees = [tree for each in partitions for tree in each.trees]
        models = iter(_split_models(part(groups, "models"), trees, data["n_features"]))
        return [
            LinearTrees(each, tuple(next(models) for _ in each.trees))
            for each in partitions
        ]

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return plain data and arrays; see :mod:`boostlab.registry`."""
        return self.pack([self])

    @classmethod
    def from_parts(
        cls, data: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> LinearTrees:
        """Build the trees again, checking everything that is followed or added."""
        hypotheses = cls.unpack(data, arrays)
        if len(hypotheses) != 1:
            raise ValueError("One hypothesis was expected in these arrays.")
        return hypotheses[0]


def _widened(array: NDArray[Any], name: str, n_outputs: int) -> NDArray[Any]:
    """Return coefficients and intercepts with zeros for outputs that are not there."""
    if name not in ("coef", "intercept"):
        return array
    more = n_outputs - array.shape[-1]
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, more)])


def _split_models(
    arrays: dict[str, NDArray[Any]], trees: Sequence[TreeArrays], n_features: int
) -> list[LeafModels]:
    """Return the models of each tree after checking them."""
    if set(arrays) != {*_NAMES, "n_models"}:
        raise ValueError(f"Linear leaves need the arrays {sorted(_NAMES)}.")
    counts = take(arrays, "n_models", np.int64, (len(trees),))
    n_models = len(arrays["nodes"])
    if (counts < 0).any() or (counts > n_models).any() or counts.sum() != n_models:
        raise ValueError(f"The numbers of linear leaves do not add up to {n_models}.")
    most = max(tree.n_outputs for tree in trees)
    take(arrays, "nodes", np.int32, (n_models,))
    features = take(arrays, "features", np.int32, (n_models, None))
    width = features.shape[1]
    for name in ("center", "low", "high"):
        take(arrays, name, np.float64, (n_models, width))
    coef = take(arrays, "coef", np.float64, (n_models, width, most))
    intercept = take(arrays, "intercept", np.float64, (n_models, most))
    finite = (coef, intercept, arrays["center"])
    if not all(np.isfinite(each).all() for each in finite):
        raise ValueError("The models of linear leaves are not finite.")
    if not (arrays["low"] <= arrays["high"]).all():
        raise ValueError("The ranges of linear leaves are not ascending.")
    if ((features < 0) | (features >= n_features)).any():
        raise ValueError(f"Linear leaves read features beyond 0 .. {n_features - 1}.")
    models = []
    for (begin, end), tree in zip(pairwise(starts_of(counts)), trees, strict=True):
        own = {name: arrays[name][begin:end] for name in _NAMES}
        for name in ("coef", "intercept"):
            own[name] = own[name][..., : tree.n_outputs]
        _check_leaves(own["nodes"], tree)
        models.append(LeafModels(**own))
    return models


def _check_leaves(nodes: NDArray[np.int32], tree: TreeArrays) -> None:
    """Check that models belong to leaves, and no two of them to one."""
    if (nodes < 0).any() or (nodes >= tree.n_nodes).any() or (np.diff(nodes) < 1).any():
        raise ValueError("The nodes of linear leaves do not ascend within their tree.")
    if (tree.left[nodes] != -1).any():
        raise ValueError("A linear model belongs to a node that is no leaf.")
