"""The Poisson distribution."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc, gammaln, i0e, i1e

from boostlab.distributions.censoring import is_censored
from boostlab.distributions.counts import Counts, counted
from boostlab.distributions.fused import FusedScore
from boostlab.distributions.moments import weighted_moments
from boostlab.distributions.supports import LOG_LIMIT, safe_exp
from boostlab.registry import register

Array = NDArray[np.float64]

LEAST_RATE = 1e-7
"""Least mean of a marginal fit, for targets that are all 0."""

MOST_DRAWN = 9e18
"""About the largest mean that NumPy's generator takes."""


@register("distribution:poisson")
class Poisson(Counts):
    r"""Counts with raw parameter ``log mu``.

    .. math:: -\log p(y) = \mu - y \log \mu + \log y!

    Log score: gradient ``mu - y``, Fisher information mu, natural gradient
    ``1 - y/mu``.
    CRPS, with the cdf F, the probability p and modified Bessel functions:
    ``(y - mu) (2 F(y) - 1) + 2 mu p(y) - mu e^{-2 mu} (I0(2 mu) + I1(2 mu))``,
    gradient ``mu (1 - 2 F(y - 1) - e^{-2 mu} I0(2 mu))``, metric
    ``2 mu^2 e^{-2 mu} I0(2 mu)``.

    Source: Wei, Held (2014), Calibration tests for count data, equation 11, for the
    CRPS, as in scoringRules; its derivatives are our own.
    """

    name = "poisson"
    parameters = ("mu",)
    links = ("log",)
    scores = ("log", "crps")
    censors = ("log",)
    fused: ClassVar = {"log": FusedScore.POISSON_LOG}

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return ``log P(Y = y)``, shape (n,)."""
        log_mu = np.clip(raw[:, 0], -LOG_LIMIT, LOG_LIMIT)
        inside, at = counted(y)
        log = at * log_mu - np.exp(log_mu) - gammaln(at + 1.0)
        return np.where(inside, log, -np.inf)

    def ratio(self, count: Array, raw: Array) -> Array:
        """Return ``p(count + 1)/p(count) = mu/(count + 1)``, shape (n,)."""
        return safe_exp(raw[:, 0]) / np.maximum(count + 1.0, 0.0)

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y <= y)``, shape (n,)."""
        return gammaincc(np.maximum(np.floor(y) + 1.0, 0.0), safe_exp(raw[:, 0]))

    def sf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y > y)``, shape (n,)."""
        return gammainc(np.maximum(np.floor(y) + 1.0, 0.0), safe_exp(raw[:, 0]))

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one count for each row, shape (n,)."""
        return poisson_draws(safe_exp(raw[:, 0]), rng)

    def mean(self, raw: Array) -> Array:
        """Return mu, shape (n,)."""
        return safe_exp(raw[:, 0])

    def variance(self, raw: Array) -> Array:
        """Return mu, shape (n,)."""
        return safe_exp(raw[:, 0])

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``mu - y``, shape (n, 1)."""
        return (safe_exp(raw[:, 0]) - y)[:, None]

    def fisher(self, raw: Array) -> Array:
        """Return mu, shape (n, 1)."""
        return safe_exp(raw)

    def natural_log_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``1 - y/mu``, shape (n, 1)."""
        return (1.0 - y * safe_exp(-raw[:, 0]))[:, None]

    def crps(self, y: Array, raw: Array) -> Array:
        """Return the CRPS, shape (n,)."""
        mu = safe_exp(raw[:, 0])
        at_y = mu * np.exp(self.log_density(y, raw))
        side = self.cdf(y, raw) - self.sf(y, raw)
        return (y - mu) * side + 2.0 * at_y - mean_gap(mu) / 2.0

    def crps_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``mu (1 - 2 F(y - 1) - e^{-2 mu} I0(2 mu))``, shape (n, 1)."""
        mu = safe_exp(raw[:, 0])
        side = self.sf(y - 1.0, raw) - self.cdf(y - 1.0, raw)
        return (mu * (side - i0e(2.0 * mu)))[:, None]

    def crps_metric(self, raw: Array) -> Array:
        """Return ``2 mu^2 e^{-2 mu} I0(2 mu)``, shape (n, 1)."""
        mu = safe_exp(raw)
        return 2.0 * mu * (mu * i0e(2.0 * mu))

    def log_cdf_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``-mu p(y)/F(y)``, shape (n, 1)."""
        return -self._hazard(y, raw, self.log_cdf(y, raw))

    def log_sf_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``mu p(y)/(1 - F(y))``, shape (n, 1)."""
        return self._hazard(y, raw, self.log_sf(y, raw))

    def _hazard(self, y: Array, raw: Array, log_tail: Array) -> Array:
        """Return ``mu p(y)`` over a tail of that logarithm, 0 below 0, (n, 1)."""
        count = np.floor(y)
        log_at = self.log_density(count, raw) + raw[:, 0]
        log_tail = np.where(count < 0, 0.0, log_tail)
        return safe_exp(np.where(count < 0, -np.inf, log_at - log_tail))[:, None]

    def start(self, y: Array, weight: Array) -> Array:
        """Return the log of the weighted mean, shape (1,)."""
        return np.array([np.log(max(weighted_moments(y, weight)[0], LEAST_RATE))])

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the raw parameter of greatest weighted likelihood, shape (1,)."""
        if is_censored(self, y):
            return super().marginal(y, weight)
        return self.start(y, weight)


def mean_gap(mu: Array) -> Array:
    """Return the mean of ``|X - Y|`` for two Poisson counts of mean mu.

    ``2 mu e^{-2 mu} (I0(2 mu) + I1(2 mu))``; its derivative is twice
    ``e^{-2 mu} I0(2 mu)``.
    """
    return 2.0 * mu * (i0e(2.0 * mu) + i1e(2.0 * mu))


def poisson_draws(mu: Array, rng: np.random.Generator) -> Array:
    """Return one Poisson count for each mean; normal ones where means are huge."""
    huge = mu > MOST_DRAWN
    draws = rng.poisson(np.where(huge, 1.0, mu)).astype(np.float64)
    if huge.any():
        # One part in a billion: no float64 tells these from counts.
        draws[huge] = mu[huge] + np.sqrt(mu[huge]) * rng.standard_normal(huge.sum())
    return draws
