"""Scores that the C core knows: sums of scores and natural gradients in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from boostlab import _core
from boostlab.parallel import n_threads

Array = NDArray[np.float64]


class FusedScore(IntEnum):
    """Numbers of families and scores, as ``bl_score`` in ``boostlab_core.h`` has them.

    The NumPy formulas of the families are the oracle of these kernels.
    """

    NORMAL_LOG = 0
    NORMAL_CRPS = 1
    LOG_NORMAL_LOG = 2
    LAPLACE_LOG = 3
    LAPLACE_CRPS = 4
    EXPONENTIAL_LOG = 5
    EXPONENTIAL_CRPS = 6
    WEIBULL_LOG = 7
    GAMMA_LOG = 8
    POISSON_LOG = 9


@dataclass(frozen=True, slots=True, eq=False)
class FusedRows:
    """Rows whose scores a kernel computes.

    Parameters
    ----------
    score : FusedScore
        The kernel.
    y : ndarray of shape (n,)
        Targets.
    raw : ndarray of shape (n, K)
        Raw parameters.
    weight : ndarray of shape (n,) or None
        Weights; None for ones.
    low, high : ndarray of shape (K,)
        Limits that raw parameters are taken between; infinite where there are none.
    """

    score: FusedScore
    y: Array
    raw: Array
    weight: Array | None
    low: Array
    high: Array

    def total(self) -> float:
        """Return the weighted sum of the scores, in no order of the rows."""
        return _core.score_total(
            *self._inputs(), None, 0.0, np.empty(len(self.y)), n_threads()
        )

    def totals_along(self, step: Array) -> Callable[[float], float]:
        """Return the weighted sum at ``raw + size * step`` as a function of the size.

        Parameters
        ----------
        step : ndarray of shape (n, K)
            Which way to go from each row's raw parameters.
        """
        inputs, terms = self._inputs(), np.empty(len(self.y))
        step, threads = np.asfortranarray(step, dtype=np.float64), n_threads()

        def total(size: float) -> float:
            return _core.score_total(*inputs, step, size, terms, threads)

        return total

    def natural_gradient(self, longest: Array) -> Array:
        """Return the weighted natural gradient, shape (n, K), Fortran order.

        Parameters
        ----------
        longest : ndarray of shape (K,)
            Greatest magnitudes before weights; infinite where there are none.
        """
        natural = np.empty(self.raw.shape, order="F")
        _core.natural_gradient(*self._inputs(), longest, natural, n_threads())
        return natural

    def _inputs(self) -> tuple[int, Array, Array, Array | None, Array, Array]:
        """Return the arrays as the core wants them; no copies where they are so."""
        return (
            int(self.score),
            np.ascontiguousarray(self.y, dtype=np.float64),
            np.asfortranarray(self.raw, dtype=np.float64),
            self.weight,
            self.low,
            self.high,
        )
