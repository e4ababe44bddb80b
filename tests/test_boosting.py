"""The loop itself, on small fake pieces; test_boosting_systems.py has whole systems."""

import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor

from boostlab.boosting import Boosting
from boostlab.contributions import Dense
from boostlab.correctors import NoCorrection
from boostlab.data.table import Table
from boostlab.directions import Gradient, Newton
from boostlab.learners.linear import Linear
from boostlab.samplers import RowsAndColumns
from boostlab.state import Ensemble, Problem, State
from boostlab.steps import Shrinkage
from boostlab.updates import AddToPrediction, AddToRepresentation


class Squared:
    """Half the squared error, one output."""

    def start(self, problem, rng):
        mean = np.average(problem.y, weights=problem.weight)
        return State.at(problem, np.array([mean]), rng)

    def redraw(self, state):
        pass

    def loss(self, state):
        error = state.raw_prediction[:, 0] - state.y
        return np.average(error**2, weights=state.weight) / 2

    def gradient(self, state):
        return (state.weight * (state.raw_prediction[:, 0] - state.y))[:, None]

    def hessian(self, state):
        return None


@dataclass(frozen=True)
class Split:
    """Two values, below and above a threshold of one feature."""

    feature: int
    threshold: float
    below: float
    above: float

    def contribution(self, state):
        left = state.table.numeric[:, self.feature] <= self.threshold
        return Dense(np.where(left, self.below, self.above)[:, None])


class Stump:
    """The best split by the gain G^2 / H, found by trying all of them."""

    accepts = frozenset({"derivatives"})

    def fit(self, target, state):
        step, weight = (part[:, 0] for part in target.newton())
        rows = slice(None) if target.rows is None else target.rows
        x = target.table.numeric[rows]
        features = range(x.shape[1]) if target.features is None else target.features
        best, found = -np.inf, None
        for j in features:
            values = np.unique(x[:, j])
            for threshold in (values[1:] + values[:-1]) / 2:
                left = x[:, j] <= threshold
                sums = [(weight * step)[s].sum() for s in (left, ~left)]
                masses = [weight[s].sum() for s in (left, ~left)]
                gain = sum(g**2 / h for g, h in zip(sums, masses, strict=True))
                if gain > best:
                    best = gain
                    below, above = (g / h for g, h in zip(sums, masses, strict=True))
                    found = Split(j, threshold, below, above)
        return found, found.contribution(state)


class Recorder:
    """A monitor that writes down what it saw, and may stop or fail."""

    def __init__(self, stop_at=None, error=None, error_in=None):
        self.stop_at, self.error, self.error_in = stop_at, error, error_in
        self.calls, self.losses = [], []

    def begin(self, run):
        self._note("begin")

    def after_round(self, run):
        self._note(run.ensemble.n_rounds)
        self.losses.append(run.boosting.objective.loss(run.state))
        return run.ensemble.n_rounds == self.stop_at

    def end(self, run):
        self._note("end")

    def _note(self, what):
        self.calls.append(what)
        if self.error is not None and what == self.error_in:
            raise self.error


def method(**pieces):
    defaults = {
        "objective": Squared(),
        "direction": Newton(),
        "learner": Stump(),
        "step": Shrinkage(0.3),
        "update": AddToPrediction(),
        "corrector": NoCorrection(),
        "sampler": RowsAndColumns(),
    }
    return Boosting(**(defaults | pieces))


def problem(n=60, seed=0, validation=False):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    y = x[:, 0] + np.sin(3 * x[:, 1]) + 0.1 * rng.normal(size=n)
    held_out = globals()["problem"](n, seed + 1) if validation else None
    weight = rng.uniform(0.5, 2, n)
    return Problem(Table(x, ["a", "b", "c"]), y, weight, held_out)


def fit(boosting, given, n_rounds, seed=0, **options):
    return boosting.fit(given, n_rounds, np.random.default_rng(seed), **options)


@pytest.mark.parametrize("direction", [Gradient(), Newton()])
def test_squared_loss_equals_gradient_boosting_of_sklearn(direction):
    given = problem()
    ours = fit(method(direction=direction), given, 20)
    theirs = GradientBoostingRegressor(n_estimators=20, learning_rate=0.3, max_depth=1)
    theirs.fit(given.table.numeric, given.y, given.weight)
    staged = theirs.staged_predict(given.table.numeric)
    for mine, other in zip(
        ours.ensemble.staged_predict(given.table), staged, strict=True
    ):
        np.testing.assert_allclose(mine[:, 0], other, atol=1e-10)


def test_first_round_by_hand():
    table = Table(np.array([[0.0], [1.0], [2.0]]), ["x"])
    given = Problem(table, np.array([0.0, 0.0, 4.0]), np.array([1.0, 1.0, 2.0]))
    run = fit(method(step=Shrinkage(0.5)), given, 1)
    assert run.ensemble.baseline == [2.0]
    assert run.ensemble.rounds[0].hypothesis == Split(0, 1.5, -2.0, 2.0)
    np.testing.assert_array_equal(run.state.raw_prediction[:, 0], [1.0, 1.0, 3.0])


