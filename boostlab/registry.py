"""Names of the components that model files may hold.

A model file names its components; only a class registered here, under exactly that
name, is ever made from one. Components are plain data: ``to_parts()`` returns a
JSON-able dict and a dict of arrays, and the class method ``from_parts(data,
arrays)`` checks both and builds the component again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

_Class = TypeVar("_Class", bound=type)

_CLASSES: dict[str, type] = {}


def register(name: str) -> Callable[[_Class], _Class]:
    """Class decorator: let model files hold this class under `name`."""

    def decorate(cls: _Class) -> _Class:
        if _CLASSES.setdefault(name, cls) is not cls:
            raise ValueError(f"The component name {name!r} is already taken.")
        return cls

    return decorate


def class_named(name: str) -> type | None:
    """Return the class registered under `name`, or None."""
    return _CLASSES.get(name)


def name_of(cls: type) -> str | None:
    """Return the name `cls` is registered under, or None."""
    return next((name for name, known in _CLASSES.items() if known is cls), None)
