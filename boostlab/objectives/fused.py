"""The losses that the C core knows: derivatives and sums in one pass over the rows."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from boostlab import _core
from boostlab.parallel import n_threads
from boostlab.reduce import total

Array = NDArray[np.float64]


class FusedLoss(IntEnum):
    """Numbers of the losses, as ``bl_loss`` in ``boostlab_core.h`` has them."""

    SQUARED = 0
    ABSOLUTE = 1
    HUBER = 2
    QUANTILE = 3
    POISSON = 4
    GAMMA = 5
    TWEEDIE = 6
    BINOMIAL = 7
    MULTINOMIAL = 8
    EXPONENTIAL = 9


def fused_derivatives(
    loss: FusedLoss,
    y: Array,
    raw: Array,
    weight: Array,
    parameter: float,
    want_hessian: bool,
) -> tuple[Array, Array | None]:
    """Return the weighted gradient and hessian, both (n, K) in Fortran order."""
    gradient = np.empty(raw.shape, order="F")
    hessian = np.empty(raw.shape, order="F") if want_hessian else None
    inputs = _as_the_core_wants(y, raw, weight)
    _core.derivatives(int(loss), *inputs, parameter, gradient, hessian, n_threads())
    return gradient, hessian


def fused_loss_sum(
    loss: FusedLoss, y: Array, raw: Array, weight: Array, parameter: float
) -> float:
    """Return the weighted sum of the losses of all rows, in no order of theirs."""
    terms = np.empty(len(y))
    inputs = _as_the_core_wants(y, raw, weight)
    _core.loss_terms(int(loss), *inputs, parameter, terms, n_threads())
    return total(terms)


def _as_the_core_wants(y: Array, raw: Array, weight: Array) -> tuple[Array, ...]:
    """Return the arrays as float64, output-major; no copies where they are so."""
    return (
        np.ascontiguousarray(y, dtype=np.float64),
        np.asfortranarray(raw, dtype=np.float64),
        np.ascontiguousarray(weight, dtype=np.float64),
    )
