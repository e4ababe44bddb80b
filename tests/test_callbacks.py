import io
import logging
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone

from boostlab import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from boostlab.boosting import Boosting
from boostlab.callbacks import (
    BaseMonitor,
    Checkpoint,
    EarlyStopping,
    History,
    Progress,
    TimeBudget,
)
from boostlab.callbacks.fingerprint import describe
from boostlab.callbacks.generator import generator_from, generator_state
from boostlab.correctors import NoCorrection
from boostlab.data import Table
from boostlab.directions import Newton
from boostlab.estimators.voting_recipes import RECIPES
from boostlab.learners import Linear
from boostlab.learners.tree import Tree
from boostlab.objectives import SquaredError
from boostlab.persistence import (
    ModelFileError,
    model_hash,
    read_archive,
    write_archive,
)
from boostlab.samplers import RowsAndColumns
from boostlab.state import Ensemble, Problem, Round, Run
from boostlab.steps import Shrinkage
from boostlab.updates import AddToPrediction


class Scripted:
    """An objective whose losses are written down beforehand."""

    def __init__(self, training, validation):
        self.training = training
        self.validation = validation

    def loss(self, state):
        return state.losses[len(state.ensemble.rounds)]


def run_script(monitors, validation, training=None, n_rounds=None):
    """Return a finished run over rounds whose losses are given."""
    training = validation if training is None else training
    ensemble = Ensemble(np.zeros(1), AddToPrediction())
    held_out = validation and SimpleNamespace(losses=validation, ensemble=ensemble)
    state = SimpleNamespace(
        losses=training,
        ensemble=ensemble,
        validation=held_out,
        rng=np.random.default_rng(0),
    )
    n_rounds = len(training) - 1 if n_rounds is None else n_rounds
    boosting = SimpleNamespace(objective=Scripted(training, validation))
    run = Run(boosting, state, ensemble, n_rounds)
    for monitor in monitors:
        monitor.begin(run)
    stop = False
    while not stop and len(ensemble.rounds) < n_rounds:
        ensemble.rounds.append(Round(None, 1.0))
        stop = any([monitor.after_round(run) for monitor in monitors])
    for monitor in monitors:
        monitor.end(run)
    return run


def test_early_stopping_stops_after_patience_and_keeps_the_best():
    stopping = EarlyStopping(n_iter_no_change=2, tol=0)
    run = run_script([stopping], [5, 4, 3, 3.5, 3.2, 1, 0])
    assert run.ensemble.n_rounds == 4
    assert run.best.n_rounds == stopping.best_round_ == 2
    assert stopping.best_loss_ == 3
    assert stopping.stopped_
    assert stopping.losses_ == [5, 4, 3, 3.5, 3.2]


def test_early_stopping_takes_the_earliest_of_equal_rounds():
    run = run_script([EarlyStopping(10, 0)], [5, 3, 3, 3])
    assert run.best.n_rounds == 1


def test_the_start_may_be_the_best():
    run = run_script([EarlyStopping(3)], [1, 2, 3, 4, 5])
    assert run.best.n_rounds == 0
    assert run.ensemble.n_rounds == 3


def test_tolerance_counts_for_patience_and_not_for_the_best():
    stopping = EarlyStopping(n_iter_no_change=3, tol=0.1)
    run = run_script([stopping], [5.0, 4.9, 4.8, 4.7, 4.6, 4.4])
    assert run.ensemble.n_rounds == 3
    assert run.best.n_rounds == 3


def test_slow_gains_that_add_up_count():
    run = run_script([EarlyStopping(3, tol=0.05)], [5.0, 4.9, 4.8, 4.7, 4.6, 4.4])
    assert run.ensemble.n_rounds == 5


@pytest.mark.parametrize("unit", [1.0, 1e-12, 1e12])
def test_patience_does_not_depend_on_the_unit_of_the_loss(unit):
    losses = [unit * x for x in (5.0, 4.9, 4.8, 4.79, 4.78, 4.77, 1.0)]
    run = run_script([EarlyStopping(3, tol=0.01)], losses)
    assert run.ensemble.n_rounds == 5


def test_what_the_caller_watches_has_its_own_unit():
    losses = iter([0.0, -1.0, -1.4, -1.8, -2.2, -9.0])
    own = EarlyStopping(2, tol=0.5, loss=lambda run: next(losses))
    assert run_script([own], [6, 5, 4, 3, 2, 1]).ensemble.n_rounds == 5


