"""Components to plain parts and back: the only way an object enters or leaves a file.

A component is an instance of a class registered with
:func:`boostlab.registry.register`. Its parts are a JSON-able dict and a flat dict of
arrays; nested components keep their arrays under a common prefix and a ``/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from boostlab.registry import class_named, name_of

Arrays = dict[str, np.ndarray]

# What a careless from_parts raises on data of the wrong kind, besides ValueError.
_CARELESS = (
    ArithmeticError,
    AttributeError,
    IndexError,
    KeyError,
    MemoryError,
    TypeError,
)


def to_parts(component: Any) -> tuple[dict[str, Any], Arrays]:
    """Return a registered component as ``{"component": name, "data": ...}`` and arrays.

    Raises
    ------
    TypeError
        If the class of `component` is not registered.
    """
    name = _registered(component)
    data, arrays = component.to_parts()
    return {"component": name, "data": data}, arrays


def from_parts(data: Any, arrays: Arrays, role: str, needs: Sequence[str]) -> Any:
    """Return the component of :func:`to_parts`.

    Parameters
    ----------
    data, arrays
        What :func:`to_parts` returned.
    role : str
        What the component is for, as the error sentences call it.
    needs : sequence of str
        Attributes that the class must have to fill that role.

    Raises
    ------
    ValueError
        If the component is unknown, cannot fill the role, or refuses its parts.
    """
    fields(data, {"component", "data"}, role)
    cls = _class(data["component"], role, needs)
    return build(cls.from_parts, data["data"], arrays, role=role)


def sequence_to_parts(components: Sequence[Any]) -> tuple[list[Any], Arrays]:
    """Return many components as a list of runs, and arrays.

    Consecutive components of one class make a run. A class with the class methods
    ``pack(components) -> (data, arrays)`` and ``unpack(data, arrays) -> list`` turns
    a run into a few long arrays; the others are written one by one.
    """
    runs: list[Any] = []
    arrays: Arrays = {}
    for cls, group in groupby(components, key=type):
        members = list(group)
        run = {"component": _registered(members[0]), "count": len(members)}
        if hasattr(cls, "pack"):
            run["packed"], own = cls.pack(members)
        else:
            each = [member.to_parts() for member in members]
            run["data"] = [part[0] for part in each]
            own = join({str(i): part[1] for i, part in enumerate(each)})
        arrays |= join({str(len(runs)): own})
        runs.append(run)
    return runs, arrays


def sequence_from_parts(
    runs: Any, arrays: Arrays, role: str, needs: Sequence[str]
) -> list[Any]:
    """Return the components of :func:`sequence_to_parts`, checked alike."""
    if not isinstance(runs, list):
        raise ValueError(f"the list of its {role} parts is not a list")
    groups = split(arrays, len(runs), role)
    return [
        component
        for run, own in zip(runs, groups, strict=True)
        for component in _run(run, own, role, needs)
    ]


def fields(data: Any, names: set[str], role: str) -> None:
    """Raise ValueError unless `data` is a dict with exactly these keys."""
    if not isinstance(data, dict) or set(data) != names:
        found = sorted(data) if isinstance(data, dict) else type(data).__name__
        raise ValueError(
            f"the {role} part of the file has {found!r:.120}, where {sorted(names)} "
            "are expected"
        )


def join(groups: dict[str, Arrays]) -> Arrays:
    """Return one flat dict of the arrays of several parts, each under its prefix."""
    return {
        f"{prefix}/{name}": array
        for prefix, arrays in groups.items()
        for name, array in arrays.items()
    }


def part(groups: dict[str, Arrays], prefix: str) -> Arrays:
    """Return the arrays of one part; empty where the part has none."""
    return groups.get(prefix, {})


def by_prefix(arrays: Arrays, allowed: set[str], role: str) -> dict[str, Arrays]:
    """Undo :func:`join`; ValueError where a name has none of the allowed prefixes."""
    groups: dict[str, Arrays] = {}
    for name, array in arrays.items():
        prefix, slash, rest = name.partition("/")
        if not slash or not rest or prefix not in allowed:
            raise ValueError(f"the {role} part has an unexpected array {name!r:.80}")
        groups.setdefault(prefix, {})[rest] = array
    return groups


def split(arrays: Arrays, count: int, role: str) -> list[Arrays]:
    """Undo :func:`join` for parts that are numbered 0 .. count - 1."""
    names = [str(i) for i in range(count)]
    groups = by_prefix(arrays, set(names), role)
    return [part(groups, name) for name in names]


def take(arrays: Arrays, name: str, dtype: Any, shape: tuple[int | None, ...]) -> Any:
    """Return ``arrays[name]`` if it has this dtype and shape; None is any length.

    Raises
    ------
    ValueError
        If the array is missing or different.
    """
    array = arrays.get(name)
    if array is None:
        raise ValueError(f"the array {name!r} is missing")
    fits = array.ndim == len(shape) and all(
        wanted in (None, length)
        for wanted, length in zip(shape, array.shape, strict=True)
    )
    if array.dtype != dtype or not fits:
        expected = tuple("any" if length is None else length for length in shape)
        raise ValueError(
            f"the array {name!r} has dtype {array.dtype} and shape {array.shape}, "
            f"where {np.dtype(dtype)} and {expected} are expected"
        )
    return array


def build(make: Any, *parts: Any, role: str) -> Any:
    """Call ``make(*parts)``; whatever damaged parts do to it becomes a ValueError."""
    try:
        return make(*parts)
    except _CARELESS as error:
        raise ValueError(
            f"its {role} is damaged ({type(error).__name__}: {error})"
        ) from error


def _run(run: Any, arrays: Arrays, role: str, needs: Sequence[str]) -> list[Any]:
    """Return the components of one run."""
    kind = "packed" if isinstance(run, dict) and "packed" in run else "data"
    fields(run, {"component", "count", kind}, role)
    cls = _class(run["component"], role, needs)
    if kind == "packed":
        if not hasattr(cls, "unpack"):
            raise ValueError(f"the component {run['component']!r} cannot be unpacked")
        members = build(cls.unpack, run["packed"], arrays, role=role)
    else:
        data = run["data"]
        if not isinstance(data, list):
            raise ValueError(f"the {role} part of the file is not a list")
        groups = split(arrays, len(data), role)
        members = [
            build(cls.from_parts, *pair, role=role)
            for pair in zip(data, groups, strict=True)
        ]
    if len(members) != run["count"]:
        raise ValueError(
            f"the {role} part of the file has {len(members)} members, not the "
            f"{run['count']!r:.20} it declares"
        )
    return members


def _class(name: Any, role: str, needs: Sequence[str]) -> Any:
    """Return the class registered under `name` if it can fill the role."""
    cls = class_named(name) if isinstance(name, str) else None
    if cls is None:
        raise ValueError(
            f"its {role} is the component {name!r:.60}, which is unknown here: import "
            "the package that defines it, or upgrade boostlab"
        )
    if not all(hasattr(cls, need) for need in ("from_parts", *needs)):
        raise ValueError(f"the component {name!r} cannot be its {role}")
    return cls


def _registered(component: Any) -> str:
    """Return the name of the component's class; TypeError without one."""
    name = name_of(type(component))
    if name is None or not hasattr(component, "to_parts"):
        raise TypeError(
            f"{type(component).__name__} cannot be stored in a model file, because it "
            "is not registered with boostlab.registry.register; use pickle for this "
            "model."
        )
    return name
