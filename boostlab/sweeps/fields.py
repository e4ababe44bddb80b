"""Typed access to the data of a declaration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from boostlab.sweeps.mistakes import Lines, did_you_mean


class Fields:
    """Takes values out of TOML data, and collects mistakes on the way."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.mistakes: list[tuple[int, str]] = []

    def in_order(self) -> list[str]:
        """Return the mistakes as sentences, by line."""
        return [
            f"line {line}: {text}" if line else text
            for line, text in sorted(self.mistakes, key=lambda m: m[0])
        ]

    def wrong(self, path: tuple[str, ...], text: str, value: Any = None) -> None:
        """Note a mistake at `path`."""
        self.mistakes.append((self.lines.of(path, value) or 0, text))

    def keys(
        self, where: tuple[str, ...], data: dict[str, Any], allowed: Iterable[str]
    ) -> None:
        """Note every key that is not allowed."""
        for key in (k for k in data if k not in tuple(allowed)):
            place = f"[{'.'.join(where)}]" if where else "The file"
            near = did_you_mean(key, allowed)
            self.wrong((*where, key), f"{place} has no key {key!r}; {near}")

    def table(
        self, data: dict[str, Any], key: str, where: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return a sub-table, empty if absent."""
        return self.typed(data, key, where, dict, "a table") or {}

    params = table

    def string(
        self, data: dict[str, Any], key: str, where: tuple[str, ...]
    ) -> str | None:
        """Return a string or None."""
        return self.typed(data, key, where, str, "a string")

    def strings(
        self, data: dict[str, Any], key: str, where: tuple[str, ...]
    ) -> list[str]:
        """Return a list of strings, empty if absent."""
        values = self.typed(data, key, where, list, "a list of strings") or []
        for value in (v for v in values if not isinstance(v, str)):
            text = f"{key} holds {value!r}, which is not a string; quote it."
            self.wrong((*where, key), text)
        return [value for value in values if isinstance(value, str)]

    def choice(
        self,
        data: dict[str, Any],
        key: str,
        where: tuple[str, ...],
        allowed: Iterable[str],
    ) -> str | None:
        """Return one of the allowed strings, or None."""
        value = self.string(data, key, where)
        if value is not None and value not in allowed:
            near = did_you_mean(value, allowed)
            self.wrong((*where, key), f"{key} is {value!r}; {near}")
            return None
        return value

    def integer(
        self,
        data: dict[str, Any],
        key: str,
        where: tuple[str, ...],
        least: int,
        default: Any,
    ) -> Any:
        """Return an integer of at least `least`, or the default."""
        value = data.get(key, default)
        if key in data and (
            not isinstance(value, int) or isinstance(value, bool) or value < least
        ):
            place = f"[{'.'.join(where)}] {key}"
            text = f"{place} is {value!r}; give an integer of at least {least}."
            self.wrong((*where, key), text)
            return default
        return value

    def number(
        self,
        data: dict[str, Any],
        key: str,
        where: tuple[str, ...],
        above: float,
        below: float,
        default: float,
    ) -> float:
        """Return a number between two others, or the default."""
        value = data.get(key, default)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not above < value < below:
            place = f"[{'.'.join(where)}] {key}"
            text = f"{place} is {value!r}; give a number between {above} and {below}."
            self.wrong((*where, key), text)
            return default
        return value

    def typed(
        self,
        data: dict[str, Any],
        key: str,
        where: tuple[str, ...],
        kind: type,
        phrase: str,
    ) -> Any:
        """Return a value of the kind wanted, or None."""
        value = data.get(key)
        if value is not None and not isinstance(value, kind):
            place = f"[{'.'.join(where)}] {key}" if where else key
            self.wrong((*where, key), f"{place} is {value!r}; give {phrase}.")
            return None
        return value
