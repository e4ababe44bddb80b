"""Checks of parameters, each answered by one sentence."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any


def check_number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    integer: bool = False,
) -> None:
    """Check that a parameter is a finite number within its bounds.

    Parameters
    ----------
    name : str
        The parameter, for the message.
    value : object
        What was given; truth values are not numbers.
    above, at_least, at_most : float, optional
        Bounds: ``value > above``, ``value >= at_least``, ``value <= at_most``.
    integer : bool, default=False
        Whether only whole numbers are allowed.

    Raises
    ------
    TypeError
        If `value` is not a number of the kind wanted.
    ValueError
        If it is NaN, infinite or out of bounds.
    """
    kind = "an integer" if integer else "a number"
    bounds = [
        f"{words} {bound}"
        for words, bound in (
            ("greater than", above),
            ("at least", at_least),
            ("at most", at_most),
        )
        if bound is not None
    ]
    wanted = " ".join([kind, " and ".join(bounds)]).strip()
    if isinstance(value, bool) or not isinstance(value, Integral if integer else Real):
        raise TypeError(f"{name} is {value!r}; give {wanted}.")
    inside = (
        math.isfinite(value)
        and (above is None or value > above)
        and (at_least is None or value >= at_least)
        and (at_most is None or value <= at_most)
    )
    if not inside:
        raise ValueError(f"{name} is {value!r}; give {wanted}.")
