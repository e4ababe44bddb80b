"""Newton boosting of trees: the pieces that it consists of."""

from __future__ import annotations

import inspect
from typing import Any

from boostlab.boosting import Boosting
from boostlab.correctors import NoCorrection, RescaleDropped
from boostlab.directions import GOSS, MVS, Dart, Dropout, Newton, Sampled
from boostlab.estimators.parameters import (
    FLAG,
    Choice,
    Domain,
    Instance,
    Number,
    NumberOrPiece,
    PieceOrName,
)
from boostlab.estimators.pieces import (
    LearnerOrName,
    check_refits,
    learner_piece,
    partitions,
    piece,
)
from boostlab.learners.linear_tree import LinearTree, linear_faults
from boostlab.learners.tree import Tree
from boostlab.learners.tree_rules import (
    FORMS,
    SETS,
    is_interaction_cst,
    is_monotonic_cst,
)
from boostlab.protocols import Direction, Objective, WeakLearner
from boostlab.samplers import RowsAndColumns
from boostlab.steps import CellFit, DropoutStep, Shrinkage
from boostlab.updates import AddToPrediction

TREE_DEFAULTS: dict[str, Any] = {
    "max_leaf_nodes": 31,
    "max_depth": None,
    "min_samples_leaf": "auto",
    "l2_regularization": 1.0,
    "max_bins": 255,
    "low_memory": False,
    "max_features": 1.0,
    "growth": "leaf",
    "multi_strategy": "separate",
    "categorical_smoothing": 10.0,
    "categorical_l2": 10.0,
    "l1_regularization": 0.0,
    "min_gain": 0.0,
    "max_delta_step": None,
    "path_smoothing": 0.0,
    "monotonic_cst": None,
    "interaction_cst": None,
    "max_features_tree": 1.0,
    "max_features_level": 1.0,
    "splitter": "best",
}
"""Parameters that describe the tree, and no other learner."""

FREE_ROUNDS: dict[str, float] = {"learning_rate": 0.05, "max_features": 0.7}
GIVEN_ROUNDS: dict[str, float] = {"learning_rate": 0.1, "max_features": 1.0}
"""What "auto" is where the number of rounds is left to the data, and where it is not.

Small steps on some of the features generalise better, if there are enough of them.
"""

AUTO_SHARE = 0.3
"""Share of the rows that ``n_estimators="auto"`` holds out of each round's tree."""

AUTO_CAUTION = 2.0
"""The step that its trees are tested for, as a multiple of the learning rate."""

AUTO_STEPS = 200
"""Its most rounds, times the learning rate."""

LINEAR_L2 = 1.0
"""Default penalty of the slopes of linear leaves."""

TREE_DOMAINS: dict[str, Domain] = {
    "learner": LearnerOrName(optional=True, lists=False),
    "n_estimators": Number(at_least=1, integer=True, also=("auto",)),
    "learning_rate": Number(above=0),
    "max_leaf_nodes": Number(at_least=2, integer=True, also=("auto", None)),
    "max_depth": Number(at_least=1, integer=True, also=(None,)),
    "min_samples_leaf": Number(above=0, also=("auto",)),
    "l2_regularization": Number(at_least=0),
    "max_bins": Number(at_least=2, at_most=255, integer=True),
    "low_memory": FLAG,
    "subsample": Number(above=0, at_most=1),
    "max_features": Number(above=0, at_most=1),
    "growth": Choice(("leaf", "depth", "oblivious")),
    "categorical_smoothing": Number(at_least=0),
    "categorical_l2": Number(at_least=0),
    "l1_regularization": Number(at_least=0),
    "min_gain": Number(at_least=0),
    "max_delta_step": Number(above=0, also=(None,)),
    "path_smoothing": Number(at_least=0),
    "monotonic_cst": Instance(is_monotonic_cst, FORMS.removeprefix("give ")),
    "interaction_cst": Instance(is_interaction_cst, SETS.removeprefix("give ")),
    "max_features_tree": Number(above=0, at_most=1),
    "max_features_level": Number(above=0, at_most=1),
    "splitter": Choice(("best", "random")),
    "sampling": PieceOrName(("uniform", "goss", "mvs"), ("draw",)),
    "dropout": NumberOrPiece(Number(at_least=0, at_most=1), Dart),
    "linear_leaves": FLAG,
    "linear_l2": Number(at_least=0),
}

FREE_DOMAINS: dict[str, Domain] = {
    "n_estimators": Number(at_least=1, integer=True, also=(None, "auto")),
    "learning_rate": Number(above=0, also=("auto",)),
    "max_features": Number(above=0, at_most=1, also=("auto",)),
}
"""Of estimators that may choose the number of rounds themselves."""

SEVERAL_OUTPUTS: dict[str, Domain] = {
    "multi_strategy": Choice(("separate", "shared")),
}
"""Of estimators that may have several outputs."""


def _differs(value: Any, default: Any) -> bool:
    """Return whether a parameter, which may be an array, is not at its default."""
    return value is not None if default is None else bool(value != default)


