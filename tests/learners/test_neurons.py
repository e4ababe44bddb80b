"""Units fitted by L-BFGS against finite differences and scikit-learn's perceptron."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from boostlab.data.table import Table
from boostlab.learners.network import Network
from boostlab.learners.neurons import Neurons, _Fit
from boostlab.state import State, Target


def problem(n=60, n_outputs=2, seed=0, **sample):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    weight = rng.uniform(0.5, 2, n)
    step = np.column_stack([np.sin(x[:, 0]), x[:, 1] * x[:, 2]])[:, :n_outputs]
    table = Table(x, weight=weight)
    target = Target(table, weight, gradient=-step * weight[:, None], **sample)
    state = State(
        table, None, None, np.zeros(n_outputs), np.zeros((n, n_outputs), order="F"), rng
    )
    return target, state, step


@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu"])
def test_gradient_equals_finite_differences(activation):
    rng = np.random.default_rng(1)
    x, r, w = rng.normal(size=(20, 3)), rng.normal(size=(20, 2)), rng.random((20, 2))
    fit = _Fit(x, r, w, 11.0, activation, 0.3)
    flat = fit.start(4, rng)
    wrong = check_grad(
        lambda p: fit.loss_and_gradient(p, 4)[0],
        lambda p: fit.loss_and_gradient(p, 4)[1],
        flat,
    )
    assert wrong < 1e-6


def test_net_is_that_of_scikit_learn_at_a_minimum():
    target, state, step = problem()
    learner = Neurons(3, alpha=0.1, scale_targets=False, numeric="standard")
    weight = target.weight
    ours, contribution = learner.fit(target, state)
    columns = ours.inputs(state)
    theirs = MLPRegressor(
        hidden_layer_sizes=(3,), activation="logistic", solver="lbfgs", max_iter=1
    )
    with pytest.warns(ConvergenceWarning):  # its weights are replaced
        theirs.fit(columns, step)
    theirs.coefs_ = [layer.weight for layer in ours.layers]
    theirs.intercepts_ = [layer.bias for layer in ours.layers]
    np.testing.assert_allclose(
        theirs.predict(columns), contribution.values(), atol=1e-12
    )
    # At its end the fit is where the gradient of the weighted loss vanishes.
    hessian = np.broadcast_to(weight[:, None], step.shape)
    fit = _Fit(columns, step, hessian, weight.sum(), "logistic", 0.1)
    flat = np.concatenate(
        [p.ravel() for la in ours.layers for p in (la.weight, la.bias)]
    )
    start = fit.start(3, np.random.default_rng(0))
    at_end, slope = fit.loss_and_gradient(flat, 3)
    assert np.abs(slope).max() < 1e-2 * np.abs(fit.loss_and_gradient(start, 3)[1]).max()
    assert at_end < fit.loss_and_gradient(start, 3)[0]


def test_a_row_of_weight_two_is_that_row_given_twice():
    rng = np.random.default_rng(3)
    x, step = rng.normal(size=(30, 2)), rng.normal(size=(30, 1))
    twice = np.repeat(np.arange(30), 1 + np.arange(30) % 2)
    found = []
    for rows, weight in (
        (np.arange(30), 1.0 + np.arange(30) % 2),
        (twice, np.ones(len(twice))),
    ):
        table = Table(x[rows], weight=weight)
        target = Target(table, weight, gradient=-step[rows] * weight[:, None])
        rng = np.random.default_rng(7)
        raw = np.zeros((len(rows), 1), order="F")
        state = State(table, None, None, np.zeros(1), raw, rng)
        network, _ = Neurons(2, max_iter=20).fit(target, state)
        new = State(Table(x), None, None, np.zeros(1), np.zeros((30, 1)), None)
        found.append(network.contribution(new).values())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6, atol=1e-9)


def test_the_unit_of_targets_does_not_matter():
    target, state, _ = problem()
    big = Target(target.table, target.weight, gradient=target.gradient * 1e6)
    small, _ = Neurons(2, alpha=1.0).fit(target, state)
    state.rng = np.random.default_rng(0)
    state.rng.normal(size=(60, 3))
    state.rng.uniform(0.5, 2, 60)
    large, _ = Neurons(2, alpha=1.0).fit(big, state)
    np.testing.assert_allclose(
        large.contribution(state).values(),
        1e6 * small.contribution(state).values(),
        rtol=1e-6,
    )


def test_features_left_out_do_not_count():
    target, state, _ = problem(features=np.array([0, 2]))
    network, _ = Neurons(2).fit(target, state)
    assert (network.layers[0].weight[1] == 0).all()
    assert (network.layers[0].weight[[0, 2]] != 0).all()


def test_rows_do_not_depend_on_their_company():
    target, state, _ = problem(n=300)
    network, contribution = Neurons(5).fit(target, state)
    x = state.table.numeric
    for rows in (slice(0, 1), slice(17, 150)):
        part = State(Table(x[rows]), None, None, np.zeros(2), np.zeros((1, 2)), None)
        alone = network.contribution(part).values()
        np.testing.assert_array_equal(alone, contribution.values()[rows])


def test_parts_round_trip_and_damage_is_refused():
    target, state, _ = problem()
    network, contribution = Neurons(2).fit(target, state)
    data, arrays = network.to_parts()
    again = Network.from_parts(data, arrays)
    np.testing.assert_array_equal(
        again.contribution(state).values(), contribution.values()
    )
    for name in arrays:
        fewer = {n: a for n, a in arrays.items() if n != name}
        with pytest.raises(ValueError, match=r"[Nn]et|front end"):
            Network.from_parts(data, fewer)
    with pytest.raises(ValueError, match="fit together"):
        Network.from_parts(data, arrays | {"0.weight": arrays["0.weight"][:1]})
    with pytest.raises(ValueError, match="fit together"):
        Network.from_parts(data | {"activations": ["magic"]}, arrays)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"n_units": 0}, "n_units is 0"),
        ({"activation": "sin"}, "activation is 'sin'"),
        ({"alpha": -1.0}, "alpha is -1.0"),
        ({"numeric": "log"}, "numeric is 'log'"),
    ],
)
def test_bad_parameters_are_named(params, match):
    with pytest.raises(ValueError, match=match):
        Neurons(**params).validate()
