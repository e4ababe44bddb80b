"""Integrals over one variable that the negative binomial distribution asks for.

``m = mu/n`` throughout. The characteristic function is ``G(t) = (1 + z)^-n`` with
``z = m (1 - e^{it})``, and with ``w = |1 - e^{it}|^2 = 4 sin(t/2)^2`` its size is
``|G|^2 = (1 + w m (1 + m))^-n``. Sums over all counts are integrals over t from 0 to pi
(Parseval), where the cdf has the transform ``G/(1 - e^{it})``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)

TIMES = np.exp(np.arange(-11.0, 3.8, 0.35))
"""Nodes of integrals over an exponential variable, equally far apart as logarithms."""

TIME_WEIGHTS = 0.35 * TIMES * np.exp(-TIMES)


def size_information(mu: Array, n: Array) -> Array:
    r"""Return the Fisher information of log n, shape (n,).

    Fisher's series ``n^2 sum_{j >= 2} (j - 1)! q^j / (j n (n + 1) ... (n + j - 1))`` as
    the integral ``n E h(1 - e^{-T/n})`` over an exponential T, where ``h(x) = (-log(1 -
    q x) - q x)/x``: all terms are positive, so that nothing cancels for large n.
    """
    mu, n = mu[:, None], n[:, None]
    p, q = 1.0 / (1.0 + mu / n), 1.0 / (1.0 + n / mu)
    x = -np.expm1(-TIMES / n)
    pull = q * x
    # 1 - q x = p + q e^{-T/n}, which has digits where q x is near 1.
    rest = -np.log(p + q * (1.0 - x)) - pull
    series = pull * pull * (1 / 2 + pull * (1 / 3 + pull * (1 / 4 + pull * (1 / 5))))
    integrand = np.where(pull < 1e-3, series, rest) / np.maximum(x, 1e-300)
    return n[:, 0] * (integrand @ TIME_WEIGHTS)


def mean_gap(mu: Array, n: Array) -> Array:
    """Return ``E|X - X'|`` of two counts: the integral of ``2 (1 - |G|^2)/(pi w)``."""
    w, weight = _turns(mu, n)
    m = (mu / n)[:, None]
    log_size = -n[:, None] * np.log1p(w * (m * (1.0 + m)))
    return np.sum(-np.expm1(log_size) * weight, axis=1)


def gap_slopes(mu: Array, n: Array) -> tuple[Array, Array]:
    """Return the derivatives of :func:`mean_gap` by log mu and log n."""
    w, weight = _turns(mu, n)
    m, n = (mu / n)[:, None], n[:, None]
    u = w * (m * (1.0 + m))
    log = np.log1p(u)
    weight = weight * n * np.exp(-n * log)
    pull = w * (m * (1.0 + 2.0 * m)) / (1.0 + u)
    return np.sum(pull * weight, axis=1), np.sum((log - pull) * weight, axis=1)


def _turns(mu: Array, n: Array) -> tuple[Array, Array]:
    """Return w, and the weights of integrals with ``2/(pi w)``, each (n, m)."""
    t, weight = _angles(mu, n)
    w = 4.0 * np.sin(t / 2.0) ** 2
    return w, 2.0 / np.pi * weight / w


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
    size = z.real * z.real + z.imag * z.imag
    log = 0.5 * np.log1p(2.0 * z.real + size) + 1j * np.arctan2(z.imag, 1.0 + z.real)
    bend = z / (1.0 + z) - log
    small = size < 1e-4
    inner = z[small]
    series = np.zeros_like(inner)
    for k in range(7, 1, -1):
        series = series * inner + (1.0 - 1.0 / k) * (-1.0) ** (k + 1)
    bend[small] = series * inner**2
    return bend


def _angles(mu: Array, n: Array) -> tuple[Array, Array]:
    """Return nodes and weights of integrals from 0 to pi, each (n, 49).

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
