"""Sparse matrices: read by features, a few at a time, as if they were dense.

Zeros that are not stored are values like any other, and stored NaN is missing. So a
sparse matrix gives the bins, and the models, of the dense one, bit for bit; bins take a
byte a value and copy, and the only dense floats are those of a few features or rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import check_array

from boostlab.data.frame_values import FrameValues
from boostlab.data.spill import SpilledValues
from boostlab.data.taken import TakenRows

Values = Any
"""A matrix of floats: an ndarray or some rows of one, CSR or CSC of scipy, columns of a
frame, or on disk."""


def read_sparse(X: Any, owner_takes_it: bool) -> Values:
    """Return a sparse X as floats in CSR or CSC form.

    Raises
    ------
    TypeError
        If the owner needs dense data.
    ValueError
        If X is empty, or holds complex numbers.
    """
    if not owner_takes_it:
        raise TypeError(
            "X is a sparse matrix, but dense data is required; convert it with "
            "X.toarray(), or let trees learn, which take it."
        )
    return check_array(
        X,
        accept_sparse=["csc", "csr"],
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
    )


def dense_features(values: Values, first: int, stop: int) -> NDArray[Any]:
    """Return some features of a matrix, shape (n, stop - first)."""
    if isinstance(values, SpilledValues | TakenRows | FrameValues):
        return values.features(first, stop)
    if not sparse.issparse(values):
        return values[:, first:stop]
    return by_feature(values)[:, first:stop].toarray(order="F")


def dense_columns(values: Values) -> Iterator[NDArray[Any]]:
    """Yield one feature after another, shape (n,)."""
    values = by_feature(values)
    for j in range(values.shape[1]):
        yield dense_features(values, j, j + 1)[:, 0]


def by_feature(values: Values) -> Values:
    """Return a matrix of which features are quickly read."""
    return values.tocsc() if sparse.issparse(values) else values
