import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boostlab.estimators.rows import (
    Rows,
    _first_share,
    check_weight,
    class_factors,
    hold_out,
)
from boostlab.groups import Groups


def rows(n, seed=0, n_classes=None, weight=None):
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n) if n_classes else rng.normal(size=n)
    weight = np.ones(n) if weight is None else weight
    return Rows(rng.normal(size=(n, 3)), y.astype(float), weight)


def test_weights_default_to_ones():
    np.testing.assert_array_equal(check_weight(None, 3, "w"), np.ones(3))
    np.testing.assert_array_equal(check_weight(2, 3, "w"), np.full(3, 2.0))
    np.testing.assert_array_equal(check_weight([0, 1, 2], 3, "w"), [0, 1, 2])


@pytest.mark.parametrize(
    ("weight", "match"),
    [
        (np.ones((3, 1)), r"shape \(3, 1\).*one number for each of the 3 rows"),
        (np.ones(2), r"shape \(2,\)"),
        ([1, -1, 1], "negative"),
        ([1, np.nan, 1], "NaN or infinity"),
        ([1, np.inf, 1], "NaN or infinity"),
        ([0, 0, 0], "all zero"),
        (["a", "b", "c"], "not all numbers"),
    ],
)
def test_bad_weights(weight, match):
    with pytest.raises(ValueError, match=match):
        check_weight(weight, 3, "sample_weight")


def test_balanced_classes_weigh_the_same():
    data = Rows(np.zeros((4, 1)), np.array([0.0, 0, 0, 1]), np.array([1.0, 2, 1, 2]))
    factors = class_factors("balanced", np.array(["a", "b"]), data)
    np.testing.assert_allclose(factors, [6 / (2 * 4), 6 / (2 * 2)])


def test_class_weight_dict_by_label():
    data = rows(4, n_classes=2)
    factors = class_factors({"b": 3}, np.array(["a", "b"]), data)
    np.testing.assert_array_equal(factors, [1, 3])
    with pytest.raises(ValueError, match=r"\['c'\], but the classes are \['a', 'b'\]"):
        class_factors({"c": 3}, np.array(["a", "b"]), data)
    for bad in (0, -1, np.inf, np.nan):
        with pytest.raises(ValueError, match="greater than 0"):
            class_factors({"a": bad}, np.array(["a", "b"]), data)


def test_share_of_the_weight_is_held_out():
    data = rows(2000)
    aside = hold_out(data, 0.25, seed=1, stratify=False)
    assert aside.sum() == 500
    assert (hold_out(data, 0.25, seed=1, stratify=False) == aside).all()
    assert (hold_out(data, 0.25, seed=2, stratify=False) != aside).any()


def test_each_class_gives_its_share():
    y = np.repeat([0.0, 1.0, 2.0], [700, 200, 100])
    data = Rows(np.random.default_rng(0).normal(size=(1000, 2)), y, np.ones(1000))
    aside = hold_out(data, 0.1, seed=0, stratify=True)
    np.testing.assert_array_equal(np.bincount(y[aside].astype(int)), [70, 20, 10])


def test_choice_does_not_depend_on_the_features():
    """A hash, not an order of values: the held-out rows look like the others."""
    data = Rows(np.arange(10_000.0)[:, None], np.arange(10_000.0), np.ones(10_000))
    aside = hold_out(data, 0.5, seed=3, stratify=False)
    assert abs(np.corrcoef(data.y, aside)[0, 1]) < 0.04
    assert abs(np.corrcoef(aside[:-1], aside[1:])[0, 1]) < 0.04


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 30), st.booleans())
def test_weights_are_repetitions_and_order_does_not_matter(seed, n, stratify):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 5, size=n)
    data = rows(n, seed, n_classes=2, weight=counts.astype(float))
    aside = hold_out(data, 0.3, 7, stratify)
    order = rng.permutation(np.repeat(np.arange(n), counts))
    repeated = Rows(data.numeric[order], data.y[order], np.ones(len(order)))
    np.testing.assert_array_equal(hold_out(repeated, 0.3, 7, stratify), aside[order])