def test_patience_where_the_start_is_infinite():
    run = run_script([EarlyStopping(2, tol=0.5)], [math.inf, 5.0, 4.8, 4.7, 1.0])
    assert run.ensemble.n_rounds == 3


def test_a_loss_that_is_not_a_number_is_never_the_best():
    stopping = EarlyStopping(2)
    run = run_script([stopping], [math.nan, math.nan, 7, math.nan, math.nan, 1])
    assert run.best.n_rounds == 2
    assert run.ensemble.n_rounds == 4


def test_early_stopping_watches_training_rows_without_others_and_any_function():
    run = run_script([EarlyStopping(1)], None, training=[3, 2, 4, 1])
    assert run.best.n_rounds == 1
    own = EarlyStopping(1, loss=lambda run: abs(run.ensemble.n_rounds - 2))
    assert run_script([own], [3, 2, 1, 0, -1]).best.n_rounds == 2


def test_all_monitors_are_called_on_the_stopping_round():
    first, last = EarlyStopping(1), History()
    run_script([first, last], [1, 2, 3])
    assert last.validation_loss_ == [1, 2]


def test_history():
    both, held_out = History(), History(training=False)
    run_script([both, held_out], [3, 2, 1], training=[6, 5, 4])
    assert both.training_loss_ == [6, 5, 4]
    assert both.validation_loss_ == held_out.validation_loss_ == [3, 2, 1]
    assert held_out.training_loss_ == []


def test_a_monitor_starts_anew_in_every_fit():
    stopping = EarlyStopping(2)
    first = run_script([stopping], [3, 2, 1, 2, 2])
    second = run_script([stopping], [3, 2, 1, 2, 2])
    assert first.best.n_rounds == second.best.n_rounds == 2
    assert stopping.losses_ == [3, 2, 1, 2, 2]


