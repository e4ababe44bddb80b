import numpy as np
import pytest

from boostlab.contributions import Dense
from boostlab.objectives import DistributionObjective
from boostlab.state import Problem
from boostlab.steps import DoublingSearch, OwnUnits, Shrinkage


class Rows:
    n_samples = 20


def test_the_factors_of_the_direction_are_taken_back():
    y = 100.0 * np.random.default_rng(0).normal(size=20)
    objective = DistributionObjective()
    state = objective.start(Problem(Rows(), y, np.ones(20)), None)
    own = -objective.natural_gradient(state)
    unit = np.sqrt(objective.curvatures(state))
    for step in (Shrinkage(0.3), DoublingSearch(0.3)):
        size = OwnUnits(step)(objective, state, Dense(own * unit))
        expected = step(objective, state, Dense(own))
        np.testing.assert_allclose(size * unit, expected)


def test_what_it_wraps_is_checked():
    with pytest.raises(TypeError, match="step of OwnUnits"):
        OwnUnits("line_search").validate()
    with pytest.raises(ValueError, match="learning_rate"):
        OwnUnits(Shrinkage(-1.0)).validate()
