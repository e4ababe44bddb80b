"""The exponential distribution."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import exprel

from boostlab.distributions.arrays import columns
from boostlab.distributions.base import Distribution
from boostlab.distributions.censoring import is_censored
from boostlab.distributions.fused import FusedScore
from boostlab.distributions.moments import floored, weighted_moments
from boostlab.distributions.positive import over_scale
from boostlab.distributions.supports import safe_exp
from boostlab.registry import register

Array = NDArray[np.float64]


@register("distribution:exponential")
class Exponential(Distribution):
    r"""Exponential with the raw parameter log b, b the mean; ``t = y / b``.

    .. math:: -\log p(y) = \log b + t

    Log score: gradient and natural gradient ``1 - t``, Fisher information 1. CRPS:
    ``b (t + 2 e^-t - 3/2)``, gradient ``b (2 e^-t (1 + t) - 3/2)``, metric ``b/2``.
    Integrals outside of a bound: ``b (t - 2 (1 - e^-t) + (1 - e^-2t)/2)`` of the
    squared cdf below it, ``(b/2) e^-2t`` of the squared survival function above it.

    Source: Jordan, Krueger, Lerch (2019), Evaluating probabilistic forecasts with
    scoringRules, appendix A. (The published NGBoost code scores observed targets with
    the formula of censored ones and the other way round.)
    """

    name = "exponential"
    parameters = ("scale",)
    links = ("log",)
    support = "nonnegative"
    scores = ("log", "crps")
    censors = ("log", "crps")
    fused: ClassVar = {
        "log": FusedScore.EXPONENTIAL_LOG,
        "crps": FusedScore.EXPONENTIAL_CRPS,
    }

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return ``log p(y)``, shape (n,)."""
        t, _ = over_scale(y, raw[:, 0])
        return np.where(y < 0, -np.inf, -t - raw[:, 0])

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return ``1 - e^-t``, shape (n,)."""
        return -np.expm1(-over_scale(y, raw[:, 0])[0])

    def sf(self, y: Array, raw: Array) -> Array:
        """Return ``e^-t``, shape (n,)."""
        return np.exp(-over_scale(y, raw[:, 0])[0])

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return ``-b log(1 - p)``, shape (n,)."""
        with np.errstate(divide="ignore"):
            return -safe_exp(raw[:, 0]) * np.log1p(-np.asarray(p))

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one draw for each row, shape (n,)."""
        return safe_exp(raw[:, 0]) * rng.standard_exponential(len(raw))

    def mean(self, raw: Array) -> Array:
        """Return b, shape (n,)."""
        return safe_exp(raw[:, 0])

    def variance(self, raw: Array) -> Array:
        """Return ``b^2``, shape (n,)."""
        return safe_exp(2.0 * raw[:, 0])

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``1 - t``, shape (n, 1)."""
        return columns(1.0 - over_scale(y, raw[:, 0])[0])

    def fisher(self, raw: Array) -> Array:
        """Return 1, shape (n, 1)."""
        return np.ones((len(raw), 1))

    def natural_log_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``1 - t``, shape (n, 1)."""
        return self.log_score_gradient(y, raw)

    def crps(self, y: Array, raw: Array) -> Array:
        """Return the CRPS, shape (n,)."""
        t, scale = over_scale(y, raw[:, 0])
        return scale * (t + 2.0 * np.exp(-t) - 1.5) + np.maximum(-y, 0.0)

    def crps_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``b (2 e^-t (1 + t) - 3/2)``, shape (n, 1)."""
        t, scale = over_scale(y, raw[:, 0])
        return columns(scale * (2.0 * np.exp(-t) * (1.0 + t) - 1.5))

    def crps_metric(self, raw: Array) -> Array:
        """Return ``b/2``, shape (n, 1)."""
        return columns(0.5 * safe_exp(raw[:, 0]))

    def log_cdf(self, y: Array, raw: Array) -> Array:
        """Return ``log(1 - e^-t)``, shape (n,)."""
        with np.errstate(divide="ignore"):
            return np.log(self.cdf(y, raw))

    def log_sf(self, y: Array, raw: Array) -> Array:
        """Return ``-t``, shape (n,)."""
        return -over_scale(y, raw[:, 0])[0]

    def log_cdf_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``-t / (e^t - 1)``, shape (n, 1)."""
        return columns(-1.0 / exprel(over_scale(y, raw[:, 0])[0]))

    def log_sf_gradient(self, y: Array, raw: Array) -> Array:
        """Return t, shape (n, 1)."""
        return columns(over_scale(y, raw[:, 0])[0])

    def crps_below(self, bound: Array, raw: Array) -> Array:
        """Return the integral of the squared cdf up to `bound`, shape (n,)."""
        t, scale = over_scale(bound, raw[:, 0])
        return scale * (t + 2.0 * np.expm1(-t) - 0.5 * np.expm1(-2.0 * t))

    def crps_above(self, bound: Array, raw: Array) -> Array:
        """Return the integral of the squared survival function from `bound` on."""
        t, scale = over_scale(bound, raw[:, 0])
        return scale * 0.5 * np.exp(-2.0 * t) + np.maximum(-bound, 0.0)

    def crps_below_gradient(self, bound: Array, raw: Array) -> Array:
        """Return the derivative of :meth:`crps_below`, shape (n, 1)."""
        t, scale = over_scale(bound, raw[:, 0])
        inside = 2.0 * np.expm1(-t) - 0.5 * np.expm1(-2.0 * t)
        return columns(scale * (inside + t * np.exp(-t) * (2.0 - np.exp(-t))))

    def crps_above_gradient(self, bound: Array, raw: Array) -> Array:
        """Return ``b e^-2t (1/2 + t)``, shape (n, 1)."""
        t, scale = over_scale(bound, raw[:, 0])
        return columns(scale * np.exp(-2.0 * t) * (0.5 + t))

    def start(self, y: Array, weight: Array) -> Array:
        """Return the log of the weighted mean, shape (1,)."""
        return np.log([floored(weighted_moments(y, weight)[0], y)])

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the raw parameter of greatest weighted likelihood, shape (1,)."""
        if is_censored(self, y):
            return super().marginal(y, weight)
        return self.start(y, weight)
