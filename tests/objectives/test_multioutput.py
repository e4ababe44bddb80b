"""Several targets: sums of the losses of one, each in its units."""

import numpy as np
import pytest

from boostlab.objectives import (
    AbsoluteError,
    CustomObjective,
    Gamma,
    Huber,
    MultiOutput,
    ObjectiveError,
    PointwiseObjective,
    Poisson,
    Quantile,
    SquaredError,
    Tweedie,
    check_objective,
    for_targets,
)
from boostlab.objectives.links import IdentityLink, LogLink
from boostlab.registry import class_named
from boostlab.state import Problem

from .conftest import Rows

RNG = np.random.default_rng(0)
TARGETS = np.column_stack([RNG.normal(size=60), RNG.gamma(2.0, 500.0, 60)])
POSITIVE = RNG.gamma(2.0, size=(60, 2))
WEIGHT = RNG.uniform(0.5, 3.0, 60)

CUSTOM = CustomObjective(
    loss=lambda y, raw: np.logaddexp(raw - y, y - raw),
    gradient=lambda y, raw: np.tanh(raw - y),
    hessian=lambda y, raw: 1 - np.tanh(raw - y) ** 2,
    inverse_link=lambda raw: 2 * raw,
)
LOSSES = {
    "squared": (SquaredError(), TARGETS),
    "absolute": (AbsoluteError(), TARGETS),
    "quantile": (Quantile(0.2), TARGETS),
    "huber": (Huber(0.7), TARGETS),
    "huber renewed": (Huber(), TARGETS),
    "poisson": (Poisson(), np.floor(POSITIVE)),
    "gamma": (Gamma(), POSITIVE),
    "tweedie": (Tweedie(1.3), POSITIVE),
    "custom": (CUSTOM, TARGETS / [1.0, 300.0]),
}


def problem(y, weight=WEIGHT):
    return Problem(Rows(len(y)), y, weight)


def column(y, k, raw, objective):
    """The state of target k alone."""
    state = objective.start(problem(y[:, k]), None)
    state.raw_prediction = np.asfortranarray(raw[:, k : k + 1])
    return state


@pytest.mark.parametrize("name", LOSSES)
def test_it_agrees_with_itself(name):
    objective, y = LOSSES[name]
    check_objective(MultiOutput(objective))
    check_objective(MultiOutput(objective, [2.0, 300.0]), y, weight=WEIGHT)


def test_each_target_may_have_its_own_loss():
    check_objective(MultiOutput([SquaredError(), Poisson(), Huber(2.0)]))
    mixed = MultiOutput([SquaredError(), Poisson()], [2.0, 1.0])
    check_objective(mixed)
    assert not MultiOutput([SquaredError(), Poisson()]).refits_cells
    assert MultiOutput([SquaredError(), Huber()]).refits_cells
    raw = np.array([[1.5, 0.0]])
    np.testing.assert_array_equal(mixed.link.inverse(raw), [[3.0, 1.0]])
    np.testing.assert_array_equal(mixed.link.link(mixed.link.inverse(raw)), raw)


@pytest.mark.parametrize("name", LOSSES)
def test_targets_are_as_if_alone(name):
    objective, y = LOSSES[name]
    whole = MultiOutput(objective)
    state = whole.start(problem(y), None)
    state.raw_prediction += RNG.normal(size=y.shape)
    whole.redraw(state)
    gradient, hessian = whole.derivatives(state)
    assert gradient.flags.f_contiguous
    np.testing.assert_array_equal(whole.gradient(state), gradient)
    ids = (np.arange(60) % 4).astype(np.int32)
    loss = 0.0
    for k in range(2):
        own = column(y, k, state.raw_prediction, objective)
        objective.redraw(own)
        np.testing.assert_array_equal(state.baseline[[k]], own.baseline)
        own_gradient, own_hessian = objective.derivatives(own)
        np.testing.assert_array_equal(gradient[:, [k]], own_gradient)
        if own_hessian is None:
            assert hessian is None
        else:
            np.testing.assert_array_equal(hessian[:, [k]], own_hessian)
        np.testing.assert_array_equal(
            whole.cell_values(state, ids, 4, k), objective.cell_values(own, ids, 4, 0)
        )
        loss += objective.loss(own)
    assert whole.loss(state) == pytest.approx(loss, rel=1e-14)


def test_hessians_of_ones_stand_beside_others():
    objective = MultiOutput([SquaredError(), Poisson()])
    state = objective.start(problem(POSITIVE), None)
    hessian = objective.derivatives(state)[1]
    np.testing.assert_array_equal(hessian[:, 0], WEIGHT)


