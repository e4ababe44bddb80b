"""Newton boosting of trees: the pieces that it consists of."""

from __future__ import annotations

from typing import Any

from boostlab.boosting import Boosting
from boostlab.correctors import NoCorrection
from boostlab.directions import Newton
from boostlab.estimators.parameters import Choice, Domain, Number
from boostlab.estimators.pieces import LearnerOrName, learner_piece, partitions
from boostlab.learners.tree import Tree
from boostlab.protocols import Objective, WeakLearner
from boostlab.samplers import RowsAndColumns
from boostlab.steps import CellFit, Shrinkage
from boostlab.updates import AddToPrediction

TREE_DEFAULTS: dict[str, Any] = {
    "max_leaf_nodes": 31,
    "max_depth": None,
    "min_samples_leaf": "auto",
    "l2_regularization": 1.0,
    "max_bins": 255,
    "max_features": 1.0,
    "growth": "leaf",
}
"""Parameters that describe the tree, and no other learner."""

TREE_DOMAINS: dict[str, Domain] = {
    "learner": LearnerOrName(optional=True, lists=False),
    "learning_rate": Number(above=0),
    "max_leaf_nodes": Number(at_least=2, integer=True, also=(None,)),
    "max_depth": Number(at_least=1, integer=True, also=(None,)),
    "min_samples_leaf": Number(above=0, also=("auto",)),
    "l2_regularization": Number(at_least=0),
    "max_bins": Number(at_least=2, at_most=255, integer=True),
    "subsample": Number(above=0, at_most=1),
    "max_features": Number(above=0, at_most=1),
    "growth": Choice(("leaf", "depth")),
}


class TreeBoosting:
    """Parameters and pieces that regressor and classifier have in common."""

    def _conflicts(self) -> list[str]:
        """Return what is wrong with the combination of parameters."""
        if self.learner is None:
            return super()._conflicts()
        changed = [
            name
            for name, default in TREE_DEFAULTS.items()
            if getattr(self, name) != default
        ]
        faults = super()._conflicts()
        if changed:
            faults.append(
                f"{' and '.join(changed)} cannot be set together with learner=..., "
                "which replaces the tree that they describe; set them on the learner."
            )
        return faults

    def _make_learner(self) -> WeakLearner:
        if self.learner is None:
            return Tree(**{name: getattr(self, name) for name in TREE_DEFAULTS})
        return learner_piece(self.learner)

    def _make_boosting(self, objective: Objective) -> Boosting:
        learner = self._make_learner()
        refits = getattr(objective, "refits_cells", False) and partitions(learner)
        step = CellFit if refits else Shrinkage
        return Boosting(
            objective=objective,
            direction=Newton(),
            learner=learner,
            step=step(self.learning_rate),
            update=AddToPrediction(),
            corrector=NoCorrection(),
            sampler=RowsAndColumns(self.subsample),
        )
