"""What the battery of ``tests/distributions`` needs to know of each family.

A new family adds one :class:`Case` to ``CASES``, and all checks that its class
attributes promise (scores, censoring) are run on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from boostlab.distributions import Distribution, Normal

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A family and its oracles.

    Parameters
    ----------
    distribution : Distribution
        The family.
    raw : callable ``(rng, n) -> (n, K)``
        Ordinary raw parameters, all different.
    scipy : callable ``(**natural parameters) -> frozen``, optional
        SciPy's distribution with these parameters (arrays of shape (n,)).
    crps : callable ``(y, **natural parameters) -> (n,)``, optional
        The CRPS by the package scoringrules.
    closed_mean : bool, default=True
        Whether mean and variance exist and SciPy has them.
    metric_rtol : float, default=1e-4
        Allowed relative error of the quadrature of the metric.
    """

    distribution: Distribution
    raw: Callable[[np.random.Generator, int], Array]
    scipy: Callable[..., Any] | None = None
    crps: Callable[..., Array] | None = None
    closed_mean: bool = True
    metric_rtol: float = 1e-4


def location_and_log_scale(rng: np.random.Generator, n: int) -> Array:
    """Return raw parameters of a family with a location and a scale."""
    return np.column_stack([rng.normal(size=n), rng.normal(scale=0.5, size=n)])


def _normal_crps(y: Array, loc: Array, scale: Array) -> Array:
    # Imported where needed: it takes seconds, as it brings a compiler along.
    import scoringrules

    return scoringrules.crps_normal(y, loc, scale, backend="numpy")


CASES = [
    Case(
        Normal(),
        location_and_log_scale,
        scipy=scipy.stats.norm,
        crps=_normal_crps,
    ),
]
