"""Histogram trees on the C core."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab import _core
from boostlab.checks import check_number
from boostlab.contributions import Cells
from boostlab.data.binning import BinnedTable, Bins
from boostlab.learners.held_out import held_out_rows
from boostlab.learners.tree_rules import (
    FORMS,
    SETS,
    Signs,
    interaction_sets,
    is_interaction_cst,
    is_monotonic_cst,
    monotone_signs,
)
from boostlab.learners.trees import TreeArrays, Trees
from boostlab.parallel import n_threads
from boostlab.pieces import Piece
from boostlab.reduce import Whole, count, group_sums, parts, refuse
from boostlab.registry import register
from boostlab.state import State, Target

Array = NDArray[np.float64]

MOST_OUTPUTS = 16
"""Outputs that one tree of the core can have."""

DEFAULT_LEAVES = 31
MOST_LEVELS = 16
"""Of an oblivious tree."""

FEWEST_AUTO_LEAVES = 6
LEAVES_PER_ROOT = 0.3
"""``max_leaf_nodes="auto"`` is this times the root of the weight, within bounds."""

SMALL_TABLE = 1000
"""Total weight below which ``min_samples_leaf="auto"`` is 5, not 20."""


@register("learner:tree")
class Tree(Piece):
    """A regression tree grown on histograms of binned features.

    It fits the Newton step: a leaf's value is ``-G / (H + l2_regularization)`` with
    G and H the sums of its rows' derivatives, and a split is chosen for the largest
    decrease of the second-order objective (Chen & Guestrin, XGBoost, 2016, eq. 6-7).
    Under the gradient direction H is the sum of weights, and the tree that of
    Friedman (2001).

    A feature that the table marks as categorical is split by sets: the categories of a
    node are sorted by ``G / (H + categorical_smoothing)`` and cut where the gain is
    greatest (Fisher, 1958), up to four of them also one against the rest; missing
    values count as a category. Other features are cut at a threshold, and missing
    values go to the side where they gain more.

    K outputs have a tree each, or share one whose leaves hold K values and whose
    splits gain the sum over the outputs. More than 16 outputs can share one only by
    sketching: splits are then chosen on `sketch_size` random projections of the
    outputs, and leaves valued on all of them (Iosipoi & Vakhrushev, SketchBoost, 2022).

    Histograms are sums of fixed-point integers, so the same seed gives the same tree,
    bit for bit, for any number of threads and on any CPU.

    Parameters
    ----------
    max_leaf_nodes : int, "auto" or None, default=31
        Most leaves of a tree, at least 2; None for no limit. "auto" is 0.3 times the
        square root of the total sample weight, but at least 6 and at most 31: 6 up to
        400 rows, 31 from 11,000.
    max_depth : int or None, default=None
        Most splits between the root and a leaf, at least 1; None for no limit.
    min_samples_leaf : int, float or "auto", default="auto"
        Least total sample weight of a leaf: rows count by their weight, so that
        weight 2 is a row given twice. "auto" is 20; where the weights of the table
        sum to less than 1000 it is 5, or a tenth of the sum if that is less.
    min_hessian : float, default=1e-3
        Least sum of hessians of a leaf.
    l2_regularization : float, default=1.0
        Added to the hessian of every leaf.
    max_bins : int, default=255
        Most bins of a feature, 2 to 255; missing values have one of their own.
    max_features : float, default=1.0
        Share of the level's features drawn afresh for every node, in (0, 1].
    growth : {"leaf", "depth", "oblivious"}, default="leaf"
        Split the best leaf first, or level by level; or by one split for each level,
        the one of the greatest gain in total, as CatBoost does. Such a tree has
        ``2 ** max_depth`` leaves, `max_depth` being 6 if None and at most 16;
        `max_leaf_nodes` must be left at 31, "auto" or None. `min_samples_leaf` and the
        like say where a split may gain: nodes in which it may not are split all the
        same, and a leaf without rows has the value of its parent.
    multi_strategy : {"separate", "shared"}, default="separate"
        With several outputs, one tree for each, or one tree for all.
    sketch_size : int, default=8
        Projections that stand for more than 16 shared outputs, 1 to 16.
    categorical_smoothing : float, default=10.0
        Added to the sum of hessians by which categories are sorted, at least 0.
    categorical_l2 : float, default=10.0
        Added to `l2_regularization` in the gain of a set of categories, at least 0.
    l1_regularization : float, default=0.0
        Times the absolute values of the leaves, added to the objective: sums of
        gradients are drawn towards 0 by it. At least 0, as XGBoost's ``alpha``.
    min_gain : float, default=0.0
        Least gain of a split, at least 0: the decrease of twice the second-order
        objective, as LightGBM's ``min_gain_to_split``. (XGBoost's ``gamma`` prunes when
        the tree is grown, and so keeps a weak split above a strong one.)
    max_delta_step : float or None, default=None
        Greatest absolute value of a leaf, greater than 0; None for no limit.
    path_smoothing : float, default=0.0
        Draws the value v of a node of total weight w towards its parent's value p:
        ``(v * w + p * path_smoothing) / (w + path_smoothing)``, as LightGBM's
        ``path_smooth``. At least 0.
    monotonic_cst : array-like or dict, optional
        Signs of features: 1 where the prediction must not fall as the feature grows,
        -1 where it must not rise, 0 for no constraint. An array of shape (n_features,)
        for all outputs, or (n_features, K); a dict from feature names to signs; or a
        dict from output numbers to one of these. Raw predictions are then monotone
        exactly, among values that are not missing: nothing is said of a missing value
        beside others. Categories without an order have no sign.
        Bounds are handed down as in scikit-learn ("basic" in LightGBM).
    interaction_cst : "pairwise", "no_interactions" or sequence of sets, optional
        Sets of features, by name or position, that may interact: the splits from the
        root to a leaf use features of one set only. Features in no set are one more
        set. "pairwise" stands for all pairs, "no_interactions" for each feature alone,
        as in scikit-learn.
    max_features_tree : float, default=1.0
        Share of the round's features drawn for each tree, in (0, 1].
    max_features_level : float, default=1.0
        Share of the tree's features drawn for each level, in (0, 1].
    splitter : {"best", "random"}, default="best"
        Try every threshold of a feature, or one drawn at random for each node, as
        extremely randomised trees do (Geurts et al., 2006).
    ties : {"first", "fair"}, default="first"
        Which of the splits is taken that part the rows of a node equally well: that of
        the first feature, at the lowest border of bins; or that of a feature drawn at
        random, at the border nearest the middle of the values on either side, as in
        scikit-learn's exact trees. Fair ties make ensembles smoother on features of few
        distinct values. Not for random splits, nor oblivious growth.
    split_test : float, default=0.0
        Share of the rows on which the splits are tested, 0 for no test, at most 0.5.
        These rows are drawn anew for each round, and have no part in growing its tree
        nor in the values of its leaves (but in those that a step fits anew, as for
        absolute errors, and in linear leaves). A split stays only if their loss, to
        second order, falls more by the leaves left below it than by a leaf in its
        place. And none stays, so that the tree adds 0, unless the trees that are cut
        like this by either half of these rows lower the loss of the other half. Equal
        rows are held out together, and so are the rows of a query. Oblivious trees are
        cut split by split, too.
    test_step : float, default=0.2
        The multiple of the leaf values for which `split_test` compares losses, at
        least 0. More than the learning rate asks more of a split than that it does no
        harm.
    low_memory : bool, default=False
        Keep the bins of the table once, not twice: this saves a byte for each value of
        it, and rows take longer to be sent to the leaves. The trees are the same.

    Notes
    -----
    With l1, a greatest step, smoothing, signs or random splits, a side of a split has
    the value v that these leave, and scores ``-(2 G v + (H + l2) v**2 + 2 l1 |v|)``;
    categories are then split by thresholds of their codes, as in oblivious growth.
    """

    accepts = frozenset({"derivatives"})
    allows_missing = True
    takes_parts = True

    def __init__(
        self,
        max_leaf_nodes: int | str | None = DEFAULT_LEAVES,
        max_depth: int | None = None,
        min_samples_leaf: float | str = "auto",
        min_hessian: float = 1e-3,
        l2_regularization: float = 1.0,
        max_bins: int = 255,
        max_features: float = 1.0,
        growth: str = "leaf",
        multi_strategy: str = "separate",
        sketch_size: int = 8,
        categorical_smoothing: float = 10.0,
        categorical_l2: float = 10.0,
        l1_regularization: float = 0.0,
        min_gain: float = 0.0,
        max_delta_step: float | None = None,
        path_smoothing: float = 0.0,
        monotonic_cst: Any = None,
        interaction_cst: Any = None,
        max_features_tree: float = 1.0,
        max_features_level: float = 1.0,
        splitter: str = "best",
        ties: str = "first",
        split_test: float = 0.0,
        test_step: float = 0.2,
        low_memory: bool = False,
    ) -> None:
        self.max_leaf_nodes = max_leaf_nodes
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.min_hessian = min_hessian
        self.l2_regularization = l2_regularization
        self.max_bins = max_bins
        self.max_features = max_features
        self.growth = growth
        self.multi_strategy = multi_strategy
        self.sketch_size = sketch_size
        self.categorical_smoothing = categorical_smoothing
        self.categorical_l2 = categorical_l2
        self.l1_regularization = l1_regularization
        self.min_gain = min_gain
        self.max_delta_step = max_delta_step
        self.path_smoothing = path_smoothing
        self.monotonic_cst = monotonic_cst
        self.interaction_cst = interaction_cst
        self.max_features_tree = max_features_tree
        self.max_features_level = max_features_level
        self.splitter = splitter
        self.ties = ties
        self.split_test = split_test
        self.test_step = test_step
        self.low_memory = low_memory

    def validate(self) -> None:
        """Check the parameters; see :meth:`boostlab.pieces.Piece.validate`."""
        if isinstance(self.max_leaf_nodes, str):
            if self.max_leaf_nodes != "auto":
                raise ValueError(
                    f"max_leaf_nodes is {self.max_leaf_nodes!r}; give a number, 'auto' "
                    "or None."
                )
        elif self.max_leaf_nodes is not None:
            check_number(
                "max_leaf_nodes", self.max_leaf_nodes, at_least=2, integer=True
            )
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
        for name in ("max_features", "max_features_tree", "max_features_level"):
            check_number(name, getattr(self, name), above=0, at_most=1)
        if self.growth not in ("leaf", "depth", "oblivious"):
            raise ValueError(
                f"growth is {self.growth!r}; give 'leaf', 'depth' or 'oblivious'."
            )
        if self.growth == "oblivious":
            self._check_oblivious()
        if self.multi_strategy not in ("separate", "shared"):
            raise ValueError(
                f"multi_strategy is {self.multi_strategy!r}; give 'separate' or "
                "'shared'."
            )
        check_number(
            "sketch_size", self.sketch_size, at_least=1, at_most=16, integer=True
        )
        check_number("categorical_smoothing", self.categorical_smoothing, at_least=0)
        check_number("categorical_l2", self.categorical_l2, at_least=0)
        for name in ("l1_regularization", "min_gain", "path_smoothing"):
            check_number(name, getattr(self, name), at_least=0)
        if self.max_delta_step is not None:
            check_number("max_delta_step", self.max_delta_step, above=0)
        if not is_monotonic_cst(self.monotonic_cst):
            raise ValueError(f"monotonic_cst is {self.monotonic_cst!r:.200}; {FORMS}.")
        if not is_interaction_cst(self.interaction_cst):
            raise ValueError(
                f"interaction_cst is {self.interaction_cst!r:.200}; {SETS}."
            )
        if self.splitter not in ("best", "random"):
            raise ValueError(f"splitter is {self.splitter!r}; give 'best' or 'random'.")
        self._check_ties()
        check_number("split_test", self.split_test, at_least=0, at_most=0.5)
        check_number("test_step", self.test_step, at_least=0)
        if not isinstance(self.low_memory, bool | np.bool_):
            raise TypeError(f"low_memory is {self.low_memory!r}; give True or False.")

    def _check_ties(self) -> None:
        """Refuse a rule for ties that is unknown, or where there are none to break."""
        if self.ties not in ("first", "fair"):
            raise ValueError(f"ties is {self.ties!r}; give 'first' or 'fair'.")
        searches_all = self.splitter == "best" and self.growth != "oblivious"
        if self.ties == "fair" and not searches_all:
            raise ValueError(
                "ties='fair' chooses among the best splits of a node; leave it at "
                "'first' with splitter='random' or growth='oblivious'."
            )

    def _check_oblivious(self) -> None:
        """Refuse what a tree of one split a level cannot honour."""
        if self.max_leaf_nodes not in (None, "auto", DEFAULT_LEAVES):
            raise ValueError(
                f"max_leaf_nodes={self.max_leaf_nodes} has no part in oblivious "
                "growth, whose trees have 2 ** max_depth leaves; set max_depth instead."
            )
        if self.max_depth is not None and self.max_depth > MOST_LEVELS:
            raise ValueError(
                f"max_depth={self.max_depth} is too deep for oblivious growth; give at "
                f"most {MOST_LEVELS}."
            )
        if self.splitter == "random":
            raise ValueError(
                "splitter='random' draws a threshold for every node, and oblivious "
                "growth has one for every level; leave it at 'best'."
            )

    def constrains_values(self) -> list[str]:
        """Return the parameters that promise something of the values of leaves.

        A step that values the leaves anew would break them.
        """
        names = ("l1_regularization", "path_smoothing")
        found = [name for name in names if getattr(self, name)]
        names = ("max_delta_step", "monotonic_cst")
        return found + [name for name in names if getattr(self, name) is not None]

    def fit(self, target: Target, state: State) -> tuple[Trees, Cells]:
        """Grow the trees; see :class:`boostlab.protocols.WeakLearner`."""
        view = Bins(self.max_bins, low_memory=bool(self.low_memory))
        test = None
        if self.split_test:
            refuse("split_test", "leave it at 0")
            grown, held = held_out_rows(target, state, self.split_test)
            target, test = replace(target, rows=grown), (*held, self.test_step)
        parts, groups = self._groups(target, state.rng)
        ids = np.empty((len(groups), target.table.n_samples), dtype=np.int32)
        seeds = state.rng.integers(0, 2**64, size=len(groups), dtype=np.uint64)
        among = target.among_all()
        max_leaves, limits = self._limits(target, among)
        sets = interaction_sets(self.interaction_cst, target.table)
        signs = monotone_signs(self.monotonic_cst, target.table, target.n_outputs)
        sample = (*_sample(target, among), test)
        trees = _grown(
            target.table.view(view),
            target.table.categorical,
            max_leaves,
            among.first_row,
            [
                (
                    (*derivatives, *sample),
                    (*limits, int(seed)),
                    leaves,
                    self._rules(
                        target, sets, None if signs is None else signs[:, part]
                    ),
                )
                for part, derivatives, seed, leaves in zip(
                    parts, groups, seeds, ids, strict=True
                )
            ],
        )
        is_sketched = (
            self.multi_strategy == "shared" and target.n_outputs > MOST_OUTPUTS
        )
        if is_sketched and test is not None and trees[0].n_nodes == 1:
            trees = (replace(trees[0], value=np.zeros((1, target.n_outputs))),)
        elif is_sketched:
            values = self._leaf_values(target, ids[0], trees[0].n_nodes)
            trees = (replace(trees[0], value=values),)
        borders = target.table.fitted(view)
        hypothesis = Trees(trees, target.table.n_features, view, borders)
        return hypothesis, Cells(ids, hypothesis.cell_values)

    def _groups(
        self, target: Target, rng: np.random.Generator
    ) -> tuple[list[slice], list[tuple[Array, Array | None]]]:
        """Return the outputs that share a tree, with their gradients and hessians."""
        gradient, hessian = target.gradient, target.hessian
        n_outputs = target.n_outputs
        width = n_outputs if self.multi_strategy == "shared" else 1
        if width > MOST_OUTPUTS:
            return [slice(0, n_outputs)], [self._sketch(gradient, hessian, rng)]
        parts = [slice(k, k + width) for k in range(0, n_outputs, width)]
        return parts, [
            (gradient[:, part], None if hessian is None else hessian[:, part])
            for part in parts
        ]

    def _sketch(
        self, gradient: Array, hessian: Array | None, rng: np.random.Generator
    ) -> tuple[Array, Array | None]:
        """Return projections that stand for all outputs in the search for splits."""
        refuse(
            f"One tree for more than {MOST_OUTPUTS} outputs",
            "give multi_strategy='separate'",
        )
        if promised := self.constrains_values():
            raise ValueError(
                f"{' and '.join(promised)} cannot be kept by a tree that more than "
                f"{MOST_OUTPUTS} outputs share; give multi_strategy='separate'."
            )
        projection = rng.standard_normal((gradient.shape[1], self.sketch_size))
        sketch = np.asfortranarray(gradient @ projection / np.sqrt(self.sketch_size))
        if hessian is not None:
            mean = hessian.mean(axis=1, keepdims=True)
            hessian = np.asfortranarray(np.broadcast_to(mean, sketch.shape))
        return sketch, hessian

    def _leaf_values(
        self, target: Target, ids: NDArray[np.int32], n_nodes: int
    ) -> Array:
        """Return the values of a sketched tree's nodes for all outputs."""
        rows = slice(None) if target.rows is None else target.rows
        groups = ids[rows].astype(np.int64)

        def summed(values: Array) -> Array:
            columns = [group_sums(groups, v[rows], n_nodes) for v in values.T]
            return np.column_stack(columns)

        total = summed(target.gradient)
        curvature = target.weight[:, None] if target.hessian is None else target.hessian
        divisor = np.broadcast_to(summed(curvature), total.shape)
        divisor = divisor + self.l2_regularization
        return np.divide(-total, divisor, out=np.zeros_like(total), where=divisor > 0)

    def _limits(self, target: Target, among: Whole) -> tuple[int, tuple[Any, ...]]:
        """Return the most leaves, and the core's parameters but for the seed."""
        total_weight = among.weight
        min_weight = self.min_samples_leaf
        if min_weight == "auto":
            small = total_weight < SMALL_TABLE
            min_weight = min(5.0, total_weight / 10) if small else 20.0
        max_leaves = self._most_leaves(target, total_weight, float(min_weight))
        return max_leaves, (
            max_leaves,
            self._most_levels(),
            float(min_weight),
            self.min_hessian,
            self.l2_regularization,
            self.categorical_smoothing,
            self.categorical_l2,
            self.growth == "depth",
            self._n_drawn(target)[2],
        )

    def _rules(
        self, target: Target, sets: NDArray[np.uint64] | None, signs: Signs | None
    ) -> tuple[Any, ...]:
        """Return the core's rules for a tree of the outputs that `signs` are for."""
        return (
            self.min_gain,
            self.l1_regularization,
            np.inf if self.max_delta_step is None else self.max_delta_step,
            self.path_smoothing,
            self.splitter == "random",
            None if signs is None else signs.ravel(),
            sets,
            *self._n_drawn(target)[:2],
            self.growth == "oblivious",
            self.ties == "fair",
        )

    def _n_drawn(self, target: Target) -> tuple[int, int, int]:
        """Return how many features are drawn for the tree, a level and a node."""
        n_features = target.table.n_features
        usable = n_features if target.features is None else len(target.features)
        of_tree = max(1, int(self.max_features_tree * usable))
        of_level = max(1, int(self.max_features_level * of_tree))
        return of_tree, of_level, max(1, int(self.max_features * of_level))

    def _most_levels(self) -> int:
        """Return the greatest depth, -1 for no limit."""
        if self.max_depth is not None:
            return self.max_depth
        return 6 if self.growth == "oblivious" else -1

    def _most_leaves(self, target: Target, weight: float, min_weight: float) -> int:
        """Return how many leaves the tree can have at most."""
        if self.growth == "oblivious":
            return int(2 ** self._most_levels())
        n_rows = len(target.weight) if target.rows is None else len(target.rows)
        bounds = [count(n_rows)]
        if self.max_leaf_nodes == "auto":
            bounds.append(_auto_leaves(weight))
        elif self.max_leaf_nodes is not None:
            bounds.append(self.max_leaf_nodes)
        if self.max_depth is not None and self.max_depth < 31:
            bounds.append(2**self.max_depth)
        if min_weight > 0:
            bounds.append(int(weight / min_weight) + 1)
        return max(1, min(bounds))


