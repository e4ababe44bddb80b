import numpy as np
import pytest

from boostlab.groups import Groups, check_group


def test_groups_of_scattered_rows():
    groups = Groups.of(np.array(["b", "a", "b", "c", "a", "b"]))
    assert len(groups) == 3
    np.testing.assert_array_equal(groups.codes, [1, 0, 1, 2, 0, 1])
    np.testing.assert_array_equal(groups.rows, [1, 4, 0, 2, 5, 3])
    np.testing.assert_array_equal(groups.starts, [0, 2, 5, 6])
    np.testing.assert_array_equal(groups.sizes, [2, 3, 1])
    sums = groups.reduce(np.add, np.array([1.0, 2, 4, 8, 16, 32]))
    np.testing.assert_array_equal(sums, [18, 37, 8])


def test_taken_groups_are_numbered_anew():
    groups = Groups.of(np.array([5, 9, 5, 7])).take(np.array([3, 1, 0]))
    np.testing.assert_array_equal(groups.codes, [1, 2, 0])
    kept = Groups.of(np.array([5, 9, 5, 7])).take(np.array([True, False, True, False]))
    assert len(kept) == 1


def test_one_group():
    groups = Groups.one(4)
    np.testing.assert_array_equal(groups.starts, [0, 4])
    np.testing.assert_array_equal(groups.rows, np.arange(4))


@pytest.mark.parametrize(
    "labels",
    [
        ["b", "a", "b"],
        [("x", 2), ("x", 1), ("x", 2)],
        [1, "one", 1],
        [b"q", frozenset({1}), b"q"],
        np.array([2.5, 1.0, 2.5]),
        np.array(["2020-01-02", "2020-01-01", "2020-01-02"], "datetime64[D]"),
    ],
)
def test_labels_of_any_kind(labels):
    codes = Groups.of(check_group(labels, 3, "group")).codes
    assert codes[0] == codes[2] != codes[1]


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ([1, 2], r"group has shape \(2,\); give the query of each of the 3 rows"),
        (np.array([1, 2]), r"np.repeat\(np.arange\(len\(sizes\)\), sizes\)"),
        (np.ones((3, 1)), r"shape \(3, 1\)"),
        ([1, None, 2], r"missing \(None or NaN\) in 1 rows"),
        (np.array([1, np.nan, np.nan]), "missing .* in 2 rows"),
        ([[1], "a", [1]], "hashable"),
    ],
)
def test_labels_that_cannot_be_used(labels, match):
    with pytest.raises(ValueError, match=match):
        check_group(labels, 3, "group")
