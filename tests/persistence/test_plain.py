"""Canonical JSON: same value, same text; and nothing that JSON does not have."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boostlab.persistence import plain

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**39), 10**39)
    | st.floats(allow_nan=False)
    | st.text()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(values)
def test_round_trip_keeps_values_and_types(value):
    assert repr(plain.loads(plain.dumps(value))) == repr(value) or isinstance(
        value, dict | list
    )
    assert plain.loads(plain.dumps(value)) == value
    assert plain.dumps(plain.loads(plain.dumps(value))) == plain.dumps(value)


def test_text_does_not_depend_on_the_order_of_keys():
    assert plain.dumps({"b": 1, "a": [1.0, 2]}) == b'{"a":[1.0,2],"b":1}'
    assert plain.dumps({"a": [1.0, 2], "b": 1}) == b'{"a":[1.0,2],"b":1}'


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_are_spelt_out(number):
    text = plain.dumps({"x": number})
    assert b"!float" in text
    assert repr(plain.loads(text)["x"]) == repr(number)


def test_numpy_scalars_become_python_numbers():
    value = {"a": np.float32(0.5), "b": np.int8(3), "c": np.bool_(True), "d": (1, 2)}
    assert plain.dumps(value) == b'{"a":0.5,"b":3,"c":true,"d":[1,2]}'


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"seed": object()}, "object found at 'seed'"),
        ({"f": [1, {2}]}, "set found at 'f'"),
        ({1: "a"}, "has the key 1"),
        ({"!float": "nan"}, "other than '!float'"),
        (np.zeros(2), "ndarray"),
        (b"x", "bytes"),
        (1j, "complex"),
    ],
)
def test_what_json_cannot_hold_is_refused_by_name(value, words):
    with pytest.raises(TypeError, match=words):
        plain.dumps(value)


def test_depth_and_digits_are_bounded_when_writing():
    nested = 0
    for _ in range(plain.MAX_DEPTH + 1):
        nested = [nested]
    with pytest.raises(ValueError, match="nests deeper"):
        plain.dumps(nested)
    with pytest.raises(ValueError, match="more than 40 digits"):
        plain.dumps(10**40)
    assert plain.loads(plain.dumps(nested[0][0])) == nested[0][0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"[1] 2", "cannot be read"),
        (b'"unterminated \\', "cannot be read"),
        (b'{"a":1,"a":2}', "repeats a key"),
        (b'{"a":NaN}', "holds NaN"),
        (b"[-Infinity]", "holds -Infinity"),
        (b"[1e999]", "too large"),
        (b"1" * 41, "more than 40 digits"),
        (b"1" * 10_000, "more than 40 digits"),
        (b'{"!float":"1"}', "malformed"),
        (b'{"!float":["nan"]}', "malformed"),
        (b'{"!float":"nan","x":1}', "malformed"),
        (b'["\xff"]', "UTF-8"),
        (b"[" * 65 + b"]" * 65, "65 levels deep"),
        (b"[" * 1_000_000, "1000000 levels deep"),
        (b'{"a":' * 100_000, "100000 levels deep"),
    ],
)
def test_text_that_is_not_canonical_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        plain.loads(text)


def test_brackets_inside_strings_do_not_count_as_depth():
    assert plain.loads(plain.dumps(["[" * 1000, '"{[\\' * 100])) == [
        "[" * 1000,
        '"{[\\' * 100,
    ]


def test_reading_stays_linear_in_hostile_strings():
    # A scan that restarts at every quote would take hours on these two.
    with pytest.raises(ValueError, match="cannot be read"):
        plain.loads(b'"' + b'\\"' * 500_000)
    with pytest.raises(ValueError, match="cannot be read"):
        plain.loads(b'""' * 500_000 + b'"')
