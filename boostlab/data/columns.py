"""The columns of what users give: arrays, lists of lists, frames of any library.

A column can be read as numbers, or as a dictionary of its distinct values; which of
the two is decided once, in fit. Frames are read through narwhals, which is imported
only for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import check_array

from boostlab.data.levels import (
    NUMBER,
    TEXT,
    Dictionary,
    dates_error,
    is_null_type,
    kind_of,
)
from boostlab.data.sparse import Values, read_sparse

Numbers = NDArray[np.floating[Any]]


class Column(Protocol):
    """One column of the input.

    ``label`` names it in messages; ``is_numeric`` says how fit takes it; ``dtype``
    is the numpy type its numbers need; ``order`` are its categories where the data
    declare their order.
    """

    label: str
    is_numeric: bool
    dtype: np.dtype[Any]
    order: Sequence[Any] | None

    def numbers(self) -> Numbers | None:
        """Return the column as floats, NaN where missing; None if it is not numbers."""

    def dictionary(self) -> Dictionary:
        """Return the column as distinct values and codes."""


@dataclass(frozen=True, slots=True)
class Input:
    """What a user gave as X.

    Parameters
    ----------
    shape : tuple of int
        Samples and features.
    names : ndarray of object, shape (n_features,), or None
        Feature names, if all are strings.
    columns : list of Column
        One a feature; none where X is sparse.
    numeric : ndarray or sparse matrix of shape (n_samples, n_features), or None
        The whole of X, where it is one array of floats already.
    """

    shape: tuple[int, int]
    names: NDArray[np.object_] | None
    columns: list[Column]
    numeric: Values | None = None


def read(X: Any, accept_sparse: bool = False) -> Input:
    """Return the columns of `X`; raises ValueError or TypeError if it is no table."""
    if sparse.issparse(X):
        values = read_sparse(X, accept_sparse)
        return Input(values.shape, None, [], values)
    if isinstance(X, np.ndarray | list | tuple):
        return _read_array(X)
    from boostlab.data.frame_columns import read_frame

    found = read_frame(X)
    return _read_array(X) if found is None else found


def _read_array(X: Any) -> Input:
    array = _as_array(X)
    if array.dtype.kind in "mM":
        raise dates_error("X", array.dtype)
    if array.dtype.kind in "SV":
        raise TypeError(
            f"X is an array of type {array.dtype}; give numbers, strings or objects."
        )
    if array.dtype.kind not in "OU":
        # Also what refuses complex, one-dimensional and empty arrays, in the words
        # that scikit-learn's estimators use.
        numeric = check_array(
            array, dtype=[np.float64, np.float32], ensure_all_finite=False
        )
        columns = [NumberColumn(str(j), v) for j, v in enumerate(numeric.T)]
        return Input(numeric.shape, None, columns, numeric)
    array = check_array(array, dtype=None, ensure_all_finite=False)
    cls = ObjectColumn if array.dtype.kind == "O" else TextColumn
    columns = [cls(str(j), values) for j, values in enumerate(array.T)]
    return Input(array.shape, None, columns)


def _as_array(X: Any) -> NDArray[Any]:
    if isinstance(X, np.ma.MaskedArray):
        return X.astype(np.float64).filled(np.nan)
    if isinstance(X, np.ndarray):
        array = X
    else:
        try:
            array = np.asarray(X)
        except ValueError as error:
            raise ValueError(
                "X is made of rows that differ in length or depth; give rows with the "
                "same number of values."
            ) from error
    if isinstance(X, list | tuple) and array.dtype.kind in "US":
        # numpy would make strings of the numbers in a list that holds both.
        return np.asarray(X, dtype=object)
    # Variable-width strings may have missing values; objects can tell them apart.
    return array.astype(object) if array.dtype.kind == "T" else array


def number_dictionary(values: Numbers, kind: type = float) -> Dictionary:
    """Return the dictionary of a column of floats, whose levels are of type `kind`."""
    present = ~np.isnan(values)
    codes = np.full(len(values), -1)
    levels, codes[present] = np.unique(values[present], return_inverse=True)
    return Dictionary(tuple(map(kind, levels.tolist())), codes)


class NumberColumn:
    """A column of a float array."""

    is_numeric = True
    order = None

    def __init__(self, label: str, values: Numbers) -> None:
        self.label = label
        self.values = values
        self.dtype = values.dtype

    def numbers(self) -> Numbers:
        """Return the values."""
        return self.values

    def dictionary(self) -> Dictionary:
        """Return the distinct numbers."""
        return number_dictionary(self.values)


class TextColumn:
    """A column of an array of strings.

    Such an array has no other way to hold a number, so a column in which every
    string reads as a number is numeric.
    """

    dtype = np.dtype(np.float64)
    order = None

    def __init__(self, label: str, values: NDArray[Any]) -> None:
        self.label = label
        self.values = values

    @cached_property
    def is_numeric(self) -> bool:
        """Whether every string reads as a number."""
        return self.numbers() is not None

    def numbers(self) -> Numbers | None:
        """Return the numbers that the strings stand for."""
        try:
            return self.values.astype(np.float64)
        except ValueError:
            return None

    def dictionary(self) -> Dictionary:
        """Return the distinct strings."""
        levels, codes = np.unique(self.values, return_inverse=True)
        return Dictionary(tuple(levels.tolist()), codes)


class ObjectColumn:
    """A column of Python objects: numbers, booleans, strings, missing.

    It is numeric if it holds at least one number or boolean and no string.
    """

    dtype = np.dtype(np.float64)
    order = None

    def __init__(self, label: str, values: NDArray[np.object_]) -> None:
        self.label = label
        self.values = values

    @cached_property
    def _types(self) -> set[type]:
        return {cls for cls in set(map(type, self.values)) if not is_null_type(cls)}

    @cached_property
    def is_numeric(self) -> bool:
        """Whether there are numbers and no strings."""
        kinds = {kind_of(cls, self.label) for cls in self._types}
        if kinds == {NUMBER}:  # NaN alone is missing, not a number
            return any(v == v for v in self.values if not is_null_type(type(v)))
        return bool(kinds) and TEXT not in kinds

    def numbers(self) -> Numbers | None:
        """Return the numbers, with NaN for what is missing."""
        if any(kind_of(cls, self.label) == TEXT for cls in self._types):
            return None
        values = [np.nan if is_null_type(type(v)) else v for v in self.values]
        try:
            return np.array([float(v) for v in values])
        except OverflowError:
            raise ValueError(
                f"Column {self.label} holds an integer too large for a float; scale "
                "the column, or make it strings."
            ) from None

    def dictionary(self) -> Dictionary:
        """Return the distinct values, by kind and value."""
        return Dictionary.of(self.values, self.label)
