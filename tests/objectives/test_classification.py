"""Losses of classification: by hand and against scikit-learn's log_loss."""

import numpy as np
import pytest
from scipy.special import log_expit
from sklearn.metrics import log_loss

from boostlab.objectives import Binomial, Exponential, Multinomial
from boostlab.state import Problem, State


class Rows:
    def __init__(self, n_samples: int) -> None:
        self.n_samples = n_samples


def at(objective, y, raw, weight=None) -> State:
    y = np.asarray(y, float)
    weight = np.ones(len(y)) if weight is None else weight
    state = objective.start(Problem(Rows(len(y)), y, weight), None)
    state.raw_prediction[:] = raw
    return state


def test_log_losses_equal_scikit_learns():
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 2.0, 60)
    for objective, n_classes in ((Binomial(), 2), (Multinomial(n_classes=5), 5)):
        y = rng.integers(0, n_classes, 60)
        raw = rng.normal(size=(60, 1 if n_classes == 2 else n_classes))
        state = at(objective, y, raw, weight)
        probability = objective.link.inverse(state.raw_prediction)
        expected = log_loss(
            y, probability, sample_weight=weight, labels=np.arange(n_classes)
        )
        assert objective.loss(state) == pytest.approx(expected, rel=1e-12)


def test_two_classes_are_a_softmax_of_zero_and_the_log_odds():
    rng = np.random.default_rng(1)
    y, raw = rng.integers(0, 2, 30), rng.normal(scale=4.0, size=(30, 1))
    one = at(Binomial(), y, raw)
    two = at(Multinomial(n_classes=2), y, np.hstack([np.zeros((30, 1)), raw]))
    assert Binomial().loss(one) == pytest.approx(Multinomial().loss(two), rel=1e-13)
    gradient, hessian = Multinomial().derivatives(two)
    own = Binomial().derivatives(one)
    np.testing.assert_allclose(gradient[:, 1:], own[0], rtol=1e-13)
    # Both outputs move, each by half of the step of the log-odds.
    np.testing.assert_allclose(hessian[:, 1:], 2 * own[1], rtol=1e-13)


def test_gradients_of_a_softmax_sum_to_zero_and_shifts_do_not_matter():
    rng = np.random.default_rng(2)
    y, raw = rng.integers(0, 4, 50), rng.normal(scale=5.0, size=(50, 4))
    objective = Multinomial(n_classes=4)
    state = at(objective, y, raw)
    gradient, hessian = objective.derivatives(state)
    np.testing.assert_allclose(gradient.sum(axis=1), 0.0, atol=1e-14)
    shifted = at(objective, y, raw + 1000.0)
    np.testing.assert_allclose(objective.gradient(shifted), gradient, rtol=1e-9)
    share = objective.link.inverse(raw)
    np.testing.assert_allclose(hessian, 4 / 3 * share * (1.0 - share), atol=1e-15)


def test_the_exponential_loss_by_hand():
    objective = Exponential()
    state = at(objective, [1.0, 0.0], np.array([[0.5], [0.5]]), np.array([1.0, 3.0]))
    gradient, hessian = objective.derivatives(state)
    np.testing.assert_allclose(gradient[:, 0], [-np.exp(-0.5), 3.0 * np.exp(0.5)])
    np.testing.assert_allclose(hessian[:, 0], [np.exp(-0.5), 3.0 * np.exp(0.5)])
    assert objective.loss(state) == pytest.approx(
        (np.exp(-0.5) + 3.0 * np.exp(0.5)) / 4.0
    )


def test_baselines_by_hand():
    y, weight = np.array([0.0, 0.0, 1.0]), np.array([1.0, 1.0, 6.0])
    assert Binomial().baseline(y, weight) == pytest.approx([np.log(3.0)])
    assert Exponential().baseline(y, weight) == pytest.approx([0.5 * np.log(3.0)])
    shares = Multinomial(n_classes=2).baseline(y, weight)
    assert np.exp(shares) == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("objective", [Binomial(), Exponential()])
