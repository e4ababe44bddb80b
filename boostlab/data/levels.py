"""The values that a category may have, and their order.

Python finds True, 1 and 1.0 equal; here a boolean, a number and a string are three
kinds of value, and a value is looked up by its kind and itself.
"""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.reduce import count, group_sums, told, total

BOOLEAN, NUMBER, TEXT = range(3)
SMOOTHING = RARE = 10.0
"""Weight that draws a category's mean to that of all, and that makes it count."""
MAX_CATEGORIES = 254
"""Most categories of a feature that keep a bin each."""
KIND_NAMES = ("booleans", "numbers", "strings")

Array = NDArray[np.float64]
Key = tuple[int, Any]
Level = bool | int | float | str

_DATES = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    np.datetime64,
    np.timedelta64,
)


def is_null_type(cls: type) -> bool:
    """Return whether all values of a type are missing: None, and pandas' NA, NaT."""
    return cls is type(None) or cls.__name__ in ("NAType", "NaTType")


def kind_of(cls: type, label: str) -> int:
    """Return the kind of value of a type; `label` names the column in errors."""
    if issubclass(cls, bool | np.bool_):
        return BOOLEAN
    if issubclass(cls, str):
        return TEXT
    if issubclass(cls, _DATES):
        raise dates_error(f"Column {label}", cls.__name__)
    if issubclass(cls, numbers.Real | Decimal):
        return NUMBER
    if issubclass(cls, numbers.Complex):
        raise ValueError(f"Complex data not supported: column {label} holds it.")
    raise TypeError(
        f"Column {label} holds values of type {cls.__name__}, but every argument must "
        "be a string, a number, a boolean or missing; convert them, for example to "
        "strings."
    )


def dates_error(what: str, dtype: object) -> ValueError:
    """Return the error for dates or times in `what`, a column or the whole of X."""
    return ValueError(
        f"{what} holds dates or times ({dtype}); extract features from it "
        "first, for example with skrub.TableVectorizer."
    )


