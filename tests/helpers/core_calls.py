"""The C core called as the oracle is: a problem in, a tree out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grower_oracle as oracle
import numpy as np
import tree_problems

from boostlab import _core

TIERS = ("serial", "avx2", "avx512")


def present_tiers() -> list[str]:
    """Tiers that this CPU runs."""
    present = []
    for name in TIERS:
        try:
            with tier(name):
                present.append(name)
        except ValueError:
            continue
    return present


@contextmanager
def tier(name: str) -> Iterator[None]:
    """Force a tier for the block."""
    previous = _core.set_cpu(name)
    try:
        yield
    finally:
        _core.set_cpu(previous)


def bin_raw(
    x: np.ndarray, borders: np.ndarray, offsets: np.ndarray, n_threads: int = 1
) -> np.ndarray:
    """Bin a matrix; returns its columns."""
    n, f = x.shape
    columns = np.full((f, n), 77, np.uint8)
    _core.bin(x, borders, offsets, columns, n_threads)
    return columns


def fill_tiles(columns: np.ndarray, n_threads: int = 1) -> np.ndarray:
    """The tiles of columns that are not bundled, by the C core."""
    f, n = columns.shape
    n_tiles = -(-f // tree_problems.TILE)
    tiles = np.full((n_tiles, n, tree_problems.TILE), 77, np.uint8)
    joined, sources = np.zeros((0, n), np.uint8), np.arange(f, dtype=np.int32)
    _core.fill_tiles(columns, joined, sources, tiles, n_threads)
    return tiles


def outputs(values: np.ndarray | None) -> np.ndarray | None:
    """Values of one output (n,) or of several (n, K), output-major."""
    if values is None:
        return None
    return np.asfortranarray(values.reshape(len(values), -1))


def blank_tree(capacity: int, n_outputs: int = 1) -> dict[str, np.ndarray]:
    """Output arrays of a tree, filled with rubbish that growing must overwrite."""
    arrays = {name: np.full(capacity, -77, np.int32) for name in ("feature", "left")}
    for name in ("threshold", "gain", "weight"):
        arrays[name] = np.full(capacity, -77.0)
    arrays["value"] = np.full((capacity, n_outputs), -77.0)
    for name in ("bin", "missing_left"):
        arrays[name] = np.full(capacity, 77, np.uint8)
    arrays["subset"] = np.full(capacity, -77, np.int32)
    arrays["subsets"] = np.full((capacity // 2, 4), 77, np.uint64)
    return arrays


def grow_arguments(
    problem: oracle.Problem,
    n_threads: int = 1,
    capacity: int | None = None,
    workspace: object = None,
    bundling: np.random.Generator | None = None,
    tiles_only: bool = False,
) -> dict[str, object]:
    """The arguments of ``_core.grow`` by name, in their order.

    With `bundling` features share bytes of the tiles at random; with `tiles_only` there
    are no columns beside them.
    """
    params = problem.params
    if capacity is None:
        capacity = 2 * min(params.max_leaves, len(problem.sample)) - 1
        if params.oblivious:
            capacity = 2 * params.max_leaves - 1
    out = blank_tree(capacity, problem.n_outputs)
    f, n = problem.columns.shape
    tiles, bundles = tree_problems.tiles(problem.columns), None
    if bundling is not None:
        tiles, bundles = tree_problems.bundled(
            problem.columns, problem.n_bins, bundling
        )
    return {
        "columns": None if tiles_only else problem.columns,
        "tiles": tiles,
        "bundles": bundles,
        "n_bins": problem.n_bins,
        "categorical": problem.categorical,
        "gradient": outputs(problem.gradient),
        "hessian": outputs(problem.hessian),
        "weight": problem.weight,
        "rows": problem.rows,
        "features": problem.features,
        "test": None if problem.held is None else (*problem.held, params.test_step),
        "borders": problem.borders,
        "offsets": problem.offsets,
        "max_leaves": params.max_leaves,
        "max_depth": -1 if params.max_depth == oracle.NO_LIMIT else params.max_depth,
        "min_leaf_weight": params.min_leaf_weight,
        "min_leaf_hessian": params.min_leaf_hessian,
        "l2": params.l2,
        "category_smoothing": params.category_smoothing,
        "category_l2": params.category_l2,
        "depth_wise": params.depth_wise,
        "n_node_features": min(params.n_node_features, f),
        "seed": params.seed,
        "feature": out["feature"],
        "left": out["left"],
        "threshold": out["threshold"],
        "value": out["value"],
        "gain": out["gain"],
        "weight_out": out["weight"],
        "bin": out["bin"],
        "missing_left": out["missing_left"],
        "subset": out["subset"],
        "subsets": out["subsets"],
        "ids": np.full(n, -77, np.int32),
        "workspace": workspace,
        "n_threads": n_threads,
        **rules(params, f),
    }


RULES = (
    "min_gain",
    "l1",
    "max_delta_step",
    "path_smoothing",
    "random_splits",
    "monotone",
    "interactions",
    "n_tree_features",
    "n_level_features",
    "oblivious",
    "fair_ties",
)


def rules(params: oracle.Params, f: int) -> dict[str, object]:
    """The arguments that describe rules, in their order."""
    values = {name: getattr(params, name) for name in RULES}
    if params.monotone is not None:
        values["monotone"] = np.ascontiguousarray(params.monotone, np.int8).ravel()
    if params.interactions is not None:
        values["interactions"] = words_of_sets(params.interactions, f)
    for name in ("n_tree_features", "n_level_features"):
        values[name] = min(f, values[name])
    return values


def words_of_sets(sets: tuple[frozenset[int], ...], f: int) -> np.ndarray:
    """Bit s of feature j says that it is in set s, (f, n_words)."""
    words = np.zeros((f, -(-len(sets) // 64)), np.uint64)
    for s, members in enumerate(sets):
        for j in members:
            words[j, s // 64] |= np.uint64(1) << np.uint64(s % 64)
    return words


NODE = oracle.Tree.__slots__[:9]
GROUPS = (
    (
        "columns",
        "tiles",
        "n_bins",
        "categorical",
        "borders",
        "offsets",
        "bundles",
    ),
    ("gradient", "hessian", "weight", "rows", "features", "test"),
    (
        "max_leaves",
        "max_depth",
        "min_leaf_weight",
        "min_leaf_hessian",
        "l2",
        "category_smoothing",
        "category_l2",
        "depth_wise",
        "n_node_features",
        "seed",
    ),
    (
        "feature",
        "left",
        "threshold",
        "value",
        "gain",
        "weight_out",
        "bin",
        "missing_left",
        "subset",
        "subsets",
    ),
)


def grouped(arguments: dict[str, object]) -> tuple[object, ...]:
    """The arguments as ``_core.grow`` takes them."""
    groups = (tuple(arguments[name] for name in group) for group in GROUPS)
    others = (arguments[name] for name in ("ids", "workspace", "n_threads"))
    return (*groups, *others, tuple(arguments[name] for name in RULES))


def grow_with(arguments: dict[str, object]) -> oracle.Tree:
    """Call ``_core.grow`` and cut the arrays to the nodes grown."""
    return cut_tree(arguments, _core.grow(*grouped(arguments)))


def cut_tree(arguments: dict[str, object], n_nodes: int) -> oracle.Tree:
    """The tree that growing has written to its arguments."""
    names = [name if name != "weight" else "weight_out" for name in NODE]
    arrays = [arguments[name][:n_nodes].copy() for name in names]
    if arrays[3].shape[1] == 1:
        arrays[3] = arrays[3][:, 0]
    if arguments["categorical"] is None:
        arrays[-1] = np.full(n_nodes, -1, np.int32)
    n_subsets = arrays[-1].max() + 1
    return oracle.Tree(
        *arrays, arguments["subsets"][:n_subsets].copy(), arguments["ids"]
    )


def grow(
    problem: oracle.Problem, n_threads: int = 1, workspace: object = None
) -> oracle.Tree:
    """Grow a tree in C."""
    return grow_with(grow_arguments(problem, n_threads, workspace=workspace))


def forest(
    trees: list[oracle.Tree],
    n_features: int,
    outputs: list[int] | None = None,
    n_outputs: int = 1,
) -> object:
    """Pack trees for prediction from raw values."""
    sizes = [len(tree.feature) for tree in trees]

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(tree, name) for tree in trees])

    return _core.forest(
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        joined("feature"),
        joined("left"),
        joined("threshold"),
        joined("missing_left"),
        *subsets(trees),
        np.concatenate([tree.value.ravel() for tree in trees]),
        np.array(outputs or [0] * len(trees), np.int32),
        np.array([tree.value[0].size for tree in trees], np.int32),
        n_features,
        n_outputs,
    )


def subsets(trees: list[oracle.Tree]) -> tuple[np.ndarray, np.ndarray]:
    """Subset of every node, counted through all trees, and the sets themselves."""
    nodes, sets, first = [], [np.empty((0, 4), np.uint64)], 0
    for tree in trees:
        own = getattr(tree, "subset", np.full(len(tree.feature), -1))
        nodes.append(np.where(own < 0, -1, own + first))
        sets.append(getattr(tree, "subsets", sets[0]))
        first += len(sets[-1])
    return np.concatenate(nodes).astype(np.int32), np.concatenate(sets)


def apply_raw(packed: object, x: np.ndarray, n_trees: int, n_threads: int = 1):
    """Leaf of every row of raw values in every tree (n_trees, n), by the C core."""
    ids = np.full((n_trees, len(x)), -77, np.int32)
    _core.apply(packed, x, ids, n_threads)
    return ids


def predict_raw(packed: object, x: np.ndarray, n_outputs: int = 1, n_threads: int = 1):
    """Sum of the trees' values for raw values (n, n_outputs), by the C core."""
    raw = np.zeros((len(x), n_outputs), order="F")
    _core.predict(packed, x, raw, n_threads)
    return raw


