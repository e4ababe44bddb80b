"""The density of compound Poisson-gamma sums, as a series over the number of terms.

A target is the sum of N gamma variables of shape ``alpha`` and scale ``tau``, N being
Poisson with mean ``lam``. Its density is the sum over j of the probability that N is j
times a gamma density of shape ``j alpha``; the terms rise to one maximum and fall,
about like a normal density.

Source: Dunn, Smyth (2005), Series evaluation of Tweedie exponential dispersion model
densities, section 4; where the maximum is beyond ``FAR`` terms, the saddlepoint
approximation of Jorgensen (1997), section 4.5, has a relative error below 1e-5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from boostlab.distributions.supports import safe_exp

Array = NDArray[np.float64]

FAR = 1e5
"""Number of the largest term from which the saddlepoint takes over."""

WIDEST = 50
"""Most terms on either side of the largest; where more count, they are sampled."""

HALF_LOG_TAU = 0.5 * np.log(2.0 * np.pi)


@dataclass(frozen=True, slots=True)
class Compound:
    """Parameters of rows, as logarithms where they may be huge, each of shape (n,)."""

    log_mu: Array
    log_phi: Array
    power: Array

    @property
    def log_lam(self) -> Array:
        """Logarithm of the mean number of terms."""
        q = 2.0 - self.power
        return q * self.log_mu - self.log_phi - np.log(q)

    @property
    def alpha(self) -> Array:
        """Shape of one term."""
        return (2.0 - self.power) / (self.power - 1.0)

    @property
    def log_tau(self) -> Array:
        """Logarithm of the scale of a term."""
        less = self.power - 1.0
        return self.log_phi + np.log(less) + less * self.log_mu

    @property
    def by_power(self) -> tuple[Array, Array, Array]:
        """Derivatives of log lam, alpha and log tau by the power."""
        less = self.power - 1.0
        by_lam = 1.0 / (2.0 - self.power) - self.log_mu
        return by_lam, -1.0 / less**2, 1.0 / less + self.log_mu

    def rows(self, index: NDArray) -> Compound:
        """Return some rows."""
        return Compound(self.log_mu[index], self.log_phi[index], self.power[index])


def log_density_and_slopes(y: Array, at: Compound) -> tuple[Array, Array, Array]:
    """Return ``log p(y)``, and its derivatives by log phi and the power, each (n,).

    Parameters
    ----------
    y : ndarray of shape (n,)
        Targets of at least 0.
    at : Compound
        Parameters of their rows.
    """
    lam = safe_exp(at.log_lam)
    log, by_phi, by_power = -lam, lam.copy(), -lam * at.by_power[0]
    some = np.flatnonzero(y > 0)
    if not len(some):
        return log, by_phi, by_power
    log_y, part = np.log(y[some]), at.rows(some)
    alpha = part.alpha
    log_x = log_y - part.log_tau
    log_top = (part.log_lam + alpha * (log_x - np.log(alpha))) / (1.0 + alpha)
    far = log_top > np.log(FAR)
    near = ~far
    if near.any():
        rows = some[near]
        found = _series(log_y[near], log_top[near], part.rows(near))
        log[rows], by_phi[rows], by_power[rows] = found
    if far.any():
        rows = some[far]
        found = _saddlepoint(log_y[far], part.rows(far))
        log[rows], by_phi[rows], by_power[rows] = found
    return log, by_phi, by_power


def _series(log_y: Array, log_top: Array, at: Compound) -> tuple[Array, Array, Array]:
    """Return the same for positive targets, by the series."""
    alpha, log_x = at.alpha, log_y - at.log_tau
    j, stride = term_numbers(safe_exp(log_top), alpha)
    inside = j >= 1.0
    j = np.where(inside, j, 1.0)
    terms = j * (at.log_lam + alpha * log_x)[:, None]
    terms -= gammaln(j + 1.0) + gammaln(j * alpha[:, None])
    terms = np.where(inside, terms, -np.inf)
    top = terms.max(axis=1)
    share = np.exp(terms - top[:, None])
    total = share.sum(axis=1)
    lam, x = safe_exp(at.log_lam), safe_exp(log_x)
    log = top + np.log(total * stride) - lam - x - log_y
    share /= total[:, None]
    mean = np.sum(share * j, axis=1)
    by_phi = lam + x - (1.0 + alpha) * mean
    by_lam, by_alpha, by_tau = at.by_power
    pull = np.sum(share * j * digamma(j * alpha[:, None]), axis=1)
    by_power = x * by_tau - lam * by_lam - by_alpha * pull
    by_power += mean * (by_lam - alpha * by_tau + by_alpha * log_x)
    return log, by_phi, by_power


def term_numbers(top: Array, alpha: Array) -> tuple[Array, Array]:
    """Return numbers of terms around the largest, (n, m), and their distance, (n,).

    Terms that count are those within ten deviations, ``sqrt(top/(1 + alpha))``. Where
    these are more than 101, every so many of them stand for all: of a smooth function
    that is as exact (Poisson's summation formula).
    """
    spread = np.sqrt(np.maximum(top, 1.0) / (1.0 + alpha))
    stride = np.maximum(1.0, spread / 5.0)
    half = int(min(WIDEST, np.ceil(10.0 * np.max(spread)) + 15))
    middle = np.maximum(np.floor(top), 1.0)
    return middle[:, None] + stride[:, None] * np.arange(-half, half + 1), stride


def _saddlepoint(log_y: Array, at: Compound) -> tuple[Array, Array, Array]:
    """Return the same for positive targets, by the saddlepoint approximation."""
    half = _half_deviance(log_y, at)
    log = -HALF_LOG_TAU - 0.5 * (at.log_phi + at.power * log_y) - half
    step = 1e-5
    up, down = (
        _half_deviance(log_y, Compound(at.log_mu, at.log_phi, at.power + sign * step))
        for sign in (1.0, -1.0)
    )
    return log, half - 0.5, -0.5 * log_y - (up - down) / (2.0 * step)


def _half_deviance(log_y: Array, at: Compound) -> Array:
    """Return half the deviance over phi: ``mu^(2-p)/phi`` times a function of y/mu."""
    r, p = np.clip(log_y - at.log_mu, -350.0, 350.0), at.power
    q = 2.0 - p
    whole = np.exp(q * r) / ((1.0 - p) * q) - np.exp(r) / (1.0 - p) + 1.0 / q
    series = r * r * (0.5 + r * ((1.0 + q) / 6.0 + r * (1.0 + q + q * q) / 24.0))
    unit = np.where(np.abs(r) < 1e-3, series, np.maximum(whole, 0.0))
    return safe_exp(q * at.log_mu - at.log_phi) * unit
