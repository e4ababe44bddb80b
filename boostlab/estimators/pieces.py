"""Pieces by name: from the strings and objects of parameters to pieces ready to fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sklearn.base import clone
from sklearn.utils import get_tags

from boostlab.correctors import NoCorrection, RescaleDropped
from boostlab.directions import Gradient, NaturalGradient, Newton
from boostlab.learners.external import External
from boostlab.learners.linear import Linear
from boostlab.learners.mixture import Mixture
from boostlab.learners.neurons import Neurons
from boostlab.learners.random_features import RandomFeatures
from boostlab.learners.tree import Tree
from boostlab.steps import (
    CellFit,
    DoublingSearch,
    LineSearch,
    NewtonScalar,
    ReferenceSearch,
    Shrinkage,
)
from boostlab.updates import AddToPrediction, AddToRepresentation

Named = Mapping[str, Callable[[], Any]]

DIRECTIONS: Named = {
    "newton": Newton,
    "gradient": Gradient,
    "natural": NaturalGradient,
}
LEARNERS: Named = {
    "tree": Tree,
    "linear": Linear,
    "neurons": Neurons,
    "random_features": RandomFeatures,
}
STEPS: Named = {
    "shrinkage": Shrinkage,
    "line_search": LineSearch,
    "cell_fit": CellFit,
    "doubling": DoublingSearch,
    "reference_search": ReferenceSearch,
    "newton_scalar": NewtonScalar,
}
UPDATES: Named = {
    "add_to_prediction": AddToPrediction,
    "add_to_representation": AddToRepresentation,
}
CORRECTORS: Named = {"none": NoCorrection, "rescale_dropped": RescaleDropped}

OBJECTIVE_METHODS = ("start", "loss", "gradient")


def piece(value: Any, named: Named) -> Any:
    """Return the piece that `value` names, or a copy of `value` itself.

    A copy, because fitting must not change what the user holds.
    """
    if isinstance(value, str):
        return named[value]() if value in named else value
    return clone(value) if hasattr(value, "get_params") else value


def learner_piece(value: Any, every: Any = None) -> Any:
    """Return a learner from a piece, a name, a scikit-learn estimator, or a list.

    Parameters
    ----------
    value : WeakLearner, str, estimator, or list of them
        An estimator is wrapped in :class:`~boostlab.learners.External`, a list in
        :class:`~boostlab.learners.Mixture`.
    every : list of int, optional
        The schedule of a list.
    """
    if isinstance(value, list | tuple):
        return Mixture([learner_piece(each) for each in value], every)
    if isinstance(value, str) or hasattr(value, "accepts"):
        return piece(value, LEARNERS)
    return External(clone(value))


@dataclass(frozen=True, slots=True)
class LearnerOrName:
    """What :func:`learner_piece` takes.

    Parameters
    ----------
    optional : bool, default=False
        Whether None is allowed.
    lists : bool, default=True
        Whether a list of learners is allowed.
    """

    optional: bool = False
    lists: bool = True

    def check(self, name: str, value: Any) -> None:
        """Raise TypeError or ValueError if no learner can be made of `value`."""
        if value is None and self.optional:
            return
        known = ", ".join(repr(known) for known in LEARNERS)
        if isinstance(value, str) and value not in LEARNERS:
            raise ValueError(
                f"{name} is {value!r}; give one of {known}, or an object that learns."
            )
        if isinstance(value, list | tuple) and not (self.lists and value):
            raise ValueError(
                f"{name} is {value!r:.200}; give a single learner, or a "
                "boostlab.learners.Mixture of several."
            )
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, str) and each in LEARNERS:
                continue
            if isinstance(each, type) or not hasattr(each, "fit"):
                raise TypeError(
                    f"{name} is {value!r:.200}; give one of {known}, a learner from "
                    "boostlab.learners, a scikit-learn estimator, or a list of these "
                    "together with every."
                )
            made = learner_piece(each)
            if hasattr(made, "validate"):
                made.validate()


def schedule_faults(learner: Any, every: Any) -> list[str]:
    """Return what is wrong with the schedule of a list of learners."""
    if not isinstance(learner, list | tuple):
        if every is None:
            return []
        return ["every belongs to a list of learners; leave it out, or give a list."]
    if every is None:
        return [
            "A list of learners needs a schedule; give every=[1, 10] to let the second "
            "learner fit every tenth round, for example."
        ]
    try:
        LearnerOrName().check("learner", learner)
    except (TypeError, ValueError):  # reported with the parameter itself
        return []
    try:
        learner_piece(learner, every).validate()
    except (TypeError, ValueError) as error:
        return [str(error)]
    return []


def partitions(learner: Any) -> bool:
    """Return whether a learner, or what stands for one, only parts rows into cells.

    Then an objective may value the cells, and the codes of categories may be used.
    """
    if learner is None or isinstance(learner, str):
        return learner in (None, "tree")
    if isinstance(learner, list | tuple):
        return all(partitions(each) for each in learner)
    if isinstance(learner, Mixture):
        return partitions(list(learner.learners))
    return getattr(learner, "partitions", isinstance(learner, Tree))


def check_refits(learner: Any) -> None:
    """Raise ValueError where a learner constrains the values that CellFit replaces."""
    if isinstance(learner, Mixture):
        for each in learner.learners:
            check_refits(each)
    names = learner.constrains_values() if isinstance(learner, Tree) else []
    if names:
        raise ValueError(
            f"{' and '.join(names)} cannot be kept where the loss values the leaves "
            "anew, as absolute_error, huber and quantile do; leave it out, or choose "
            "another loss or the step Shrinkage."
        )


def splits_sets(learner: Any) -> bool:
    """Return whether a learner, or what stands for one, splits on sets of categories.

    Such a learner weighs rare categories by itself, and wants every one of them.
    """
    return _only_trees(learner)


def takes_sparse(learner: Any) -> bool:
    """Return whether a learner, or what stands for one, takes sparse tables."""
    return _only_trees(learner)


def _only_trees(learner: Any) -> bool:
    """Return whether all that learns are trees."""
    if learner is None or isinstance(learner, str):
        return learner in (None, "tree")
    if isinstance(learner, list | tuple):
        return all(_only_trees(each) for each in learner)
    if isinstance(learner, Mixture):
        return _only_trees(list(learner.learners))
    return isinstance(learner, Tree)


def allows_missing(learner: Any) -> bool:
    """Return whether a learner, or what stands for one, takes missing values."""
    if learner is None:
        return Tree.allows_missing
    if isinstance(learner, list | tuple):
        return all(allows_missing(each) for each in learner)
    if isinstance(learner, str):
        return allows_missing(LEARNERS.get(learner, Linear))
    told = getattr(learner, "allows_missing", None)
    if told is not None:
        return bool(told)
    if hasattr(learner, "learners"):
        return allows_missing(list(learner.learners))
    wrapped = getattr(learner, "estimator", learner)
    # Parameters are not yet checked when scikit-learn asks for tags.
    if isinstance(wrapped, type) or not hasattr(wrapped, "__sklearn_tags__"):
        return False
    return bool(get_tags(wrapped).input_tags.allow_nan)
