"""The Poisson distribution with additional zeros."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaincc, i0e, log_expit

from boostlab.distributions.censoring import is_censored
from boostlab.distributions.counts import Counts, counted
from boostlab.distributions.moments import weighted_moments
from boostlab.distributions.poisson import LEAST_RATE, Poisson, mean_gap
from boostlab.distributions.supports import safe_exp
from boostlab.registry import register

Array = NDArray[np.float64]

_POISSON = Poisson()


@register("distribution:zero_inflated_poisson")
class ZeroInflatedPoisson(Counts):
    r"""Counts that are 0 with probability pi, else Poisson; raw logit pi and log mu.

    .. math:: P(0) = \pi + (1 - \pi) e^{-\mu}, \quad
        P(y) = (1 - \pi) e^{-\mu} \mu^y / y!

    With ``P0 = P(0)``, log score: gradient ``-pi (1 - pi)(1 - e^{-mu})/P0`` and
    ``(1 - pi) mu e^{-mu}/P0`` for y = 0, else ``pi`` and ``mu - y``; the Fisher
    information is the mean of their products. CRPS: with the Poisson cdf G and
    ``A = sum_k (1 - G_k)^2 = mu - mu e^{-2 mu}(I0(2 mu) + I1(2 mu))`` it is ``y - 2
    (1 - pi) E min(X, y) + (1 - pi)^2 A``, X being Poisson.

    Source: Lambert (1992), Zero-inflated Poisson regression, section 2; the derivatives
    of the CRPS are our own.
    """

    name = "zero_inflated_poisson"
    parameters = ("pi", "mu")
    links = ("logit", "log")
    scores = ("log", "crps")
    censors = ("log",)

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return ``log P(Y = y)``, shape (n,)."""
        log_pi, log_rest, mu = log_expit(raw[:, 0]), log_expit(-raw[:, 0]), _rate(raw)
        zero = np.logaddexp(log_pi, log_rest - mu)
        return np.where(y == 0, zero, log_rest + _POISSON.log_density(y, raw[:, 1:]))

    def ratio(self, count: Array, raw: Array) -> Array:
        """Return ``p(count + 1)/p(count)``, shape (n,)."""
        ratio = _POISSON.ratio(count, raw[:, 1:])
        share = _poisson_share_of_zero(raw)
        return np.where(count == 0, ratio * share, ratio)

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y <= y)``, shape (n,)."""
        pi, rest = expit(raw[:, 0]), expit(-raw[:, 0])
        return np.where(y < 0, 0.0, pi + rest * _POISSON.cdf(y, raw[:, 1:]))

    def sf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y > y)``, shape (n,)."""
        some = expit(-raw[:, 0]) * _POISSON.sf(y, raw[:, 1:])
        return np.where(y < 0, 1.0, some)

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one count for each row, shape (n,)."""
        none = rng.random(len(raw)) < expit(raw[:, 0])
        return np.where(none, 0.0, _POISSON.sample(raw[:, 1:], rng))

    def mean(self, raw: Array) -> Array:
        """Return ``(1 - pi) mu``, shape (n,)."""
        return expit(-raw[:, 0]) * _rate(raw)

    def variance(self, raw: Array) -> Array:
        """Return ``(1 - pi) mu (1 + pi mu)``, shape (n,)."""
        return self.mean(raw) * (1.0 + expit(raw[:, 0]) * _rate(raw))

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of ``-log p(y)``, shape (n, 2)."""
        by_pi, by_mu = _slopes_at_zero(raw)
        zero = y == 0
        return np.stack(
            [
                np.where(zero, by_pi, expit(raw[:, 0])),
                np.where(zero, by_mu, _rate(raw) - y),
            ],
            axis=1,
        )

    def fisher(self, raw: Array) -> Array:
        """Return the Fisher information, shape (n, 2, 2)."""
        pi, rest, mu = expit(raw[:, 0]), expit(-raw[:, 0]), _rate(raw)
        by_pi, by_mu = _slopes_at_zero(raw)
        zero = np.exp(self.log_density(np.zeros(len(raw)), raw))
        positive = rest * -np.expm1(-mu)
        at_least = rest * mu * np.exp(-mu)
        metric = np.empty((len(raw), 2, 2))
        metric[:, 0, 0] = zero * by_pi**2 + positive * pi**2
        metric[:, 0, 1] = zero * by_pi * by_mu - at_least * pi
        metric[:, 1, 0] = metric[:, 0, 1]
        metric[:, 1, 1] = zero * by_mu**2 + rest * mu * _spread_above_zero(mu)
        return metric

    def crps(self, y: Array, raw: Array) -> Array:
        """Return the CRPS, shape (n,)."""
        rest = expit(-raw[:, 0])
        least, square = _mean_of_least(y, raw), _rate(raw) - mean_gap(_rate(raw)) / 2.0
        return y - 2.0 * rest * least + rest**2 * square

    def crps_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of the CRPS, shape (n, 2)."""
        pi, rest, mu = expit(raw[:, 0]), expit(-raw[:, 0]), _rate(raw)
        least, square = _mean_of_least(y, raw), mu - mean_gap(mu) / 2.0
        below = _POISSON.cdf(y - 1.0, raw[:, 1:])
        by_pi = 2.0 * pi * rest * (least - rest * square)
        by_mu = rest * mu * (rest * _square_slope(mu) - 2.0 * below)
        return np.stack([by_pi, by_mu], axis=1)

    def crps_metric(self, raw: Array) -> Array:
        """Return ``2 sum_k dF_k/draw dF_k/draw^T``, shape (n, 2, 2)."""
        pi, rest, mu = expit(raw[:, 0]), expit(-raw[:, 0]), _rate(raw)
        metric = np.empty((len(raw), 2, 2))
        metric[:, 0, 0] = 2.0 * (pi * rest) ** 2 * (mu - mean_gap(mu) / 2.0)
        metric[:, 0, 1] = -pi * rest * rest * mu * _square_slope(mu)
        metric[:, 1, 0] = metric[:, 0, 1]
        metric[:, 1, 1] = rest**2 * _POISSON.crps_metric(raw[:, 1:])[:, 0]
        return metric

    def log_cdf_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of ``log F(y)``, shape (n, 2); 0 below 0."""
        count, log = np.floor(y), self.log_cdf(y, raw)
        inside = count >= 0
        log = np.where(inside, log, 0.0)
        log_above = _POISSON.log_sf(count, raw[:, 1:])
        both = log_expit(raw[:, 0]) + log_expit(-raw[:, 0])
        at = _log_rate_times_probability(count, raw)
        by_pi = np.where(inside, safe_exp(both + log_above - log), 0.0)
        by_mu = np.where(inside, -safe_exp(at - log), 0.0)
        return np.stack([by_pi, by_mu], axis=1)

    def log_sf_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of ``log(1 - F(y))``, shape (n, 2); 0 below 0."""
        inside = np.floor(y) >= 0
        by_pi = np.where(inside, -expit(raw[:, 0]), 0.0)
        return np.stack([by_pi, _POISSON.log_sf_gradient(y, raw[:, 1:])[:, 0]], axis=1)

    def start(self, y: Array, weight: Array) -> Array:
        """Return the raw parameters from the weighted mean and variance, (2,)."""
        mean, deviation = weighted_moments(y, weight)
        mean = max(mean, LEAST_RATE)
        # Variance over mean is 1 + pi mu; and the mean (1 - pi) mu.
        excess = min(max(deviation**2 / mean - 1.0, 0.0), 1e3 * mean)
        pi = min(max(excess / (mean + excess), 0.01), 0.99)
        return np.array([np.log(pi / (1.0 - pi)), np.log(mean / (1.0 - pi))])

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the raw parameters of greatest weighted likelihood, shape (2,)."""
        if not is_censored(self, y) and not y.any():
            # Zeros alone do not tell additional ones from those of a small mean.
            return self.start(y, weight)
        return super().marginal(y, weight)


