import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from boostlab.sweeps.run import Pace, default_workers, pending_cells, run
from boostlab.sweeps.store import Store

TOLD = """
[datasets]
use = ["sklearn:diabetes"]
[methods.told]
method = "sweep_methods.Told"
params = {{ {params} }}
[methods.dummy]
[protocol]
folds = {folds}
"""


def told(folds=3, **params):
    written = ", ".join(f"{key} = {value!r}" for key, value in params.items())
    return TOLD.format(params=written, folds=folds)


@pytest.fixture
def command(tmp_path, methods_folder, write):
    """Start ``boostlab sweep`` on a declaration in a process of its own."""
    started = []

    def command(text, folder="results", *options):
        path = write(text)
        where = [str(path), "--out", str(tmp_path / folder), *options]
        paths = [str(methods_folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        process = subprocess.Popen(
            [sys.executable, "-m", "boostlab.sweeps.command", "sweep", *where],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield command
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def wait_for_cells(folder, n_cells, process):
    """Wait until the folder holds so many cells and the sweep is still under way."""
    deadline = time.monotonic() + 60
    while len(list(folder.glob("cells/*.parquet"))) < n_cells:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stamps(folder):
    """When the files of each finished cell were written."""
    return {
        cell.stem: [
            (folder / kind / cell.name).stat().st_mtime_ns
            for kind in ("cells", "predictions")
            if (folder / kind / cell.name).exists()
        ]
        for cell in folder.glob("cells/*.parquet")
    }


def fits(log):
    return log.read_text().splitlines()


def test_a_killed_sweep_goes_on_and_redoes_no_finished_cell(
    command, tmp_path, plan_of, methods_folder
):
    log = tmp_path / "log"
    text = told(folds=12, log=str(log), seconds=0.15)
    folder = tmp_path / "results"
    process = command(text, "results", "--n-jobs", "2")
    wait_for_cells(folder, 7, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = stamps(folder)
    n_fits = len(fits(log))
    assert 7 <= len(list(folder.glob("cells/*.parquet"))) < 24

    output, _ = (process := command(text, "results", "--n-jobs", "2")).communicate()
    assert process.returncode == 0, output
    after = stamps(folder)
    assert {cell_id: after[cell_id] for cell_id in before} == before
    store = Store(folder)
    plan = plan_of(text)
    rows = store.rows(c.id for c in plan.cells)
    assert (rows["status"] == "finished").sum() == 24
    assert pending_cells(plan.cells, store) == []
    # Only the two cells that were under way may have been fitted twice.
    assert 12 <= len(fits(log)) <= 14
    assert len(set(fits(log))) == 12
    assert n_fits < 12
    assert (folder / "report.html").is_file()


def test_control_c_keeps_finished_cells_and_says_how_to_go_on(command, tmp_path):
    folder = tmp_path / "results"
    process = command(told(folds=20, seconds=0.3), "results", "--n-jobs", "2")
    wait_for_cells(folder, 3, process)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130, output
    assert "goes on" in output
    assert "Traceback" not in output
    ids = [path.stem for path in folder.glob("cells/*.parquet")]
    assert len(Store(folder).rows()) == len(ids) >= 3


def test_two_sweeps_may_share_a_folder(command, tmp_path, plan_of):
    text = told(folds=8, seconds=0.05)
    pair = [command(text, "results", "--n-jobs", "1") for _ in range(2)]
    for process in pair:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
    folder = tmp_path / "results"
    rows = Store(folder).rows()
    assert len(rows) == 16
    assert (rows["status"] == "finished").all()
    assert not list(folder.glob("*/.*"))


def test_failures_are_rows_and_retried_on_request_only(
    plan_of, finish, methods_folder, tmp_path
):
    trouble, log = tmp_path / "trouble", tmp_path / "log"
    trouble.touch()
    plan = plan_of(told(fails_with=str(trouble), log=str(log)))
    store = finish(plan)
    rows = store.rows()
    failed = rows[rows["status"] == "failed"]
    assert len(failed) == 3
    assert (rows["status"] == "finished").sum() == 3
    assert set(failed["error"]) == {"ValueError: asked to <fail>"}
    assert "in fit" in failed["traceback"].iloc[0]
    assert failed["fit_seconds"].isna().all()

    trouble.unlink()
    before = stamps(store.folder)
    finish(plan)
    assert stamps(store.folder) == before
    assert len(fits(log)) == 3

    finish(plan, retry_failed=True)
    rows = store.rows()
    assert (rows["status"] == "finished").all()
    assert len(fits(log)) == 6
    dummies = rows[rows["method"] == "dummy"].index
    after = stamps(store.folder)
    assert all(after[cell_id] == before[cell_id] for cell_id in dummies)


def test_a_cell_that_takes_its_process_along_is_found(
    plan_of, methods_folder, tmp_path
):
    trouble = tmp_path / "trouble"
    trouble.touch()
    plan = plan_of(told(folds=2, dies_with=str(trouble)))
    store, seen = Store(tmp_path / "results"), []
    run(list(plan.cells), store, 2, seen.append)
    rows = store.rows()
    assert len(seen) == 4
    assert set(rows.loc[rows["method"] == "dummy", "status"]) == {"finished"}
    died = rows[rows["method"] == "told"]
    assert set(died["status"]) == {"failed"}
    assert rows["environment"].nunique() == 1
    assert died["error"].str.contains("process died").all()


def test_threads_give_what_processes_give(plan_of, tmp_path):
    plan = plan_of("""
    [datasets]
    use = ["sklearn:iris"]
    [methods.dummy]
    [methods.tree]
    method = "sklearn.tree.DecisionTreeClassifier"
    [protocol]
    folds = 2
    """)
    frames = []
    for backend, n_jobs in [("threads", 2), ("processes", 1)]:
        store = Store(tmp_path / backend)
        run(list(plan.cells), store, n_jobs, lambda finished: None, backend)
        frames.append(store.rows()["score_log_loss"].sort_index())
    np.testing.assert_array_equal(*frames)
    assert len(frames[0]) == 4


def test_strings_and_holes_reach_every_method(plan_of, finish, local_data):
    plan = plan_of("""
    [datasets]
    use = ["local:people", "local:prices", "local:kinds"]
    [methods.boostlab]
    params = { n_estimators = 5, min_samples_leaf = 2, early_stopping = false }
    [methods.hist_gradient_boosting]
    params = { max_iter = 10, min_samples_leaf = 2 }
    [methods.xgboost]
    params = { n_estimators = 10 }
    [methods.lightgbm]
    params = { n_estimators = 10 }
    [methods.catboost]
    params = { n_estimators = 10 }
    [methods.forest]
    regressor = "sklearn.ensemble.RandomForestRegressor"
    classifier = "sklearn.ensemble.RandomForestClassifier"
    params = { n_estimators = 5 }
    [methods.linear]
    regressor = "sklearn.linear_model.Ridge"
    classifier = "sklearn.linear_model.LogisticRegression"
    encoding = "onehot"
    [methods.bare]
    regressor = "sklearn.linear_model.Ridge"
    classifier = "sklearn.linear_model.LogisticRegression"
    classification = { max_iter = 1000 }
    [methods.dummy]
    [protocol]
    folds = 2
    """)
    rows = finish(plan).rows()
    failed = rows[rows["status"] == "failed"]
    assert failed.empty, failed[["method", "dataset", "error"]].to_string()
    # The town decides, and a tenth of the towns is missing.
    mean = rows.groupby(["dataset", "method"])["score_accuracy"].mean()
    for dataset in ("local:people", "local:kinds"):
        for method in ("linear", "forest", "boostlab", "hist_gradient_boosting"):
            assert mean[dataset, method] > mean[dataset, "dummy"] + 0.1, method


def test_rows_are_sampled_and_recorded(plan_of, finish):
    plan = plan_of("""
    [datasets]
    use = ["sklearn:iris"]
    [methods.dummy]
    [protocol]
    folds = 2
    max_rows = 60
    """)
    store = finish(plan)
    rows = store.rows()
    assert set(rows["max_rows"]) == {60}
    assert set(rows["n_train"] + rows["n_test"]) == {60}


def test_a_class_that_the_training_fold_lacks_gets_no_probability(
    plan_of, finish, local_data
):
    import pandas as pd

    frame = pd.DataFrame(
        {"x": np.arange(41.0), "bought": ["a"] * 20 + ["b"] * 20 + ["c"]}
    )
    frame.to_parquet(local_data / "people.parquet")
    plan = plan_of("""
    [datasets]
    use = ["local:people"]
    [methods.hist_gradient_boosting]
    [methods.dummy]
    [protocol]
    folds = 2
    """)
    store = finish(plan)
    rows = store.rows()
    assert (rows["status"] == "finished").all(), rows["error"].tolist()
    shapes = {store.predictions(i).values.shape[1] for i in rows.index}
    assert shapes == {3}
    # The row of class c is certain to be missed once.
    assert rows.groupby("method")["score_log_loss"].max().min() > 1


def test_a_classifier_without_probabilities_fails_with_a_sentence(plan_of, finish):
    plan = plan_of("""
    [datasets]
    use = ["sklearn:iris"]
    [methods.svm]
    method = "sklearn.linear_model.RidgeClassifier"
    [protocol]
    folds = 2
    """)
    rows = finish(plan).rows()
    assert rows["error"].str.contains("has no predict_proba").all()


def test_data_that_changes_under_way_is_not_used(plan_of, finish, local_data):
    plan = plan_of("""
    [datasets]
    use = ["local:people"]
    [methods.dummy]
    [protocol]
    folds = 2
    """)
    file = local_data / "people.parquet"
    file.write_bytes((local_data / "kinds.parquet").read_bytes())
    rows = finish(plan).rows()
    assert set(rows["status"]) == {"failed"}


def test_workers_fill_the_machine():
    assert default_workers(10**6) == 1
    assert default_workers(1) >= 1


def test_pace_guesses_from_the_like(plan_of):
    cells = plan_of("""
    [datasets]
    use = ["sklearn:iris", "sklearn:digits"]
    [methods.dummy]
    [methods.hist_gradient_boosting]
    [protocol]
    folds = 2
    """).cells
    named = {(c.dataset_name, c.method.name, c.fold): c for c in cells}
    iris, digits = (named[name, "dummy", 0] for name in ("iris", "digits"))
    pace = Pace(list(cells), n_jobs=1)
    assert pace.seconds_left() is None
    pace.finished(iris.id, 2.0)
    # Everything else is guessed by its size, the other fold of iris by this one.
    ratio = digits.size / iris.size
    assert pace.seconds_left() == pytest.approx(2 * (1 + 2 + 4 * ratio))
    pace.finished(digits.id, 3.0)
    same = 2.0 + 3.0
    speed = 5.0 / (iris.size + digits.size)
    hist = 2 * speed * (iris.size + digits.size)
    assert pace.seconds_left() == pytest.approx(same + hist)
    pace.finished(named["iris", "hist_gradient_boosting", 0].id, 0.0)
    left = same + hist - speed * iris.size
    assert pace.seconds_left() == pytest.approx(left)
