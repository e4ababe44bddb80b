"""What the battery of ``tests/distributions`` needs to know of each family.

A new family adds one :class:`Case` to ``CASES``, and all checks that its class
attributes promise (scores, censoring) are run on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from boostlab.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Cauchy,
    Dirichlet,
    Distribution,
    Exponential,
    Gamma,
    Gumbel,
    HalfNormal,
    Laplace,
    Logistic,
    LogNormal,
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

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A family and its oracles.

    Parameters
    ----------
    distribution : Distribution
        The family.
    raw : callable ``(rng, n) -> (n, K)``
        Ordinary raw parameters, all different.
    scipy : callable ``(**natural parameters) -> frozen``, optional
        SciPy's distribution with these parameters (arrays of shape (n,)).
    crps : callable ``(y, **natural parameters) -> (n,)``, optional
        The CRPS by the package scoringrules.
    closed_mean : bool, default=True
        Whether mean and variance exist and SciPy has them.
    metric_rtol : float, default=1e-4
        Allowed relative error of the quadrature of the metric.
    stationary_atol : float, default=2e-5
        Allowed slope of the likelihood, in the metric, at the marginal fit; large only
        for densities with a kink.
    nodes : int, default=6000
        Nodes of that quadrature; fewer where the quantiles take long.
    complete_data : bool, default=False
        Whether the metric is the information of more than the targets, which is larger.
    """

    distribution: Distribution
    raw: Callable[[np.random.Generator, int], Array]
    scipy: Callable[..., Any] | None = None
    crps: Callable[..., Array] | None = None
    closed_mean: bool = True
    metric_rtol: float = 1e-4
    stationary_atol: float = 2e-5
    nodes: int = 6000
    complete_data: bool = False


def location_and_log_scale(rng: np.random.Generator, n: int) -> Array:
    """Return raw parameters of a family with a location and a scale."""
    return np.column_stack([rng.normal(size=n), rng.normal(scale=0.5, size=n)])


def log_scale(rng: np.random.Generator, n: int) -> Array:
    """Return raw parameters of a family with only a scale."""
    return rng.normal(size=(n, 1))


def by_scoringrules(name: str, *names: str, **settings: float) -> Callable[..., Array]:
    """Return the CRPS of the package scoringrules, as `Case` wants it.

    Parameters
    ----------
    name : str
        What follows "crps_" in the package.
    *names : str
        Natural parameters, in the order of its arguments.
    **settings : float
        Further arguments.
    """

    def crps(y: Array, **natural: Array) -> Array:
        # Imported where needed: it takes seconds, as it brings a compiler along.
        import scoringrules

        function = getattr(scoringrules, "crps_" + name)
        arguments = [natural[key] for key in names]
        return function(y, *arguments, **settings, backend="numpy")

    return crps


def _negative_binomial_crps(y: Array, mu: Array, n: Array) -> Array:
    import scoringrules

    return scoringrules.crps_negbinom(y, n, n / (n + mu), backend="numpy")


class _ScipyCategorical:
    """SciPy's discrete distribution of each row, which takes one row at a time."""

    def __init__(self, **probabilities: Array) -> None:
        rows = np.column_stack(list(probabilities.values()))
        self._rows = [
            scipy.stats.rv_discrete(values=(np.arange(len(p)), p)) for p in rows
        ]

    def __getattr__(self, name: str) -> Callable[..., Array]:
        def method(*y: Array) -> Array:
            columns = zip(*y, strict=True) if y else ((),) * len(self._rows)
            pairs = zip(self._rows, columns, strict=True)
            return np.array([getattr(row, name)(*at) for row, at in pairs])

        return method


class _ScipyDirichlet:
    """SciPy's distribution of each row; cdf and sf are those of each share."""

    def __init__(self, **alpha: Array) -> None:
        self._alpha = np.column_stack(list(alpha.values()))
        rest = self._alpha.sum(axis=1, keepdims=True) - self._alpha
        self._shares = scipy.stats.beta(self._alpha, rest)
        self.cdf, self.sf = self._shares.cdf, self._shares.sf
        self.mean, self.var = self._shares.mean, self._shares.var

    def logpdf(self, y: Array) -> Array:
        pairs = zip(y, self._alpha, strict=True)
        return np.array([scipy.stats.dirichlet.logpdf(*pair) for pair in pairs])


class _ScipyMultivariateNormal:
    """SciPy's distribution of each row; cdf and sf are those of each output."""

    def __init__(self, mean: Array, cov: Array) -> None:
        self._rows = list(zip(mean, cov, strict=True))
        deviation = np.sqrt(np.einsum("nii->ni", cov))
        outputs = scipy.stats.norm(mean, deviation)
        self.cdf, self.sf = outputs.cdf, outputs.sf
        self.mean, self.var = outputs.mean, outputs.var

    def logpdf(self, y: Array) -> Array:
        pairs = zip(y, self._rows, strict=True)
        normal = scipy.stats.multivariate_normal
        return np.array([normal.logpdf(at, *row) for at, row in pairs])


def _tweedie_parameters(rng: np.random.Generator, n: int) -> Array:
    # A few percent of zeros.
    return rng.normal([0.0, -0.5], [0.4, 0.2], size=(n, 2))


