"""The rules of the tree core without a histogram: an oracle for the oracle.

Every candidate split sums Python integers over its rows, so that there is no prefix sum
to get wrong and no dtype to overflow.
"""

from __future__ import annotations

import math

import numpy as np
from grower_oracle import (
    MIN_RELATIVE_GAIN,
    MISSING,
    Format,
    Node,
    Problem,
    Tree,
    choose_format,
    coarse,
    drawn_features,
    fair_rank,
    give_rules,
    grow_by,
    hash64,
    random_pick,
    rule_score,
    rule_value,
    searchable,
)


def quantise_plain(problem: Problem) -> tuple[Format, dict[int, tuple[int, int, int]]]:
    """Integers (g, h, w) of every sampled row, one row at a time."""
    form = choose_format(problem)
    seed = problem.params.seed

    def integer(x: float, scale: float, dither: bool, row: int, lane: int) -> int:
        if not dither:
            return round(x * scale)
        bits = hash64(seed, row, 0)
        bits = bits & 0xFFFFFFFF if lane else bits >> 32
        return math.floor(x * scale + bits * 2.0**-32)

    words = {}
    for row in problem.sample.tolist():
        g = integer(float(problem.gradient[row]), form.g_scale, form.dither_g, row, 0)
        w = 1
        if problem.weight is not None:
            w = max(1, round(float(problem.weight[row]) * form.w_scale))
        h = w
        if problem.hessian is not None:
            x = float(problem.hessian[row])
            h = integer(x, form.h_scale, form.dither_h, row, 1)
        words[row] = (g, h, w)
    return form, words


