"""check_objective finds every planted mistake, and says which it is."""

import doctest

import numpy as np
import pytest
from scipy.special import expit

import boostlab.objectives.checks
from boostlab.objectives import (
    Binomial,
    CustomObjective,
    Multinomial,
    ObjectiveError,
    PointwiseObjective,
    Poisson,
    check_objective,
)
from boostlab.objectives import SquaredError as Squared

RNG = np.random.default_rng(0)


def custom(loss=None, gradient=None, hessian=None, **kwargs):
    """Half the squared error, with some of it replaced."""
    return CustomObjective(
        loss or (lambda y, raw: 0.5 * (raw - y) ** 2),
        gradient or (lambda y, raw: raw - y),
        hessian or (lambda y, raw: np.ones_like(raw)),
        **kwargs,
    )


def in_place(y, raw):
    raw -= y
    return raw


def unweighted_mean(y, weight):
    return y.mean()


CUSTOM_MISTAKES = {
    "sign": (custom(gradient=lambda y, raw: y - raw), "looks like the negative grad"),
    "sign of hessian": (
        custom(hessian=lambda y, raw: -np.ones_like(raw)),
        "hessian looks like the negative hessian",
    ),
    "factor 2": (
        custom(gradient=lambda y, raw: 2.0 * (raw - y)),
        "gradient is 2 times the derivative of its loss; .* 0.5 or 2",
    ),
    "factor 2 in the loss": (
        custom(loss=lambda y, raw: (raw - y) ** 2),
        "gradient is 0.5 times the derivative",
    ),
    "sign and factor": (
        custom(gradient=lambda y, raw: 3.0 * (y - raw)),
        "gradient is -3 times",
    ),
    "factor of the hessian": (
        custom(hessian=lambda y, raw: np.full_like(raw, 2.0)),
        "hessian is 2 times the derivative of its gradient",
    ),
    "gradient over n": (
        custom(gradient=lambda y, raw: (raw - y) / 60),
        "a gradient that is divided by the number of rows",
    ),
    "loss over n": (
        custom(loss=lambda y, raw: 0.5 * (raw - y) ** 2 / 60),
        "a loss that is divided by the number of rows",
    ),
    "rows mixed": (
        custom(gradient=lambda y, raw: (raw - y) / len(y)),
        "of a row depends on the other rows",
    ),
    "mean loss": (
        custom(loss=lambda y, raw: np.mean(0.5 * (raw - y) ** 2)),
        r"loss returned shape \(\).*one value a row",
    ),
    "summed gradient": (
        custom(gradient=lambda y, raw: np.sum(raw - y)),
        r"gradient returned shape \(\)",
    ),
    "other function": (
        custom(gradient=lambda y, raw: np.tanh(raw - y)),
        r"gradient does not agree .* at y = .*, raw = \[.*\], output 0, it is",
    ),
    "other hessian": (
        custom(hessian=lambda y, raw: 1.0 + (raw - y) ** 2),
        "hessian does not agree with differences of its gradient",
    ),
    "not finite": (
        custom(loss=lambda y, raw: np.where(raw > 0, np.nan, 0.0), baseline=0.0),
        "loss returned values that are not finite on ordinary rows",
    ),
    "in place": (custom(gradient=in_place), "changes its arguments in place"),
    "float32": (
        custom(
            loss=lambda y, raw: (0.5 * (raw - y) ** 2).astype(np.float32),
            baseline=lambda y, w: np.average(y, weights=w),
        ),
        "too rough for differences.*float32",
    ),
    "weights ignored": (
        custom(baseline=unweighted_mean),
        "loss is lower at .*; it seems to ignore the weights",
    ),
    "baseline elsewhere": (
        custom(baseline=lambda y, w: np.exp(np.average(y, weights=w))),
        "scale of the prediction",
    ),
    "two baselines": (custom(baseline=[0.0, 0.0]), r"baseline returned shape \(2,\)"),
    "link": (
        custom(inverse_link=lambda raw: np.zeros(3)),
        r"inverse link returned shape \(3, 1\)",
    ),
    "link not finite": (
        custom(inverse_link=lambda raw: np.full(len(raw), np.nan)),
        "non-finite",
    ),
    "no probabilities": (
        CustomObjective(
            lambda y, raw: np.logaddexp(0.0, raw) - y * raw,
            lambda y, raw: expit(raw) - y,
            inverse_link=lambda raw: raw,
            task="classification",
        ),
        "does not return probabilities",
    ),
    "overflow": (
        CustomObjective(
            lambda y, raw: np.exp(raw**2) - y * raw,
            lambda y, raw: 2.0 * raw * np.exp(raw**2) - y,
        ),
        "not finite -30 from the baseline; clip exponents",
    ),
    "outputs swapped": (
        CustomObjective(
            lambda y, raw: 0.5 * (raw[:, 0] - y) ** 2 + (raw[:, 1] + y) ** 2,
            lambda y, raw: np.column_stack([2 * (raw[:, 1] + y), raw[:, 0] - y]),
            n_outputs=2,
        ),
        "gradient does not agree",
    ),
    "one output forgotten": (
        CustomObjective(
            lambda y, raw: 0.5 * np.sum((raw - y[:, None]) ** 2, axis=1),
            lambda y, raw: raw[:, 0] - y,
            n_outputs=2,
        ),
        r"gradient returned shape \(60, 1\), but \(60, 2\) is wanted",
    ),
}


