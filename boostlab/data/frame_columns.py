"""The columns of frames of any library that narwhals knows.

Values are read by type, never by the codes of a dictionary, whose order differs
between equal frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from narwhals.exceptions import DuplicateError
from narwhals.stable.v2.dependencies import is_into_series
from numpy.typing import NDArray

from boostlab.data.columns import (
    Column,
    Input,
    Numbers,
    ObjectColumn,
    number_dictionary,
)
from boostlab.data.levels import Dictionary, dates_error

# Types that float32 holds exactly, and what numpy promotes them as.
_NARROW = {
    "Float32": np.float32,
    "Float16": np.float16,
    "Int16": np.int16,
    "UInt16": np.uint16,
    "Int8": np.int8,
    "UInt8": np.uint8,
    "Boolean": np.bool_,
}


def read_frame(X: Any) -> Input | None:
    """Return the columns of a frame; None if `X` is not a frame."""
    if is_into_series(X):
        raise ValueError(
            f"Expected a 2-dimensional container but got {type(X)} instead; give a "
            "frame of one column, or of one row."
        )
    try:
        frame = nw.from_native(X, pass_through=True)
    except DuplicateError:
        names = list(getattr(X, "column_names", X.columns))
        twice = min(str(name) for name in names if names.count(name) > 1)
        raise ValueError(
            f"X has several columns named {twice!r}; give every column its own name."
        ) from None
    if isinstance(frame, nw.LazyFrame):
        raise TypeError(
            f"X is a lazy frame ({type(X).__name__}); collect it first, for example "
            "with X.collect()."
        )
    if not isinstance(frame, nw.DataFrame):
        return None
    _check_shape(frame.shape)
    names = _string_names(frame.columns)
    columns = [_column(series) for series in frame.iter_columns()]
    return Input(frame.shape, names, columns, _float_matrix(frame))


def _check_shape(shape: tuple[int, int]) -> None:
    """Raise in scikit-learn's words, which its estimator checks look for."""
    for number, what in zip(shape, ("sample(s)", "feature(s)"), strict=True):
        if number == 0:
            raise ValueError(
                f"Found array with 0 {what} (shape={shape}) while a minimum of 1 is "
                "required."
            )


def _string_names(names: Sequence[Any]) -> NDArray[np.object_] | None:
    """Return the names if all are strings, None if none is, as scikit-learn does."""
    are_strings = [isinstance(name, str) for name in names]
    if all(are_strings):
        return np.array(names, dtype=object)
    if any(are_strings):
        types = sorted({type(name).__qualname__ for name in names})
        raise TypeError(
            "Feature names are only supported if all input features have string "
            f"names, but your input has {types} as column name types; convert them, "
            "for example by X.columns = X.columns.astype(str)."
        )
    return None


def _float_matrix(frame: nw.DataFrame[Any]) -> Numbers | None:
    """Return a frame of floats of one type as a matrix, without a copy if possible."""
    dtypes = set(frame.schema.values())
    if dtypes not in ({nw.Float64}, {nw.Float32}):
        return None
    matrix = frame.to_numpy()
    expected = np.float64 if dtypes == {nw.Float64} else np.float32
    return matrix if matrix.dtype == expected else None


def _column(series: nw.Series[Any]) -> Column:
    """Return the reader for a column of this type, or raise if there is none."""
    label, dtype = repr(series.name), series.dtype
    if dtype.is_numeric() or dtype == nw.Boolean:
        return NumericSeries(label, series)
    if dtype == nw.Object:
        values = np.empty(len(series), dtype=object)
        values[:] = series.to_list()
        return ObjectColumn(label, values)
    if dtype in (nw.String, nw.Categorical, nw.Enum):
        return LevelSeries(label, series)
    if series.null_count() == len(series):
        return LevelSeries(label, series)
    native = getattr(series.to_native(), "dtype", dtype)
    if dtype.is_temporal():
        raise dates_error(f"Column {label}", native)
    if "complex" in str(native):
        raise ValueError(f"Complex data not supported: column {label} holds it.")
    raise TypeError(
        f"Column {label} has the type {native}, which is neither numbers nor "
        "categories; convert it to one of them, or leave it out."
    )


class NumericSeries:
    """A column of numbers or booleans; nulls are missing."""

    is_numeric = True
    is_quick = True
    """Whether numbers are better read again than kept."""
    order = None

    def __init__(self, label: str, series: nw.Series[Any]) -> None:
        self.label = label
        self.series = series
        self.dtype = np.dtype(_NARROW.get(str(series.dtype), np.float64))

    def numbers(self) -> Numbers:
        """Return the column as float32 if that is its type, else as float64."""
        single = self.series.dtype == nw.Float32
        return self.series.cast(nw.Float32 if single else nw.Float64).to_numpy()

    def dictionary(self) -> Dictionary:
        """Return the distinct numbers or booleans."""
        kind = bool if self.series.dtype == nw.Boolean else float
        return number_dictionary(self.numbers(), kind)


class LevelSeries:
    """A column of strings or categories, or one without any value."""

    is_numeric = False
    # Codes are few: numpy promotes them as small integers.
    dtype = np.dtype(np.int16)

    def __init__(self, label: str, series: nw.Series[Any]) -> None:
        self.label = label
        self.series = series

    @property
    def order(self) -> Sequence[Any] | None:
        """The categories, where the type declares their order."""
        if self.series.dtype == nw.Enum:
            return self.series.dtype.categories
        native = self.series.to_native()
        if getattr(getattr(native, "type", None), "ordered", False):
            return native.unify_dictionaries().chunk(0).dictionary.to_pylist()
        return None

    def numbers(self) -> Numbers | None:
        """Return NaNs if all values are missing, else None."""
        n_samples = len(self.series)
        missing = self.series.null_count() == n_samples
        return np.full(n_samples, np.nan) if missing else None

    def dictionary(self) -> Dictionary:
        """Return the distinct values."""
        n_samples = len(self.series)
        native, library = self.series.to_native(), self.series.implementation
        if self.series.null_count() == n_samples:
            return Dictionary((), np.full(n_samples, -1))
        if library.is_pandas():
            codes, levels = native.factorize()
            return Dictionary(tuple(levels.tolist()), codes)
        if library.is_pyarrow():
            return _arrow_dictionary(native)
        levels = self.series.drop_nulls().unique().to_list()
        positions = self.series.replace_strict(
            levels, list(range(len(levels))), return_dtype=nw.Float64
        ).to_numpy()
        codes = np.where(np.isnan(positions), -1, positions).astype(np.intp)
        return Dictionary(tuple(levels), codes)


def _arrow_dictionary(column: Any) -> Dictionary:
    """Return the distinct values of a pyarrow chunked array."""
    if hasattr(column.type, "value_type"):
        column = column.cast(column.type.value_type)
    encoded = column.dictionary_encode().unify_dictionaries().combine_chunks()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Dictionary(tuple(encoded.dictionary.to_pylist()), codes)
