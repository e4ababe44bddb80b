"""The Fisher information of the dispersion and power of Tweedie distributions.

It has no closed form. As the family is closed under changes of the unit, at mu = 1 it
is a function of the power and of the mean number lam of terms alone; this is computed
by quadrature on a grid, once, and interpolated.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, RectBivariateSpline

from boostlab.distributions.supports import power_at
from boostlab.distributions.tweedie_series import Compound, log_density_and_slopes

Array = NDArray[np.float64]

LOWEST, HIGHEST = -10.0, 10.0
"""Ends of the grid of log lam; beyond them the information is a power of lam."""

PLACES = np.linspace(-5.0, 5.0, 21)
"""Grid of logits of the power's place between its limits."""

STEP = 0.5
"""Distance of the grid of log lam for a free power."""

NODES = 200
"""Nodes of the quadrature over the targets."""


def dispersion_information(log_lam: Array, power: float) -> Array:
    """Return the Fisher information of log phi at one power, shape (n,)."""
    at = np.clip(log_lam, LOWEST, HIGHEST)
    # With few terms it is lam (1 + alpha), with many one half.
    return np.exp(_line(float(power))(at) + np.minimum(log_lam - at, 0.0))


def power_information(log_lam: Array, place: Array) -> tuple[Array, Array, Array]:
    """Return the information of log phi, of both, and of the power, at mu = 1.

    Parameters
    ----------
    log_lam, place : ndarray of shape (n,)
        Logarithm of the mean number of terms, and the logit of the power's place.
    """
    of_phi, correlation, of_power = _surface()
    at = np.clip(log_lam, LOWEST, HIGHEST)
    below, above = np.minimum(log_lam - at, 0.0), np.maximum(log_lam - at, 0.0)
    x = np.clip(place, PLACES[0], PLACES[-1])
    first = np.exp(of_phi.ev(at, x) + below)
    last = np.exp(of_power.ev(at, x) + below - above)
    shared = np.tanh(correlation.ev(at, x)) * np.exp(-above / 2.0)
    return first, shared * np.sqrt(first * last), last


@lru_cache(maxsize=32)
def _line(power: float) -> Callable[[Array], Array]:
    """Return the interpolated log information of log phi over log lam."""
    grid = np.arange(LOWEST, HIGHEST + 0.1, 0.25)
    values = [information_by_quadrature(log_lam, power)[0, 0] for log_lam in grid]
    return CubicSpline(grid, np.log(values))


@lru_cache(maxsize=1)
def _surface() -> tuple[RectBivariateSpline, ...]:
    """Return the interpolated information over log lam and place."""
    grid = np.arange(LOWEST, HIGHEST + 0.1, STEP)
    found = np.array(
        [
            [information_by_quadrature(log_lam, power) for power in power_at(PLACES)]
            for log_lam in grid
        ]
    )
    first, last = found[:, :, 0, 0], found[:, :, 1, 1]
    correlation = np.arctanh(found[:, :, 0, 1] / np.sqrt(first * last))
    return tuple(
        RectBivariateSpline(grid, PLACES, values)
        for values in (np.log(first), correlation, np.log(last))
    )


def information_by_quadrature(log_lam: float, power: float) -> Array:
    """Return the information of log phi and the power at mu = 1, shape (2, 2).

    The trapezoidal rule over v, where ``log y = centre + width (v - e^-v)``: that
    reaches as far towards 0 as the density does, which falls like ``y^(alpha - 1)``.
    """
    log_phi = -log_lam - np.log(2.0 - power)
    one = Compound(np.zeros(1), np.full(1, log_phi), np.full(1, power))
    lam, alpha, log_tau = np.exp(log_lam), one.alpha[0], one.log_tau[0]
    most = lam + 12.0 * np.sqrt(lam) + 20.0
    most_x = alpha * most + 12.0 * np.sqrt(alpha * most) + 40.0
    width = min(1.0, 5.0 * np.exp(log_phi / 2.0))
    centre = max(0.0, -log_lam)
    end = (np.log(most_x) + log_tau - centre) / width
    start = -np.log(40.0 / (width * min(alpha * np.sqrt(1.0 + lam), 40.0)) + 4.0)
    v, step = np.linspace(start, max(end, 0.5), NODES, retstep=True)
    log_y = np.maximum(centre + width * (v - np.exp(-v)), -700.0)
    rows = Compound(np.zeros(NODES), np.full(NODES, log_phi), np.full(NODES, power))
    log_density, by_phi, by_power = log_density_and_slopes(np.exp(log_y), rows)
    weight = np.exp(log_density + log_y) * width * (1.0 + np.exp(-v)) * step
    zero = np.exp(-lam) * np.outer(*[[lam, -lam * one.by_power[0][0]]] * 2)
    slopes = np.stack([by_phi, by_power])
    return zero + (slopes * weight) @ slopes.T
