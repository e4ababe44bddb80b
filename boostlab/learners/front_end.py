"""The default front end of learners that need scaled numbers: nets, random features.

One view of a table: numbers scaled robustly and clipped smoothly, categories one by
one, and a mark where a value is missing. It is learnt from the training rows alone, so
nothing of held-out rows leaks into it, and it is plain data that a hypothesis takes
along. A learner asks for it like this::

    front_end, inputs = target.table.view(FrontEnd())     # FrontEndModel, (n, d)
    new_inputs = new_table.view(Columns(front_end))        # at prediction
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.data.table import Table
from boostlab.objectives.weighted import weighted_mean, weighted_quantile
from boostlab.reduce import greatest
from boostlab.registry import register

Array = NDArray[np.float64]

NUMERIC = ("robust", "standard", "none")

LARGEST = 1e100
"""Largest size of numbers that are left as they are: squares must be finite."""

CLIP = 3.0
"""Where smooth clipping ends: scaled values stay between -3 and 3."""


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """Scaled numbers, indicators of categories, and marks of missing values.

    A view of a table; :meth:`boostlab.data.table.Table.view` returns the pair of the
    :class:`FrontEndModel` and its columns (n, d). All statistics are weighted, so that
    a row of weight 2 is that row given twice.

    "robust" divides the distance from the median by the range between the quartiles
    (where that is 0, by half the range of all values) and bends z to
    ``z / sqrt(1 + (z / 3)^2)``: no outlier counts more than 3. "standard" is mean and
    standard deviation without clipping. "none" leaves numbers as they are.

    Source: Holzmueller, Grinsztajn, Steinwart (2024), Better by default, section 3.1.

    Parameters
    ----------
    numeric : {"robust", "standard", "none"}, default="robust"
        What is done to numbers.
    max_one_hot : int, default=32
        Features of at most this many categories become an indicator for each (one for
        two). Of features with more, the number that the encoder gave to each category
        is scaled as a number: they are in the order of their mean target.
    """

    numeric: str = "robust"
    max_one_hot: int = 32

    def fit(self, table: Table) -> FrontEndModel:
        """Return what is learnt from the training rows."""
        if self.numeric not in NUMERIC:
            raise ValueError(f"numeric is {self.numeric!r}; give one of {NUMERIC}.")
        weight = np.ones(table.n_samples) if table.weight is None else table.weight
        numbers: list[tuple[int, float, float, float]] = []
        hot: list[tuple[int, float]] = []
        marked: list[int] = []
        for j, column in enumerate(table.columns()):
            _check_finite(column, table.feature_names[j])
            known = ~np.isnan(column)
            if not known.all():
                marked.append(j)
            values = column[known].astype(np.float64)
            if table.categorical[j]:
                levels = np.unique(values)
                if len(levels) <= self.max_one_hot:
                    hot += [(j, code) for code in levels[len(levels) == 2 :]]
                    continue
            place = _place(values, weight[known], self.numeric)
            _check_size(values, place, self.numeric, table.feature_names[j])
            numbers.append((j, *place))
        return FrontEndModel(
            n_features=table.n_features,
            clip=CLIP if self.numeric == "robust" else 0.0,
            numbers=np.array([row[0] for row in numbers], np.int64),
            center=np.array([row[1] for row in numbers], np.float64),
            scale=np.array([row[2] for row in numbers], np.float64),
            fill=np.array([row[3] for row in numbers], np.float64),
            hot=np.array([row[0] for row in hot], np.int64),
            codes=np.array([row[1] for row in hot], np.float64),
            marked=np.array(marked, np.int64),
        )

    def apply(self, fitted: FrontEndModel, table: Table) -> tuple[FrontEndModel, Array]:
        """Return what was learnt, and the columns of `table`."""
        return fitted, table.view(Columns(fitted))


def _check_finite(column: NDArray[Any], name: str) -> None:
    if np.isinf(column).any():
        raise ValueError(
            f"The feature {name!r} has infinite values, which cannot be scaled; "
            "replace them, or use a tree."
        )


def _check_size(
    values: Array, place: tuple[float, float, float], numeric: str, name: str
) -> None:
    """Refuse numbers that cannot be scaled, or are too large to be left unscaled."""
    largest = float(np.abs(values).max(initial=0.0))
    if numeric == "none" and largest > LARGEST:
        raise ValueError(
            f"The feature {name!r} has values of up to {largest:.1e}, but at most "
            f"{LARGEST:.0e} are taken where numbers are left as they are; divide it by "
            "its standard deviation, or use numeric='robust' or faithful=False."
        )
    if not np.isfinite(place).all():
        raise ValueError(
            f"The feature {name!r} has values of up to {largest:.1e}, whose spread is "
            "beyond floating point; divide it by its standard deviation."
        )


def _place(values: Array, weight: Array, numeric: str) -> tuple[float, float, float]:
    """Return center, scale and the value to put where one is missing."""
    if len(values) == 0:
        return 0.0, 1.0, 0.0
    median = weighted_quantile(values, weight, 0.5)
    if numeric == "none":
        return 0.0, 1.0, median
    if numeric == "standard":
        # By a power of two, which rounds nothing: squares may overflow or vanish.
        exponent = np.frexp(np.abs(values).max())[1]
        size = int(greatest(np.array([exponent], np.int64))[0])
        values = np.ldexp(values, -size)
        mean = weighted_mean(values, weight)
        spread = np.sqrt(weighted_mean((values - mean) ** 2, weight))
        mean, spread = np.ldexp([mean, spread], size).tolist()
        return mean, spread or 1.0, mean
    low, high = (weighted_quantile(values, weight, level) for level in (0.25, 0.75))
    spread = high - low or (values.max() - values.min()) / 2
    return median, float(spread) or 1.0, median


@register("front_end_model")
@dataclass(frozen=True, slots=True, eq=False)
class FrontEndModel:
    """What a :class:`FrontEnd` learnt: how features become columns.

    The d columns are those of numbers, then indicators, then marks.

    Parameters
    ----------
    n_features : int
        Number of features of the table.
    clip : float
        Bound of the scaled values; 0 for none.
    numbers : ndarray of shape (a,), int64
        The features that are numbers.
    center, scale, fill : ndarray of shape (a,)
        Scaled are ``(x - center) / scale``; `fill` stands for a missing x.
    hot : ndarray of shape (b,), int64
        The feature of each indicator.
    codes : ndarray of shape (b,)
        The value that it is 1 for.
    marked : ndarray of shape (m,), int64
        The features whose missing values are marked by 1.
    """

    n_features: int
    clip: float
    numbers: NDArray[np.int64]
    center: Array
    scale: Array
    fill: Array
    hot: NDArray[np.int64]
    codes: Array
    marked: NDArray[np.int64]

    @property
    def n_columns(self) -> int:
        """Number of columns d."""
        return len(self.numbers) + len(self.hot) + len(self.marked)

    def belong_to(self, features: NDArray[np.intp] | None) -> NDArray[np.bool_]:
        """Return which columns belong to some features; all for None."""
        if features is None:
            return np.ones(self.n_columns, bool)
        return np.isin(self.feature_of_column, features)

    @property
    def feature_of_column(self) -> NDArray[np.int64]:
        """The feature that each column belongs to, shape (d,)."""
        return np.concatenate([self.numbers, self.hot, self.marked])

    def columns(self, numeric: NDArray[Any]) -> Array:
        """Return the columns of raw features (n, f), shape (n, d), row-major.

        Raises
        ------
        ValueError
            If a value is infinite.
        """
        out = np.empty((len(numeric), self.n_columns))
        a, b = len(self.numbers), len(self.hot)
        values = np.asarray(numeric[:, self.numbers], dtype=np.float64)
        if np.isinf(values).any():
            raise ValueError("X holds infinite values, which cannot be scaled.")
        values = np.where(np.isnan(values), self.fill, values)
        scaled = (values - self.center) / self.scale
        if self.clip > 0:
            with np.errstate(over="ignore"):
                scaled = scaled / np.hypot(1.0, scaled / self.clip)
        out[:, :a] = scaled
        out[:, a : a + b] = numeric[:, self.hot] == self.codes
        out[:, a + b :] = np.isnan(numeric[:, self.marked])
        return out

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the model as plain data and arrays."""
        plain = ("n_features", "clip")
        data = {name: getattr(self, name) for name in plain}
        names = [name for name in self.__slots__ if name not in plain]
        return data, {name: getattr(self, name) for name in names}

    @classmethod
    def from_parts(
        cls, data: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> FrontEndModel:
        """Build the model again; raise ValueError unless the parts fit together."""
        plain = {"n_features", "clip"}
        if set(data) != plain or set(arrays) | plain != set(cls.__slots__):
            raise ValueError("A front end has other parts; the file is damaged.")
        model = cls(**data, **arrays)
        places = (model.numbers, model.hot, model.marked)
        floats = (model.center, model.scale, model.fill, model.codes)
        sound = (
            type(model.n_features) is int
            and type(model.clip) is float
            and 0 <= model.clip < np.inf
            and all(p.dtype == np.int64 and p.ndim == 1 for p in places)
            and all(((p >= 0) & (p < model.n_features)).all() for p in places)
            and all(v.dtype == np.float64 and v.ndim == 1 for v in floats)
            and all(np.isfinite(v).all() for v in floats)
            and len(model.numbers) == len(model.center) == len(model.scale)
            and len(model.fill) == len(model.numbers)
            and len(model.hot) == len(model.codes)
            and (model.scale > 0).all()
        )
        if not sound:
            raise ValueError("The parts of a front end do not fit together.")
        return model


@dataclass(frozen=True, slots=True)
class Columns:
    """The view of a table as the columns of a front end that was learnt before.

    All hypotheses of an ensemble share it, and on the training table so does the view
    :class:`FrontEnd`: the columns of a table are computed once.
    """

    front_end: FrontEndModel

    def fit(self, table: Table) -> FrontEndModel:
        """Return the front end: nothing is learnt."""
        return self.front_end

    def apply(self, fitted: FrontEndModel, table: Table) -> Array:
        """Return the columns (n, d) of `table`."""
        return fitted.columns(table.numeric)
