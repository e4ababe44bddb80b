"""One table of numbers, and the views of it that learners ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boostlab.protocols import View

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class Table:
    """Rows of numeric features, NaN where a value is missing.

    A view (bins, scaled values) is a recipe that is fitted on the training table
    and applied to any table. It is built when a learner first asks for it, kept, and
    shared by all learners with an equal recipe: views are read-only. A table made
    with a `reference` does not fit views of its own, but applies those fitted on the
    reference; so held-out rows and new rows fall into the training table's bins.

    Parameters
    ----------
    numeric : ndarray of shape (n_samples, n_features)
        float32 or float64, in any memory order. It is not copied, and must not be
        changed while the table is in use.
    feature_names : sequence of str, optional
        One name a feature; by default ``x0, x1, ...``.
    weight : array-like of shape (n_samples,), optional
        Positive sample weights, which views such as quantile bins respect; None
        stands for ones.
    reference : Table, optional
        The table whose fitted views are used.
    seed : int or sequence of int, default=0
        Seed of what is random in fitting a view, such as the rows that bin borders
        are estimated from; any entropy that :func:`numpy.random.default_rng` takes.
    categorical : array-like of bool, shape (n_features,), optional
        Which features hold category codes: whole numbers from 0 to 254 that are bins
        as they are. By default those of the reference, or none.

    Raises
    ------
    TypeError
        If `numeric` is not a float32 or float64 array.
    ValueError
        If shapes disagree, or a weight is not positive and finite.
    """

    def __init__(
        self,
        numeric: NDArray[np.floating[Any]],
        feature_names: Sequence[str] | None = None,
        weight: ArrayLike | None = None,
        reference: Table | None = None,
        seed: int | Sequence[int] = 0,
        categorical: ArrayLike | None = None,
    ) -> None:
        self.numeric = _checked_numeric(numeric)
        self.weight = _checked_weight(weight, self.n_samples)
        self.feature_names = _checked_names(feature_names, self.n_features)
        self.reference = reference
        self.seed = seed
        if reference is not None and reference.n_features != self.n_features:
            raise ValueError(
                f"The table has {self.n_features} features and its reference table "
                f"{reference.n_features}; give both the same features."
            )
        if categorical is None and reference is not None:
            categorical = reference.categorical
        self.categorical = _checked_categorical(categorical, self.n_features)
        if reference is not None and (reference.categorical != self.categorical).any():
            raise ValueError(
                "The table and its reference differ in which features are categorical; "
                "leave categorical out to take that of the reference."
            )
        self._fitted: dict[View, Any] = {}
        self._views: dict[View, Any] = {}

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return self.numeric.shape[0]

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return self.numeric.shape[1]

    def __repr__(self) -> str:
        return f"Table({self.n_samples} samples, {self.n_features} features)"

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: views are left out, and built again when needed."""
        return self.__dict__ | {"_views": {}}

    def fitted(self, view: View) -> Any:
        """Return what `view` learned on this table, or on its reference."""
        if self.reference is not None:
            return self.reference.fitted(view)
        if view not in self._fitted:
            self._fitted[view] = view.fit(self)
        return self._fitted[view]

    def was_fitted(self, view: View, fitted: Any) -> bool:
        """Return whether `fitted` is what `view` learned here, without learning it."""
        if self.reference is not None:
            return self.reference.was_fitted(view, fitted)
        return fitted is not None and self._fitted.get(view) is fitted

    def view(self, view: View) -> Any:
        """Return `view` of this table; the same object whenever asked again."""
        if view not in self._views:
            self._views[view] = view.apply(self.fitted(view), self)
        return self._views[view]

    def take(self, rows: ArrayLike, reference: Table | None = None) -> Table:
        """Return a table of some of the rows.

        Parameters
        ----------
        rows : array-like of int, of bool of shape (n_samples,), or slice
            The rows, in the order wanted.
        reference : Table, optional
            The new table's reference; by default that of this table. A table
            without one fits its views on its own rows.

        Returns
        -------
        Table
            With the same features and seed; a copy, or for a slice a view.
        """
        if not isinstance(rows, slice):
            rows = _row_numbers(rows, self.n_samples)
        return Table(
            _rows_of(self.numeric, rows),
            self.feature_names,
            None if self.weight is None else self.weight[rows],
            self.reference if reference is None else reference,
            self.seed,
            self.categorical,
        )


def _rows_of(
    numeric: NDArray[np.floating[Any]], rows: NDArray[np.intp] | slice
) -> NDArray[np.floating[Any]]:
    """Return some rows, in memory by columns where `numeric` is."""
    if isinstance(rows, slice):
        return numeric[rows]
    by_column = numeric.strides[0] == numeric.itemsize
    return np.take(numeric.T, rows, axis=1).T if by_column else numeric[rows]


def _row_numbers(rows: ArrayLike, n_samples: int) -> NDArray[np.intp]:
    """Return row numbers from numbers or a mask."""
    rows = np.asarray(rows)
    if rows.dtype == bool:
        if rows.shape != (n_samples,):
            raise ValueError(
                f"The mask of rows has shape {rows.shape}; give one boolean for each "
                f"of the {n_samples} rows."
            )
        return np.flatnonzero(rows)
    return rows.astype(np.intp, casting="same_kind", copy=False)


def _checked_numeric(numeric: Any) -> NDArray[np.floating[Any]]:
    if not isinstance(numeric, np.ndarray) or numeric.dtype not in FLOATS:
        given = getattr(numeric, "dtype", type(numeric).__name__)
        raise TypeError(
            f"The values of a table are {given}; give a float32 or float64 array, for "
            "example from TableEncoder().fit(X).transform(X)."
        )
    if numeric.ndim != 2 or numeric.shape[1] == 0:
        raise ValueError(
            f"The values of a table have shape {numeric.shape}; give a matrix of "
            "samples by features, with at least one feature."
        )
    return numeric


def _checked_weight(
    weight: ArrayLike | None, n_samples: int
) -> NDArray[np.float64] | None:
    if weight is None:
        return None
    weight = np.ascontiguousarray(weight, dtype=np.float64)
    if weight.shape != (n_samples,):
        raise ValueError(
            f"The weights have shape {weight.shape}; give one weight for each of the "
            f"{n_samples} rows."
        )
    if not (np.isfinite(weight).all() and (weight > 0).all()):
        raise ValueError(
            "The weights of a table hold values that are not positive and finite; "
            "leave out the rows of weight zero."
        )
    return weight


def _checked_categorical(
    categorical: ArrayLike | None, n_features: int
) -> NDArray[np.bool_]:
    """Return the mask of categorical features, read-only."""
    if categorical is None:
        mask = np.zeros(n_features, dtype=bool)
    else:
        mask = np.array(categorical)
        if mask.dtype != bool or mask.shape != (n_features,):
            raise ValueError(
                f"categorical has shape {mask.shape} and type {mask.dtype}; give one "
                f"boolean for each of the {n_features} features."
            )
    mask.setflags(write=False)
    return mask


def _checked_names(names: Sequence[str] | None, n_features: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"x{j}" for j in range(n_features))
    if len(names) != n_features:
        raise ValueError(
            f"There are {len(names)} feature names for {n_features} features; give "
            "one name a feature."
        )
    return tuple(str(name) for name in names)
