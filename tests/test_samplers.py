import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boostlab.data.table import Table
from boostlab.groups import Groups
from boostlab.samplers import GroupsAndColumns, HashedRows, RowsAndColumns
from boostlab.state import State


def state(n=50, f=8, seed=0):
    table = Table(np.zeros((n, f)), [f"x{j}" for j in range(f)])
    raw = np.zeros((n, 1), order="F")
    return State(table, None, None, np.zeros(1), raw, np.random.default_rng(seed))


def test_all_rows_and_columns_need_no_draw():
    here = state()
    assert RowsAndColumns()(here) == (None, None)
    untouched = np.random.default_rng(0).integers(1 << 40)
    assert here.rng.integers(1 << 40) == untouched


@given(
    n=st.integers(1, 200),
    f=st.integers(1, 30),
    subsample=st.floats(0.001, 1),
    max_features=st.floats(0.001, 1),
)
def test_samples_are_ascending_distinct_and_of_the_share(n, f, subsample, max_features):
    drawn = RowsAndColumns(subsample, max_features)(state(n, f))
    for indices, size, share in zip(
        drawn, (n, f), (subsample, max_features), strict=True
    ):
        if share == 1:
            assert indices is None
            continue
        assert indices.dtype == np.intp
        assert (np.diff(indices) > 0).all()
        assert indices[0] >= 0
        assert indices[-1] < size
        assert abs(len(indices) - share * size) <= 0.5 or len(indices) == 1


def test_every_row_has_the_same_chance():
    here, sampler = state(n=20), RowsAndColumns(0.3)
    counts = np.zeros(20)
    for _ in range(4000):
        counts[sampler(here)[0]] += 1
    # 1200 expected, standard deviation 29
    assert np.abs(counts - 1200).max() < 150


def test_rounds_differ_and_seeds_repeat():
    sampler = RowsAndColumns(0.5, 0.5)
    here, again = state(), state()
    first, second = sampler(here), sampler(here)
    assert not np.array_equal(first[0], second[0])
    for one, other in zip(first, sampler(again), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"subsample": 0}, ValueError, "subsample is 0; give a number greater than 0"),
        ({"subsample": 1.1}, ValueError, r"at most 1\.$"),
        ({"max_features": -0.5}, ValueError, "max_features is -0.5"),
        ({"max_features": "sqrt"}, TypeError, "max_features is 'sqrt'"),
        ({"subsample": True}, TypeError, "subsample is True"),
    ],
)
def test_shares_out_of_range_are_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        RowsAndColumns(**parameters).validate()


def test_groups_are_drawn_whole():
    here = state(300)
    here.group = Groups.of(np.random.default_rng(1).integers(0, 40, 300))
    rows, features = GroupsAndColumns(0.25, 0.5)(here)
    assert (np.diff(rows) > 0).all()
    drawn = np.unique(here.group.codes[rows])
    assert len(drawn) == 10
    assert len(rows) == np.isin(here.group.codes, drawn).sum()
    assert len(features) == 4
    assert GroupsAndColumns()(here) == (None, None)


def test_without_groups_rows_are_drawn():
    rows = GroupsAndColumns(0.5)(state())[0]
    np.testing.assert_array_equal(rows, RowsAndColumns(0.5)(state())[0])


def filled(values, y, seed=0):
    table = Table(values, [f"x{j}" for j in range(values.shape[1])])
    raw = np.zeros((len(y), 1), order="F")
    rng = np.random.default_rng(seed)
    return State(table, y, np.ones(len(y)), np.zeros(1), raw, rng)


def test_equal_rows_are_never_parted():
    values = np.random.default_rng(1).normal(size=(60, 3))
    y = np.arange(60.0)
    twice = filled(np.tile(values, (2, 1)), np.tile(y, 2))
    once = filled(values, y)
    for _ in range(20):
        rows, _ = HashedRows(0.3)(twice)
        alone, _ = HashedRows(0.3)(once)
        np.testing.assert_array_equal(rows, np.concatenate([alone, alone + 60]))


def test_hashed_rows_have_the_same_chance_every_round():
    here, counts = filled(np.zeros((200, 1)), np.arange(200.0)), np.zeros(200)
    for _ in range(400):
        rows, features = HashedRows(0.25)(here)
        assert features is None
        counts[rows] += 1
    # 400 draws: five standard deviations are 43.
    assert np.all(np.abs(counts - 100) < 43)
    assert abs(counts.mean() - 100) < 3


def test_hashed_rows_are_never_none():
    here = filled(np.zeros((1, 2)), np.zeros(1))
    drawn = {None if r is None else len(r) for r in (HashedRows(0.01)(here)[0],) * 5}
    assert drawn == {None}
    rows, features = HashedRows(1.0, 0.5)(here)
    assert rows is None
    assert len(features) == 1
