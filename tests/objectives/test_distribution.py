import numpy as np
import pytest

from boostlab.distributions import CRPS, LogScore, Normal, Score
from boostlab.objectives import DistributionObjective, check_objective
from boostlab.state import Problem

RNG = np.random.default_rng(0)
Y = RNG.normal(3.0, 2.0, 50)
WEIGHT = RNG.uniform(0.5, 2.0, 50)


class Rows:
    n_samples = 50


def at_start(objective, y=Y, weight=WEIGHT):
    return objective.start(Problem(Rows(), y, weight), None)


@pytest.mark.parametrize("score", ["log", "crps", LogScore(), CRPS()])
def test_derivatives(score):
    check_objective(DistributionObjective("normal", score))


def test_baseline_is_the_weighted_marginal_fit():
    state = at_start(DistributionObjective())
    mean = np.average(Y, weights=WEIGHT)
    deviation = np.sqrt(np.average((Y - mean) ** 2, weights=WEIGHT))
    np.testing.assert_allclose(state.baseline, [mean, np.log(deviation)])


def test_loss_gradient_and_natural_gradient_carry_weights():
    objective = DistributionObjective()
    state = at_start(objective)
    mean, log_scale = state.baseline
    z = (Y - mean) / np.exp(log_scale)
    nll = 0.5 * z**2 + log_scale + 0.5 * np.log(2 * np.pi)
    assert objective.loss(state) == pytest.approx(np.average(nll, weights=WEIGHT))
    natural = np.column_stack([mean - Y, (1 - z**2) / 2]) * WEIGHT[:, None]
    np.testing.assert_allclose(objective.natural_gradient(state), natural)
    np.testing.assert_allclose(objective.gradient(state).sum(0), 0, atol=1e-9)


def test_hessian_is_the_diagonal_of_the_metric():
    objective = DistributionObjective()
    state = at_start(objective)
    expected = WEIGHT[:, None] * [np.exp(-2 * state.baseline[1]), 2.0]
    np.testing.assert_allclose(objective.hessian(state), expected)
    np.testing.assert_allclose(objective.curvatures(state), expected[0] / WEIGHT[0])


def test_an_outlier_makes_no_endless_step():
    y = np.append(Y[:-1], 1e6)
    state = at_start(DistributionObjective(), y)
    state.raw_prediction[:] = [3.0, 0.5]
    with_limits = DistributionObjective().natural_gradient(state)
    without = DistributionObjective(limits=False).natural_gradient(state)
    assert without[-1, 1] < -1e10
    assert with_limits[-1, 1] / WEIGHT[-1] == -10.0
    np.testing.assert_array_equal(with_limits[:-1], without[:-1])


def test_log_scales_stay_near_the_start():
    objective = DistributionObjective()
    state = at_start(objective)
    state.raw_prediction[0, 1] = -1e6
    state.raw_prediction[1, 1] = 1e6
    assert np.isfinite(objective.loss(state))
    clipped = objective.clipped(state.raw_prediction, state.baseline)
    assert clipped[0, 1] == state.baseline[1] - 25
    assert clipped[1, 1] == state.baseline[1] + 25
    assert clipped[2, 1] == state.baseline[1]
    assert DistributionObjective(limits=False).clipped(clipped, 0) is clipped


def test_intervals_need_two_columns_and_formulas():
    objective = DistributionObjective()
    at_start(objective, np.column_stack([Y, Y + 1]))
    with pytest.raises(ValueError, match="y has 3 columns"):
        objective.check_targets(np.column_stack([Y, Y, Y]))

    class Bare(Normal):
        name = "bare"
        censors = ()

    with pytest.raises(ValueError, match="no formulas for intervals"):
        DistributionObjective(Bare()).check_targets(np.column_stack([Y, Y]))


def test_a_score_of_ones_own():
    class Squared(Score):
        def values(self, distribution, y, raw):
            return 0.5 * (distribution.mean(raw) - y) ** 2

        def gradient(self, distribution, y, raw):
            return np.column_stack([raw[:, 0] - y, np.zeros(len(y))])

        def metric(self, distribution, raw):
            return np.ones_like(raw)

    objective = DistributionObjective("normal", Squared())
    state = at_start(objective)
    expected = np.average((Y - state.baseline[0]) ** 2, weights=WEIGHT) / 2
    assert objective.loss(state) == pytest.approx(expected)


def test_mistakes():
    with pytest.raises(ValueError, match="distribution 'gauss' is unknown"):
        DistributionObjective("gauss").validate()
    with pytest.raises(ValueError, match="scoring_rule is 'spherical'"):
        DistributionObjective("normal", "spherical").validate()
    with pytest.raises(ValueError, match="calibration"):
        DistributionObjective(calibration=[0.5, 2.0]).validate()
    with pytest.raises(ValueError, match="not one of classes"):
        DistributionObjective().with_classes(3)
    with pytest.raises(TypeError, match="does not determine"):
        DistributionObjective().link.link(np.zeros((1, 1)))


def test_the_brier_score_is_for_classes():
    with pytest.raises(ValueError, match="'normal' is not one of classes"):
        DistributionObjective("normal", "brier").validate()