def apply_bins(
    tree: oracle.Tree, columns: np.ndarray, n_threads: int = 1
) -> np.ndarray:
    """Leaf of every binned row, by the C core."""
    return _applied(tree, columns, columns.shape[1], n_threads)


def apply_tiles(tree: oracle.Tree, arguments: dict[str, object], n_threads: int = 1):
    """Leaf of every row of the tiles that are among arguments of ``grow``."""
    table = tuple(arguments[name] for name in ("tiles", "n_bins", "bundles"))
    return _applied(tree, table, arguments["tiles"].shape[1], n_threads)


def _applied(tree: oracle.Tree, table: object, n_rows: int, n_threads: int):
    ids = np.full(n_rows, -77, np.int32)
    nodes = (tree.feature, tree.left, tree.bin, tree.missing_left, *subsets([tree]))
    _core.apply_bins(table, *nodes, ids, n_threads)
    return ids


def difference(actual: oracle.Tree, expected: oracle.Tree) -> str | None:
    """Where two trees differ in any bit, or None."""
    for name in oracle.Tree.__slots__:
        a, b = getattr(actual, name), getattr(expected, name)
        if a.shape != b.shape or a.dtype != b.dtype:
            return f"{name}: {a.dtype}{a.shape} is not {b.dtype}{b.shape}"
        if a.tobytes() != b.tobytes():
            where = int(np.flatnonzero(bits(a) != bits(b))[0])
            return f"{name}[{where}]: {a[where]!r} is not {b[where]!r}"
    return None


def bits(a: np.ndarray) -> np.ndarray:
    """The array's elements as unsigned integers of the same width."""
    return a.view(f"u{a.itemsize}")


def assert_same_tree(actual: oracle.Tree, expected: oracle.Tree, note: str) -> None:
    """Fail unless two trees are equal in every bit."""
    found = difference(actual, expected)
    assert found is None, f"{note}: {found}"
