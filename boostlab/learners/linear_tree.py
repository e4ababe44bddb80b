"""Trees whose leaves hold linear models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.checks import check_number
from boostlab.contributions import Dense
from boostlab.learners.linear_leaves import LeafModels, LinearTrees
from boostlab.learners.tree import Tree
from boostlab.learners.tree_arrays import TreeArrays
from boostlab.pieces import Piece
from boostlab.registry import register
from boostlab.state import State, Target

Array = NDArray[np.float64]

_CHUNK = 1 << 15
"""Rows whose leaves are fitted together, few enough to stay in the cache."""

_FLAT = 1e-10
"""Relative spread below which a feature counts as constant in a leaf."""


@register("learner:linear_tree")
class LinearTree(Piece):
    """A tree with a ridge regression in every leaf, on the features of its path.

    The tree is grown as ever. Then in each leaf the second-order objective ``sum_i
    g_i f(x_i) + h_i f(x_i)^2 / 2 + l2 |b|^2 / 2`` is minimised over linear functions f
    of the numeric features that the path to the leaf splits on. The features are
    centred and divided by their standard deviation in the leaf before they are
    penalised, so that `l2` has the unit of the hessian, as ``l2_regularization`` has,
    and does not depend on the features' units. At the centre f is the tree's own
    leaf value.

    Rows that miss one of the features, or have an infinite one, get the constant of
    the leaf, as do leaves below categorical splits only. SHAP values, which need
    constant leaves, are not to be had.

    Source: Shi, Li, Li (2019), Gradient boosting with piece-wise linear regression
    trees, section 3.1; de Vito (2017), LinXGBoost; `linear_tree` of LightGBM.

    Parameters
    ----------
    tree : Tree, optional
        The tree; ``Tree()`` by default.
    l2 : float, default=1.0
        Penalty of the standardised slopes, at least 0.
    extrapolate : bool, default=False
        Whether a slope goes on beyond the values that the leaf was fitted on (as in
        LightGBM). By default a feature is clipped to their range, so that predictions
        far from the training rows stay as they are at its border.
    """

    accepts = frozenset({"derivatives"})
    allows_missing = True
    partitions = False

    def __init__(
        self, tree: Tree | None = None, l2: float = 1.0, extrapolate: bool = False
    ) -> None:
        self.tree = tree
        self.l2 = l2
        self.extrapolate = extrapolate

    @property
    def split_test(self) -> float:
        """Share of the rows on which the tree tests its splits; 0 for no test."""
        return 0.0 if self.tree is None else self.tree.split_test

    def validate(self) -> None:
        """Check the parameters; raise TypeError or ValueError."""
        if self.tree is not None:
            if not isinstance(self.tree, Tree):
                raise TypeError(f"tree is {self.tree!r}; give a Tree or None.")
            self.tree.validate()
            if faults := linear_faults(self.tree):
                raise ValueError(faults[0])
        check_number("l2", self.l2, at_least=0)
        if not isinstance(self.extrapolate, bool | np.bool_):
            raise TypeError(f"extrapolate is {self.extrapolate!r}; give True or False.")

    def fit(self, target: Target, state: State) -> tuple[LinearTrees, Dense]:
        """Grow the trees and fit their leaves.

        Parameters
        ----------
        target : Target
            Derivatives of K outputs; only its rows are fitted.
        state : State
            The training rows.

        Returns
        -------
        hypothesis : LinearTrees
            The trees and the models of their leaves.
        contribution : Dense
            The outputs (n, K) on all rows of the table.
        """
        tree = self.tree or Tree()
        partition, cells = tree.fit(target, state)
        models, first = [], 0
        for nodes, ids in zip(partition.trees, cells.ids, strict=True):
            outputs = range(first, first + nodes.n_outputs)
            models.append(self._models(nodes, ids, target, outputs, tree))
            first += nodes.n_outputs
        hypothesis = LinearTrees(partition, tuple(models))
        return hypothesis, hypothesis.on_cells(cells.ids, target.table)

    def _models(
        self,
        nodes: TreeArrays,
        ids: NDArray[np.int32],
        target: Target,
        outputs: range,
        tree: Tree,
    ) -> LeafModels:
        """Fit the models of one tree."""
        features, used = path_features(nodes, target.table.categorical)
        rows = np.arange(len(ids)) if target.rows is None else target.rows
        own = ids[rows]
        counts = np.bincount(own, minlength=nodes.n_nodes)
        # By weight, so that weight 2 is a row given twice.
        mass = np.bincount(own, target.weight[rows], minlength=nodes.n_nodes)
        fitted = used.any(axis=1) & (mass > used.sum(axis=1) + 1)
        leaves = np.flatnonzero(fitted)
        kind = np.uint16 if nodes.n_nodes < 1 << 16 else np.int64  # radix or merge sort
        order = rows[np.argsort(own.astype(kind), kind="stable")]
        ends = np.cumsum(counts)
        parts = []
        for group in _groups(counts[leaves]):
            some = leaves[group]
            member = np.concatenate(
                [order[ends[leaf] - counts[leaf] : ends[leaf]] for leaf in some]
            )
            problem = _Leaves(target, member, counts[some], features[some], used[some])
            parts.append(
                problem.models(
                    outputs, nodes.value[some], self.l2, tree.l2_regularization
                )
            )
        return self._joined(leaves, features, parts, len(outputs))

    def _joined(
        self,
        leaves: NDArray[np.intp],
        features: NDArray[np.int32],
        parts: list[tuple[Array, ...]],
        n_outputs: int,
    ) -> LeafModels:
        """Return the models of all groups of leaves in one."""
        width = features.shape[1]
        shapes = [(0, width)] * 3 + [(0, width, n_outputs), (0, n_outputs)]
        empty = tuple(np.empty(shape) for shape in shapes)
        columns = zip(empty, *parts, strict=True)
        center, low, high, coef, intercept = (np.concatenate(each) for each in columns)
        if self.extrapolate:
            low, high = np.full_like(low, -np.inf), np.full_like(high, np.inf)
        return LeafModels(
            leaves.astype(np.int32),
            features[leaves],
            center,
            low,
            high,
            coef,
            intercept,
        )


def linear_faults(tree: Tree) -> list[str]:
    """Return what is wrong with a tree for linear leaves."""
    names = tree.constrains_values()
    if not names:
        return []
    return [
        f"{' and '.join(names)} cannot be kept by linear leaves, whose slopes leave "
        "the values of the tree; leave it out, or take constant leaves."
    ]


def path_features(
    nodes: TreeArrays, categorical: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the numeric features on the path to each node, (n_nodes, D), and a mask.

    Each feature is there once, ascending. Where there are fewer than D the first
    one is repeated, and the mask is False; inner nodes have none.
    """
    paths: list[frozenset[int]] = [frozenset()] * nodes.n_nodes
    feature, left = nodes.feature.tolist(), nodes.left.tolist()
    for node, child in enumerate(left):
        if child >= 0:
            split = feature[node]
            own = paths[node] if categorical[split] else paths[node] | {split}
            paths[child] = paths[child + 1] = own
            paths[node] = frozenset()
    width = max(len(path) for path in paths)
    features = np.zeros((nodes.n_nodes, width), np.int32)
    used = np.zeros((nodes.n_nodes, width), bool)
    for node, path in enumerate(paths):
        if path:
            there = sorted(path)
            features[node] = there + there[:1] * (width - len(path))
            used[node, : len(path)] = True
    return features, used


