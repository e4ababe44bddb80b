"""Fits of rows that are spread over several parts: machines, processes or threads.

Every part calls ``fit`` at once, with its own rows and otherwise equal arguments,
inside :func:`reducing`. What they must know of each other goes through one hook, as
integers; so all get the same model, and it is the one that a single fit of all rows
would give, bit for bit. Rows keep their order: those of part 0 come first.

>>> from boostlab import GradientBoostingRegressor
>>> from boostlab.reduce import reducing
>>> def fit_part(X, y, part, n_parts, reduce):  # called on every machine
...     with reducing(reduce, part, n_parts):
...         return GradientBoostingRegressor(random_state=0).fit(X, y)

Pieces ask the functions below for what all rows have: they are ordinary sums, counts
and checks where a fit has all rows itself. Sums of floats do not depend on their order
(see :func:`group_sums`), with or without parts. A piece that needs nothing else of all
rows says so by ``takes_parts = True``; a fit in parts refuses pieces that do not.

Exchanged are: names, types and categories of the columns; distinct values and sampled
rows for the borders of bins; everything else as sums. Some 24 bytes a row, of all
parts, go to each part once where rows are held out (``validation_fraction``), and once
for every feature of more than 254 categories.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from boostlab import _core
from boostlab.parallel import n_threads

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Operation = Literal["sum", "max"]

# Bits of the greatest value, and of what is left of the others; bl_exact in C.
_BITS = 35


class Reduce(Protocol):
    """Sums, or greatest numbers, over all parts.

    Parts call it equally often, in the same order, with buffers of the same length and
    the same operation. An exception leaves `fit` as it is; the other parts still wait
    then, and it is the hook's business to make them fail. So it is if one part fails
    for a reason of its own, such as a target that is not allowed.
    """

    def __call__(self, buffer: memoryview, op: Operation, /) -> object:
        """Replace the numbers by those of all parts; what it returns is ignored.

        Parameters
        ----------
        buffer : memoryview of int64
            This part's numbers, to be overwritten. It is a copy that may be kept.
        op : {"sum", "max"}
            "sum" wraps around modulo 2**64, as int64 in NumPy does.
        """
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a fit, as one of them sees them."""

    reduce: Reduce
    part: int
    n_parts: int


_PARTS: ContextVar[Parts | None] = ContextVar("boostlab_parts", default=None)


@contextmanager
def reducing(reduce: Reduce, part: int, n_parts: int) -> Iterator[None]:
    """Make fits inside the block those of one part of the rows.

    Only ``fit`` belongs inside. It gets this part's rows, and this part's rows of
    `X_val` and its kin; every part must have some. What a fit in parts cannot do is
    refused.

    Parameters
    ----------
    reduce : Reduce
        Called on the thread of the fit.
    part : int
        Number of this part, from 0.
    n_parts : int
        How many there are.

    Raises
    ------
    TypeError, ValueError
        If `reduce` cannot be called, or there is no such part.
    """
    if not callable(reduce):
        raise TypeError(f"reduce is {reduce!r}; give a function of a buffer and 'sum'.")
    if not 0 <= part < n_parts:
        raise ValueError(
            f"part is {part} of {n_parts}; parts are numbered from 0 to n_parts - 1."
        )
    token = _PARTS.set(Parts(reduce, part, n_parts))
    try:
        yield
    finally:
        _PARTS.reset(token)


def parts() -> Parts | None:
    """Return the parts of the current fit; None where it has all rows."""
    return _PARTS.get()


# ---- counts and sums --------------------------------------------------------------


def summed(numbers: Integers) -> Integers:
    """Return the sums of integers over all parts."""
    return _reduced(numbers, "sum")


def greatest(numbers: Integers) -> Integers:
    """Return the greatest of integers over all parts."""
    return _reduced(numbers, "max")


def count(n: int) -> int:
    """Return the number of rows of all parts, of which this part has `n`."""
    return int(summed(np.array([n]))[0])


