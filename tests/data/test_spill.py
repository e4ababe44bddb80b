"""Tables on disk: what is read is what was written, by features and by rows."""

from __future__ import annotations

import os
import resource

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from boostlab.data import Bins, Table
from boostlab.data.mapped import in_files
from boostlab.data.spill import SpillFile, Spilling, narrowed, widened

MISSING = np.nan


def spilled(X, sizes, directory=None, numbers=None):
    """Write a matrix in blocks of the given sizes."""
    spilling = Spilling(directory, X.shape[1])
    start = 0
    for size in sizes:
        spilling.append(list(X[start : start + size].T.copy()))
        start += size
    assert start == len(X) == spilling.n_samples
    return spilling.values([None] * X.shape[1] if numbers is None else numbers)


def matrix(n=60, f=5, seed=0):
    """Columns of every width: flags, counts, halves, doubles, and nothing."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, f))
    X[:, 0] = rng.integers(-3, 4, n)
    X[:, 1] = rng.integers(-30_000, 30_000, n)
    X[:, 2] = X[:, 2].astype(np.float32)
    X[rng.random((n, f)) < 0.2] = np.nan
    X[:, 4] = np.nan
    return X


def bits(values):
    """All there is to a float, but for what a NaN carries."""
    values = np.where(np.isnan(values), np.nan, values)
    return np.ascontiguousarray(values).view(np.int64)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([0, 1, 127, MISSING], np.int8),
        ([-127, MISSING], np.int8),
        ([-128], np.int16),
        ([128, MISSING], np.int16),
        ([32_767, -32_767], np.int16),
        ([-32_768], np.float32),
        ([32_768], np.float32),
        ([0.5, np.inf, -np.inf, MISSING], np.float32),
        ([-0.0], np.float32),
        ([0.1], np.float64),
        ([1e300], np.float64),
        ([2**24 + 1], np.float64),
        ([5e-324], np.float64),
        ([MISSING, MISSING], np.int8),
        ([], np.int8),
    ],
)
def test_values_take_the_narrowest_type_that_holds_them(values, dtype):
    values = np.array(values, dtype=np.float64)
    narrow = narrowed(values)[1]
    assert narrow.dtype == dtype
    np.testing.assert_array_equal(bits(widened(narrow)), bits(values))


def test_a_late_value_makes_all_wide():
    values = np.zeros(10_000)
    values[-1] = 0.1
    assert narrowed(values)[1].dtype == np.float64
    values[-1] = 200
    assert narrowed(values)[1].dtype == np.int16


@given(st.lists(st.floats(width=64), max_size=30))
@example([-0.0, 0.0])
def test_narrowed_values_come_back_bit_for_bit(values):
    values = np.array(values, dtype=np.float64)
    kind, narrow = narrowed(values)
    file = SpillFile(None)
    file.append(np.ones(3))
    place, same_kind = file.append(values)
    assert same_kind == kind
    found = file.read(place, kind, len(values))
    np.testing.assert_array_equal(bits(found), bits(values))
    assert file.size == narrow.nbytes + 3


@pytest.mark.parametrize("sizes", [[60], [1] * 60, [17, 0, 3, 40]])
def test_rows_and_features_are_those_of_the_matrix(sizes):
    X = matrix()
    values = spilled(X, sizes)
    assert (values.shape, len(values), values.ndim) == ((60, 5), 60, 2)
    np.testing.assert_array_equal(bits(values.features(0, 5)), bits(X))
    np.testing.assert_array_equal(bits(values[:, 2]), bits(X[:, 2]))
    blocks = list(values.blocks())
    assert sum(len(block) for _, block in blocks) == 60
    for rows, block in blocks:
        np.testing.assert_array_equal(bits(block), bits(X[rows]))


@pytest.mark.parametrize("sizes", [[60], [7, 50, 3]])
def test_some_rows_and_some_of_these(sizes):
    X = matrix()
    values = spilled(X, sizes)
    mask = np.random.default_rng(1).random(60) < 0.4
    mask[:7] = False  # a block without a row
    some = values[mask]
    np.testing.assert_array_equal(bits(some.features(0, 5)), bits(X[mask]))
    np.testing.assert_array_equal(
        bits(some[[0, 3, 4]].features(1, 3)), bits(X[mask][[0, 3, 4], 1:3])
    )
    np.testing.assert_array_equal(bits(values[5:9].features(0, 5)), bits(X[5:9]))
    assert values[np.zeros(60, dtype=bool)].shape == (0, 5)
    for wrong in ([3, 1], [2, 2]):
        with pytest.raises(ValueError, match="ascending"):
            values[wrong]
    with pytest.raises(TypeError, match="not both"):
        values[2:, 1]


def test_codes_are_read_as_their_numbers_and_recoded():
    codes = np.array([0, 2, 1, np.nan, 2, 0], dtype=np.float64)
    X = np.column_stack([codes, np.arange(6) / 3])
    values = spilled(X, [2, 4], numbers=[np.array([5.0, 7.0, 6.0, np.nan]), None])
    expected = np.array([5, 6, 7, np.nan, 6, 5])
    np.testing.assert_array_equal(values[:, 0], expected)
    new = {0: np.array([0, 0, 0, 0, 0, 1.5, np.nan, 0.5, -1])}
    some = values[np.array([True, False, True, True, True, True])]
    again = some.recoded(new, {})
    np.testing.assert_array_equal(again[:, 0], [1.5, 0.5, -1, np.nan, 1.5])
    own = some.recoded(new, {0: np.arange(5) / 7})
    np.testing.assert_array_equal(own[:, 0], np.arange(5) / 7)
    np.testing.assert_array_equal(own[:, 1], X[[0, 2, 3, 4, 5], 1])
    np.testing.assert_array_equal(some[:, 0], expected[[0, 2, 3, 4, 5]])
    again = own[[0, 2, 3]]
    np.testing.assert_array_equal(again[:, 0], np.array([0, 2, 3]) / 7)
    np.testing.assert_array_equal(again[:, 1], X[[0, 3, 4], 1])
    whole = values.recoded(new, {0: np.arange(6) / 7})[1:3]
    np.testing.assert_array_equal(whole[:, 0], np.arange(1, 3) / 7)


@pytest.mark.parametrize("subsample", [200_000, 30])
@pytest.mark.parametrize("sizes", [[60], [13, 40, 7]])
def test_bins_are_those_of_the_table_in_memory(sizes, subsample, tmp_path):
    X = matrix(f=21)
    weight = np.random.default_rng(1).integers(1, 5, 60).astype(float)
    view = Bins(max_bins=9, subsample=subsample)
    names = [f"f{j}" for j in range(21)]
    same = Table(X, names, weight, seed=3)
    table = Table(spilled(X, sizes, str(tmp_path)), names, weight, seed=3)
    assert table.is_on_disk
    assert not (table.is_sparse)
    assert not (table.is_whole)
    assert not (same.is_on_disk)
    found, expected = table.view(view), same.view(view)
    assert isinstance(found.columns, np.memmap)
    for name in ("columns", "n_bins", "borders", "offsets"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    for bundled in (True, False):
        codes = found.tiles(bundled).codes
        assert isinstance(codes, np.memmap)
        assert not (codes.flags.writeable)
        assert not (found.columns.flags.writeable)
        np.testing.assert_array_equal(codes, expected.tiles(bundled).codes)
    mask = np.arange(60) % 3 == 0
    part = table.take(mask, reference=table).view(view)
    other = same.take(mask, reference=same).view(view)
    np.testing.assert_array_equal(part.columns, other.columns)
    for own, values in zip(table.columns(), X.T, strict=True):
        np.testing.assert_array_equal(own, values)
    with pytest.raises(TypeError, match="table is on disk"):
        _ = table.numeric


def test_bundles_are_those_of_the_table_in_memory(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, size=(11_000, 40)).astype(float)
    X[:, 3] = 1
    found = Table(spilled(X, [6000, 5000], str(tmp_path))).view(Bins()).tiles()
    expected = Table(X).view(Bins()).tiles()
    assert found.bundles is not None
    for one, other in zip(
        found.bundles.arrays(), expected.bundles.arrays(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert isinstance(found.codes, np.memmap)
    np.testing.assert_array_equal(found.codes, expected.codes)


def test_files_have_no_names(tmp_path):
    values = spilled(matrix(), [60], str(tmp_path))
    mapped = in_files(str(tmp_path))((3, 5))
    mapped[:] = 7
    assert os.listdir(tmp_path) == []
    assert values.shape == (60, 5)
    assert in_files(str(tmp_path))((0, 5)).shape == (0, 5)


def test_a_folder_that_takes_no_files_is_one_sentence(tmp_path):
    for make in (SpillFile, lambda folder: in_files(folder)((2,))):
        with pytest.raises(OSError, match="No file can be made") as caught:
            make(str(tmp_path / "none"))
        assert "\n" not in str(caught.value)


@pytest.fixture
def small_disk():
    """Files of at most 64 KB, which ends like a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_one_sentence(small_disk, tmp_path):
    file = SpillFile(str(tmp_path))
    file.append(np.random.default_rng(0).normal(size=8000))
    for fails in (
        lambda: file.append(np.random.default_rng(0).normal(size=8000)),
        lambda: in_files(str(tmp_path))((1 << 17,)),
    ):
        with pytest.raises(OSError, match=r"no room for .* GB of a table") as caught:
            fails()
        assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []
