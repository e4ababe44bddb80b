"""Ensembles to parts and back: the same bits, and every inconsistency refused."""

import numpy as np
import pytest

from boostlab.contributions import CellValues
from boostlab.persistence import ensemble_from_parts, ensemble_to_parts
from boostlab.state import Ensemble, Round


def copied(parts):
    data, arrays = parts
    return data, {name: array.copy() for name, array in arrays.items()}


def test_predictions_are_the_same_bits(ensemble, table):
    again = ensemble_from_parts(*copied(ensemble_to_parts(ensemble)))
    assert again.predict(table).tobytes() == ensemble.predict(table).tobytes()
    for old, new in zip(
        ensemble.staged_predict(table), again.staged_predict(table), strict=True
    ):
        assert new.tobytes() == old.tobytes()


def test_parts_of_the_parts_are_equal(ensemble):
    data, arrays = ensemble_to_parts(ensemble)
    data_2, arrays_2 = ensemble_to_parts(ensemble_from_parts(data, arrays))
    assert data_2 == data
    assert {k: v.tobytes() for k, v in arrays_2.items()} == {
        k: v.tobytes() for k, v in arrays.items()
    }


def test_consecutive_rounds_of_a_packing_class_share_arrays(ensemble):
    data, arrays = ensemble_to_parts(ensemble)
    runs = [(run["component"], run["count"]) for run in data["hypotheses"]]
    stump, linear = "test-persistence-stump", "test-persistence-linear"
    assert runs == [(stump, 5), (linear, 2), (stump, 1), (linear, 1)]
    assert arrays["hypotheses/0/values"].shape == (5, 2)
    assert "hypotheses/1/1/weights" in arrays
    assert data["corrected"] == [7, 8]


def test_sizes_keep_kind_value_and_shape(ensemble, cell_sizes, fakes):
    sizes = [0.1, *cell_sizes, np.float32(0.5), np.array([1.0, 2.0]), 3]
    rounds = [Round(fakes.Stump(np.zeros(2)), size) for size in sizes]
    again = ensemble_from_parts(
        *ensemble_to_parts(Ensemble(np.zeros(2), fakes.Add(), rounds))
    )
    back = [done.size for done in again.rounds]
    assert [type(size) for size in back] == [
        float,
        CellValues,
        CellValues,
        float,
        np.ndarray,
        float,
    ]
    assert (back[0], back[3], back[5]) == (0.1, 0.5, 3.0)
    np.testing.assert_array_equal(back[4], [1.0, 2.0])
    for old, new in zip(cell_sizes, back[1:3], strict=True):
        assert [v.shape for v in new.values] == [v.shape for v in old.values]
        assert [v.tobytes() for v in new.values] == [v.tobytes() for v in old.values]


def test_an_ensemble_without_rounds(fakes, table):
    empty = Ensemble(np.array([1.0]), fakes.Add(), [])
    again = ensemble_from_parts(*ensemble_to_parts(empty))
    assert again.rounds == []
    np.testing.assert_array_equal(again.predict(table), np.ones((20, 1)))


def test_unregistered_components_and_odd_sizes_are_refused(fakes):
    class Private(fakes.Stump):
        pass

    with pytest.raises(TypeError, match="Private cannot be stored"):
        ensemble_to_parts(
            Ensemble(np.zeros(2), fakes.Add(), [Round(Private(np.zeros(2)), 1.0)])
        )
    for size in ("0.1", np.zeros(3), 1j, None, CellValues((np.zeros(3),))):
        rounds = [Round(fakes.Stump(np.zeros(2)), size)]
        with pytest.raises(TypeError, match="a size of type"):
            ensemble_to_parts(Ensemble(np.zeros(2), fakes.Add(), rounds))


def edit_run(**changes):
    def edit(data, arrays):
        data["hypotheses"][0] |= changes

    return edit


def put(name, value):
    def edit(data, arrays):
        arrays[name] = value

    return edit


def drop(name):
    def edit(data, arrays):
        del arrays[name]

    return edit


def key(name, value):
    def edit(data, arrays):
        data[name] = value

    return edit


