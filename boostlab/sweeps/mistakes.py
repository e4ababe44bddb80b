"""Messages that point at mistakes: the line of a key, and what was probably meant."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from typing import Any

_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*'|\s*\.\s*)+?)\s*=""")


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """Return the end of a sentence: what was probably meant, or what is allowed."""
    allowed = [str(name) for name in allowed]
    close = difflib.get_close_matches(given, allowed, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    if not allowed or len(allowed) > 20:
        return "check its spelling."
    return f"allowed are {', '.join(map(repr, allowed))}."


class Lines:
    """An index of the lines of a TOML text.

    ``tomllib`` does not tell positions. Headers and keys are found again line by
    line, which covers the TOML that people write; what is not found has no line, and
    the message is then given without one.

    Parameters
    ----------
    text : str
        A TOML text that ``tomllib`` accepts.
    """

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._where: dict[tuple[str, ...], int] = {}
        section: tuple[str, ...] = ()
        for number, line in enumerate(self._lines, start=1):
            stripped = line.strip()
            if stripped.startswith("["):
                section = _path(stripped.split("#")[0])
                self._where.setdefault(section, number)
            elif match := _KEY.match(line):
                path = section + _path(f"{match.group(1)} = 0")
                self._where.setdefault(path, number)

    def of(self, path: tuple[str, ...], value: Any = None) -> int | None:
        """Return the line of `path`, or of the string `value` at or below it.

        Parameters
        ----------
        path : tuple of str
            Keys from the outermost table inwards.
        value : object, optional
            An item of the array at `path`.

        Returns
        -------
        int or None
            Counted from 1; the nearest table around it if the key is not found.
        """
        known = path
        while known and known not in self._where:
            known = known[:-1]
        line = self._where.get(known)
        if line is None or not isinstance(value, str):
            return line
        quoted = (f'"{value}"', f"'{value}'")
        for number in range(line, len(self._lines) + 1):
            if any(q in self._lines[number - 1] for q in quoted):
                return number
        return line


def _path(line: str) -> tuple[str, ...]:
    """Return the keys that one header or one assignment opens."""
    try:
        node: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    keys = []
    while isinstance(node, dict | list) and node:
        if isinstance(node, list):
            node = node[0]
            continue
        key = next(iter(node))
        keys.append(key)
        node = node[key]
    return tuple(keys)
