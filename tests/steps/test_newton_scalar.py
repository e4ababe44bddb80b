"""Newton's step along a contribution, by hand and against autograd's definition."""

import numpy as np
import pytest

from boostlab.contributions import Dense
from boostlab.data.table import Table
from boostlab.objectives import AbsoluteError, Binomial, SquaredError
from boostlab.state import Problem
from boostlab.steps import NewtonScalar


def state_of(objective, y, weight=None):
    weight = np.ones(len(y)) if weight is None else weight
    table = Table(np.arange(len(y), dtype=float)[:, None], weight=weight)
    return objective.start(Problem(table, y, weight), np.random.default_rng(0))


def test_squared_error_by_hand():
    objective = SquaredError()
    state = state_of(objective, np.array([0.0, 1.0, 5.0]), np.array([1.0, 2.0, 1.0]))
    residual = np.array([0.0, 1.0, 5.0]) - state.raw_prediction[:, 0]
    f = np.array([-1.0, 0.0, 2.0])
    w = state.weight
    wanted = (w * residual * f).sum() / (w * f * f).sum()
    size = NewtonScalar(0.5)(objective, state, Dense(f[:, None]))
    assert size == pytest.approx(0.5 * wanted, rel=1e-12)


def test_equals_derivatives_of_the_loss_along_the_contribution():
    rng = np.random.default_rng(0)
    objective = Binomial()
    state = state_of(objective, (rng.random(50) < 0.4).astype(float))
    f = (state.y - 0.4 + rng.normal(size=50))[:, None]

    def loss(size):
        return objective.loss(state.at_trial(Dense(f), size))

    d = 1e-3
    slope = (loss(d) - loss(-d)) / (2 * d)
    curvature = (loss(d) - 2 * loss(0.0) + loss(-d)) / d**2
    size = NewtonScalar()(objective, state, Dense(f))
    assert size == pytest.approx(-slope / curvature, rel=1e-4)


def test_no_step_uphill_nor_without_end():
    objective = SquaredError()
    state = state_of(objective, np.array([0.0, 1.0]))
    wrong = Dense(np.array([[1.0], [-1.0]]))
    assert NewtonScalar()(objective, state, wrong) == 0.0
    tiny = Dense(np.array([[-1e-200], [1e-200]]))
    assert NewtonScalar()(objective, state, tiny) == 100.0
    nothing = Dense(np.zeros((2, 1)))
    assert NewtonScalar()(objective, state, nothing) == 0.0


def test_loss_without_curvature_has_the_weight_in_its_place():
    objective = AbsoluteError()
    state = state_of(objective, np.array([0.0, 1.0, 9.0]))
    f = Dense(np.array([[0.0], [0.0], [1.0]]))
    assert NewtonScalar()(objective, state, f) == pytest.approx(1.0)


def test_bad_rate_is_named():
    with pytest.raises(ValueError, match="learning_rate is 0"):
        NewtonScalar(0).validate()
