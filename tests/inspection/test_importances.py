import numpy as np
import pytest

from boostlab.inspection import feature_importances
from boostlab.state import Ensemble, Round
from boostlab.updates import AddToPrediction


class Counted:
    def __init__(self, gain, split):
        self.amounts = {"gain": np.array(gain, float), "split": np.array(split, float)}

    def importances(self, kind):
        return self.amounts[kind]


def ensemble(*hypotheses):
    rounds = [Round(hypothesis, 0.1) for hypothesis in hypotheses]
    return Ensemble(np.zeros(1), AddToPrediction(), rounds)


def test_shares_of_gain_and_of_splits():
    model = ensemble(Counted([1, 3, 0], [1, 1, 0]), Counted([1, 5, 0], [0, 2, 0]))
    np.testing.assert_allclose(feature_importances(model, 3), [0.2, 0.8, 0])
    shares = feature_importances(model, 3, kind="split")
    np.testing.assert_allclose(shares, [0.25, 0.75, 0])


def test_nothing_learnt():
    np.testing.assert_array_equal(feature_importances(ensemble(), 2), [0, 0])
    zeros = ensemble(Counted([0, 0], [0, 0]))
    np.testing.assert_array_equal(feature_importances(zeros, 2), [0, 0])


def test_hypotheses_without_importances():
    with pytest.raises(AttributeError, match="object hypotheses have no feature"):
        feature_importances(ensemble(Counted([1], [1]), object()), 1)
