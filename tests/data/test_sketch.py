"""Borders of rows in blocks and parts equal those of the whole table, bit for bit."""

from __future__ import annotations

import pickle
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import row_keys
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from thread_parts import ThreadParts

from boostlab.data import Bins, Table
from boostlab.data.sketch import BorderSketch, least_rows
from boostlab.parallel import threads
from boostlab.reduce import reducing

CATEGORICAL = [False] * 9 + [True, True]


def values(n, seed=0, dtype=np.float64):
    """Columns that are continuous, discrete, missing, heavy, codes."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 11))
    x[:, 1] = np.round(4 * x[:, 1])
    x[:, 2] = np.nan
    x[rng.random(n) < 0.4, 3] = 0.0
    x[rng.random(n) < 0.3, 4] = np.nan
    x[:, 5] = np.where(x[:, 5] > 0, np.inf, -np.inf)
    x[:, 6] = np.arange(n) // max(1, n // 255)  # about as many values as there may be
    x[:, 7] = np.where(np.arange(n) < n - 300, 1.0, np.arange(n))  # few until the end
    x[::2, 8] = -0.0
    x[:, 9] = rng.integers(0, 40, n)
    x[:, 10] = np.where(rng.random(n) < 0.5, np.nan, rng.integers(0, 255, n))
    return x.astype(dtype)


def sketch_of(x, weight, edges, order, **parameters):
    """The sketch of the blocks between `edges`, added in some order."""
    sketch = BorderSketch(x.shape[1], **parameters)
    for i in order:
        own = slice(edges[i], edges[i + 1])
        sketch.add(x[own], edges[i], None if weight is None else weight[own])
    return sketch


def assert_same(found, expected):
    for name in ("borders", "offsets", "n_bins"):
        one, other = getattr(found, name), getattr(expected, name)
        assert one.tobytes() == other.tobytes()
        assert one.dtype == other.dtype
        assert not one.flags.writeable


def random_edges(n, n_blocks, rng):
    return [0, *np.sort(rng.integers(0, n + 1, n_blocks - 1)).tolist(), n]


@pytest.mark.parametrize("subsample", [1, 500, 2999, 3000, 200_000])
@pytest.mark.parametrize("weighted", [False, True])
def test_any_blocks_in_any_order(subsample, weighted):
    rng = np.random.default_rng(subsample)
    x = values(3000)
    weight = rng.gamma(0.3, size=3000) + 1e-6 if weighted else None
    table = Table(x, weight=weight, seed=5, categorical=CATEGORICAL)
    expected = table.fitted(Bins(max_bins=60, subsample=subsample))
    arguments = {
        "categorical": CATEGORICAL,
        "max_bins": 60,
        "subsample": subsample,
        "seed": 5,
    }
    for n_blocks in (1, 2, 7, 40):
        edges = random_edges(3000, n_blocks, rng)
        order = rng.permutation(n_blocks)
        sketch = sketch_of(x, weight, edges, order, **arguments)
        assert_same(sketch.borders(), expected)
        assert_same(sketch.borders(), expected)  # asked again


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 400),
    st.integers(2, 255),
    st.integers(1, 300),
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
)
def test_parts_merged_in_any_order(n, max_bins, subsample, seed, dtype, weighted):
    """Also where parts are empty, and where only some of them have weights."""
    rng = np.random.default_rng(seed)
    x = values(n, seed, dtype)
    weight = np.ones(n)
    n_parts = int(rng.integers(2, 6))
    edges = random_edges(n, n_parts, rng)
    sketches = []
    for first, end in pairwise(edges):
        sketch = BorderSketch(11, CATEGORICAL, max_bins, subsample, seed)
        has_weight = weighted and rng.random() < 0.7
        if has_weight:
            weight[first:end] = rng.integers(1, 5, end - first)
        middle = (first + end) // 2
        for own in (slice(middle, end), slice(first, middle)):
            given_weight = weight[own] if has_weight else None
            sketch.add(x[own], own.start, given_weight)
        sketches.append(pickle.loads(pickle.dumps(sketch)))
    while len(sketches) > 1:
        i = int(rng.integers(1, len(sketches)))
        sketches[i - 1].merge(sketches.pop(i))
    table = Table(x, weight=weight, seed=seed, categorical=CATEGORICAL)
    expected = table.fitted(Bins(max_bins, subsample))
    assert_same(sketches[0].borders(), expected)


def test_merging_leaves_the_other_as_it_is():
    x = values(1000)
    one, other = (BorderSketch(11, CATEGORICAL, subsample=50) for _ in range(2))
    one.add(x[:600], 0)
    other.add(x[600:], 600)
    expected = other.borders()
    one.merge(other)
    one.add(x, 1000)
    assert_same(other.borders(), expected)


def test_a_block_may_change_once_it_is_added():
    x = values(1000)
    sketch = BorderSketch(11, CATEGORICAL, subsample=1000)
    block = x[:700].copy()
    sketch.add(block, 0)
    block[:] = 7.0
    sketch.add(x[700:], 700)
    table = Table(x, categorical=CATEGORICAL)
    assert_same(sketch.borders(), table.fitted(Bins()))


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_threads_and_tables(n_jobs):
    """Blocks may be tables, dense or sparse, with weights of their own."""
    rng = np.random.default_rng(0)
    x = np.where(rng.random((9000, 19)) < 0.7, 0.0, rng.standard_normal((9000, 19)))
    weight = rng.integers(1, 4, 9000).astype(float)
    expected = Table(x, weight=weight, seed=(1, 2)).fitted(Bins(subsample=4000))
    sketch = BorderSketch(19, subsample=4000, seed=(1, 2))
    with threads(n_jobs):
        sketch.add(Table(sparse.csr_array(x[5000:]), weight=weight[5000:]), 5000)
        sketch.add(Table(x[:5000]), 0, weight[:5000])
        assert_same(sketch.borders(), expected)


def test_nothing_was_added():
    borders = BorderSketch(3).borders()
    assert_same(borders, Table(np.empty((0, 3))).fitted(Bins()))
    assert (borders.n_bins == 0).all()


def test_memory_is_bounded_by_the_sample():
    """Twenty times the rows take no more memory."""
    block = np.random.default_rng(0).standard_normal((500, 20))
    peaks = []
    for n_blocks in (50, 1000):
        sketch = BorderSketch(20, subsample=10_000)
        tracemalloc.start()
        for i in range(n_blocks):
            sketch.add(block, 500 * i)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] < 3 * 10_000 * 20 * 8


def test_least_rows_against_plain_python():
    for n, wanted in ((1000, 1), (1000, 999), (70_000, 100)):
        expected = row_keys.least_rows([3, n], n, wanted)
        np.testing.assert_array_equal(least_rows([3, n], n, wanted), expected)
    assert least_rows(0, 10, 10) is None


def test_every_row_has_the_same_chance():
    """As often first as last, among many seeds."""
    counts = np.zeros(20)
    for seed in range(4000):
        counts[least_rows(seed, 20, 5)] += 1
    chi_squared = ((counts - 1000) ** 2 / 1000).sum() / 0.75
    assert chi_squared < 43.8  # 19 degrees of freedom, p = 0.001


@pytest.mark.parametrize("n_parts", [2, 3, 7])
@pytest.mark.parametrize("subsample", [1, 200, 2999, 200_000])
def test_tables_in_parts(n_parts, subsample):
    """`Bins.fit` asks the other parts itself."""
    rng = np.random.default_rng([n_parts, subsample])
    x, weight = values(3000), rng.integers(1, 3, 3000).astype(float)
    view = Bins(max_bins=60, subsample=subsample)
    options = {"seed": 5, "categorical": CATEGORICAL}
    edges, hooks = random_edges(3000, n_parts, rng), ThreadParts(n_parts, 20)
    for weights in (weight, None):
        expected = Table(x, weight=weights, **options).fitted(view)

        def fitted(part, weights=weights):
            own = slice(*edges[part : part + 2])
            ours = None if weights is None else weights[own]
            with reducing(hooks.hook(part), part, n_parts):
                return Table(x[own], weight=ours, **options).fitted(view)

        for borders in hooks.run(fitted):
            assert_same(borders, expected)


# ---- refused ----------------------------------------------------------------------


def test_rows_added_twice():
    sketch = BorderSketch(2)
    sketch.add(np.zeros((5, 2)), 0)
    sketch.add(np.zeros((5, 2)), 4)
    with pytest.raises(ValueError, match="added to the sketch twice"):
        sketch.borders()


def test_other_sketches_are_not_merged():
    sketch = BorderSketch(2)
    for other in (
        BorderSketch(3),
        BorderSketch(2, [True, False]),
        BorderSketch(2, max_bins=9),
        BorderSketch(2, subsample=9),
        BorderSketch(2, seed=9),
    ):
        with pytest.raises(ValueError, match="merge sketches"):
            sketch.merge(other)


@pytest.mark.parametrize(
    ("block", "first_row", "weight", "error", "message"),
    [
        (np.zeros((3, 1)), 0, None, ValueError, "has 1 features, but the sketch 2"),
        (np.zeros((3, 2)), -1, None, ValueError, "first_row is -1"),
        (np.zeros((3, 2)), 0, [1.0, 0.0, 1.0], ValueError, "not positive"),
        (np.zeros((3, 2)), 0, [1.0], ValueError, "one weight"),
        (Table(np.zeros((3, 2))), 0, [1.0], ValueError, "one weight"),
        (np.zeros((3, 2), int), 0, None, TypeError, "float32 or float64"),
    ],
)
def test_bad_blocks(block, first_row, weight, error, message):
    with pytest.raises(error, match=message):
        BorderSketch(2).add(block, first_row, weight)


def test_codes_that_are_none():
    sketch = BorderSketch(2, [False, True], feature_names=["a", "town"])
    sketch.add(np.array([[0.0, 1.0]]), 0)
    sketch.add(np.array([[0.0, 1.5]]), 1)
    with pytest.raises(ValueError, match="feature town holds values"):
        sketch.borders()


def test_bad_parameters():
    with pytest.raises(ValueError, match="max_bins is 1"):
        BorderSketch(2, max_bins=1)
    with pytest.raises(ValueError, match="subsample is 0"):
        BorderSketch(2, subsample=0)