def any_of(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what is true in any part, elementwise."""
    return greatest(flags.astype(np.int64)) > 0


def total(values: Array) -> float:
    """Return the sum of all rows' values; see :func:`group_sums`."""
    if parts() is None:  # the same sum in one pass less, and without arrays
        values = np.ascontiguousarray(values, dtype=np.float64)
        return _core.total(values, n_threads())
    return float(_exact_sums(values, None, 1)[0])


def group_sums(groups: NDArray[np.integer[Any]], values: Array, n_groups: int) -> Array:
    """Return the sum of the values in each group, over the rows of all parts.

    It depends on no order: every value is cut into two integers, of 35 bits of the
    greatest and 35 bits of the rest, whose sums are exact.

    Parameters
    ----------
    groups : ndarray of int, shape (n,)
        Group of each row, 0 .. n_groups - 1.
    values : ndarray of shape (n,)
        Finite numbers.
    n_groups : int
        Number of groups.
    """
    return _exact_sums(values, np.ascontiguousarray(groups, dtype=np.int64), n_groups)


def _exact_sums(values: Array, groups: Integers | None, n_groups: int) -> Array:
    values = np.ascontiguousarray(values, dtype=np.float64)
    size = _core.greatest(values, n_threads())
    # Doubles of at least 0 are in the order of their bits, and NaN above infinity.
    bits = greatest(np.array([abs(size)]).view(np.int64))
    size = float(bits.view(np.float64)[0])
    if not np.isfinite(size):
        return np.full(n_groups, _not_finite(values, size))
    if size == 0:
        return np.zeros(n_groups)
    exponent = _BITS - int(np.frexp(size)[1])
    within = min(exponent, 1000)  # greater powers of two are no doubles
    if within < exponent:
        values = np.ldexp(values, exponent - within)
    sums = np.zeros((n_groups, 2), dtype=np.int64)
    _core.exact_sums(values, groups, np.ldexp(1.0, within), sums, n_threads())
    sums = summed(sums)
    return np.ldexp(sums[:, 0] + np.ldexp(sums[:, 1].astype(float), -_BITS), -exponent)


def _not_finite(values: Array, size: float) -> float:
    """Return the sum of values of which some are infinite or NaN."""
    signs = any_of(np.array([(values == np.inf).any(), (values == -np.inf).any()]))
    if np.isnan(size) or signs.all():
        return np.nan
    return np.inf if signs[0] else -np.inf


def first_of(values: Array) -> float:
    """Return the first value of the first part that has any."""
    ours = values[:1].astype(np.float64)
    return float(gathered(ours)[0])


@dataclass(frozen=True, slots=True)
class Whole:
    """What the rows of a table are among those of all parts.

    Parameters
    ----------
    n_rows : int
        Rows of all parts.
    first_row : int
        Number of this part's first row.
    weight : float
        Sum of their weights.
    unweighted : bool
        Whether every weight is 1.
    """

    n_rows: int
    first_row: int
    weight: float
    unweighted: bool


def whole(n_rows: int, weight: Array | None) -> Whole:
    """Return what `n_rows` rows with these weights, None for ones, are among all."""
    now = parts()
    if now is None and weight is None:
        return Whole(n_rows, 0, float(n_rows), True)
    counts = _of_parts(n_rows)
    first_row = 0 if now is None else int(counts[: now.part].sum())
    weight = np.ones(n_rows) if weight is None else weight
    unweighted = not any_of(np.array([(weight != 1.0).any()]))[0]
    return Whole(int(counts.sum()), first_row, total(weight), bool(unweighted))


# ---- what all parts get of each other ---------------------------------------------


def gathered(values: NDArray[Any]) -> NDArray[Any]:
    """Return the rows of all parts, those of part 0 first.

    Parameters
    ----------
    values : ndarray of shape (n, ...)
        Numbers of eight bytes; `n` may differ between parts.
    """
    now = parts()
    if now is None:
        return values
    counts = _of_parts(len(values))
    first = int(counts[: now.part].sum())
    every = np.zeros((int(counts.sum()), *values.shape[1:]), dtype=values.dtype)
    every[first : first + len(values)] = values
    return summed(every.view(np.int64)).view(values.dtype)


def own_rows(every: NDArray[Any], n_rows: int) -> NDArray[Any]:
    """Return this part's rows of what all parts have, `n_rows` of them its own."""
    now = parts()
    if now is None:
        return every
    first = int(_of_parts(n_rows)[: now.part].sum())
    return every[first : first + n_rows]


def told(value: Any) -> list[Any]:
    """Return what each part says: lists, strings and numbers as JSON has them."""
    if parts() is None:
        return [value]
    text = json.dumps(value, default=_plain).encode()
    counts = _of_parts(len(text))
    words = np.frombuffer(text + bytes(-len(text) % 8), dtype=np.int64)
    every, start, found = gathered(words).tobytes(), 0, []
    for n in counts.tolist():
        found.append(json.loads(every[start : start + n]))
        start += -(-n // 8) * 8
    return found


def agree(value: Any, what: str) -> None:
    """Raise ValueError unless all parts say the same.

    Parameters
    ----------
    value : object
        Compared by its ``repr``.
    what : str
        Names it in the error: "The parts differ in {what}; ...".
    """
    if parts() is None:
        return
    digest = hashlib.blake2b(repr(value).encode(), digest_size=7).digest()
    number = int.from_bytes(digest)
    high, low = greatest(np.array([number, -number]))
    if high != -low:
        raise ValueError(
            f"The parts differ in {what}; a fit in parts needs the same in all."
        )


def refuse(what: str, instead: str) -> None:
    """Raise ValueError if this is a fit in parts, which `what` is not possible in."""
    if parts() is not None:
        raise ValueError(
            f"{what} is not possible where rows are spread over parts; {instead}."
        )


def check_takes_parts(*pieces: Any) -> None:
    """Raise TypeError if this is a fit in parts, and a piece sees only its own rows."""
    if parts() is None:
        return
    for piece in pieces:
        if not getattr(piece, "takes_parts", False):
            raise TypeError(
                f"{type(piece).__name__} cannot be used where rows are spread over "
                "parts, since it needs all rows in one place; choose another, or give "
                "it takes_parts = True if it asks boostlab.reduce for what all have."
            )


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as JSON can have it."""
    return value.item()


def _of_parts(number: int) -> Integers:
    """Return the numbers of all parts, in their order."""
    now = parts()
    if now is None:
        return np.array([number], dtype=np.int64)
    numbers = np.zeros(now.n_parts, dtype=np.int64)
    numbers[now.part] = number
    return summed(numbers)


def _reduced(numbers: Integers, op: Operation) -> Integers:
    now = parts()
    if now is None:
        return numbers
    buffer = bytearray(np.ascontiguousarray(numbers, dtype=np.int64).tobytes())
    now.reduce(memoryview(buffer).cast("q"), op)
    return np.frombuffer(buffer, dtype=np.int64).reshape(numbers.shape)
