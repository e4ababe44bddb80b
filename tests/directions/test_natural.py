import numpy as np
import pytest

from boostlab.directions import NaturalGradient
from boostlab.objectives import DistributionObjective, SquaredError
from boostlab.state import Problem


class Rows:
    n_samples = 6


Y = np.array([0.0, 1.0, 2.0, 3.0, 5.0, 10.0])
WEIGHT = np.array([1.0, 2.0, 1.0, 1.0, 3.0, 1.0])


def at_start(objective):
    return objective.start(Problem(Rows(), Y, WEIGHT), None)


def test_target():
    objective = DistributionObjective()
    state = at_start(objective)
    state.rows = np.array([0, 3])
    target = NaturalGradient()(objective, state)
    assert target.kind == NaturalGradient.produces
    assert target.rows is state.rows
    step, weight = target.newton()
    np.testing.assert_allclose(step[:, 0], Y[[0, 3]] - state.baseline[0])
    np.testing.assert_array_equal(weight, np.ones((2, 2)))


def test_a_common_unit():
    objective = DistributionObjective()
    state = at_start(objective)
    plain = NaturalGradient()(objective, state).gradient
    scaled = NaturalGradient(common_unit=True)(objective, state).gradient
    unit = [np.exp(-state.baseline[1]), np.sqrt(2.0)]
    np.testing.assert_allclose(scaled, plain * unit)


def test_an_objective_without_one_is_refused():
    objective = SquaredError()
    with pytest.raises(TypeError, match="SquaredError has no natural gradient"):
        NaturalGradient()(objective, at_start(objective))
