"""Frames of pandas, polars and pyarrow that are equal are encoded equally."""

from __future__ import annotations

import datetime
import math
import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boostlab.data import Bins, Table, TableEncoder

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

NAN = math.nan

CELLS = {
    "number": [1.5, None, -2.0, 0.0, 1.5],
    "integer": [3, None, 1, 2, 3],
    "flag": [True, None, False, True, True],
    "text": ["b", "a", None, "c", "b"],
    "kind": ["v", "u", "u", "w", None],
    "size": ["mid", "low", None, "mid", "mid"],
    "price": [Decimal("1.25"), None, Decimal("3"), Decimal("0.5"), Decimal("1.25")],
    "nothing": [None] * 5,
}
SIZES = ["low", "mid", "high"]
EXPECTED = np.array(
    [
        [1.5, 3, 1, 0, 1, 1, 1.25, NAN],
        [NAN, NAN, NAN, 1, 0, 0, NAN, NAN],
        [-2, 1, 0, NAN, 0, NAN, 3, NAN],
        [0, 2, 1, 2, 2, 1, 0.5, NAN],
        [1.5, 3, 1, 0, NAN, 1, 1.25, NAN],
    ]
)


def pandas_frame():
    return pd.DataFrame(
        {
            "number": CELLS["number"],
            "integer": pd.array(CELLS["integer"], dtype="Int64"),
            "flag": pd.array(CELLS["flag"], dtype="boolean"),
            "text": CELLS["text"],
            "kind": pd.Categorical(CELLS["kind"]),
            "size": pd.Categorical(CELLS["size"], SIZES, ordered=True),
            "price": np.array(CELLS["price"], dtype=object),
            "nothing": CELLS["nothing"],
        },
        index=[7, 7, 1, 0, 5],
    )


def pandas_objects():
    return (
        pd.DataFrame(CELLS)
        .astype(object)
        .astype({"size": pandas_frame()["size"].dtype})
    )


def pandas_arrow():
    frame = arrow_table().to_pandas(types_mapper=pd.ArrowDtype)
    return frame.assign(size=pandas_frame()["size"].array)


def polars_frame():
    kinds = {"kind": pl.Categorical, "size": pl.Enum(SIZES)}
    return pl.DataFrame(CELLS, schema_overrides=kinds, strict=False)


def arrow_table():
    sizes = pa.array([1, 0, None, 1, 1], pa.int8())
    columns = {name: pa.array(values) for name, values in CELLS.items()}
    columns["kind"] = columns["kind"].dictionary_encode()
    columns["size"] = pa.DictionaryArray.from_arrays(sizes, SIZES, ordered=True)
    return pa.table(columns)


def arrow_chunks():
    """The same in two chunks whose dictionaries differ, and other string types."""
    table = arrow_table()
    table = pa.concat_tables([table[:2], table[2:]])
    kinds = [pa.array(CELLS["kind"][part]) for part in (slice(2), slice(2, None))]
    kinds = pa.chunked_array([chunk.dictionary_encode() for chunk in kinds])
    table = table.set_column(4, "kind", kinds)
    return table.set_column(3, "text", table["text"].cast(pa.large_string()))


FRAMES = [
    pandas_frame,
    pandas_objects,
    pandas_arrow,
    polars_frame,
    arrow_table,
    arrow_chunks,
]


@pytest.mark.parametrize("fitted_on", FRAMES)
@pytest.mark.parametrize("given", FRAMES)
def test_equal_frames_are_encoded_equally(fitted_on, given):
    encoder = TableEncoder().fit(fitted_on())
    np.testing.assert_array_equal(encoder.transform(given()), EXPECTED)


@pytest.mark.parametrize("make", FRAMES)
def test_saved_parts_do_not_depend_on_the_library(make):
    expected = TableEncoder().fit(pandas_frame()).to_parts()
    assert TableEncoder().fit(make()).to_parts() == expected


def dictionary_frames(order):
    """Frames of one column a b c a a, with the categories stored in `order`."""
    values = ["a", "b", "c", "a", "a"]
    codes = [order.index(v) for v in values]
    yield pd.DataFrame({"c": pd.Categorical.from_codes(codes, order)})
    yield pa.table({"c": pa.DictionaryArray.from_arrays(codes, order)})
    # The categories of polars are numbered as they are first seen in the process.
    yield pl.DataFrame({"c": pl.Series(order + values).cast(pl.Categorical)[3:]})


@pytest.mark.parametrize("order", [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]])
def test_the_order_of_a_dictionary_does_not_matter(order):
    encoder = TableEncoder().fit(next(dictionary_frames(["a", "b", "c"])))
    for frame in dictionary_frames(order):
        np.testing.assert_array_equal(encoder.transform(frame)[:, 0], [0, 1, 2, 0, 0])
        assert TableEncoder().fit(frame).categories_ == [("a", "b", "c")]


