import numpy as np
import pytest

from boostlab.distributions import Normal, Poisson, Predictive
from boostlab.distributions.predictive import conformity

RAW = np.array([[0.0, 0.0], [10.0, np.log(2.0)], [-5.0, 1.0]])


@pytest.fixture
def predicted():
    return Predictive(Normal(), RAW)


def test_values(predicted):
    np.testing.assert_allclose(predicted.mean(), [0, 10, -5])
    np.testing.assert_allclose(predicted.std(), [1, 2, np.e])
    np.testing.assert_allclose(predicted.var(), predicted.std() ** 2)
    np.testing.assert_allclose(predicted.median(), predicted.ppf(0.5))
    np.testing.assert_allclose(predicted.parameters["scale"], [1, 2, np.e])
    low, high = predicted.interval(0.9)
    np.testing.assert_allclose(predicted.cdf(low), 0.05)
    np.testing.assert_allclose(predicted.sf(high), 0.05)


def test_shapes(predicted):
    assert predicted.cdf(0.0).shape == (3,)
    assert predicted.pdf([[0.0, 1.0]]).shape == (3, 2)
    assert predicted.quantile([]).shape == (3, 0)
    assert predicted.sample(4, random_state=1).shape == (4, 3)
    assert predicted.log_score([0.0, 1.0, 2.0]).shape == (3,)
    assert predicted.crps(np.array([[0, np.inf], [1, 1], [2, 3]])).shape == (3,)


def test_rows(predicted):
    assert len(predicted[np.array([True, False, True])]) == 2
    assert predicted[-1].mean() == [-5.0]
    assert predicted[[1, 1]].mean().tolist() == [10.0, 10.0]


def test_it_is_a_copy():
    raw = RAW.copy()
    predicted = Predictive(Normal(), raw)
    raw[:] = 7.0
    assert predicted.mean()[0] == 0.0


def test_mistakes(predicted):
    with pytest.raises(ValueError, match=r"give \(n, 2\)"):
        Predictive(Normal(), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="probability"):
        predicted.quantile(1.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        predicted.interval(1.0)
    with pytest.raises(ValueError, match="n_samples"):
        predicted.sample(0)


@pytest.mark.parametrize("value", [0.0, 1.0, 3.0, 5.0])
def test_calibrated_intervals_of_counts_hold_the_target_they_come_from(value):
    raw = np.full((99, 1), np.log(2.0))
    scores = conformity(Predictive(Poisson(), raw), np.full(99, value))
    low, high = Predictive(Poisson(), raw, scores).interval(0.9)
    assert (low <= value).all()
    assert (high >= value).all()