def grow_plain(problem: Problem) -> Tree:
    """Grow a tree by summing the rows of every candidate split."""
    form, words = quantise_plain(problem)
    params = problem.params
    exact = {"g": 1 / form.g_scale, "h": 1 / form.h_scale, "w": 1 / form.w_scale}

    def total(rows: list[int]) -> tuple[int, int, int]:
        return tuple(sum(words[r][k] for r in rows) for k in range(3))

    def score(sums: tuple[int, int, int]) -> float:
        g, h = float(sums[0]) * exact["g"], float(sums[1]) * exact["h"]
        return g * g / (h + params.l2)

    def allowed(sums: tuple[int, int, int]) -> bool:
        h, w = float(sums[1]) * exact["h"], float(sums[2]) * exact["w"]
        return (
            w >= params.min_leaf_weight
            and h >= params.min_leaf_hessian
            and sums[2] > 0
            and h + params.l2 > 0
        )

    def ruled_gain(node: Node, left, right, sign: int) -> float:
        """Gain by the rules; NaN where the split is not allowed."""
        rule = node.rule

        def real(sums) -> tuple[float, float, float]:
            g, h, w = (np.float64(s) for s in sums)
            return g * exact["g"], h * exact["h"] + params.l2, w * exact["w"]

        score, values = 0.0, []
        for g, d, w in (real(left), real(right)):
            v = rule_value(
                g, d, w, params, params.path_smoothing,
                rule.value[0], rule.lower[0], rule.upper[0],
            )  # fmt: skip
            values.append(v)
            score = rule_score(g, d, v, params) + score
        g, d, _ = real([a + b for a, b in zip(left, right, strict=True)])
        parent = rule_score(g, d, rule.value[0], params) if d > 0 else 0.0
        ordered = sign * (values[1] - values[0]) >= 0
        gain = score - parent
        noise = MIN_RELATIVE_GAIN * (abs(score) + abs(parent))
        return gain if ordered and gain > noise else math.nan

    def gain_of(node: Node, left, right, sign: int) -> float:
        if params.has_rules:
            with np.errstate(all="ignore"):
                return ruled_gain(node, left, right, sign)
        s = score(left) + score(right)
        gain = s - score(tuple(a + b for a, b in zip(left, right, strict=True)))
        return gain if gain > MIN_RELATIVE_GAIN * s else math.nan

    def candidates(i: int, j: int, rows: list[int], missing: bool) -> list[int]:
        """Bins to try a split after."""
        n_bins = int(problem.n_bins[j])
        if params.random_splits:
            used = np.zeros(256, bool)
            used[problem.columns[j][rows]] = True
            pick = random_pick(problem, i, j, used, missing)
            return [pick] if pick >= 0 else []
        return list(range(n_bins if missing else n_bins - 1))

    def gain_at(node: Node, j: int, b: int, missing_left: bool) -> tuple[float, bool]:
        """Gain of a split, NaN where not allowed; whether the left weighs more."""
        column, sides = problem.columns[j], ([], [])
        for r in node.rows.tolist():
            m = column[r] == MISSING
            left = missing_left if m else column[r] <= b
            sides[not left].append(r)
        left, right = total(sides[0]), total(sides[1])
        if not (allowed(left) and allowed(right)):
            return math.nan, left[2] >= right[2]
        sign = 0
        if params.monotone is not None and b < problem.n_bins[j] - 1:
            sign = int(params.monotone[j, 0])
        return float(coarse(gain_of(node, left, right, sign))), left[2] >= right[2]

    def wins(i: int, gain: float, j: int, best: tuple | None) -> bool:
        if best is None or gain != best[0] or j == best[1]:
            return gain > (best[0] if best else 0.0)
        return fair_rank(params, i, j) > fair_rank(params, i, best[1])

    def best_split(i: int, node: Node) -> tuple | None:
        best, rows = None, node.rows.tolist()
        for j in drawn_features(problem, i, node):
            column, n_bins = problem.columns[j], int(problem.n_bins[j])
            has_missing = any(column[r] == MISSING for r in rows)
            for b in candidates(i, j, rows, has_missing):
                for missing_left in (False, True):
                    if missing_left and (not has_missing or b == n_bins - 1):
                        continue
                    gain, heavier = gain_at(node, j, b, missing_left)
                    if not gain >= params.min_gain:
                        continue
                    if wins(i, gain, j, best):
                        best = (
                            gain,
                            j,
                            b,
                            missing_left if has_missing else heavier,
                            None,
                        )
        return best

    def search_level(ids: list[int], nodes: list[Node]) -> bool:
        best, chosen = 0.0, None
        for j in drawn_features(problem, ids[0], nodes[ids[0]]):
            for b in range(int(problem.n_bins[j])):
                for missing_left in (False, True):
                    if missing_left and b == problem.n_bins[j] - 1:
                        continue
                    gains = [gain_at(nodes[i], j, b, missing_left)[0] for i in ids]
                    summed = 0.0
                    for gain in gains:
                        summed += gain if gain > 0 else 0.0
                    if (summed := float(coarse(summed))) > best:
                        best, chosen = summed, (j, b, missing_left)
        if chosen is None or best < params.min_gain:
            return False
        j, b, missing_left = chosen
        rows = [r for i in ids for r in nodes[i].rows.tolist()]
        if not any(problem.columns[j][r] == MISSING for r in rows):
            left = total([r for r in rows if problem.columns[j][r] <= b])[2]
            missing_left = left >= total(rows)[2] - left
        for i in ids:
            gain, _ = gain_at(nodes[i], j, b, missing_left)
            nodes[i].split = gain if gain > 0 else 0.0, j, b, missing_left, None
        return True

    def search(ids: list[int], nodes: list[Node]) -> None:
        for i in ids:
            rows = nodes[i].rows.tolist()
            sums = total(rows)
            nodes[i].weight = float(sums[2]) * exact["w"]
            nodes[i].sums = np.array(
                [[sums[0] * exact["g"]], [float(sums[1]) * exact["h"]]]
            )
        give_rules(problem, nodes, ids)
        for i in ids:
            if searchable(nodes[i], params) and not params.oblivious:
                nodes[i].split = best_split(i, nodes[i])

    return grow_by(problem, search, search_level)
