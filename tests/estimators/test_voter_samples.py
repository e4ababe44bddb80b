import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boostlab.estimators import voter_samples
from boostlab.estimators.voter_samples import (
    MOST_COPIES,
    Examples,
    bootstraps,
    disjoint_parts,
    enough_voters,
    nested_depth,
    nested_positions,
    sub_samples,
)


def data(n=60, seed=0, n_classes=2):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    return rng.normal(size=(n, 2)), labels, np.ones(n)


def contents(samples, X):
    """Return what the samples hold, row by row and in order."""
    return [
        np.column_stack([X[sample.rows], sample.weight]).tolist() for sample in samples
    ]


def made(scheme, X, labels, weight, seed=3):
    examples = Examples.of(X, labels, weight, seed)
    rng = np.random.default_rng(seed)
    if scheme == "majority":
        return disjoint_parts(examples, 3)
    if scheme == "bagging":
        return bootstraps(examples, 3, rng)
    return sub_samples(examples, 5, rng)


@pytest.mark.parametrize("scheme", ["majority", "bagging", "subsample"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), n=st.integers(30, 80))
def test_weights_are_repetitions_and_the_order_does_not_matter(scheme, seed, n):
    X, labels, _ = data(n, seed)
    rng = np.random.default_rng(seed)
    times = rng.integers(0, 4, size=n)
    where = rng.permutation(np.repeat(np.arange(n), times))
    by_weight = made(scheme, X, labels, times.astype(float), seed)
    repeated = made(scheme, X[where], labels[where], np.ones(len(where)), seed)
    assert contents(by_weight, X) == contents(repeated, X[where])


def test_parts_are_disjoint_whole_and_stratified():
    X, labels, weight = data(100)
    parts = disjoint_parts(Examples.of(X, labels, weight, 0), 3)
    rows = np.concatenate([part.rows for part in parts])
    assert sorted(rows) == list(range(100))
    assert sorted(len(part.rows) for part in parts) == [33, 33, 34]
    for part in parts:
        assert abs(labels[part.rows].sum() - len(part.rows) / 2) <= 1


def test_equal_rows_may_go_to_different_parts():
    # As two equal draws of independent examples do.
    X, labels, _ = data(20)
    parts = disjoint_parts(Examples.of(X, labels, np.full(20, 30.0), 0), 3)
    total = np.zeros(20)
    for part in parts:
        assert len(part.rows) == 20
        np.add.at(total, part.rows, part.weight)
    np.testing.assert_array_equal(total, 30)


def test_weights_that_are_no_whole_numbers():
    X, labels, _ = data(6)
    weight = np.array([2.5, 1.0, 0.25, 0.0, 1.0, 3 * MOST_COPIES])
    examples = Examples.of(X, labels, weight, 0)
    assert examples.n_examples == 3 + 1 + 1 + 1 + MOST_COPIES
    which, each = examples.one_by_one()
    totals = np.bincount(examples.rows[which], each, 6)
    np.testing.assert_allclose(totals, weight)
    assert sorted(each[examples.rows[which] == 0]) == [0.5, 1.0, 1.0]
    assert set(each[examples.rows[which] == 5]) == {3.0}


def test_a_rounding_error_above_a_whole_number_makes_no_example():
    X, labels, _ = data(6)
    third = (0.1 + 0.2) / 0.3
    assert third > 1
    weight = np.array([third, 1.0, 2 * third, 1 - 1e-12, 1.0, 1 + 1e-6])
    examples = Examples.of(X, labels, weight, 0)
    assert examples.n_examples == 1 + 1 + 2 + 1 + 1 + 2
    found = np.sort(examples.weight)
    np.testing.assert_array_equal(found, [1, 1, 1, 1, 1 + 1e-6, 2])


def test_too_many_examples(monkeypatch):
    monkeypatch.setattr(voter_samples, "MOST_EXAMPLES", 100)
    X, labels, _ = data(6)
    examples = Examples.of(X, labels, np.full(6, 20.0), 0)
    with pytest.raises(ValueError, match="120 examples, where at most 100"):
        disjoint_parts(examples, 3)


@pytest.mark.parametrize("n_rare", [1, 2])
def test_parts_of_one_class_are_refused(n_rare):
    X, _, weight = data(30)
    labels = (np.arange(30) < n_rare).astype(np.intp)
    with pytest.raises(ValueError, match=f"second largest class has {n_rare}; give"):
        disjoint_parts(Examples.of(X, labels, weight, 0), 3)


