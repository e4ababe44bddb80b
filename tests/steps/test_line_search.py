import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from boostlab.contributions import Cells, Dense
from boostlab.data.table import Table
from boostlab.objectives import (
    AbsoluteError,
    Binomial,
    Exponential,
    Multinomial,
    Poisson,
    SquaredError,
)
from boostlab.state import Problem, State
from boostlab.steps import LineSearch


def state_of(objective, y, weight=None):
    n = len(y)
    table = Table(np.arange(float(n))[:, None])
    problem = Problem(table, y, np.ones(n) if weight is None else weight)
    return objective.start(problem, np.random.default_rng(0))


class Curve:
    """A loss that depends on the size alone, which is what a row of ones adds."""

    def __init__(self, loss):
        self.of_size, self.sizes = loss, []

    def loss(self, state):
        self.sizes.append(state.raw_prediction[0, 0])
        return self.of_size(self.sizes[-1])


def search(loss, **options):
    """Return the size found for a loss of the size, without shrinkage."""
    curve = Curve(loss)
    table = Table(np.zeros((1, 1)))
    state = State(table, None, None, np.zeros(1), np.zeros((1, 1), order="F"))
    size = LineSearch(1.0, **options)(curve, state, Dense(np.ones((1, 1))))
    assert not state.raw_prediction.any()
    return size, curve.sizes


@pytest.mark.parametrize("best", [1e-6, 1e-3, 0.3, 0.5, 1.0, 1.7, 42.0, 900.0])
def test_finds_the_minimum_at_any_scale(best):
    size, sizes = search(lambda s: (s - best) ** 2)
    assert size == pytest.approx(best, rel=1e-4, abs=1e-8)
    assert len(sizes) < 60


@pytest.mark.parametrize("limit", [0.25, 1.0, 3.0])
def test_stays_within_the_greatest_size(limit):
    size, sizes = search(lambda s: -s, max_size=limit)
    assert size == pytest.approx(limit, rel=1e-4)
    assert max(sizes) <= limit


@pytest.mark.parametrize(
    "loss",
    [
        lambda s: s,
        lambda s: 0.0,
        lambda s: 0.0 if s == 0 else np.nan,
        lambda s: 0.0 if s == 0 else np.inf,
    ],
)
def test_goes_nowhere_where_nothing_is_better(loss):
    assert search(loss)[0] == 0.0


def test_losses_beyond_the_finite_are_avoided():
    def loss(s):
        return -s if s < 0.01 else np.nan

    size, _ = search(loss)
    assert 0.003 < size < 0.01
    assert search(lambda s: -np.log(max(3 - s, 0)) - 2 * s)[0] == pytest.approx(2.5)


def test_the_best_size_tried_is_kept():
    assert search(lambda s: -1.0 if s == 1 else s)[0] == 1.0


def test_overflow_in_a_trial_is_no_warning():
    size, _ = search(lambda s: np.exp(np.float64(3000) * s) - 1e4 * s)
    assert size == pytest.approx(np.log(1e4 / 3000) / 3000, rel=1e-3)


@given(a=st.floats(-3, 3), b=st.floats(-3, 3), c=st.floats(-3, 3))
def test_never_worse_than_standing_still(a, b, c):
    def loss(s):
        return a * np.sin(b * s) + c * s * np.exp(-s)

    size, _ = search(loss)
    assert loss(size) <= loss(0.0)


def test_squared_loss_in_closed_form():
    rng = np.random.default_rng(0)
    y, f, weight = rng.normal(size=20), rng.normal(size=20), rng.uniform(0.5, 2, 20)
    f = f if f @ (weight * y) > 0 else -f
    objective = SquaredError()
    state = state_of(objective, y, weight)
    residual = y - state.raw_prediction[:, 0]
    best = (weight * residual) @ f / (weight @ f**2)
    size = LineSearch(0.1)(objective, state, Dense(f[:, None]))
    assert size == pytest.approx(0.1 * best, rel=1e-4)


@pytest.mark.parametrize(
    ("objective", "labels"),
    [
        (Binomial(), 2),
        (Exponential(), 2),
        (Multinomial(), 3),
        (Poisson(), 4),
        (AbsoluteError(), 9),
    ],
)
def test_agrees_with_brent_over_the_line(objective, labels):
    rng = np.random.default_rng(0)
    y = (np.arange(60) % labels).astype(float)
    state = state_of(objective, y, rng.uniform(0.5, 2, 60))
    direction = -objective.gradient(state) + 0.3 * rng.normal(
        size=state.raw_prediction.shape
    )
    contribution = Dense(direction)

    def loss(size):
        return objective.loss(state.at_trial(contribution, size))

    size = LineSearch(1.0)(objective, state, contribution)
    best = minimize_scalar(loss, bounds=(0, 50), method="bounded").fun
    assert loss(size) <= best + 1e-6


def test_cells_are_searched_along_their_values():
    y = np.array([0.0, 0.0, 3.0, 3.0])
    objective = SquaredError()
    state = state_of(objective, y)
    cells = Cells(np.array([[0, 0, 1, 1]], np.int32), (np.array([[-0.5], [0.5]]),))
    assert LineSearch(1.0)(objective, state, cells) == pytest.approx(3.0, rel=1e-4)


@pytest.mark.parametrize("name", ["learning_rate", "max_size"])
def test_parameters_are_checked(name):
    with pytest.raises(ValueError, match=f"{name} is 0; give a number greater than 0"):
        LineSearch(**{name: 0}).validate()
