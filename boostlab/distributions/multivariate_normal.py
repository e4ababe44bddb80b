"""The multivariate normal distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from boostlab.checks import check_number
from boostlab.distributions.base import STEP_LIMIT, Distribution
from boostlab.distributions.moments import floored, weighted_moments
from boostlab.distributions.vectors import check_vectors, with_outputs
from boostlab.registry import register

Array = NDArray[np.float64]

HALF_LIMIT = 340.0
"""Magnitude to which logarithms are clipped, so that squares stay finite."""

RIDGE = 1e-8
"""Added to the variances of a marginal fit, as a share of them."""

HALF_LOG_TAU = 0.5 * np.log(2.0 * np.pi)


@register("distribution:multivariate_normal")
class MultivariateNormal(Distribution):
    r"""Normal vectors of p outputs, with all correlations.

    The inverse of the covariance is ``L L^T`` with L lower triangular, and ``L = A U``
    with ``A = diag(a)`` and ones on the diagonal of U, so that a change of the unit of
    an output changes its mean and its a only. Raw parameters: the p means, the p
    ``log a_i``, then ``u_ij`` for i > j, row by row. With ``w = A (mu - y)`` and
    ``e = U^T w`` (that is ``L^T (mu - y)``):

    .. math:: -\log p(y) = \tfrac12 |e|^2 - \sum_i \log a_i + \tfrac p2 \log 2\pi

    Log score: gradient ``A U e``; ``w_i (U e)_i - 1``; ``w_i e_j``. The Fisher
    information of the entries of L is block-diagonal by columns; its inverse is known,
    since the entries below c of w have the inverse covariance ``U_c U_c^T``, with the
    lower right part of U, plus one rank. So the natural gradient needs no solve:
    ``mu - y``; ``(e_i^2 - 1)/2``; ``e_j sum_{j < k <= i} u_ik e_k + u_ij (e_j^2 -
    e_i^2)/2``. The cdf and quantiles are those of each output by itself.

    Source: O'Malley, Sylvester, Bloch and others (2021), Multivariate probabilistic
    regression with natural gradient boosting, section 3, for the parameters and the
    information; the closed inverse is our own.

    Parameters
    ----------
    n_outputs : int, optional
        Number p of outputs, at least 1; estimators fill it in from the targets.
    """

    name = "multivariate_normal"
    parameters = ("mean", "cov")
    multivariate = True

    def __init__(self, n_outputs: int | None = None):
        self.n_outputs = n_outputs

    def validate(self) -> None:
        """Raise ValueError or TypeError if the number of outputs is not one."""
        if self.n_outputs is not None:
            check_number("n_outputs", self.n_outputs, at_least=1, integer=True)

    @property
    def links(self) -> tuple[str, ...]:
        """Of the means, of the a, and of the entries of U."""
        p = with_outputs(self)
        return ("identity",) * p + ("log",) * p + ("identity",) * (p * (p - 1) // 2)

    def natural_parameters(self, raw: Array) -> dict[str, Array]:
        """Return "mean", shape (n, p), and "cov", shape (n, p, p)."""
        mean, a, unit = self._parts(raw)
        root = np.linalg.inv(unit) / a[:, None, :]
        return {"mean": mean.copy(), "cov": root.transpose(0, 2, 1) @ root}

    def raw_parameters(self, **natural: Array) -> Array:
        """Return "mean" (n, p) and "cov" (n, p, p) as raw parameters, (n, K)."""
        mean = np.asarray(natural["mean"], dtype=np.float64)
        cov = np.asarray(natural["cov"], dtype=np.float64)
        deviation = np.sqrt(np.einsum("nii->ni", cov))
        scaled = cov / deviation[:, :, None] / deviation[:, None, :]
        return _raw_of(mean, deviation, scaled)

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return the log density of the vectors, shape (n,)."""
        mean, a, unit = self._parts(raw)
        e = _turned(unit, a * (mean - y))
        whole = np.sum(np.log(a), axis=1) - a.shape[1] * HALF_LOG_TAU
        return whole - 0.5 * np.sum(e * e, axis=1)

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return the probability of at most `y` for each output by itself, (n, p)."""
        return ndtr((y - self.mean(raw)) / np.sqrt(self.variance(raw)))

    def sf(self, y: Array, raw: Array) -> Array:
        """Return the probability of more than `y` for each output by itself."""
        return ndtr((self.mean(raw) - y) / np.sqrt(self.variance(raw)))

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return the quantile of each output by itself, shape (n, p)."""
        z = ndtri(np.asarray(p, dtype=np.float64))[:, None]
        return self.mean(raw) + np.sqrt(self.variance(raw)) * z

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one vector for each row, shape (n, p)."""
        mean, a, unit = self._parts(raw)
        e = rng.standard_normal(mean.shape)
        w = np.linalg.solve(unit.transpose(0, 2, 1), e[:, :, None])[:, :, 0]
        return mean + w / a

    def mean(self, raw: Array) -> Array:
        """Return the means, shape (n, p)."""
        return raw[:, : with_outputs(self)].copy()

    def variance(self, raw: Array) -> Array:
        """Return the variance of each output, shape (n, p)."""
        _, a, unit = self._parts(raw)
        return np.sum((np.linalg.inv(unit) / a[:, None, :]) ** 2, axis=1)

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of ``-log p(y)``, shape (n, K)."""
        mean, a, unit = self._parts(raw)
        w = a * (mean - y)
        e = _turned(unit, w)
        back = np.einsum("nij,nj->ni", unit, e)
        i, j = np.tril_indices(a.shape[1], -1)
        return np.asfortranarray(
            np.hstack([a * back, w * back - 1.0, w[:, i] * e[:, j]])
        )

    def fisher(self, raw: Array) -> Array:
        """Return the Fisher information, shape (n, K, K)."""
        _, a, unit = self._parts(raw)
        n, p = a.shape
        metric = np.zeros((n, raw.shape[1], raw.shape[1]))
        root = a[:, :, None] * unit
        metric[:, :p, :p] = root @ root.transpose(0, 2, 1)
        inverse = np.linalg.inv(unit)
        spread = inverse.transpose(0, 2, 1) @ inverse  # the covariance of w
        i, j = np.tril_indices(p, -1)
        row, column = (
            np.concatenate([np.arange(p), i]),
            np.concatenate([np.arange(p), j]),
        )
        block = np.where(column[:, None] == column, spread[:, row[:, None], row], 0.0)
        block[:, np.arange(p), np.arange(p)] += 1.0
        # From entries of U (with its diagonal) to log a and u: du_ij also by a_i.
        chain = np.tile(np.eye(len(row)), (n, 1, 1))
        chain[:, p + np.arange(len(i)), i] = unit[:, i, j]
        metric[:, p:, p:] = chain.transpose(0, 2, 1) @ block @ chain
        return metric

    def natural_log_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``fisher^-1 gradient`` in closed form, shape (n, K)."""
        mean, a, unit = self._parts(raw)
        e = _turned(unit, a * (mean - y))
        p = a.shape[1]
        out = np.empty(raw.shape, order="F")
        out[:, :p] = mean - y
        out[:, p : 2 * p] = 0.5 * e * e - 0.5
        place = 2 * p
        for i in range(p):
            # Sums over k of u_ik e_k from the diagonal to the left.
            upto = np.cumsum((unit[:, i, : i + 1] * e[:, : i + 1])[:, ::-1], axis=1)
            for j in range(i):
                square = 0.5 * (e[:, j] - e[:, i]) * (e[:, j] + e[:, i])
                inner = e[:, j] * upto[:, i - j - 1]
                out[:, place + j] = inner + unit[:, i, j] * square
            place += i
        return out

    def start(self, y: Array, weight: Array) -> Array:
        """Return the raw parameters of the weighted mean and covariance, (K,)."""
        moments = [weighted_moments(column, weight) for column in y.T]
        mean = np.array([m for m, _ in moments])
        deviation = np.array(
            [floored(d, column) for (_, d), column in zip(moments, y.T, strict=True)]
        )
        share = weight / np.max(weight)
        z = (y - mean) / deviation
        scaled = (z * (share / np.sum(share))[:, None]).T @ z
        # Outputs that do not vary have the variance of their floor.
        order = np.arange(len(mean))
        scaled[order, order] = 1.0 + RIDGE
        return _raw_of(mean[None], deviation[None], scaled[None])[0]

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the raw parameters of greatest weighted likelihood, shape (K,)."""
        return self.start(y, weight)

    def longest_step(self, start: Array) -> Array:
        """Return the greatest natural gradient of one row that is believed, (K,)."""
        p = with_outputs(self)
        step = np.full(len(start), STEP_LIMIT)
        step[:p] *= np.sqrt(self.variance(start[None])[0])
        # Nearly collinear outputs have a huge u, which must keep up with the rest.
        step[2 * p :] *= np.maximum(np.abs(start[2 * p :]), 1.0)
        return step

    def for_targets(self, y: Array) -> Distribution:
        """Return the family for as many outputs as `y` has columns."""
        return check_vectors(self, y)

    def _parts(self, raw: Array) -> tuple[Array, Array, Array]:
        """Return mu and a, each (n, p), and U, (n, p, p)."""
        p = with_outputs(self)
        a = np.exp(np.clip(raw[:, p : 2 * p], -HALF_LIMIT, HALF_LIMIT))
        unit = np.tile(np.eye(p), (len(raw), 1, 1))
        i, j = np.tril_indices(p, -1)
        unit[:, i, j] = raw[:, 2 * p :]
        return raw[:, :p], a, unit


def _turned(unit: Array, w: Array) -> Array:
    """Return ``U^T w``, shape (n, p)."""
    return np.einsum("nij,ni->nj", unit, w)


def _raw_of(mean: Array, deviation: Array, correlation: Array) -> Array:
    """Return raw parameters, shape (n, K), of correlations and deviations."""
    p = mean.shape[1]
    # With the outputs in reverse order, Cholesky's factor gives the lower one of the
    # inverse.
    factor = np.linalg.cholesky(correlation[:, ::-1, ::-1])
    lower = np.linalg.inv(factor).transpose(0, 2, 1)[:, ::-1, ::-1]
    a = np.einsum("nii->ni", lower)
    i, j = np.tril_indices(p, -1)
    unit = lower[:, i, j] / a[:, i]
    return np.asfortranarray(np.hstack([mean, np.log(a) - np.log(deviation), unit]))
