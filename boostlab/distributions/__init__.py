"""Families of distributions, with all that natural-gradient boosting asks of them.

One file a family; ``README.md`` in this folder says how to write one.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from boostlab.distributions.base import Distribution
from boostlab.distributions.bernoulli import Bernoulli
from boostlab.distributions.beta import Beta
from boostlab.distributions.categorical import Categorical
from boostlab.distributions.cauchy import Cauchy
from boostlab.distributions.class_predictive import ClassPredictive
from boostlab.distributions.dirichlet import Dirichlet
from boostlab.distributions.exponential import Exponential
from boostlab.distributions.gamma import Gamma
from boostlab.distributions.gumbel import Gumbel
from boostlab.distributions.half_normal import HalfNormal
from boostlab.distributions.laplace import Laplace
from boostlab.distributions.log_normal import LogNormal
from boostlab.distributions.logistic import Logistic
from boostlab.distributions.mixture import Mixture
from boostlab.distributions.multivariate_normal import MultivariateNormal
from boostlab.distributions.negative_binomial import NegativeBinomial
from boostlab.distributions.normal import Normal
from boostlab.distributions.poisson import Poisson
from boostlab.distributions.predictive import Predictive, conformity
from boostlab.distributions.scores import CRPS, Brier, LogScore, Score, get_score
from boostlab.distributions.student_t import StudentT
from boostlab.distributions.tweedie import Tweedie
from boostlab.distributions.weibull import Weibull
from boostlab.distributions.zero_inflated_poisson import ZeroInflatedPoisson

__all__ = [
    "CRPS",
    "Bernoulli",
    "Beta",
    "Brier",
    "Categorical",
    "Cauchy",
    "ClassPredictive",
    "Dirichlet",
    "Distribution",
    "Exponential",
    "Gamma",
    "Gumbel",
    "HalfNormal",
    "Laplace",
    "LogNormal",
    "LogScore",
    "Logistic",
    "Mixture",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "Poisson",
    "Predictive",
    "Score",
    "StudentT",
    "Tweedie",
    "Weibull",
    "ZeroInflatedPoisson",
    "conformity",
    "distribution_names",
    "get_distribution",
    "get_score",
]

_FAMILIES: tuple[type[Distribution], ...] = (
    Bernoulli,
    Beta,
    Categorical,
    Cauchy,
    Dirichlet,
    Exponential,
    Gamma,
    Gumbel,
    HalfNormal,
    Laplace,
    LogNormal,
    Logistic,
    Mixture,
    MultivariateNormal,
    NegativeBinomial,
    Normal,
    Poisson,
    StudentT,
    Tweedie,
    Weibull,
    ZeroInflatedPoisson,
)

_NAMED = {family.name: family for family in _FAMILIES}

_CLASSES = ("classes",)
"""Supports that are for classifiers."""


def distribution_names(task: str = "regression") -> tuple[str, ...]:
    """Return the names of the families for a task.

    Parameters
    ----------
    task : {"regression", "classification"}
    """
    classifies = task == "classification"
    return tuple(
        name
        for name, family in _NAMED.items()
        if (family.support in _CLASSES) == classifies
    )


def get_distribution(distribution: Any) -> Distribution:
    """Return the family of a name, or the one that was given.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If `distribution` is neither a name nor an instance of a family.
    """
    if isinstance(distribution, str):
        if distribution in _NAMED:
            return _NAMED[distribution]()
        close = get_close_matches(distribution.lower(), _NAMED, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise ValueError(
            f"distribution {distribution!r} is unknown{hint}; give one of "
            f"{list(_NAMED)}, or an instance of a Distribution."
        )
    if isinstance(distribution, type) or not hasattr(distribution, "log_density"):
        raise TypeError(
            f"distribution is {distribution!r:.200}; give one of {list(_NAMED)}, or an "
            "instance of a Distribution, such as Normal()."
        )
    return distribution
