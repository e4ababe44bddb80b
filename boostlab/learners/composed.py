"""Hypotheses made of other plain parts, to plain data and arrays and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
_Made = TypeVar("_Made")


def composed_to_parts(
    whole: Any, members: Sequence[str]
) -> tuple[dict[str, Any], Arrays]:
    """Return a slotted dataclass of members with ``to_parts``, and float arrays.

    Parameters
    ----------
    whole : object
        Each of its slots is a member, or a float64 array.
    members : sequence of str
        Names of the members.
    """
    data, arrays = {}, {}
    for name in whole.__slots__:
        value = getattr(whole, name)
        if name in members:
            data[name], own = value.to_parts()
            arrays |= {f"{name}/{key}": array for key, array in own.items()}
        else:
            arrays[name] = np.ascontiguousarray(value)
    return data, arrays


def composed_from_parts(
    cls: type[_Made], data: Any, arrays: Arrays, members: Mapping[str, Any]
) -> _Made:
    """Build what :func:`composed_to_parts` described.

    Raises
    ------
    ValueError
        If a part is missing, unknown, or not a finite float64 array.
    """
    own: dict[str, Arrays] = {name: {} for name in members}
    plain: Arrays = {}
    for key, array in arrays.items():
        name, slash, rest = key.partition("/")
        if slash:
            own.setdefault(name, {})[rest] = array
        else:
            plain[name] = array
    names = set(data) | set(plain)
    if (
        names != set(cls.__slots__)
        or set(data) != set(members)
        or set(own) != set(data)
    ):
        raise ValueError(
            f"A {cls.__name__} has the parts {list(cls.__slots__)}, not these; the "
            "file is damaged."
        )
    for name, array in plain.items():
        if array.dtype != np.float64 or not np.isfinite(array).all():
            raise ValueError(f"The array {name!r} is not of finite float64 numbers.")
    built = {
        name: member.from_parts(data[name], own[name])
        for name, member in members.items()
    }
    return cls(**built, **plain)
