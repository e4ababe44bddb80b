"""A reader of UBJSON, the binary JSON that XGBoost writes.

Draft 12 of the format (ubjson.org), all of it but high-precision numbers. Nothing is
allocated that the file does not hold: an element takes at least a byte, so no count
can exceed what is left to read, and nesting is bounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

MAX_DEPTH = 64

_NUMBERS = {
    b"i": ">i1",
    b"U": ">u1",
    b"I": ">i2",
    b"l": ">i4",
    b"L": ">i8",
    b"d": ">f4",
    b"D": ">f8",
}
_INTEGERS = (b"i", b"U", b"I", b"l", b"L")
_CONSTANTS = {b"Z": None, b"T": True, b"F": False}


def loads(data: bytes) -> Any:
    """Return the value of a UBJSON text.

    Parameters
    ----------
    data : bytes
        The text: one value, and nothing after it.

    Returns
    -------
    dict, list, ndarray, str, int, float, bool or None
        Arrays of one declared numeric type come as ndarrays of that type.

    Raises
    ------
    ValueError
        If the text is cut short, malformed, repeats a key, nests deeper than 64
        levels, or goes on after its value.
    """
    reader = _Reader(bytes(data))
    value = reader.value(reader.marker(), 1)
    if reader.position != len(reader.data):
        raise ValueError("its UBJSON goes on after its end")
    return value


class _Reader:
    """A position in a text.

    Parameters
    ----------
    data : bytes
        The text.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        if not 0 <= count <= len(self.data) - self.position:
            raise ValueError("its UBJSON is cut short or has a wrong length")
        begin, self.position = self.position, self.position + count
        return self.data[begin : self.position]

    def marker(self) -> bytes:
        """Return the next type marker; no-ops are skipped."""
        marker = self.take(1)
        while marker == b"N":
            marker = self.take(1)
        return marker

    def value(self, marker: bytes, depth: int) -> Any:
        """Return the value that `marker` announces."""
        if depth > MAX_DEPTH:
            raise ValueError(f"its UBJSON nests deeper than {MAX_DEPTH} levels")
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker in _NUMBERS:
            return self.numbers(marker, 1)[0].item()
        if marker == b"S":
            return self.text(self.length())
        if marker == b"C":
            return self.text(1)
        if marker == b"[":
            return self.array(depth)
        if marker == b"{":
            return self.object(depth)
        raise ValueError(f"its UBJSON has the unknown type {marker!r}")

    def numbers(self, marker: bytes, count: int) -> np.ndarray:
        """Return `count` numbers of one type, in the machine's byte order."""
        dtype = np.dtype(_NUMBERS[marker])
        packed = self.take(count * dtype.itemsize)
        return np.frombuffer(packed, dtype).astype(dtype.newbyteorder("="))

    def length(self) -> int:
        """Return a length, which is stored as an integer of any type."""
        marker = self.marker()
        if marker not in _INTEGERS:
            raise ValueError("its UBJSON has a length that is not an integer")
        count = int(self.numbers(marker, 1)[0])
        if not 0 <= count <= len(self.data):
            raise ValueError(f"its UBJSON has a length of {count}, beyond its size")
        return count

    def text(self, count: int) -> str:
        """Return a string of `count` bytes."""
        try:
            return self.take(count).decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"its UBJSON has text that is not UTF-8: {error}") from (
                error
            )

    def head(self) -> tuple[bytes | None, int | None]:
        """Return the type and the count that a container declares, or None."""
        kind = None
        if self.peek() == b"$":
            self.take(1)
            kind = self.take(1)
            if self.peek() != b"#" or kind in _CONSTANTS or kind == b"N":
                raise ValueError("its UBJSON has a typed container without a count")
        if self.peek() != b"#":
            return None, None
        self.take(1)
        return kind, self.length()

    def peek(self) -> bytes:
        """Return the next byte without taking it."""
        return self.data[self.position : self.position + 1]

    def array(self, depth: int) -> Any:
        """Return an array, from behind its bracket."""
        kind, count = self.head()
        if kind in _NUMBERS and count is not None:
            return self.numbers(kind, count)
        items: list[Any] = []
        while count is None or len(items) < count:
            marker = kind or self.marker()
            if count is None and marker == b"]":
                break
            items.append(self.value(marker, depth + 1))
        return items

    def object(self, depth: int) -> dict[str, Any]:
        """Return an object, from behind its brace."""
        kind, count = self.head()
        items: dict[str, Any] = {}
        while count is None or len(items) < count:
            if count is None and self.peek() == b"}":
                self.take(1)
                break
            key = self.text(self.length())
            if key in items:
                raise ValueError(f"its UBJSON has the key {key!r:.60} twice")
            items[key] = self.value(kind or self.marker(), depth + 1)
        return items
