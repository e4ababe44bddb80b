"""Rows that a tree is not grown on, but tested on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boostlab.data.hashing import RowCodes, hash_rows, told_apart, uniform
from boostlab.state import State, Target

Rows = NDArray[np.int32]


def held_out_rows(
    target: Target, state: State, share: float
) -> tuple[Rows, tuple[Rows, Rows]]:
    """Part the rows of a round: those to grow a tree on, and two halves to test it on.

    Rows are held out by a hash of a seed, their features and their targets: equal rows
    are not parted, if they are not frequent, and a row of weight 2 is treated as that
    row given twice. Rows that belong together, such as the documents of a query, are
    held out together.

    Parameters
    ----------
    target : Target
        Its rows are parted; where it samples, only those of the sample.
    state : State
        ``state.rng`` gives the seed; ``state.y`` and ``state.group`` belong to the
        rows where the target is on the state's table.
    share : float
        Expected share of the rows to hold out, in (0, 1).

    Returns
    -------
    grown : ndarray of int32
        At least one row, ascending.
    held : tuple of two ndarrays of int32
        The halves, each ascending.
    """
    seed = int(state.rng.integers(2**63))
    code = target.table.view(RowCodes())
    if target.table is state.table and state.y is not None:
        code = code ^ hash_rows(np.atleast_2d(state.y.T), len(code), seed)
        if state.group is not None:
            code = state.group.row_sums(code, state.weight)[state.group.codes]
        else:
            code = told_apart(code, target.weight)
    place = uniform(code, seed)
    rows = np.arange(len(code)) if target.rows is None else target.rows
    part = 2 - (place[rows] < share) - (place[rows] < share / 2).astype(int)
    if not (part == 2).any():
        part[:] = 2
    first, second, grown = (rows[part == own].astype(np.int32) for own in range(3))
    return grown, (first, second)
