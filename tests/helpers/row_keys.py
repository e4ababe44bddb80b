"""The keys that rows are sampled by, in plain Python."""

from __future__ import annotations

import numpy as np

MASK = 2**64 - 1


def row_keys(seed, rows):
    """SplitMix64 of the seed's first 64 bits, at twice the row and one."""
    start = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
    keys = []
    for row in map(int, rows):
        x = (start + 0x9E3779B97F4A7C15 * (2 * row + 1)) & MASK
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
        keys.append(x ^ (x >> 31))
    return np.array(keys, dtype=np.uint64)


def least_rows(seed, n_rows, n_wanted):
    """The rows of the least keys, ascending."""
    return np.sort(np.argsort(row_keys(seed, range(n_rows)))[:n_wanted])
