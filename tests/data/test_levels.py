"""Categories by value: kinds, order, weights, unknown and missing values."""

from __future__ import annotations

import datetime
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boostlab.data.levels import Categories, Dictionary, kind_of

NAN = math.nan


def count(values, weight=None):
    weight = None if weight is None else np.asarray(weight, dtype=float)
    return Categories.count(Dictionary.of(values, "'c'"), weight, "'c'")


def encode(categories, values, handle_unknown="missing"):
    return categories.encode(Dictionary.of(values, "'c'"), "'c'", handle_unknown)


def test_descending_frequency_with_ties_by_value():
    assert count(["b", "a", "c", "c", "b", "d"]).values == ("b", "c", "a", "d")
    assert count([2, 10, 10, 2, 1]).values == (2, 10, 1)


def test_frequencies_are_weighted():
    assert count(["b", "a", "a"], [5, 1, 1]).values == ("b", "a")
    assert count(["b", "a", "a"], [2, 1, 1]).values == ("a", "b")


def test_a_category_without_weight_is_not_there():
    assert count(["b", "a", "c"], [0, 1, 2]).values == ("c", "a")


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 4)), max_size=20))
def test_a_weight_is_that_many_rows(rows):
    values = [value for value, _ in rows]
    weight = [times for _, times in rows]
    repeated = [value for value, times in rows for _ in range(times)]
    assert count(values, weight) == count(repeated)


def test_missing_values_have_no_category():
    values = ["a", None, NAN, np.nan, np.float32("nan"), Decimal("nan"), "a", "b"]
    assert count(values).values == ("a", "b")
    found = encode(count(values), values)
    np.testing.assert_array_equal(found, [0, NAN, NAN, NAN, NAN, NAN, 0, 1])


def test_kinds_are_kept_apart():
    values = [1, "1", True, 1.0, 0, False, "True"]
    categories = count(values)
    assert categories.values == (1, False, True, 0, "1", "True")
    assert [type(v) for v in categories.values] == [int, bool, bool, int, str, str]
    np.testing.assert_array_equal(encode(categories, values), [0, 4, 2, 0, 3, 1, 5])


def test_values_become_plain():
    values = [np.str_("a"), np.int64(3), np.float32(0.5), np.bool_(True)]
    values += [Decimal("1.5"), Fraction(1, 4)]
    found = count(values).values
    assert found == (True, 0.25, 0.5, 1.5, 3, "a")
    assert [type(v) for v in found] == [bool, float, float, float, int, str]


def test_by_value_and_declared_order():
    assert count(["b", "b", "a", 2, 2, 2]).by_value().values == (2, "a", "b")
    declared = Categories.declared(["low", "mid", "high"], "'c'")
    assert declared.by_value() is declared
    np.testing.assert_array_equal(encode(declared, ["high", "mid", None]), [2, 1, NAN])


def test_unknown_categories():
    categories = count(["a", "a", "b"])
    np.testing.assert_array_equal(encode(categories, ["b", "z", "a"]), [1, NAN, 0])
    np.testing.assert_array_equal(encode(categories, ["a", None], "error"), [0, NAN])
    with pytest.raises(ValueError, match=r"Column 'c' holds the category 'y', which"):
        encode(categories, ["b", "z", "y"], "error")


def test_other_kinds_than_in_fit():
    with pytest.raises(
        ValueError, match="holds numbers, but its categories in fit wer"
    ):
        encode(count(["1", "2"]), [1, 2])
    with pytest.raises(
        ValueError, match=r"holds strings, .* were booleans and numbers"
    ):
        encode(count([1, 2, True]), ["1"])
    np.testing.assert_array_equal(encode(count(["1", 2]), [1, 2]), [NAN, 0])
    np.testing.assert_array_equal(encode(count([]), [1, "a"]), [NAN, NAN])
    np.testing.assert_array_equal(encode(count(["a"]), [None, NAN]), [NAN, NAN])


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ({"a": 1}, TypeError, "type dict, but every argument must be a string, a numb"),
        (b"a", TypeError, "type bytes"),
        ((1, 2), TypeError, "type tuple"),
        (1j, ValueError, "Complex data not supported: column 'c' holds it"),
        (np.complex64(1), ValueError, "Complex data not supported"),
        (
            datetime.date(2020, 1, 1),
            ValueError,
            r"holds dates or times \(date\).*skrub",
        ),
        (datetime.datetime(2020, 1, 1), ValueError, r"dates or times \(datetime\)"),
        (datetime.timedelta(1), ValueError, r"dates or times \(timedelta\)"),
        (np.datetime64("2020"), ValueError, r"dates or times \(datetime64\)"),
    ],
)
def test_values_of_no_kind(value, error, message):
    with pytest.raises(error, match=message):
        kind_of(type(value), "'c'")
    with pytest.raises(error, match=message):
        count(["a", value])


def test_values_of_codes():
    shared = Categories(("a", True, 2.5), codes=(0, 1, 1))
    assert shared.of_codes() == (("a",), (True, 2.5))
    assert Categories(("b", "a")).of_codes() == (("b",), ("a",))
    assert Categories(()).of_codes() == ()