def test_time_budget(monkeypatch):
    clock = iter([10.0, 11.0, 12.0, 13.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    budget = TimeBudget(2)
    assert run_script([budget], [5, 4, 3, 2, 1]).ensemble.n_rounds == 2
    assert budget.stopped_
    assert budget.seconds_ == 2
    with pytest.raises(ValueError, match="seconds is 0"):
        TimeBudget(0).begin(None)


def test_progress_goes_to_the_logger(caplog):
    with caplog.at_level(logging.INFO, logger="boostlab"):
        run_script([Progress(every=2)], [3, 2, 1, 0], training=[6, 5, 4, 3])
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("round 2 of 3: training loss 4, held-out loss 1, ")
    assert lines[1].startswith("round 3 of 3: training loss 3, held-out loss 0, ")
    assert lines[2].startswith("ended after 3 rounds")
    assert len(lines) == 3


def test_progress_is_seen_where_logging_is_not_set_up(monkeypatch, capsys):
    logger = logging.Logger("alone")
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    run_script([Progress(logger=logger)], [3, 2])
    assert "round 1 of 1" in stream.getvalue()
    assert not logger.handlers, "the temporary handler is gone"
    assert logger.level == logging.NOTSET
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kind", ["PCG64", "MT19937", "Philox", "SFC64"])
def test_generator_goes_on_where_it_was(kind):
    rng = np.random.Generator(getattr(np.random, kind)(3))
    rng.random(5)
    rng.integers(10, dtype=np.uint32)
    rng.spawn(2)
    twin = generator_from(generator_state(rng))
    np.testing.assert_array_equal(rng.random(7), twin.random(7))
    np.testing.assert_array_equal(rng.spawn(1)[0].random(3), twin.spawn(1)[0].random(3))


@pytest.mark.parametrize(
    "damage",
    [
        {"bit_generator": {"bit_generator": "os"}},
        {"bit_generator": 3},
        {"entropy": "x"},
        {"spawn_key": None},
        {"n_children_spawned": -1},
    ],
)
def test_damaged_generator_is_refused(damage):
    state = generator_state(np.random.default_rng(0)) | damage
    with pytest.raises(ValueError, match="random generator is damaged"):
        generator_from(state)


def test_description_of_pieces_is_the_same_in_every_process():
    code = (
        "from boostlab.callbacks.fingerprint import describe;"
        "from boostlab.learners import External, Linear;"
        "from sklearn.tree import DecisionTreeRegressor;"
        "print(describe([External(DecisionTreeRegressor(max_depth=3)), len, Linear()]))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(outputs) == 1
    assert "max_depth" in outputs.pop()
    assert describe(Linear(alpha=1.0)) != describe(Linear(alpha=2.0))
    assert describe(np.zeros(2)) != describe(np.ones(2))
    assert describe({"a": np.float64(1)}) == describe({"a": 1.0})


# Checkpoints


def data(n=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, X[:, 0] + X[:, 0] * X[:, 1] + 0.5 * rng.normal(size=n)


class CutOffError(Exception):
    """Ends a fit in an uncontrolled way."""


class Interrupt(BaseMonitor):
    """Raise after some rounds, as a user or a fault would."""

    def __init__(self, after):
        self.after = after

    def after_round(self, run):
        if run.ensemble.n_rounds == self.after:
            raise CutOffError
        return False


PARAMS = {
    "n_estimators": 25,
    "subsample": 0.7,
    "max_features": 0.5,
    "early_stopping": True,
    "n_iter_no_change": 30,
    "random_state": 1,
}


def checkpointed(path, *others, every=4, **params):
    callbacks = [Checkpoint(path, every), *others]
    return GradientBoostingRegressor(callbacks=callbacks, **(PARAMS | params))


@pytest.mark.parametrize("after", [1, 4, 7, 25])
def test_an_interrupted_fit_resumes_to_the_same_model(tmp_path, after):
    X, y = data()
    whole = GradientBoostingRegressor(**PARAMS).fit(X, y)
    path = tmp_path / "fit.ckpt"
    with pytest.raises(CutOffError):
        checkpointed(path, Interrupt(after)).fit(X, y)
    resumed = checkpointed(path).fit(X, y)
    # The interrupting monitor came before the checkpoint saw that round.
    assert resumed.callbacks[0].resumed_from_ == after - 1
    assert model_hash(resumed) == model_hash(whole)
    assert resumed.n_iter_ == whole.n_iter_
    for name, curve in whole.history_.items():
        np.testing.assert_array_equal(resumed.history_[name], curve)
    assert resumed.generator_state_ == whole.generator_state_


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("algorithm", RECIPES)
def test_an_interrupted_fit_of_votes_resumes_to_the_same_model(
    tmp_path, algorithm, early_stopping
):
    X, y = data(150)
    y = (y > 0).astype(int)
    model = AdaBoostClassifier(
        algorithm=algorithm,
        n_estimators=12,
        max_depth=2,
        early_stopping=early_stopping,
        n_iter_no_change=30,
        target_error=0.2,
        random_state=1,
    )
    whole = clone(model).fit(X, y)
    path = tmp_path / "fit.ckpt"

    def saving(*others):
        return clone(model).set_params(callbacks=[Checkpoint(path, 2), *others])

    with pytest.raises(CutOffError):
        saving(Interrupt(3)).fit(X, y)
    resumed = saving()
    resumed.fit(X, y)
    # What pieces carry cannot be replayed: the file is that of the second round.
    assert resumed.callbacks[0].resumed_from_ == 2
    assert model_hash(resumed) == model_hash(whole)
    assert resumed.stop_reason_ == whole.stop_reason_
    np.testing.assert_array_equal(resumed.weak_learner_edge_, whole.weak_learner_edge_)
    again = saving(Interrupt(1)).fit(X, y)
    assert model_hash(again) == model_hash(whole)
    assert again.stop_reason_ == whole.stop_reason_


class FailsInRound(Tree):
    """A learner that breaks down after it has been used some times."""

    calls = 0

    def fit(self, target, state):
        FailsInRound.calls += 1
        if FailsInRound.calls == 7:
            target.gradient[:] = np.nan
            raise MemoryError
        return super().fit(target, state)


def problem(n=50):
    X, y = data(n)
    return Problem(Table(X), y, np.ones(n))


def boosting(learner):
    return Boosting(
        SquaredError(),
        Newton(),
        learner,
        Shrinkage(0.3),
        AddToPrediction(),
        NoCorrection(),
        RowsAndColumns(0.8),
    )


def test_without_an_estimator_and_after_a_fault_within_a_round(tmp_path):
    FailsInRound.calls = 0
    path = tmp_path / "loop.ckpt"
    pieces = boosting(FailsInRound(max_leaf_nodes=4))
    with pytest.raises(MemoryError):
        pieces.fit(problem(), 12, np.random.default_rng(0), [Checkpoint(path, 4)])
    checkpoint = Checkpoint(path, 4)
    resumed = pieces.fit(problem(), 12, np.random.default_rng(0), [checkpoint])
    assert checkpoint.resumed_from_ == 6
    whole = pieces.fit(problem(), 12, np.random.default_rng(0))
    np.testing.assert_array_equal(
        resumed.state.raw_prediction, whole.state.raw_prediction
    )
    assert model_hash(resumed.ensemble) == model_hash(whole.ensemble)


def test_a_finished_fit_returns_at_once_and_can_be_prolonged(tmp_path):
    X, y = data()
    path = tmp_path / "fit.ckpt"
    params = {"early_stopping": False}
    first = checkpointed(path, **params).fit(X, y)
    before = path.stat().st_mtime_ns
    again = checkpointed(path, Interrupt(1), **params).fit(X, y)
    assert model_hash(again) == model_hash(first)
    assert path.stat().st_mtime_ns == before
    longer = checkpointed(path, n_estimators=40, **params).fit(X, y)
    whole = GradientBoostingRegressor(**(PARAMS | params | {"n_estimators": 40}))
    assert model_hash(longer) == model_hash(whole.fit(X, y))
    with pytest.raises(ModelFileError, match="40 rounds, more than the 30 asked for"):
        checkpointed(path, n_estimators=30, **params).fit(X, y)


def test_a_fit_that_stopped_early_is_finished(tmp_path):
    X, y = data()
    path = tmp_path / "fit.ckpt"
    params = {"n_estimators": 200, "n_iter_no_change": 3}
    first = checkpointed(path, **params).fit(X, y)
    n_run = len(first.validation_score_) - 1
    assert n_run < 200
    again = checkpointed(path, Interrupt(n_run + 1), **params).fit(X, y)
    assert model_hash(again) == model_hash(first)
    assert len(again.validation_score_) - 1 == n_run


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"learning_rate": 0.2}, "the pieces or their parameters"),
        ({"max_leaf_nodes": 5}, "the pieces or their parameters"),
        ({"loss": "huber"}, "the pieces or their parameters"),
        ({"random_state": 2}, "the training rows.*held-out rows.*the random state"),
        ({"early_stopping": False}, "callbacks that keep a state"),
    ],
)
def test_a_checkpoint_of_another_fit_is_refused(tmp_path, change, words):
    X, y = data()
    path = tmp_path / "fit.ckpt"
    checkpointed(path).fit(X, y)
    with pytest.raises(ModelFileError, match=f"is of another fit.*{words}"):
        checkpointed(path, **change).fit(X, y)


