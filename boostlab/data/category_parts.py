"""The categories of an encoder as plain data, and back."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from boostlab.data.levels import Categories, plain

_FIELDS = {"values", "ordered", "codes", "statistics"}


def categories_to(known: Categories | None) -> dict[str, Any] | None:
    """Return one feature's categories as JSON values; None where it is numeric."""
    if known is None:
        return None
    part = {
        "values": _to_json(known.values),
        "ordered": known.ordered,
        "codes": None if known.codes is None else list(known.codes),
    }
    if known.statistics is not None:
        part["statistics"] = list(known.statistics)
    return part


def categories_from(part: Any) -> Categories | None:
    """Return one feature's categories from :func:`categories_to`.

    Raises
    ------
    ValueError
        If anything is missing, of another type, or contradicts the rest.
    """
    if part is None:
        return None
    require(isinstance(part, dict), "category")
    part = {"statistics": None} | part
    require(set(part) == _FIELDS, "category")
    require(isinstance(part["values"], list), "category values")
    require(isinstance(part["ordered"], bool), "category order")
    values = tuple(_value_from(value) for value in part["values"])
    distinct = {(type(v) is bool, v) for v in values}
    require(len(distinct) == len(values), "category set")
    return Categories(
        values,
        part["ordered"],
        _codes_from(part["codes"], len(values)),
        _statistics_from(part["statistics"], part["codes"], len(values)),
    )


def _to_json(values: tuple[Any, ...]) -> list[Any]:
    """Return categories as JSON values, which cannot be infinite."""
    return [
        {"float": repr(v)} if isinstance(v, float) and not np.isfinite(v) else v
        for v in values
    ]


def _value_from(value: Any) -> Any:
    if isinstance(value, dict):
        require(value in ({"float": "inf"}, {"float": "-inf"}), "category value")
        value = float(value["float"])
    known = isinstance(value, bool | int | float | str) and value == value
    require(known, "category value")
    return plain(value)


def _codes_from(codes: Any, n_values: int) -> tuple[int, ...] | None:
    """Return codes, which begin with 0 or 1 and ascend by 0 or 1."""
    if codes is None:
        return None
    whole = isinstance(codes, list) and all(type(code) is int for code in codes)
    require(whole and len(codes) == n_values, "category codes")
    steps = [b - a for a, b in itertools.pairwise([0, *codes])]
    require(all(step in (0, 1) for step in steps), "category codes")
    return tuple(codes)


def _statistics_from(
    statistics: Any, codes: Any, n_values: int
) -> tuple[float, ...] | None:
    """Return statistics, which ascend within -1 and 1."""
    if statistics is None:
        return None
    are_numbers = isinstance(statistics, list) and all(
        type(value) in (int, float) and abs(value) <= 1 for value in statistics
    )
    fits = are_numbers and codes is None and len(statistics) == n_values
    require(fits and statistics == sorted(statistics), "category statistics")
    return tuple(float(value) for value in statistics)


def require(condition: bool, what: str) -> None:
    """Raise ValueError about a part that is not valid."""
    if not condition:
        raise ValueError(
            f"The {what} of a table encoder is not valid; the file is damaged."
        )
