import numpy as np
import pytest

from boostlab.contributions import Dense
from boostlab.steps import Shrinkage


def test_the_size_is_the_learning_rate():
    assert Shrinkage(0.25)(None, None, Dense(np.zeros((3, 1)))) == 0.25
    assert Shrinkage()(None, None, None) == 0.1


@pytest.mark.parametrize(
    ("rate", "error"),
    [(0, ValueError), (-1.0, ValueError), (float("nan"), ValueError), ("1", TypeError)],
)
def test_rates_that_lead_nowhere_are_refused(rate, error):
    with pytest.raises(error, match=r"learning_rate is .*; give a number greater than"):
        Shrinkage(rate).validate()