def test_unused_categories_count_only_where_the_order_is_declared():
    plain = pd.DataFrame({"c": pd.Categorical(["b", "a"], ["z", "b", "a"])})
    assert TableEncoder().fit(plain).categories_ == [("a", "b")]
    ordered = pd.DataFrame({"c": plain["c"].cat.as_ordered()})
    assert TableEncoder().fit(ordered).categories_ == [("z", "b", "a")]
    enum = pl.DataFrame({"c": pl.Series(["b", "a"], dtype=pl.Enum(["z", "b", "a"]))})
    assert TableEncoder().fit(enum).categories_ == [("z", "b", "a")]


def test_categories_that_are_numbers():
    frame = pd.DataFrame({"c": pd.Categorical([30, 10, 10])})
    encoder = TableEncoder().fit(frame)
    assert encoder.categories_ == [(10, 30)]
    for again in (
        pa.table({"c": pa.array([30, 10, 7]).dictionary_encode()}),
        pl.DataFrame({"c": [30.0, 10.0, 7.0]}),
        pd.DataFrame({"c": pd.array([30, 10, None], dtype="Int64")}),
    ):
        np.testing.assert_array_equal(encoder.transform(again)[:, 0], [1, 0, NAN])
    flags = pd.DataFrame({"c": pd.Categorical([True, False, True])})
    encoder = TableEncoder().fit(flags)
    assert encoder.categories_ == [(True, False)]
    found = encoder.transform(pl.DataFrame({"c": [False, None, True]}))
    np.testing.assert_array_equal(found[:, 0], [1, NAN, 0])


def test_a_dictionary_may_hold_null():
    column = pa.DictionaryArray.from_arrays([0, 1, 0], pa.array(["a", None]))
    found = TableEncoder().fit_transform(pa.table({"c": column}))
    np.testing.assert_array_equal(found[:, 0], [0, NAN, 0])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.none() | st.text(max_size=3), min_size=1, max_size=12),
    st.lists(st.none() | st.text(max_size=3), min_size=1, max_size=12),
)
def test_any_strings(fitted_on, values):
    def frames(values):
        yield pd.DataFrame({"c": pd.Series(values, dtype=object)})
        yield pd.DataFrame({"c": pd.Series(values, dtype="str")})
        yield pl.DataFrame({"c": pl.Series(values, dtype=pl.String)})
        yield pa.table({"c": pa.array(values, pa.string())})

    counts = {v: fitted_on.count(v) for v in fitted_on if v is not None}
    order = sorted(counts, key=lambda v: (-counts[v], v))
    expected = [order.index(v) if v in order else NAN for v in values]
    for first in frames(fitted_on):
        encoder = TableEncoder().fit(first)
        assert encoder.categories_ == [tuple(order)]
        for second in frames(values):
            np.testing.assert_array_equal(encoder.transform(second)[:, 0], expected)


# ---- types and copies -------------------------------------------------------------


def test_float_frames_are_not_copied():
    x = np.asfortranarray(np.random.default_rng(0).standard_normal((5, 3)))
    frame = pd.DataFrame(x, columns=["a", "b", "c"], copy=False)
    assert np.shares_memory(TableEncoder().fit_transform(frame), x)


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table])
def test_floating_type_of_the_result(library):
    single, small = np.ones(2, np.float32), np.ones(2, np.int16)
    for columns, expected in (
        ({"a": single, "b": single}, np.float32),
        ({"a": single, "b": small, "c": ["x", "y"], "d": [True, False]}, np.float32),
        ({"a": single, "b": np.ones(2, np.int32)}, np.float64),
        ({"a": single, "b": np.ones(2)}, np.float64),
        ({"a": small, "b": small}, np.float64),
        ({"c": ["x", "y"]}, np.float64),
    ):
        found = TableEncoder().fit_transform(library(columns))
        assert found.dtype == expected
        assert found.flags.aligned


def test_many_columns_of_several_types():
    columns = {f"c{j}": np.full(3, j, ("i1", "f4", "i8")[j % 3]) for j in range(120)}
    frame = pd.DataFrame(columns)
    np.testing.assert_array_equal(
        TableEncoder().fit_transform(frame), np.tile(np.arange(120.0), (3, 1))
    )


def test_nulls_of_float_frames_are_nan():
    expected = [[1, NAN], [NAN, 2]]
    for frame in (
        pl.DataFrame({"a": [1.0, None], "b": [None, 2.0]}),
        pa.table({"a": [1.0, None], "b": [None, 2.0]}),
        pd.DataFrame({"a": [1.0, None], "b": [None, 2.0]}, dtype="Float64"),
        pd.DataFrame({"a": [1.0, None], "b": [None, 2.0]}, dtype="double[pyarrow]"),
    ):
        np.testing.assert_array_equal(TableEncoder().fit_transform(frame), expected)


def test_polars_objects():
    frame = pl.DataFrame({"c": pl.Series(["z", 1, None, 1], dtype=pl.Object)})
    np.testing.assert_array_equal(
        TableEncoder().fit_transform(frame)[:, 0], [1, 0, NAN, 0]
    )


