"""The rules of the tree core in NumPy.

`grow` is fast enough for a hundred thousand rows and for fuzzing; `grower_plain` has
the same rules without a histogram. The tests hold the one against the other, and the C
core against this one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

MISSING = 255
NO_LIMIT = 2**31 - 1
_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
_TREE_SALT = 0xC3C3C3C3C3C3C3C3
_LEVEL_SALT = 0x3C3C3C3C3C3C3C3C
_NODE_SALT = 0xA5A5A5A5A5A5A5A5
_RANDOM_SALT = 0x5A5A5A5A5A5A5A5A
_TIE_SALT = 0x7E7E7E7E7E7E7E7E
_SUM_BLOCK = 1024
MIN_RELATIVE_GAIN = 1e-12


@dataclass(frozen=True, slots=True)
class Params:
    """How a tree grows; the fields of ``bl_params``."""

    max_leaves: int = 31
    max_depth: int = NO_LIMIT
    min_leaf_weight: float = 0.0
    min_leaf_hessian: float = 0.0
    l2: float = 0.0
    category_smoothing: float = 0.0
    category_l2: float = 0.0
    depth_wise: bool = False
    n_node_features: int = NO_LIMIT
    seed: int = 0
    min_gain: float = 0.0
    l1: float = 0.0
    max_delta_step: float = math.inf
    path_smoothing: float = 0.0
    random_splits: bool = False
    oblivious: bool = False
    fair_ties: bool = False
    monotone: np.ndarray | None = None  # (n_features, n_outputs) int8
    interactions: tuple[frozenset[int], ...] | None = None
    n_tree_features: int = NO_LIMIT
    n_level_features: int = NO_LIMIT
    test_step: float = 0.0  # with held-out rows

    @property
    def has_rules(self) -> bool:
        """Whether nodes are valued by the rules, not by the plain Newton step."""
        return bool(
            self.l1 > 0
            or math.isfinite(self.max_delta_step)
            or self.path_smoothing > 0
            or self.random_splits
            or self.oblivious
            or self.monotone is not None
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """Binned rows and the derivatives to fit: columns (f, n), the rest per row.

    Derivatives have shape (n,) for one output, (n, K) for several.
    """

    columns: np.ndarray
    n_bins: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray | None = None
    weight: np.ndarray | None = None
    rows: np.ndarray | None = None
    features: np.ndarray | None = None
    held: tuple[np.ndarray, np.ndarray] | None = None  # other rows, to test splits on
    categorical: np.ndarray | None = None
    borders: np.ndarray = field(default_factory=lambda: np.zeros(0))
    offsets: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))
    params: Params = field(default_factory=Params)

    @property
    def sample(self) -> np.ndarray:
        """Rows the tree is grown on."""
        n = self.columns.shape[1]
        return np.arange(n) if self.rows is None else self.rows.astype(np.int64)

    @property
    def n_outputs(self) -> int:
        """Number of outputs K."""
        return 1 if self.gradient.ndim == 1 else self.gradient.shape[1]

    @property
    def outputs(self) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """Gradient and hessian of each output."""
        n = self.columns.shape[1]
        gradient = self.gradient.reshape(n, -1).T
        if self.hessian is None:
            return [(g, None) for g in gradient]
        return list(zip(gradient, self.hessian.reshape(n, -1).T, strict=True))

    @property
    def usable(self) -> list[int]:
        """Features that may split, ascending."""
        n_features = len(self.columns)
        if self.features is None:
            return list(range(n_features))
        return [j for j in range(n_features) if self.features[j]]

    def with_params(self, **changes: object) -> Problem:
        """Return the same rows under other growth parameters."""
        return replace(self, params=replace(self.params, **changes))


@dataclass(frozen=True, slots=True)
class Tree:
    """A grown tree: one entry a node, and the leaf of every row in `ids`."""

    feature: np.ndarray
    left: np.ndarray
    threshold: np.ndarray
    value: np.ndarray
    gain: np.ndarray
    weight: np.ndarray
    bin: np.ndarray
    missing_left: np.ndarray
    subset: np.ndarray
    subsets: np.ndarray
    ids: np.ndarray

    @property
    def n_leaves(self) -> int:
        """Number of leaves."""
        return int(np.sum(self.feature < 0))


@dataclass(frozen=True, slots=True)
class Format:
    """Bits and scales of the three integers of a row, and which are dithered."""

    g_scale: float
    h_scale: float
    w_scale: float
    dither_g: bool
    dither_h: bool
    kind: str


# Bins, hashing and sums


def bin_values(values: np.ndarray, borders: np.ndarray) -> np.ndarray:
    """Bin of each value: the number of borders below it, NaN in bin 255."""
    bins = np.searchsorted(borders, values.astype(np.float64), side="left")
    return np.where(np.isnan(values), MISSING, bins).astype(np.uint8)


def hash64(seed: int, row: int, lane: int) -> int:
    """One 64-bit hash of a row and a lane: splitmix64 of a counter."""
    x = (seed + _GOLDEN * (2 * row + lane + 1)) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def hash64_array(seed: int, rows: np.ndarray, lane: int) -> np.ndarray:
    """`hash64` of many rows."""
    u = np.uint64
    x = u(seed) + u(_GOLDEN) * (u(2) * rows.astype(u) + u(lane + 1))
    x = (x ^ (x >> u(30))) * u(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> u(27))) * u(0x94D049BB133111EB)
    return x ^ (x >> u(31))


def blocked_sum_plain(values: list[float]) -> float:
    """Sum in blocks of 1024 with eight accumulators a block, written out."""
    total = 0.0
    for start in range(0, len(values), _SUM_BLOCK):
        a = [0.0] * 8
        for i, x in enumerate(values[start : start + _SUM_BLOCK]):
            a[i % 8] += x
        total += ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]))
    return total


def blocked_sum(values: np.ndarray) -> float:
    """`blocked_sum_plain`, vectorised over blocks; padding by 0.0 changes no sum."""
    if len(values) < 256:
        return blocked_sum_plain(values.tolist())
    n_blocks = -(-len(values) // _SUM_BLOCK)
    padded = np.zeros(n_blocks * _SUM_BLOCK)
    padded[: len(values)] = values
    steps = padded.reshape(n_blocks, _SUM_BLOCK // 8, 8)
    a = np.zeros((n_blocks, 8))
    for k in range(_SUM_BLOCK // 8):
        a += steps[:, k]
    sums = ((a[:, 0] + a[:, 4]) + (a[:, 2] + a[:, 6])) + (
        (a[:, 1] + a[:, 5]) + (a[:, 3] + a[:, 7])
    )
    total = 0.0
    for s in sums.tolist():
        total += s
    return total


# Fixed point


def scale_of(greatest: float, bits: int) -> float:
    """The power of two that brings `greatest` just within `bits` bits."""
    if greatest == 0.0:
        return 1.0
    e = bits - math.frexp(greatest)[1]
    if math.ldexp(greatest, e) > 2**bits - 1:
        e -= 1
    return math.ldexp(1.0, min(1000, e))


def choose_format(problem: Problem) -> Format:
    """Bits and scales from the sampled rows: their number, extremes and tail."""
    sample = problem.sample
    n = len(sample)
    log_n = (n - 1).bit_length() if n > 1 else 0
    g = problem.gradient[sample]
    weighted = problem.weight is not None
    if problem.hessian is None:
        kind = "constant"
        log_block = min(log_n, 16)
        bits = 62 - 2 * log_block
        bits_w = _weight_bits(problem, min(20, bits // 2)) if weighted else 0
        bits_g = min(40, bits - bits_w)
        bits_h = 63
    elif weighted or n <= 16384 or (tail := _tail(g)) > 512**2:
        kind = "wide"
        bits = 62 - 2 * log_n
        bits_w = _weight_bits(problem, min(20, bits // 3)) if weighted else 0
        bits_h = min(40, bits - bits_w)
        bits_g = min(40, 62 - log_n)
    elif tail > 64**2:
        kind = "fine"
        bits_w, bits_h, bits_g = 0, 12, 14
    else:
        kind = "narrow"
        bits_w, bits_h, bits_g = 0, 9, 11
    w_scale = scale_of(float(problem.weight[sample].max()), bits_w) if weighted else 1.0
    if problem.hessian is None:
        h_scale = w_scale
    else:
        h_scale = scale_of(float(problem.hessian[sample].max()), bits_h)
    g_scale = scale_of(float(np.abs(g).max()), bits_g)
    return Format(g_scale, h_scale, w_scale, bits_g < 24, bits_h < 24, kind)


def _weight_bits(problem: Problem, most: int) -> int:
    """Enough bits for whole weights to be exact, if they are whole; else `most`."""
    weight = problem.weight[problem.sample]
    if weight.max() >= 2**22 or not (weight == np.rint(weight)).all():
        return most
    return min(most, int(weight.max()).bit_length())


def coarse(gain: np.ndarray | float) -> np.ndarray:
    """Gains cut to 23 bits of mantissa, so that rounding does not break ties."""
    bits = np.array(gain, dtype=np.float64).view(np.int64)
    return (bits & ~np.int64(2**29 - 1)).view(np.float64)


def _tail(g: np.ndarray) -> float:
    """The square of the greatest gradient over the mean square, on 15-bit integers."""
    greatest = float(np.abs(g).max())
    scale = scale_of(greatest, 15)
    squares = np.floor((g * scale) ** 2 + 0.5).astype(np.int64)
    total = int(squares.sum())
    return (greatest * scale) ** 2 / (total / g.size) if total else 0.0


def output_seed(seed: int, output: int) -> int:
    """The seed of one output's dither."""
    return (seed + 0xD1B54A32D192ED03 * output) & _MASK


