"""The classes of a classifier as plain data: stored by value, with their kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.persistence.parts import Arrays, fields
from boostlab.persistence.tensors import DTYPES

_MAX_WIDTH = 1 << 16


def classes_to_parts(classes: NDArray[Any]) -> tuple[dict[str, Any], Arrays]:
    """Return the array `classes` as JSON-able data and arrays.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Ascending labels: numbers, truth values, strings, or objects of these types.

    Raises
    ------
    TypeError
        If a label is of another type.
    """
    if classes.dtype.name in DTYPES:
        return {"kind": "numbers"}, {"values": classes}
    if classes.dtype.kind == "U":
        # The width, because predictions have the dtype of the classes.
        width = classes.dtype.itemsize // 4
        return {"kind": "strings", "width": width, "values": classes.tolist()}, {}
    values = [v.item() if isinstance(v, np.generic) else v for v in classes.tolist()]
    odd = next((v for v in values if not isinstance(v, bool | int | float | str)), None)
    if odd is not None or classes.dtype.kind != "O":
        kind = classes.dtype if odd is None else type(odd).__name__
        raise TypeError(
            f"The attribute 'classes_' holds labels of type {kind}, which a model file "
            "cannot store; use numbers or strings as labels, or pickle for this model."
        )
    return {"kind": "objects", "values": values}, {}


def classes_from_parts(data: Any, arrays: Arrays) -> NDArray[Any]:
    """Return the array of :func:`classes_to_parts`.

    Raises
    ------
    ValueError
        If the labels are malformed, or not ascending.
    """
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind == "numbers":
        fields(data, {"kind"}, "classes")
        classes = arrays.get("values")
        sound = classes is not None and classes.ndim == 1 and len(arrays) == 1
    else:
        names = {"kind", "values"} | ({"width"} if kind == "strings" else set())
        fields(data, names, "classes")
        values = data["values"]
        label = str if kind == "strings" else bool | int | float | str
        sound = (
            kind in ("strings", "objects")
            and isinstance(values, list)
            and all(isinstance(value, label) for value in values)
            and not arrays
        )
        if sound and kind == "strings":
            width = max(map(len, values), default=0)
            declared = data["width"]
            sound = type(declared) is int and width <= declared <= _MAX_WIDTH
            classes = np.array(values, dtype=f"U{declared}") if sound else None
        elif sound:
            classes = np.empty(len(values), dtype=object)
            classes[:] = values
    if not sound or not _ascending(classes):
        raise ValueError("its classes are not a vector of ascending labels")
    return classes.copy()


def _ascending(classes: NDArray[Any]) -> bool:
    """Whether the labels are at least one, distinct, and in the order of np.unique."""
    try:
        return len(classes) > 0 and np.array_equal(np.unique(classes), classes)
    except TypeError:  # labels of kinds that cannot be compared
        return False
