"""Table: checks, rows, and views that are built once and shared."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from boostlab.data import Bins, Table


@dataclass(frozen=True)
class Scaled:
    """A view that counts how often it is fitted and applied."""

    calls: tuple[list[str], ...] = ()

    def fit(self, table):
        self.calls[0].append("fit")
        return table.numeric.mean(axis=0)

    def apply(self, fitted, table):
        self.calls[0].append("apply")
        return table.numeric - fitted

    def __hash__(self):
        return 1


def matrix(n=6, f=3, dtype=np.float64, order="C"):
    return np.arange(n * f, dtype=dtype).reshape(n, f).copy(order=order)


def test_attributes():
    x = matrix()
    table = Table(x, ["a", "b", "c"], weight=[1, 2, 3, 4, 5, 6], seed=3)
    assert table.numeric is x
    assert (table.n_samples, table.n_features, table.seed) == (6, 3, 3)
    assert table.feature_names == ("a", "b", "c")
    assert table.weight.dtype == np.float64
    assert Table(x).feature_names == ("x0", "x1", "x2")
    assert Table(x).weight is None
    assert repr(table) == "Table(6 samples, 3 features)"


def test_views_are_built_once_and_shared():
    calls = []
    table = Table(matrix())
    first = table.view(Scaled((calls,)))
    assert table.view(Scaled((calls,))) is first
    assert calls == ["fit", "apply"]
    assert table.view(Bins()) is table.view(Bins(max_bins=255))
    assert table.view(Bins(max_bins=4)) is not table.view(Bins())


def test_a_reference_lends_its_fitted_views():
    calls = []
    training = Table(matrix())
    held_out = Table(matrix() + 100, reference=training)
    chained = Table(matrix() + 1, reference=held_out)
    view = Scaled((calls,))
    mean = training.numeric.mean(axis=0)
    np.testing.assert_array_equal(held_out.view(view), held_out.numeric - mean)
    np.testing.assert_array_equal(chained.view(view), chained.numeric - mean)
    np.testing.assert_array_equal(training.view(view), training.numeric - mean)
    assert calls == ["fit", "apply", "apply", "apply"]
    assert held_out.fitted(view) is training.fitted(view)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_take(order, dtype):
    x = matrix(8, 3, dtype, order)
    table = Table(x, ["a", "b", "c"], weight=np.arange(1.0, 9), seed=5)
    rows = [6, 0, 0, 3]
    part = table.take(rows)
    np.testing.assert_array_equal(part.numeric, x[rows])
    np.testing.assert_array_equal(part.weight, [7, 1, 1, 4])
    assert part.numeric.dtype == dtype
    assert (part.feature_names, part.seed) == (table.feature_names, 5)
    assert part.reference is None
    assert part.numeric.flags.f_contiguous == (order == "F")
    mask = np.arange(8) % 3 == 0
    np.testing.assert_array_equal(table.take(mask).numeric, x[mask])
    np.testing.assert_array_equal(table.take(slice(2, 5)).weight, [3, 4, 5])
    assert np.shares_memory(table.take(slice(2, 5)).numeric, x)
    assert Table(x).take(rows).weight is None


def test_take_and_references():
    table = Table(matrix())
    training = table.take([0, 1, 2])
    held_out = table.take([3, 4], reference=training)
    assert held_out.reference is training
    assert held_out.take([1]).reference is training
    np.testing.assert_array_equal(held_out.view(Bins()).columns, [[2, 2]] * 3)


def test_no_rows():
    empty = Table(matrix(0, 2), reference=Table(matrix(3, 2)))
    assert empty.view(Bins()).columns.shape == (2, 0)
    assert empty.view(Bins()).tiles().codes.shape == (1, 0, 16)


def test_pickle():
    table = Table(matrix(), weight=np.ones(6))
    bins = table.view(Bins())
    again = pickle.loads(pickle.dumps(table))
    np.testing.assert_array_equal(again.numeric, table.numeric)
    np.testing.assert_array_equal(again.view(Bins()).columns, bins.columns)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([[1.0]], TypeError, "list"),
        (np.ones((2, 2), dtype=int), TypeError, "int64"),
        (np.ones((2, 2), dtype=">f8"), TypeError, ">f8"),
        (np.ones(3), ValueError, r"shape \(3,\)"),
        (np.ones((3, 0)), ValueError, r"shape \(3, 0\)"),
        (np.ones((1, 2, 3)), ValueError, r"shape \(1, 2, 3\)"),
    ],
)
def test_values_that_are_no_table(values, error, message):
    with pytest.raises(error, match=message):
        Table(values)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0, 2.0], r"shape \(2,\)"),
        (np.ones((3, 1)), r"shape \(3, 1\)"),
        ([1.0, 0.0, 1.0], "positive"),
        ([1.0, -1.0, 1.0], "positive"),
        ([1.0, np.nan, 1.0], "positive"),
        ([1.0, np.inf, 1.0], "finite"),
    ],
)
def test_weights_that_are_none(weight, message):
    with pytest.raises(ValueError, match=message):
        Table(matrix(3), weight=weight)


def test_other_arguments_that_do_not_fit():
    with pytest.raises(ValueError, match="2 feature names for 3 features"):
        Table(matrix(), ["a", "b"])
    with pytest.raises(ValueError, match="3 features and its reference table 2"):
        Table(matrix(), reference=Table(matrix(4, 2)))
    with pytest.raises(ValueError, match=r"mask of rows has shape \(2,\)"):
        Table(matrix()).take([True, False])
    with pytest.raises(TypeError):
        Table(matrix()).take([0.5])
    with pytest.raises(IndexError):
        Table(matrix()).take([6])


# ---- categorical features ---------------------------------------------------------


def test_the_mask_of_categorical_features():
    table = Table(matrix())
    assert table.categorical.dtype == bool
    assert table.categorical.tolist() == [False] * 3
    mask = np.array([True, False, True])
    table = Table(matrix(), categorical=mask)
    mask[:] = False
    assert table.categorical.tolist() == [True, False, True]
    assert not table.categorical.flags.writeable
    assert table.take([1, 0]).categorical.tolist() == [True, False, True]
    assert pickle.loads(pickle.dumps(table)).categorical.tolist() == [True, False, True]
    other = Table(matrix(2), reference=table)
    assert other.categorical.tolist() == [True, False, True]


@pytest.mark.parametrize("mask", [[1, 0, 1], [True, False], True, [[True] * 3]])
def test_a_mask_is_one_boolean_a_feature(mask):
    with pytest.raises(ValueError, match="one boolean for each of the 3 features"):
        Table(matrix(), categorical=mask)


def test_table_and_reference_have_the_same_categorical_features():
    reference = Table(matrix(), categorical=[True, False, False])
    with pytest.raises(ValueError, match="leave categorical out"):
        Table(matrix(), reference=reference, categorical=[False] * 3)
