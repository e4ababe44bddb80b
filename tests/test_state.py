"""The values that pass between the pieces."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boostlab.contributions import Cells, CellValues, Dense, scaled_cells
from boostlab.data.table import Table
from boostlab.parallel import threads
from boostlab.state import Problem, State, Target, constant


def table(n=4):
    return Table(np.arange(2.0 * n).reshape(n, 2), ["a", "b"])


def problem(n=4, held_out=None):
    validation = None if held_out is None else problem(held_out)
    return Problem(table(n), np.arange(float(n)), np.ones(n), validation)


def shared_cells():
    """Two cells for both of two outputs."""
    ids = np.array([[0, 1, 1, 0]], np.int32)
    return Cells(ids, (np.array([[1.0, 10.0], [2.0, 20.0]]),))


def separate_cells():
    """Two cells for the first of two outputs, three for the second."""
    ids = np.array([[0, 1, 1, 0], [2, 0, 1, 2]], np.int32)
    return Cells(ids, (np.array([[1.0], [2.0]]), np.array([[10.0], [20.0], [30.0]])))


def test_state_starts_every_row_at_the_baseline():
    given = problem(4, held_out=3)
    state = State.at(given, np.array([1.0, -2.0]), None)
    np.testing.assert_array_equal(state.raw_prediction, [[1, -2]] * 4)
    assert state.raw_prediction.flags.f_contiguous
    assert [part.raw_prediction.shape for part in state.parts()] == [(4, 2), (3, 2)]
    assert list(state.parts()) == [state, state.validation]
    assert state.validation.carried is not state.carried
    assert state.validation.y is given.validation.y


def test_state_without_held_out_rows_has_one_part():
    state = State.at(problem(), np.zeros(1), None)
    assert list(state.parts()) == [state]


def test_constant_is_output_major():
    raw = constant(3, np.array([1.0, 2.0]))
    assert raw.shape == (3, 2)
    assert raw.flags.f_contiguous
    assert constant(0, np.zeros(2)).shape == (0, 2)


@pytest.mark.parametrize("contribution", [shared_cells(), separate_cells()])
def test_a_trial_step_leaves_the_state_alone(contribution):
    state = State.at(problem(), np.zeros(2), None)
    trial = state.at_trial(contribution, 0.5)
    np.testing.assert_allclose(trial.raw_prediction, 0.5 * contribution.values())
    assert trial.raw_prediction.flags.f_contiguous
    assert not state.raw_prediction.any()
    assert trial.y is state.y


def test_target_is_of_the_kind_it_holds():
    labels = Target(table(), np.ones(4), labels=np.zeros(4, int))
    derivatives = Target(table(), np.ones(4), gradient=np.zeros((4, 3)))
    assert (labels.kind, labels.n_outputs) == ("labels", 1)
    assert (derivatives.kind, derivatives.n_outputs) == ("derivatives", 3)


def test_newton_step_by_hand():
    gradient = np.array([[2.0, 1.0], [0.0, -1.0], [4.0, 3.0]])
    hessian = np.array([[1.0, 2.0], [0.5, 0.0], [2.0, 1.0]])
    target = Target(table(3), np.ones(3), gradient=gradient, hessian=hessian)
    step, weight = target.newton()
    np.testing.assert_array_equal(step, [[-2, -0.5], [0, 0], [-2, -3]])
    np.testing.assert_array_equal(weight, hessian)
    step, weight = replace(target, rows=np.array([0, 2])).newton()
    np.testing.assert_array_equal(step, [[-2, -0.5], [-2, -3]])
    np.testing.assert_array_equal(weight, [[1, 2], [2, 1]])


def test_newton_step_without_hessian_takes_the_weight():
    weight = np.array([1.0, 2.0, 4.0])
    gradient = np.array([[2.0, 1.0], [4.0, -4.0], [4.0, 8.0]])
    target = Target(table(3), weight, gradient=gradient, rows=np.array([1, 2]))
    step, curvature = target.newton()
    np.testing.assert_array_equal(step, [[-2, 2], [-1, -2]])
    np.testing.assert_array_equal(curvature, [[2, 2], [4, 4]])


def test_cells_are_arrays_by_hand():
    np.testing.assert_array_equal(
        shared_cells().values(), [[1, 10], [2, 20], [2, 20], [1, 10]]
    )
    np.testing.assert_array_equal(
        separate_cells().values(), [[1, 30], [2, 10], [2, 20], [1, 30]]
    )


SIZES = [2.0, np.array([0.5, -1.0])]


@pytest.mark.parametrize("cells", [shared_cells(), separate_cells()])
@pytest.mark.parametrize("size", SIZES)
def test_cells_add_what_their_array_adds(cells, size):
    raw = np.full((4, 2), 7.0, order="F")
    cells.add_to(raw, size)
    dense = np.full((4, 2), 7.0)
    Dense(cells.values()).add_to(dense, size)
    np.testing.assert_allclose(raw, dense, rtol=1e-15)


@pytest.mark.parametrize("cells", [shared_cells(), separate_cells()])
def test_cell_values_replace_the_cells_own(cells):
    fitted = CellValues(tuple(v + 5 for v in cells.cell_values))
    raw = np.zeros((4, 2), order="F")
    cells.add_to(raw, fitted)
    np.testing.assert_array_equal(raw, cells.values() + 5)
    assert scaled_cells(cells.cell_values, fitted) is fitted.values


def test_cell_values_multiply_from_both_sides():
    values = CellValues((np.array([[2.0], [4.0]]), np.array([[1.0]])))
    for product in (0.5 * values, values * 0.5):
        np.testing.assert_array_equal(product.values[0], [[1], [2]])
        np.testing.assert_array_equal(product.values[1], [[0.5]])


@given(
    n=st.integers(0, 40),
    n_cells=st.integers(1, 5),
    size=st.floats(-10, 10),
    seed=st.integers(0, 2**32 - 1),
)
def test_cells_equal_dense_for_any_partition(n, n_cells, size, seed):
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, n_cells, (1, n)).astype(np.int32)
    cells = Cells(ids, (rng.normal(size=(n_cells, 3)),))
    raw = np.asfortranarray(rng.normal(size=(n, 3)))
    wanted = raw + size * cells.values()
    with threads(1):
        cells.add_to(raw, size)
    np.testing.assert_allclose(raw, wanted, rtol=1e-14, atol=1e-14)
