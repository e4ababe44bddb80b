"""Functions that keep their digits where the usual formulas lose them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import polygamma

Array = NDArray[np.float64]


def log1p_minus(x: Array) -> Array:
    """Return ``log(1 + x) - x``, also for small x, where it is about ``-x^2/2``."""
    with np.errstate(all="ignore"):
        r = x / (2.0 + x)
        r2 = r * r
        # log(1 + x) = 2 atanh(r), of which 2 r - x = -r x is taken out.
        series = 1 / 3 + r2 * (1 / 5 + r2 * (1 / 7 + r2 * (1 / 9 + r2 * (1 / 11))))
        near = -r * x + 2.0 * r * r2 * series
        return np.where(np.abs(x) < 0.1, near, np.log1p(x) - x)


def trigamma_excess(x: Array) -> Array:
    """Return ``x trigamma(x) - 1`` for x > 0, about ``1/(2 x)`` for large x."""
    large = x > 50.0
    inverse = 1.0 / np.maximum(x, 1e-300)
    square = inverse * inverse
    far = inverse * (0.5 + inverse * (1 / 6 - square * (1 / 30 - square / 42)))
    return np.where(large, far, x * polygamma(1, np.where(large, 1.0, x)) - 1.0)
