"""What a model does not know, beside what cannot be known."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boostlab.data.table import Table
from boostlab.state import Ensemble

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Uncertainty:
    """The variance of predictions, by its source.

    Parameters
    ----------
    data : ndarray of shape (n,), or (n, p) for vectors
        Variance of the target that more data would not take away: the mean of the
        members' variances.
    knowledge : ndarray of the same shape
        Variance of the members' means: where they disagree, data are missing.
    """

    data: Array
    knowledge: Array

    @property
    def total(self) -> Array:
        """The sum of both, the variance of the mixture of all members."""
        return self.data + self.knowledge


def member_predictions(ensemble: Ensemble, table: Table, n_members: int) -> list[Array]:
    """Return raw predictions of truncated models, each of shape (n, K).

    Members are the model's first rounds, from half of them to all, evenly spaced.
    """
    n_rounds = ensemble.n_rounds
    ends = np.unique(np.linspace(n_rounds / 2, n_rounds, n_members).round().astype(int))
    raw = ensemble[: ends[0]].predict(table)
    members = [raw]
    for first, last in itertools.pairwise(ends):
        raw = raw + ensemble[first:last].predict(table) - ensemble.baseline
        members.append(raw)
    return members