def _rate(raw: Array) -> Array:
    return safe_exp(raw[:, 1])


def _poisson_share_of_zero(raw: Array) -> Array:
    """Return ``(1 - pi) e^{-mu}/P(0)``, shape (n,)."""
    return expit(-raw[:, 0] - _rate(raw))


def _slopes_at_zero(raw: Array) -> tuple[Array, Array]:
    """Return the derivatives of ``-log P(0)``."""
    share, mu = _poisson_share_of_zero(raw), _rate(raw)
    # pi/P(0) is 1 - share.
    by_pi = expit(raw[:, 0] + mu) * expit(-raw[:, 0]) * np.expm1(-mu)
    return by_pi, mu * share


def _spread_above_zero(mu: Array) -> Array:
    """Return ``1 - mu e^{-mu}``: the part of the variance that is not at 0, over mu."""
    return 1.0 - mu * np.exp(-mu)


def _square_slope(mu: Array) -> Array:
    """Return the derivative of ``sum_k (1 - G_k)^2`` by mu."""
    return 1.0 - i0e(2.0 * mu)


def _mean_of_least(y: Array, raw: Array) -> Array:
    """Return ``E min(X, y)`` of a Poisson X, for counts y."""
    mu = _rate(raw)
    biased = gammaincc(np.maximum(np.floor(y) - 1.0, 0.0), mu)
    return mu * biased + y * _POISSON.sf(y - 1.0, raw[:, 1:])


def _log_rate_times_probability(count: Array, raw: Array) -> Array:
    """Return ``log((1 - pi) mu p(count))`` of the Poisson part."""
    inside, at = counted(count)
    log = log_expit(-raw[:, 0]) + raw[:, 1] + _POISSON.log_density(at, raw[:, 1:])
    return np.where(inside, log, -np.inf)
