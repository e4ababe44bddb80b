"""The beta distribution, of numbers between 0 and 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincc, betaincinv, betaln

from boostlab.distributions.base import Distribution
from boostlab.distributions.dirichlet import (
    LEAST,
    MOST,
    SHARPEST,
    alphas,
    gradient_by_logs,
    information_by_logs,
    natural_by_logs,
)
from boostlab.distributions.moments import weighted_moments
from boostlab.registry import register

Array = NDArray[np.float64]


@register("distribution:beta")
class Beta(Distribution):
    r"""Beta with raw parameters ``log a`` and ``log b``.

    .. math:: -\log p(y) = (1 - a) \log y + (1 - b) \log(1 - y) + \log B(a, b)

    It is the first of two shares of a Dirichlet distribution, whose gradient, Fisher
    information and natural gradient it has; see
    :class:`~boostlab.distributions.Dirichlet`.

    Source: Johnson, Kotz, Balakrishnan (1995), Continuous univariate distributions,
    volume 2, chapter 25.
    """

    name = "beta"
    parameters = ("a", "b")
    links = ("log", "log")
    support = "unit"

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return ``log p(y)``, shape (n,)."""
        a, b = alphas(raw).T
        inside = (y > 0) & (y < 1)
        at = np.where(inside, y, 0.5)
        log = (a - 1.0) * np.log(at) + (b - 1.0) * np.log1p(-at) - betaln(a, b)
        return np.where(inside, log, -np.inf)

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y <= y)``, shape (n,)."""
        return betainc(*alphas(raw).T, np.clip(y, 0.0, 1.0))

    def sf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y > y)``, shape (n,)."""
        return betaincc(*alphas(raw).T, np.clip(y, 0.0, 1.0))

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return the value that is not exceeded with probability `p`, shape (n,)."""
        return betaincinv(*alphas(raw).T, p)

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one draw for each row, strictly between 0 and 1, shape (n,)."""
        draws = rng.beta(*alphas(raw).T)
        return np.clip(draws, np.finfo(np.float64).tiny, 1.0 - 2.0**-53)

    def mean(self, raw: Array) -> Array:
        """Return ``a/(a + b)``, shape (n,)."""
        a, b = alphas(raw).T
        return a / (a + b)

    def variance(self, raw: Array) -> Array:
        """Return ``a b/((a + b)^2 (a + b + 1))``, shape (n,)."""
        a, b = alphas(raw).T
        return (a / (a + b)) * (b / (a + b)) / (a + b + 1.0)

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``a (digamma(a) - digamma(a + b) - log y)``, and for b, (n, 2)."""
        return gradient_by_logs(_logs(y), alphas(raw))

    def fisher(self, raw: Array) -> Array:
        """Return the Fisher information, shape (n, 2, 2)."""
        return information_by_logs(alphas(raw))

    def natural_log_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``fisher^-1 gradient`` in closed form, shape (n, 2)."""
        alpha = alphas(raw)
        return natural_by_logs(gradient_by_logs(_logs(y), alpha), alpha)

    def start(self, y: Array, weight: Array) -> Array:
        """Return log a and log b from the weighted mean and variance, shape (2,)."""
        mean, deviation = weighted_moments(y, weight)
        total = max(mean * (1.0 - mean) / max(deviation**2, 1e-8) - 1.0, LEAST)
        ends = np.array([mean * total, (1.0 - mean) * total])
        return np.log(np.clip(ends, LEAST, MOST))

    def limits(self, start: Array) -> tuple[Array, Array]:
        """Return the least and greatest raw parameters, each of shape (K,).

        As for all families, but no parameter grows beyond 1e11.
        """
        low, high = super().limits(start)
        return low, np.minimum(high, np.maximum(SHARPEST, start))


def _logs(y: Array) -> Array:
    """Return the logarithms of y and 1 - y, shape (n, 2)."""
    return np.stack([np.log(y), np.log1p(-y)], axis=1)
