"""The negative binomial distribution."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincc, betaln, digamma, gammaln

from boostlab.distributions.counts import Counts, counted
from boostlab.distributions.moments import weighted_moments
from boostlab.distributions.negative_binomial_integrals import (
    gap_slopes,
    mean_gap,
    rank_metric,
    size_information,
)
from boostlab.distributions.poisson import LEAST_RATE, poisson_draws
from boostlab.distributions.special import log1p_minus
from boostlab.distributions.supports import LOG_LIMIT, safe_exp
from boostlab.registry import register

Array = NDArray[np.float64]

STEP = 1e-4
"""Step in log n of the differences that stand for derivatives of the cdf."""

HUGE = 1e4
"""Size from which log gamma functions are not subtracted from one another."""

LARGE = 20.0
"""Value of n from which the derivative of its gamma functions is a series."""


@register("distribution:negative_binomial")
class NegativeBinomial(Counts):
    r"""Counts with raw parameters ``log mu`` and ``log n``: variance ``mu + mu^2/n``.

    .. math:: p(y) = \frac{\Gamma(y + n)}{\Gamma(n)\,y!} p^n q^y, \quad
        q = 1 - p = \frac{\mu}{n + \mu}

    SciPy's ``nbinom(n, p)``, by its mean mu, which makes the Fisher information
    diagonal. Log score: gradient ``n (mu - y)/(n + mu)`` and ``-n (digamma(y + n) -
    digamma(n) + log p + (mu - y)/(n + mu))``, Fisher information ``n mu/(n + mu)`` and
    an integral over one variable. CRPS: ``y - 2 E min(X, y) + mu - E|X - X'|/2``, with
    the last term, its derivatives and the metric as integrals of the characteristic
    function; the derivative of the middle term by n is a difference, as the incomplete
    beta function has none in closed form.

    Source: Wei, Held (2014), Calibration tests for count data; Fisher (1941), The
    negative binomial distribution, for the series that is the information of n.
    """

    name = "negative_binomial"
    parameters = ("mu", "n")
    links = ("log", "log")
    scores = ("log", "crps")
    censors = ("log",)

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return ``log P(Y = y)``, shape (n,)."""
        mu, n = _parts(raw)
        inside, at = counted(y)
        log = _log_probability(at, mu, n)
        return np.where(inside, log, -np.inf)

    def ratio(self, count: Array, raw: Array) -> Array:
        """Return ``p(count + 1)/p(count) = q (count + n)/(count + 1)``, shape (n,)."""
        mu, n = _parts(raw)
        return (np.maximum(count, -1.0) + n) / (count + 1.0) / (1.0 + n / mu)

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y <= y)``, shape (n,)."""
        return _cdf(y, *_parts(raw))

    def sf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y > y)``, shape (n,)."""
        return _sf(y, *_parts(raw))

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one count for each row, Poisson with a gamma mean, shape (n,)."""
        mu, n = _parts(raw)
        return poisson_draws(rng.standard_gamma(n) * (mu / n), rng)

    def mean(self, raw: Array) -> Array:
        """Return mu, shape (n,)."""
        return safe_exp(raw[:, 0])

    def variance(self, raw: Array) -> Array:
        """Return ``mu + mu^2/n``, shape (n,)."""
        mu, n = _parts(raw)
        return mu * (1.0 + mu / n)

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of ``-log p(y)``, shape (n, 2)."""
        mu, n = _parts(raw)
        by_mu = (mu - y) / (1.0 + mu / n)
        return np.stack([by_mu, -n * _size_slope(y, mu, n)], axis=1)

    def fisher(self, raw: Array) -> Array:
        """Return the diagonal ``(n mu/(n + mu), n^2 I_nn)``, shape (n, 2)."""
        mu, n = _parts(raw)
        return np.stack([mu / (1.0 + mu / n), size_information(mu, n)], axis=1)

    def crps(self, y: Array, raw: Array) -> Array:
        """Return the CRPS, shape (n,)."""
        mu, n = _parts(raw)
        return y - 2.0 * _mean_of_least(y, mu, n) + mu - mean_gap(mu, n) / 2.0

    def crps_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of the CRPS, shape (n, 2)."""
        mu, n = _parts(raw)
        by_mu, by_n = gap_slopes(mu, n)
        least_by_mu = mu * _biased_below(y + 1.0, mu, n, _cdf(y, mu, n))
        up, down = (_mean_of_least(y, mu, n * np.exp(h)) for h in (STEP, -STEP))
        least_by_n = (up - down) / (2.0 * STEP)
        return np.stack(
            [mu - 2.0 * least_by_mu - by_mu / 2.0, -2.0 * least_by_n - by_n / 2.0],
            axis=1,
        )

    def crps_metric(self, raw: Array) -> Array:
        """Return ``2 sum_k dF_k/draw dF_k/draw^T``, shape (n, 2, 2)."""
        return rank_metric(*_parts(raw))

    def log_cdf_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of ``log F(y)``, shape (n, 2); 0 below 0."""
        return self._tail_slopes(y, raw, self.log_cdf, -1.0)

    def log_sf_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of ``log(1 - F(y))``, shape (n, 2)."""
        return self._tail_slopes(y, raw, self.log_sf, 1.0)

    def _tail_slopes(
        self, y: Array, raw: Array, log_tail: Callable[..., Array], sign: float
    ) -> Array:
        """Return ``dF/dlog mu = -(y + 1) p(y + 1)`` over a tail, and a difference."""
        after = np.floor(y) + 1.0
        inside = after > 0
        slopes = np.zeros((len(y), 2), order="F")
        if not inside.any():
            return slopes
        y, raw, after = y[inside], raw[inside], after[inside]
        log_at = np.log(after) + self.log_density(after, raw)
        slopes[inside, 0] = sign * safe_exp(log_at - log_tail(y, raw))
        up, down = raw.copy(), raw.copy()
        up[:, 1] += STEP
        down[:, 1] -= STEP
        slopes[inside, 1] = (log_tail(y, up) - log_tail(y, down)) / (2.0 * STEP)
        return slopes

    def start(self, y: Array, weight: Array) -> Array:
        """Return log mu and log n from the weighted mean and variance, shape (2,)."""
        mean, deviation = weighted_moments(y, weight)
        mean = max(mean, LEAST_RATE)
        # Variances near or below the mean would ask for an n without end.
        spread = max((deviation / mean) ** 2 - 1.0 / mean, 1e-2)
        return np.array([np.log(mean), -np.log(min(spread, 1e3))])


def _parts(raw: Array) -> tuple[Array, Array]:
    """Return mu and n, within e^+-350, so that their ratio is finite."""
    half = LOG_LIMIT / 2
    clipped = np.clip(raw, -half, half)
    return np.exp(clipped[:, 0]), np.exp(clipped[:, 1])


def _cdf(y: Array, mu: Array, n: Array) -> Array:
    """Return ``P(Y <= y)`` by the smaller of p and q, which has all its digits."""
    return _incomplete(y, mu, n, betainc, betaincc, 0.0)


def _sf(y: Array, mu: Array, n: Array) -> Array:
    return _incomplete(y, mu, n, betaincc, betainc, 1.0)


def _incomplete(
    y: Array,
    mu: Array,
    n: Array,
    of_p: Callable[..., Array],
    of_q: Callable[..., Array],
    below: float,
) -> Array:
    """Return one of the incomplete beta functions, and `below` for y below 0."""
    count = np.floor(y) + 1.0
    inside = count > 0
    count = np.where(inside, np.minimum(count, 1e300), 1.0)
    p, q = 1.0 / (1.0 + mu / n), 1.0 / (1.0 + n / mu)
    rare = q < 0.5
    value = np.empty(len(count))
    value[rare] = of_q(count[rare], n[rare], q[rare])
    value[~rare] = of_p(n[~rare], count[~rare], p[~rare])
    return np.where(inside, value, below)


def _biased_below(y: Array, mu: Array, n: Array, below: Array) -> Array:
    """Return ``P(X < y - 1)`` for X of size n + 1, whose law is ``x p(x)/mu`` moved.

    `below` is ``P(Y < y)``; the two differ by ``p(y - 1)(1 + (y - 1)/n)``.
    """
    at = np.maximum(y - 1.0, 0.0)
    last = np.exp(_log_probability(at, mu, n))
    return np.where(y > 0, below - last * (1.0 + at / n), 0.0)


def _mean_of_least(y: Array, mu: Array, n: Array) -> Array:
    """Return ``E min(Y, y)`` for counts y."""
    beyond = _sf(y - 1.0, mu, n)
    return mu * _biased_below(y, mu, n, 1.0 - beyond) + y * beyond


def _log_probability(count: Array, mu: Array, n: Array) -> Array:
    """Return ``log p(count)``."""
    large = n > HUGE
    small = np.where(large, 1.0, n)
    direct = -count * np.log1p(small / mu) - small * np.log1p(mu / small)
    direct -= betaln(small, count + 1.0) + np.log(small + count)
    if not large.any():
        return direct
    # Stirling's series for n, without which nearly equal numbers are subtracted; what
    # is left is the Poisson distribution and a correction.
    gap = np.where(large, (count - mu) / (n + mu), 0.0)
    gap = np.maximum(gap, -1.0 + 2.0**-53)  # -1 only by rounding
    inner = np.where(np.abs(gap) < 0.1, gap, 0.0)
    rest = np.where(np.abs(gap) < 0.1, log1p_minus(inner), np.log1p(gap) - gap)
    poisson = count * np.log(mu) - mu - gammaln(count + 1.0)
    series = poisson + (count - mu) * gap + (n + count) * rest
    series += -0.5 * np.log1p(count / n) - count / n / (n + count) / 12.0
    return np.where(large, series, direct)


def _size_slope(y: Array, mu: Array, n: Array) -> Array:
    """Return the derivative of ``log p(y)`` by n."""
    large = n > LARGE
    gap = (y - mu) / (n + mu)
    small = np.where(large, 1.0, n)
    direct = digamma(y + small) - digamma(small) - np.log1p(mu / n) - gap
    # digamma(x) = log x - 1/(2 x) - 1/(12 x^2) + 1/(120 x^4) - ..., differences of it.
    inner = np.where(np.abs(gap) < 0.1, gap, 0.0)
    outer = np.log1p(y / n) - np.log1p(mu / n) - gap
    series = np.where(np.abs(gap) < 0.1, log1p_minus(inner), outer)
    first, last = 1.0 / n, 1.0 / (n + y)
    series += y * first * last / 2.0 + (first**2 - last**2) / 12.0
    series -= (first**4 - last**4) / 120.0
    series += (first**6 - last**6) / 252.0
    return np.where(large, series, direct)