class TreeBoosting:
    """Parameters and pieces that regressor and classifier have in common."""

    _sampler: type[RowsAndColumns] = RowsAndColumns

    def _conflicts(self) -> list[str]:
        """Return what is wrong with the combination of parameters."""
        faults = super()._conflicts() + self._sampling_faults()
        if isinstance(self.n_estimators, str) and self.n_estimators == "auto":
            faults += self._auto_faults()
        if self._dart() is not None and self.warm_start:
            faults.append(
                "dropout changes earlier rounds in every round, so that a warm start "
                "cannot go on as one longer fit would; set warm_start=False, or use a "
                "Checkpoint."
            )
        if self.warm_start and self.n_estimators is None:
            faults.append(
                "warm_start goes on to a number of rounds; give n_estimators too."
            )
        if self.linear_l2 != LINEAR_L2 and not self.linear_leaves:
            faults.append(
                "linear_l2 belongs to linear_leaves=True; set that, or leave it out."
            )
        if self.learner is None:
            return faults + (linear_faults(self._tree()) if self.linear_leaves else [])
        changed = ["linear_leaves"] if self.linear_leaves else []
        own = inspect.signature(type(self).__init__).parameters
        changed += [
            name
            for name in TREE_DEFAULTS
            if name in own and _differs(getattr(self, name), own[name].default)
        ]
        if changed:
            faults.append(
                f"{' and '.join(changed)} cannot be set together with learner=..., "
                "which replaces the tree that they describe; set them on the learner."
            )
        return faults

    def _auto_faults(self) -> list[str]:
        """Return what cannot go with a number of rounds that is found out."""
        auto, faults = "n_estimators='auto'", []
        if self.early_stopping is not False and self.early_stopping != "auto":
            faults.append(
                f"{auto} and early_stopping=True both stop the fit; leave "
                "early_stopping at 'auto', or give n_estimators as a number."
            )
        if self.scoring != "loss":
            faults.append(
                f"{auto} does not ask scoring={self.scoring!r:.200}, but tests splits; "
                "leave scoring at 'loss', or leave n_estimators out."
            )
        if self.warm_start:
            faults.append(
                f"{auto} leaves no rounds to add by warm_start=True; give n_estimators "
                "as a number, or start from the model by init."
            )
        if self._dart() is not None:
            faults.append(
                f"{auto} does not go with dropout, where a round without a split would "
                "still change the others; leave dropout at 0."
            )
        if self.learner is not None and not getattr(self.learner, "split_test", 0):
            faults.append(
                f"{auto} needs a learner that tests its splits; leave learner out, or "
                "give one such as boostlab.learners.Tree(split_test=0.3)."
            )
        return faults

    def _n_rounds(self, *asked: Any) -> int:
        if self.n_estimators == "auto":
            return max(1, round(AUTO_STEPS / self._resolved("learning_rate")))
        return super()._n_rounds(*asked)

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
        start = (
            int(1 / self._resolved("learning_rate"))
            if isinstance(sampling, GOSS)
            else 0
        )
        return Sampled(direction, sampling, start)

    def _resolved(self, name: str) -> float:
        """Return the value of a parameter, or what its "auto" stands for."""
        value = getattr(self, name)
        if value != "auto":
            return value
        is_free = self.n_estimators is None and bool(self.early_stopping)
        return (FREE_ROUNDS if is_free else GIVEN_ROUNDS)[name]

    def _dart(self) -> Dart | None:
        """Return the rule of dropout, or None without any."""
        if isinstance(self.dropout, Dart):
            return piece(self.dropout, {})
        return Dart(rate=self.dropout) if self.dropout else None

    def _takes_sparse(self) -> bool:
        return super()._takes_sparse() and not self.linear_leaves

    def _make_learner(self) -> WeakLearner:
        if self.learner is not None:
            return learner_piece(self.learner)
        tree = self._tree()
        tree.set_params(monotonic_cst=self._signs_by_output())
        tree.validate()
        return LinearTree(tree, self.linear_l2) if self.linear_leaves else tree

    def _tree(self) -> Tree:
        params = {n: getattr(self, n, d) for n, d in TREE_DEFAULTS.items()}
        tree = Tree(**params | {"max_features": self._resolved("max_features")})
        if self.n_estimators == "auto":
            step = AUTO_CAUTION * self._resolved("learning_rate")
            tree.set_params(split_test=AUTO_SHARE, test_step=step)
        return tree

    def _signs_by_output(self) -> Any:
        """Return `monotonic_cst` with numbers of outputs in place of class labels."""
        return self.monotonic_cst

    def _make_boosting(self, objective: Objective) -> Boosting:
        learner = self._make_learner()
        refits = getattr(objective, "refits_cells", False)
        if refits and self.linear_leaves:
            raise ValueError(
                f"{type(objective).__name__} gives every leaf a value of its own, and "
                "has no curvature to fit linear models by; set linear_leaves=False, or "
                "take another loss."
            )
        refits = refits and partitions(learner)
        if refits:
            check_refits(learner)
        step = CellFit if refits else Shrinkage
        direction = self._make_direction()
        step, corrector = step(self._resolved("learning_rate")), NoCorrection()
        dart = self._dart()
        if dart is not None:
            direction, step = Dropout(direction, dart), DropoutStep(step, dart)
            corrector = RescaleDropped()
        uniform = self.subsample if self.sampling == "uniform" else 1.0
        return Boosting(
            objective=objective,
            direction=direction,
            learner=learner,
            step=step,
            update=AddToPrediction(),
            corrector=corrector,
            sampler=self._sampler(uniform),
        )
