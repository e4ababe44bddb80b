"""The rows of a fit: their weights, and which of them are held out."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.data.chunks import Chunks
from boostlab.data.frame_values import FrameValues
from boostlab.data.hashing import hash_rows, mix, told_apart
from boostlab.data.sparse import Values, dense_columns
from boostlab.data.taken import TakenRows, take_rows
from boostlab.groups import Groups
from boostlab.reduce import count, gathered, group_sums, own_rows, total

Array = NDArray[np.float64]

MOST_WEIGHT = 1e100
"""Greatest sample weight, so that sums of weighted derivatives are finite."""

MOST_FACTOR = 1e30
"""Greatest factor of a class on the sample weights."""

LIKELY = 0.02
"""Share of the rows beyond those to hold out that are looked at first."""


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What a caller of ``fit`` gave of some rows, as it is.

    Parameters
    ----------
    X, y, sample_weight, group : array-like or None
        Features, targets, weights, and the group that each row belongs to.
    """

    X: Any
    y: Any
    sample_weight: Any = None
    group: Any = None

    @property
    def is_chunked(self) -> bool:
        """Whether rows are given as chunks, which hold the rest of it too."""
        return isinstance(self.X, Chunks)

    @property
    def has_targets(self) -> bool:
        """Whether targets are known."""
        return self.y is not None or self.is_chunked

    @property
    def metadata(self) -> dict[str, Any]:
        """What goes with features and targets, by name."""
        also = {"sample_weight": self.sample_weight, "group": self.group}
        return {name: value for name, value in also.items() if value is not None}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Encoded rows with their targets and weights.

    Parameters
    ----------
    numeric : ndarray or sparse matrix of shape (n, f)
        Features; NaN is missing.
    y : ndarray of shape (n,), or (n, T) for several targets
        Targets; class labels are encoded 0 .. K-1.
    weight : ndarray of shape (n,)
        Sample weights.
    group : Groups, optional
        Which rows belong together.
    """

    numeric: Values
    y: Array
    weight: Array
    group: Groups | None = None

    @property
    def can_be_parted(self) -> bool:
        """Whether there is more than one row, or group, to hold some out of."""
        return count(len(self.y if self.group is None else self.group)) > 1

    @property
    def features(self) -> Values:
        """The features as scorers take them, copied where they are not one matrix."""
        lazy = isinstance(self.numeric, TakenRows | FrameValues)
        return np.asarray(self.numeric) if lazy else self.numeric

    def take(self, index: NDArray[Any]) -> Rows:
        """Return the rows at `index`, a mask or positions."""
        group = None if self.group is None else self.group.take(index)
        is_matrix = isinstance(self.numeric, np.ndarray)
        numeric = take_rows(self.numeric, index) if is_matrix else self.numeric[index]
        return Rows(numeric, self.y[index], self.weight[index], group)

    def reweighted(self, factor: Array) -> Rows:
        """Return the rows with their weights multiplied by `factor`."""
        return replace(self, weight=self.weight * factor)


def check_weight(
    sample_weight: Any, n_samples: int, name: str, may_vanish: bool = False
) -> Array:
    """Return sample weights as an array; ones if None.

    With `may_vanish` they may all be zero, as those of a part of the rows.

    Raises
    ------
    ValueError
        If they are not one finite number of at least 0 for each row, or all zero.
    """
    if sample_weight is None:
        return np.ones(n_samples)
    try:
        weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} are not all numbers ({error}).") from error
    if weight.ndim == 0:
        weight = np.full(n_samples, float(weight))
    if weight.shape != (n_samples,):
        raise ValueError(
            f"{name} has shape {weight.shape}; give one number for each of the "
            f"{n_samples} rows, shape ({n_samples},)."
        )
    if not np.isfinite(weight).all():
        raise ValueError(f"{name} contains NaN or infinity; give finite numbers.")
    if (weight < 0).any():
        raise ValueError(f"{name} contains negative numbers; weights are at least 0.")
    if len(weight) and weight.max() > MOST_WEIGHT:
        raise ValueError(
            f"{name} contains {weight.max():.3g}, but weights are at most "
            f"{MOST_WEIGHT:g}, so that sums of weighted derivatives are finite; divide "
            "all of them by their greatest."
        )
    if not weight.any() and not may_vanish:
        raise ValueError(
            f"{name} are all zero, so no row is left; sample weights must contain at "
            "least one non-zero number."
        )
    return weight


def class_factors(class_weight: Any, classes: NDArray[Any], rows: Rows) -> Array:
    """Return the factor that `class_weight` puts on each class, shape (K,).

    Parameters
    ----------
    class_weight : None, "balanced" or dict
        "balanced" gives class c the factor ``W / (K * W_c)`` with W the total sample
        weight and W_c that of the class, so all classes weigh the same in total.
    classes : ndarray of shape (K,)
        The labels.
    rows : Rows
        The training rows, labels encoded.

    Raises
    ------
    ValueError
        If the dict names an unknown class, or gives a weight that is not positive
        and finite.
    """
    if class_weight is None:
        return np.ones(len(classes))
    if not isinstance(class_weight, Mapping):
        totals = group_sums(rows.y.astype(np.intp), rows.weight, len(classes))
        return total(rows.weight) / (len(classes) * totals)
    known = classes.tolist()
    unknown = [label for label in class_weight if label not in known]
    if unknown:
        raise ValueError(
            f"class_weight has weights for {unknown!r:.200}, but the classes are "
            f"{known!r:.200}."
        )
    factors = np.array([float(class_weight.get(label, 1)) for label in known])
    if not ((factors <= MOST_FACTOR) & (factors > 0)).all():
        raise ValueError(
            f"class_weight is {dict(class_weight)!r:.200}; give finite weights greater "
            f"than 0, and at most {MOST_FACTOR:g}."
        )
    return factors


def hold_out(
    rows: Rows, fraction: float, seed: int, stratify: bool, required: bool = True
) -> NDArray[np.bool_] | None:
    """Choose rows to hold out, as a mask of shape (n,).

    Rows are ordered by a hash of the seed and their contents, and are held out from
    the beginning of that order until they have `fraction` of the weight. So equal
    rows are on one side, if they are not frequent (:func:`told_apart`), the choice does
    not depend on the order of the rows, and a row of weight 2 is the same as that row
    given twice. Where rows belong together, whole groups take the place of rows: their
    hash is that of their rows.

    Parameters
    ----------
    rows : Rows
        The rows.
    fraction : float
        Share of the total weight to hold out.
    seed : int
        Makes the order.
    stratify : bool
        Whether to take the share from each class.
    required : bool, default=True
        Whether it is an error if nothing can be held out; else None is returned.

    Raises
    ------
    ValueError
        If either side would be empty, and `required`.
    """
    order_by, weight = order_key(rows, seed)
    n_rows = len(rows.y)  # of this part; from here on, all rows count
    y = gathered(rows.y) if stratify else None
    held_out = np.zeros(len(order_by), dtype=bool)
    for label in [None] if y is None else np.unique(y):
        members = slice(None) if label is None else y == label
        chosen = _first_share(order_by[members], weight[members], fraction)
        # A class must not vanish from the training rows.
        if not chosen.all():
            held_out[members] = chosen
    if not held_out.any():
        held_out = order_by == order_by.min()
    if held_out.all():
        if not required:
            return None
        what = "rows" if rows.group is None else "queries"
        n_units = len(order_by) if rows.group is None else len(rows.group)
        raise ValueError(
            f"validation_fraction={fraction} of "
            f"{'n_samples' if rows.group is None else 'n_queries'} = {n_units} (equal "
            f"{what} counted as one) leaves no rows to train on; give X_val and y_val, "
            "or set early_stopping=False."
        )
    return own_rows(held_out, n_rows)


def order_key(rows: Rows, seed: int) -> tuple[NDArray[np.uint64], Array]:
    """Return what draws go by, and the weights, of the rows of all parts.

    It is a hash of the seed and the contents of each row, or of its group; frequent
    rows are told apart.
    """
    columns = itertools.chain(dense_columns(rows.numeric), np.atleast_2d(rows.y.T))
    order_by = hash_rows(columns, len(rows.y), seed)
    if rows.group is not None:
        order_by = mix(rows.group.row_sums(order_by, rows.weight))[rows.group.codes]
    order_by, weight = gathered(order_by), gathered(rows.weight)
    if rows.group is None:
        order_by = told_apart(order_by, weight)
    return order_by, weight


def _first_share(
    order_by: NDArray[np.uint64], weight: Array, share: float
) -> NDArray[np.bool_]:
    """Mark the first distinct values of `order_by` that have `share` of the weight."""
    # Sorted, so that the sum does not depend on the order of the rows.
    wanted = share * float(np.sort(weight).sum())
    # The values are random: those that come first are almost surely among the least.
    bound = np.uint64(min(share + LIKELY, 1.0) * (2**64 - 2**11))
    few = np.flatnonzero(order_by <= bound)
    if weight[few].sum() <= wanted:
        few = np.arange(len(order_by))
    values, where = np.unique(order_by[few], return_inverse=True)
    totals = np.bincount(where, weight[few], len(values))
    before = np.concatenate([[0.0], np.cumsum(totals)])
    middle = before[:-1] + totals / 2
    chosen = np.zeros(len(order_by), dtype=bool)
    chosen[few] = (middle < wanted)[where]
    return chosen
