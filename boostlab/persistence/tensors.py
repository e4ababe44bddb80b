"""Arrays as safetensors, with the checks that its reader leaves to the caller."""

from __future__ import annotations

import sys

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as _load
from safetensors.numpy import save as _save

_FLOATS = frozenset({"float16", "float32", "float64"})
_INTEGERS = frozenset({"int8", "int16", "int32", "int64"})
DTYPES = _FLOATS | _INTEGERS | {"bool", "uint8", "uint16", "uint32", "uint64"}
"""Names of the NumPy dtypes that a model file may hold."""

_RESERVED = "__metadata__"
_LENGTH_BYTES = 8


def pack(arrays: dict[str, np.ndarray]) -> bytes:
    """Return `arrays` as the bytes of a safetensors file; equal arrays, equal bytes.

    Raises
    ------
    TypeError
        If a name is not a usable string, or a dtype is not in :data:`DTYPES`.
    """
    return _save({name: native(arrays[name], name) for name in sorted(arrays)})


def native(array: np.ndarray, name: str) -> np.ndarray:
    """Return `array` as contiguous little-endian rows, the layout of the file."""
    if not isinstance(name, str) or not name or name == _RESERVED:
        raise TypeError(
            f"{name!r} cannot name an array of a model file; use a non-empty string "
            f"other than {_RESERVED!r}."
        )
    if not isinstance(array, np.ndarray) or array.dtype.name not in DTYPES:
        kind = getattr(array, "dtype", type(array).__name__)
        raise TypeError(
            f"The array {name!r} of a model file is {kind}; allowed are NumPy arrays "
            f"of {', '.join(sorted(DTYPES))}."
        )
    little = array.dtype.newbyteorder("<" if sys.byteorder == "big" else "=")
    # Not ascontiguousarray, which turns a number of shape () into one of shape (1,).
    return np.asarray(array, dtype=little, order="C")


def unpack(data: bytes, max_header_bytes: int) -> dict[str, np.ndarray]:
    """Return the arrays of a safetensors file.

    Raises
    ------
    ValueError
        If the bytes are no safetensors file, its header is longer than
        `max_header_bytes`, or it holds a dtype not in :data:`DTYPES`.
    """
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if len(data) < _LENGTH_BYTES or length > len(data) - _LENGTH_BYTES:
        raise ValueError("its arrays are cut off")
    if length > max_header_bytes:
        raise ValueError(
            f"the header of its arrays takes {length} bytes, where {max_header_bytes} "
            "are allowed"
        )
    try:
        arrays = _load(data)
    except KeyError as error:
        raise ValueError(f"it holds arrays of the unknown type {error}") from error
    except SafetensorError as error:
        raise ValueError(f"its arrays cannot be read ({error})") from error
    for name, array in arrays.items():
        _check(name, array)
    return arrays


def _check(name: str, array: np.ndarray) -> None:
    if array.dtype.name not in DTYPES:
        raise ValueError(f"its array {name!r} is {array.dtype}, which is not allowed")
    # A truth value other than 0 and 1 is undefined behaviour in compiled code.
    if array.dtype == bool and array.size and array.view(np.uint8).max() > 1:
        raise ValueError(f"its array {name!r} has truth values other than 0 and 1")
