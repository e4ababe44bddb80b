"""What the features of a table are, learnt from its chunks one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.data.columns import Column, Input
from boostlab.data.levels import Categories, Dictionary, Key
from boostlab.reduce import group_sums

Array = NDArray[np.float64]

LEVEL_BYTES = 250
"""About the memory of one category: a string, its key, its number, its weight."""


class ChunkColumn:
    """One feature, as its chunks go by.

    Categories get numbers in the order in which they first appear; what these mean for
    a model is known when all chunks were read. Parts without any value say nothing of
    what the feature is.

    Parameters
    ----------
    is_categorical : bool, optional
        What the feature is, where that is known already; None to learn it.
    """

    def __init__(self, is_categorical: bool | None = None) -> None:
        self.is_categorical = is_categorical
        self.label = ""
        self._order: tuple[Any, ...] | None = None
        self._learns = is_categorical is None
        self._was_number_type = False
        self._numbers: dict[Key, int] = {}

    @property
    def n_levels(self) -> int:
        """Number of categories so far."""
        return len(self._numbers)

    @property
    def levels(self) -> tuple[Any, ...]:
        """The categories, in the order of their numbers."""
        return tuple(value for _, value in self._numbers)

    def read(self, column: Column) -> Array:
        """Return a part's values, or the numbers of its categories, as floats.

        Raises
        ------
        ValueError
            If the part is of another kind, or order, than those before it.
        """
        self.label = column.label
        if self.is_categorical or not column.is_numeric:
            return self._read_levels(column)
        return self._read_numbers(column)

    def _read_numbers(self, column: Column) -> Array:
        numbers = np.asarray(column.numbers(), dtype=np.float64)
        self._was_number_type = True
        if self.is_categorical is None and not np.isnan(numbers).all():
            self.is_categorical = False
        return numbers

    def _read_levels(self, column: Column) -> Array:
        dictionary = column.dictionary()
        keys = dictionary.keys(column.label)
        missing = np.array([*(key is None for key in keys), True])
        occurs = ~missing[dictionary.codes]
        if occurs.any():
            if not self._learns and not self.is_categorical:
                raise ValueError(
                    f"Column {column.label} was numeric in fit and now holds strings; "
                    "convert it to numbers, with missing values where there is none."
                )
            if self.is_categorical is False or (self._learns and column.is_numeric):
                raise ValueError(
                    f"Column {column.label} holds numbers in one chunk and strings or "
                    "categories in another; convert it to one of them in every chunk."
                )
            self._check_order(column.order)
            self.is_categorical = True
        numbers = [
            np.nan if key is None else self._numbers.setdefault(key, self.n_levels)
            for key in keys
        ]
        return np.array([*numbers, np.nan])[dictionary.codes]

    def _check_order(self, order: Sequence[Any] | None) -> None:
        """Take the declared order of the first part with values, or compare with it."""
        declared = None if order is None else tuple(order)
        if self.is_categorical is None:
            self._order = declared
        elif self._learns and declared != self._order:
            raise ValueError(
                f"Column {self.label} declares another order of its categories than in "
                "chunks before; declare the same in every chunk, or none."
            )

    def categories(
        self, numbers: Callable[[], Array], weight: Array
    ) -> Categories | None:
        """Return the categories as a fit on all rows finds them; None for numbers.

        Parameters
        ----------
        numbers : callable
            Returns the numbers of the categories of all rows, shape (n,).
        weight : ndarray of shape (n,)
            Positive weights of the rows.
        """
        if not self.is_categorical:
            nothing = self.is_categorical is None and not self._was_number_type
            return Categories(()) if nothing else None
        if self._order is not None:
            return Categories.declared(self._order, self.label)
        codes = numbers()
        occurs = ~np.isnan(codes)
        sums = group_sums(codes[occurs].astype(np.intp), weight[occurs], self.n_levels)
        total = dict(zip(self._numbers, sums.tolist(), strict=True))
        return Categories.ranked({v: weight for v, weight in total.items() if weight})

    def codes(self, known: Categories | None, handle_unknown: str) -> Array | None:
        """Return what the numbers mean to an encoder, and last what missing does.

        Parameters
        ----------
        known : Categories or None
            The categories of the encoder; None where the feature is numeric to it.
        handle_unknown : {"missing", "error"}
            What is done with categories that it does not know.
        """
        if known is None:
            return None
        levels = Dictionary(self.levels, np.append(np.arange(self.n_levels), -1))
        return known.encode(levels, self.label, handle_unknown)


class ChunkColumns:
    """All features of a table, as its chunks go by.

    Parameters
    ----------
    categorical : sequence of bool, optional
        Which features are categories, where that is known; None to learn it.
    """

    def __init__(self, categorical: Sequence[bool] | None = None) -> None:
        self._learns = categorical is None
        known = [] if categorical is None else categorical
        self.columns = [ChunkColumn(bool(each)) for each in known]

    def read(self, given: Input) -> list[Array]:
        """Return the values, or numbers of categories, of some rows by features."""
        n_features = given.shape[1]
        if self._learns and not self.columns:
            self.columns = [ChunkColumn() for _ in range(n_features)]
        return [
            own.read(column)
            for own, column in zip(self.columns, given.columns, strict=True)
        ]

    @property
    def size(self) -> int:
        """About the bytes of memory that the categories take."""
        return LEVEL_BYTES * sum(column.n_levels for column in self.columns)
