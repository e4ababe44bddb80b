import pickle

import numpy as np
import pytest

from boostlab.distributions import (
    Categorical,
    ClassPredictive,
    Normal,
    Poisson,
    Predictive,
    Tweedie,
    ZeroInflatedPoisson,
)
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


def test_the_zeros_of_tweedie_have_a_probability_of_their_own():
    predicted = Predictive(Tweedie(), np.zeros((3, 2)))
    y = np.array([0.0, 0.5, -1.0])
    at_zero = predicted.cdf(0.0)[0]
    assert at_zero > 0.1
    np.testing.assert_allclose(
        predicted.cdf_before(y), [0.0, predicted.cdf(0.5)[0], 0.0]
    )
    # [0, q] holds 0 from the level on where its lower end reaches 0: at once.
    least = conformity(predicted[0], [0.0])[0]
    assert least == max(0.0, 1.0 - 2.0 * at_zero)


@pytest.mark.parametrize("family", [Poisson(), ZeroInflatedPoisson(), Categorical(3)])
def test_the_cdf_before_a_count_is_that_of_the_count_before(family):
    raw = np.full((4, family.n_parameters), 0.3)
    predicted = Predictive(family, raw)
    y = np.array([0.0, 1.0, 1.5, 2.0])
    np.testing.assert_array_equal(predicted.cdf_before(y), predicted.cdf([-1, 0, 1, 1]))


def test_labels_of_predicted_classes():
    p = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
    family = Categorical(3)
    raw = family.raw_parameters(p0=p[:, 0], p1=p[:, 1], p2=p[:, 2])
    predicted = ClassPredictive(family, raw, classes=["a", "b", "c"])
    np.testing.assert_allclose(predicted.probabilities(), p)
    assert predicted.mode().tolist() == ["b", "a"]
    np.testing.assert_allclose(predicted.probability_of(["c", "b"]), [0.3, 0.1])
    np.testing.assert_allclose(predicted.probability_of("a"), p[:, 0])
    drawn = predicted.sample_labels(4000, random_state=0)
    assert drawn.shape == (4000, 2)
    np.testing.assert_allclose(np.mean(drawn == "b", axis=0), p[:, 1], atol=0.04)
    for other in (predicted[1], pickle.loads(pickle.dumps(predicted))[1:]):
        assert other.mode().tolist() == ["a"]
        assert other.classes.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="none of the classes"):
        predicted.probability_of("d")
    with pytest.raises(ValueError, match="labels of the 3 classes"):
        ClassPredictive(family, raw, classes=["a", "b"])
