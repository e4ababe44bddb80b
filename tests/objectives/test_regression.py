"""Losses of regression: by hand, against scikit-learn's metrics, and Huber's delta."""

import numpy as np
import pytest
from sklearn.metrics import (
    mean_absolute_error,
    mean_gamma_deviance,
    mean_pinball_loss,
    mean_poisson_deviance,
    mean_squared_error,
    mean_tweedie_deviance,
)

from boostlab.objectives import (
    AbsoluteError,
    Gamma,
    Huber,
    Poisson,
    Quantile,
    SquaredError,
    Tweedie,
)
from boostlab.state import Problem, State

Y = np.array([0.0, 1.0, 2.0, 10.0])
ONES = np.ones(4)


class Rows:
    def __init__(self, n_samples: int) -> None:
        self.n_samples = n_samples


def at(objective, y, raw, weight=None, held_out=None) -> State:
    weight = np.ones(len(y)) if weight is None else weight
    problem = Problem(Rows(len(y)), y, weight, held_out)
    state = objective.start(problem, None)
    state.raw_prediction[:, 0] = raw
    return state


ORACLES = [
    (SquaredError(), lambda y, m, w: 0.5 * mean_squared_error(y, m, sample_weight=w)),
    (AbsoluteError(), lambda y, m, w: mean_absolute_error(y, m, sample_weight=w)),
    (
        Quantile(level=0.3),
        lambda y, m, w: mean_pinball_loss(y, m, sample_weight=w, alpha=0.3),
    ),
    (Poisson(), lambda y, m, w: 0.5 * mean_poisson_deviance(y, m, sample_weight=w)),
    (Gamma(), lambda y, m, w: 0.5 * mean_gamma_deviance(y, m, sample_weight=w)),
    (
        Tweedie(power=1.7),
        lambda y, m, w: 0.5 * mean_tweedie_deviance(y, m, sample_weight=w, power=1.7),
    ),
]


@pytest.mark.parametrize(("objective", "oracle"), ORACLES)
def test_losses_equal_scikit_learns_metrics(objective, oracle):
    rng = np.random.default_rng(0)
    y, raw = rng.gamma(2.0, size=50) + 0.1, rng.normal(size=50)
    weight = rng.uniform(0.5, 2.0, 50)
    state = at(objective, y, raw, weight)
    mean = objective.link.inverse(state.raw_prediction)[:, 0]
    assert objective.loss(state) == pytest.approx(oracle(y, mean, weight), rel=1e-12)


@pytest.mark.parametrize("objective", [Poisson(), Gamma(), Tweedie(power=1.2)])
def test_half_deviances_vanish_at_the_target_and_only_there(objective):
    y = np.array([0.5, 1.0, 30.0])
    state = at(objective, y, np.log(y))
    assert objective.loss(state) == pytest.approx(0.0, abs=1e-14)
    np.testing.assert_allclose(objective.gradient(state), 0.0, atol=1e-13)
    state.raw_prediction += 0.1
    assert objective.loss(state) > 1e-4


def test_baselines_by_hand():
    weight = np.array([1.0, 1.0, 1.0, 2.0])
    assert SquaredError().baseline(Y, weight) == pytest.approx([23 / 5])
    assert AbsoluteError().baseline(Y, ONES) == [1.5]
    assert AbsoluteError().baseline(Y, weight) == [2.0]
    assert Quantile(level=0.9).baseline(Y, ONES) == [10.0]
    assert Poisson().baseline(Y, weight) == pytest.approx([np.log(23 / 5)])
    assert Tweedie().baseline(np.zeros(3), np.ones(3)) == pytest.approx(
        [np.log(np.finfo(float).eps)]
    )


def test_the_huber_mean_by_hand():
    # The errors of 0 and 10 are clipped, which leaves 1 + (c - 1) + (c - 2) - 1 = 0.
    assert Huber(delta=1.0).baseline(Y, ONES) == pytest.approx([1.5], rel=1e-10)
    # A delta above all errors leaves the mean.
    assert Huber(delta=100.0).baseline(Y, ONES) == pytest.approx([13 / 4], rel=1e-10)


def test_ties_have_no_gradient():
    for objective in (AbsoluteError(), Quantile(level=0.3), Huber(delta=1.0)):
        gradient = objective.gradient(at(objective, Y, Y))
        assert np.all(gradient == 0.0)


def test_gradients_of_the_pinball_loss_by_hand():
    objective = Quantile(level=0.3)
    gradient = objective.gradient(at(objective, Y, 1.5, np.array([1.0, 2.0, 3.0, 4.0])))
    np.testing.assert_allclose(gradient[:, 0], [0.7, 1.4, -0.9, -1.2])


def test_cells_of_the_absolute_error_get_weighted_medians():
    objective = AbsoluteError()
    state = at(objective, Y, 1.0, np.array([1.0, 1.0, 1.0, 2.0]))
    ids = np.array([0, 0, 2, 2], np.int32)
    values = objective.cell_values(state, ids, 3, 0)
    np.testing.assert_array_equal(values, [-0.5, 0.0, 9.0])
    state.rows = np.array([0, 2])
    values = objective.cell_values(state, ids, 3, 0)
    np.testing.assert_array_equal(values, [-1.0, 0.0, 1.0])