def quantise(problem: Problem) -> tuple[Format, np.ndarray]:
    """Integers (3, K, n) of the sampled rows in the order g, h, w; 0 in others."""
    form = choose_format(problem)
    sample = problem.sample
    q = np.zeros((3, problem.n_outputs, problem.columns.shape[1]), np.int64)

    def integers(
        x: np.ndarray, scale: float, dither: bool, seed: int, lane: int
    ) -> np.ndarray:
        if not dither:
            return np.rint(x[sample] * scale)
        bits = hash64_array(seed, sample, 0)
        bits = bits & np.uint64(0xFFFFFFFF) if lane else bits >> np.uint64(32)
        return np.floor(x[sample] * scale + bits * 2.0**-32)

    q[2, :, sample] = 1
    if problem.weight is not None:
        rounded = np.rint(problem.weight[sample] * form.w_scale)
        q[2, :, sample] = np.maximum(1, rounded)[:, None]
    q[1] = q[2]
    for k, (g, h) in enumerate(problem.outputs):
        seed = output_seed(problem.params.seed, k)
        q[0, k, sample] = integers(g, form.g_scale, form.dither_g, seed, 0)
        if h is not None:
            q[1, k, sample] = integers(h, form.h_scale, form.dither_h, seed, 1)
    return form, q


