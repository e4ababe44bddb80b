"""What families of vectors share: how many outputs they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from boostlab.distributions.base import Distribution


def with_outputs(distribution: Distribution) -> int:
    """Return the number of outputs; ValueError if it is not known yet."""
    if distribution.n_outputs is None:
        name = type(distribution).__name__
        raise ValueError(
            "The number of outputs is not known yet; fit an estimator, or give it: "
            f"{name}(n_outputs=2)."
        )
    return distribution.n_outputs


def check_vectors(distribution: Distribution, y: NDArray[np.float64]) -> Distribution:
    """Return the family for as many outputs as `y` has; ValueError if it cannot be."""
    if y.ndim != 2:
        raise ValueError(
            f"The distribution {distribution.name!r} is for vectors, but y has shape "
            f"{y.shape}; give one column for each output."
        )
    if distribution.n_outputs not in (None, y.shape[1]):
        raise ValueError(
            f"y has {y.shape[1]} columns, but n_outputs of the distribution is "
            f"{distribution.n_outputs}; leave it None to take the number from y."
        )
    return type(distribution)(y.shape[1])