def test_quantile_cells_are_the_best_constants():
    rng = np.random.default_rng(3)
    objective = Quantile(level=0.8)
    y, weight = rng.normal(size=40), rng.uniform(0.5, 2.0, 40)
    state = at(objective, y, 0.0, weight)
    ids = rng.integers(0, 3, 40).astype(np.int32)
    values = objective.cell_values(state, ids, 3, 0)
    state.raw_prediction[:, 0] = values[ids]
    best = objective.loss(state)
    for cell in range(3):
        for step in (-0.05, 0.05):
            state.raw_prediction[:, 0] = values[ids] + step * (ids == cell)
            assert objective.loss(state) >= best - 1e-12


def test_huber_cells_take_friedmans_step():
    objective = Huber(delta=1.0)
    state = at(objective, Y, 0.0)
    value = objective.cell_values(state, np.zeros(4, np.int32), 1, 0)
    # median 1.5; errors -1.5, -0.5, 0.5, 8.5 clipped to -1, -0.5, 0.5, 1: mean 0
    assert value == pytest.approx([1.5])
    skewed = at(objective, np.array([0.0, 0.0, 0.5, 10.0]), 0.0)
    value = objective.cell_values(skewed, np.zeros(4, np.int32), 1, 0)
    # median 0.25; errors -0.25, -0.25, 0.25, 9.75: mean of -0.25, -0.25, 0.25, 1
    assert value == pytest.approx([0.25 + 0.75 / 4])


def test_newton_cells_of_the_squared_error_are_weighted_means():
    objective = SquaredError()
    weight = np.array([1.0, 3.0, 1.0, 1.0])
    state = at(objective, Y, 0.0, weight)
    values = objective.cell_values(state, np.array([0, 0, 1, 1], np.int32), 2, 0)
    np.testing.assert_allclose(values, [0.75, 6.0])


def test_delta_is_the_quantile_of_the_errors_and_renewed():
    objective = Huber(alpha=0.75)
    state = at(objective, Y, 0.0)
    objective.redraw(state)
    assert state.carried["huber_delta"] == 6.0  # between the errors 2 and 10
    state.raw_prediction[:, 0] = Y - np.array([0.0, 1.0, -3.0, 4.0])
    objective.redraw(state)
    assert state.carried["huber_delta"] == 3.5
    np.testing.assert_allclose(objective.gradient(state)[:, 0], [0.0, -1.0, 3.0, -3.5])
    assert objective.settled(state).get_params() == {"delta": 3.5, "alpha": 0.75}


def test_delta_respects_weights():
    weight = np.array([1.0, 5.0, 1.0, 1.0])
    state = at(Huber(alpha=0.5), Y, 0.0, weight)
    Huber(alpha=0.5).redraw(state)
    assert state.carried["huber_delta"] == 1.0


def test_held_out_rows_keep_the_first_delta():
    held_out = Problem(Rows(4), Y + 0.5, ONES)
    objective = Huber()
    state = at(objective, Y, 0.0, held_out=held_out)
    first = state.validation.carried["huber_delta"]
    at_start = objective.loss(state.validation)
    state.raw_prediction[:, 0] = Y + 0.01
    objective.redraw(state)
    assert state.carried["huber_delta"] == pytest.approx(0.01)
    assert state.validation.carried["huber_delta"] == first
    assert objective.loss(state.validation) == at_start


@pytest.mark.parametrize("y", [np.full(5, 3.0), np.array([3.0] * 9 + [4.0])])
def test_delta_is_positive_where_most_errors_are_zero(y):
    objective = Huber(alpha=0.5)
    state = at(objective, y, 3.0)
    objective.redraw(state)
    assert state.carried["huber_delta"] > 0.0
    assert np.isfinite(objective.loss(state))


def test_a_fixed_delta_stays():
    objective = Huber(delta=0.5)
    state = at(objective, Y, 100.0)
    objective.redraw(state)
    assert state.carried["huber_delta"] == 0.5
    assert objective.settled(state) is objective


def test_a_renewed_delta_needs_a_state():
    with pytest.raises(ValueError, match=r"objective\.settled\(state\)"):
        Huber().pointwise_loss(Y, Y[:, None])


@pytest.mark.parametrize(
    ("objective", "error", "message"),
    [
        (
            Quantile(level=0.0),
            ValueError,
            "level is 0.0; give a number between 0 and 1",
        ),
        (Quantile(level=1.0), ValueError, "level is 1.0"),
        (Quantile(level=np.nan), ValueError, "level is nan"),
        (Quantile(level="0.5"), TypeError, "level is '0.5'; give a number"),
        (Huber(delta=0.0), ValueError, "delta is 0.0; give a number greater than 0"),
        (Huber(alpha=1.0), ValueError, "alpha is 1.0"),
        (Tweedie(power=1.0), ValueError, "power is 1.0; give a number between 1 and 2"),
        (Tweedie(power=2), ValueError, "power is 2"),
        (Tweedie(power=None), TypeError, "power is None"),
    ],
)
def test_parameters_out_of_range_are_refused(objective, error, message):
    with pytest.raises(error, match=message):
        objective.validate()


@pytest.mark.parametrize(
    ("objective", "y", "message"),
    [
        (Poisson(), [-1.0, 2.0, -3.0], "needs y >= 0, but y holds 2 other.* -3"),
        (Tweedie(), [-1.0], "Tweedie needs y >= 0"),
        (Gamma(), [0.0, 1.0], "Gamma needs y > 0, but y holds 1 other"),
    ],
)
def test_targets_outside_the_domain_are_refused(objective, y, message):
    with pytest.raises(ValueError, match=message):
        objective.check_targets(np.array(y))
