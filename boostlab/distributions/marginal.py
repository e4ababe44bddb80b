"""One distribution for all targets: where boosting starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from boostlab.distributions.censoring import is_censored, representative
from boostlab.distributions.scores import LogScore, Score

if TYPE_CHECKING:
    from boostlab.distributions.base import Distribution

Array = NDArray[np.float64]

MOST_STEPS = 200
HALVINGS = 30
CLOSE = 1e-14
"""Gain of a step, as a share of the score, that is taken for none."""

SUFFICIENT = 0.1
"""Share of the gain that the slope promises which a step must keep.

Else a long step, due to one far target, could end where the score is hardly lower, and
flat.
"""


def maximise_likelihood(distribution: Distribution, y: Array, weight: Array) -> Array:
    """Return the raw parameters of greatest weighted likelihood, shape (K,).

    Raises
    ------
    ValueError
        If a target has no finite likelihood at the start; the row is named.
    """
    points = representative(y) if is_censored(distribution, y) else y
    start = np.asarray(distribution.start(points, weight), dtype=np.float64)
    return minimise_score(distribution, LogScore(), y, weight, start)


def minimise_score(
    distribution: Distribution, score: Score, y: Array, weight: Array, start: Array
) -> Array:
    """Return the raw parameters of least weighted mean score, shape (K,).

    Natural-gradient descent (Fisher scoring, under the log score), with steps that are
    halved until the score falls enough (Armijo's rule). Where none does any more, or
    where the limits of the family are reached, the best point so far is returned.

    Parameters
    ----------
    distribution : Distribution
        The family.
    score : Score
        What is minimised.
    y, weight : ndarray of shape (n,) or (n, 2), and (n,)
        Targets and positive weights.
    start : ndarray of shape (K,)
        Where to begin.

    Raises
    ------
    ValueError
        If a target has no finite score at the start; the row is named.
    """
    share = weight / np.max(weight)
    share = share / np.sum(share)
    low, high = distribution.limits(start)
    raw = start

    def spread(at: Array) -> Array:
        out = np.empty((len(y), len(at)), order="F")
        out[:] = at
        return out

    def mean_score(at: Array) -> float:
        value = float(np.sum(share * score.values(distribution, y, spread(at))))
        return value if np.isfinite(value) else np.inf

    with np.errstate(all="ignore"):
        best = mean_score(raw)
        if not np.isfinite(best):
            raise _no_start(distribution, score, y, spread(raw))
        for _ in range(MOST_STEPS):
            rows = spread(raw)
            gradient = share @ score.gradient(distribution, y, rows)
            step = share @ score.natural_gradient(distribution, y, rows)
            length = float(gradient @ step)
            if not np.all(np.isfinite(step)) or length <= CLOSE * abs(best):
                break
            step /= max(1.0, np.max(np.abs(step) / distribution.longest_step(start)))
            for _ in range(HALVINGS):
                trial = np.clip(raw - step, low, high)
                value = mean_score(trial)
                if value < best - SUFFICIENT * float(gradient @ (raw - trial)):
                    break
                step /= 2
            else:
                break
            raw, best = trial, value
    return raw


def _no_start(
    distribution: Distribution, score: Score, y: Array, raw: Array
) -> ValueError:
    """Return the error that names the first row without a finite score."""
    scores = score.values(distribution, y, raw)
    row = int(np.argmin(np.isfinite(scores)))
    return ValueError(
        f"The distribution {distribution.name!r} cannot be fitted to all targets "
        f"together: row {row} of y, {y[row]!s:.60}, has no finite score; remove "
        "such rows, rescale y, or choose another distribution."
    )