def plain(value: Any) -> Level:
    """Return a level as a plain bool, int, float or str."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | float):
        return value
    return str(value) if isinstance(value, str) else float(value)


def key(value: Any, label: str = "") -> Key:
    """Return what a level is looked up, and sorted, by."""
    return kind_of(type(value), label), value


@dataclass(frozen=True, slots=True)
class Dictionary:
    """A column as its distinct values and the number of each row's value.

    Parameters
    ----------
    levels : tuple
        Distinct values: booleans, numbers, strings; NaN and None may be among them.
    codes : ndarray of int, shape (n_samples,)
        Position in `levels`; -1 where missing.
    """

    levels: tuple[Any, ...]
    codes: NDArray[np.integer[Any]]

    @classmethod
    def of(cls, values: Iterable[Any], label: str) -> Dictionary:
        """Return the dictionary of Python objects, of one or several kinds."""
        values = list(values)
        kinds = {
            cls: -1 if is_null_type(cls) else kind_of(cls, label)
            for cls in set(map(type, values))
        }
        seen: dict[Key, int] = {}
        codes = [seen.setdefault((kinds[type(v)], v), len(seen)) for v in values]
        levels = tuple(None if kind < 0 else value for kind, value in seen)
        return cls(levels, np.array(codes, dtype=np.intp))

    def keys(self, label: str) -> list[Key | None]:
        """Return the key of each level; None where the level is a missing value."""
        return [
            None if is_null_type(type(v)) or v != v else key(plain_checked(v, label))
            for v in self.levels
        ]


def plain_checked(value: Any, label: str) -> Level:
    """Return a level as plain value, or raise if it is of no known kind."""
    kind_of(type(value), label)
    return plain(value)


@dataclass(frozen=True, slots=True)
class Categories:
    """The categories of a column, by value.

    Parameters
    ----------
    values : tuple of bool, int, float or str
        Distinct, in the order of the codes.
    ordered : bool
        Whether the order was declared by the data, not learnt.
    codes : tuple of int, optional
        Code of each value, not descending; by default its position. Categories that
        are too rare to be told apart share a code.
    statistics : tuple of float, optional
        Target statistic of each value, not descending, in place of a code; a value
        that is not known has the statistic 0, that of the mean target.
    """

    values: tuple[Level, ...]
    ordered: bool = False
    codes: tuple[int, ...] | None = None
    statistics: tuple[float, ...] | None = None

    @classmethod
    def count(
        cls, column: Dictionary, weight: NDArray[np.float64] | None, label: str
    ) -> Categories:
        """Return the categories of a column, by descending weighted frequency.

        Ties are in the order of the values. A category without weight is left out.
        """
        # Equal levels may occur twice, as 1 and 1.0 in a column of objects.
        keys = column.keys(label)
        ours = list(dict.fromkeys(level for level in keys if level is not None))
        levels = _of_all_parts(ours)
        number = {level: i for i, level in enumerate(levels)}
        numbers = np.array([number.get(level, -1) for level in keys] + [-1])
        codes = numbers[column.codes]
        present = codes >= 0
        frequencies = group_sums(
            codes[present],
            np.ones(present.sum()) if weight is None else weight[present],
            len(levels),
        ).tolist()
        total = {v: f for v, f in zip(levels, frequencies, strict=True) if f > 0}
        return cls.ranked(total)

    @classmethod
    def ranked(cls, total: dict[Key, float]) -> Categories:
        """Return the categories of the total weights, by descending weight."""
        ranked = sorted(total, key=lambda level: (-total[level], level))
        return cls(tuple(value for _, value in ranked))

    @classmethod
    def declared(cls, values: Sequence[Any], label: str) -> Categories:
        """Return the categories of a column that declares their order."""
        return cls(tuple(plain_checked(v, label) for v in values), ordered=True)

    def by_value(self) -> Categories:
        """Return the same categories in the order of their values."""
        if self.ordered:
            return self
        return Categories(tuple(sorted(self.values, key=key)))

    def by_target(
        self,
        column: NDArray[np.floating[Any]],
        weight: NDArray[np.float64],
        target: NDArray[np.float64],
        pool_rare: bool = True,
    ) -> tuple[Categories, NDArray[np.float64]]:
        """Return the same categories in the order of their mean target.

        Means are drawn to the overall mean by `SMOOTHING` rows of weight 1. Several
        target columns, the indicators of classes, are projected on the direction in
        which the weighted means differ most (Coppersmith, Hong & Hosking, 1999).
        Categories of little weight tell more of their few rows than of themselves:
        those below `RARE`, or a fiftieth of the total if that is less, share a code
        where `pool_rare` asks for it.

        Parameters
        ----------
        column : ndarray of shape (n,)
            Codes of the rows, their positions in `values`; NaN is missing.
        weight : ndarray of shape (n,)
            Sample weights.
        target : ndarray of shape (n, T)
            What the means are of.
        pool_rare : bool, default=True
            Whether rare categories share a code.

        Returns
        -------
        categories : Categories
            Those that occur in `column`, in the new order.
        new_code : ndarray of shape (len(values) + 1,)
            New code for each old one, NaN where it does not occur, and for NaN.
        """
        new_code = np.full(len(self.values) + 1, np.nan)
        present = ~np.isnan(column)
        codes, weight = column[present].astype(np.intp), weight[present]
        if not count(len(codes)):
            return Categories(()), new_code
        target, total_weight = target[present], total(weight)
        centered = weight[:, None] * (target - weighted_means(target, weight))
        sums = np.column_stack(
            [
                group_sums(codes, values, len(self.values))
                for values in (weight, *centered.T)
            ]
        )
        occurs = np.flatnonzero(sums[:, 0] > 0)
        group = occurs.copy()
        if pool_rare:
            rare = sums[occurs, 0] < min(RARE, total_weight / 50)
            group[rare] = occurs[np.argmax(rare)]
        members, group = np.unique(group, return_inverse=True)
        pooled = np.zeros((len(members), sums.shape[1]))
        np.add.at(pooled, group, sums[occurs])
        rank = np.argsort(np.argsort(_scores(pooled), kind="stable"), kind="stable")
        new_code[occurs] = rank[group]
        order = occurs[np.argsort(new_code[occurs], kind="stable")]
        return Categories(
            tuple(self.values[i] for i in order),
            codes=tuple(int(new_code[i]) for i in order),
        ), new_code

    def of_codes(self) -> tuple[tuple[Level, ...], ...]:
        """Return the values that share each code 0, 1, 2, ..."""
        codes = range(len(self.values)) if self.codes is None else self.codes
        shared: list[list[Level]] = [[] for _ in range(max(codes, default=-1) + 1)]
        for code, value in zip(codes, self.values, strict=True):
            shared[code].append(value)
        return tuple(map(tuple, shared))

    def with_statistics(self, statistics: Array, occurs: NDArray[Any]) -> Categories:
        """Return the categories that occur, in the order of their statistics."""
        kept = np.flatnonzero(occurs)
        kept = kept[np.argsort(statistics[kept], kind="stable")]
        return Categories(
            tuple(self.values[i] for i in kept),
            statistics=tuple(statistics[kept].tolist()),
        )

    def encode(
        self, column: Dictionary, label: str, handle_unknown: str
    ) -> NDArray[np.float64]:
        """Return the number of each row's category; NaN where missing.

        An unknown category is missing, or has the statistic 0.
        """
        codes = self.codes or self.statistics or range(len(self.values))
        otherwise = np.nan if self.statistics is None else 0.0
        code_of = {
            key(value): float(code)
            for code, value in zip(codes, self.values, strict=True)
        }
        levels = column.keys(label)
        self._check_kinds(levels, label)
        if handle_unknown == "error":
            unknown = [v for v in levels if v is not None and v not in code_of]
            if unknown:
                raise ValueError(
                    f"Column {label} holds the category {min(unknown)[1]!r}, which was "
                    "not seen in fit; leave such rows out, or use "
                    "handle_unknown='missing'."
                )
        # One more code, for the rows whose position is -1.
        codes = [code_of.get(v, otherwise) if v else np.nan for v in levels]
        return np.array([*codes, np.nan])[column.codes]

    def _check_kinds(self, levels: list[Key | None], label: str) -> None:
        """Raise if the column is of another kind than in fit, say all numbers."""
        fitted = {kind_of(type(value), label) for value in self.values}
        given = {level[0] for level in levels if level is not None}
        if fitted and given and not fitted & given:
            raise ValueError(
                f"Column {label} holds {_names(given)}, but its categories in fit were "
                f"{_names(fitted)}; convert it to what it was in fit."
            )


def weighted_means(target: Array, weight: Array) -> Array:
    """Return the mean of each column of (n, T) over all rows, shape (T,)."""
    sums = [total(weight * column) for column in target.T]
    return np.array(sums) / total(weight)


def _of_all_parts(levels: list[Key]) -> list[Key]:
    """Return the levels that any part has."""
    return list(dict.fromkeys((kind, v) for part in told(levels) for kind, v in part))


def _names(kinds: set[int]) -> str:
    return " and ".join(KIND_NAMES[kind] for kind in sorted(kinds))


def _scores(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one number a group to order groups by: its smoothed mean, projected.

    The first column of `sums` is the weight of the group.
    """
    means = sums[:, 1:] / (sums[:, :1] + SMOOTHING)
    if means.shape[1] > 1:
        means = means @ direction_of_means(sums)
    scores = means.reshape(len(sums))
    # Means that are equal but for rounding are equal: then the first comes first.
    unit = np.max(np.abs(scores)) * 1e-12
    return np.rint(scores / unit) if unit > 0 else scores


def direction_of_means(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit vector along which smoothed group means differ most, shape (T,).

    `sums` has the weight of each group, and its weighted sums of T centred targets.
    """
    means = sums[:, 1:] / (sums[:, :1] + SMOOTHING)
    direction = np.linalg.eigh((means * sums[:, :1]).T @ means)[1][:, -1]
    return direction * np.sign(direction[np.argmax(np.abs(direction))])
