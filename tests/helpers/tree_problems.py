"""Random tree problems: raw values in odd layouts, borders, derivatives, parameters.

Every kind below is there because it has broken a tree grower somewhere: ties,
constant columns, all-missing columns, infinities, heavy tails, weights of any size.
"""

from __future__ import annotations

from dataclasses import dataclass

import grower_oracle as oracle
import numpy as np

TILE = 16
COLUMNS = (
    "normal", "integers", "binary", "constant", "missing", "extreme", "copy",
    "category",
)  # fmt: skip
GRADIENTS = ("normal", "integers", "zero", "constant", "cauchy", "scaled", "sparse")
HESSIANS = ("none", "ones", "uniform", "integers", "some_zero", "spread", "zero")
WEIGHTS = ("none", "none", "integers", "uniform", "spread", "tiny", "huge")
COLUMN_SHARES = (0.3, 0.18, 0.1, 0.05, 0.03, 0.1, 0.08, 0.16)
GRADIENT_SHARES = (0.4, 0.2, 0.03, 0.07, 0.1, 0.15, 0.05)
HESSIAN_SHARES = (0.45, 0.1, 0.15, 0.1, 0.08, 0.1, 0.02)


@dataclass(frozen=True, slots=True)
class Case:
    """Raw values (n, f) as a user might pass them, and the problem made of them."""

    x: np.ndarray
    problem: oracle.Problem


def column(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """One column of raw values, with missing values in some."""
    if kind == "normal":
        x = rng.standard_normal(n)
    elif kind == "integers":
        x = rng.integers(-3, 4, n).astype(float)
    elif kind == "binary":
        x = (rng.random(n) < 0.5).astype(float)
    elif kind == "constant":
        x = np.full(n, 7.25)
    elif kind == "missing":
        x = np.full(n, np.nan)
    elif kind == "category":
        x = rng.integers(0, rng.choice([1, 2, 4, 5, 12, 60, 255]), n).astype(float)
    elif kind == "extreme":
        x = rng.choice([np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 1e-42, 1.0], n)
    else:
        raise ValueError(f"No column is of kind {kind!r}.")
    share = rng.choice([0.0, 0.0, 0.1, 0.6])
    if share:
        x[rng.random(n) < share] = np.nan
    return x


def raw_values(
    kinds: list[str], n: int, dtype: type, layout: str, rng: np.random.Generator
) -> np.ndarray:
    """Columns of the given kinds as a matrix in the given memory layout."""
    x = np.empty((n, len(kinds)))
    for j, kind in enumerate(kinds):
        if kind == "copy":
            x[:, j] = x[:, j - 1] if j else 1.0
        else:
            x[:, j] = column(kind, n, rng)
    return in_layout(x.astype(dtype), layout)


LAYOUTS = ("C", "F", "strided", "reversed", "unaligned")


def in_layout(x: np.ndarray, layout: str) -> np.ndarray:
    """The same matrix with other strides."""
    n, f = x.shape
    if layout == "C":
        return np.ascontiguousarray(x)
    if layout == "F":
        return np.asfortranarray(x)
    if layout == "strided":
        wide = np.full((2 * n, 3 * f), np.nan, x.dtype)
        wide[::2, 1::3] = x
        return wide[::2, 1::3]
    if layout == "reversed":
        return np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1]
    row = np.dtype([("pad", np.uint8), ("x", x.dtype, (f,))])
    packed = np.zeros(n, row)
    packed["x"] = x
    return packed["x"]


def find_borders(x: np.ndarray, max_bins: int, rng: np.random.Generator) -> np.ndarray:
    """Mid-points of the distinct finite values, or some of the values themselves."""
    values = np.unique(x[np.isfinite(x)].astype(np.float64))
    values = np.unique(values + 0.0)
    style = rng.integers(3)
    if style == 0:
        borders = values[:-1] / 2 + values[1:] / 2
    elif style == 1:
        borders = values
    else:
        borders = np.sort(rng.standard_normal(rng.integers(0, 12)))
    borders = np.unique(borders)
    if len(borders) > max_bins - 1:
        borders = np.sort(rng.choice(borders, max_bins - 1, replace=False))
    return borders