def test_a_rare_class_of_several_goes_to_as_many_parts_as_it_has_rows():
    X, _, weight = data(30)
    labels = np.where(np.arange(30) < 2, 2, np.arange(30) % 2)
    parts = disjoint_parts(Examples.of(X, labels, weight, 0), 3)
    assert sorted((labels[part.rows] == 2).sum() for part in parts) == [0, 1, 1]


def test_bootstraps_draw_as_many_examples_as_there_are():
    X, labels, weight = data(50)
    weight[:10] = 3
    found = bootstraps(Examples.of(X, labels, weight, 0), 400, np.random.default_rng(0))
    drawn = np.zeros(50)
    for sample in found:
        assert sample.weight.sum() == 70
        assert (sample.weight == sample.weight.astype(int)).all()
        drawn[sample.rows] += sample.weight
    np.testing.assert_allclose(drawn / 400, weight, rtol=0.25)


def test_bootstraps_do_not_depend_on_the_unit_of_small_weights():
    X, labels, weight = data(50)
    for unit in (0.5, 1 / 50):
        examples = Examples.of(X, labels, weight * unit, 0)
        (sample,) = bootstraps(examples, 1, np.random.default_rng(0))
        np.testing.assert_allclose(sample.weight.sum(), 50 * unit)
        (plain,) = bootstraps(
            Examples.of(X, labels, weight, 0), 1, np.random.default_rng(0)
        )
        np.testing.assert_array_equal(sample.rows, plain.rows)


def test_bootstraps_hold_two_classes_or_are_refused():
    X, _, weight = data(20)
    labels = (np.arange(20) == 0).astype(np.intp)
    examples = Examples.of(X, labels, weight, 0)
    for sample in bootstraps(examples, 50, np.random.default_rng(0)):
        assert 0 in sample.rows
    weight[0] = 1e-12
    with pytest.raises(ValueError, match="100 bootstrap samples in a row"):
        bootstraps(Examples.of(X, labels, weight, 0), 1, np.random.default_rng(0))


def by_recursion(among, beside):
    """Return SubSample(A, B) as it is published."""
    if len(among) < 4:
        return [sorted(among + beside)]
    quarter = len(among) // 4
    start = len(among) - 3 * quarter
    parts = [among[start + i * quarter :][:quarter] for i in range(3)]
    return [
        sample
        for left_out in range(3)
        for sample in by_recursion(
            among[:start],
            [i for j in range(3) if j != left_out for i in parts[j]] + beside,
        )
    ]


@pytest.mark.parametrize("n", [1, 3, 4, 5, 16, 63, 64, 100, 200])
def test_sub_samples_are_those_of_the_published_recursion(n):
    rng = np.random.default_rng(0)
    found = nested_positions(n, None, rng)
    assert len(found) == 3 ** nested_depth(n)
    expected = by_recursion(list(range(n)), [])
    assert sorted(map(list, found)) == sorted(expected)


def test_sizes_of_sub_samples():
    sizes = (3, 4, 15, 16, 3000, 100_000)
    assert [nested_depth(n) for n in sizes] == [0, 1, 2, 2, 5, 9]
    for n in (3000, 100_000):
        found = nested_positions(n, 9, np.random.default_rng(0))
        (size,) = {len(positions) for positions in found}
        assert abs(size / n - 2 / 3) < 0.01


def test_some_sub_samples_are_drawn():
    n = 100
    every = {tuple(f) for f in nested_positions(n, None, np.random.default_rng(0))}
    some = [tuple(f) for f in nested_positions(n, 7, np.random.default_rng(1))]
    assert len(set(some)) == 7
    assert set(some) < every
    assert len(nested_positions(n, 10**6, np.random.default_rng(0))) == len(every)


def test_sub_samples_of_one_class_are_refused():
    X, _, weight = data(16)
    labels = (np.arange(16) == 0).astype(np.intp)
    with pytest.raises(ValueError, match="single class; give more rows"):
        sub_samples(Examples.of(X, labels, weight, 0), None, np.random.default_rng(0))


def test_default_number_of_bootstraps():
    assert [enough_voters(m) for m in (1, 1000, 10**6, 10**30)] == [3, 11, 17, 29]
