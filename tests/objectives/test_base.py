"""What all pointwise objectives have in common, on every built-in one."""

import doctest
import pickle

import numpy as np
import pytest
from sklearn.base import clone

import boostlab.objectives.base
from boostlab.objectives import (
    Huber,
    ObjectiveError,
    PointwiseObjective,
    check_objective,
)
from boostlab.objectives import SquaredError as Squared
from boostlab.parallel import threads
from boostlab.registry import class_named, name_of
from boostlab.state import Problem


def differences(function, raw, output, step=1e-6):
    up, down = raw.copy(), raw.copy()
    up[:, output] += step
    down[:, output] -= step
    return (function(up) - function(down)) / (2 * step)


def test_gradient_is_the_derivative_of_the_loss(case):
    fixed = case.objective.settled(case.state())
    gradient = fixed.pointwise_gradient(case.y, case.raw)
    for k in range(case.raw.shape[1]):
        numeric = differences(lambda r: fixed.pointwise_loss(case.y, r), case.raw, k)
        np.testing.assert_allclose(gradient[:, k], numeric, rtol=1e-5, atol=1e-7)


def test_hessian_is_the_derivative_of_the_gradient(case):
    fixed = case.objective.settled(case.state())
    hessian = fixed.pointwise_hessian(case.y, case.raw)
    if not fixed.smooth:
        assert hessian is None
        return
    hessian = np.ones_like(case.raw) if hessian is None else hessian
    for k in range(case.raw.shape[1]):
        numeric = differences(
            lambda r, k=k: fixed.pointwise_gradient(case.y, r)[:, k], case.raw, k
        )
        scaled = fixed.curvature_factor(case.raw.shape[1]) * numeric
        np.testing.assert_allclose(hessian[:, k], scaled, rtol=1e-5, atol=1e-7)


