import numpy as np
import pytest

from boostlab.sweeps.splits import split

rng = np.random.default_rng(0)


def folds_of(y, group=None, is_classification=False, folds=5, repeat=0, seed=0):
    return [
        split(
            y,
            group,
            is_classification,
            folds=folds,
            repeat=repeat,
            fold=fold,
            seed=seed,
        )
        for fold in range(folds)
    ]


@pytest.mark.parametrize("is_classification", [True, False])
@pytest.mark.parametrize("grouped", [True, False])
def test_each_row_is_tested_once(is_classification, grouped):
    y = rng.integers(3, size=100)
    group = rng.integers(20, size=100) if grouped else None
    parts = folds_of(y, group, is_classification)
    tested = np.concatenate([test for _, test in parts])
    np.testing.assert_array_equal(np.sort(tested), np.arange(100))
    for train, test in parts:
        assert not set(train) & set(test)
        assert len(train) + len(test) == 100
        if grouped:
            assert not set(group[train]) & set(group[test])


def test_classes_are_spread_evenly():
    y = np.repeat([0, 1], [80, 20])
    for _, test in folds_of(y, is_classification=True):
        assert np.bincount(y[test]).tolist() == [16, 4]


def test_a_class_rarer_than_folds_is_no_error():
    y = np.repeat([0, 1, 2], [50, 47, 3])
    assert len(folds_of(y, is_classification=True)) == 5


def test_repeats_and_seeds_draw_anew_and_reproducibly():
    y = rng.normal(size=60)
    first = folds_of(y)[0][1]
    np.testing.assert_array_equal(first, folds_of(y)[0][1])
    assert not np.array_equal(first, folds_of(y, repeat=1)[0][1])
    assert not np.array_equal(first, folds_of(y, seed=1)[0][1])


def test_a_fold_beyond_the_last_is_refused():
    with pytest.raises(IndexError, match="no fold 5"):
        split(np.ones(20), None, False, folds=5, repeat=0, fold=5, seed=0)