# Growth


@dataclass(slots=True)
class Node:
    """A node while the tree grows."""

    depth: int
    rows: np.ndarray  # sampled rows, ascending
    members: np.ndarray | None  # all rows, to write ids
    weight: float = 0.0
    gain: float = 0.0
    feature: int = -1
    left: int = -1
    threshold: float = 0.0
    value: float = 0.0
    bin: int = 0
    missing_left: bool = False
    subset: np.ndarray | None = None
    split: tuple | None = None  # gain, feature, bin, whether missing goes left, subset
    sums: np.ndarray | None = None  # g and h of the rows' words, (2, K)
    rule: Rule | None = None
    path: frozenset[int] = frozenset()  # features of the splits above


@dataclass(slots=True)
class Rule:
    """What bounds the values in a node; arrays of shape (K,)."""

    value: np.ndarray
    parent: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    smoothing: float


def _drawn(
    problem: Problem, features: list[int], wanted: int, salt: int, first: int
) -> list[int]:
    """The `wanted` features of the smallest hashes, ascending."""
    if wanted >= len(features):
        return features
    seed = problem.params.seed ^ salt
    shuffled = sorted(features, key=lambda j: (hash64(seed, first + j, 0), j))
    return sorted(shuffled[:wanted])


def drawn_features(problem: Problem, i: int, node: Node) -> list[int]:
    """Features that node i may split on, ascending."""
    params, f = problem.params, len(problem.columns)
    left = _drawn(problem, problem.usable, params.n_tree_features, _TREE_SALT, 0)
    first = node.depth * f
    left = _drawn(problem, left, params.n_level_features, _LEVEL_SALT, first)
    if params.interactions is not None:
        allowed = {j for s in params.interactions if node.path <= s for j in s}
        left = [j for j in left if j in allowed]
    return _drawn(problem, left, params.n_node_features, _NODE_SALT, i * f)


def goes_left(
    bins: np.ndarray, b: int, missing_left: bool, subset: np.ndarray | None = None
) -> np.ndarray:
    """Whether a bin goes to the left child: by order, or by a set of 256 bits."""
    left = bins <= b
    if subset is not None:
        bits = subset[bins >> 6] >> (bins & 63).astype(np.uint64)
        left = (bits & np.uint64(1)).astype(bool)
    return np.where(bins == MISSING, missing_left, left)


def searchable(node: Node, params: Params) -> bool:
    """Whether a node is worth a search for its best split."""
    return (
        node.depth < params.max_depth
        and node.weight >= 2 * params.min_leaf_weight
        and len(node.rows) >= 2
    )


# Rules: l1, greatest step, path smoothing, monotone signs


def rule_value(g, d, w, params: Params, smoothing, parent, lower, upper):
    """The value of gradients g, divisor d = H + l2 and weight w."""
    l1, step = params.l1, params.max_delta_step
    soft = np.where(g > l1, g - l1, np.where(g < -l1, g + l1, 0.0))
    v = np.where(d > 0, -soft / d, 0.0)
    v = np.where(v > step, step, np.where(v < -step, -step, v))
    if smoothing > 0:
        v = (v * w + parent * smoothing) / (w + smoothing)
    v = np.where(w > 0, v, parent)
    v = np.where(v > upper, upper, v)
    return np.where(v < lower, lower, v)


def rule_score(g, d, v, params: Params):
    """Minus twice the second-order objective at v."""
    return -((2.0 * g + d * v) * v + 2.0 * params.l1 * np.abs(v))


def value_by_rule(node: Node, params: Params) -> None:
    """Value a node by the sums of its rows' words."""
    rule = node.rule
    with np.errstate(all="ignore"):
        rule.value = rule_value(
            node.sums[0], node.sums[1] + params.l2, node.weight, params,
            rule.smoothing, rule.parent, rule.lower, rule.upper,
        )  # fmt: skip


def give_rules(problem: Problem, nodes: list[Node], ids: list[int]) -> None:
    """Value the root, or the children of the node that was split last."""
    params, k = problem.params, problem.n_outputs
    if not params.has_rules:
        return
    if ids == [0]:
        unbounded = np.full(k, math.inf)
        zero = np.zeros(k)
        nodes[0].rule = Rule(zero, zero, -unbounded, unbounded, 0.0)
        value_by_rule(nodes[0], params)
        return
    parent = next(node for node in nodes if node.left == ids[0])
    for i in ids:
        above = parent.rule
        nodes[i].rule = Rule(
            above.value, above.value, above.lower.copy(), above.upper.copy(),
            params.path_smoothing,
        )  # fmt: skip
        value_by_rule(nodes[i], params)
    if params.monotone is None or parent.bin == problem.n_bins[parent.feature] - 1:
        return
    for output, sign in enumerate(params.monotone[parent.feature].tolist()):
        if sign == 0:
            continue
        low, high = (nodes[i].rule for i in (ids if sign > 0 else ids[::-1]))
        middle = low.value[output] + (high.value[output] - low.value[output]) / 2
        low.upper[output] = high.lower[output] = middle
        low.value[output] = min(low.value[output], middle)
        high.value[output] = max(high.value[output], middle)