# ---- what is refused --------------------------------------------------------------

DAYS = [datetime.date(2020, 1, 1), datetime.date(2021, 1, 1)]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: pd.DataFrame({"d": pd.to_datetime(DAYS)}),
            ValueError,
            "'d' holds date",
        ),
        (lambda: pd.DataFrame({"d": DAYS}), ValueError, "'d' holds dates or times"),
        (lambda: pl.DataFrame({"d": DAYS}), ValueError, r"\(Date\); extract .*skrub"),
        (lambda: pa.table({"d": DAYS}), ValueError, "'d' holds dates or times"),
        (
            lambda: pd.DataFrame({"d": pd.to_timedelta([1, 2])}),
            ValueError,
            "dates or times",
        ),
        (
            lambda: pd.DataFrame({"d": pd.Categorical(pd.to_datetime(DAYS))}),
            ValueError,
            "'d' holds dates or times",
        ),
        (lambda: pl.DataFrame({"l": [[1], [2]]}), TypeError, r"type List\(Int64\)"),
        (lambda: pa.table({"l": [[1], [2]]}), TypeError, "Column 'l' has the type"),
        (lambda: pa.table({"b": [b"x"]}), TypeError, "Column 'b' has the type Binary"),
        (lambda: pd.DataFrame({"t": [(1, 2)]}), TypeError, "values of type tuple"),
        (
            lambda: pd.DataFrame({"t": pd.cut([1, 2], [0, 1, 2])}),
            TypeError,
            "type Interval.*to strings",
        ),
        (
            lambda: pd.DataFrame({"s": pd.arrays.SparseArray([0.0, 1.0])}),
            TypeError,
            "Column 's' has the type Sparse",
        ),
        (lambda: pd.DataFrame({"c": [1j]}), ValueError, "Complex data not supported"),
        (
            lambda: pd.DataFrame([[1, 2]], columns=["a", "a"]),
            ValueError,
            "X has several columns named 'a'",
        ),
        (
            lambda: pa.Table.from_arrays([pa.array([1])] * 2, names=["a", "a"]),
            ValueError,
            "X has several columns named 'a'",
        ),
        (lambda: pl.LazyFrame({"a": [1]}), TypeError, "lazy frame.*collect it first"),
        (lambda: pd.Series([1.0]), ValueError, "Expected a 2-dimensional container"),
        (lambda: pl.Series([1.0]), ValueError, "Expected a 2-dimensional container"),
        (
            lambda: pd.DataFrame({"a": []}),
            ValueError,
            r"0 sample\(s\) \(shape=\(0, 1\)\) while a minimum of 1 is required",
        ),
        (
            lambda: pd.DataFrame(index=[1, 2]),
            ValueError,
            r"0 feature\(s\) \(shape=\(2, 0\)\) while a minimum of 1 is required",
        ),
    ],
)
def test_frames_that_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        TableEncoder().fit(make())


# ---- real tables ------------------------------------------------------------------


def real_table(name):
    folder = os.environ.get("BOOSTLAB_DATA")
    if not folder:
        pytest.skip("BOOSTLAB_DATA does not name a folder of tables")
    path = Path(folder) / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return path


@pytest.mark.parametrize("name", ["adult", "ames_housing", "autos", "titanic"])
def test_real_tables(name):
    path = real_table(name)
    frame = pd.read_parquet(path)
    encoder = TableEncoder().fit(frame)
    expected = encoder.transform(frame)
    for other in (pl.read_parquet(path), pa.parquet.read_table(path)):
        np.testing.assert_array_equal(encoder.transform(other), expected)
        assert TableEncoder().fit(other).to_parts() == encoder.to_parts()
    for j, column in enumerate(frame):
        values = frame[column]
        np.testing.assert_array_equal(np.isnan(expected[:, j]), values.isna())
        if encoder.categorical_[j]:
            decoded = np.array([*encoder.categories_[j], None], dtype=object)
            codes = np.nan_to_num(expected[:, j], nan=-1).astype(int)
            given = values.astype(object).where(values.notna(), None)
            assert (decoded[codes] == given.to_numpy()).all()
            assert (np.diff(values.value_counts()) <= 0).all()
        else:
            np.testing.assert_array_equal(expected[:, j], values.astype(float))


@pytest.mark.parametrize("name", ["adult", "weather_aus_large"])
def test_bins_of_real_tables(name):
    frame = pd.read_parquet(real_table(name))
    x = TableEncoder().fit_transform(frame)
    binned = Table(x).view(Bins())
    for j in range(x.shape[1]):
        borders = binned.borders[binned.offsets[j] : binned.offsets[j + 1]]
        expected = np.searchsorted(borders, x[:, j].astype(np.float64))
        expected[np.isnan(x[:, j])] = 255
        np.testing.assert_array_equal(binned.columns[j], expected)
        distinct = len(np.unique(x[~np.isnan(x[:, j]), j]))
        assert binned.n_bins[j] == distinct if distinct <= 255 else 100
