"""Newton boosting of trees: the pieces that it consists of."""

from __future__ import annotations

from typing import Any

from boostlab.boosting import Boosting
from boostlab.correctors import NoCorrection
from boostlab.directions import GOSS, MVS, Newton, Sampled
from boostlab.estimators.parameters import Choice, Domain, Number, PieceOrName
from boostlab.estimators.pieces import (
    LearnerOrName,
    learner_piece,
    partitions,
    piece,
)
from boostlab.learners.tree import Tree
from boostlab.protocols import Direction, Objective, WeakLearner
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
    "sampling": PieceOrName(("uniform", "goss", "mvs"), ("draw",)),
}


class TreeBoosting:
    """Parameters and pieces that regressor and classifier have in common."""

    _sampler: type[RowsAndColumns] = RowsAndColumns

    def _conflicts(self) -> list[str]:
        """Return what is wrong with the combination of parameters."""
        faults = super()._conflicts() + self._sampling_faults()
        if self.learner is None:
            return faults
        changed = [
            name
            for name, default in TREE_DEFAULTS.items()
            if getattr(self, name) != default
        ]
        if changed:
            faults.append(
                f"{' and '.join(changed)} cannot be set together with learner=..., "
                "which replaces the tree that they describe; set them on the learner."
            )
        return faults

    def _sampling_faults(self) -> list[str]:
        """Return what is wrong with sampling and subsample together."""
        if isinstance(self.sampling, str) and self.sampling == "mvs":
            if self.subsample == 1:
                return [
                    "sampling='mvs' draws the share subsample of the rows, which is 1; "
                    "give subsample=0.3, for example."
                ]
        elif self.sampling != "uniform" and self.subsample != 1:
            return [
                f"subsample={self.subsample!r} has no part in sampling="
                f"{self.sampling!r}, which has rates of its own; leave it at 1."
            ]
        return []

    def _make_direction(self) -> Direction:
        direction = Newton()
        if self.sampling == "uniform":
            return direction
        named = {"goss": GOSS, "mvs": lambda: MVS(self.subsample)}
        sampling = piece(self.sampling, named)
        # As LightGBM: derivatives tell little before the model has learnt something.
        start = int(1 / self.learning_rate) if isinstance(sampling, GOSS) else 0
        return Sampled(direction, sampling, start)

    def _make_learner(self) -> WeakLearner:
        if self.learner is None:
            return Tree(**{name: getattr(self, name) for name in TREE_DEFAULTS})
        return learner_piece(self.learner)

    def _make_boosting(self, objective: Objective) -> Boosting:
        learner = self._make_learner()
        refits = getattr(objective, "refits_cells", False) and partitions(learner)
        step = CellFit if refits else Shrinkage
        uniform = self.subsample if self.sampling == "uniform" else 1.0
        return Boosting(
            objective=objective,
            direction=self._make_direction(),
            learner=learner,
            step=step(self.learning_rate),
            update=AddToPrediction(),
            corrector=NoCorrection(),
            sampler=self._sampler(uniform),
        )
