"""The top model, the direction through it, and the step along its representation."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from boostlab.contributions import Dense
from boostlab.correctors import RefitTop
from boostlab.data.table import Table
from boostlab.directions import RepresentationGradient
from boostlab.objectives import (
    AbsoluteError,
    Binomial,
    Multinomial,
    Poisson,
    SquaredError,
)
from boostlab.state import Problem
from boostlab.steps import RepresentationStep
from boostlab.steps.representation import best_size
from boostlab.updates import TOP_COEF, TOP_INTERCEPT

N, D = 150, 4
RNG = np.random.default_rng(0)
PHI = RNG.normal(size=(N, D)) * [1.0, 5.0, 0.2, 1.0] + [0, 3, 0, -1]
SIGNAL = PHI @ [1.0, 0.2, -2.0, 0.5] - 0.3
WEIGHT = RNG.uniform(0.5, 2, N)
CASES = {
    "squared": (SquaredError(), SIGNAL + RNG.normal(size=N)),
    "binomial": (Binomial(), (SIGNAL + RNG.logistic(size=N) > 0).astype(float)),
    "multinomial": (
        Multinomial(3),
        np.digitize(SIGNAL + RNG.normal(size=N), [-1, 1]).astype(float),
    ),
    "poisson": (Poisson(), RNG.poisson(np.exp(0.5 * SIGNAL)).astype(float)),
    "absolute": (AbsoluteError(), SIGNAL + RNG.normal(size=N)),
}


def state_of(name):
    objective, y = CASES[name]
    problem = Problem(Table(PHI), y, WEIGHT)
    return objective, objective.start(problem, np.random.default_rng(0))


def penalised(objective, state, top, l2):
    raw = np.asfortranarray(top.raw(PHI))
    trial = replace(state, raw_prediction=raw)
    return objective.loss(trial) + l2 / 2 * np.sum(top.coef**2)


def test_under_squared_loss_it_is_ridge_regression():
    objective, state = state_of("squared")
    top = RefitTop(0.1).fitted(objective, state)
    theirs = Ridge(0.1 * WEIGHT.sum()).fit(PHI, state.y, WEIGHT)
    np.testing.assert_allclose(top.coef[:, 0], theirs.coef_, rtol=1e-9)
    np.testing.assert_allclose(top.intercept, theirs.intercept_, rtol=1e-9)


@pytest.mark.parametrize("name", ["binomial", "multinomial"])
def test_under_the_log_loss_it_is_logistic_regression(name):
    objective, state = state_of(name)
    top = RefitTop(0.05).fitted(objective, state)
    theirs = LogisticRegression(C=1 / (0.05 * WEIGHT.sum()), tol=1e-10, max_iter=5000)
    theirs.fit(PHI, state.y, WEIGHT)
    np.testing.assert_allclose(top.coef.T, theirs.coef_, atol=2e-5)
    if name == "binomial":
        np.testing.assert_allclose(top.intercept, theirs.intercept_, atol=2e-5)


@pytest.mark.parametrize("name", CASES)
def test_refitting_never_raises_the_penalised_loss(name):
    objective, state = state_of(name)
    values = []
    for max_iter in (0, 3, 100):
        top = RefitTop(1e-3, max_iter=max_iter).fitted(objective, state)
        values.append(penalised(objective, state, top, 1e-3))
    assert values == sorted(values, reverse=True)
    assert values[-1] < objective.loss(state)
    # Beginning at the optimum it stays there, or nearly.
    state.carried |= {TOP_COEF: top.coef, TOP_INTERCEPT: top.intercept}
    again = RefitTop(1e-3).fitted(objective, state)
    assert penalised(objective, state, again, 1e-3) <= values[-1] + 1e-12


@pytest.mark.parametrize("name", ["squared", "binomial", "multinomial", "poisson"])
def test_the_direction_is_the_gradient_by_the_representation(name):
    objective, state = state_of(name)
    top = RefitTop(1e-2).fitted(objective, state)
    top.apply(state)
    target = RepresentationGradient()(objective, state)
    assert target.gradient.shape == (N, D)

    def loss(phi):
        raw = np.asfortranarray(top.raw(phi))
        return objective.loss(replace(state, raw_prediction=raw)) * WEIGHT.sum()

    for row, column in ((0, 0), (3, 1), (77, 2), (149, 3)):
        ends = []
        for sign in (1, -1):
            phi = PHI.copy()
            phi[row, column] += sign * 1e-5
            ends.append(loss(phi))
        numeric = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(target.gradient[row, column], numeric, atol=2e-6)


def test_the_gradient_equals_that_of_autograd():
    torch = pytest.importorskip("torch")
    objective, state = state_of("multinomial")
    top = RefitTop(1e-2).fitted(objective, state)
    top.apply(state)
    phi = torch.tensor(PHI, requires_grad=True)
    raw = phi @ torch.tensor(top.coef) + torch.tensor(top.intercept)
    labels = torch.tensor(state.y.astype(int))
    losses = torch.nn.functional.cross_entropy(raw, labels, reduction="none")
    (losses * torch.tensor(WEIGHT)).sum().backward()
    found = RepresentationGradient()(objective, state).gradient
    np.testing.assert_allclose(found, phi.grad.numpy(), atol=1e-10)


def test_without_a_look_through_the_top_rows_have_one_curvature():
    objective, state = state_of("multinomial")
    target = RepresentationGradient(through_top=False)(objective, state)
    assert target.gradient.shape == (N, 3)
    expected = objective.hessian(state).mean(axis=1)
    np.testing.assert_allclose(target.hessian[:, 0], expected)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", range(5))
def test_the_line_search_never_raises_the_loss(name, seed):
    objective, state = state_of(name)
    rng = np.random.default_rng(seed)
    along = rng.normal(size=state.raw_prediction.shape) * 10.0 ** rng.integers(-4, 4)
    if seed % 2:  # downhill
        along = -objective.gradient(state) * 10.0 ** rng.integers(-4, 4)
    size = best_size(objective, state, along)
    trial = state.at_trial(Dense(along), size)
    assert size >= 0
    assert objective.loss(trial) <= objective.loss(state)
    if seed % 2:
        assert size > 0


@pytest.mark.parametrize("name", ["squared", "binomial", "multinomial", "poisson"])
def test_the_line_search_ends_at_the_minimum(name):
    objective, state = state_of(name)
    along = RefitTop(1e-2).fitted(objective, state).raw(PHI) - state.raw_prediction
    along *= 0.3
    size = best_size(objective, state, along)
    here = objective.loss(state.at_trial(Dense(along), size))
    for other in (0.99 * size, 1.01 * size):
        assert objective.loss(state.at_trial(Dense(along), other)) > here


def test_the_step_is_one_where_the_representation_is_laid():
    objective, state = state_of("squared")
    assert RepresentationStep(0.5)(objective, state, Dense(PHI)) == 1.0
    RefitTop().fitted(objective, state).apply(state)
    assert RepresentationStep(0.5, False)(objective, state, Dense(PHI)) == 0.5


@pytest.mark.parametrize(
    "piece",
    [
        RefitTop(-1.0), RefitTop(freeze_top_at=0), RefitTop(max_iter=1.5),
        RepresentationStep(0.0), RepresentationStep(1.0, "yes"),
        RepresentationGradient("yes"),
    ],
)  # fmt: skip
def test_parameters_are_checked(piece):
    with pytest.raises((TypeError, ValueError), match=r"\w"):
        piece.validate()
