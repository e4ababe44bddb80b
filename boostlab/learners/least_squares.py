"""Closed-form least squares on many features: ridge, and ridge under a top model.

All solves are in float64, on the p x p normal equations of weighted mean squares; the
features themselves need never be in memory at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from boostlab.in_blocks import one_blas_thread, summed

Array = NDArray[np.float64]

GRID = 10.0 ** np.arange(-7.0, 2.01, 0.5)
"""Penalties that are tried, in units of the mean variance of the features."""

CAUTION = 1.4
"""What each degree of freedom counts in cross-validation, against overfitting."""

LEAST_SINGULAR = 1e-5
"""Least singular value of a top model, as a share of the largest, that counts: the
outputs of K classes move in K - 1 directions, up to what an optimiser leaves over."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Weighted means of products of p features and K targets.

    Parameters
    ----------
    gram : ndarray of shape (p, p)
        Of features by features, about their means where `centred`.
    cross : ndarray of shape (p, K)
        Of features by targets.
    power : ndarray of shape (K,)
        Of the squared targets.
    z_mean, r_mean : ndarray of shape (p,) and (K,)
        Weighted means; zeros where not centred.
    """

    gram: Array
    cross: Array
    power: Array
    z_mean: Array
    r_mean: Array


def moments(
    features: Callable[[slice], Array],
    r: Array,
    weight: Array,
    total: float,
    *,
    centred: bool = True,
) -> Moments:
    """Return the moments of features that are computed chunk by chunk.

    Parameters
    ----------
    features : callable
        Returns the features of a slice of the rows, shape (rows, p).
    r : ndarray of shape (n, K)
        Targets.
    weight : ndarray of shape (n,)
        Weights, at least 0.
    total : float
        What sums are divided by, greater than 0; the sum of the sample weights.
    centred : bool, default=True
        Whether products are taken about the weighted means.
    """

    def part(rows: slice) -> tuple[Array, ...]:
        z, w = features(rows), weight[rows]
        root = np.sqrt(w)[:, None]
        scaled, targets = root * z, root * r[rows]
        return (
            scaled.T @ scaled,
            scaled.T @ targets,
            (targets**2).sum(axis=0),
            w @ z,
            w @ r[rows],
            np.array([w.sum()]),
        )

    gram, cross, power, z_sum, r_sum, mass = summed(part, len(r))
    mass = float(mass[0])
    if not centred or mass == 0:
        nothing = np.zeros_like(z_sum), np.zeros_like(r_sum)
        return Moments(gram / total, cross / total, power / total, *nothing)
    z_mean, r_mean = z_sum / mass, r_sum / mass
    return Moments(
        (gram - np.outer(z_sum, z_mean)) / total,
        (cross - np.outer(z_sum, r_mean)) / total,
        np.maximum(power - r_sum * r_mean, 0.0) / total,
        z_mean,
        r_mean,
    )


def ridge(
    known: Moments, l2: float | str, n_rows: float, *, shared: bool = False
) -> tuple[Array, Array]:
    """Minimise ``mean((r - z b - b0)^2) + l2 |b|^2``, the mean weighted.

    Parameters
    ----------
    known : Moments
        Centred ones where there is an intercept.
    l2 : float or "auto"
        Penalty, at least 0; "auto" takes what generalised cross-validation finds best,
        for each output by itself unless `shared`.
    n_rows : float
        How many rows of equal weight tell as much as those of the moments.
    shared : bool, default=False
        Whether all outputs have one penalty.

    Returns
    -------
    slopes : ndarray of shape (p, K)
    intercept : ndarray of shape (K,)
    """
    with one_blas_thread():
        if l2 == "auto":
            slopes = _cross_validated(known, n_rows, shared)
        else:
            slopes = _penalised(known.gram, known.cross, float(l2))
        return slopes, known.r_mean - known.z_mean @ slopes


def _penalised(gram: Array, cross: Array, l2: float) -> Array:
    """Solve ``(gram + l2) b = cross``; by eigenvalues where it is nearly singular."""
    system = gram.copy()
    system.flat[:: len(system) + 1] += l2
    factor = _factor(system)
    if factor is not None:
        return scipy.linalg.cho_solve(factor, cross)
    values, vectors = _spectrum(gram)
    return vectors @ (_shrunk(values, l2)[:, None] * (vectors.T @ cross))


def _factor(system: Array) -> tuple[Array, bool] | None:
    """Return the Cholesky factor; None where a solution would magnify rounding."""
    try:
        factor, lower = scipy.linalg.cho_factor(system)
    except scipy.linalg.LinAlgError:
        return None
    size = np.abs(system).sum(axis=0).max(initial=0.0)
    inverse_condition, _ = scipy.linalg.lapack.dpocon(factor, size)
    regular = inverse_condition > len(system) * np.finfo(float).eps
    return (factor, lower) if regular else None


def _spectrum(gram: Array) -> tuple[Array, Array]:
    """Return eigenvalues, at least 0, and eigenvectors."""
    values, vectors = scipy.linalg.eigh(gram)
    return np.maximum(values, 0.0), vectors


def _shrunk(values: Array, l2: float | Array) -> Array:
    """Return ``1 / (values + l2)``; 0 for directions that are only rounding."""
    real = _beyond_rounding(values)
    return np.divide(1.0, values + l2, out=np.zeros_like(values), where=real)


def _beyond_rounding(values: Array) -> NDArray[np.bool_]:
    """Return which eigenvalues are not only rounding."""
    return values > values.max(initial=0.0) * len(values) * np.finfo(float).eps


def _cross_validated(known: Moments, n_rows: float, shared: bool) -> Array:
    """Return slopes under the penalties that cross-validation finds.

    With degrees of freedom ``f(l2) = 1 + sum(d / (d + l2))`` and RSS the residual sum
    it minimises ``RSS / (1 - c f / n)^2`` (Golub, Heath, Wahba, 1979); the factor c is
    :data:`CAUTION`.
    """
    values, vectors = _spectrum(known.gram)
    along = vectors.T @ known.cross
    scale = float(values.mean()) if len(values) else 0.0
    if scale == 0:
        return np.zeros_like(known.cross)
    scores = np.full((len(GRID), len(known.power)), np.inf)
    for i, l2 in enumerate(GRID * scale):
        inverse = _shrunk(values, l2)
        explained = (2 * inverse - values * inverse**2) @ along**2
        left = 1.0 - CAUTION * (1.0 + values @ inverse) / n_rows
        if left > 0:
            scores[i] = np.maximum(known.power - explained, 0.0) / left**2
    if shared:
        scores = scores.sum(axis=1, keepdims=True)
    # The last, and so the largest, of equal ones: also where nothing can be told.
    best = len(GRID) - 1 - np.argmin(scores[::-1], axis=0)
    best = np.broadcast_to(best, known.power.shape)
    inverse = np.column_stack([_shrunk(values, GRID[i] * scale) for i in best])
    return vectors @ (inverse * along)


def sandwiched(
    kind: str, known: Moments, coef: Array, l2: float | str, n_rows: float
) -> Array:
    """Minimise ``mean(|r - P D W|^2) + l2 |D|^2`` over the change D of a layer.

    P are p features and W is the top model that reads the layer. A "dense" D is any
    matrix (p, w); a "diagonal" or "scalar" one scales p = w features. W has rank at
    most K, and only its singular directions matter: with ``W = u s v'`` and
    ``P'P = V diag(d) V'`` the dense solution is
    ``V [(V' P'r v s) / (l2 + d s^2)] u'``, all products being means.

    Source: Zozoulenko, Cass, Gonon (2025), Random feature representation boosting,
    Theorem 3.1 (there with the eigenvectors of W W', which is w x w).

    Parameters
    ----------
    kind : {"dense", "diagonal", "scalar"}
        What D may be.
    known : Moments
        Not centred: there is no intercept.
    coef : ndarray of shape (w, K)
        The top model W.
    l2 : float or "auto"
        Penalty, at least 0. "auto" chooses one for each singular direction by
        cross-validation, and may be given for a dense D only.
    n_rows : float
        How many rows of equal weight tell as much as those of the moments.

    Returns
    -------
    ndarray of shape (p, w)
    """
    with one_blas_thread():
        if kind == "dense":
            return _dense(known, coef, l2, n_rows)
        gram, cross = known.gram, known.cross
        if kind == "scalar":
            curvature = float(np.sum(coef * (gram @ coef))) + l2
            slope = float(np.sum(cross * coef))
            size = slope / curvature if curvature > 0 else 0.0
            return size * np.eye(len(coef))
        own = Moments(
            (coef @ coef.T) * gram,
            np.sum(cross * coef, axis=1, keepdims=True),
            known.power.sum(keepdims=True),
            known.z_mean,
            np.zeros(1),
        )
        return np.diag(_penalised(own.gram, own.cross, float(l2))[:, 0])


def _dense(known: Moments, coef: Array, l2: float | str, n_rows: float) -> Array:
    """Return the dense solution of :func:`sandwiched`."""
    u, s, vt = scipy.linalg.svd(coef, full_matrices=False)
    used = s > s.max(initial=0.0) * LEAST_SINGULAR
    if not used.any():  # no change is seen through a top model of zeros
        return np.zeros((len(known.gram), len(coef)))
    u, s, v = u[:, used], s[used], vt[used].T
    cross = known.cross @ v
    if l2 == "auto":
        # mean((r v_j)^2) is not known apart, but their sum is: split it evenly.
        power = np.full(len(s), known.power.sum() / max(len(s), 1))
        zeros = np.zeros(len(s))
        turned = Moments(known.gram, cross, power, known.z_mean, zeros)
        return (_cross_validated(turned, n_rows, False) / s) @ u.T
    values, vectors = _spectrum(known.gram)
    along = (vectors.T @ cross) * s
    curvature = np.outer(values, s**2) + float(l2)
    usable = _beyond_rounding(values)[:, None] & (curvature > 0)
    solved = np.divide(along, curvature, out=np.zeros_like(along), where=usable)
    return vectors @ solved @ u.T