@pytest.mark.parametrize("name", ["squared", "absolute", "quantile", "huber"])
def test_in_the_units_chosen_every_target_begins_with_loss_one(name):
    objective, y = LOSSES[name]
    chosen = for_targets(objective, problem(y))
    state = chosen.start(problem(y), None)
    assert chosen.loss(state) == pytest.approx(2.0, rel=1e-6)
    np.testing.assert_allclose(state.y * chosen.units, y)
    alone = [objective.start(problem(y[:, k]), None).baseline[0] for k in range(2)]
    prediction = chosen.link.inverse(state.baseline[None])
    np.testing.assert_allclose(prediction[0], alone, rtol=1e-12)


@pytest.mark.parametrize("name", ["squared", "absolute", "quantile", "huber renewed"])
def test_the_units_that_targets_come_in_do_not_matter(name):
    objective, y = LOSSES[name]
    factor = np.array([1e3, 0.3])
    states = [
        for_targets(objective, problem(values)).start(problem(values), None)
        for values in (y, y * factor)
    ]
    np.testing.assert_allclose(states[0].y, states[1].y, rtol=1e-6)
    np.testing.assert_allclose(states[0].baseline, states[1].baseline, rtol=1e-6)


@pytest.mark.parametrize("name", ["poisson", "gamma", "tweedie", "custom"])
def test_other_losses_keep_their_units(name):
    objective, y = LOSSES[name]
    assert for_targets(objective, problem(y)).units is None


def test_a_changed_loss_has_no_units_of_its_base():
    class CubedError(SquaredError):
        def pointwise_loss(self, y, raw):
            return np.abs(raw[:, 0] - y) ** 3

    class NamedError(SquaredError):
        pass

    assert for_targets(CubedError(), problem(TARGETS)).units is None
    assert for_targets(NamedError(), problem(TARGETS)).units is not None


def test_constant_targets_have_unit_one():
    y = np.column_stack([np.full(60, 7.0), TARGETS[:, 1]])
    chosen = for_targets(SquaredError(), problem(y))
    assert chosen.units[0] == 1.0
    assert for_targets(AbsoluteError(), problem(np.ones((60, 2)))).units is None


def test_units_given_are_kept():
    given = MultiOutput(SquaredError(), [2.0, 3.0])
    assert for_targets(given, problem(TARGETS)) is given
    chosen = for_targets(SquaredError(), problem(TARGETS), (2.0, 5.0))
    assert chosen.units == (2.0, 5.0)


def test_one_target_needs_nothing_around_it():
    objective = SquaredError()
    assert for_targets(objective, problem(TARGETS[:, 0])) is objective
    with pytest.raises(ValueError, match="MultiOutput is for several targets"):
        for_targets(MultiOutput(objective), problem(TARGETS[:, 0]))


def test_an_objective_may_take_several_targets_itself():
    class Distance(PointwiseObjective):
        """The smoothed distance of a point: not a sum over its coordinates."""

        multi_target = True
        smooth = False

        def n_outputs(self, y):
            return y.shape[1]

        def pointwise_loss(self, y, raw):
            return np.sqrt(1 + np.sum((raw - y) ** 2, axis=1))

        def pointwise_gradient(self, y, raw):
            return (raw - y) / self.pointwise_loss(y, raw)[:, None]

    objective = Distance()
    check_objective(objective, TARGETS / [1.0, 500.0])
    assert for_targets(objective, problem(TARGETS)) is objective
    with pytest.raises(ObjectiveError, match="takes several targets; give it y"):
        check_objective(objective)


def test_it_is_plain_data():
    objective = MultiOutput([Huber(0.3), Poisson()], (1.5, 1.0))
    again = MultiOutput.from_parts(*objective.to_parts())
    assert class_named("objective:multi_output") is MultiOutput
    assert again.to_parts() == objective.to_parts()
    assert again.link == objective.link
    assert MultiOutput(Poisson()).link == LogLink()
    assert MultiOutput(SquaredError()).link == IdentityLink()


@pytest.mark.parametrize(
    ("objective", "y", "message"),
    [
        (MultiOutput([]), TARGETS, "empty list"),
        (MultiOutput("huber"), TARGETS, "give an instance of a PointwiseObjective"),
        (MultiOutput(Quantile(2.0)), TARGETS, "level is 2.0"),
        (MultiOutput(MultiOutput(Huber())), TARGETS, "not a loss of one number"),
        (MultiOutput(Huber(), [1.0, 0.0]), TARGETS, "unit"),
        (MultiOutput(Huber(), [1.0]), TARGETS, "units is a list of 1, but y has 2"),
        (MultiOutput([Huber()]), TARGETS, "objective is a list of 1, but y has 2"),
        (MultiOutput(Huber()), TARGETS[:, 0], r"shape \(n, n_targets\)"),
        (MultiOutput(Poisson()), TARGETS, "Target 0: Poisson needs y >= 0"),
        (
            MultiOutput(CustomObjective(np.add, np.add, n_outputs=2)),
            TARGETS,
            "has 2 outputs for one target",
        ),
    ],
)
def test_what_cannot_be_is_said(objective, y, message):
    with pytest.raises((ValueError, TypeError), match=message):
        objective.start(problem(y), None)
