"""One distribution for all targets: where boosting starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from boostlab.distributions.censoring import is_censored, representative
from boostlab.distributions.scores import LogScore, solve

if TYPE_CHECKING:
    from boostlab.distributions.base import Distribution

Array = NDArray[np.float64]

MOST_STEPS = 200
HALVINGS = 30
CLOSE = 1e-12
"""Squared length of a step, in the metric, that is taken for none."""

LONGEST = 3.0
"""Longest step that is tried, in the metric."""


def maximise_likelihood(distribution: Distribution, y: Array, weight: Array) -> Array:
    """Return the raw parameters of greatest weighted likelihood, shape (K,).

    Fisher scoring: steps ``I^-1 g`` of the weighted mean gradient g, halved until the
    likelihood grows. Where none grows it any more, the best point so far is returned.

    Raises
    ------
    ValueError
        If a target has no finite score at the start; the row is named.
    """
    points = representative(y) if is_censored(distribution, y) else y
    raw = np.asarray(distribution.start(points, weight), dtype=np.float64)
    share = weight / np.max(weight)
    share = share / np.sum(share)
    score = LogScore()

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
            raise _no_start(distribution, y, spread(raw))
        for _ in range(MOST_STEPS):
            rows = spread(raw)
            gradient = share @ score.gradient(distribution, y, rows)
            metric = distribution.fisher(rows[:1])
            step = solve(metric, gradient[None])[0]
            if not np.all(np.isfinite(step)) or gradient @ step <= CLOSE:
                break
            step /= max(1.0, np.sqrt(gradient @ step) / LONGEST)
            for _ in range(HALVINGS):
                value = mean_score(raw - step)
                if value < best:
                    break
                step /= 2
            else:
                break
            raw, best = raw - step, value
    return raw


def _no_start(distribution: Distribution, y: Array, raw: Array) -> ValueError:
    """Return the error that names the first row without a finite score."""
    scores = LogScore().values(distribution, y, raw)
    row = int(np.argmin(np.isfinite(scores)))
    return ValueError(
        f"The distribution {distribution.name!r} cannot be fitted to all targets "
        f"together: row {row} of y, {y[row]!s:.60}, has no finite likelihood; remove "
        "such rows, rescale y, or choose another distribution."
    )