BAD = [
    (key("extra", 1), "ensemble part of the file has"),
    (key("hypotheses", {}), "not a list"),
    (key("hypotheses", [3] * 4), "are expected"),
    (key("update", "add"), "are expected"),
    (key("update", {"component": "?", "data": {}}), "'\\?', which is unknown"),
    (key("update", {"component": ["x"], "data": {}}), "unknown"),
    (
        key("update", {"component": "test-persistence-stump", "data": {}}),
        "cannot be its update",
    ),
    (key("corrected", [7]), "does not match"),
    (key("corrected", [8, 7]), "not there"),
    (key("corrected", [7, 9]), "not there"),
    (key("corrected", [-1, 7]), "not there"),
    (key("corrected", [7, True]), "does not match"),
    (key("corrected", "78"), "does not match"),
    (edit_run(component="test-persistence-clip"), "cannot be its hypothesis"),
    (edit_run(component="test-persistence-linear"), "cannot be unpacked"),
    (edit_run(count=4), "has 5 members, not the 4"),
    (edit_run(count="5"), "has 5 members"),
    (edit_run(packed={}), "damaged \\(KeyError"),
    (edit_run(packed={"n": "x"}), "damaged \\(TypeError"),
    (edit_run(packed={"n": -1}), "has 4 members"),
    (edit_run(data=[]), "are expected"),
    (put("stray", np.zeros(1)), "unexpected array 'stray'"),
    (put("hypotheses/9/x", np.zeros(1)), "unexpected array '9/x'"),
    (put("hypotheses/1/01/weights", np.zeros(1)), "unexpected array"),
    (put("sizes/more", np.zeros(1)), "beyond"),
    (drop("baseline/values"), "'values' is missing"),
    (put("baseline/values", np.zeros((2, 1))), "'values' has dtype"),
    (put("baseline/values", np.zeros(2, np.float32)), "'values' has dtype"),
    (put("baseline/values", np.array([0.0, np.nan])), "not finite"),
    (put("baseline/values", np.zeros(0)), "empty"),
    (put("baseline/values", np.zeros(3)), "'vector' has dtype"),
    (drop("sizes/kind"), "'kind' is missing"),
    (put("sizes/kind", np.zeros(8, np.uint8)), "'kind' has dtype"),
    (put("sizes/kind", np.full(9, 3, np.uint8)), "unknown kind"),
    (put("sizes/kind", np.full(9, 2, np.uint8)), "'number' has dtype"),
    (put("sizes/number", np.full(8, np.inf)), "not finite"),
    (put("sizes/partitions", np.ones(1, np.int64)), "'partitions' has dtype"),
    (put("sizes/cells", np.ones(1)), "do not add up"),
    (put("hypotheses/1/0/weights", np.zeros(2)), "Linear weights"),
    (drop("hypotheses/1/0/weights"), "damaged \\(KeyError"),
]


@pytest.mark.parametrize(("edit", "words"), BAD)
def test_what_does_not_fit_together_is_refused(ensemble, edit, words):
    data, arrays = ensemble_to_parts(ensemble)
    edit(data, arrays)
    with pytest.raises(ValueError, match=words):
        ensemble_from_parts(data, arrays)


BIG = 2**62


@pytest.mark.parametrize(
    ("partitions", "shapes"),
    [
        ([1, 2], [[4, 2], [3, 1], [1, 1], [5, 1]]),
        ([1, 3], [[4, 2], [3, 1], [1, 1], [5, 2]]),
        ([0, 4], [[4, 2], [3, 1], [1, 1], [5, 1]]),
        ([-1, 5], [[4, 2], [3, 1], [1, 1], [5, 1]]),
        ([1, 3], [[0, 2], [3, 1], [1, 1], [5, 1]]),
        ([1, 3], [[-4, -2], [3, 1], [1, 1], [5, 1]]),
        ([1, 3], [[BIG, 4], [3, 1], [1, 1], [13, 1]]),
        ([BIG, BIG], [[4, 2], [3, 1], [1, 1], [5, 1]]),
    ],
)
def test_cell_values_that_do_not_add_up(fakes, cell_sizes, partitions, shapes):
    rounds = [Round(fakes.Stump(np.zeros(2)), size) for size in cell_sizes]
    data, arrays = ensemble_to_parts(Ensemble(np.zeros(2), fakes.Add(), rounds))
    ensemble_from_parts(data, arrays)
    arrays["sizes/partitions"] = np.array(partitions, np.int64)
    arrays["sizes/cell_shapes"] = np.array(shapes, np.int64)
    with pytest.raises(ValueError, match="do not add up"):
        ensemble_from_parts(data, arrays)
