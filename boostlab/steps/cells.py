"""A value for every cell of a learner that partitions the rows."""

from __future__ import annotations

import numpy as np

from boostlab.checks import check_number
from boostlab.contributions import Cells, CellValues
from boostlab.pieces import Piece
from boostlab.protocols import Contribution, Objective
from boostlab.registry import register
from boostlab.state import State


@register("cell_fit")
class CellFit(Piece):
    """The objective's own best constant step in every cell, then shrunk.

    The learner only has to say which rows belong together (the leaves of a tree, the
    answers of a prompted model, the sides of a rule); what a cell is worth is decided
    here, by ``objective.cell_values``: usually one Newton step ``-sum(g) / sum(h)``,
    for absolute and quantile losses a weighted quantile of the residuals. The rows of
    the round's sample count; a cell that has none is worth nothing.

    Source: Friedman (2001), Greedy function approximation, equations 18 and 30.

    Parameters
    ----------
    learning_rate : float, default=0.1
        Factor on every value, greater than 0.
    """

    def __init__(self, learning_rate: float = 0.1):
        self.learning_rate = learning_rate

    def validate(self) -> None:
        """Raise TypeError or ValueError unless `learning_rate` is positive."""
        check_number("learning_rate", self.learning_rate, above=0)

    def __call__(
        self, objective: Objective, state: State, contribution: Contribution
    ) -> CellValues:
        """Return one value for each cell, and for each output where cells are shared.

        Parameters
        ----------
        objective : Objective
            Must have ``cell_values(state, ids, n_cells, output)``, of shape (n_cells,).
        state : State
            The training rows, before the update.
        contribution : Cells
            The partitions; their own values are not used.

        Returns
        -------
        CellValues
            Arrays of shape (n_cells, 1), or (n_cells, K) for shared cells.

        Raises
        ------
        TypeError
            If the contribution does not consist of cells, or the objective cannot
            value them.
        """
        if not isinstance(contribution, Cells):
            raise TypeError(
                "CellFit needs a learner that partitions the rows, such as Tree, but "
                f"got a contribution of type {type(contribution).__name__}; use "
                "Shrinkage or LineSearch with this learner."
            )
        if not hasattr(objective, "cell_values"):
            raise TypeError(
                f"{type(objective).__name__} has no method cell_values, which CellFit "
                "asks for the value of each cell; derive it from PointwiseObjective or "
                "use Shrinkage."
            )
        values, output = [], 0
        for ids, own in zip(contribution.ids, contribution.cell_values, strict=True):
            n_cells, n_columns = own.shape
            columns = [
                objective.cell_values(state, ids, n_cells, output + column)
                for column in range(n_columns)
            ]
            output += n_columns
            values.append(np.column_stack(columns))
        return self.learning_rate * CellValues(tuple(values))