def test_a_checkpoint_of_other_data_is_refused(tmp_path):
    X, y = data()
    path = tmp_path / "fit.ckpt"
    checkpointed(path, early_stopping=False).fit(X, y)
    other = X.copy()
    other[3, 2] = np.nan
    weight = np.ones(len(y))
    weight[7] = 1.5
    for case in ((other, y), (X, y + 1e-9), (X, y, weight)):
        with pytest.raises(ModelFileError, match="training rows, targets or weights"):
            checkpointed(path, early_stopping=False).fit(*case)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    X, y = data()
    path = tmp_path / "model.boostlab"
    GradientBoostingRegressor(n_estimators=2).fit(X, y).save(path)
    with pytest.raises(ModelFileError, match="a model and not a checkpoint"):
        checkpointed(path).fit(X, y)
    path.write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(ModelFileError, match="cannot be loaded"):
        checkpointed(path).fit(X, y)


def test_damaged_checkpoints_are_refused(tmp_path):
    X, y = data()
    path = tmp_path / "fit.ckpt"
    checkpointed(path).fit(X, y)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        if rng.random() < 0.3:
            damaged = damaged[: rng.integers(1, len(whole))]
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(len(damaged))] = rng.integers(256)
        path.write_bytes(damaged)
        with suppress(ModelFileError):
            checkpointed(path).fit(X, y)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"monitors": 3}, "list of callbacks is malformed"),
        ({"monitors": [["History", {}], ["EarlyStopping", {}]]}, "no usable state"),
        ({"monitors": [["History", 1], ["EarlyStopping", 1]]}, "no usable state"),
        ({"carried": [1, 2]}, "what it carries"),
        ({"generator": {}}, "random generator is damaged"),
        ({"best": 99}, "best round 99"),
        ({"best": "x"}, "ensemble part"),
        ({"fingerprint": None}, "of another fit"),
        ({"extra": 1}, "checkpoint part"),
    ],
)
def test_edited_checkpoints_are_refused(tmp_path, spoil, words):
    X, y = data()
    path = tmp_path / "fit.ckpt"
    checkpointed(path).fit(X, y)
    content, arrays = read_archive(path)
    write_archive(path, content | spoil, arrays)
    with pytest.raises(ModelFileError, match=words):
        checkpointed(path).fit(X, y)


