"""Which rows and columns a round sees."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from boostlab.checks import check_number
from boostlab.data.hashing import hash_rows, told_apart, uniform
from boostlab.pieces import Piece
from boostlab.registry import register
from boostlab.state import State

HASHES = "hashes of rows"
"""Where a state carries the hashes of its rows."""


@register("rows_and_columns")
class RowsAndColumns(Piece):
    """A share of the rows and a share of the columns, drawn anew every round.

    Both are drawn uniformly and without replacement; sample weights do not change the
    chance of a row, they go on counting in the fit.

    Source: Friedman (2002), Stochastic gradient boosting.

    Parameters
    ----------
    subsample : float, default=1.0
        Share of the rows, in (0, 1]; at least one row is drawn.
    max_features : float, default=1.0
        Share of the columns, in (0, 1]; at least one column is drawn.
    """

    takes_parts = True

    def __init__(self, subsample: float = 1.0, max_features: float = 1.0):
        self.subsample = subsample
        self.max_features = max_features

    def validate(self) -> None:
        """Raise TypeError or ValueError unless both shares are in (0, 1]."""
        check_number("subsample", self.subsample, above=0, at_most=1)
        check_number("max_features", self.max_features, above=0, at_most=1)

    def __call__(
        self, state: State
    ) -> tuple[NDArray[np.intp] | None, NDArray[np.intp] | None]:
        """Return rows and columns, each ascending, or None where all are used."""
        rows = _drawn_rows(self.subsample, state)
        features = _drawn(self.max_features, state.table.n_features, state.rng)
        return rows, features


@register("groups_and_columns")
class GroupsAndColumns(RowsAndColumns):
    """A share of the groups, each with all its rows, and a share of the columns.

    For objectives that compare the rows of a group, such as ranking losses: a query
    is drawn whole or not at all. Every group has the same chance, whatever its size
    and weight. Without groups it is :class:`RowsAndColumns`.

    Parameters
    ----------
    subsample : float, default=1.0
        Share of the groups, in (0, 1]; at least one group is drawn.
    max_features : float, default=1.0
        Share of the columns, in (0, 1]; at least one column is drawn.
    """

    takes_parts = False

    def __call__(
        self, state: State
    ) -> tuple[NDArray[np.intp] | None, NDArray[np.intp] | None]:
        """Return rows and columns, each ascending, or None where all are used."""
        if state.group is None:
            return super().__call__(state)
        groups = _drawn(self.subsample, len(state.group), state.rng)
        features = _drawn(self.max_features, state.table.n_features, state.rng)
        if groups is None:
            return None, features
        is_drawn = np.zeros(len(state.group), bool)
        is_drawn[groups] = True
        return np.flatnonzero(is_drawn[state.group.codes]), features


@register("hashed_rows")
class HashedRows(RowsAndColumns):
    """A share of the rows, in which equal rows are hardly parted, and of the columns.

    Every row is drawn with the same chance, but the draw belongs to its values and its
    target, and not to its place: so it does not depend on the order of the rows, and a
    row of weight 2 is the same as that row given twice. Rows that are frequent are
    drawn one by one, as it would be all of them or none otherwise. Where no row is
    drawn, as may happen among a handful, all are.

    Parameters
    ----------
    subsample : float, default=1.0
        Chance of each row, in (0, 1].
    max_features : float, default=1.0
        Share of the columns, in (0, 1]; at least one column is drawn.
    """

    takes_parts = False

    def __call__(
        self, state: State
    ) -> tuple[NDArray[np.intp] | None, NDArray[np.intp] | None]:
        """Return rows and columns, each ascending, or None where all are used."""
        features = _drawn(self.max_features, state.table.n_features, state.rng)
        if self.subsample >= 1:
            return None, features
        if HASHES not in state.carried:
            columns = itertools.chain(state.table.columns(), np.atleast_2d(state.y.T))
            code = hash_rows(columns, len(state.y), 0)
            state.carried[HASHES] = told_apart(code, state.weight)
        seed = int(state.rng.integers(2**63))
        chance = uniform(state.carried[HASHES], seed)
        rows = np.flatnonzero(chance < self.subsample)
        return (rows if len(rows) else None), features


def _drawn_rows(share: float, state: State) -> NDArray[np.intp] | None:
    """Draw a share of the rows of all parts; return those that are here."""
    among, n_rows = state.table.whole, state.table.n_samples
    rows = _drawn(share, among.n_rows, state.rng)
    if rows is None or n_rows == among.n_rows:
        return rows
    first, end = np.searchsorted(rows, [among.first_row, among.first_row + n_rows])
    return rows[first:end] - among.first_row


def _drawn(
    share: float, n_items: int, rng: np.random.Generator
) -> NDArray[np.intp] | None:
    """Draw a share of 0 .. n_items - 1, ascending; None, and no draw, for all."""
    if share >= 1:
        return None
    n_drawn = max(1, round(share * n_items))
    # Marking is faster than sorting a million drawn indices.
    marked = np.zeros(n_items, bool)
    marked[rng.choice(n_items, n_drawn, replace=False, shuffle=False)] = True
    return np.flatnonzero(marked)