def _auto_leaves(weight: float) -> int:
    """Return what ``max_leaf_nodes="auto"`` stands for at a total weight."""
    leaves = int(LEAVES_PER_ROOT * np.sqrt(weight))
    return min(max(leaves, FEWEST_AUTO_LEAVES), DEFAULT_LEAVES)


def _grown(
    binned: BinnedTable,
    categorical: NDArray[np.bool_],
    max_leaves: int,
    first_row: int,
    trees: list[tuple[Any, ...]],
) -> tuple[TreeArrays, ...]:
    """Grow trees in the core.

    Each is a tuple of derivatives and sample, parameters, an array that receives the
    leaf of every row, and rules.
    """
    any_categorical = bool(categorical.any())
    tiles = binned.tiles(bundled=parts() is None)  # codes of parts would differ
    table = (
        binned.columns,
        tiles.codes,
        binned.n_bins,
        categorical.view(np.uint8) if any_categorical else None,
        binned.borders,
        binned.offsets,
        tiles.bundles and tiles.bundles.arrays(),
    )
    grown, calls = [], []
    for target, params, ids, rules in trees:
        n_outputs = target[0].shape[1]
        nodes = TreeArrays.empty(2 * max_leaves - 1, n_outputs, any_categorical)
        grown.append(nodes)
        own = (target, params, nodes.outputs(), ids)
        calls.append((table, *own, binned.workspace, n_threads(), rules))
    now = parts()
    if now is None:
        sizes = _core.grow_many(calls)
    else:  # one by one, as all parts must ask in the same order
        sizes = [_core.grow(*call, now.reduce, first_row) for call in calls]
    return tuple(nodes.head(n) for nodes, n in zip(grown, sizes, strict=True))


def _sample(target: Target, among: Whole) -> tuple[NDArray[Any] | None, ...]:
    """Return weights, rows and usable features; None stands for ones and for all."""
    return (
        None if among.unweighted else target.weight,
        None if target.rows is None else target.rows.astype(np.int32),
        _mask(target.features, target.table.n_features),
    )


def _mask(
    features: NDArray[np.intp] | None, n_features: int
) -> NDArray[np.uint8] | None:
    """Return the usable features as a mask, None for all."""
    if features is None:
        return None
    mask = np.zeros(n_features, dtype=np.uint8)
    mask[features] = 1
    return mask
