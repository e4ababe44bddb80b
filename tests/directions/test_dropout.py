"""Dropout of rounds: direction, step and corrector by hand, and together in fits."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_friedman1

import boostlab
from boostlab import (
    BoostingClassifier,
    BoostingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from boostlab.boosting import Boosting
from boostlab.callbacks import Checkpoint
from boostlab.contributions import Dense
from boostlab.correctors import NoCorrection, RescaleDropped
from boostlab.data.table import Table
from boostlab.directions import GOSS, Dart, Dropout, Newton, Sampled
from boostlab.directions.dropout import DROPPED, WEIGHTS, Dropped
from boostlab.learners import Tree
from boostlab.objectives import SquaredError
from boostlab.persistence import model_hash
from boostlab.samplers import RowsAndColumns
from boostlab.state import Problem, Round
from boostlab.steps import CellFit, DropoutStep, LineSearch, Shrinkage
from boostlab.updates import AddToPrediction

EAGER = Dart(rate=0.3, skip=0.0, one_drop=True)


def rng(seed=0):
    return np.random.default_rng(seed)


def friedman(n=500, seed=0):
    return make_friedman1(n, noise=1.0, random_state=seed)


def labelled(n=500):
    X, y = friedman(n)
    return X, np.digitize(y, np.quantile(y, [0.3, 0.6]))


def problem(n=300, held_out=True):
    X, y = friedman(n, seed=int(held_out))
    return Problem(
        Table(X), y, np.linspace(0.5, 2, n), problem(100, False) if held_out else None
    )


def method(dart=EAGER, step=None, **pieces):
    parts = {
        "objective": SquaredError(),
        "direction": Dropout(Newton(), dart),
        "learner": Tree(max_leaf_nodes=6),
        "step": DropoutStep(step or Shrinkage(0.3), dart),
        "update": AddToPrediction(),
        "corrector": RescaleDropped(),
        "sampler": RowsAndColumns(),
    }
    return Boosting(**(parts | pieces))


class Watch:
    def begin(self, run):
        self.snapshots, self.raw = [], []

    def after_round(self, run):
        self.snapshots.append(run.ensemble.snapshot())
        self.raw.append([part.raw_prediction.copy() for part in run.state.parts()])

    def end(self, run):
        pass


# Which rounds are dropped.


def test_no_rounds_or_no_rate_or_always_skipping_drops_nothing():
    for dart, n in ((EAGER, 0), (Dart(rate=0), 9), (Dart(rate=1, skip=1.0), 9)):
        assert len(dart.draw(np.ones(n), rng())) == 0


def test_all_are_dropped_at_rate_one():
    drawn = Dart(rate=1.0, skip=0.0, weighted=False).draw(np.ones(7), rng())
    np.testing.assert_array_equal(drawn, np.arange(7))


@pytest.mark.parametrize("weighted", [False, True])
def test_chances_follow_rate_and_weights(weighted):
    weights, source = np.array([1.0, 2, 3, 4, 5]), rng()
    dart = Dart(rate=0.2, skip=0.25, weighted=weighted)
    drawn = [dart.draw(weights, source) for _ in range(8000)]
    counts = np.bincount(np.concatenate(drawn), minlength=5) / 8000
    expected = 0.15 * (weights / 3 if weighted else np.ones(5))
    np.testing.assert_allclose(counts, expected, atol=0.02)


def test_no_more_than_max_drop_and_at_least_one():
    source, seen = rng(), set()
    dart = Dart(rate=0.5, skip=0.0, max_drop=3, one_drop=True)
    for _ in range(300):
        drawn = dart.draw(np.ones(40), source)
        assert 1 <= len(drawn) <= 3
        assert (np.diff(drawn) > 0).all()
        seen |= set(drawn.tolist())
    assert seen == set(range(40))


def test_one_drop_chooses_by_weight():
    dart, source = Dart(rate=1e-9, skip=0.0, one_drop=True), rng()
    drawn = [dart.draw(np.array([1.0, 0.0, 3.0]), source)[0] for _ in range(2000)]
    counts = np.bincount(drawn, minlength=3)
    assert counts[1] == 0
    assert abs(counts[2] - 1500) < 100


@pytest.mark.parametrize(
    ("normalize", "expected"),
    [
        ("tree", (1 / 4.1, 4 / 4.1)),
        ("forest", (1 / 1.1, 1 / 1.1)),
        ("paper", (1 / 5, 4 / 5)),
    ],
)
def test_shares_by_hand(normalize, expected):
    assert Dart(normalize=normalize).shares(4, 0.1) == pytest.approx(expected)
    assert Dart(normalize=normalize).shares(0, 0.1) == (1, 1)


# One round by hand.


class Constant:
    """A hypothesis that adds the same number to every row."""

    def __init__(self, value):
        self.value = value

    def contribution(self, state):
        return Dense(np.full((state.table.n_samples, 1), self.value))


def test_a_round_by_hand():
    objective, dart = SquaredError(), Dart(rate=1.0, skip=0.0, weighted=False)
    given = Problem(
        Table(np.zeros((2, 1))),
        np.array([1.0, 3.0]),
        np.ones(2),
        Problem(Table(np.zeros((1, 1))), np.ones(1), np.ones(1)),
    )
    run = method(dart).fit(given, 0, rng())
    state, ensemble = run.state, run.ensemble
    for value, size in ((4.0, 0.5), (10.0, 0.1)):
        ensemble.rounds.append(Round(Constant(value), size))
        for part in state.parts():
            part.raw_prediction += value * size
    state.round, state.ensemble = 2, ensemble
    state.carried[WEIGHTS] = np.array([1.0, 1.0])

    target = Dropout(Newton(), dart)(objective, state)
    # The baseline is 2, both rounds are away: errors 1 and -1.
    np.testing.assert_allclose(target.gradient[:, 0], [1, -1])
    np.testing.assert_allclose(state.raw_prediction[:, 0], [5, 5])

    size = DropoutStep(Shrinkage(0.5), dart)(objective, state, None)
    assert size == pytest.approx(0.5 / 2.5)

    ensemble.rounds.append(Round(Constant(0.0), size))
    before = ensemble.snapshot()
    RescaleDropped()(objective, state, ensemble)
    assert [r.size for r in ensemble.rounds] == pytest.approx([0.4, 0.08, 0.2])
    assert [r.size for r in before.rounds] == pytest.approx([0.5, 0.1, 0.2])
    for part in state.parts():
        np.testing.assert_allclose(part.raw_prediction[:, 0], 2 + 1.6 + 0.8)
    np.testing.assert_allclose(state.carried[WEIGHTS], [0.8, 0.8, 0.4])
    assert set(state.carried) == {WEIGHTS}


def test_the_inner_step_is_made_without_the_dropped_rounds():
    state = method().fit(problem(), 0, rng()).state
    away = np.asfortranarray(rng().normal(size=state.raw_prediction.shape))
    state.carried[DROPPED] = Dropped(np.array([0]), away)
    seen = []

    def step(objective, at, contribution):
        seen.append(at.raw_prediction)
        return 2.0

    size = DropoutStep(step, Dart(normalize="paper"))(SquaredError(), state, None)
    np.testing.assert_array_equal(seen[0], state.raw_prediction - away)
    assert size == 1.0


# Whole fits.


@pytest.mark.parametrize("normalize", ["tree", "forest", "paper"])
@pytest.mark.parametrize("step", [Shrinkage(0.3), CellFit(0.3), LineSearch(0.3)])
def test_raw_predictions_are_those_of_the_rescaled_rounds(normalize, step):
    watch, given = Watch(), problem()
    dart = Dart(0.3, skip=0.2, normalize=normalize)
    run = method(dart, step).fit(given, 25, rng(), [watch])
    assert (run.state.carried[WEIGHTS] < 1).any()
    for ensemble, raw in zip(watch.snapshots, watch.raw, strict=True):
        for table, kept in zip((given.table, given.validation.table), raw, strict=True):
            np.testing.assert_allclose(ensemble.predict(table), kept, rtol=1e-10)


def test_without_a_drop_it_is_plain_boosting():
    X, y = friedman()
    params = {"random_state": 0, "n_estimators": 10, "early_stopping": False}
    plain = GradientBoostingRegressor(**params).fit(X, y)
    none = GradientBoostingRegressor(dropout=Dart(skip=1.0), **params).fit(X, y)
    for one, other in zip(plain.ensemble_.rounds, none.ensemble_.rounds, strict=True):
        assert other.size == one.size


def test_early_stopping_delivers_the_best_round_as_it_was_then():
    X, y = friedman(900)
    model = GradientBoostingRegressor(
        dropout=Dart(0.5, skip=0.0, normalize="paper"),
        learning_rate=1.0,
        n_estimators=60,
        early_stopping=True,
        n_iter_no_change=15,
        keep_all_rounds=True,
        random_state=0,
    )
    model.fit(X[:600], y[:600], X_val=X[600:], y_val=y[600:])
    losses = model.history_["validation_loss"]
    assert model.n_iter_ == np.argmin(losses) < len(losses) - 1
    error = np.mean((model.predict(X[600:]) - y[600:]) ** 2) / 2
    assert error == pytest.approx(losses.min(), rel=1e-9)
    # Later rounds have scaled these in the meantime.
    pairs = zip(model.ensemble_.rounds, model.all_rounds_.rounds, strict=False)
    assert any(then.size != now.size for then, now in pairs)


def test_staged_predictions_have_the_final_sizes():
    X, y = friedman()
    model = GradientBoostingRegressor(
        dropout=EAGER, n_estimators=12, early_stopping=False, random_state=0
    ).fit(X, y)
    stages = list(model.staged_predict(X))
    np.testing.assert_allclose(stages[-1], model.predict(X))
    beginning = model.ensemble_[:5].predict(Table(X))[:, 0]
    np.testing.assert_allclose(stages[4], beginning)


CONFIGURATIONS = {
    "number": {"dropout": 0.3},
    "eager": {"dropout": EAGER},
    "goss": {"dropout": EAGER, "sampling": "goss", "learning_rate": 0.5},
    "refitted": {"dropout": EAGER, "loss": "absolute_error"},
}


def models(name):
    params = CONFIGURATIONS[name] | {"n_estimators": 12, "random_state": 0}
    yield GradientBoostingRegressor(**params), friedman()
    if "loss" not in params:
        yield GradientBoostingClassifier(**params), labelled()


@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_seeds_threads_and_clones_agree(name, early_stopping):
    for model, (X, y) in models(name):
        model.set_params(early_stopping=early_stopping, n_jobs=1)
        hashes = {
            model_hash(each.fit(X, y))
            for each in (model, clone(model), clone(model).set_params(n_jobs=3))
        }
        assert len(hashes) == 1


@pytest.mark.parametrize("name", CONFIGURATIONS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_saved_loaded_and_resumed_models_agree(name, early_stopping, tmp_path):
    for i, (model, (X, y)) in enumerate(models(name)):
        model.set_params(early_stopping=early_stopping, n_iter_no_change=4)
        model.fit(X, y)
        model.save(tmp_path / "model.boostlab")
        loaded = boostlab.load(tmp_path / "model.boostlab")
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
        assert repr(loaded.dropout) == repr(model.dropout)
        path = tmp_path / f"checkpoint{i}"
        for n_estimators in (5, 8, 12):
            resumed = clone(model).set_params(
                n_estimators=n_estimators, callbacks=[Checkpoint(path, every=2)]
            )
            resumed.fit(X, y)
        for one, other in zip(
            resumed.ensemble_.rounds, model.ensemble_.rounds, strict=True
        ):
            np.testing.assert_equal(_numbers(one.size), _numbers(other.size))
        np.testing.assert_array_equal(resumed.predict(X), model.predict(X))


def _numbers(size):
    return getattr(size, "values", size)


def test_an_interrupted_fit_resumes_from_its_last_write(tmp_path):
    X, y = friedman()
    model = GradientBoostingRegressor(
        dropout=EAGER, n_estimators=11, random_state=0, early_stopping=False
    )

    class Interrupt(Watch):
        def after_round(self, run):
            if run.ensemble.n_rounds == 7:
                raise KeyboardInterrupt

    path = tmp_path / "checkpoint"
    cut = clone(model).set_params(callbacks=[Interrupt(), Checkpoint(path, every=2)])
    with pytest.raises(KeyboardInterrupt):
        cut.fit(X, y)
    checkpoint = Checkpoint(path, every=2)
    resumed = clone(model).set_params(callbacks=[checkpoint]).fit(X, y)
    assert checkpoint.resumed_from_ == 6
    assert model_hash(resumed.set_params(callbacks=None)) == model_hash(model.fit(X, y))


# Refusals.


def test_warm_starts_are_refused():
    X, y = friedman(100)
    model = GradientBoostingRegressor(dropout=0.1, warm_start=True)
    with pytest.raises(ValueError, match="a warm start cannot go on"):
        model.fit(X, y)
    generic = BoostingRegressor(
        direction=Dropout(Newton()),
        step=DropoutStep(Shrinkage()),
        corrector="rescale_dropped",
        n_estimators=3,
        warm_start=True,
    ).fit(X, y)
    with pytest.raises(ValueError, match="weights of 0 rounds, but 3 are there"):
        generic.set_params(n_estimators=4).fit(X, y)


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ({"corrector": NoCorrection()}, "with the corrector RescaleDropped"),
        ({"step": Shrinkage()}, "the step DropoutStep"),
        ({"direction": Newton()}, "needs the direction Dropout"),
        ({"direction": Newton(), "step": Shrinkage()}, "the direction Dropout"),
    ],
)
def test_a_missing_piece_is_named(pieces, message):
    with pytest.raises((TypeError, ValueError), match=message):
        replace(method(), **pieces).fit(problem(), 3, rng())


def test_rounds_that_build_on_each_other_are_refused():
    class Chained(Constant):
        def hidden(self, state):
            return None

    class Learner:
        accepts = frozenset({"derivatives"})

        def fit(self, target, state):
            hypothesis = Chained(1.0)
            return hypothesis, hypothesis.contribution(state)

    with pytest.raises(TypeError, match="rounds of Chained that build on each other"):
        method(learner=Learner()).fit(problem(), 3, rng())


@pytest.mark.parametrize(
    ("piece", "error", "message"),
    [
        (Dart(rate=1.5), ValueError, "rate is 1.5"),
        (Dart(skip=-1), ValueError, "skip is -1"),
        (Dart(max_drop=0), ValueError, "max_drop is 0"),
        (Dart(one_drop=1), TypeError, "one_drop is 1; give True or False"),
        (Dart(weighted="no"), TypeError, "weighted is 'no'"),
        (Dart(normalize="mean"), ValueError, "give 'tree', 'forest' or 'paper'"),
        (Dropout("newton"), TypeError, "direction of Dropout is 'newton'"),
        (Dropout(Newton(), 0.1), TypeError, "dart is 0.1"),
        (Dropout(Sampled(Newton(), GOSS(2))), ValueError, "sum to more than 1"),
        (DropoutStep("shrinkage"), TypeError, "step of DropoutStep is 'shrinkage'"),
        (DropoutStep(Shrinkage(0)), ValueError, "learning_rate is 0"),
    ],
)
def test_faulty_parameters_are_refused(piece, error, message):
    with pytest.raises(error, match=message):
        piece.validate()


@pytest.mark.parametrize("dropout", [-0.1, 1.2, "yes", Dart, Dart(rate=2), None, True])
def test_estimators_refuse_what_is_no_rate(dropout):
    X, y = friedman(60)
    with pytest.raises(ValueError, match=r"dropout is|rate is 2"):
        GradientBoostingRegressor(dropout=dropout).fit(X, y)


def test_generic_classifier_takes_the_pieces():
    X, y = labelled()
    model = BoostingClassifier(
        direction=Dropout(Sampled(Newton(), GOSS())),
        step=DropoutStep(Shrinkage(0.3)),
        corrector="rescale_dropped",
        n_estimators=30,
        random_state=0,
    )
    assert model.fit(X, y).score(X, y) > 0.8
