"""What is minimised: losses with their derivatives, baselines and links.

A new one is a subclass of :class:`PointwiseObjective`, or three functions given to
:class:`CustomObjective`; :func:`check_objective` finds the usual mistakes.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial

from boostlab.objectives.base import ObjectiveError, PointwiseObjective
from boostlab.objectives.checks import check_objective
from boostlab.objectives.classification import Binomial, Exponential, Multinomial
from boostlab.objectives.custom import CustomObjective
from boostlab.objectives.deviance import Gamma, Poisson, Tweedie
from boostlab.objectives.distribution import DistributionObjective
from boostlab.objectives.margin import (
    ExponentialMargin,
    ExponentialPerClass,
    LogisticMargin,
    MadaMargin,
    MarginObjective,
    SigmoidMargin,
)
from boostlab.objectives.measures import Brown, SmoothMeasure, SoftMargin
from boostlab.objectives.multioutput import MultiOutput, for_targets
from boostlab.objectives.ranking import (
    CrossEntropyNDCG,
    LambdaRank,
    PairwiseLogistic,
    RankingObjective,
)
from boostlab.objectives.regression import (
    AbsoluteError,
    Huber,
    Quantile,
    SquaredError,
)
from boostlab.objectives.relative_error import RelativeError
from boostlab.protocols import Objective

__all__ = [
    "AbsoluteError",
    "Binomial",
    "Brown",
    "CrossEntropyNDCG",
    "CustomObjective",
    "DistributionObjective",
    "Exponential",
    "ExponentialMargin",
    "ExponentialPerClass",
    "Gamma",
    "Huber",
    "LambdaRank",
    "LogisticMargin",
    "MadaMargin",
    "MarginObjective",
    "MultiOutput",
    "Multinomial",
    "ObjectiveError",
    "PairwiseLogistic",
    "PointwiseObjective",
    "Poisson",
    "Quantile",
    "RankingObjective",
    "RelativeError",
    "SigmoidMargin",
    "SmoothMeasure",
    "SoftMargin",
    "SquaredError",
    "Tweedie",
    "check_objective",
    "for_targets",
    "get_objective",
    "objective_names",
]

_NAMED: dict[str, dict[str, Callable[[], Objective]]] = {
    "regression": {
        "squared_error": SquaredError,
        "absolute_error": AbsoluteError,
        "huber": Huber,
        "quantile": Quantile,
        "poisson": Poisson,
        "gamma": Gamma,
        "tweedie": Tweedie,
    },
    "classification": {"log_loss": Binomial, "exponential": Exponential},
    "ranking": {
        "ndcg": LambdaRank,
        "map": partial(LambdaRank, "map"),
        "pairwise": PairwiseLogistic,
        "xe_ndcg": CrossEntropyNDCG,
    },
}

_ELSEWHERE = {
    "binary_crossentropy": "log_loss",
    "binomial": "log_loss",
    "cross_entropy": "log_loss",
    "deviance": "log_loss",
    "logistic": "log_loss",
    "multinomial": "log_loss",
    "softmax": "log_loss",
    "adaboost": "exponential",
    "l1": "absolute_error",
    "l2": "squared_error",
    "lad": "absolute_error",
    "ls": "squared_error",
    "mae": "absolute_error",
    "mse": "squared_error",
    "rmse": "squared_error",
    "pinball": "quantile",
    "lambdamart": "ndcg",
    "lambdarank": "ndcg",
    "rank:map": "map",
    "rank:ndcg": "ndcg",
    "rank:pairwise": "pairwise",
    "rank_xendcg": "xe_ndcg",
    "ranknet": "pairwise",
    "xendcg": "xe_ndcg",
}
"""What other libraries call them: for suggestions, not accepted."""


def objective_names(task: str) -> tuple[str, ...]:
    """Return the names of the losses for a task.

    Parameters
    ----------
    task : {"regression", "classification", "ranking"}
    """
    return tuple(_NAMED[task])


def get_objective(
    objective: str | Objective, task: str, n_classes: int = 2
) -> Objective:
    """Return the objective of a name, or check the one that was given.

    Parameters
    ----------
    objective : str or Objective
        "squared_error", "absolute_error", "huber", "quantile", "poisson", "gamma" or
        "tweedie" in regression, "log_loss" or "exponential" in classification, "ndcg",
        "map", "pairwise" or "xe_ndcg" in ranking; or an objective of your own, an
        instance.
    task : {"regression", "classification", "ranking"}
        What it is for.
    n_classes : int, default=2
        Number of classes; used in classification only.

    Raises
    ------
    ValueError
        If the name is unknown, or the objective is not for that task or so many
        classes.
    TypeError
        If `objective` is neither a name nor an instance with the methods of an
        objective.
    """
    if isinstance(objective, str):
        made = _named(objective, task, n_classes)
    elif isinstance(objective, type) or not isinstance(objective, Objective):
        raise TypeError(
            f"loss is {objective!r}; give one of {list(objective_names(task))}, or an "
            "instance of an objective, such as CustomObjective(loss, gradient)."
        )
    else:
        made = objective
    known_task = getattr(made, "task", task)
    if known_task != task:
        raise ValueError(
            f"{type(made).__name__} is a loss for {known_task}, not for {task}; give "
            f"one of {list(objective_names(task))}."
        )
    if task == "classification" and isinstance(made, PointwiseObjective):
        return made.with_classes(n_classes)
    return made


def _named(name: str, task: str, n_classes: int) -> Objective:
    if name == "log_loss" and task == "classification" and n_classes > 2:
        return Multinomial(n_classes)
    known = _NAMED[task]
    if name in known:
        return known[name]()
    other = next((t for t, names in _NAMED.items() if name in names), None)
    if other is not None:
        raise ValueError(
            f"loss {name!r} is for {other}, not for {task}; give one of {list(known)}."
        )
    candidates = {n: n for n in known} | {
        alias: n for alias, n in _ELSEWHERE.items() if n in known
    }
    close = get_close_matches(name.lower(), candidates, n=1)
    hint = f" (did you mean {candidates[close[0]]!r}?)" if close else ""
    raise ValueError(f"loss {name!r} is unknown{hint}; give one of {list(known)}.")