@pytest.mark.parametrize("mistake", CUSTOM_MISTAKES)
def test_a_planted_mistake_is_found_and_named(mistake):
    objective, message = CUSTOM_MISTAKES[mistake]
    with pytest.raises(ObjectiveError, match=message) as caught:
        check_objective(objective)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    assert isinstance(caught.value, ValueError)


class Broadcast(Squared):
    def pointwise_gradient(self, y, raw):
        return raw - y


class GradientWithoutWeights(Squared):
    def gradient(self, state):
        return self.pointwise_gradient(state.y, state.raw_prediction)


class LossWithoutWeights(Squared):
    def loss(self, state):
        return np.mean(self.pointwise_loss(state.y, state.raw_prediction))


class SummedLoss(Squared):
    def loss(self, state):
        terms = self.pointwise_loss(state.y, state.raw_prediction)
        return state.weight @ terms


class HessianWithoutWeights(Poisson):
    def hessian(self, state):
        return self.pointwise_hessian(state.y, state.raw_prediction)


class HessianForgotten(Poisson):
    def hessian(self, state):
        return None


class Concave(Squared):
    smooth = False

    def pointwise_hessian(self, y, raw):
        return np.where(raw > y[:, None], 1.0, -0.1)


class EmptyCells(Squared):
    def cell_values(self, state, ids, n_cells, output):
        residual = state.y - state.raw_prediction[:, 0]
        total = np.bincount(ids, weights=residual, minlength=n_cells)
        with np.errstate(invalid="ignore"):
            return total / np.bincount(ids, minlength=n_cells)


class OneCell(Squared):
    def cell_values(self, state, ids, n_cells, output):
        return np.zeros(1)


class Choosy(Squared):
    def check_targets(self, y):
        raise ValueError("y must be a colour.")


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (Broadcast(), r"shape \(60, 60\).*was broadcast against raw"),
        (GradientWithoutWeights(), r"gradient\(state\) is not its pointwise function"),
        (LossWithoutWeights(), r"loss\(state\) is not .* weighted mean"),
        (SummedLoss(), r"loss\(state\)"),
        (HessianWithoutWeights(), r"hessian\(state\)"),
        (HessianForgotten(), r"hessian\(state\)"),
        (Concave(), "hessian is negative on .* rows; return an upper bound"),
        (EmptyCells(), "cell_values returned .* not finite"),
        (OneCell(), r"cell_values returned shape \(1,\), but \(4,\)"),
        (Choosy(), r"accepts none .*\(y must be a colour\.\); give it y"),
    ],
)
def test_a_mistake_in_a_subclass_is_found_and_named(objective, message):
    with pytest.raises(ObjectiveError, match=message):
        check_objective(objective)


def test_built_in_objectives_pass(case):
    check_objective(case.objective)
    check_objective(case.objective, case.y, case.raw, weight=case.weight)


def test_targets_and_raw_predictions_may_be_given():
    y = RNG.normal(1e6, 1e3, 50)
    check_objective(Squared(), y, y + RNG.normal(size=50))
    with pytest.raises(ObjectiveError, match="negative gradient"):
        check_objective(custom(gradient=lambda y, raw: y - raw), y)
    with pytest.raises(ObjectiveError, match=r"raw returned|raw .*\(50, 2\)"):
        check_objective(Squared(), y, RNG.normal(size=(50, 2)))
    with pytest.raises(ValueError, match=r"0 \.\. 1"):
        check_objective(Binomial(), y)


def test_no_hessian_is_no_mistake():
    objective = CustomObjective(
        lambda y, raw: np.logaddexp(raw - y, y - raw), lambda y, raw: np.tanh(raw - y)
    )
    check_objective(objective)


def test_an_upper_bound_of_the_curvature_is_allowed_where_declared():
    class Bounded(Multinomial):
        smooth = False

        def pointwise_hessian(self, y, raw):
            return np.full_like(raw, 0.5)

    check_objective(Bounded(n_classes=3))

    class Undeclared(Bounded):
        smooth = True

    with pytest.raises(ObjectiveError, match="hessian does not agree"):
        check_objective(Undeclared(n_classes=3))


@pytest.mark.parametrize("given", [Squared, "squared_error", None])
def test_it_wants_an_instance(given):
    with pytest.raises(TypeError, match="give an instance of a subclass"):
        check_objective(given)


def test_the_example_of_the_docstring_runs():
    assert doctest.testmod(boostlab.objectives.checks).failed == 0
    assert issubclass(ObjectiveError, ValueError)
    assert issubclass(CustomObjective, PointwiseObjective)