def _groups(counts: NDArray[np.intp]) -> list[slice]:
    """Split leaves into groups of about `_CHUNK` rows."""
    groups, begin, n_rows = [], 0, 0
    for i, count in enumerate(counts.tolist()):
        n_rows += count
        if n_rows >= _CHUNK or i == len(counts) - 1:
            groups.append(slice(begin, i + 1))
            begin, n_rows = i + 1, 0
    return groups


@dataclass(frozen=True, slots=True, eq=False)
class _Scaled:
    """The features of some leaves, centred and scaled under one set of weights.

    Parameters
    ----------
    z : list of D ndarrays of shape (n,)
        The scaled features; zero where a feature cannot be used.
    mean, factor : ndarray of shape (S, D)
        Weighted means, and the inverse deviations; 0 where it cannot be used.
    total : ndarray of shape (S,)
        Sums of the weights.
    gram : ndarray of shape (S, D, D)
        Weighted products of the scaled features; ones on the diagonal of the others.
    """

    z: list[Array]
    mean: Array
    factor: Array
    total: Array
    gram: Array


class _Leaves:
    """The least-squares problems of some leaves, solved side by side.

    Parameters
    ----------
    target : Target
        Has the derivatives and the table.
    rows : ndarray of int
        The rows of the leaves, one leaf after another.
    counts : ndarray of shape (S,)
        Number of rows of each leaf, at least 1.
    features, used : ndarray of shape (S, D)
        The features of each leaf, and which of them count.
    """

    def __init__(
        self,
        target: Target,
        rows: NDArray[np.intp],
        counts: NDArray[np.intp],
        features: NDArray[np.int32],
        used: NDArray[np.bool_],
    ) -> None:
        self.target, self.rows, self.counts, self.used = target, rows, counts, used
        self.starts = np.cumsum(counts) - counts
        numeric = target.table.numeric
        self.x = [
            numeric[rows, self._each(column)].astype(np.float64)
            for column in features.T
        ]
        self.known = np.logical_and.reduce([np.isfinite(x) for x in self.x])
        self.complete = np.logical_and.reduceat(self.known, self.starts)
        self.low = self._extreme(np.minimum, np.inf)
        self.high = self._extreme(np.maximum, -np.inf)
        empty = self.low > self.high
        self.low[empty] = self.high[empty] = 0.0
        if not self.complete.all():
            # They count nothing, and as zeros they do not spoil a sum.
            for x in self.x:
                x[~self.known] = 0.0

    def models(
        self, outputs: range, constants: Array, l2: float, leaf_l2: float
    ) -> tuple[Array, Array, Array, Array, Array]:
        """Return center, low, high, coef and intercept.

        Parameters
        ----------
        outputs : range
            The outputs of the target, one or more.
        constants : ndarray of shape (S, n_outputs)
            The leaf values of the tree.
        l2, leaf_l2 : float
            Penalties of slopes and intercepts.
        """
        target, coefs, intercepts, scaled = self.target, [], [], []
        for k, output in enumerate(outputs):
            if k == 0 or target.hessian is not None:
                shared = target.hessian is None
                curvature = target.weight if shared else target.hessian[:, output]
                own = self._scaled(curvature[self.rows] * self.known)
            scaled.append(own)
            gradient = target.gradient[self.rows, output] * self.known
            slopes = self._solved(own, gradient, l2)
            mass = np.maximum(own.total + leaf_l2, np.finfo(float).tiny)
            newton = -self._sum(gradient) / mass
            value = np.where(self.complete, constants[:, k], newton)
            # All outputs have the centers of the first.
            value = value + (slopes * (scaled[0].mean - own.mean)).sum(axis=1)
            coefs.append(slopes)
            intercepts.append(value)
        coef, intercept = np.stack(coefs, axis=2), np.stack(intercepts, axis=1)
        return scaled[0].mean, self.low, self.high, coef, intercept

    def _scaled(self, curvature: Array) -> _Scaled:
        """Scale the features under the weights `curvature`."""
        total = self._sum(curvature)
        positive = np.where(total > 0, total, 1.0)
        widest = np.maximum(np.abs(self.low), np.abs(self.high))
        z, mean, factor = [], np.zeros(self.low.shape), np.zeros(self.low.shape)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for d, x in enumerate(self.x):
                middle = self._sum(curvature * x) / positive
                mean[:, d] = np.clip(middle, self.low[:, d], self.high[:, d])
                apart = x - self._each(mean[:, d])
                spread = np.sqrt(self._sum(curvature * apart**2) / positive)
                usable = self.used[:, d] & (spread > _FLAT * widest[:, d])
                usable &= np.isfinite(spread)
                factor[:, d] = np.where(usable, 1 / spread, 0.0)
                z.append(apart * self._each(factor[:, d]))
        gram = np.empty((len(total), len(z), len(z)))
        for i, one in enumerate(z):
            weighted = curvature * one
            for j in range(i + 1):
                gram[:, i, j] = gram[:, j, i] = self._sum(weighted * z[j])
            gram[:, i, i] += factor[:, i] == 0
        return _Scaled(z, mean, factor, total, gram)

    def _solved(self, scaled: _Scaled, gradient: Array, l2: float) -> Array:
        """Return the slopes (S, D) by one unit of each feature."""
        slope = np.stack([-self._sum(gradient * z) for z in scaled.z], axis=1)
        # A trace of a penalty keeps collinear features solvable.
        penalty = l2 + 1e-10 * np.maximum(scaled.total, np.finfo(float).tiny)
        matrix = scaled.gram + penalty[:, None, None] * np.eye(slope.shape[1])
        solved = np.linalg.solve(matrix, slope[:, :, None])[:, :, 0] * scaled.factor
        sound = np.isfinite(solved).all(axis=1, keepdims=True)
        return np.where(sound, solved, 0.0)

    def _extreme(self, ufunc: np.ufunc, worst: float) -> Array:
        """Return the least or greatest known value of each feature, (S, D)."""
        known = (np.where(self.known, x, worst) for x in self.x)
        return np.stack([ufunc.reduceat(x, self.starts) for x in known], axis=1)

    def _each(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return a value of each leaf for each of its rows."""
        return np.repeat(values, self.counts)

    def _sum(self, values: Array) -> Array:
        """Return the sums over the rows of each leaf."""
        return np.add.reduceat(values, self.starts)
