"""The directions hand the objective's derivatives on, with this round's sample."""

import numpy as np
import pytest

from boostlab.data.table import Table
from boostlab.directions import Gradient, Newton
from boostlab.objectives import Binomial, Multinomial, SquaredError
from boostlab.state import Problem


def state_of(objective, y):
    n = len(y)
    weight = np.linspace(0.5, 2, n)
    problem = Problem(Table(np.arange(2.0 * n).reshape(n, 2)), y, weight)
    state = objective.start(problem, np.random.default_rng(0))
    state.raw_prediction += np.linspace(-1, 1, n)[:, None]
    state.rows, state.features = np.array([0, 2]), np.array([1])
    return state


LABELS = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
CLASSES = np.array([0.0, 1.0, 2.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("objective", "y"),
    [(SquaredError(), LABELS), (Binomial(), LABELS), (Multinomial(), CLASSES)],
)
@pytest.mark.parametrize("direction", [Gradient(), Newton()])
def test_targets_hold_the_derivatives_and_the_sample(direction, objective, y):
    state = state_of(objective, y)
    target = direction(objective, state)
    assert target.kind == direction.produces == "derivatives"
    assert target.n_outputs == state.raw_prediction.shape[1]
    assert target.table is state.table
    assert target.weight is state.weight
    assert target.rows is state.rows
    assert target.features is state.features
    np.testing.assert_array_equal(target.gradient, objective.gradient(state))
    if isinstance(direction, Gradient) or objective.hessian(state) is None:
        assert target.hessian is None
    else:
        np.testing.assert_array_equal(target.hessian, objective.hessian(state))


def test_binomial_steps_by_hand():
    objective = Binomial()
    state = state_of(objective, LABELS)
    state.raw_prediction[:] = 0.0
    state.rows = None
    step, weight = Gradient()(objective, state).newton()
    np.testing.assert_allclose(step[:, 0], LABELS - 0.5)
    np.testing.assert_allclose(weight[:, 0], state.weight)
    step, weight = Newton()(objective, state).newton()
    np.testing.assert_allclose(step[:, 0], 4 * (LABELS - 0.5))
    np.testing.assert_allclose(weight[:, 0], state.weight / 4)


class Bare:
    """The protocol's methods and nothing else."""

    def gradient(self, state):
        return np.full((5, 1), 2.0)

    def hessian(self, state):
        return np.full((5, 1), 3.0)


def test_newton_needs_no_fused_derivatives():
    target = Newton()(Bare(), state_of(SquaredError(), LABELS))
    np.testing.assert_array_equal(target.gradient, np.full((5, 1), 2.0))
    np.testing.assert_array_equal(target.hessian, np.full((5, 1), 3.0))


def test_newton_asks_once_where_it_can():
    class Fused(Bare):
        calls = 0

        def derivatives(self, state):
            self.calls += 1
            return np.full((5, 1), 7.0), None

    fused = Fused()
    target = Newton()(fused, state_of(SquaredError(), LABELS))
    assert fused.calls == 1
    np.testing.assert_array_equal(target.gradient, np.full((5, 1), 7.0))
    assert target.hessian is None
