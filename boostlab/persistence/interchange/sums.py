"""A fitted model as a sum of trees, which is what other formats can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from boostlab.contributions import scaled_cells
from boostlab.learners.tree_arrays import TreeArrays
from boostlab.learners.trees import Trees
from boostlab.objectives.links import IdentityLink, Link
from boostlab.state import Ensemble


@dataclass(frozen=True, slots=True, eq=False)
class OutputTree:
    """A tree that adds to one output.

    Parameters
    ----------
    output : int
        The output.
    tree : TreeArrays
        The nodes; its values are those before scaling.
    value : ndarray of shape (n_nodes,)
        What the leaves add.
    """

    output: int
    tree: TreeArrays
    value: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SumOfTrees:
    """A baseline, trees, and the link from their sum to what a user reads.

    Parameters
    ----------
    baseline : ndarray of shape (K,)
        What the sum begins with.
    rounds : list of list of OutputTree
        In each round, one tree an output, in their order.
    n_features : int
        Number of features.
    names : list of str or None
        Their names.
    objective : Objective or None
        What was minimised; None for a bare ensemble.
    classes : ndarray or None
        Labels of a classifier.
    """

    baseline: NDArray[np.float64]
    rounds: list[list[OutputTree]]
    n_features: int
    names: list[str] | None
    objective: Any
    classes: NDArray[Any] | None

    @property
    def link(self) -> Link:
        """The link; the identity for a bare ensemble, or where it only has units."""
        plain = self.objective is None or _units(self.objective) is not None
        return IdentityLink() if plain else self.objective.link

    @property
    def n_outputs(self) -> int:
        """Number of outputs K."""
        return len(self.baseline)

    def set_features(self) -> list[int]:
        """Return the features that some split takes as a category."""
        found: set[int] = set()
        for each in (one for done in self.rounds for one in done):
            found.update(each.tree.feature[each.tree.subset >= 0].tolist())
        return sorted(found)


def sum_of_trees(model: Any, what: str) -> SumOfTrees:
    """Return a fitted estimator or an ensemble as a sum of trees.

    Parameters
    ----------
    model : estimator or Ensemble
        The model.
    what : str
        The format that is to hold it, for messages.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If a round is no tree, or does more than add to the raw prediction.
    ValueError
        If the model has a single class.
    """
    bare = isinstance(model, Ensemble)
    if not bare:
        check_is_fitted(model)
        if not hasattr(model, "objective_"):
            raise ValueError(
                "The model knows a single class, so there is nothing to export to "
                f"{what}."
            )
    ensemble = model if bare else model.ensemble_
    _check_trees(ensemble, what)
    names = getattr(model, "feature_names_in_", None)
    units = None if bare else _units(model.objective_)
    if units is None:
        units = np.ones(len(ensemble.baseline))
    return SumOfTrees(
        baseline=ensemble.baseline * units,
        rounds=[_round(done, units) for done in ensemble.rounds],
        n_features=ensemble.rounds[0].hypothesis.n_features
        if bare and ensemble.rounds
        else getattr(model, "n_features_in_", 1),
        names=None if names is None else [str(name) for name in names],
        objective=None if bare else model.objective_,
        classes=getattr(model, "classes_", None),
    )


def _check_trees(ensemble: Ensemble, what: str) -> None:
    """Refuse what is not a sum of trees."""
    for done in ensemble.rounds:
        if not isinstance(done.hypothesis, Trees):
            raise TypeError(
                f"The model has a round by {type(done.hypothesis).__name__}, but "
                f"{what} holds trees only; fit it with trees alone."
            )
    corrected = any(done.correction is not None for done in ensemble.rounds)
    if corrected or not ensemble.update.additive:
        raise TypeError(
            "The rounds of the model do more than add to the raw prediction, which "
            f"{what} cannot express; use save() instead."
        )


def _units(objective: Any) -> NDArray[np.float64] | None:
    """Return the units of several targets, where they are all that the link does."""
    return getattr(objective.link, "factors", None)


def _round(done: Any, units: NDArray[np.float64]) -> list[OutputTree]:
    """Return the trees of a round, one an output, with values in those units."""
    trees = done.hypothesis.trees
    values = scaled_cells(done.hypothesis.cell_values, done.size)
    columns = [
        (tree, column)
        for tree, value in zip(trees, values, strict=True)
        for column in value.T
    ]
    return [
        OutputTree(output, tree, np.multiply(column, units[output], dtype=np.float64))
        for output, (tree, column) in enumerate(columns)
    ]


def set_codes(words: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Return the category codes of a set of 256 bits, ascending."""
    bits = np.unpackbits(words.astype("<u8").view(np.uint8), bitorder="little")
    return np.flatnonzero(bits)