def test_state_methods_are_the_weighted_pointwise_functions(case):
    state, weight = case.state(), case.weight[:, None]
    fixed = case.objective.settled(state)
    gradient = weight * fixed.pointwise_gradient(case.y, case.raw)
    terms = fixed.pointwise_loss(case.y, case.raw)
    found, hessian = case.objective.derivatives(state)
    np.testing.assert_allclose(found, gradient, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(case.objective.gradient(state), found)
    expected = fixed.pointwise_hessian(case.y, case.raw)
    if expected is None:
        assert hessian is None
        assert case.objective.hessian(state) is None
    else:
        np.testing.assert_allclose(hessian, weight * expected, rtol=1e-12)
        np.testing.assert_array_equal(case.objective.hessian(state), hessian)
    assert case.objective.loss(state) == pytest.approx(
        np.average(terms, weights=case.weight), rel=1e-12
    )
    assert found.flags.f_contiguous
    assert found.shape == case.raw.shape


def test_kernels_agree_with_numpy_far_out(case):
    state = case.state()
    rng = np.random.default_rng(1)
    n, n_outputs = case.raw.shape
    state.raw_prediction = np.asfortranarray(
        rng.choice(
            [-900.0, -600.0, -40.0, -20.0, 0.0, 20.0, 40.0, 900.0], (n, n_outputs)
        )
    )
    fixed = case.objective.settled(state)
    gradient, hessian = case.objective.derivatives(state)
    weight = case.weight[:, None]
    expected = weight * fixed.pointwise_gradient(case.y, state.raw_prediction)
    # 1 - p cancels in NumPy's softmax and its hessian, not in the kernel.
    np.testing.assert_allclose(gradient, expected, rtol=1e-11, atol=1e-15)
    curvature = fixed.pointwise_hessian(case.y, state.raw_prediction)
    if curvature is not None:
        np.testing.assert_allclose(hessian, weight * curvature, rtol=1e-11, atol=1e-15)
    terms = fixed.pointwise_loss(case.y, state.raw_prediction)
    assert case.objective.loss(state) == pytest.approx(
        np.average(terms, weights=case.weight), rel=1e-12
    )


@pytest.mark.parametrize("size", [1e3, 1e100, 1e308])
def test_derivatives_stay_finite_at_any_raw_prediction(case, size):
    for sign in (-1.0, 1.0):
        state = case.state(weight=np.ones(len(case.y)))
        state.raw_prediction[::2, 0] = sign * size
        gradient, hessian = case.objective.derivatives(state)
        assert np.all(np.isfinite(gradient))
        assert hessian is None or (np.all(np.isfinite(hessian)) and np.all(hessian > 0))
        with np.errstate(over="ignore"):
            assert not np.isnan(case.objective.loss(state))


def test_results_do_not_depend_on_the_number_of_threads(case):
    index = np.tile(np.arange(len(case.y)), 700)
    with threads(1):
        state = case.state(index)
        single = case.objective.loss(state), case.objective.gradient(state)
    for n_jobs in (2, 3):
        with threads(n_jobs):
            assert case.objective.loss(state) == single[0]
            np.testing.assert_array_equal(case.objective.gradient(state), single[1])


def test_baseline_minimises_the_weighted_mean_loss(case):
    y, weight = case.y, case.weight
    baseline = case.objective.baseline(y, weight)
    fixed = case.objective.settled(case.state())

    def mean_loss(point):
        raw = np.tile(point, (len(y), 1))
        return np.average(fixed.pointwise_loss(y, raw), weights=weight)

    best = mean_loss(baseline)
    for k in range(len(baseline)):
        for step in (-0.5, -0.01, 0.01, 0.5):
            point = baseline.copy()
            point[k] += step
            assert mean_loss(point) >= best - 1e-12


def test_weight_two_is_the_row_twice(case):
    rng = np.random.default_rng(2)
    copies = rng.integers(1, 4, len(case.y))
    index = np.repeat(np.arange(len(case.y)), copies)
    weighted = case.state(weight=copies.astype(float))
    repeated = case.state(index, np.ones(len(index)))
    objective = case.objective
    np.testing.assert_allclose(weighted.baseline, repeated.baseline, rtol=1e-12)
    assert objective.loss(weighted) == pytest.approx(
        objective.loss(repeated), rel=1e-12
    )
    ids = rng.integers(0, 5, len(case.y)).astype(np.int32)
    for k in range(case.raw.shape[1]):
        np.testing.assert_allclose(
            objective.cell_values(weighted, ids, 6, k),
            objective.cell_values(repeated, ids[index], 6, k),
            rtol=1e-10,
        )


def test_cell_values_lower_the_loss_and_skip_rows_not_sampled(case):
    state = case.state()
    ids = (np.arange(len(case.y)) % 4).astype(np.int32)
    state.rows = np.flatnonzero(ids != 3)
    before = case.objective.loss(state)
    values = np.column_stack(
        [case.objective.cell_values(state, ids, 5, k) for k in range(case.raw.shape[1])]
    )
    assert values.shape == (5, case.raw.shape[1])
    assert np.all(values[3:] == 0.0)
    state.raw_prediction += 0.5 * values[ids]
    assert case.objective.loss(state) < before


def test_constant_targets_give_a_finite_baseline_that_predicts_them(case):
    y = np.full(7, case.y.max())
    baseline = case.objective.baseline(y, np.ones(7))
    assert np.all(np.isfinite(baseline))
    prediction = case.objective.link.inverse(np.tile(baseline, (7, 1)))
    if case.objective.task == "regression":
        np.testing.assert_allclose(prediction[:, 0], y, rtol=1e-12)
    else:
        np.testing.assert_array_equal(np.argmax(prediction, axis=1), y)


def test_zero_targets_give_a_finite_baseline(case):
    baseline = case.objective.baseline(np.zeros(5), np.ones(5))
    assert np.all(np.isfinite(baseline))


def test_one_row_is_enough(case):
    state = case.state(slice(0, 1))
    assert np.isfinite(case.objective.loss(state))
    value = case.objective.cell_values(state, np.zeros(1, np.int32), 1, 0)
    assert value.shape == (1,)
    assert np.isfinite(value[0])


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_targets_that_are_not_finite_are_refused(case, wrong):
    y = case.y.copy()
    y[3] = wrong
    with pytest.raises(ValueError, match=r"^[^\n]*\.$"):
        case.objective.check_targets(y)


def test_start_checks_the_held_out_targets_too(case):
    held_out = Problem(case.state().table, np.full(len(case.y), np.nan), case.weight)
    problem = Problem(case.state().table, case.y, case.weight, held_out)
    with pytest.raises(ValueError, match="y"):
        case.objective.start(problem, None)


def test_pieces_are_cloned_pickled_and_saved_by_their_parameters(case):
    objective = case.objective
    assert clone(objective).get_params() == objective.get_params()
    assert pickle.loads(pickle.dumps(objective)).get_params() == objective.get_params()
    name = name_of(type(objective))
    assert name.startswith("objective:")
    data, arrays = objective.to_parts()
    again = class_named(name).from_parts(data, arrays)
    assert type(again) is type(objective)
    assert again.get_params() == objective.get_params()


class Doubled(Squared):
    def pointwise_gradient(self, y, raw):
        return 2.0 * super().pointwise_gradient(y, raw)


def test_a_subclass_with_its_own_formula_leaves_the_kernel(squared_case):
    assert Doubled.fused is None
    assert type("Renamed", (Squared,), {}).fused is Squared.fused
    state = squared_case.state()
    np.testing.assert_array_equal(
        Doubled().gradient(state), 2.0 * squared_case.objective.gradient(state)
    )


class LogCosh(PointwiseObjective):
    def pointwise_loss(self, y, raw):
        return np.logaddexp(raw[:, 0] - y, y - raw[:, 0]) - np.log(2.0)

    def pointwise_gradient(self, y, raw):
        return np.tanh(raw - y[:, None])


def test_the_baseline_is_searched_for_where_none_is_written():
    y = np.array([0.0, 0.0, 5.0])
    weight = np.array([1.0, 1.0, 2.0])
    baseline = LogCosh().baseline(y, weight)
    assert baseline.shape == (1,)
    slope = weight @ np.tanh(baseline[0] - y)
    assert slope == pytest.approx(0.0, abs=1e-6)
    check_objective(LogCosh())


class Falling(LogCosh):
    def pointwise_loss(self, y, raw):
        return np.exp(-raw[:, 0])


def test_a_loss_without_minimum_starts_from_zero_or_something_finite():
    assert np.all(np.isfinite(Falling().baseline(np.zeros(3), np.ones(3))))


class Broadcast(PointwiseObjective):
    def pointwise_loss(self, y, raw):
        return 0.5 * (raw[:, 0] - y) ** 2

    def pointwise_gradient(self, y, raw):
        return raw - y


def test_a_wrong_shape_is_named_with_its_cause(squared_case):
    state = squared_case.state()
    with pytest.raises(
        ObjectiveError, match=r"shape \(80, 80\), but \(80, 1\).*broadc"
    ):
        Broadcast().gradient(state)


def test_the_pointwise_functions_must_be_written():
    with pytest.raises(NotImplementedError, match="must define pointwise_loss"):
        PointwiseObjective().pointwise_loss(np.zeros(1), np.zeros((1, 1)))
    with pytest.raises(NotImplementedError, match="must define pointwise_gradient"):
        PointwiseObjective().pointwise_gradient(np.zeros(1), np.zeros((1, 1)))


class Endless(Squared):
    def baseline(self, y, weight):
        return np.array([np.inf])


class TwoBaselines(Squared):
    def baseline(self, y, weight):
        return np.zeros(2)


@pytest.mark.parametrize(
    ("objective", "message"),
    [(Endless(), "not finite"), (TwoBaselines(), r"shape \(2,\), but \(1,\)")],
)
def test_a_baseline_must_be_finite_and_fit(squared_case, objective, message):
    state = squared_case.state()
    with pytest.raises(ObjectiveError, match=message):
        objective.start(Problem(state.table, state.y, state.weight), None)


def test_newton_cells_without_curvature_get_zero(newton_case):
    case = newton_case
    state = case.state(weight=np.full(len(case.y), 1e-320))
    values = case.objective.cell_values(state, np.zeros(len(case.y), np.int32), 2, 0)
    assert np.all(values == 0.0)


def test_parameters_are_checked_at_the_start(squared_case):
    state = squared_case.state()
    with pytest.raises(ValueError, match="delta is -1"):
        Huber(delta=-1.0).start(Problem(state.table, state.y, state.weight), None)


def test_the_example_of_the_docstring_runs():
    assert doctest.testmod(boostlab.objectives.base).failed == 0
