import numpy as np
import pytest

from boostlab.contributions import Dense
from boostlab.objectives import DistributionObjective, SquaredError
from boostlab.state import Problem
from boostlab.steps import DoublingSearch, LineSearch, ReferenceSearch

RNG = np.random.default_rng(0)
N = 30


class Rows:
    n_samples = N


def problem(best):
    """Return a state, and a contribution whose best size is `best`."""
    y = RNG.normal(size=N)
    objective = SquaredError()
    state = objective.start(Problem(Rows(), y, np.ones(N)), None)
    return objective, state, Dense((y - state.raw_prediction[:, 0])[:, None] / best)


@pytest.mark.parametrize("best", [1e-6, 0.01, 0.3, 0.7, 1.0, 1.4, 3.0, 100.0])
def test_the_parabola_finds_the_minimum_of_squares(best):
    size = DoublingSearch(0.5)(*problem(best))
    assert size == pytest.approx(0.5 * best, rel=1e-6)


def test_greatest_size():
    assert DoublingSearch(1.0, max_size=8.0)(*problem(100.0)) == 8.0
    assert DoublingSearch(1.0, max_size=0.25)(*problem(100.0)) == 0.25


@pytest.mark.parametrize("search", [DoublingSearch, ReferenceSearch])
def test_the_wrong_way(search):
    objective, state, contribution = problem(-1.0)
    size = search(1.0)(objective, state, contribution)
    assert 0 <= size < 1e-3


def published(loss, length):
    """Return the size as the published code finds it, transcribed from its words."""
    scale = 1.0
    while not (not np.isfinite(loss(scale)) or loss(scale) > loss(0) or scale > 256):
        scale *= 2
    while not (length * scale < 1e-4 or (loss(scale) < loss(0))):
        scale *= 0.5
    return scale


@pytest.mark.parametrize("best", [-1.0, 0.01, 0.3, 0.7, 1.0, 1.4, 3.0, 1000.0])
def test_the_reference_is_the_published_search(best):
    objective, state, contribution = problem(best)

    def loss(size):
        return objective.loss(state.at_trial(contribution, size))

    length = np.mean(np.abs(contribution.array))
    size = ReferenceSearch(1.0)(objective, state, contribution)
    assert size == published(loss, length)


def test_it_is_nearly_as_good_as_an_exact_search():
    y = RNG.normal(size=N) * np.exp(RNG.normal(size=N))
    objective = DistributionObjective()
    state = objective.start(Problem(Rows(), y, np.ones(N)), None)
    contribution = Dense(-objective.natural_gradient(state))

    def gain(step):
        size = step(1.0)(objective, state, contribution)
        return objective.loss(state) - objective.loss(
            state.at_trial(contribution, size)
        )

    assert gain(DoublingSearch) > 0.9 * gain(LineSearch) > 0


@pytest.mark.parametrize("search", [DoublingSearch, ReferenceSearch])
def test_only_sampled_rows_count(search):
    objective, state, contribution = problem(1.0)
    contribution.array[N // 2 :] *= -100
    state.rows = np.arange(N // 2)
    size = search(1.0)(objective, state, contribution)
    assert size >= 1.0


def test_infinite_losses_are_never_chosen():
    objective = DistributionObjective(limits=False)
    y = RNG.normal(size=N)
    state = objective.start(Problem(Rows(), y, np.ones(N)), None)
    contribution = Dense(np.full((N, 2), 1e200))
    for search in (DoublingSearch, ReferenceSearch):
        size = search(1.0)(objective, state, contribution)
        assert np.isfinite(size)
    assert DoublingSearch(1.0)(objective, state, contribution) == 0.0


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="learning_rate"):
        DoublingSearch(0.0).validate()
    with pytest.raises(ValueError, match="max_size"):
        ReferenceSearch(max_size=-1).validate()
