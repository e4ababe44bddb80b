"""Shapley values by their definition: a sum over all sets of features."""

from __future__ import annotations

import itertools
import math

import made_trees
import numpy as np

from boostlab.learners.tree_arrays import TreeArrays


def values(game, n_features: int, n_outputs: int) -> np.ndarray:
    """Shapley values (n_outputs, n_features) of a game on sets of features."""
    worth = {
        known: game(frozenset(known))
        for size in range(n_features + 1)
        for known in itertools.combinations(range(n_features), size)
    }
    phi = np.zeros((n_outputs, n_features))
    for known, value in worth.items():
        for j in set(range(n_features)) - set(known):
            share = 1 / (n_features * math.comb(n_features - 1, len(known)))
            phi[:, j] += share * (worth[tuple(sorted((*known, j)))] - value)
    return phi


def path_game(tree: TreeArrays, row: np.ndarray):
    """What a tree predicts on average if it knows only some features of a row."""

    def game(known, node=0):
        left = int(tree.left[node])
        if left < 0:
            return tree.value[node]
        if int(tree.feature[node]) in known:
            value = float(row[tree.feature[node]])
            return game(known, left + (not made_trees.goes_left(tree, node, value)))
        weights = tree.weight[left : left + 2]
        share = weights[0] / weights.sum() if weights.sum() > 0 else 0.5
        return share * game(known, left) + (1 - share) * game(known, left + 1)

    return game


def background_game(tree: TreeArrays, row: np.ndarray, background: np.ndarray):
    """What a tree predicts if the unknown features are those of background rows."""

    def game(known):
        mixed = background.copy()
        mixed[:, list(known)] = row[list(known)]
        return tree.value[made_trees.leaves(tree, mixed)].mean(axis=0)

    return game
