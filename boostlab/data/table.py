"""One table of numbers, and the views of it that learners ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from boostlab.data.frame_values import FrameValues
from boostlab.data.sparse import Values, by_feature, dense_columns, dense_features
from boostlab.data.spill import SpilledValues
from boostlab.data.taken import TakenRows, taken
from boostlab.protocols import View
from boostlab.reduce import Whole, whole

BLOCK_VALUES = 1 << 20
"""Values of a sparse table that are made dense at once where rows are read."""

_DENSE = np.ndarray | SpilledValues | TakenRows | FrameValues
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
    numeric : ndarray, or sparse array or matrix, of shape (n_samples, n_features)
        float32 or float64, in any memory order; a sparse one in CSR or CSC form, whose
        implicit values are zeros; or :class:`~boostlab.data.spill.SpilledValues`,
        :class:`~boostlab.data.taken.TakenRows`, or
        :class:`~boostlab.data.frame_values.FrameValues`. It is not copied, and must not
        be changed while the table is in use.
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
    unordered : array-like of bool, shape (n_features,), optional
        Which other features hold numbers that stand for categories without an order,
        such as target statistics. By default those of the reference, or none.

    Raises
    ------
    TypeError
        If `numeric` is not a float32 or float64 array, or sparse in another form.
    ValueError
        If shapes disagree, or a weight is not positive and finite.
    """

    def __init__(
        self,
        numeric: Values,
        feature_names: Sequence[str] | None = None,
        weight: ArrayLike | None = None,
        reference: Table | None = None,
        seed: int | Sequence[int] = 0,
        categorical: ArrayLike | None = None,
        unordered: ArrayLike | None = None,
    ) -> None:
        self._values = _checked_numeric(numeric)
        self._by_feature: Values | None = None
        self._whole: Whole | None = None
        self.weight = checked_weight(weight, self.n_samples)
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
        self.categorical = _checked_mask(categorical, "categorical", self.n_features)
        if unordered is None and reference is not None:
            unordered = reference.unordered
        self.unordered = _checked_mask(unordered, "unordered", self.n_features)
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
        return self._values.shape[0]

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return self._values.shape[1]

    @property
    def whole(self) -> Whole:
        """What the rows are among those of all parts; asked for by all at once."""
        # No cached_property: its lock would keep other parts in threads from asking.
        if self._whole is None:
            self._whole = whole(self.n_samples, self.weight)
        return self._whole

    @property
    def numeric(self) -> NDArray[np.floating[Any]]:
        """The values as one matrix.

        Raises
        ------
        TypeError
            If the table is sparse, or on disk.
        """
        if self.is_sparse:
            raise TypeError(
                "The table is sparse, and what asks for its values needs a dense one; "
                "convert X with X.toarray(), or use boostlab.learners.Tree alone."
            )
        if self.is_on_disk:
            raise TypeError(
                "The table is on disk, and what asks for its values needs them in "
                "memory; use boostlab.learners.Tree alone, or fit on fewer rows."
            )
        self.collect()
        return self._values

    @property
    def is_sparse(self) -> bool:
        """Whether zeros are not stored."""
        return sparse.issparse(self._values)

    @property
    def is_on_disk(self) -> bool:
        """Whether the values are in a file."""
        return isinstance(self._values, SpilledValues)

    @property
    def is_by_column(self) -> bool:
        """Whether the values are columns of a frame."""
        return isinstance(self._values, FrameValues)

    @property
    def is_whole(self) -> bool:
        """Whether the values are one matrix in memory."""
        return isinstance(self._values, np.ndarray)

    @property
    def directory(self) -> str | None:
        """Folder of the files of a table on disk; None for any other table."""
        return self._values.file.directory if self.is_on_disk else None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values, float32 or float64."""
        return self._values.dtype

    def collect(self) -> None:
        """Copy what is read where it lies, for who will read all of it often."""
        if isinstance(self._values, TakenRows | FrameValues):
            self._values = np.asarray(self._values)

    def features(self, first: int, stop: int) -> NDArray[np.floating[Any]]:
        """Return the values of some features, shape (n_samples, stop - first)."""
        return dense_features(self._columnwise(), first, stop)

    def columns(self) -> Iterator[NDArray[np.floating[Any]]]:
        """Yield the values of one feature after another, shape (n_samples,)."""
        return dense_columns(self._columnwise())

    def _columnwise(self) -> Values:
        """Return the values in a form whose features are quickly read, kept."""
        if self._by_feature is None:
            self._by_feature = by_feature(self._values)
        return self._by_feature

    def drop_copies(self) -> None:
        """Forget the form that features were read in; it is made again when asked."""
        self._by_feature = None

    def row_blocks(self) -> Iterator[tuple[slice, NDArray[np.floating[Any]]]]:
        """Yield the values by rows: all at once, or block by block if not dense.

        Where each block belongs goes before it.
        """
        if isinstance(self._values, SpilledValues | TakenRows):
            yield from self._values.blocks()
            return
        if not self.is_sparse:
            yield slice(0, self.n_samples), self.numeric
            return
        by_row = self._values.tocsr()
        size = max(1, BLOCK_VALUES // self.n_features)
        for start in range(0, self.n_samples, size):
            rows = slice(start, min(start + size, self.n_samples))
            yield rows, by_row[rows].toarray()

    def __repr__(self) -> str:
        return f"Table({self.n_samples} samples, {self.n_features} features)"

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: views are left out, and built again when needed."""
        return self.__dict__ | {"_views": {}, "_by_feature": None, "_whole": None}

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
            _rows_of(self._values, rows),
            self.feature_names,
            None if self.weight is None else self.weight[rows],
            self.reference if reference is None else reference,
            self.seed,
            self.categorical,
            self.unordered,
        )


def _rows_of(numeric: Values, rows: NDArray[np.intp] | slice) -> Values:
    """Return some rows, in memory by columns where `numeric` is."""
    if not isinstance(numeric, np.ndarray):
        return numeric[rows]
    if isinstance(rows, slice):
        return numeric[rows]
    return taken(numeric, rows)


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


def _checked_numeric(numeric: Any) -> Values:
    is_matrix = isinstance(numeric, _DENSE) or (
        sparse.issparse(numeric) and numeric.format in ("csr", "csc")
    )
    if not is_matrix or numeric.dtype not in FLOATS:
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


def checked_weight(
    weight: ArrayLike | None, n_samples: int
) -> NDArray[np.float64] | None:
    """Return the weights as an array, or raise if they are not positive."""
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


def _checked_mask(
    mask: ArrayLike | None, name: str, n_features: int
) -> NDArray[np.bool_]:
    """Return a mask of features, read-only."""
    mask = np.zeros(n_features, dtype=bool) if mask is None else np.array(mask)
    if mask.dtype != bool or mask.shape != (n_features,):
        raise ValueError(
            f"{name} has shape {mask.shape} and type {mask.dtype}; give one boolean "
            f"for each of the {n_features} features."
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
