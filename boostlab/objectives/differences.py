"""Derivatives by differences, and how far to trust them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEP = 1e-5
"""Step of the differences, relative to the size of the raw prediction."""


def _differences(
    function: Callable[[Array], Array], raw: Array, output: int, step: float
) -> Array:
    """Return central differences of `function` by one output."""
    size = step * np.maximum(1.0, np.abs(raw[:, output]))
    up, down = raw.copy(order="F"), raw.copy(order="F")
    up[:, output] += size
    down[:, output] -= size
    return (function(up) - function(down)) / (up[:, output] - down[:, output])


def numeric_derivatives(
    function: Callable[[Array, int], Array], raw: Array
) -> tuple[Array, Array]:
    """Return differences by every output (n, K), and where they can be trusted.

    At a kink, or where digits run out, those of a smaller step differ.
    """
    values, trusted = np.empty(raw.shape), np.empty(raw.shape, dtype=bool)
    for k in range(raw.shape[1]):
        coarse, fine = (
            _differences(lambda at, k=k: function(at, k), raw, k, step)
            for step in (STEP, STEP / 2)
        )
        values[:, k] = fine
        scale = np.abs(fine) + 1e-3 * np.max(np.abs(fine), initial=1e-12)
        trusted[:, k] = np.abs(coarse - fine) <= 1e-4 * scale
    return values, trusted


def agree(given: Array, numeric: Array, trusted: Array, rtol: float) -> bool:
    """Return whether trusted values agree, relative to their own and typical size."""
    if not np.any(trusted):
        return True
    typical = np.median(np.abs(numeric[trusted]))
    noise = 1e-6 * np.max(np.abs(numeric[trusted]))
    allowed = rtol * (np.abs(numeric) + 0.1 * typical) + noise
    return bool(np.all((np.abs(given - numeric) <= allowed)[trusted]))