def random_pick(problem: Problem, node: int, j: int, used: np.ndarray, missing: bool):
    """The bin of the one threshold to try, or -1; `used`: whether bins have rows."""
    n_bins = int(problem.n_bins[j])
    filled = np.flatnonzero(used[:n_bins])
    low, high = (int(filled[0]), int(filled[-1])) if len(filled) else (n_bins - 1,) * 2
    n_candidates = high - low + missing
    if n_candidates == 0:
        return -1
    counter = node * len(problem.columns) + j
    random = hash64(problem.params.seed ^ _RANDOM_SALT, counter, 0)
    pick = low + ((random >> 32) * n_candidates >> 32)
    return pick if pick < high else n_bins - 1


def _next_leaf(nodes: list[Node], params: Params) -> int:
    """The leaf to split, or -1."""
    splittable = [i for i, x in enumerate(nodes) if x.feature < 0 and x.split]
    if not splittable:
        return -1
    if params.depth_wise:
        return min(splittable, key=lambda i: (nodes[i].depth, i))
    return min(splittable, key=lambda i: (-nodes[i].split[0], i))


def fair_rank(params: Params, node: int, feature: int) -> int:
    """Rank of a feature among splits of equal gain, of which the greatest is taken."""
    if not params.fair_ties:
        return -feature
    return hash64(params.seed ^ _TIE_SALT, node, feature)


def middle_bin(problem: Problem, node: Node) -> int:
    """The bin of the border in the middle of the gap that a split goes through."""
    j, bin_ = node.feature, node.bin
    if problem.categorical is not None and problem.categorical[j]:
        return bin_
    codes = problem.columns[j][node.rows]
    above = codes[(codes > bin_) & (codes != MISSING)]
    if not len(above):
        return bin_
    first = int(problem.offsets[j]) + bin_
    gap = problem.borders[first : first + int(above.min()) - bin_]
    far = np.abs(gap - (0.5 * gap[0] + 0.5 * gap[-1]))
    slack, best = 1e-6 * (gap[-1] - gap[0]), 0
    for b in range(1, len(gap)):
        best = b if far[b] <= far[best] + slack else best
    return bin_ + best


def split_node(problem: Problem, nodes: list[Node], i: int) -> list[int]:
    """Make the children of a node that has a split; returns their ids."""
    node = nodes[i]
    node.gain, node.feature, node.bin, node.missing_left, node.subset = node.split
    if problem.params.fair_ties and node.subset is None:
        node.bin = middle_bin(problem, node)
    last = int(problem.n_bins[node.feature]) - 1
    border = int(problem.offsets[node.feature]) + node.bin
    node.threshold = float(problem.borders[border]) if node.bin < last else math.inf
    if node.subset is not None:
        node.threshold = 0.0
    node.left = len(nodes)
    column = problem.columns[node.feature]
    cut = (node.bin, node.missing_left, node.subset)
    left = goes_left(column[node.rows], *cut)
    all_left = goes_left(column[node.members], *cut)
    for side, all_side in ((left, all_left), (~left, ~all_left)):
        child = Node(node.depth + 1, node.rows[side], node.members[all_side])
        child.path = node.path | {node.feature}
        nodes.append(child)
    node.rows = node.members = None
    return [node.left, node.left + 1]


def grow_by(problem: Problem, search, search_level) -> Tree:
    """Split leaves until none can be; `search(ids, nodes)` fills in their splits.

    An oblivious tree asks ``search_level(ids, nodes)`` to do so for a whole level, once
    `search` has valued its nodes; it returns whether the level has a split.
    """
    params = problem.params
    nodes = [Node(0, problem.sample, np.arange(problem.columns.shape[1]))]
    search([0], nodes)
    if params.oblivious:
        level = [0]
        while (
            nodes[level[0]].depth < params.max_depth
            and 2 * len(level) <= params.max_leaves
            and search_level(level, nodes)
        ):
            level = [split_node(problem, nodes, i) for i in level]
            for pair in level:
                search(pair, nodes)
            level = [i for pair in level for i in pair]
        return _finish(problem, nodes)
    n_leaves = 1
    while n_leaves < params.max_leaves and (i := _next_leaf(nodes, params)) >= 0:
        n_leaves += 1
        search(split_node(problem, nodes, i), nodes)
    return _finish(problem, nodes)


def _finish(problem: Problem, nodes: list[Node]) -> Tree:
    """Compute leaf values and lay the nodes out as arrays."""
    if problem.held is not None:
        nodes = tested(problem, nodes)
    ids = np.zeros(problem.columns.shape[1], np.int32)
    value = np.zeros((len(nodes), problem.n_outputs))
    for i, node in enumerate(nodes):
        if node.feature < 0:
            value[i] = leaf_values(problem, node)
            ids[node.members] = i
    if problem.held is not None and len(nodes) == 1:
        value[:] = 0.0
    if problem.gradient.ndim == 1:
        value = value[:, 0]

    split_by_set = [i for i, node in enumerate(nodes) if node.subset is not None]
    split_by_set.sort(key=lambda i: nodes[i].left)  # in the order of splitting
    subset = np.full(len(nodes), -1, np.int32)
    subset[split_by_set] = np.arange(len(split_by_set))
    subsets = [nodes[i].subset for i in split_by_set]

    def array(name: str, dtype: type) -> np.ndarray:
        return np.array([getattr(node, name) for node in nodes], dtype)

    return Tree(
        array("feature", np.int32), array("left", np.int32),
        array("threshold", np.float64), value,
        array("gain", np.float64), array("weight", np.float64),
        array("bin", np.uint8), array("missing_left", np.uint8), subset,
        np.array(subsets, np.uint64).reshape(-1, 4), ids,
    )  # fmt: skip


