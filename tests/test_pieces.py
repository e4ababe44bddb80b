"""Pieces: parameters that can be read, set, cloned and saved."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.tree import DecisionTreeRegressor

from boostlab.learners.external import External
from boostlab.learners.linear import Linear
from boostlab.learners.mixture import Mixture
from boostlab.pieces import Piece
from boostlab.registry import class_named, name_of, register
from boostlab.samplers import RowsAndColumns
from boostlab.steps import CellFit, LineSearch, Shrinkage

PIECES = [
    Shrinkage(0.2),
    LineSearch(0.5, max_size=10.0),
    CellFit(0.3),
    RowsAndColumns(0.5, 0.25),
    Linear(2.0, componentwise=True),
    Mixture([Linear(), Linear(3.0)], every=[1, 5]),
]


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: type(piece).__name__)
def test_pieces_survive_json(piece):
    data, arrays = piece.to_parts()
    again = type(piece).from_parts(json.loads(json.dumps(data)), arrays)
    assert repr(again) == repr(piece)
    assert class_named(name_of(type(piece))) is type(piece)


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: type(piece).__name__)
def test_pieces_clone_and_show_their_parameters(piece):
    again = clone(piece)
    assert again is not piece
    assert repr(again) == repr(piece)
    assert type(piece).__name__ in piece._repr_html_()
    piece.validate()


def test_nested_parameters_are_reached_by_name():
    learner = External(DecisionTreeRegressor(max_depth=2))
    assert learner.get_params()["estimator__max_depth"] == 2
    assert learner.set_params(estimator__max_depth=5).estimator.max_depth == 5


def test_numpy_numbers_are_saved_as_numbers():
    data, _ = Shrinkage(np.float64(0.25)).to_parts()
    assert type(data["learning_rate"]) is float


def test_what_a_file_cannot_hold_is_refused():
    with pytest.raises(TypeError, match="'estimator' holds a DecisionTreeRegressor"):
        External(DecisionTreeRegressor()).to_parts()

    class Unknown(Piece):
        accepts = frozenset({"derivatives"})

    with pytest.raises(TypeError, match="Unknown given as 'learners' is not regis"):
        Mixture([Unknown()], [1]).to_parts()


@pytest.mark.parametrize(
    ("data", "arrays", "message"),
    [
        (["learning_rate"], {}, "not a plain dict"),
        ({}, {"extra": np.zeros(1)}, "not a plain dict"),
        ({"pace": 0.1}, {}, r"no parameters named \['pace'\]"),
        ({"learning_rate": -1}, {}, "learning_rate is -1"),
        ({"learning_rate": {"piece": "no such"}}, {}, "'no such' is unknown"),
        ({"learning_rate": {}}, {}, "'None' is unknown|None is unknown"),
    ],
)
def test_damaged_parameters_are_refused(data, arrays, message):
    with pytest.raises(ValueError, match=message):
        Shrinkage.from_parts(data, arrays)


def test_a_nested_piece_of_the_wrong_type_is_refused():
    nested = {"piece": "shrinkage", "params": {}}
    with pytest.raises(TypeError, match="learning_rate is"):
        Shrinkage.from_parts({"learning_rate": nested}, {})


def test_a_registered_name_is_taken_once():
    with pytest.raises(ValueError, match="'shrinkage' is already taken"):
        register("shrinkage")(type("Other", (), {}))
    assert class_named("shrinkage") is Shrinkage
    assert class_named("nobody") is None
    assert name_of(dict) is None