def test_one_class_gives_its_probability_one_and_finite_derivatives(objective, label):
    y = np.full(4, label)
    state = at(objective, y, 0.0)
    probability = objective.link.inverse(state.baseline[None, :])[0]
    assert probability[int(label)] == pytest.approx(1.0)
    assert 0.0 < probability[1 - int(label)] < 1e-15
    state.raw_prediction[:] = state.baseline
    gradient, hessian = objective.derivatives(state)
    assert np.all(gradient * (1 - 2 * label) > 0.0)
    assert np.all(hessian > 0.0)


def test_a_missing_class_keeps_the_multinomial_finite():
    objective = Multinomial(n_classes=4)
    y = np.array([0.0, 2.0, 2.0])
    baseline = objective.baseline(y, np.ones(3))
    assert np.exp(baseline) == pytest.approx([1 / 3, 0.0, 2 / 3, 0.0], abs=1e-15)
    assert np.all(np.isfinite(baseline))


def test_certain_rows_keep_exact_gradients():
    # 1 - p underflows to 0 in p - y, but not in what the kernels compute.
    raw = np.array([[40.0], [-40.0]])
    gradient, hessian = Binomial().derivatives(at(Binomial(), [1.0, 0.0], raw))
    tiny = np.exp(-40.0)
    np.testing.assert_allclose(gradient[:, 0], [-tiny, tiny], rtol=1e-13)
    np.testing.assert_allclose(hessian[:, 0], [tiny, tiny], rtol=1e-13)
    objective = Multinomial(n_classes=3)
    raw = np.array([[40.0, 0.0, 0.0]])
    gradient, hessian = objective.derivatives(at(objective, [0.0], raw))
    np.testing.assert_allclose(gradient[0], [-2 * tiny, tiny, tiny], rtol=1e-13)
    np.testing.assert_allclose(
        hessian[0], [3 * tiny, 1.5 * tiny, 1.5 * tiny], rtol=1e-13
    )
    assert objective.loss(at(objective, [0.0], raw)) == pytest.approx(2 * tiny)
    loss = Binomial().loss(at(Binomial(), [1.0], 40.0))
    assert loss == pytest.approx(-log_expit(40.0), rel=1e-13)


def test_the_number_of_classes_comes_from_the_labels_unless_given():
    y = np.array([0.0, 4.0, 1.0])
    assert Multinomial().n_outputs(y) == 5
    assert Multinomial().n_outputs(np.zeros(3)) == 2
    assert Multinomial(n_classes=7).n_outputs(y) == 7


def test_with_classes():
    assert Multinomial().with_classes(4).n_classes == 4
    fixed = Multinomial(n_classes=4)
    assert fixed.with_classes(3) is fixed
    with pytest.raises(ValueError, match="n_classes is 4, but y has 5 classes"):
        fixed.with_classes(5)
    assert isinstance(Binomial().with_classes(2), Binomial)
    for objective in (Binomial(), Exponential()):
        with pytest.raises(
            ValueError, match="two classes, but y has 3; use 'log_loss'"
        ):
            objective.with_classes(3)


@pytest.mark.parametrize(
    ("objective", "y", "message"),
    [
        (Binomial(), [0.0, 2.0], r"encoded as 0 \.\. 1, but y holds 1 others.* 2"),
        (Binomial(), [0.0, 0.5], "0.5"),
        (Exponential(), [-1.0, 1.0], "-1"),
        (Multinomial(n_classes=3), [0.0, 3.0], r"0 \.\. 2"),
        (Multinomial(), [0.0, 1.5], r"0, 1, 2, \.\.\., but"),
        (Multinomial(), [-1.0, 1.0], "-1"),
    ],
)
def test_labels_outside_the_domain_are_refused(objective, y, message):
    with pytest.raises(ValueError, match=message):
        objective.check_targets(np.array(y))


@pytest.mark.parametrize(
    ("n_classes", "error"), [(1, ValueError), (2.5, TypeError), (True, TypeError)]
)
def test_a_wrong_number_of_classes_is_refused(n_classes, error):
    with pytest.raises(error, match="n_classes is"):
        Multinomial(n_classes=n_classes).validate()