# The test of splits on held-out rows


def tested(problem: Problem, nodes: list[Node]) -> list[Node]:
    """The nodes that are left where splits must serve the held-out rows.

    Rows are given back to nodes, the leaves of which alone have kept theirs.
    """
    gains = []
    for node in reversed(nodes):
        if node.feature >= 0:
            children = nodes[node.left : node.left + 2]
            node.rows = np.sort(np.concatenate([c.rows for c in children]))
            node.members = np.sort(np.concatenate([c.members for c in children]))
        gains.insert(0, [held_out_gain(problem, node, half) for half in range(2)])
    both = [first + second for first, second in gains]
    cut, _ = cut_nodes(nodes, both, both)
    judged = 0.0
    for half in range(2):
        own, other = ([g[side] for g in gains] for side in (half, 1 - half))
        judged += cut_nodes(nodes, own, other)[1]
    if not judged > 0:
        cut.add(0)
    for i in cut:
        node = nodes[i]
        node.feature = node.left = -1
        node.gain = node.threshold = 0.0
        node.bin, node.missing_left, node.subset = 0, False, None
    kept = [0]
    for i in range(len(nodes)):
        if i in kept and nodes[i].feature >= 0:
            kept += [nodes[i].left, nodes[i].left + 1]
    kept.sort()
    for i in kept:
        if nodes[i].feature >= 0:
            nodes[i].left = kept.index(nodes[i].left)
    return [nodes[i] for i in kept]


def cut_nodes(
    nodes: list[Node], gains: list[float], judges: list[float]
) -> tuple[set[int], float]:
    """The nodes to cut by some gains, and what is left is worth to the judges."""
    gains, judges, cut = list(gains), list(judges), set()
    for i in reversed(range(len(nodes))):
        left = nodes[i].left
        if nodes[i].feature < 0:
            continue
        below = gains[left] + gains[left + 1]
        if below > gains[i] and (i > 0 or below > 0):
            gains[i], judges[i] = below, judges[left] + judges[left + 1]
        else:
            cut.add(i)
    bare = nodes[0].feature >= 0 and 0 in cut
    return cut, 0.0 if bare else judges[0]


def held_out_gain(problem: Problem, node: Node, half: int) -> float:
    """What a node's value, from its words, gains on half of its held-out rows."""
    params, held = problem.params, np.concatenate(problem.held)
    rows = np.intersect1d(problem.held[half], node.members)
    outputs, gain = problem.outputs, 0.0
    greatest = max((float(np.abs(g[held]).max(initial=0)) for g, _ in outputs))
    for k, (g, h) in enumerate(outputs):
        if h is not None:
            most = max(float(c[held].max(initial=0)) for _, c in outputs)
            total_h = exact_sum(h, rows, most)
        elif problem.weight is not None:
            most = float(problem.weight[held].max(initial=0))
            total_h = exact_sum(problem.weight, rows, most)
        else:
            total_h = float(len(rows))
        total_g = exact_sum(g, rows, greatest)
        if node.rule is not None:
            v = float(node.rule.value[k])
        else:
            divisor = float(node.sums[1, k]) + params.l2
            v = -float(node.sums[0, k]) / divisor if divisor > 0 else 0.0
        gain -= (2.0 * total_g + params.test_step * total_h * v) * v
    return gain


def exact_sum(values: np.ndarray, rows: np.ndarray, greatest: float) -> float:
    """Sum in two integers a value: 35 bits of it, and 35 bits of what remains."""
    scale = scale_of(greatest, 35)
    scaled = values[rows] * scale
    high = np.rint(scaled)
    low = np.rint((scaled - high) * 2.0**35)
    total = [sum(int(x) for x in part.tolist()) for part in (high, low)]
    return (float(total[0]) + float(total[1]) * 2.0**-35) / scale


def leaf_values(problem: Problem, node: Node) -> list[float]:
    """Newton steps of the outputs, from exact sums of the inputs."""
    rows, rule = node.rows, node.rule
    sample, outputs = problem.sample, problem.outputs
    max_g = max(float(np.abs(g[sample]).max()) for g, _ in outputs)
    values = []
    for k, (g, h) in enumerate(outputs):
        if h is not None:
            greatest = max(float(c[sample].max()) for _, c in outputs)
            divisor = exact_sum(h, rows, greatest)
        elif problem.weight is not None:
            divisor = exact_sum(
                problem.weight, rows, float(problem.weight[sample].max())
            )
        else:
            divisor = float(len(rows))
        divisor += problem.params.l2
        total = exact_sum(g, rows, max_g)
        if rule is None:
            values.append(-total / divisor if divisor > 0 else 0.0)
            continue
        with np.errstate(all="ignore"):
            value = rule_value(
                np.float64(total), np.float64(divisor), node.weight, problem.params,
                rule.smoothing, rule.parent[k], rule.lower[k], rule.upper[k],
            )  # fmt: skip
        values.append(float(value))
    return values


# The search on histograms


