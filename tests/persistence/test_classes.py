"""Labels by value and kind."""

from decimal import Decimal

import numpy as np
import pytest

from boostlab.persistence.classes import classes_from_parts, classes_to_parts


@pytest.mark.parametrize(
    "classes",
    [
        np.array([2, 10]),
        np.array([1, 255], np.uint8),
        np.array([-0.5, 0.0, np.inf]),
        np.array([0.5, 1.5], np.float32),
        np.array([False, True]),
        np.array(["a", "b"]),
        np.array(["", "zürich"], dtype="U30"),
        np.array(["a", "b"], dtype=object),
        np.array([1, 2.5], dtype=object),
        np.array([False, True], dtype=object),
    ],
    ids=repr,
)
def test_round_trip_keeps_values_and_dtype(classes):
    again = classes_from_parts(*classes_to_parts(classes))
    assert again.dtype == classes.dtype
    assert again.tolist() == classes.tolist()
    assert list(map(type, again.tolist())) == list(map(type, classes.tolist()))


def test_numpy_scalars_among_objects_become_plain():
    classes = np.array([np.int64(1), np.int64(2)], dtype=object)
    assert classes_from_parts(*classes_to_parts(classes)).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (np.array([Decimal(1), Decimal(2)]), "Decimal"),
        (np.array([(1,), "b"], dtype=object), "tuple"),
        (np.array([b"a", b"b"]), "S1|bytes"),
        (np.array(["2020-01-01"], "M8[D]"), "date"),
    ],
)
def test_other_labels_are_refused(classes, words):
    with pytest.raises(TypeError, match=words):
        classes_to_parts(classes)


@pytest.mark.parametrize(
    ("data", "arrays"),
    [
        (None, {}),
        ({}, {}),
        ({"kind": "numbers"}, {}),
        ({"kind": "numbers"}, {"values": np.zeros(0)}),
        ({"kind": "numbers"}, {"values": np.array([1, 1])}),
        ({"kind": "numbers"}, {"values": np.array([2, 1])}),
        ({"kind": "numbers"}, {"values": np.array([0.0, np.nan])}),
        ({"kind": "numbers"}, {"values": np.array(1)}),
        ({"kind": "numbers", "values": []}, {"values": np.array([1, 2])}),
        ({"kind": "strings", "values": ["a", "b"]}, {}),
        ({"kind": "strings", "values": ["a", "b"], "width": 0}, {}),
        ({"kind": "strings", "values": ["a", "b"], "width": 10**9}, {}),
        ({"kind": "strings", "values": ["a", "b"], "width": True}, {"x": np.zeros(1)}),
        ({"kind": "strings", "values": ["a", 1], "width": 1}, {}),
        ({"kind": "strings", "values": "ab", "width": 1}, {}),
        ({"kind": "objects", "values": ["b", "a"]}, {}),
        ({"kind": "objects", "values": [1, "a"]}, {}),
        ({"kind": "objects", "values": [[1], [2]]}, {}),
        ({"kind": "objects", "values": [None]}, {}),
        ({"kind": "objects", "values": []}, {}),
    ],
)
def test_malformed_labels_are_refused(data, arrays):
    with pytest.raises(ValueError, match="classes"):
        classes_from_parts(data, arrays)