def test_replay_gives_the_training_scores_and_the_held_out_scores():
    given = problem(validation=True)
    run = fit(method(sampler=RowsAndColumns(0.5, 0.7)), given, 8)
    for part, rows in ((run.state, given), (run.state.validation, given.validation)):
        replayed = run.ensemble.predict(rows.table)
        np.testing.assert_array_equal(replayed, part.raw_prediction)
    held_out = run.state.validation
    assert held_out.y is given.validation.y
    assert method().objective.loss(held_out) < np.var(held_out.y) / 2


def test_held_out_rows_do_not_change_the_fit():
    alone = fit(method(), problem(), 5)
    watched = fit(method(), problem(validation=True), 5)
    assert [r.hypothesis for r in alone.ensemble.rounds] == [
        r.hypothesis for r in watched.ensemble.rounds
    ]


def test_sampled_rows_and_columns_reach_the_learner_and_the_objective():
    class Spy(Stump):
        seen = ()

        def fit(self, target, state):
            self.seen = (*self.seen, (target.rows, target.features, state.round))
            return super().fit(target, state)

    spy = Spy()
    run = fit(method(learner=spy, sampler=RowsAndColumns(0.25, 0.5)), problem(), 3)
    assert [seen[2] for seen in spy.seen] == [0, 1, 2]
    for rows, features, number in spy.seen:
        assert len(rows) == 15
        assert len(features) == 2
        assert run.ensemble.rounds[number].hypothesis.feature in features
    assert not np.array_equal(spy.seen[0][0], spy.seen[1][0])


def test_objective_redraws_after_the_sample_and_before_the_direction():
    order = []

    class Spy(Squared):
        def redraw(self, state):
            order.append("redraw")
            state.rows = np.arange(10)

        def gradient(self, state):
            order.append(len(state.rows))
            return super().gradient(state)

    fit(method(objective=Spy(), sampler=RowsAndColumns(0.5)), problem(), 2)
    assert order == ["redraw", 10, "redraw", 10]


def test_a_learner_that_cannot_fit_the_target_is_refused_in_one_sentence():
    class Classifier(Stump):
        accepts = frozenset({"labels"})

    with pytest.raises(TypeError, match=r"Newton produces 'derivatives'.*\['labels'\]"):
        fit(method(learner=Classifier()), problem(), 1)


def test_all_monitors_see_every_round_though_the_first_stops():
    first, second = Recorder(stop_at=3), Recorder()
    run = fit(method(), problem(), 10, monitors=[first, second])
    assert first.calls == second.calls == ["begin", 1, 2, 3, "end"]
    assert run.ensemble.n_rounds == 3
    assert first.losses == sorted(first.losses, reverse=True)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("fault")])
def test_monitors_end_when_a_round_fails(error):
    class Fails(Stump):
        def fit(self, target, state):
            if state.round == 2:
                raise error
            return super().fit(target, state)

    monitor = Recorder()
    with pytest.raises(type(error)):
        fit(method(learner=Fails()), problem(), 5, monitors=[monitor])
    assert monitor.calls == ["begin", 1, 2, "end"]


def test_monitors_end_when_another_monitor_fails():
    first = Recorder()
    second = Recorder(error=RuntimeError("fault"), error_in="begin")
    third = Recorder()
    with pytest.raises(RuntimeError, match="fault"):
        fit(method(), problem(), 5, monitors=[first, second, third])
    assert first.calls == ["begin", "end"]
    assert second.calls == ["begin", "end"]
    assert third.calls == []


def test_warm_start_continues_as_if_never_stopped():
    given = problem(validation=True)
    whole = fit(method(), given, 9)
    part = fit(method(), given, 4)
    before = part.ensemble.predict(given.table)
    went_on = fit(method(), given, 9, ensemble=part.ensemble)
    assert went_on.ensemble.n_rounds == 9
    assert [r.hypothesis for r in went_on.ensemble.rounds] == [
        r.hypothesis for r in whole.ensemble.rounds
    ]
    for one, other in zip(whole.state.parts(), went_on.state.parts(), strict=True):
        np.testing.assert_array_equal(one.raw_prediction, other.raw_prediction)
    assert part.ensemble.n_rounds == 4
    np.testing.assert_array_equal(part.ensemble.predict(given.table), before)


def test_warm_start_keeps_the_baseline_on_other_data():
    first = fit(method(), problem(), 2)
    other = problem(seed=7)
    run = fit(method(), replace(other, y=other.y + 5), 4, ensemble=first.ensemble)
    assert run.ensemble.baseline is first.ensemble.baseline
    assert run.state.baseline is first.ensemble.baseline
    np.testing.assert_array_equal(
        run.ensemble.predict(other.table), run.state.raw_prediction
    )


