"""The Tweedie distributions between Poisson and gamma."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammainc, gammaincc, gammaincinv, gammaln

from boostlab.checks import check_number
from boostlab.distributions.base import Distribution
from boostlab.distributions.inversion import invert_cdf
from boostlab.distributions.marginal import minimise_score
from boostlab.distributions.moments import weighted_moments
from boostlab.distributions.poisson import LEAST_RATE, poisson_draws
from boostlab.distributions.scores import LogScore
from boostlab.distributions.supports import (
    LEAST_POWER,
    MOST_POWER,
    power_at,
    safe_exp,
)
from boostlab.distributions.tweedie_information import (
    dispersion_information,
    power_information,
)
from boostlab.distributions.tweedie_series import Compound, log_density_and_slopes
from boostlab.registry import register

Array = NDArray[np.float64]

HALF_LIMIT = 300.0
"""Magnitude to which log mu and log phi are clipped, so that products stay finite."""

POWER_REACH = 6.0
"""Logit of a power's place beyond which it is at its limit, to 0.003."""

LOG_UNKNOWN = 8.0
"""Log mean number of terms from which a marginal fit leaves a free power alone."""

MANY = 1e7
"""Mean number of terms from which the cdf is that of a gamma with these moments."""


@register("distribution:tweedie")
class Tweedie(Distribution):
    r"""Sums of gamma variables whose number is Poisson: 0, or a positive number.

    Mean mu, variance ``phi mu^p`` with a power p in (1, 2), by the raw parameters
    ``log mu``, ``log phi``, and, where the power is free, its place between 1.01 and
    1.99 as a logit. With ``theta = mu^{1-p}/(1-p)``:

    .. math:: \log p(y) = \frac{1}{\phi} \Bigl(y \theta - \frac{\mu^{2-p}}{2-p}\Bigr)
        + \log a(y, \phi, p), \quad P(0) = \exp\Bigl(-\frac{\mu^{2-p}}{\phi (2-p)}\Bigr)

    The series of ``a`` is summed around its largest term, and its derivatives with it.
    Log score: the gradient by log mu is ``mu^{2-p}/phi (1 - y/mu)`` and the Fisher
    information ``mu^{2-p}/phi``, orthogonal to the rest, which is interpolated from
    quadratures over the mean number of terms (made once: 0.2 s, 1 s for a free power).

    Source: Jorgensen (1997), The theory of dispersion models, chapter 4; Dunn, Smyth
    (2005), Series evaluation of Tweedie exponential dispersion model densities.

    Parameters
    ----------
    power : float or None, default=1.5
        The power p, from 1.01 to 1.99; None for one that is fitted, too.
    """

    name = "tweedie"
    support = "nonnegative"

    def __init__(self, power: float | None = 1.5):
        self.power = power

    def validate(self) -> None:
        """Raise ValueError or TypeError if the power is out of range."""
        if self.power is not None:
            check_number("power", self.power, at_least=LEAST_POWER, at_most=MOST_POWER)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Mean mu, dispersion phi, and the power if it is free."""
        return ("mu", "phi") if self.power is not None else ("mu", "phi", "power")

    @property
    def links(self) -> tuple[str, ...]:
        """The links of the parameters."""
        return ("log", "log") if self.power is not None else ("log", "log", "power")

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return the log density, and for y = 0 the log probability, shape (n,)."""
        log = log_density_and_slopes(np.maximum(y, 0.0), self._compound(raw))[0]
        return np.where(y < 0, -np.inf, log)

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y <= y)``, shape (n,)."""
        return np.where(y < 0, 0.0, _tail(y, self._compound(raw), gammainc, True))

    def cdf_before(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y < y)``, which is 0 at 0, shape (n,)."""
        return np.where(y > 0, self.cdf(y, raw), 0.0)

    def sf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y > y)``, shape (n,)."""
        return np.where(y < 0, 1.0, _tail(y, self._compound(raw), gammaincc, False))

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return the least value with a cdf of at least `p`, shape (n,)."""
        p = np.broadcast_to(np.asarray(p, dtype=np.float64), (len(raw),))
        zero = np.exp(-safe_exp(self._compound(raw).log_lam))
        out = np.where(p >= 1, np.inf, 0.0)
        rows = np.flatnonzero((p > zero) & (p < 1))
        if len(rows):
            out[rows] = self._positive_quantile(p[rows], raw[rows])
        return out

    def _positive_quantile(self, p: Array, raw: Array) -> Array:
        """Return quantiles by a search over log y, around those of a gamma."""
        at = self._compound(raw)
        shape = safe_exp((2.0 - at.power) * at.log_mu - at.log_phi)
        with np.errstate(all="ignore"):
            guess = at.log_mu + np.log(gammaincinv(shape, p) / shape)
        guess = np.clip(np.nan_to_num(guess, neginf=-690.0), -690.0, 690.0)
        low, high, step = guess - 0.5, guess + 0.5, 1.0
        upper = p > 0.5

        def cdf(log_y: Array, rows: NDArray[np.intp]) -> Array:
            # The upper half by what is left, which has digits where the cdf is 1.
            y, rest = np.exp(log_y), raw[rows]
            above = p[rows] + ((1.0 - p[rows]) - self.sf(y, rest))
            return np.where(upper[rows], above, self.cdf(y, rest))

        def slope(log_y: Array, rows: NDArray[np.intp]) -> Array:
            return np.exp(self.log_density(np.exp(log_y), raw[rows]) + log_y)

        rows = np.arange(len(p))
        for _ in range(12):
            long, short = cdf(low, rows) > p, cdf(high, rows) < p
            if not (long.any() or short.any()):
                break
            low = np.where(long, np.maximum(low - step, -740.0), low)
            high = np.where(short, np.minimum(high + step, 709.0), high)
            step *= 2.0
        return np.exp(invert_cdf(p, cdf, slope, low, high))

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one draw for each row, shape (n,)."""
        at = self._compound(raw)
        number = poisson_draws(safe_exp(at.log_lam), rng)
        return rng.standard_gamma(number * at.alpha) * safe_exp(at.log_tau)

    def mean(self, raw: Array) -> Array:
        """Return mu, shape (n,)."""
        return np.exp(self._compound(raw).log_mu)

    def variance(self, raw: Array) -> Array:
        """Return ``phi mu^p``, shape (n,)."""
        at = self._compound(raw)
        return safe_exp(at.log_phi + at.power * at.log_mu)

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of ``-log p(y)``, shape (n, K)."""
        at = self._compound(raw)
        _, by_phi, by_power = log_density_and_slopes(y, at)
        # y/mu may overflow where both are at the ends of what there is.
        ratio = y * np.exp(-at.log_mu)
        columns = [_information_of_mean(at) * (1.0 - np.minimum(ratio, 1e300)), -by_phi]
        if self.power is None:
            columns.append(-by_power * _power_slope(raw[:, 2]))
        return np.stack(columns, axis=1)

    def fisher(self, raw: Array) -> Array:
        """Return the Fisher information: (n, 2) for a fixed power, else (n, 3, 3)."""
        at = self._compound(raw)
        if self.power is not None:
            of_phi = dispersion_information(at.log_lam, self.power)
            return np.stack([_information_of_mean(at), of_phi], axis=1)
        of_phi, shared, of_power = power_information(at.log_lam, raw[:, 2])
        # A change of unit by mu moves log phi by (p - 2) log mu.
        of_power = of_power + at.log_mu * (2.0 * shared + at.log_mu * of_phi)
        shared = shared + at.log_mu * of_phi
        slope = _power_slope(raw[:, 2])
        metric = np.zeros((len(raw), 3, 3))
        metric[:, 0, 0] = _information_of_mean(at)
        metric[:, 1, 1] = of_phi
        metric[:, 1, 2] = metric[:, 2, 1] = shared * slope
        metric[:, 2, 2] = of_power * slope**2
        return metric

    def start(self, y: Array, weight: Array) -> Array:
        """Return log mu and log phi from the weighted moments, shape (K,)."""
        mean, deviation = weighted_moments(y, weight)
        power = 1.5 if self.power is None else self.power
        if mean > 0:
            deviation = max(deviation, 1e-5 * mean)
        else:
            mean, deviation = LEAST_RATE, 1.0
        log_phi = 2.0 * np.log(deviation) - power * np.log(mean)
        free = [] if self.power is not None else [0.0]
        return np.array([np.log(mean), log_phi, *free])

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the raw parameters of greatest weighted likelihood, shape (K,).

        A free power stays at 1.5 where targets are sums of so many terms, or all 0,
        that it makes no difference to them.
        """
        if self.power is not None:
            return super().marginal(y, weight)
        first = np.append(Tweedie(1.5).marginal(y, weight), 0.0)
        log_lam = self._compound(first[None]).log_lam[0]
        if not y.any() or log_lam > LOG_UNKNOWN:
            return first
        return minimise_score(self, LogScore(), y, weight, first)

    def limits(self, start: Array) -> tuple[Array, Array]:
        """Return the least and greatest raw parameters, each of shape (K,).

        As for all families, but a free power only goes as far as it changes anything.
        """
        low, high = super().limits(start)
        low[2:], high[2:] = -POWER_REACH, POWER_REACH
        return low, high

    def _compound(self, raw: Array) -> Compound:
        """Return the parameters of the rows as those of a compound sum."""
        logs = np.clip(raw[:, :2], -HALF_LIMIT, HALF_LIMIT)
        if self.power is None:
            power = power_at(raw[:, 2])
        else:
            power = np.full(len(raw), float(self.power))
        return Compound(logs[:, 0], logs[:, 1], power)


def _information_of_mean(at: Compound) -> Array:
    """Return ``mu^{2-p}/phi``, the Fisher information of log mu."""
    return safe_exp((2.0 - at.power) * at.log_mu - at.log_phi)


def _power_slope(place: Array) -> Array:
    """Return the derivative of the power by its place."""
    return (MOST_POWER - LEAST_POWER) * expit(place) * expit(-place)


def _tail(y: Array, at: Compound, of_gamma: np.ufunc, zero: bool) -> Array:
    """Return the sum of gamma tails over the number of terms, perhaps with P(0)."""
    lam = safe_exp(at.log_lam)
    out = np.exp(-lam) if zero else np.zeros(len(lam))
    shape = _information_of_mean(at)
    many = lam > MANY
    with np.errstate(all="ignore"):
        ratio = np.minimum(np.maximum(y, 0.0) * np.exp(-at.log_mu), 1e300)
        out = np.where(many, of_gamma(shape, shape * ratio), out)
    few = np.flatnonzero(~many)
    if not len(few):
        return out
    at, lam, y = at.rows(few), lam[few], np.maximum(y[few], 0.0)
    alpha = at.alpha
    # The gamma tails change over sqrt(lam/alpha) terms, the weights over sqrt(lam).
    spread = np.sqrt(np.maximum(lam, 1.0))
    stride = np.maximum(1.0, spread / np.maximum(1.0, np.sqrt(alpha)) / 5.0)
    half = int(np.ceil(np.max(9.0 * spread / stride))) + 15
    middle = np.maximum(np.floor(lam), 1.0)
    j = middle[:, None] + stride[:, None] * np.arange(-half, half + 1)
    weight = np.exp(j * at.log_lam[:, None] - lam[:, None] - _log_factorial(j))
    weight = np.where(j >= 1.0, weight, 0.0) * stride[:, None]
    with np.errstate(over="ignore"):
        x = np.minimum(y * safe_exp(-at.log_tau), 1e300)
    tails = of_gamma(np.maximum(j, 1.0) * alpha[:, None], x[:, None])
    out[few] += np.sum(weight * tails, axis=1)
    return np.minimum(out, 1.0)


def _log_factorial(j: Array) -> Array:
    return gammaln(np.maximum(j, 0.0) + 1.0)