def grow(problem: Problem) -> Tree:
    """Grow a tree from integer histograms."""
    form, q = quantise(problem)
    n_features = len(problem.columns)
    n_cells = int(problem.n_bins.max(initial=0)) + 1  # the last is "missing"
    cells = np.where(problem.columns == MISSING, n_cells - 1, problem.columns)
    cells = cells + np.arange(n_features)[:, None] * n_cells
    unit = np.array([1 / form.g_scale, 1 / form.h_scale, 1 / form.w_scale])
    unit = unit[:, None, None, None, None, None]

    def value(ids: list[int], nodes: list[Node]) -> None:
        for i in ids:
            w = int(q[2, 0, nodes[i].rows].sum())
            nodes[i].weight = float(w) / form.w_scale
            words = q[:2, :, nodes[i].rows].sum(axis=-1)
            nodes[i].sums = words * np.array([[1 / form.g_scale], [1 / form.h_scale]])
        give_rules(problem, nodes, ids)

    def histograms(ids: list[int], nodes: list[Node]) -> np.ndarray:
        """Sums of the integers (3, K, nodes, features, bins + 1)."""
        n_outputs = problem.n_outputs
        sums = np.zeros((3, n_outputs, len(ids), n_features * n_cells), np.int64)
        for k, i in enumerate(ids):
            rows = nodes[i].rows
            where = cells[:, rows].ravel()
            for lane, output in np.ndindex(3, n_outputs):
                words = np.broadcast_to(q[lane, output, rows], (n_features, len(rows)))
                np.add.at(sums[lane, output, k], where, words.ravel())
        return sums.reshape(3, n_outputs, len(ids), n_features, n_cells)

    def search(ids: list[int], nodes: list[Node]) -> None:
        value(ids, nodes)
        ids = [i for i in ids if searchable(nodes[i], problem.params)]
        if not ids or problem.params.oblivious:
            return
        usable = np.zeros((len(ids), n_features), bool)
        for k, i in enumerate(ids):
            usable[k, drawn_features(problem, i, nodes[i])] = True
        rules = [nodes[i].rule for i in ids]
        scan = _scan(problem, histograms(ids, nodes), usable, unit, rules, ids)
        for i, split in zip(ids, scan, strict=True):
            nodes[i].split = split

    def search_level(ids: list[int], nodes: list[Node]) -> bool:
        usable = np.zeros((len(ids), n_features), bool)
        usable[:, drawn_features(problem, ids[0], nodes[ids[0]])] = True
        rules = [nodes[i].rule for i in ids]
        splits = _scan_level(problem, histograms(ids, nodes), usable, unit, rules, ids)
        for i, split in zip(ids, splits, strict=False):
            nodes[i].split = split
        return bool(splits)

    return grow_by(problem, search, search_level)


def fold_outputs(terms: np.ndarray) -> np.ndarray:
    """Sum over the first axis: padded to a power of two, halves added to halves."""
    lanes = 1 << (len(terms) - 1).bit_length()
    padded = np.zeros((lanes, *terms.shape[1:]))
    padded[: len(terms)] = terms
    while lanes > 1:
        lanes //= 2
        padded = padded[:lanes] + padded[lanes:]
    return padded[0]


def _scores(left: np.ndarray, right: np.ndarray, total: np.ndarray, params: Params):
    """Scores of children and node, and whether both children have enough curvature."""
    (gl, hl, _), (gr, hr, _), (g, h, _) = left, right, total
    dl, dr, d = hl + params.l2, hr + params.l2, h + params.l2
    enough = (fold_outputs(hl) >= params.min_leaf_hessian) & (
        fold_outputs(hr) >= params.min_leaf_hessian
    )
    if len(gl) == 1:
        score = gl * gl / dl + gr * gr / dr
        return score[0], (g * g / d)[0], enough & (dl[0] > 0) & (dr[0] > 0)
    both = dl * dr
    score = np.where(both > 0, (gl * gl * dr + gr * gr * dl) / both, 0.0)
    parent = np.where(d > 0, g * g / d, 0.0)
    return fold_outputs(score), fold_outputs(parent), enough


def _ruled_scores(
    left: np.ndarray,
    right: np.ndarray,
    total: np.ndarray,
    problem: Problem,
    rules: list[Rule],
):
    """`_scores` where nodes have rules; gains above rounding noise count only."""
    params = problem.params
    (gl, hl, wl), (gr, hr, wr), (g, h, _) = left, right, total
    dl, dr, d = hl + params.l2, hr + params.l2, h + params.l2
    valid = (fold_outputs(hl) >= params.min_leaf_hessian) & (
        fold_outputs(hr) >= params.min_leaf_hessian
    )

    def each(name: str) -> np.ndarray:
        """A field of all nodes' rules, (K, nodes, 1, 1, 1)."""
        return np.array([getattr(r, name) for r in rules]).T[..., None, None, None]

    bounds = each("value"), each("lower"), each("upper")
    vl = rule_value(gl, dl, wl[0], params, params.path_smoothing, *bounds)
    vr = rule_value(gr, dr, wr[0], params, params.path_smoothing, *bounds)
    both = (dl > 0) & (dr > 0)
    score = rule_score(gl, dl, vl, params) + rule_score(gr, dr, vr, params)
    score = np.where(both, score, 0.0)
    parent = np.where(d > 0, rule_score(g, d, each("value"), params), 0.0)
    if len(g) == 1:
        valid &= both[0]
    signs = np.zeros((len(problem.columns), len(g)), np.int8)
    if params.monotone is not None:
        signs = params.monotone
    signs = signs.T[:, None, :, None, None].astype(float)
    last = np.arange(gl.shape[-2])[:, None] >= problem.n_bins[:, None, None] - 1
    valid = valid & (last | (signs * (vr - vl) >= 0)).all(axis=0)
    score, parent = fold_outputs(score), fold_outputs(parent)
    noise = MIN_RELATIVE_GAIN * (np.abs(score) + np.abs(parent))
    return score, parent, valid & (score - parent > noise)


