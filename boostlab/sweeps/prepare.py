"""Columns as a method takes them, fitted on the training fold only.

The peers of a sweep take numbers, or pandas categories, but no strings. A category
that the training fold does not hold is missing in the test fold, for every method
alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import pandas as pd

from boostlab.sweeps.datasets import is_numeric


class Encoder(Protocol):
    """Fitted on the training fold, applied to both."""

    def fit(self, X: pd.DataFrame) -> Encoder:
        """Learn from the training fold; return self."""

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the columns of either fold as the method takes them."""


class AsIs:
    """Hand the frame over unchanged: the method copes with strings and categories."""

    def __init__(self, max_categories: int | None = None) -> None:
        self.max_categories = max_categories

    def fit(self, X: pd.DataFrame) -> AsIs:
        """Learn nothing."""
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the frame itself."""
        return X


class Categories:
    """Strings and categories become pandas categories, everything else float.

    A column without any value in the training fold becomes constant.

    Columns are renamed ``x0``, ``x1``, ... since XGBoost and LightGBM refuse some
    characters in names.

    Parameters
    ----------
    max_categories : int, optional
        A column with more of them becomes ordinal codes, in the order of the values;
        0 makes every column ordinal.
    """

    def __init__(self, max_categories: int | None = None) -> None:
        self.max_categories = max_categories

    def fit(self, X: pd.DataFrame) -> Categories:
        """Learn the categories of each column that is not numeric."""
        self.categories_ = [_observed(column) for _, column in X.items()]
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return a frame of floats and categories; unseen values are missing."""
        columns = {}
        learned = zip(X.items(), self.categories_, strict=True)
        for position, ((_, column), categories) in enumerate(learned):
            if categories is None:
                values = column.to_numpy(dtype=np.float64, na_value=np.nan)
            elif not len(categories):
                # Some peers refuse a column that is missing throughout the training
                # fold, and none can learn from it.
                values = np.zeros(len(X))
            else:
                codes = categories.get_indexer(_text(column))
                if self._is_ordinal(len(categories)):
                    values = np.where(codes < 0, np.nan, codes)
                else:
                    values = pd.Categorical.from_codes(codes, categories=categories)
            columns[f"x{position}"] = values
        return pd.DataFrame(columns)

    def _is_ordinal(self, n_categories: int) -> bool:
        return self.max_categories is not None and n_categories > self.max_categories


class Ordinal(Categories):
    """Strings and categories become codes in the order of the values."""

    def __init__(self, max_categories: int | None = None) -> None:
        super().__init__(max_categories=0)


class Text:
    """Strings and categories become strings, everything else float.

    A missing category becomes a string of its own: what CatBoost wants.
    """

    def __init__(self, max_categories: int | None = None) -> None:
        self.max_categories = max_categories

    def fit(self, X: pd.DataFrame) -> Text:
        """Learn nothing."""
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return a frame of floats and strings."""
        return _split_types(X)


class OneHot:
    """One column a category, medians for missing numbers, unit variance.

    What linear models and nets want.

    Parameters
    ----------
    max_categories : int, optional
        The rarest share one column beyond this; 255 by default.
    """

    def __init__(self, max_categories: int | None = None) -> None:
        self.max_categories = max_categories or 255

    def fit(self, X: pd.DataFrame) -> OneHot:
        """Learn categories, medians and scales."""
        from sklearn.compose import make_column_transformer
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        frame = _split_types(X)
        numeric = [c for c in frame if is_numeric(frame[c])]
        encoder = OneHotEncoder(
            handle_unknown="ignore",
            max_categories=self.max_categories,
            sparse_output=False,
        )
        median = SimpleImputer(strategy="median", keep_empty_features=True)
        self.transformer_ = make_column_transformer(
            (make_pipeline(median, StandardScaler()), numeric),
            (encoder, [c for c in frame if c not in numeric]),
        ).fit(frame)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return a frame of floats without missing values."""
        values = self.transformer_.transform(_split_types(X))
        return pd.DataFrame(values).add_prefix("x")


ENCODINGS: dict[str, Callable[[int | None], Encoder]] = {
    "none": AsIs,
    "category": Categories,
    "ordinal": Ordinal,
    "text": Text,
    "onehot": OneHot,
}


def _text(column: pd.Series) -> pd.Series:
    """Return the values as strings, missing ones still missing."""
    values = column.astype(object)
    return values.where(values.isna(), values.map(str))


def _observed(column: pd.Series) -> pd.Index | None:
    """Return the values that occur: in the order of a category dtype, else sorted.

    None stands for a column of numbers, unless all of them are missing.
    """
    if is_numeric(column) and column.notna().any():
        return None
    if isinstance(column.dtype, pd.CategoricalDtype):
        values = column.cat.remove_unused_categories().cat.categories.map(str)
    else:
        values = sorted(_text(column).dropna().unique())
    return pd.Index(values, dtype=object)


def _split_types(X: pd.DataFrame) -> pd.DataFrame:
    """Return floats, and strings with a word for missing."""
    columns = {}
    for position, (_, column) in enumerate(X.items()):
        if is_numeric(column):
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            values = _text(column).fillna("(missing)").to_numpy(dtype=object)
        columns[f"x{position}"] = values
    return pd.DataFrame(columns)
