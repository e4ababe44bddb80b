"""The gamma function and the incomplete ones, where differences lose their digits.

Everything takes the logarithms of shape and argument, so that neither over- nor
underflows. Sources: DLMF, sections 5.11 (series for large shapes) and 8.6 (integrals).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc, gammaln, polygamma, psi

from boostlab.distributions.supports import LOG_LIMIT, safe_exp

Array = NDArray[np.float64]

_HALF_LOG_TAU = 0.5 * np.log(2.0 * np.pi)
_LARGE = 30.0
"""Shape from which on the asymptotic series have all digits."""

_SMALLEST = 1e-290
"""Probability below which a tail is taken from its own integral."""

_LOWEST = -1e300
_NODES, _WEIGHTS = np.polynomial.laguerre.laggauss(24)


def bounded_shape(log_shape: Array) -> Array:
    """Return shapes between e^-100 and e^100, for which all here is finite."""
    return np.exp(np.clip(log_shape, -100.0, 100.0))


def exp_rest(x: Array) -> Array:
    """Return ``e^x - 1 - x``, also for small x."""
    small = np.clip(x, -0.05, 0.05)
    series = 1.0 + small / 8.0
    for k in (7, 6, 5, 4, 3):
        series = 1.0 + small / k * series
    inside = np.abs(x) < 0.05
    x = np.minimum(x, LOG_LIMIT)
    direct = np.expm1(x) - x
    return np.where(inside, 0.5 * small**2 * series, direct)


def stirling_rest(shape: Array) -> Array:
    """Return ``log gamma(a)`` less ``(a - 1/2) log a - a + log(2 pi)/2``."""
    inverse = 1.0 / np.maximum(shape, _LARGE)
    square = inverse * inverse
    series = inverse * (
        1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))
    )
    low = np.minimum(shape, _LARGE)
    direct = gammaln(low) - ((low - 0.5) * np.log(low) - low + _HALF_LOG_TAU)
    return np.where(shape < _LARGE, direct, series)


def digamma_rest(shape: Array) -> Array:
    """Return ``psi(a) - log a``."""
    inverse = 1.0 / np.maximum(shape, _LARGE)
    square = inverse * inverse
    even = 1 / 12 - square * (1 / 120 - square * (1 / 252 - square / 240))
    low = np.minimum(shape, _LARGE)
    direct = psi(low) - np.log(low)
    return np.where(shape < _LARGE, direct, -0.5 * inverse - square * even)


def trigamma_rest(shape: Array) -> Array:
    """Return ``a psi'(a) - 1``."""
    inverse = 1.0 / np.maximum(shape, _LARGE)
    square = inverse * inverse
    even = 1 / 6 - square * (1 / 30 - square * (1 / 42 - square / 30))
    low = np.minimum(shape, _LARGE)
    direct = low * polygamma(1, low) - 1.0
    return np.where(shape < _LARGE, direct, 0.5 * inverse + square * even)


def log_gamma_kernel(shape: Array, log_x: Array) -> Array:
    """Return the log of ``x^a e^-x / gamma(a)``, x times the density of a gamma."""
    rest = exp_rest(log_x - np.log(shape))
    with np.errstate(over="ignore"):
        log_kernel = (
            0.5 * np.log(shape) - _HALF_LOG_TAU - stirling_rest(shape) - shape * rest
        )
    return np.maximum(log_kernel, _LOWEST)


def log_gamma_cdf(shape: Array, log_x: Array) -> Array:
    """Return the log of the regularised lower incomplete gamma function."""
    x = safe_exp(log_x)
    below, above = gammainc(shape, x), gammaincc(shape, x)
    out = _log_of(below, above)
    tail = below < _SMALLEST
    if tail.any():
        a, at = shape[tail], x[tail]
        # With t = x e^-v the integral is x^a e^-x times that of e^-(a-x)v, nearly.
        rate = np.maximum(a - at, 1e-300)
        v = _NODES / rate[:, None]
        sums = np.exp(-at[:, None] * exp_rest(-v)) @ _WEIGHTS
        out[tail] = log_gamma_kernel(a, log_x[tail]) + np.log(sums) - np.log(rate)
    return out


def log_gamma_sf(shape: Array, log_x: Array) -> Array:
    """Return the log of the regularised upper incomplete gamma function."""
    x = safe_exp(log_x)
    below, above = gammainc(shape, x), gammaincc(shape, x)
    out = _log_of(above, below)
    tail = above < _SMALLEST
    if tail.any():
        a, at = shape[tail], x[tail]
        rate = np.maximum(at - a, 1e-300)
        v = _NODES / rate[:, None]
        sums = np.exp(-at[:, None] * exp_rest(v)) @ _WEIGHTS
        out[tail] = log_gamma_kernel(a, log_x[tail]) + np.log(sums) - np.log(rate)
    return out


def slope_by_log(function: Callable[[Array], Array], at: Array, step: Array) -> Array:
    """Return the derivative of ``function(exp(t))`` at ``t = log(at)``.

    By the central difference over six points: of sixth order, so that with steps of
    some hundredths of the scale of the function eleven digits are right. The
    derivative of an incomplete gamma or beta function by its shape has no simpler
    form that serves all arguments.
    """
    total = np.zeros(np.broadcast(at, step).shape)
    for k, weight in ((1, 45.0), (2, -9.0), (3, 1.0)):
        up, down = function(at * np.exp(k * step)), function(at * np.exp(-k * step))
        total += weight * (up - down)
    return total / (60.0 * step)


def shape_step(shape: Array) -> Array:
    """Return a step in the log of a gamma's shape, as :func:`slope_by_log` wants it."""
    return 0.03 / (1.0 + np.sqrt(shape))


def _log_of(probability: Array, rest: Array) -> Array:
    """Return the log of a probability, by the rest where it is nearly 1."""
    near_one = np.log1p(-np.minimum(rest, 0.5))
    return np.where(
        probability > 0.5, near_one, np.log(np.maximum(probability, _SMALLEST))
    )