def category_borders(x: np.ndarray) -> np.ndarray:
    """Borders by which the bin of every code is the code."""
    codes = x[~np.isnan(x)]
    return np.arange(codes.max(initial=0)) + 0.5


def gradient(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """A gradient a row."""
    if kind == "normal":
        return rng.standard_normal(n)
    if kind == "integers":
        return rng.integers(-2, 3, n).astype(float)
    if kind == "zero":
        return np.zeros(n)
    if kind == "constant":
        return np.full(n, -0.3)
    if kind == "cauchy":
        return rng.standard_cauchy(n) ** 3
    if kind == "sparse":
        return np.where(rng.random(n) < 0.1, rng.standard_normal(n), 0.0)
    return rng.standard_normal(n) * 10.0 ** rng.choice([-290, -30, -8, 8, 30, 140])


def hessian(kind: str, n: int, rng: np.random.Generator) -> np.ndarray | None:
    """A hessian a row, or None."""
    if kind == "none":
        return None
    if kind == "ones":
        return np.ones(n)
    if kind == "zero":
        return np.zeros(n)
    if kind == "uniform":
        return rng.random(n)
    if kind == "integers":
        return rng.integers(1, 4, n).astype(float)
    if kind == "some_zero":
        return np.where(rng.random(n) < 0.4, 0.0, rng.random(n))
    return np.exp(4 * rng.standard_normal(n))


def weight(kind: str, n: int, rng: np.random.Generator) -> np.ndarray | None:
    """A positive weight a row, or None."""
    if kind == "none":
        return None
    if kind == "integers":
        return rng.integers(1, 5, n).astype(float)
    if kind == "uniform":
        return rng.uniform(0.05, 3.0, n)
    if kind == "spread":
        return np.exp(5 * rng.standard_normal(n))
    return rng.uniform(0.5, 2.0, n) * (1e-12 if kind == "tiny" else 1e12)


def random_params(n: int, f: int, rng: np.random.Generator) -> oracle.Params:
    """Growth parameters that let small problems split often."""
    depth = int(rng.choice([0, 1, 2, 2, 3, 3, 5]))
    return oracle.Params(
        max_leaves=int(rng.choice([1, 2, 3, 4, 6, 8, 8, 16, 16, 64, 64])),
        max_depth=depth if rng.random() < 0.3 else oracle.NO_LIMIT,
        min_leaf_weight=float(rng.choice([0.0, 0.0, 0.0, 1.0, 2.0, n / 5])),
        min_leaf_hessian=float(rng.choice([0.0, 0.0, 0.0, 1e-3, 0.5])),
        l2=float(rng.choice([0.0, 0.0, 1e-6, 1.0, 30.0])),
        category_smoothing=float(rng.choice([0.0, 0.1, 3.0])),
        category_l2=float(rng.choice([0.0, 0.0, 5.0])),
        depth_wise=bool(rng.random() < 0.3),
        n_node_features=int(rng.integers(1, f + 1)) if rng.random() < 0.3 else f,
        seed=int(rng.integers(0, 2**64, dtype=np.uint64)),
    )


def with_rules(
    params: oracle.Params, f: int, n_outputs: int, rng: np.random.Generator
) -> oracle.Params:
    """The same growth parameters with some rules."""
    signs = rng.integers(-1, 2, (f, n_outputs)).astype(np.int8)
    kind = str(rng.choice(["best", "best", "best", "random", "oblivious"]))
    return oracle.replace(
        params,
        min_gain=float(rng.choice([0.0, 0.0, 0.1, 2.0])),
        l1=float(rng.choice([0.0, 0.0, 0.3, 2.0])),
        max_delta_step=float(rng.choice([np.inf, np.inf, 0.05, 0.7])),
        path_smoothing=float(rng.choice([0.0, 0.0, 0.5, 20.0])),
        random_splits=kind == "random",
        oblivious=kind == "oblivious",
        monotone=signs if rng.random() < 0.5 else None,
        interactions=random_sets(f, rng) if rng.random() < 0.3 else None,
        n_tree_features=int(rng.integers(1, f + 1)) if rng.random() < 0.2 else f,
        n_level_features=int(rng.integers(1, f + 1)) if rng.random() < 0.2 else f,
    )


def random_sets(f: int, rng: np.random.Generator) -> tuple[frozenset[int], ...]:
    """Some sets of features, sometimes more than a word has bits."""
    n_sets = int(rng.choice([1, 2, 3, 70]))
    size = rng.integers(1, f + 1, n_sets)
    return tuple(
        frozenset(rng.choice(f, k, replace=False).tolist()) for k in size.tolist()
    )


def derivatives(
    n: int, n_outputs: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray | None]:
    """Gradients and hessians of one output (n,), or of several (n, K)."""
    kind = str(rng.choice(HESSIANS, p=HESSIAN_SHARES))
    kinds = [str(k) for k in rng.choice(GRADIENTS, n_outputs, p=GRADIENT_SHARES)]
    g = np.column_stack([gradient(k, n, rng) for k in kinds])
    h = None
    if kind != "none":
        h = np.column_stack([hessian(kind, n, rng) for _ in kinds])
    if n_outputs == 1:
        return g[:, 0].copy(), None if h is None else h[:, 0].copy()
    return g, h


def random_case(
    rng: np.random.Generator,
    max_rows: int = 60,
    max_features: int = 6,
    n_outputs: int = 1,
) -> Case:
    """Draw a small problem of any kind."""
    n = int(rng.integers(1, max_rows + 1, 2).max())
    f = int(rng.integers(1, max_features + 1))
    kinds = rng.choice(COLUMNS, f, p=COLUMN_SHARES).tolist()
    dtype = np.float32 if rng.random() < 0.5 else np.float64
    x = raw_values(kinds, n, dtype, str(rng.choice(LAYOUTS)), rng)
    max_bins = int(rng.choice([2, 5, 255, 255]))
    borders = [
        category_borders(x[:, j])
        if kind == "category"
        else find_borders(x[:, j], max_bins, rng)
        for j, kind in enumerate(kinds)
    ]
    categorical = np.array([kind == "category" for kind in kinds], np.uint8)
    rows = None
    if n > 1 and rng.random() < 0.4:
        size = int(rng.integers(1, n + 1))
        rows = np.sort(rng.choice(n, size, replace=False)).astype(np.int32)
    mask = (rng.random(f) < 0.7).astype(np.uint8) if rng.random() < 0.3 else None
    g, h = derivatives(n, n_outputs, rng)
    w = weight(str(rng.choice(WEIGHTS)), n, rng)
    params = random_params(n, f, rng)
    if rng.random() < 0.5:
        params = with_rules(params, f, n_outputs, rng)
    if not (params.random_splits or params.oblivious) and rng.random() < 0.3:
        params = oracle.replace(params, fair_ties=True)
    sets = categorical if categorical.any() else None
    problem = make_problem(x, borders, g, h, w, rows, mask, params, sets)
    if n > 1 and rng.random() < 0.3:
        problem = with_held_out(problem, rng)
    return Case(x, problem)


def with_held_out(problem: oracle.Problem, rng: np.random.Generator) -> oracle.Problem:
    """The same problem, grown on some of its rows and tested on some others."""
    rows = rng.permutation(problem.sample)
    n_grown = int(rng.integers(1, len(rows) + 1))
    n_held = int(rng.integers(0, len(rows) - n_grown + 1))
    held = rows[n_grown : n_grown + n_held]
    cut = int(rng.integers(0, n_held + 1)) if rng.random() < 0.3 else n_held // 2
    halves = tuple(np.sort(h).astype(np.int32) for h in (held[:cut], held[cut:]))
    params = oracle.replace(problem.params, test_step=float(rng.choice([0, 0.1, 1])))
    return oracle.replace(
        problem,
        params=params,
        rows=np.sort(rows[:n_grown]).astype(np.int32),
        held=halves,
    )


def make_problem(
    x: np.ndarray,
    borders: list[np.ndarray],
    g: np.ndarray,
    h: np.ndarray | None = None,
    w: np.ndarray | None = None,
    rows: np.ndarray | None = None,
    features: np.ndarray | None = None,
    params: oracle.Params | None = None,
    categorical: np.ndarray | None = None,
) -> oracle.Problem:
    """Bin raw values by borders, in NumPy, and put the pieces together."""
    columns = np.array(
        [oracle.bin_values(x[:, j], borders[j]) for j in range(x.shape[1])], np.uint8
    ).reshape(x.shape[1], len(x))
    n_borders = np.array([len(b) for b in borders], np.int64)
    return oracle.Problem(
        columns=columns,
        n_bins=(n_borders + 1).astype(np.int32),
        gradient=g,
        hessian=h,
        weight=w,
        rows=rows,
        features=features,
        categorical=categorical,
        borders=np.concatenate([np.zeros(0), *borders]),
        offsets=np.concatenate([[0], np.cumsum(n_borders)]).astype(np.int64),
        params=oracle.Params() if params is None else params,
    )


def midpoints(x: np.ndarray, limit: int = 254) -> list[np.ndarray]:
    """Borders of every column: mid-points of distinct values, thinned to `limit`."""
    borders = []
    for j in range(x.shape[1]):
        values = np.unique(x[~np.isnan(x[:, j]), j].astype(np.float64))
        middle = (values[:-1] + values[1:]) / 2
        if len(middle) > limit:
            middle = middle[np.linspace(0, len(middle) - 1, limit).astype(int)]
        borders.append(np.unique(middle))
    return borders


def tiles(columns: np.ndarray) -> np.ndarray:
    """The row-major copy (n_tiles, n, TILE) of bins or codes (f, n)."""
    f, n = columns.shape
    n_tiles = -(-f // TILE)
    width = -(-f // n_tiles)
    made = np.zeros((n_tiles, n, TILE), np.uint8)
    for tile in range(n_tiles):
        part = columns[tile * width : (tile + 1) * width]
        made[tile, :, : len(part)] = part.T
    return made


def bundled(
    columns: np.ndarray, n_bins: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Tiles of features bundled at random, and what the codes stand for.

    Only a feature of one value may be left out, and one always stays.
    """
    f, n = columns.shape
    groups, codes = [], []
    constant = [len(set(map(int, column))) == 1 for column in columns]
    for j in rng.permutation(f).tolist():
        if constant[j] and len(groups) and rng.random() < 0.5:
            continue
        if groups and rng.random() < 0.6:
            at = int(rng.integers(len(groups)))
            pairs = sorted(set(zip(codes[at], columns[j].tolist(), strict=True)))
            if len(pairs) <= 255:
                number = {pair: c for c, pair in enumerate(pairs)}
                codes[at] = [
                    number[p] for p in zip(codes[at], columns[j].tolist(), strict=True)
                ]
                groups[at].append(j)
                continue
        groups.append([j])
        codes.append(columns[j].tolist())
    bundle = np.full(f, -1, np.int32)
    bin_of = np.zeros((f, 256), np.uint8)
    bin_of[:, 0] = columns[:, 0]  # of those left out
    for b, members in enumerate(groups):
        bundle[members] = b
        if len(members) > 1:
            for j in members:
                bin_of[j, codes[b]] = columns[j]
    n_codes = [max(c) + 1 if len(g) > 1 else n_bins[g[0]] for g, c in
               zip(groups, codes, strict=True)]  # fmt: skip
    joint = np.array([len(members) > 1 for members in groups], np.uint8)
    shape = (len(groups), n)
    made = tiles(np.array(codes, np.uint8).reshape(shape))
    return made, (bundle, np.array(n_codes, np.int32), joint, bin_of)
