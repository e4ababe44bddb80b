"""Frames whose numbers are read column by column: everything is as if they were one."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from boostlab import BoostingRegressor, GradientBoostingRegressor
from boostlab.data import Bins, Table, frames
from boostlab.data.frame_values import FrameValues
from boostlab.data.frames import TableEncoder
from boostlab.data.sparse import dense_columns
from boostlab.data.target_codes import Recoding
from boostlab.persistence import model_hash

N = 700


@pytest.fixture(scope="module")
def frame():
    """Numbers of several types, missing values, few and many categories."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "float": np.where(rng.random(N) < 0.1, np.nan, rng.normal(size=N)),
            "single": rng.normal(size=N).astype(np.float32),
            "whole": rng.integers(-9, 9, N),
            "flag": rng.random(N) < 0.3,
            "few": rng.choice(["u", "v", "w"], N),
            "many": rng.integers(0, 400, N).astype(str),
            "nullable": pd.array(rng.integers(0, 5, N), dtype="Int64"),
        }
    ).assign(nullable=lambda f: f["nullable"].mask(f["whole"] > 6))


KINDS = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
}


@pytest.fixture(params=KINDS)
def given(request, frame):
    return KINDS[request.param](frame)


@pytest.fixture
def by_column(monkeypatch):
    """Make small frames count as large ones."""
    return lambda: monkeypatch.setattr(frames, "LARGE", 0)


def encoded(X, **options):
    return TableEncoder().fit_transform(X, **options)


def test_values_are_those_of_the_matrix(given, by_column):
    matrix = encoded(given)
    assert isinstance(encoded(given, by_column=True), np.ndarray)
    by_column()
    assert isinstance(encoded(given), np.ndarray)
    lazy = encoded(given, by_column=True)
    assert isinstance(lazy, FrameValues)
    equal = np.testing.assert_array_equal
    rows = np.random.default_rng(1).permutation(N)[:300]
    mask = np.isin(np.arange(N), rows)
    for part, copied in (
        (lazy, matrix),
        (lazy[rows], matrix[rows]),
        (lazy[mask][5:50], matrix[mask][5:50]),
    ):
        assert part.shape == copied.shape
        assert len(part) == len(copied)
        assert part.dtype == copied.dtype
        equal(np.asarray(part), copied)
        equal(part.features(1, 4), copied[:, 1:4])
        equal(np.stack(list(dense_columns(part)), axis=1), copied)
        equal(part[:, 4], copied[:, 4])
        own = {5: np.linspace(0, 1, len(copied))}
        codes = np.arange(500) / 7
        recoding = Recoding({4: codes[:4], 5: codes}, own)
        for training in (False, True):
            again = recoding.apply(part, training)
            expected = recoding.apply(copied, training)
            equal(np.asarray(again), expected)
            equal(np.asarray(again[3:30][::2]), expected[3:30][::2])
    with pytest.raises(ValueError, match="copy"):
        np.asarray(lazy, copy=False)


def test_tables_have_the_same_bins(given, by_column):
    matrix = encoded(given)
    by_column()
    lazy, copied = Table(encoded(given, by_column=True)), Table(matrix)
    for view in (Bins(), Bins(16, subsample=200)):
        borders = lazy.fitted(view).borders
        np.testing.assert_array_equal(borders, copied.fitted(view).borders)
        bins = lazy.view(view).columns
        np.testing.assert_array_equal(bins, copied.view(view).columns)
    assert not lazy.is_whole
    ((rows, values),) = lazy.row_blocks()
    np.testing.assert_array_equal(values[rows], matrix)
    assert lazy.is_whole


def test_models_are_the_same(given, by_column):
    rng = np.random.default_rng(2)
    y = rng.normal(size=N) + np.array(given["whole"])
    weight = rng.integers(0, 3, N).astype(float)
    options = {"n_estimators": 5, "random_state": 0}
    stops = {"early_stopping": True, "sample_weight": weight}

    def hashes():
        for params in ({}, stops, {"dropout": 0.5}, {"linear_leaves": True}):
            weights = {k: v for k, v in params.items() if k == "sample_weight"}
            params = {k: v for k, v in params.items() if k not in weights}
            model = GradientBoostingRegressor(**options, **params)
            yield model_hash(model.fit(given, y, **weights))
        model.set_params(warm_start=True, n_estimators=8, linear_leaves=False)
        yield model_hash(model.fit(given, y))
        model = GradientBoostingRegressor(**options)
        model.fit(given, y, X_val=given[:99], y_val=y[:99])
        yield model_hash(model)

    expected = list(hashes())
    by_column()
    assert list(hashes()) == expected


def test_other_learners_and_bad_columns(frame, by_column):
    by_column()
    y = frame["whole"].to_numpy(float)
    model = BoostingRegressor(learner="linear", n_estimators=2, random_state=0)
    numbers = frame[["single", "whole", "flag"]]
    expected = model_hash(model.fit(numbers.to_numpy(dtype=float), y))
    assert model_hash(model.fit(numbers.set_axis([0, 1, 2], axis=1), y)) == expected
    strict = BoostingRegressor(learner=LinearRegression(), n_estimators=2)
    with pytest.raises(ValueError, match="contains NaN"):
        strict.fit(frame[["float", "whole"]], y)
    model = GradientBoostingRegressor(n_estimators=2, warm_start=True).fit(frame, y)
    model.set_params(n_estimators=3)
    with pytest.raises(ValueError, match="holds strings"):
        model.fit(frame.assign(whole="a"), y)
