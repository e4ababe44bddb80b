"""Integrals over one variable that the negative binomial distribution asks for.

``m = mu/n`` throughout. The characteristic function is ``G(t) = (1 + z)^-n`` with
``z = m (1 - e^{it})``, and with ``w = |1 - e^{it}|^2 = 4 sin(t/2)^2`` its size is
``|G|^2 = (1 + w m (1 + m))^-n``. Sums over all counts are integrals over t from 0 to pi
(Parseval), where the cdf has the transform ``G/(1 - e^{it})``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boostlab.distributions.special import log1p_minus

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(64)

EXPONENTS = np.arange(-14.0, 3.7, 0.2)
"""Logarithms of the nodes of integrals over an exponential variable."""


def size_information(mu: Array, n: Array) -> Array:
    r"""Return the Fisher information of log n, shape (n,).

    Fisher's series ``n^2 sum_{j >= 2} (j - 1)! q^j / (j n (n + 1) ... (n + j - 1))`` as
    the integral ``n E h(1 - e^{-T/n})`` over an exponential T, where ``h(x) = (-log(1 -
    q x) - q x)/x``: all terms are positive, so that nothing cancels for large n.
    """
    at = np.exp(EXPONENTS)
    weight = 0.2 * at * np.exp(-at)
    mu, n = mu[:, None], n[:, None]
    p, q = 1.0 / (1.0 + mu / n), 1.0 / (1.0 + n / mu)
    x = -np.expm1(-at / n)
    far = q * x > 0.5
    near = -log1p_minus(np.where(far, 0.0, -q * x))
    # 1 - q x = p + q e^{-T/n} has digits where q x is near 1.
    rest = -np.log(np.where(far, p + q * np.exp(-at / n), 1.0)) - q * x
    integrand = np.where(far, rest, near) / np.maximum(x, 1e-300)
    return n[:, 0] * (integrand @ weight)


def gap_and_slopes(mu: Array, n: Array) -> tuple[Array, Array, Array]:
    """Return ``E|X - X'|`` of two counts, and its derivatives by log mu and log n.

    ``1/pi`` times the integral of ``2 (1 - |G|^2)/w``.
    """
    t, weight = _angles(mu, n)
    w = 4.0 * np.sin(t / 2.0) ** 2
    m, n = (mu / n)[:, None], n[:, None]
    u = w * m * (1.0 + m)
    log_size = -n * np.log1p(u)
    size = np.exp(log_size)
    pull = w * m / (1.0 + u)
    by_mu = size * n * pull * (1.0 + 2.0 * m)
    by_n = size * n * (np.log1p(u) - pull * (1.0 + 2.0 * m))
    weight = 2.0 / np.pi * weight / w
    return (
        np.sum(-np.expm1(log_size) * weight, axis=1),
        np.sum(by_mu * weight, axis=1),
        np.sum(by_n * weight, axis=1),
    )


def rank_metric(mu: Array, n: Array) -> Array:
    """Return ``2 sum_k dF_k dF_k^T`` by log mu and log n, shape (n, 2, 2)."""
    t, weight = _angles(mu, n)
    turn = 2.0 * np.sin(t / 2.0) ** 2 - 1j * np.sin(t)  # 1 - e^{it}
    m, n, mu = (mu / n)[:, None], n[:, None], mu[:, None]
    z = m * turn
    w = np.abs(turn) ** 2
    size = np.exp(-n * np.log1p(w * m * (1.0 + m)))
    weight = 2.0 / np.pi * weight * size
    by_mu = -mu / (1.0 + z)
    by_n = n * _bend(z) / turn
    metric = np.empty((len(mu), 2, 2))
    metric[:, 0, 0] = np.sum(weight * np.abs(by_mu) ** 2, axis=1)
    metric[:, 1, 1] = np.sum(weight * np.abs(by_n) ** 2, axis=1)
    metric[:, 0, 1] = np.sum(weight * (by_mu * by_n.conj()).real, axis=1)
    metric[:, 1, 0] = metric[:, 0, 1]
    return metric


def _bend(z: Complex) -> Complex:
    """Return ``z/(1 + z) - log(1 + z)``, about ``-z^2/2`` for small z."""
    series = np.zeros_like(z)
    small = np.abs(z) < 0.1
    inner = np.where(small, z, 0.0)
    for k in range(12, 1, -1):
        series = series * inner + (1.0 - 1.0 / k) * (-1.0) ** (k + 1)
    log = 0.5 * np.log1p(2.0 * z.real + np.abs(z) ** 2)
    log = log + 1j * np.arctan2(z.imag, 1.0 + z.real)
    return np.where(small, series * inner**2, z / (1.0 + z) - log)


def _angles(mu: Array, n: Array) -> tuple[Array, Array]:
    """Return nodes and weights of integrals from 0 to pi, each of shape (n, 65).

    Gauss-Legendre in log t, from well below the width of the characteristic function;
    the integrand is constant below that, which is the last node.
    """
    m = mu / n
    width = 1.0 / (1.0 + m + np.sqrt(mu * (1.0 + m)))
    low, high = np.log(width)[:, None] - 6.0, np.log(np.pi)
    half = (high - low) / 2.0
    t = np.exp(low + half * (1.0 + NODES))
    first = np.exp(low)
    return np.hstack([t, first]), np.hstack([half * WEIGHTS * t, first])
