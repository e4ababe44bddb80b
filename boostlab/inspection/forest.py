"""What the trees of an ensemble say of rows: leaves, and shares of the features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boostlab.data.table import Table
from boostlab.learners.trees import FusedTrees
from boostlab.state import Ensemble

Array = NDArray[np.float64]


def leaf_ids(ensemble: Ensemble, table: Table) -> NDArray[np.int32]:
    """Return the leaf of each row in each tree.

    Parameters
    ----------
    ensemble : Ensemble
        Its hypotheses must be trees.
    table : Table
        The n rows.

    Returns
    -------
    ndarray of shape (n, n_rounds) or (n, n_rounds, n_trees), int32
        Numbers of nodes, as in :class:`boostlab.learners.tree_arrays.TreeArrays`; the
        third axis is there where a round has several trees.

    Raises
    ------
    TypeError
        If a hypothesis is not trees.
    ValueError
        If rounds have different numbers of trees.
    """
    fused = _trees_of(ensemble, "leaves")
    if fused is None:
        return np.empty((table.n_samples, 0), dtype=np.int32)
    counts = {len(done.hypothesis.trees) for done in ensemble.rounds}
    if len(counts) > 1:
        raise ValueError(
            f"The rounds have {' or '.join(map(str, sorted(counts)))} trees, so their "
            "leaves make no array; ask the hypotheses of the rounds one by one."
        )
    ids = fused.leaves(table).T.reshape(table.n_samples, ensemble.n_rounds, -1)
    return ids[:, :, 0] if counts == {1} else ids


def tree_contributions(
    ensemble: Ensemble, table: Table, background: Table | None = None
) -> Array:
    """Return the share of each feature in the raw prediction: exact Shapley values.

    Parameters
    ----------
    ensemble : Ensemble
        Its hypotheses must be trees, and its update must add them.
    table : Table
        The n rows.
    background : Table, optional
        Rows that stand for features which are not known. By default a tree that does
        not know a feature averages over both children by their training weight.

    Returns
    -------
    ndarray of shape (n, K, f + 1)
        For K outputs and f features; the last entry is the expected value. Each row
        sums to its raw prediction.

    Raises
    ------
    TypeError
        If a hypothesis is not trees.
    """
    fused = _trees_of(ensemble, "contributions of the features")
    if fused is None:
        shape = (table.n_samples, len(ensemble.baseline), table.n_features + 1)
        shares = np.zeros(shape)
    else:
        shares = fused.contributions(table, background)
    shares[:, :, -1] += ensemble.baseline
    return shares


def _trees_of(ensemble: Ensemble, what: str) -> FusedTrees | None:
    """Return the trees of all rounds, None if there is no round."""
    if not ensemble.rounds:
        return None
    if not ensemble.update.additive:
        raise TypeError(
            f"Only ensembles whose rounds add up have {what}, and the update of this "
            f"one is {type(ensemble.update).__name__}."
        )
    fused = ensemble.fused()
    if not isinstance(fused, FusedTrees):
        kinds = sorted({type(done.hypothesis).__name__ for done in ensemble.rounds})
        raise TypeError(
            f"Only ensembles whose rounds all add trees have {what}, and this one "
            f"consists of {' and '.join(kinds)}."
        )
    return fused