def _random_candidates(
    problem: Problem, weights: np.ndarray, ids: list[int]
) -> np.ndarray:
    """Which bins each node may split after, (nodes, features, bins, 1)."""
    allowed = np.zeros((*weights.shape[:2], weights.shape[2] - 1, 1), bool)
    for k, j in np.ndindex(*weights.shape[:2]):
        missing = bool(weights[k, j, -1] > 0)
        pick = random_pick(problem, ids[k], j, weights[k, j, :-1] > 0, missing)
        if pick >= 0:
            allowed[k, j, pick] = True
    return allowed


def _gains(
    problem: Problem,
    sums: np.ndarray,
    usable: np.ndarray,
    unit: np.ndarray,
    rules: list[Rule | None],
    ids: list[int],
):
    """Gains of all splits from histograms (3, K, nodes, features, bins + 1).

    The last two axes of every array here are the bin and the side of missing values
    (0 right, 1 left), so that the first maximum is the one the tie rule asks for.
    """
    params = problem.params
    missing = sums[..., -1:]
    right_missing = np.cumsum(sums[..., :-1], axis=-1)
    left = np.stack([right_missing, right_missing + missing], axis=-1)
    total = sums.sum(axis=-1)[..., None, None]
    right = total - left
    bins = np.arange(left.shape[-2])[:, None]
    n_bins = problem.n_bins[:, None, None]
    side = np.arange(2)
    any_missing = missing[2, 0][..., None] > 0
    valid = (bins < n_bins - 1) & (any_missing | (side == 0))
    valid = valid | ((bins == n_bins - 1) & any_missing & (side == 0))
    valid = valid & usable[..., None, None]
    wl, wr = left[2, 0] * unit[2, 0], right[2, 0] * unit[2, 0]
    valid &= (wl >= params.min_leaf_weight) & (wr >= params.min_leaf_weight)
    valid &= (left[2, 0] > 0) & (right[2, 0] > 0)
    with np.errstate(all="ignore"):
        sides = left * unit, right * unit, total * unit
        if params.has_rules:
            score, parent, enough = _ruled_scores(*sides, problem, rules)
        else:
            score, parent, enough = _scores(*sides, params)
            enough = enough & (score - parent > MIN_RELATIVE_GAIN * score)
        gain = score - parent
        valid &= enough
    if params.random_splits:
        valid &= _random_candidates(problem, sums[2, 0], ids)
    gain = coarse(gain)
    valid &= gain > 0
    return np.where(valid, gain, -np.inf), left[2, 0], right[2, 0], any_missing


def _scan(problem: Problem, sums: np.ndarray, usable: np.ndarray, unit, *others):
    """Best split of each node; the arguments are those of `_gains`."""
    gain, left, right, any_missing = _gains(problem, sums, usable, unit, *others)
    gain = np.where(gain >= problem.params.min_gain, gain, -np.inf)
    sets = problem.categorical is not None and not problem.params.has_rules
    if sets:
        gain[:, problem.categorical.astype(bool)] = -np.inf
    splits = []
    for k, node in enumerate(others[-1]):
        found = []
        for j in np.flatnonzero(usable[k]).tolist():
            if sets and problem.categorical[j]:
                split = _subset_split(problem, sums[:, :, k], j, unit[..., 0, 0, 0])
                found += [] if split is None else [split]
                continue
            b, to_left = np.unravel_index(int(gain[k, j].argmax()), gain.shape[2:])
            if not any_missing[k, j].any():
                to_left = left[k, j, b, 0] >= right[k, j, b, 0]
            found.append((float(gain[k, j].max()), j, int(b), bool(to_left), None))
        found = [split for split in found if split[0] > 0]
        splits.append(
            max(
                found,
                key=lambda s: (s[0], fair_rank(problem.params, node, s[1])),
                default=None,
            )
        )
    return splits


def _scan_level(problem: Problem, *scanned):
    """The split of a level, with the gain of each node; empty if there is none."""
    gain, left, right, any_missing = _gains(problem, *scanned)
    one_side = ~any_missing[..., 0]
    gain[..., 1] = np.where(one_side, gain[..., 0], gain[..., 1])
    gain = np.where(gain > 0, gain, 0.0)
    total = np.zeros(gain.shape[1:])
    for own in gain:
        total = total + own
    total = coarse(total)
    if not total.size or not total.max() > 0 or total.max() < problem.params.min_gain:
        return []
    j, b, side = np.unravel_index(int(total.argmax()), total.shape)
    to_left = bool(side)
    if not any_missing[:, j].any():
        to_left = bool(left[:, j, b, 0].sum() >= right[:, j, b, 0].sum())
    own = gain[:, j, b, int(to_left)].tolist()
    return [(g, int(j), int(b), to_left, None) for g in own]


# Sets of categories


