"""Arrays and lists as tables: what is numeric, what is copied, what is refused."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
import scipy.sparse

from boostlab.data import TableEncoder

NAN = math.nan


def encode(X, **parameters):
    return TableEncoder(**parameters).fit_transform(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_floats_are_not_copied(dtype, order):
    x = np.array([[1, NAN], [np.inf, -np.inf], [3, 4]], dtype=dtype, order=order)
    encoder = TableEncoder().fit(x)
    found = encoder.transform(x)
    assert np.shares_memory(found, x)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, x)
    assert encoder.categories_ == [None, None]
    np.testing.assert_array_equal(encoder.categorical_, [False, False])
    assert encoder.n_features_in_ == 2
    assert not hasattr(encoder, "feature_names_in_")


@pytest.mark.parametrize(
    "dtype", ["int8", "uint16", "int64", "bool", "float16", ">f4", ">f8", "longdouble"]
)
def test_other_numbers_become_float64(dtype):
    x = np.array([[1, 0], [0, 1]]).astype(dtype)
    found = encode(x)
    assert found.dtype == np.float64
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, x.astype(float))


def test_read_only_memory_map(tmp_path):
    np.save(tmp_path / "x.npy", np.eye(3))
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(encode(x), np.eye(3))


def test_masked_values_are_missing():
    x = np.ma.masked_equal(np.array([[1, 2], [3, 2]]), 2)
    np.testing.assert_array_equal(encode(x), [[1, NAN], [3, NAN]])


class ArrayLike:
    """Something that only numpy can read."""

    def __array__(self, dtype=None, copy=None):
        return np.eye(2)


def test_other_array_likes():
    np.testing.assert_array_equal(encode([[1, 2], [3, 4]]), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(encode(((1, 2.5), (3, None))), [[1, 2.5], [3, NAN]])
    np.testing.assert_array_equal(encode([np.ones(2), np.zeros(2)]), [[1, 1], [0, 0]])
    np.testing.assert_array_equal(encode(ArrayLike()), np.eye(2))


def test_lists_keep_the_type_of_each_column():
    X = [[10, "b", True], [9, "a", None], [9, "b", False]]
    encoder = TableEncoder().fit(X)
    assert encoder.categories_ == [None, ("b", "a"), None]
    np.testing.assert_array_equal(
        encoder.transform(X), [[10, 0, 1], [9, 1, NAN], [9, 0, 0]]
    )
    np.testing.assert_array_equal(encoder.transform([[1, "a", 0]]), [[1, 1, 0]])


def test_objects_that_are_numbers():
    X = np.array(
        [[1, Decimal("0.5"), None], [True, np.float32(2), NAN], [NAN, None, 3]],
        dtype=object,
    )
    encoder = TableEncoder().fit(X)
    assert encoder.categories_ == [None] * 3
    np.testing.assert_array_equal(
        encoder.transform(X), [[1, 0.5, NAN], [1, 2, NAN], [NAN, NAN, 3]]
    )


def test_objects_of_several_kinds_are_categories_by_kind():
    X = np.array([[1, "x"], ["1", None], [1, 2.5], [True, "x"]], dtype=object)
    encoder = TableEncoder().fit(X)
    assert encoder.categories_ == [(1, True, "1"), ("x", 2.5)]
    np.testing.assert_array_equal(
        encoder.transform(X), [[0, 0], [2, NAN], [0, 1], [1, 0]]
    )


def test_text_that_reads_as_numbers_is_numeric():
    X = np.array([["1", "a"], ["2.5", "1"], ["nan", "a"]])
    encoder = TableEncoder().fit(X)
    assert encoder.categories_ == [None, ("a", "1")]
    np.testing.assert_array_equal(encoder.transform(X), [[1, 0], [2.5, 1], [NAN, 0]])
    # What was text in fit stays text, also where all of it reads as numbers.
    np.testing.assert_array_equal(encoder.transform(X[1:2]), [[2.5, 1]])
    with pytest.raises(ValueError, match="Column 0 was numeric in fit and now holds"):
        encoder.transform(np.array([["a", "a"]]))


def test_text_of_variable_width():
    X = np.array([["b"], ["a"], ["b"]], dtype=np.dtypes.StringDType())
    np.testing.assert_array_equal(encode(X), [[0], [1], [0]])
    X = np.array([["b"], [None]], dtype=np.dtypes.StringDType(na_object=None))
    np.testing.assert_array_equal(encode(X), [[0], [NAN]])


def test_a_column_without_any_value_has_no_categories():
    X = np.array([[None, 1], [NAN, 2]], dtype=object)
    encoder = TableEncoder().fit(X)
    assert encoder.categories_ == [(), None]
    found = encoder.transform(np.array([["a", None], [5, NAN]], dtype=object))
    assert np.isnan(found).all()


def test_a_float_array_for_a_table_with_categories():
    encoder = TableEncoder().fit([["a", 1.0], ["b", 2.0]])
    np.testing.assert_array_equal(encoder.transform([[NAN, 7.0]]), [[NAN, 7]])
    with pytest.raises(ValueError, match="Column 0 holds numbers, but its categories"):
        encoder.transform(np.ones((1, 2)))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.ones(3), ValueError, "Reshape your data"),
        (["a", "b"], ValueError, "Reshape your data"),
        (3.0, ValueError, "Reshape your data"),
        (None, ValueError, "Reshape your data"),
        (np.ones((2, 2, 2)), ValueError, "dim 3"),
        (np.ones((0, 3)), ValueError, r"0 sample\(s\) \(shape=\(0, 3\)\) while a mini"),
        (
            np.ones((3, 0)),
            ValueError,
            r"0 feature\(s\) \(shape=\(3, 0\)\) while a mini",
        ),
        (np.empty((3, 0), dtype=object), ValueError, r"0 feature\(s\)"),
        (np.ones((2, 2)) * 1j, ValueError, "Complex data not supported"),
        (np.array([[1j]], dtype=object), ValueError, "Complex data not supported"),
        ([[1, 2], [3]], ValueError, "rows that differ in length"),
        (scipy.sparse.eye_array(3), TypeError, r"sparse matrix.*X\.toarray\(\)"),
        (np.array([["2020"]], dtype="M8[D]"), ValueError, "X holds dates or times"),
        (np.array([[1]], dtype="m8[s]"), ValueError, "X holds dates or times"),
        (np.array([[b"a"]]), TypeError, r"array of type \|S1"),
        (np.zeros((2, 2), dtype=[("a", "f8")]), TypeError, "array of type"),
        (
            np.array([[{}]], dtype=object),
            TypeError,
            "argument must be .* string.* numb",
        ),
        (np.array([[10**400]], dtype=object), ValueError, "too large for a float"),
    ],
)
def test_what_is_no_table(X, error, message):
    with pytest.raises(error, match=message):
        TableEncoder().fit_transform(X)