CASES = [
    Case(
        Beta(),
        lambda rng, n: rng.normal(0.7, 0.5, size=(n, 2)),
        scipy=scipy.stats.beta,
    ),
    Case(
        Dirichlet(3),
        lambda rng, n: rng.normal(0.7, 0.5, size=(n, 3)),
        scipy=_ScipyDirichlet,
    ),
    Case(
        Mixture(),
        lambda rng, n: rng.normal([0, -2, -0.3, 2, 0], 0.2, size=(n, 5)),
        complete_data=True,
    ),
    Case(
        Mixture(Poisson(), 2),
        lambda rng, n: rng.normal([0, 0, 3], 0.2, size=(n, 3)),
        complete_data=True,
    ),
    Case(
        MultivariateNormal(3),
        lambda rng, n: rng.normal(scale=0.6, size=(n, 9)),
        scipy=_ScipyMultivariateNormal,
    ),
    Case(Cauchy(), location_and_log_scale, scipy=scipy.stats.cauchy, closed_mean=False),
    Case(
        Gamma(),
        lambda rng, n: location_and_log_scale(rng, n)[:, ::-1] + [0.5, 0.0],
        scipy=scipy.stats.gamma,
        crps=lambda y, a, scale: by_scoringrules("gamma", "shape", "rate")(
            y, shape=a, rate=1 / scale
        ),
    ),
    Case(
        Gumbel(),
        location_and_log_scale,
        scipy=scipy.stats.gumbel_r,
        crps=lambda y, loc, scale: by_scoringrules("gev", "shape", "loc", "scale")(
            y, shape=np.zeros_like(loc), loc=loc, scale=scale
        ),
    ),
    Case(
        Exponential(),
        log_scale,
        scipy=scipy.stats.expon,
        crps=lambda y, scale: by_scoringrules("exponential", "rate")(y, rate=1 / scale),
    ),
    Case(
        HalfNormal(),
        log_scale,
        scipy=scipy.stats.halfnorm,
        crps=lambda y, scale: by_scoringrules("tnormal", "loc", "scale", lower=0.0)(
            y, loc=np.zeros_like(scale), scale=scale
        ),
    ),
    Case(
        Laplace(),
        location_and_log_scale,
        scipy=scipy.stats.laplace,
        crps=by_scoringrules("laplace", "loc", "scale"),
        stationary_atol=6e-3,
    ),
    Case(
        Logistic(),
        location_and_log_scale,
        scipy=scipy.stats.logistic,
        crps=by_scoringrules("logistic", "loc", "scale"),
    ),
    Case(
        Bernoulli(),
        lambda rng, n: rng.normal(size=(n, 1)),
        scipy=scipy.stats.bernoulli,
    ),
    Case(
        Categorical(4),
        lambda rng, n: rng.normal(size=(n, 3)),
        scipy=_ScipyCategorical,
    ),
    Case(
        NegativeBinomial(),
        lambda rng, n: rng.normal(1.0, 0.7, size=(n, 2)),
        scipy=lambda mu, n: scipy.stats.nbinom(n, n / (n + mu)),
        crps=_negative_binomial_crps,
    ),
    Case(
        LogNormal(),
        location_and_log_scale,
        scipy=scipy.stats.lognorm,
        crps=lambda y, scale, s: by_scoringrules("lognormal", "mu", "s")(
            y, mu=np.log(scale), s=s
        ),
    ),
    Case(
        Normal(),
        location_and_log_scale,
        scipy=scipy.stats.norm,
        crps=by_scoringrules("normal", "loc", "scale"),
    ),
    Case(
        Poisson(),
        lambda rng, n: rng.normal(1.0, size=(n, 1)),
        scipy=scipy.stats.poisson,
        crps=by_scoringrules("poisson", "mu"),
    ),
    Case(
        StudentT(),
        lambda rng, n: np.column_stack(
            [location_and_log_scale(rng, n), rng.normal(1.7, 0.3, size=n)]
        ),
        scipy=scipy.stats.t,
    ),
    Case(
        StudentT(df=4.5),
        location_and_log_scale,
        scipy=lambda loc, scale: scipy.stats.t(4.5, loc, scale),
        crps=lambda y, loc, scale: by_scoringrules("t", "df", "loc", "scale")(
            y, df=np.full_like(loc, 4.5), loc=loc, scale=scale
        ),
    ),
    Case(
        Weibull(),
        lambda rng, n: location_and_log_scale(rng, n)[:, ::-1] + [0.5, 0.0],
        scipy=scipy.stats.weibull_min,
    ),
    Case(
        Tweedie(),
        _tweedie_parameters,
        metric_rtol=1e-3,
        nodes=600,
    ),
    Case(
        Tweedie(power=None),
        lambda rng, n: np.column_stack(
            [_tweedie_parameters(rng, n), rng.normal(scale=0.5, size=n)]
        ),
        metric_rtol=1e-2,
        nodes=600,
    ),
    Case(
        ZeroInflatedPoisson(),
        lambda rng, n: np.column_stack([rng.normal(size=n), rng.normal(1.0, size=n)]),
    ),
]
