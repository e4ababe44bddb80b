import numpy as np
import pytest

from boostlab.contributions import Dense
from boostlab.data.table import Table
from boostlab.state import Round, State
from boostlab.updates import (
    AddToPrediction,
    AddToRepresentation,
    WeightedMedian,
    representation,
)


def state():
    table = Table(np.array([[1, 2], [3, 4]], np.float32))
    return State(table, None, None, np.zeros(1), np.zeros((2, 1), order="F"))


def test_adding_to_the_prediction_changes_it_in_place():
    here = state()
    raw = here.raw_prediction
    AddToPrediction()(here, Dense(np.array([[2.0], [4.0]])), 0.5)
    assert here.raw_prediction is raw
    np.testing.assert_array_equal(raw, [[1.0], [2.0]])
    assert here.carried == {}


def test_the_representation_starts_as_the_table_and_grows():
    here = state()
    np.testing.assert_array_equal(representation(here), here.table.numeric)
    assert representation(here).dtype == np.float64
    change = Dense(np.array([[1.0, 0.0], [0.0, 1.0]]))
    for _ in range(2):
        AddToRepresentation()(here, change, 0.5)
    np.testing.assert_array_equal(here.carried["representation"], [[2, 2], [3, 5]])
    np.testing.assert_array_equal(here.table.numeric, [[1, 2], [3, 4]])
    assert not here.raw_prediction.any()


def test_a_representation_of_another_width_may_be_carried():
    here = state()
    start = np.ones((2, 3))
    here.carried["representation"] = start
    AddToRepresentation()(here, Dense(np.ones((2, 3))), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(representation(here), [[2, 3, 4], [2, 3, 4]])
    assert (start == 1).all()


def test_only_predictions_are_additive():
    assert AddToPrediction.additive
    assert not AddToRepresentation.additive


def medians(votes, sizes):
    """Return the weighted median of each column, by its definition."""
    least = []
    for column in votes.T:
        enough = [
            v for v in column if sizes[column <= v].sum() >= 0.5 * sizes.sum() - 1e-9
        ]
        least.append(min(enough))
    return np.array(least)


class Said:
    """A hypothesis that has the same to say whatever it is asked."""

    def __init__(self, values):
        self.values = values

    def contribution(self, state):
        return Dense(self.values)


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("ties", [False, True])
def test_the_weighted_median_of_every_round(n_outputs, ties):
    rng = np.random.default_rng(0)
    n, n_rounds = 5000, 30
    votes = rng.normal(size=(n_rounds, n, n_outputs))
    sizes = rng.exponential(size=n_rounds)
    if ties:
        votes, sizes = np.round(votes), np.ones(n_rounds)
    sizes[7] = 0.0
    table = Table(np.zeros((n, 1), np.float32))
    baseline = np.arange(1.0, n_outputs + 1)

    def fresh():
        raw = np.empty((n, n_outputs), order="F")
        raw[:] = baseline
        return State(table, None, None, baseline, raw)

    here, some = fresh(), slice(0, n, 97)
    for i in range(n_rounds):
        WeightedMedian()(here, Dense(votes[i]), sizes[i])
        for k in range(n_outputs):
            said, own = votes[: i + 1, some, k], sizes[: i + 1]
            wanted = baseline[k] + medians(said[own > 0], own[own > 0])
            np.testing.assert_array_equal(here.raw_prediction[some, k], wanted)
    rounds = [Round(Said(v), s) for v, s in zip(votes, sizes, strict=True)]
    other = fresh()
    WeightedMedian().at_once(other, rounds)
    np.testing.assert_array_equal(other.raw_prediction, here.raw_prediction)
    WeightedMedian().at_once(none := fresh(), [])
    assert (none.raw_prediction == baseline).all()


def test_what_has_no_place_in_a_median_is_refused():
    for size in (-0.5, np.ones(2), np.nan):
        with pytest.raises(ValueError, match="got the size"):
            WeightedMedian()(state(), Dense(np.ones((2, 1))), size)
        with pytest.raises(ValueError, match="got the size"):
            WeightedMedian().at_once(state(), [Round(Said(np.ones((2, 1))), size)])
    with pytest.raises(ValueError, match="NaN or infinite"):
        WeightedMedian()(state(), Dense(np.full((2, 1), np.nan)), 1.0)
    assert not WeightedMedian.additive