def test_signs_of_zero_and_kinds_of_nan_are_equal():
    other_nan = np.array([0x7FF8000000000001], np.uint64).view(np.float64)[0]
    column = np.array([[0.0], [-0.0], [np.nan], [other_nan], [1.0]])
    data = Rows(column, np.zeros(5), np.ones(5))
    for seed in range(20):
        aside = hold_out(data, 0.4, seed, stratify=False)
        assert aside[0] == aside[1]
        assert aside[2] == aside[3]


def test_a_class_never_vanishes_from_training():
    data = Rows(np.arange(11.0)[:, None], np.array([0.0] * 10 + [1.0]), np.ones(11))
    for seed in range(20):
        assert not hold_out(data, 0.9, seed, stratify=True)[-1]


def test_at_least_one_row_is_held_out():
    assert hold_out(rows(3), 0.01, seed=0, stratify=False).sum() == 1


@pytest.mark.parametrize("n", [1, 5])
def test_equal_rows_cannot_be_split(n):
    data = Rows(np.ones((n, 2)), np.ones(n), np.ones(n))
    with pytest.raises(ValueError, match=rf"n_samples = {n}.*no rows to train on"):
        hold_out(data, 0.1, seed=0, stratify=False)


def queries(n, n_queries, seed=0):
    data = rows(n, seed)
    labels = np.random.default_rng(seed + 1).integers(0, n_queries, n)
    return Rows(data.numeric, data.y, data.weight, Groups.of(labels))


def test_groups_are_held_out_whole():
    data = queries(1000, 100)
    aside = hold_out(data, 0.2, seed=1, stratify=False)
    assert 150 < aside.sum() < 250
    codes = data.group.codes
    assert not np.intersect1d(codes[aside], codes[~aside]).size


@pytest.mark.parametrize("seed", range(10))
def test_neither_the_order_nor_the_names_of_groups_matter(seed):
    data = queries(200, 30)
    aside = hold_out(data, 0.3, seed, stratify=False)
    rng = np.random.default_rng(seed)
    order = rng.permutation(200)
    renamed = Groups.of(rng.permutation(len(data.group))[data.group.codes[order]])
    shuffled = Rows(data.numeric[order], data.y[order], np.ones(200), renamed)
    np.testing.assert_array_equal(hold_out(shuffled, 0.3, seed, False), aside[order])


@pytest.mark.parametrize("seed", range(10))
def test_a_group_of_weight_2_is_that_group_given_twice(seed):
    data = queries(100, 10)
    heavy = data.group.codes < 4
    weighted = Rows(data.numeric, data.y, 1.0 + heavy, data.group)
    again = np.concatenate([np.arange(100), np.flatnonzero(heavy)])
    labels = data.group.codes[again] + 1000 * (np.arange(len(again)) >= 100)
    twice = Rows(
        data.numeric[again], data.y[again], np.ones(len(again)), Groups.of(labels)
    )
    aside = hold_out(weighted, 0.3, seed, stratify=False)
    np.testing.assert_array_equal(hold_out(twice, 0.3, seed, False), aside[again])


def test_one_group_cannot_be_split():
    data = queries(50, 1)
    assert not data.can_be_parted
    with pytest.raises(ValueError, match=r"n_queries = 1.*no rows to train on"):
        hold_out(data, 0.1, seed=0, stratify=False)


def test_the_first_share_is_that_of_all_rows_sorted():
    rng = np.random.default_rng(0)
    for n, share in [(1, 0.5), (30, 0.1), (500, 0.3), (20_000, 0.1), (20_000, 0.99)]:
        words = rng.integers(2**64, size=n, dtype=np.uint64)
        words[n // 2 :] = words[: n - n // 2]  # equal rows
        for weight in (np.ones(n), rng.integers(1, 9, n) / 8.0):
            order = np.argsort(words, kind="stable")
            values, totals = [], []
            for word, own in zip(words[order], weight[order], strict=True):
                if values and values[-1] == word:
                    totals[-1] += own
                else:
                    values.append(word)
                    totals.append(own)
            before = np.cumsum([0.0, *totals])
            middle = before[:-1] + np.array(totals) / 2
            first = np.array(values)[middle < share * weight.sum()]
            chosen = _first_share(words, weight, share)
            np.testing.assert_array_equal(chosen, np.isin(words, first))
    low = np.arange(100, dtype=np.uint64)  # words that are not random
    assert _first_share(low, np.ones(100), 0.25).sum() == 25
