"""The Dirichlet distribution, of shares that sum to one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincc, betaincinv, digamma, gammaln, polygamma

from boostlab.checks import check_number
from boostlab.distributions.base import Distribution
from boostlab.distributions.special import trigamma_excess
from boostlab.distributions.vectors import check_vectors, with_outputs
from boostlab.registry import register

Array = NDArray[np.float64]

HALF_LIMIT = 300.0
"""Magnitude to which raw parameters are clipped, so that products stay finite."""

LEAST, MOST = 1e-3, 1e8
"""Range of the parameters at the start."""

SHARPEST = np.log(1e11)
"""Greatest log parameter: beyond it densities have no digits, nor have quantiles."""


@register("distribution:dirichlet")
class Dirichlet(Distribution):
    r"""Vectors of p positive shares with raw parameters ``log alpha_i``.

    With ``s = sum_i alpha_i``:

    .. math:: \log p(y) = \log\Gamma(s) + \sum_i
        \bigl((\alpha_i - 1) \log y_i - \log\Gamma(\alpha_i)\bigr)

    Log score: gradient ``alpha_i (digamma(alpha_i) - digamma(s) - log y_i)``, Fisher
    information ``diag(alpha^2 trigamma(alpha)) - trigamma(s) alpha alpha^T``, whose
    inverse is that of a diagonal and a rank-one matrix, written without cancellation
    for large alpha. The cdf and quantiles are those of each share by itself.

    Source: Minka (2000), Estimating a Dirichlet distribution, equations 3-18.

    Parameters
    ----------
    n_outputs : int, optional
        Number p of shares, at least 2; estimators fill it in from the targets.
    """

    name = "dirichlet"
    support = "simplex"
    multivariate = True

    def __init__(self, n_outputs: int | None = None):
        self.n_outputs = n_outputs

    def validate(self) -> None:
        """Raise ValueError or TypeError if the number of shares is not one."""
        if self.n_outputs is not None:
            check_number("n_outputs", self.n_outputs, at_least=2, integer=True)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names "alpha0", "alpha1", ..., one for each share."""
        return tuple(f"alpha{i}" for i in range(with_outputs(self)))

    @property
    def links(self) -> tuple[str, ...]:
        """The logarithm for each share."""
        return ("log",) * with_outputs(self)

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return the log density with respect to the first p - 1 shares, (n,)."""
        inside = np.all(y > 0, axis=1)
        logs = np.log(np.where(inside[:, None], y, 1.0))
        return np.where(inside, log_density_of_shares(logs, alphas(raw)), -np.inf)

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return the probability of at most `y` for each share by itself, (n, p)."""
        a, b = _margins(raw)
        return betainc(a, b, np.clip(y, 0.0, 1.0))

    def sf(self, y: Array, raw: Array) -> Array:
        """Return the probability of more than `y` for each share by itself, (n, p)."""
        a, b = _margins(raw)
        return betaincc(a, b, np.clip(y, 0.0, 1.0))

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return the quantile of each share by itself, shape (n, p)."""
        return betaincinv(*_margins(raw), np.asarray(p, dtype=np.float64)[:, None])

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one vector of positive shares for each row, shape (n, p)."""
        draws = np.maximum(rng.standard_gamma(alphas(raw)), 1e-290)
        return draws / draws.sum(axis=1, keepdims=True)

    def mean(self, raw: Array) -> Array:
        """Return ``alpha_i/s``, shape (n, p)."""
        alpha = alphas(raw)
        return alpha / alpha.sum(axis=1, keepdims=True)

    def variance(self, raw: Array) -> Array:
        """Return ``m_i (1 - m_i)/(s + 1)`` with the means m, shape (n, p)."""
        a, b = _margins(raw)
        return (a / (a + b)) * (b / (a + b)) / (a + b + 1.0)

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of ``-log p(y)``, shape (n, p)."""
        return gradient_by_logs(np.log(y), alphas(raw))

    def fisher(self, raw: Array) -> Array:
        """Return the Fisher information, shape (n, p, p)."""
        return information_by_logs(alphas(raw))

    def natural_log_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``fisher^-1 gradient`` in closed form, shape (n, p)."""
        alpha = alphas(raw)
        return natural_by_logs(gradient_by_logs(np.log(y), alpha), alpha)

    def start(self, y: Array, weight: Array) -> Array:
        """Return log alpha from the weighted means and variances, shape (p,)."""
        share = weight / np.max(weight)
        mean = share @ y / np.sum(share)
        variance = share @ (y - mean) ** 2 / np.sum(share)
        total = np.sum(mean * (1.0 - mean)) / max(np.sum(variance), 1e-8) - 1.0
        return np.log(np.clip(mean * max(total, LEAST), LEAST, MOST))

    def limits(self, start: Array) -> tuple[Array, Array]:
        """Return the least and greatest raw parameters, each of shape (K,).

        As for all families, but no parameter grows beyond 1e11.
        """
        low, high = super().limits(start)
        return low, np.minimum(high, np.maximum(SHARPEST, start))

    def for_targets(self, y: Array) -> Distribution:
        """Return the family for as many shares as `y` has columns."""
        return check_vectors(self, y)


def alphas(raw: Array) -> Array:
    """Return alpha, shape (n, p)."""
    return np.exp(np.clip(raw, -HALF_LIMIT, HALF_LIMIT))


def log_density_of_shares(logs: Array, alpha: Array) -> Array:
    """Return the log density, given the logarithms of the shares, shape (n,)."""
    whole = gammaln(alpha.sum(axis=1))
    return whole + np.sum((alpha - 1.0) * logs - gammaln(alpha), axis=1)


def gradient_by_logs(logs: Array, alpha: Array) -> Array:
    """Return the derivatives of ``-log p`` by log alpha, shape (n, p)."""
    whole = digamma(alpha.sum(axis=1, keepdims=True))
    return np.asfortranarray(alpha * (digamma(alpha) - whole - logs))


def information_by_logs(alpha: Array) -> Array:
    """Return the Fisher information of log alpha, shape (n, p, p)."""
    whole = alpha.sum(axis=1, keepdims=True)
    metric = -polygamma(1, whole)[:, :, None] * alpha[:, :, None] * alpha[:, None, :]
    order = np.arange(alpha.shape[1])
    metric[:, order, order] += alpha * (1.0 + trigamma_excess(alpha))
    return metric


def natural_by_logs(gradient: Array, alpha: Array) -> Array:
    r"""Return the natural gradient by log alpha, shape (n, p).

    With ``R(x) = x trigamma(x) - 1``, about ``1/(2 x)``, and ``s = sum alpha``, the
    inverse of a diagonal and a rank-one matrix (Sherman, Morrison) has the denominator
    ``(sum_i a_i R_i/(1 + R_i) - R_s sum_i a_i/(1 + R_i))/s``.
    """
    whole = alpha.sum(axis=1, keepdims=True)
    excess, of_whole = trigamma_excess(alpha), trigamma_excess(whole)
    share = alpha / whole
    rest = share * (excess - of_whole) / (1.0 + excess)
    rest = np.maximum(rest.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    pull = np.sum(gradient / (1.0 + excess), axis=1, keepdims=True)
    common = (1.0 + of_whole) / whole * (pull / rest)
    return np.asfortranarray((gradient / alpha + common) / (1.0 + excess))


def _margins(raw: Array) -> tuple[Array, Array]:
    """Return the parameters of the beta distribution of each share, each (n, p)."""
    alpha = alphas(raw)
    p = alpha.shape[1]
    # Sums of the others, and not differences, which lose small ones.
    others = alpha @ (np.ones((p, p)) - np.eye(p))
    return alpha, others