def test_rounds_of_another_shape_are_refused(tmp_path):
    X, y = data()
    path, other = tmp_path / "fit.ckpt", tmp_path / "other.ckpt"
    checkpointed(path).fit(X, y)
    checkpointed(other).fit(X[:, :2], y)
    content, arrays = read_archive(path)
    rounds, foreign = read_archive(other)
    content["ensemble"] = rounds["ensemble"]
    arrays = {k: v for k, v in arrays.items() if not k.startswith("ensemble/")}
    arrays |= {k: v for k, v in foreign.items() if k.startswith("ensemble/")}
    write_archive(path, content, arrays)
    with pytest.raises(ModelFileError, match="reads 2 features, but the table has 4"):
        checkpointed(path).fit(X, y)


class Carries(Linear):
    """A learner that carries an array and a number from round to round."""

    def fit(self, target, state):
        carried = state.carried
        carried.setdefault("momentum", np.zeros(len(state.y)))
        carried["momentum"] = 0.5 * carried["momentum"] + target.gradient[:, 0]
        carried["count"] = carried.get("count", 0) + 1
        target.gradient[:, 0] += 0.1 * carried["momentum"] / carried["count"]
        return super().fit(target, state)


def test_what_is_carried_is_resumed(tmp_path):
    path = tmp_path / "loop.ckpt"
    pieces = boosting(Carries())
    pieces.fit(problem(), 6, np.random.default_rng(0), [Checkpoint(path, 2)])
    rng = np.random.default_rng(0)
    resumed = pieces.fit(problem(), 9, rng, [Checkpoint(path, 2)])
    whole = pieces.fit(problem(), 9, np.random.default_rng(0))
    assert resumed.state.carried["count"] == 9
    assert model_hash(resumed.ensemble) == model_hash(whole.ensemble)


class CarriesAnObject(Linear):
    def fit(self, target, state):
        state.carried["net"] = object()
        return super().fit(target, state)


def test_what_cannot_be_stored_is_named(tmp_path):
    monitors = [Checkpoint(tmp_path / "loop.ckpt", 2)]
    with pytest.raises(TypeError, match=r"carried\['net'\] is a object"):
        boosting(CarriesAnObject()).fit(
            problem(), 4, np.random.default_rng(0), monitors
        )


KILLED = """
    import sys, time
    import numpy as np
    from boostlab import GradientBoostingClassifier
    from boostlab.callbacks import BaseMonitor, Checkpoint

    class Slow(BaseMonitor):
        def after_round(self, run):
            print(run.ensemble.n_rounds, flush=True)
            time.sleep(0.02)

    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    y = np.array(["a", "b", "c"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)]
    model = GradientBoostingClassifier(
        n_estimators=60, subsample=0.8, early_stopping=True, n_iter_no_change=60,
        random_state=3, callbacks=[Slow(), Checkpoint(sys.argv[1], every=3)],
    )
    model.fit(X, y).save(sys.argv[2])
"""


@pytest.mark.skipif(os.name != "posix", reason="kills by a signal")
def test_killed_in_mid_fit_and_resumed(tmp_path):
    from boostlab import load

    script = tmp_path / "fit.py"
    script.write_text(textwrap.dedent(KILLED))

    def start(checkpoint, model):
        command = [sys.executable, script, tmp_path / checkpoint, tmp_path / model]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    whole = start("whole.ckpt", "whole.boostlab")
    # Killed twice, at rounds that are no multiple of what is written.
    for rounds in (11, 23):
        killed = start("cut.ckpt", "cut.boostlab")
        for line in killed.stdout:
            if int(line) >= rounds:
                killed.send_signal(signal.SIGKILL)
                break
        killed.stdout.close()
        assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "cut.boostlab").exists()
    resumed = start("cut.ckpt", "cut.boostlab")
    first = int(resumed.stdout.readline())
    assert first > 20, "it resumed"
    resumed.communicate()
    whole.communicate()
    assert whole.returncode == resumed.returncode == 0
    models = [load(tmp_path / f"{name}.boostlab") for name in ("whole", "cut")]
    assert model_hash(models[0]) == model_hash(models[1])
    assert (tmp_path / "whole.ckpt").read_bytes() == (
        tmp_path / "cut.ckpt"
    ).read_bytes()


