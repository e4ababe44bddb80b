"""Canonical JSON: one text for one value, and nothing but plain data comes back.

Python's ``json`` is lenient where a file format must not be: it writes and reads the
non-standard ``NaN`` and ``Infinity``, takes the last of two equal keys, and nests as
deep as the interpreter stack lasts. Here keys are sorted, numbers that JSON lacks
are spelt ``{"!float": "nan"}``, and depth and digits are bounded.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import numpy as np

MAX_DEPTH = 64
MAX_DIGITS = 40
"""Digits of an integer; the 128-bit state of a generator has 39."""

_FLOAT = "!float"
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
# The last alternative ends an unterminated string at the end of the text, so that
# the pattern matches at every quote and the scan stays linear.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)


def dumps(value: Any) -> bytes:
    """Return `value` as canonical JSON, ASCII only.

    Parameters
    ----------
    value : dict, list, tuple, str, bool, int, float, None or numpy scalar, nested
        Tuples become lists.

    Raises
    ------
    TypeError
        If something in `value` is none of these.
    ValueError
        If `value` nests too deep or holds a huge integer.
    """
    text = json.dumps(
        plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return text.encode("ascii")


def plain(value: Any, where: str = "data", depth: int = 1) -> Any:
    """Return `value` with only types that JSON has; see :func:`dumps`."""
    if depth > MAX_DEPTH:
        raise ValueError(
            f"The data to save nests deeper than {MAX_DEPTH} levels at {where!r}; "
            "flatten it, or hold it in arrays."
        )
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return _bounded(value, where)
    if isinstance(value, float):
        return value if math.isfinite(value) else {_FLOAT: repr(value)}
    if isinstance(value, list | tuple):
        return [plain(item, where, depth + 1) for item in value]
    if isinstance(value, dict):
        return {
            _key(key, where): plain(item, key, depth + 1) for key, item in value.items()
        }
    raise TypeError(
        f"A model file cannot hold the {type(value).__name__} found at {where!r}; it "
        "takes numbers, strings, None, and lists and dicts of them."
    )


def loads(text: bytes, *, not_finite: bool = False) -> Any:
    """Return the value of canonical JSON.

    Parameters
    ----------
    text : bytes
        The JSON, UTF-8.
    not_finite : bool, default=False
        Whether the words NaN, Infinity and -Infinity are allowed, which are not in the
        standard but in files of other libraries.

    Raises
    ------
    ValueError
        If `text` is not JSON, repeats a key, nests deeper than 64 levels, or holds
        NaN, an infinity, or an integer of more than 40 digits.
    """
    depth = _depth(text)
    if depth > MAX_DEPTH:
        raise ValueError(
            f"its JSON nests {depth} levels deep, where {MAX_DEPTH} are allowed"
        )
    try:
        return json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=float if not_finite else _refuse_constant,
            parse_int=_integer,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"its JSON cannot be read ({error})") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"its JSON is not UTF-8 ({error})") from error


def _depth(text: bytes) -> int:
    """Return the deepest nesting of brackets outside strings."""
    codes = np.frombuffer(_STRING.sub(b"", text), dtype=np.uint8)
    opens = (codes == ord("[")) | (codes == ord("{"))
    closes = (codes == ord("]")) | (codes == ord("}"))
    steps = opens.astype(np.int8) - closes.astype(np.int8)
    return int(np.cumsum(steps, dtype=np.int32).max(initial=0))


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str) or key == _FLOAT:
        raise TypeError(
            f"The keys of a dict in a model file are strings other than {_FLOAT!r}, "
            f"but {where!r} has the key {key!r}."
        )
    return key


def _bounded(value: int, where: str) -> int:
    if abs(value) >= 10**MAX_DIGITS:
        raise ValueError(
            f"The integer at {where!r} has more than {MAX_DIGITS} digits; a model file "
            "cannot hold it."
        )
    return int(value)


def _object(pairs: list[tuple[str, Any]]) -> Any:
    """Build a dict, or the number that JSON lacks."""
    built = dict(pairs)
    if len(built) < len(pairs):
        raise ValueError("its JSON has an object that repeats a key")
    if _FLOAT not in built:
        return built
    name = built[_FLOAT]
    if len(built) > 1 or not isinstance(name, str) or name not in _NOT_FINITE:
        raise ValueError(f"its JSON has a malformed {_FLOAT!r} object")
    return _NOT_FINITE[name]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"its JSON holds {name}, which JSON does not have")


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise ValueError(f"its JSON has an integer of more than {MAX_DIGITS} digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"its JSON has the number {digits:.40}, too large for a float")
    return value