def test_warm_start_with_enough_rounds_fits_nothing():
    first = fit(method(), problem(), 3)
    monitor = Recorder()
    run = fit(method(), problem(), 3, ensemble=first.ensemble, monitors=[monitor])
    assert monitor.calls == ["begin", "end"]
    assert run.ensemble.rounds == first.ensemble.rounds


def test_slices_are_the_stages():
    given = problem()
    ensemble = fit(method(), given, 6).ensemble
    stages = [raw.copy() for raw in ensemble.staged_predict(given.table)]
    assert len(stages) == len(ensemble) == 6
    for n, stage in enumerate(stages, start=1):
        np.testing.assert_array_equal(ensemble[:n].predict(given.table), stage)
    mean = np.average(given.y, weights=given.weight)
    np.testing.assert_array_equal(ensemble[:0].predict(given.table)[:, 0], mean)


def test_joined_ensembles_add_their_predictions():
    given, other = problem(), problem(seed=5)
    one, two = (fit(method(), each, 3).ensemble for each in (given, other))
    joined = one + two
    assert len(joined) == 6
    total = one.predict(given.table) + two.predict(given.table)
    np.testing.assert_allclose(joined.predict(given.table), total, rtol=1e-13)
    rest = Ensemble(np.zeros(1), one.update, one.rounds[2:])
    np.testing.assert_array_equal(
        (one[:2] + rest).predict(given.table), one.predict(given.table)
    )


def test_ensembles_refuse_what_makes_no_sense():
    ensemble = fit(method(), problem(), 2).ensemble
    with pytest.raises(TypeError, match=r"ensemble.rounds\[i\]"):
        ensemble[0]
    other = Ensemble(ensemble.baseline, AddToRepresentation(), [])
    with pytest.raises(TypeError, match="add to the raw prediction"):
        ensemble + other
    with pytest.raises(TypeError, match="add to the raw prediction"):
        other + other


def test_a_snapshot_stays_as_it_was():
    given = problem()
    snapshots = []

    class Keep(Recorder):
        def after_round(self, run):
            snapshots.append((run.ensemble.snapshot(), run.state.raw_prediction.copy()))
            return super().after_round(run)

    fit(method(), given, 4, monitors=[Keep()])
    for n, (snapshot, raw) in enumerate(snapshots, start=1):
        assert snapshot.n_rounds == n
        np.testing.assert_array_equal(snapshot.predict(given.table), raw)


class Fusable(Split):
    """A split whose rounds are summed by a fused predictor."""

    fusions = 0

    @classmethod
    def fuse(cls, rounds):
        cls.fusions += 1
        return FusedSplits(rounds)


@dataclass(frozen=True)
class FusedSplits:
    rounds: tuple

    def add_to(self, raw_prediction, table):
        for done in self.rounds:
            left = table.numeric[:, done.hypothesis.feature] <= (
                done.hypothesis.threshold
            )
            value = np.where(left, done.hypothesis.below, done.hypothesis.above)
            raw_prediction[:, 0] += done.size * value


class FusableStump(Stump):
    def fit(self, target, state):
        split, contribution = super().fit(target, state)
        parts = (split.feature, split.threshold, split.below, split.above)
        return Fusable(*parts), contribution


@pytest.mark.parametrize("learner", [Linear(componentwise=True), FusableStump()])
def test_ensembles_survive_pickling(learner):
    given = problem()
    ensemble = fit(method(learner=learner), given, 5).ensemble
    wanted = ensemble.predict(given.table)
    again = pickle.loads(pickle.dumps(ensemble))
    np.testing.assert_array_equal(again.predict(given.table), wanted)


def test_rounds_are_fused_once_and_again_when_they_change():
    given = problem()
    run = fit(method(learner=FusableStump()), given, 4)
    Fusable.fusions = 0
    for _ in range(2):
        np.testing.assert_array_equal(
            run.ensemble.predict(given.table), run.state.raw_prediction
        )
    assert Fusable.fusions == 1
    run.ensemble.rounds[0] = replace(run.ensemble.rounds[0], size=0.0)
    changed = run.ensemble.predict(given.table)
    assert Fusable.fusions == 2
    *_, replayed = run.ensemble.staged_predict(given.table)
    np.testing.assert_array_equal(changed, replayed)


def test_rounds_with_corrections_are_not_fused():
    class Halve:
        def apply(self, state):
            state.raw_prediction *= 0.5

    class Corrector:
        def __call__(self, objective, state, ensemble):
            ensemble.rounds[-1] = replace(ensemble.rounds[-1], correction=Halve())
            for part in state.parts():
                Halve().apply(part)

    given = problem(validation=True)
    run = fit(method(learner=FusableStump(), corrector=Corrector()), given, 3)
    Fusable.fusions = 0
    for part, rows in ((run.state, given), (run.state.validation, given.validation)):
        np.testing.assert_array_equal(
            run.ensemble.predict(rows.table), part.raw_prediction
        )
    assert Fusable.fusions == 0
