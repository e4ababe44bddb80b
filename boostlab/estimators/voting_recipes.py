"""The algorithms of the AdaBoost family, each as a choice of pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn.base import clone, is_classifier
from sklearn.linear_model import ElasticNet, LinearRegression, Ridge

from boostlab.correctors import NoCorrection, TotallyCorrective
from boostlab.directions import Reweighting, WorkingResponse
from boostlab.estimators.pieces import LEARNERS, LearnerOrName, learner_piece
from boostlab.learners import External, Linear, Mixture, Tree, TreeVotes
from boostlab.objectives import (
    Binomial,
    Brown,
    Exponential,
    ExponentialMargin,
    ExponentialPerClass,
    LogisticMargin,
    MadaMargin,
    Multinomial,
    SigmoidMargin,
    SmoothMeasure,
    SoftMargin,
)
from boostlab.protocols import Corrector, Direction, Objective, Step
from boostlab.steps import (
    BrownStep,
    EqualVote,
    LineSearch,
    NuVote,
    RecordedStep,
    Shrinkage,
    Vote,
    VotingStep,
)

MARGIN_LOSSES: dict[str, Callable[[int], Objective]] = {
    "exponential": lambda k: ExponentialMargin(k),
    "logistic": lambda k: LogisticMargin(k),
    "sigmoid": lambda k: SigmoidMargin(0.5, k, -2.0),
    "doom2": lambda k: SigmoidMargin(1.0, k, -1.0),
}
"""What ``algorithm="margin"`` can minimise."""

BOUNDED = frozenset({"sigmoid", "doom2"})
"""Those that are not convex: they are least where one vote is without end."""

SMALL_STEP = 0.2
"""Longest step along them, as a vote of AdaBoost for two classes."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The pieces of an algorithm; each is made from the estimator.

    Parameters
    ----------
    objective : callable
        From the estimator and the number of classes.
    step : callable
        From the estimator.
    direction : callable
        From the estimator.
    predict : {"labels", "log_odds"} or None
        What the learner contributes; None where it is a regressor.
    multi_class : bool
        Whether there may be more than two classes.
    corrector : callable
        From the estimator.
    finished : callable
        From the objective of the fit and the number of rounds of the model, the
        objective that the model keeps.
    shrinks : bool
        Whether there is a use for a learning rate.
    goes_on : bool
        Whether it can go on from earlier rounds, as if they were its own.
    """

    objective: Callable[[Any, int], Objective]
    step: Callable[[Any], Step]
    direction: Callable[[Any], Direction] = lambda model: Reweighting()
    predict: str | None = "labels"
    multi_class: bool = True
    corrector: Callable[[Any], Corrector] = lambda model: NoCorrection()
    finished: Callable[[Any, int], Objective] = lambda objective, n_rounds: objective
    shrinks: bool = True
    goes_on: bool = True

    @property
    def votes(self) -> bool:
        """Whether the learners vote for classes, so that margins have a unit."""
        return self.predict == "labels"

    def voters(self, learner: Any) -> Any:
        """Return a learner, or each of a list, that contributes what is wanted.

        That concerns trees and the estimators of scikit-learn.
        """
        if learner is None:
            return learner
        if isinstance(learner, list | tuple):
            return [_voting(each, self.predict) for each in learner]
        return _voting(learner, self.predict)


def _exponential(model: Any, n_classes: int) -> Objective:
    return ExponentialMargin(n_classes)


def _gentle(model: Any, n_classes: int) -> Objective:
    return Exponential() if n_classes == 2 else ExponentialPerClass(n_classes)


def _logit(model: Any, n_classes: int) -> Objective:
    return Binomial() if n_classes == 2 else Multinomial(n_classes)


def _confident(model: Any) -> Step:
    return VotingStep(Shrinkage(model.learning_rate), guarded=True)


def _fitted(model: Any) -> Step:
    return RecordedStep(Shrinkage(model.learning_rate))


def _searched(model: Any) -> Step:
    """Return a line search; a short one where the loss has no least value.

    Mason et al. (2000) take small steps of one size, or keep the votes normalised.
    """
    limit = 1000.0
    if model.margin_loss in BOUNDED:
        n_classes = max(2, len(model.classes_))
        limit = SMALL_STEP * 2.0 * (n_classes - 1.0) ** 2 / n_classes
    return VotingStep(LineSearch(model.learning_rate, limit))


def _unit(model: Any) -> Step:
    return VotingStep(Shrinkage(1.0))


def _of_mean_vote(objective: SmoothMeasure, n_rounds: int) -> Objective:
    return clone(objective).set_params(n_votes=max(1, n_rounds))


RECIPES: dict[str, Recipe] = {
    "samme": Recipe(_exponential, lambda model: Vote(model.learning_rate)),
    "samme.r": Recipe(_exponential, _confident, predict="log_odds"),
    "real": Recipe(_exponential, _confident, predict="log_odds", multi_class=False),
    "gentle": Recipe(
        _gentle, _fitted, direction=lambda model: WorkingResponse(None), predict=None
    ),
    "logit": Recipe(
        _logit, _fitted, direction=lambda model: WorkingResponse(4.0), predict=None
    ),
    "mada": Recipe(
        lambda model, k: MadaMargin(k), lambda model: Vote(model.learning_rate)
    ),
    "margin": Recipe(lambda model, k: MARGIN_LOSSES[model.margin_loss](k), _searched),
    "adaboost_nu": Recipe(
        _exponential,
        lambda model: NuVote(0.05 if model.nu == "auto" else model.nu),
        multi_class=False,
        shrinks=False,
    ),
    "smooth": Recipe(
        lambda model, k: SmoothMeasure(model.gamma, model.target_error),
        lambda model: EqualVote(),
        multi_class=False,
        finished=_of_mean_vote,
        shrinks=False,
    ),
    "brown": Recipe(
        lambda model, k: Brown(model.target_error),
        lambda model: BrownStep(),
        multi_class=False,
        shrinks=False,
    ),
    "lp": Recipe(
        lambda model, k: SoftMargin(),
        _unit,
        multi_class=False,
        corrector=lambda model: TotallyCorrective(model.nu),
        shrinks=False,
        goes_on=False,
    ),
    "erlp": Recipe(
        lambda model, k: SoftMargin(),
        _unit,
        multi_class=False,
        corrector=lambda model: TotallyCorrective(model.nu, model.eta, 1e-3),
        shrinks=False,
        goes_on=False,
    ),
}
"""The algorithms by name."""


def _voting(learner: Any, predict: str | None) -> Any:
    """Return a learner that contributes what is wanted, as far as it can be told."""
    known = learner in LEARNERS if isinstance(learner, str) else hasattr(learner, "fit")
    if not known or isinstance(learner, type):
        return learner  # refused where parameters are checked
    made = learner_piece(learner)
    if predict is None:
        # The responses are bounded, so no step needs a least curvature; one would
        # shorten those of the rows that are nearly certain.
        own = isinstance(made, External) and not hasattr(learner, "accepts")
        return made.set_params(min_hessian=0.0) if own else made
    if isinstance(made, Mixture):
        return Mixture([_voting(one, predict) for one in made.learners], made.every)
    if isinstance(made, Tree):
        return TreeVotes(made, predict)
    votes = isinstance(made, External) and is_classifier(made.estimator)
    return made.set_params(predict=predict) if votes else made


def with_tree(learner: Any, tree: Tree) -> Any:
    """Return what learns, with `tree` where none is given or one is named."""
    if isinstance(learner, list | tuple):
        return [with_tree(each, tree) for each in learner]
    return tree if learner is None or _is(learner, "tree") else learner


def learner_faults(learner: Any, algorithm: Any) -> list[str]:
    """Return why learners cannot serve an algorithm, a sentence for each."""
    recipe = RECIPES.get(algorithm) if isinstance(algorithm, str) else None
    try:
        LearnerOrName(optional=True).check("learner", learner)
    except (TypeError, ValueError):  # reported with the parameter itself
        return []
    if recipe is None or learner is None:
        return []
    several = learner if isinstance(learner, list | tuple) else [learner]
    faults = [_fault(each, algorithm, recipe.predict) for each in several]
    return [fault for fault in faults if fault is not None]


def _fault(learner: Any, algorithm: str, predict: str | None) -> str | None:
    """Return why one learner cannot serve."""
    made = learner_piece(learner)
    if isinstance(made, Mixture):
        faults = [_fault(one, algorithm, predict) for one in made.learners]
        return next((fault for fault in faults if fault is not None), None)
    wanted = "derivatives" if predict is None else "labels"
    if wanted not in (made if predict is None else _voting(made, predict)).accepts:
        kind = "regressor" if predict is None else "classifier"
        return (
            f"algorithm={algorithm!r} needs a {kind} to learn, but learner is "
            f"{learner!r:.200}; give one such as DecisionTree{kind.capitalize()}, or a "
            "tree of boostlab."
        )
    asked = predict == "log_odds" and isinstance(made, External)
    if asked and not hasattr(made.estimator, "predict_proba"):
        return (
            f"algorithm={algorithm!r} needs probabilities, but "
            f"{type(made.estimator).__name__} has no predict_proba; give a classifier "
            "that has, or algorithm='samme'."
        )
    return None


def _is(value: Any, name: str) -> bool:
    return isinstance(value, str) and value == name


def adds_up(learner: Any) -> bool:
    """Return whether sums of what `learner` fits are of its own kind: linear ones.

    Boosting cannot make more of such a learner than one fit of it can.
    """
    if isinstance(learner, Mixture):
        return all(adds_up(one) for one in learner.learners)
    if isinstance(learner, External):
        learner = learner.estimator
    return isinstance(learner, Linear | LinearRegression | Ridge | ElasticNet)
