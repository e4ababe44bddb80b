"""The rules of the tree core without a histogram: an oracle for the oracle.

Every candidate split sums Python integers over its rows, so that there is no prefix sum
to get wrong and no dtype to overflow.
"""

from __future__ import annotations

import math

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
    grow_by,
    hash64,
    searchable,
)


def quantise_plain(problem: Problem) -> tuple[Format, dict[int, tuple[int, int, int]]]:
    """Integers (g, h, w) of every sampled row, one row at a time."""
    form = choose_format(problem)
    seed = problem.params.seed

    def integer(x: float, scale: float, dither: bool, row: int, lane: int) -> int:
        if not dither:
            return round(x * scale)
        return math.floor(x * scale + (hash64(seed, row, lane) >> 11) * 2.0**-53)

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

    def best_split(i: int, rows: list[int]) -> tuple[float, int, int, bool] | None:
        best = None
        for j in drawn_features(problem, i):
            column, n_bins = problem.columns[j], int(problem.n_bins[j])
            has_missing = any(column[r] == MISSING for r in rows)
            for b in range(n_bins if has_missing else n_bins - 1):
                for missing_left in (False, True):
                    if missing_left and (not has_missing or b == n_bins - 1):
                        continue
                    sides = [], []
                    for r in rows:
                        m = column[r] == MISSING
                        left = missing_left if m else column[r] <= b
                        sides[not left].append(r)
                    left, right = total(sides[0]), total(sides[1])
                    if not (allowed(left) and allowed(right)):
                        continue
                    s = score(left) + score(right)
                    gain = s - score(total(rows))
                    if not gain > MIN_RELATIVE_GAIN * s:
                        continue
                    gain = float(coarse(gain))
                    if gain > (best[0] if best else 0.0):
                        to_left = missing_left if has_missing else left[2] >= right[2]
                        best = gain, j, b, to_left
        return best

    def search(ids: list[int], nodes: list[Node]) -> None:
        for i in ids:
            rows = nodes[i].rows.tolist()
            nodes[i].weight = float(total(rows)[2]) * exact["w"]
            if searchable(nodes[i], params):
                nodes[i].split = best_split(i, rows)

    return grow_by(problem, search)
