"""Ranking losses by their definitions, in plain NumPy: slow, and obviously right.

Documents of equal score are put in every possible order, and results are means over
these orders: all of them where they are few.
"""

from __future__ import annotations

from itertools import permutations, product

import numpy as np


def orders(score):
    """Yield every order of documents by falling score."""
    blocks = [np.flatnonzero(score == s) for s in np.unique(score)[::-1]]
    for parts in product(*(permutations(block) for block in blocks)):
        yield np.concatenate([np.array(part, dtype=int) for part in parts])


def discounts(n):
    """Return what each place is worth."""
    return 1 / np.log2(np.arange(n) + 2)


def dcg(gain, order, top):
    """Return the discounted gain of the first `top` places."""
    ranked = gain[order][:top]
    return np.sum(ranked * discounts(len(ranked)))


def average_precision(relevant, order):
    """Return the mean precision at the places of relevant documents."""
    hits = relevant[order]
    if not hits.any():
        return 0.0
    precision = np.cumsum(hits) / (np.arange(len(hits)) + 1)
    return precision[hits > 0].mean()


def change(ranking, gain, order, i, j):
    """Return by how much the measure changes when places i and j are exchanged."""
    if ranking == "pairs":
        return 1.0
    if ranking == "ndcg":
        place = discounts(len(order))
        return abs((gain[order[i]] - gain[order[j]]) * (place[i] - place[j]))
    relevant = (gain > 0).astype(float)
    swapped = order.copy()
    swapped[[i, j]] = order[[j, i]]
    before, after = (average_precision(relevant, o) for o in (order, swapped))
    return abs(after - before) * relevant.sum()


def pair_weights(ranking, gain, score, top):
    """Return the weight (n, n) of every pair, the mean over the orders of ties."""
    n = len(gain)
    label = (gain > 0).astype(float) if ranking == "map" else gain
    weight, n_orders = np.zeros((n, n)), 0
    for order in orders(score):
        n_orders += 1
        for i in range(min(n, top)):
            for j in range(i + 1, n):
                a, b = order[i], order[j]
                if label[a] != label[b]:
                    size = change(ranking, gain, order, i, j)
                    weight[a, b] += size
                    weight[b, a] += size
    return weight / n_orders


def lambdas(ranking, gain, score, top, sigmoid=1.0, normalize=False, scale=1.0):
    """Return gradient and hessian of one query, shapes (n,)."""
    n = len(gain)
    label = (gain > 0).astype(float) if ranking == "map" else gain
    weight = pair_weights(ranking, gain, score, top) * scale
    gradient, hessian, total = np.zeros(n), np.zeros(n), 0.0
    for a in range(n):
        for b in range(n):
            if not label[a] > label[b]:
                continue
            distance = score[a] - score[b]
            w = weight[a, b]
            if normalize and score.max() != score.min():
                w /= 0.01 + abs(distance)
            p = 1 / (1 + np.exp(sigmoid * distance))
            slope, curve = sigmoid * w * p, sigmoid**2 * w * p * (1 - p)
            gradient[a] -= slope
            gradient[b] += slope
            hessian[[a, b]] += curve
            total += 2 * slope
    if normalize and total > 0:
        factor = np.log2(1 + total) / total
        gradient, hessian = gradient * factor, hessian * factor
    return gradient, hessian


def measure(ranking, gain, score, top, sigmoid=1.0):
    """Return the measure of one query, the mean over the orders of ties."""
    if ranking == "pairs":
        weight = pair_weights(ranking, gain, score, top)
        above = gain[:, None] > gain[None, :]
        loss = np.logaddexp(0, -sigmoid * (score[:, None] - score[None, :]))
        return np.sum(weight * loss * above)
    relevant = (gain > 0).astype(float)
    values = [
        dcg(gain, order, top)
        if ranking == "ndcg"
        else average_precision(relevant, order)
        for order in orders(score)
    ]
    return np.mean(values)
