import numpy as np

from boostlab.contributions import Dense
from boostlab.data.table import Table
from boostlab.state import State
from boostlab.updates import AddToPrediction, AddToRepresentation, representation


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
