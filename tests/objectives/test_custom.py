"""Objectives from plain functions."""

import doctest

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.base import clone

import boostlab.objectives.custom
from boostlab.objectives import (
    Binomial,
    CustomObjective,
    Multinomial,
    SquaredError,
    check_objective,
)
from boostlab.state import Problem


def squared(**kwargs):
    return CustomObjective(
        lambda y, raw: 0.5 * (raw - y) ** 2, lambda y, raw: raw - y, **kwargs
    )


def logistic(**kwargs):
    return CustomObjective(
        lambda y, raw: np.logaddexp(0.0, raw) - y * raw,
        lambda y, raw: expit(raw) - y,
        lambda y, raw: expit(raw) * expit(-raw),
        task="classification",
        **kwargs,
    )


def one_hot(y, n_classes):
    return (y[:, None] == np.arange(n_classes)).astype(float)


def three_classes(**kwargs):
    return CustomObjective(
        lambda y, raw: -np.log(softmax(raw, axis=1)[np.arange(len(y)), y.astype(int)]),
        lambda y, raw: softmax(raw, axis=1) - one_hot(y, 3),
        lambda y, raw: softmax(raw, axis=1) * (1.0 - softmax(raw, axis=1)),
        n_outputs=3,
        task="classification",
        **kwargs,
    )


class Rows:
    def __init__(self, n_samples: int) -> None:
        self.n_samples = n_samples


def start(objective, y, weight):
    state = objective.start(Problem(Rows(len(y)), y, weight), None)
    state.raw_prediction += np.random.default_rng(5).normal(
        size=state.raw_prediction.shape
    )
    return state


@pytest.mark.parametrize(
    ("custom", "built_in", "n_values"),
    [
        (squared(), SquaredError(), 9),
        (logistic(), Binomial(), 2),
        (three_classes(), Multinomial(n_classes=3), 3),
    ],
)
def test_a_custom_loss_equals_its_built_in_twin(custom, built_in, n_values):
    rng = np.random.default_rng(0)
    y = rng.integers(0, n_values, 40)
    y, weight = y.astype(float), rng.uniform(0.5, 2.0, 40)
    state, twin = start(custom, y, weight), start(built_in, y, weight)
    np.testing.assert_allclose(
        custom.link.inverse(state.baseline[None, :]),
        built_in.link.inverse(twin.baseline[None, :]),
        rtol=1e-4,
    )
    twin.raw_prediction = state.raw_prediction
    assert custom.loss(state) == pytest.approx(built_in.loss(twin), rel=1e-12)
    gradient, hessian = custom.derivatives(state)
    expected = built_in.derivatives(twin)
    factor = built_in.curvature_factor(n_values)
    np.testing.assert_allclose(gradient, expected[0], rtol=1e-10)
    if expected[1] is None:
        assert hessian is None
    else:
        np.testing.assert_allclose(factor * hessian, expected[1], rtol=1e-10)
    ids = np.arange(40, dtype=np.int32) % 3
    np.testing.assert_allclose(
        custom.cell_values(state, ids, 3, 0),
        factor * built_in.cell_values(twin, ids, 3, 0),
    )
    check_objective(custom)


def test_a_baseline_may_be_a_function_or_numbers():
    y, weight = np.array([1.0, 3.0]), np.array([1.0, 3.0])
    mean = squared(baseline=lambda y, w: np.average(y, weights=w))
    assert mean.baseline(y, weight) == pytest.approx([2.5])
    assert squared(baseline=7).baseline(y, weight) == [7.0]
    assert three_classes(baseline=[0, 1, 2]).baseline(y, weight).tolist() == [0, 1, 2]


def test_predictions_by_the_default_and_a_given_link():
    raw = np.array([[0.0], [1.0]])
    np.testing.assert_array_equal(squared().link.inverse(raw), raw)
    np.testing.assert_array_equal(
        squared(inverse_link=np.exp).link.inverse(raw), np.exp(raw)
    )
    both = np.column_stack([expit(-raw[:, 0]), expit(raw[:, 0])])
    np.testing.assert_allclose(logistic().link.inverse(raw), both)
    np.testing.assert_allclose(logistic(inverse_link=expit).link.inverse(raw), both)
    wide = np.array([[0.0, 1.0, 2.0]])
    np.testing.assert_allclose(three_classes().link.inverse(wide), softmax(wide))
    with pytest.raises(TypeError, match="no link"):
        squared(inverse_link=np.exp).link.link(raw)


def test_it_can_be_cloned_and_changed_but_not_saved():
    objective = logistic()
    again = clone(objective)
    assert again.get_params() == objective.get_params()
    assert again.set_params(n_outputs=2).n_outputs(None) == 2
    assert objective.n_outputs(None) == 1
    assert "CustomObjective" in repr(objective)
    with pytest.raises(ValueError, match=r"no parameters named \['los'\]"):
        objective.set_params(los=None)
    with pytest.raises(TypeError, match="model file"):
        objective.to_parts()


@pytest.mark.parametrize(
    ("objective", "error", "message"),
    [
        (CustomObjective(3, np.sin), TypeError, "loss is 3; give a function"),
        (CustomObjective(np.sin, None), TypeError, "gradient is None"),
        (squared(hessian=1.0), TypeError, "hessian is 1.0; give a function or None"),
        (squared(inverse_link="exp"), TypeError, "inverse_link is 'exp'"),
        (squared(n_outputs=0), ValueError, "n_outputs is 0"),
        (squared(n_outputs=1.0), TypeError, "n_outputs is 1.0"),
        (squared(task="ranking"), ValueError, "task is 'ranking'"),
    ],
)
def test_wrong_arguments_are_refused(objective, error, message):
    with pytest.raises(error, match=message):
        objective.validate()


def test_the_outputs_must_stand_for_the_classes():
    assert logistic().with_classes(2).n_outputs(None) == 1
    with pytest.raises(ValueError, match="n_outputs is 1, but y has 3 classes"):
        logistic().with_classes(3)
    own_link = logistic(inverse_link=lambda raw: np.ones((len(raw), 3)) / 3)
    assert own_link.with_classes(3) is own_link


def test_the_example_of_the_docstring_runs():
    assert doctest.testmod(boostlab.objectives.custom).failed == 0
