"""The metric that any score induces, by quadrature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.special import ndtr

if TYPE_CHECKING:
    from boostlab.distributions.base import Distribution
    from boostlab.distributions.scores import Score

Array = NDArray[np.float64]

N_NODES = 24
FARTHEST = 7.0
"""Normal score of the farthest node."""

STEP = 1e-4
"""Step of the differences by a raw parameter."""

LEAST = 1e-3
"""Least eigenvalue of a metric of unit diagonal: a damping of flat directions."""

LARGEST_COUNT = 200
"""Most values of a discrete distribution that are summed over."""


def metric_of(score: Score, distribution: Distribution, raw: Array) -> Array:
    """Return the metric of a score, shape (n, K, K), positive definite.

    The divergence of a proper score, ``E[S(t, Y)] - E[S(raw, Y)]`` with Y drawn by
    `raw`, is least at ``t = raw``; the metric is its second derivative there, the
    derivative of ``E[gradient(t, Y)]``. For the log score this is the Fisher
    information, for the CRPS ``2 integral dF dF^T``. The expectation is a Gauss-Hermite
    rule in the normal scores of Y (of a discrete Y, a sum over at most 200 quantiles),
    the derivative a central difference. Eigenvalues are raised to a thousandth of the
    diagonal's scale, so that improper scores, and kinks, do no harm.

    Source: Duan and others (2020), NGBoost, section 3.2; Dawid, Musio (2014), Theory
    and applications of proper scoring rules.

    Parameters
    ----------
    score : Score
        Gives the gradients.
    distribution : Distribution
        A univariate family.
    raw : ndarray of shape (n, K)
        Raw parameters.

    Raises
    ------
    ValueError
        If the family is multivariate, where no such rule is known.
    """
    if distribution.multivariate:
        raise ValueError(
            f"The metric of the score {score.name!r} for the distribution "
            f"{distribution.name!r} is not known; write its method metric, or set "
            "natural_gradient=False."
        )
    n_outputs = raw.shape[1]
    metric = np.zeros((len(raw), n_outputs, n_outputs))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for y, weight in _nodes(distribution, raw):
            for k in range(n_outputs):
                up, down = raw.copy(order="F"), raw.copy(order="F")
                up[:, k] += STEP
                down[:, k] -= STEP
                slope = score.gradient(distribution, y, up)
                slope = slope - score.gradient(distribution, y, down)
                metric[:, k] += (weight / (2 * STEP))[:, None] * slope
    return _positive(0.5 * (metric + metric.transpose(0, 2, 1)))


def _nodes(distribution: Distribution, raw: Array) -> list[tuple[Array, Array]]:
    """Return targets of all rows and their probabilities, pair by pair."""
    n_rows = len(raw)
    if not distribution.discrete:
        x, weight = hermegauss(N_NODES)
        # Further out the probability is rounded to 1, and its quantile infinite.
        x, weight = x[np.abs(x) < FARTHEST], weight[np.abs(x) < FARTHEST]
        weight = weight / np.sum(weight)
        return [
            (distribution.quantile(np.full(n_rows, p), raw), np.full(n_rows, w))
            for p, w in zip(ndtr(x), weight, strict=True)
        ]
    p = np.array([1e-9, 1.0 - 1e-9])
    low, high = (distribution.quantile(np.full(n_rows, q), raw) for q in p)
    if np.max(high - low) < LARGEST_COUNT:
        values = np.arange(np.min(low), np.max(high) + 1)
        if len(values) <= LARGEST_COUNT:
            return [
                (at, np.exp(distribution.log_density(at, raw)))
                for at in (np.full(n_rows, value) for value in values)
            ]
    levels = (np.arange(LARGEST_COUNT) + 0.5) / LARGEST_COUNT
    share = np.full(n_rows, 1.0 / LARGEST_COUNT)
    return [(distribution.quantile(np.full(n_rows, q), raw), share) for q in levels]


def _positive(metric: Array) -> Array:
    """Return symmetric matrices with all eigenvalues well above 0."""
    metric = np.where(np.isfinite(metric), metric, 0.0)
    size = np.abs(np.einsum("nkk->nk", metric))
    typical = np.max(size, axis=1, keepdims=True)
    scale = np.sqrt(np.where(size > 0, size, np.where(typical > 0, typical, 1.0)))
    unit = metric / scale[:, :, None] / scale[:, None, :]
    values, vectors = np.linalg.eigh(unit)
    values = np.maximum(values, LEAST)
    unit = (vectors * values[:, None, :]) @ vectors.transpose(0, 2, 1)
    return unit * scale[:, :, None] * scale[:, None, :]
