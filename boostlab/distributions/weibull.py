"""The Weibull distribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import exprel, gammaln, polygamma, psi

from boostlab.distributions.arrays import columns, symmetric
from boostlab.distributions.base import Distribution
from boostlab.distributions.censoring import is_censored
from boostlab.distributions.fused import FusedScore
from boostlab.distributions.incomplete import (
    bounded_shape,
    log_gamma_cdf,
    log_gamma_sf,
    shape_step,
    slope_by_log,
)
from boostlab.distributions.moments import SMALLEST
from boostlab.distributions.positive import log_moments, log_targets
from boostlab.distributions.supports import safe_exp
from boostlab.registry import register

Array = NDArray[np.float64]
_Share = Callable[[Array, Array], Array]

_GAMMA = np.euler_gamma
_REST = 1.0 - _GAMMA
_SIXTH = np.pi**2 / 6.0
_LOG_2 = np.log(2.0)
_FARTHEST = 690.0
"""Magnitude to which the log of t is clipped, so that ``t log t`` is finite."""

_STEEPEST = 300.0
"""Most that ``k log(y/lam)`` may be, so that ``k w e^w`` is finite."""

_CEILING = 500.0
"""Greatest logarithm of a moment, so that products with it are finite."""


@register("distribution:weibull")
class Weibull(Distribution):
    r"""Weibull with raw parameters log k and log lam; ``t = (y/lam)^k = e^w``.

    .. math:: -\log p(y) = \log y - \log k - w + t

    Log score, with Euler's constant g: gradient ``(w (t - 1) - 1, -k (t - 1))``, Fisher
    information ``[[pi^2/6 + (1-g)^2, -k (1-g)], [., k^2]]``; its determinant is
    ``k^2 pi^2/6``, which gives the natural gradient. CRPS, with ``a = 1 + 1/k``, the
    mean m and the regularised lower incomplete gamma function P:
    ``y (2F(y) - 1) - 2m P(a, t) + m 2^(-1/k)``.

    The CRPS is the integral, by parts; its derivative by k has the derivative of P by
    its shape in it, which is a difference of sixth order.

    Source: Johnson, Kotz, Balakrishnan (1994), Continuous univariate distributions 1,
    chapter 21.
    """

    name = "weibull"
    parameters = ("c", "scale")
    links = ("log", "log")
    support = "positive"
    scores = ("log", "crps")
    censors = ("log", "crps")
    fused: ClassVar = {"log": FusedScore.WEIBULL_LOG}

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return ``log p(y)``, shape (n,)."""
        w, t, _ = _powers(y, raw)
        return np.where(y > 0, raw[:, 0] + w - t - log_targets(y), -np.inf)

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return ``1 - e^-t``, shape (n,)."""
        return np.where(y > 0, -np.expm1(-_powers(y, raw)[1]), 0.0)

    def sf(self, y: Array, raw: Array) -> Array:
        """Return ``e^-t``, shape (n,)."""
        return np.where(y > 0, np.exp(-_powers(y, raw)[1]), 1.0)

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return ``lam (-log(1 - p))^(1/k)``, shape (n,)."""
        with np.errstate(divide="ignore"):
            w = np.log(-np.log1p(-np.asarray(p)))
        return np.exp(np.minimum(raw[:, 1] + w * bounded_shape(-raw[:, 0]), 709.0))

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one draw for each row, shape (n,)."""
        w = np.log(rng.standard_exponential(len(raw)))
        return safe_exp(raw[:, 1] + w * bounded_shape(-raw[:, 0]))

    def mean(self, raw: Array) -> Array:
        """Return ``lam gamma(1 + 1/k)``, shape (n,)."""
        return safe_exp(raw[:, 1] + gammaln(1.0 + bounded_shape(-raw[:, 0])))

    def variance(self, raw: Array) -> Array:
        """Return ``lam^2 (gamma(1 + 2/k) - gamma(1 + 1/k)^2)``, shape (n,)."""
        inverse = bounded_shape(-raw[:, 0])
        once, twice = gammaln(1.0 + inverse), gammaln(1.0 + 2.0 * inverse)
        # For large k the difference of the moments has no digits, its limit has.
        share = np.where(
            inverse < 1e-5,
            _SIXTH * inverse**2,
            np.expm1(np.minimum(twice - 2.0 * once, _FARTHEST)),
        )
        log_share = np.log(np.maximum(share, np.finfo(np.float64).tiny))
        return safe_exp(2.0 * raw[:, 1] + 2.0 * once + log_share)

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``(w (t - 1) - 1, -k (t - 1))``, shape (n, 2)."""
        w, _, k = _powers(y, raw)
        over = np.expm1(w)
        return columns(w * over - 1.0, -k * over)

    def fisher(self, raw: Array) -> Array:
        """Return ``[[pi^2/6 + (1-g)^2, -k (1-g)], [., k^2]]``, shape (n, 2, 2)."""
        k = bounded_shape(raw[:, 0])
        return symmetric(_SIXTH + _REST**2, -k * _REST, k * k)

    def natural_log_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``fisher^-1 gradient``, shape (n, 2)."""
        w, _, k = _powers(y, raw)
        over = np.expm1(w)
        first = w * over - 1.0
        return columns(
            (first - _REST * over) / _SIXTH,
            (_REST * first - (_SIXTH + _REST**2) * over) / (_SIXTH * k),
        )

    def crps(self, y: Array, raw: Array) -> Array:
        """Return the CRPS, shape (n,)."""
        slope = self.cdf(y, raw) - self.sf(y, raw)
        partial = _moment(log_gamma_cdf, y, raw, 1.0)
        return y * slope + self._whole(raw) - 2.0 * partial

    def crps_gradient(self, y: Array, raw: Array) -> Array:
        """Return its derivatives, shape (n, 2)."""
        partial = _moment(log_gamma_cdf, y, raw, 1.0)
        by_shape = _moment_by_shape(log_gamma_cdf, y, raw, 1.0)
        whole, inverse = self._whole(raw), bounded_shape(-raw[:, 0])
        whole_by_shape = -inverse * (psi(1.0 + inverse) - _LOG_2) * whole
        return columns(whole_by_shape - 2.0 * by_shape, whole - 2.0 * partial)

    def crps_metric(self, raw: Array) -> Array:
        """Return the metric of the CRPS, shape (n, 2, 2).

        With ``c = gamma(2 + 1/k) 2^(-2 - 1/k)`` and ``d = psi(2 + 1/k) - log 2``:
        ``2 lam c [[(d^2 + psi'(2 + 1/k))/k, -d], [-d, k]]``.
        """
        k, inverse = bounded_shape(raw[:, 0]), bounded_shape(-raw[:, 0])
        log_size = raw[:, 1] + gammaln(2.0 + inverse) - (1.0 + inverse) * _LOG_2
        size = np.exp(np.clip(log_size, -_CEILING, _CEILING))
        d = psi(2.0 + inverse) - _LOG_2
        first = inverse * (d * d + polygamma(1, 2.0 + inverse))
        return symmetric(size * first, -size * d, size * k)

    def log_cdf(self, y: Array, raw: Array) -> Array:
        """Return ``log(1 - e^-t)``, shape (n,)."""
        w, t, _ = _powers(y, raw)
        inside = w - np.log(1.0 / exprel(-t))
        return np.where(y > 0, inside, -np.inf)

    def log_sf(self, y: Array, raw: Array) -> Array:
        """Return ``-t``, shape (n,)."""
        return np.where(y > 0, -_powers(y, raw)[1], 0.0)

    def log_cdf_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``t/(e^t - 1) (w, -k)``, shape (n, 2)."""
        w, t, k = _powers(y, raw)
        share = 1.0 / exprel(t)
        return columns(share * w, -share * k)

    def log_sf_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``t (-w, k)``, shape (n, 2)."""
        w, t, k = _powers(y, raw)
        t = np.where(y > 0, t, 0.0)
        return columns(-t * w, t * k)

    def crps_below(self, bound: Array, raw: Array) -> Array:
        """Return the integral of the squared cdf up to `bound`, shape (n,)."""
        square = self.cdf(bound, raw) ** 2
        return np.maximum(bound, 0.0) * square + self._lower(bound, raw)

    def crps_above(self, bound: Array, raw: Array) -> Array:
        """Return the integral of the squared survival function from `bound` on."""
        return self._upper(bound, raw) - bound * self.sf(bound, raw) ** 2

    def crps_below_gradient(self, bound: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`crps_below`, shape (n, 2)."""
        once = _moment_by_shape(log_gamma_cdf, bound, raw, 1.0)
        twice = _moment_by_shape(log_gamma_cdf, bound, raw, 2.0)
        return columns(twice - 2.0 * once, self._lower(bound, raw))

    def crps_above_gradient(self, bound: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`crps_above`, shape (n, 2)."""
        by_shape = _moment_by_shape(log_gamma_sf, bound, raw, 2.0)
        return columns(by_shape, self._upper(bound, raw))

    def start(self, y: Array, weight: Array) -> Array:
        """Return k and lam of which ``log y`` has mean and deviation, shape (2,)."""
        mean, deviation = log_moments(y, weight)
        log_k = 0.5 * np.log(_SIXTH) - np.log(deviation)
        return np.array([log_k, mean + _GAMMA * np.exp(-log_k)])

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the raw parameters of greatest weighted likelihood, shape (2,).

        The shape is at most about 1e10: equal targets would have a likelihood without
        bound.
        """
        most = 0.5 * np.log(_SIXTH) - np.log(SMALLEST)
        if not is_censored(self, y):
            start = self.start(y, weight)
            if start[0] >= most:
                return start
        raw = super().marginal(y, weight)
        raw[0] = min(raw[0], most)
        return raw

    # Each integral is a boundary term, whose derivatives cancel, and the sum of two of
    # the three terms below, a sum that is its own derivative by log lam.

    def _whole(self, raw: Array) -> Array:
        """Return ``m 2^(-1/k)``."""
        return np.exp(np.clip(_log_mean(raw, 2.0)[0], -_CEILING, _CEILING))

    def _lower(self, y: Array, raw: Array) -> Array:
        """Return the rest of the integral of the squared cdf up to y."""
        once = _moment(log_gamma_cdf, y, raw, 1.0)
        return _moment(log_gamma_cdf, y, raw, 2.0) - 2.0 * once

    def _upper(self, y: Array, raw: Array) -> Array:
        """Return the rest of the integral of the squared survival function from y."""
        return _moment(log_gamma_sf, y, raw, 2.0)


def _powers(y: Array, raw: Array) -> tuple[Array, Array, Array]:
    """Return ``w = k log(y/lam)``, ``t = e^w`` and k, all finite."""
    k = bounded_shape(raw[:, 0])
    w = np.clip(k * (log_targets(y) - raw[:, 1]), -_FARTHEST, _STEEPEST)
    return w, np.exp(w), k


def _log_mean(raw: Array, times: float) -> tuple[Array, Array]:
    """Return the log mean at survival function ``e^(-times t)``, and 1/k."""
    inverse = bounded_shape(-raw[:, 0])
    log_mean = raw[:, 1] + gammaln(1.0 + inverse) - inverse * np.log(times)
    return log_mean, inverse


def _moment(log_share: _Share, y: Array, raw: Array, times: float) -> Array:
    """Return the part below or above y of a mean.

    `log_share` is the log of the incomplete gamma function, lower or upper, and the
    mean is that at the survival function ``e^(-times t)``.
    """
    log_mean, inverse = _log_mean(raw, times)
    log_part = log_share(1.0 + inverse, _powers(y, raw)[0] + np.log(times))
    return np.exp(np.clip(log_mean + log_part, -_FARTHEST, _CEILING))


def _moment_by_shape(log_share: _Share, y: Array, raw: Array, times: float) -> Array:
    """Return the derivative of :func:`_moment` by log k, at the same t."""
    inverse = _log_mean(raw, times)[1]
    shape, log_t = 1.0 + inverse, _powers(y, raw)[0] + np.log(times)
    slope = slope_by_log(lambda at: log_share(at, log_t), shape, shape_step(shape))
    by_shape = psi(shape) - np.log(times) + slope / shape
    return -inverse * by_shape * _moment(log_share, y, raw, times)