# Callbacks of scikit-learn 1.9


class Recorder:
    """A callback by scikit-learn's protocol that stops after some rounds."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.events = []
        self.scores = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, fitted_estimator=None
    ):
        self.events.append(f"end {context.task_name}")
        if context.task_name == "round":
            assert fitted_estimator.n_iter_ == context.task_id + 1
            self.scores.append(fitted_estimator.score(X, y))
        return context.task_name == "round" and context.task_id + 1 == self.stop_after


needs_callbacks = pytest.mark.skipif(
    not hasattr(GradientBoostingRegressor, "set_callbacks"),
    reason="scikit-learn before 1.9",
)


@needs_callbacks
def test_public_callbacks_see_every_round_and_stop_at_once():
    X, y = data()
    recorder = Recorder(stop_after=3)
    model = GradientBoostingRegressor(n_estimators=10, random_state=0)
    model.set_callbacks(recorder).fit(X, y)
    assert model.n_iter_ == 3
    rounds = ["begin round", "end round"] * 3
    assert recorder.events == ["setup", "begin fit", *rounds, "end fit", "teardown"]
    stages = [np.array(stage) for stage in model.staged_predict(X)]
    mean = ((y - y.mean()) ** 2).sum()
    expected = [1 - ((y - stage) ** 2).sum() / mean for stage in stages]
    np.testing.assert_allclose(recorder.scores, expected)


@needs_callbacks
def test_public_callbacks_with_our_own_stopping():
    X, y = data()
    recorder = Recorder()
    stopping = EarlyStopping(2, loss=lambda run: abs(run.ensemble.n_rounds - 4))
    model = GradientBoostingRegressor(callbacks=[stopping], random_state=0)
    model.set_callbacks(recorder).fit(X, y)
    assert model.n_iter_ == 4
    assert recorder.events.count("begin round") == recorder.events.count("end round")
    assert recorder.events.count("end round") == 6


class StopsUnannounced:
    def begin(self, run): ...

    def after_round(self, run):
        return run.ensemble.n_rounds == 2

    def end(self, run): ...


@needs_callbacks
def test_every_task_that_begins_ends():
    X, y = data()
    recorder = Recorder()
    recorder.on_fit_task_end = lambda estimator, context: recorder.events.append(
        f"end {context.task_name}"
    )
    model = GradientBoostingRegressor(callbacks=[StopsUnannounced()])
    model.set_callbacks(recorder).fit(X, y)
    assert model.n_iter_ == 2
    assert recorder.events.count("begin round") == recorder.events.count("end round")
    assert recorder.events[-2:] == ["end fit", "teardown"]


@needs_callbacks
def test_teardown_after_a_fault():
    X, y = data()
    recorder = Recorder()
    model = GradientBoostingRegressor(callbacks=[Interrupt(2)])
    with pytest.raises(CutOffError):
        model.set_callbacks(recorder).fit(X, y)
    assert recorder.events[-1] == "teardown"
    assert "end fit" not in recorder.events


@needs_callbacks
def test_progress_bar_and_scoring_monitor(capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar, ScoringMonitor

    X, y = data()
    monitor = ScoringMonitor(scoring="accuracy")
    model = GradientBoostingClassifier(n_estimators=5)
    model.set_callbacks(ProgressBar(), monitor).fit(X, y > 0)
    log = monitor.get_logs().data
    assert len([row for row in log if row["task_name"] == "round"]) == 5
    assert log[-1]["accuracy"] > 0.6
    assert "GradientBoostingClassifier" in capsys.readouterr().out


@needs_callbacks
def test_public_callbacks_with_warm_start_and_checkpoint(tmp_path):
    X, y = data()
    recorder = Recorder()
    model = GradientBoostingRegressor(n_estimators=4, warm_start=True, random_state=0)
    model.fit(X, y)
    model.set_params(n_estimators=6)
    model.callbacks = [Checkpoint(tmp_path / "fit.ckpt")]
    recorder.on_fit_task_end = lambda estimator, context: recorder.events.append("end")
    model.set_callbacks(recorder).fit(X, y)
    assert recorder.events.count("begin round") == 2
    assert model.n_iter_ == 6
