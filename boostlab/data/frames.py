"""What users give as X, encoded as one table of numbers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError

from boostlab.data.category_parts import categories_from, categories_to, require
from boostlab.data.chunk_columns import ChunkColumn
from boostlab.data.columns import Column, Input, Numbers, read
from boostlab.data.frame_values import frame_values, narrowed
from boostlab.data.hashing import hash_rows
from boostlab.data.levels import MAX_CATEGORIES, Categories
from boostlab.data.sparse import Values, dense_columns
from boostlab.data.taken import LARGE
from boostlab.data.target_codes import Recoding, target_statistics
from boostlab.reduce import agree, any_of
from boostlab.registry import register

ORDERS = ("frequency", "value")
HANDLE_UNKNOWN = ("missing", "error")


@register("table_encoder")
class TableEncoder:
    """Encode arrays and frames as a matrix of floats, NaN where missing.

    Numbers, booleans and decimals stay what they are. Strings, categories and
    columns of mixed objects become the numbers 0, 1, 2, ... of their categories,
    which are remembered *by value*: the codes that a frame library gives them
    differ between equal frames. Categories are numbered by descending weighted
    frequency, ties in the order of their values, until :meth:`order_by_target`; those
    of an ordered type (ordered pandas categoricals, polars Enum, ordered arrow
    dictionaries) keep their order.
    What is missing is NaN, and so is by default a category that fit has not seen, but
    in a column of target statistics it is as good as the mean.

    Accepted are numpy arrays, lists of lists, and every eager frame that narwhals
    reads: pandas, polars, pyarrow and others. Arrays and frames of one floating type
    are not copied where that can be avoided.

    Parameters
    ----------
    order : {"frequency", "value"}, default="frequency"
        What categories are numbered by.
    handle_unknown : {"missing", "error"}, default="missing"
        What :meth:`transform` does with a category that fit has not seen.
    owner : str, default="TableEncoder"
        Name of the estimator in messages about feature names and their number.

    Attributes
    ----------
    n_features_in_ : int
        Number of features seen in fit.
    feature_names_in_ : ndarray of str, shape (n_features_in_,)
        Their names; only there if X had column names that are all strings.
    categories_ : list of tuple or None
        The categories of each feature in the order of their codes; None where the
        feature is numeric.
    categorical_ : ndarray of bool, shape (n_features_in_,)
        Which features are categories.
    nominal_ : ndarray of bool, shape (n_features_in_,)
        Which of them are sets without an order of their own, of at most 254 members:
        the features that :class:`Table` takes as categorical.
    unordered_ : ndarray of bool, shape (n_features_in_,)
        Which of them are sets without an order and with more members, encoded as
        target statistics.
    """

    def __init__(
        self,
        *,
        order: str = "frequency",
        handle_unknown: str = "missing",
        owner: str = "TableEncoder",
    ) -> None:
        for name, value, allowed in (
            ("order", order, ORDERS),
            ("handle_unknown", handle_unknown, HANDLE_UNKNOWN),
        ):
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}; give one of {list(allowed)}.")
        self.order = order
        self.handle_unknown = handle_unknown
        self.owner = owner

    def __repr__(self) -> str:
        return (
            f"TableEncoder(order={self.order!r}, handle_unknown="
            f"{self.handle_unknown!r})"
        )

    @classmethod
    def known(
        cls,
        categories: Sequence[Categories | None],
        feature_names: Sequence[str] | None = None,
        *,
        owner: str = "TableEncoder",
        **params: str,
    ) -> TableEncoder:
        """Return an encoder that is fitted already.

        Parameters
        ----------
        categories : sequence of Categories or None
            One a feature; None where it is numeric.
        feature_names : sequence of str, optional
            Names of the features, all different.
        owner : str, default="TableEncoder"
            Name of the estimator in messages.
        **params
            Parameters of the constructor.

        Raises
        ------
        ValueError
            If there are no features, or their names are not so many and distinct.
        """
        return cls(owner=owner, **params).adopt(categories, feature_names)

    def adopt(
        self,
        categories: Sequence[Categories | None],
        feature_names: Sequence[str] | None = None,
    ) -> TableEncoder:
        """Take features that were learnt elsewhere; see :meth:`known`."""
        self.n_features_in_ = len(categories)
        require(len(categories) > 0, "number of features")
        self._categories = list(categories)
        if feature_names is not None:
            named = all(isinstance(name, str) for name in feature_names)
            distinct = len(feature_names) == len(categories) == len(set(feature_names))
            require(named and distinct, "feature_names")
            self.feature_names_in_ = np.array(feature_names, dtype=object)
        return self

    def codes_of(
        self, columns: Sequence[ChunkColumn]
    ) -> list[NDArray[np.float64] | None]:
        """Return what the numbers of categories in a table on disk mean here."""
        return [
            column.codes(known, self.handle_unknown)
            for column, known in zip(columns, self._categories, strict=True)
        ]

    def fit(
        self, X: Any, weight: ArrayLike | None = None, *, accept_sparse: bool = False
    ) -> TableEncoder:
        """Learn the features and their categories.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            The table.
        weight : array-like of shape (n_samples,), optional
            Sample weights, which frequencies are counted in; a category of weight
            zero is as good as not there.
        accept_sparse : bool, default=False
            Whether X may be a sparse matrix, and the encoded table too.

        Returns
        -------
        TableEncoder
            This encoder, fitted.

        Raises
        ------
        TypeError
            If X is sparse or lazy, or holds values that are neither numbers nor
            strings.
        ValueError
            If X is not two-dimensional, is empty, or holds dates or complex numbers.
        """
        self._learn(read(X, accept_sparse), weight)
        return self

    def fit_transform(
        self,
        X: Any,
        weight: ArrayLike | None = None,
        *,
        accept_sparse: bool = False,
        by_column: bool = False,
    ) -> Values:
        """Fit and return the encoded table, reading X once.

        See :meth:`fit` and :meth:`transform`.
        """
        given = read(X, accept_sparse)
        self._learn(given, weight)
        return self._encode(given, by_column)

    def transform(
        self, X: Any, *, accept_sparse: bool = False, by_column: bool = False
    ) -> Values:
        """Return the table as numbers.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features_in_)
            With the features of fit, in the same order.
        accept_sparse : bool, default=False
            Whether X may be a sparse matrix, and the encoded table too.
        by_column : bool, default=False
            Whether a large frame of several types may be returned as columns, to be
            read from X when they are needed; X must not be changed before.

        Returns
        -------
        ndarray of shape (n_samples, n_features_in_), CSR or CSC matrix, or FrameValues
            float32 if X holds float32 columns and none that need more, else float64;
            it may share memory with X.

        Raises
        ------
        NotFittedError
            Before fit.
        ValueError, TypeError
            As :meth:`fit`; also if X has other features than in fit, or a numeric
            feature now holds strings or the other way round, or a category is
            unknown and `handle_unknown` is "error".
        """
        if not self.is_fitted:
            raise NotFittedError(
                f"This {self.owner} is not fitted yet; call fit before predicting."
            )
        given = read(X, accept_sparse)
        self.check_features(given.names, given.shape[1])
        return self._encode(given)

    def check_features(self, names: NDArray[np.object_] | None, n: int) -> None:
        """Raise ValueError unless these are the features of fit, in their order."""
        self._check_names(names)
        if n != self.n_features_in_:
            raise ValueError(
                f"X has {n} features, but {self.owner} is expecting "
                f"{self.n_features_in_} features as input."
            )

    def order_by_target(
        self,
        numeric: Numbers,
        weight: NDArray[np.float64],
        target: NDArray[np.float64],
        *,
        pool_rare: bool = True,
        seed: int = 0,
    ) -> Recoding:
        """Number categories by their mean target, where the data declare no order.

        A tree that splits numbers then separates the categories with high targets
        from those with low ones, and rare categories, where they share a number,
        cannot be learnt by heart. More than 254 categories become a numeric column of
        target statistics; see :mod:`boostlab.data.target_codes`.

        Parameters
        ----------
        numeric : ndarray of shape (n, n_features_in_)
            Training rows, as :meth:`transform` encoded them.
        weight : ndarray of shape (n,)
            Positive sample weights.
        target : ndarray of shape (n, T)
            Numbers, or the indicators of T classes.
        pool_rare : bool, default=True
            Whether rare categories share a number; a learner that splits on sets of
            categories is better served without.
        seed : int, default=0
            Chooses the folds that target statistics are learnt on.

        Returns
        -------
        Recoding
            What makes of rows encoded before what :meth:`transform` gives from now on.
        """
        recoding, contents = Recoding(), None
        for j, known in enumerate(self._categories):
            if known is None or known.ordered or not known.values:
                continue
            column = numeric[:, j]
            occurs = np.zeros(len(known.values), dtype=bool)
            occurs[column[~np.isnan(column)].astype(np.intp)] = True
            occurs = any_of(occurs)
            if occurs.sum() <= MAX_CATEGORIES:
                self._categories[j], recoding.new_codes[j] = known.by_target(
                    column, weight, target, pool_rare
                )
                continue
            if contents is None:
                contents = hash_rows(dense_columns(numeric), len(numeric), seed)
            statistics, recoding.training[j] = target_statistics(
                column, len(occurs), weight, target, contents
            )
            self._categories[j] = known.with_statistics(statistics, occurs)
            recoding.new_codes[j] = np.append(statistics, np.nan)
        return recoding

    @property
    def is_fitted(self) -> bool:
        """Whether the features are known."""
        return hasattr(self, "n_features_in_")

    @property
    def categories_(self) -> list[tuple[Any, ...] | None]:
        """The categories of each feature; None where it is numeric."""
        return [None if c is None else c.values for c in self._categories]

    def values_of_codes(self, feature: int) -> tuple[tuple[Any, ...], ...] | None:
        """Return the categories that share each code of a feature; None if numeric."""
        known = self._categories[feature]
        if known is None or known.statistics is not None:
            return None
        return known.of_codes()

    @property
    def categorical_(self) -> NDArray[np.bool_]:
        """Which features are categories."""
        return np.array([c is not None for c in self._categories])

    @property
    def nominal_(self) -> NDArray[np.bool_]:
        """Which features are categories without an order of their own."""
        return np.array(
            [
                c is not None
                and not c.ordered
                and c.statistics is None
                and len(c.values) <= MAX_CATEGORIES
                for c in self._categories
            ]
        )

    @property
    def unordered_(self) -> NDArray[np.bool_]:
        """Which other features are categories without an order of their own."""
        own = np.array([c is not None and not c.ordered for c in self._categories])
        return own & ~self.nominal_

    def to_parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return the fitted encoder as plain data."""
        names = getattr(self, "feature_names_in_", None)
        return {
            "order": self.order,
            "handle_unknown": self.handle_unknown,
            "owner": self.owner,
            "n_features": self.n_features_in_,
            "feature_names": None if names is None else names.tolist(),
            "categories": [categories_to(c) for c in self._categories],
        }, {}

    @classmethod
    def from_parts(
        cls, data: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> TableEncoder:
        """Return the encoder that :meth:`to_parts` described.

        Raises
        ------
        ValueError
            If anything is missing, of another type, or contradicts the rest.
        """
        fields = {"order", "handle_unknown", "owner", "n_features"}
        fields |= {"feature_names", "categories"}
        if not isinstance(data, dict) or set(data) != fields or arrays:
            raise ValueError(
                f"A table encoder has the fields {sorted(fields)} and no arrays; the "
                "file is damaged or of another version."
            )
        n_features, categories = data["n_features"], data["categories"]
        require(type(n_features) is int and n_features > 0, "n_features")
        require(isinstance(data["owner"], str), "owner")
        require(data["order"] in ORDERS, "order")
        require(data["handle_unknown"] in HANDLE_UNKNOWN, "handle_unknown")
        require(
            isinstance(categories, list) and len(categories) == n_features, "categories"
        )
        encoder = cls(**{name: data[name] for name in ("order", "handle_unknown")})
        encoder.owner = data["owner"]
        encoder.n_features_in_ = n_features
        encoder._categories = [categories_from(part) for part in categories]
        names = data["feature_names"]
        if names is not None:
            require(
                isinstance(names, list)
                and all(isinstance(name, str) for name in names)
                and len(names) == n_features == len(set(names)),
                "feature_names",
            )
            encoder.feature_names_in_ = np.array(names, dtype=object)
        return encoder

    def _learn(self, given: Input, weight: ArrayLike | None) -> None:
        n_samples, n_features = given.shape
        if weight is not None:
            weight = np.asarray(weight, dtype=np.float64)
            if weight.shape != (n_samples,):
                raise ValueError(
                    f"The weights have shape {weight.shape}; give one weight for each "
                    f"of the {n_samples} rows."
                )
        names = None if given.names is None else given.names.tolist()
        agree((n_features, names), "the names or the number of the features")
        if given.columns:
            self._categories = [self._categories_of(c, weight) for c in given.columns]
        else:
            self._categories = [None] * n_features
        self.n_features_in_ = n_features
        if given.names is not None:
            self.feature_names_in_ = given.names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _categories_of(
        self, column: Column, weight: NDArray[np.float64] | None
    ) -> Categories | None:
        agree(column.is_numeric, f"whether column {column.label} is numeric")
        if column.is_numeric:
            return None
        order = column.order
        agree(order and tuple(order), f"the declared categories of {column.label}")
        if order is not None:
            return Categories.declared(order, column.label)
        found = Categories.count(column.dictionary(), weight, column.label)
        return found.by_value() if self.order == "value" else found

    def _encode(self, given: Input, by_column: bool = False) -> Values:
        if given.numeric is not None and not any(self._categories):
            return given.numeric
        if not given.columns:
            raise TypeError(
                "X is a sparse matrix, but some features were categories in fit; give "
                "them as they were, for example in a data frame."
            )
        dtype = np.result_type(*{column.dtype for column in given.columns})
        dtype = np.float32 if dtype in (np.float16, np.float32) else np.float64
        by_column = by_column and given.shape[0] * given.shape[1] >= LARGE
        pairs = zip(given.columns, self._categories, strict=True)
        if by_column:
            columns = [
                column.numbers
                if known is None and getattr(column, "is_quick", False)
                else narrowed(self._numbers(column, known))
                for column, known in pairs
            ]
            return frame_values(columns, dtype, given.shape[0])
        out = np.empty(given.shape, dtype=dtype, order="F")
        for j, (column, known) in enumerate(pairs):
            out[:, j] = self._numbers(column, known)
        return out

    def _numbers(self, column: Column, known: Categories | None) -> Numbers:
        """Return one column as numbers, of what fit took it for."""
        if known is not None:
            return known.encode(column.dictionary(), column.label, self.handle_unknown)
        numbers = column.numbers()
        if numbers is None:
            raise ValueError(
                f"Column {column.label} was numeric in fit and now holds strings; "
                "convert it to numbers, with missing values where there is none."
            )
        return numbers

    def _check_names(self, names: NDArray[np.object_] | None) -> None:
        """Compare feature names with those of fit, in scikit-learn's words."""
        fitted = getattr(self, "feature_names_in_", None)
        if names is None and fitted is None:
            return
        if fitted is None:
            warnings.warn(
                f"X has feature names, but {self.owner} was fitted without feature "
                "names",
                UserWarning,
                stacklevel=4,
            )
        elif names is None:
            warnings.warn(
                f"X does not have valid feature names, but {self.owner} was fitted "
                "with feature names",
                UserWarning,
                stacklevel=4,
            )
        elif len(names) != len(fitted) or (names != fitted).any():
            raise ValueError(_name_differences(set(names), set(fitted)))


def _name_differences(given: set[str], fitted: set[str]) -> str:
    lines = ["The feature names should match those that were passed during fit."]
    for title, names in (
        ("Feature names unseen at fit time:", sorted(given - fitted)),
        ("Feature names seen at fit time, yet now missing:", sorted(fitted - given)),
    ):
        if names:
            lines += [title, *(f"- {name}" for name in names[:5])]
            lines += ["- ..."] if len(names) > 5 else []
    if given == fitted:
        lines.append("Feature names must be in the same order as they were in fit.")
    return "\n".join(lines) + "\n"