def _subset_split(problem: Problem, sums: np.ndarray, j: int, unit: np.ndarray):
    """Best split of one node by a set of categories of a feature, or None."""
    codes = [*range(int(problem.n_bins[j])), MISSING]
    groups = sums[:, :, j][:, :, [c if c != MISSING else -1 for c in codes]]
    split = best_subset(groups * unit[..., None][:, :, 0], codes, problem.params)
    return None if split is None else (split[0], j, 0, split[1], split[2])


def best_subset(sums: np.ndarray, codes: list[int], params: Params):
    """Best set of one feature: gain, side of missing values, bits; None without one.

    `sums` are the sums (3, K, categories) of a node, in the order of `codes`.
    """
    present = [i for i, x in enumerate(sums[2, 0]) if x > 0]
    if len(present) < 2:
        return None
    total = sums.sum(axis=-1)
    groups = [sums[:, :, i] for i in present]
    keys = _category_keys(groups, total, params.category_smoothing)
    order = sorted(range(len(present)), key=lambda i: (keys[i], i))
    best = (0.0, None)
    left = np.zeros_like(total)
    for end, i in enumerate(order[:-1]):
        left = left + groups[i]
        gain = _subset_gain(left, total, params, params.l2 + params.category_l2)
        if gain > best[0]:
            best = gain, order[: end + 1]
    for i in order if len(present) <= 4 else []:
        gain = _subset_gain(groups[i], total, params, params.l2)
        if gain > best[0]:
            best = gain, [i]
    if best[1] is None or best[0] < params.min_gain:
        return None
    return best[0], *_sides(codes, present, best[1], sums[2, 0])


def _sides(codes, present, chosen, weight):
    """Side of missing values, and the bits of what goes left."""
    left = {codes[present[i]] for i in chosen}
    here = {codes[i] for i in present}
    heavier = sum(w for c, w in zip(codes, weight, strict=True) if c in left)
    to_left = MISSING in left if MISSING in here else heavier >= sum(weight) - heavier
    if to_left:
        left |= set(range(256)) - (here - {MISSING})
    bits = [
        sum(1 << (c & 63) for c in left - {MISSING} if c >> 6 == i) for i in range(4)
    ]
    if to_left:
        bits[3] |= 1 << 63
    return bool(to_left), np.array(bits, np.uint64)


def _category_keys(groups: list[np.ndarray], total: np.ndarray, smoothing: float):
    """Numbers to sort categories by: their ratio, or its projection."""
    with np.errstate(all="ignore"):
        mean = np.where(total[1] > 0, total[0] / total[1], 0.0)
        ratios = []
        for g, h, _ in groups:
            ratio = (g - mean * h) / (h + smoothing)
            ratios.append(np.where(h + smoothing > 0, ratio, 0.0))
        direction = np.zeros(len(mean))
        direction[0] = 1.0
        if len(mean) > 1:
            distances = [
                fold_outputs(r * r) * group[2, 0]
                for r, group in zip(ratios, groups, strict=True)
            ]
            furthest = -1.0
            for r, distance in zip(ratios, distances, strict=True):
                if distance > furthest:
                    furthest, direction = distance, r
            for _ in range(2):
                pulled = np.zeros(len(mean))
                for r, group in zip(ratios, groups, strict=True):
                    pulled = pulled + fold_outputs(r * direction) * group[2, 0] * r
                size = np.sqrt(fold_outputs(pulled * pulled))
                if 0 < size < np.inf:
                    direction = pulled / size
        return [float(fold_outputs(r * direction)) for r in ratios]


def _subset_gain(left: np.ndarray, total: np.ndarray, params: Params, l2: float):
    """Gain of a set, or -1 where it is not allowed."""
    right = total - left
    for side in (left, right):
        enough = fold_outputs(side[1]) >= params.min_leaf_hessian
        divides = len(side[1]) > 1 or side[1, 0] + params.l2 > 0
        if not (side[2, 0] >= params.min_leaf_weight and side[2, 0] > 0):
            return -1.0
        if not (enough and divides):
            return -1.0

    def score(side: np.ndarray, l2: float) -> float:
        divisor = side[1] + l2
        with np.errstate(all="ignore"):
            return fold_outputs(np.where(divisor > 0, side[0] * side[0] / divisor, 0.0))

    both = score(left, l2) + score(right, l2)
    gain = both - score(total, params.l2)
    return float(coarse(gain)) if gain > MIN_RELATIVE_GAIN * both else -1.0


# Use of a tree


def apply_bins(tree: Tree, columns: np.ndarray) -> np.ndarray:
    """Leaf of every binned row, one row at a time."""
    ids = np.zeros(columns.shape[1], np.int32)
    for row in range(columns.shape[1]):
        i = 0
        while tree.feature[i] >= 0:
            x = columns[tree.feature[i], row]
            left = tree.missing_left[i] if x == MISSING else x <= tree.bin[i]
            i = int(tree.left[i]) + (0 if left else 1)
        ids[row] = i
    return ids


def apply_raw(tree: Tree, x: np.ndarray) -> np.ndarray:
    """Leaf of every row of raw values (n, f): x <= threshold goes left."""
    ids = np.zeros(len(x), np.int32)
    for i, j in enumerate(tree.feature.tolist()):
        if j < 0:
            continue
        here = np.flatnonzero(ids == i)
        values = x[here, j].astype(np.float64)
        left = np.where(
            np.isnan(values), tree.missing_left[i], values <= tree.threshold[i]
        )
        ids[here] = tree.left[i] + np.where(left, 0, 1)
    return ids
