import os

import numpy as np
import pytest

from boostlab.sweeps.metrics import METRICS, Metric, register_metric
from boostlab.sweeps.store import Store

TRIAL = """
[datasets]
use = ["sklearn:iris", "sklearn:diabetes"]
[methods.dummy]
[protocol]
folds = 2
metrics.regression = [{regression}]
metrics.classification = [{classification}]
"""


def trial(regression="'rmse'", classification="'log_loss'"):
    return TRIAL.format(regression=regression, classification=classification)


def test_cells_come_back_as_they_were(plan_of, finish):
    plan = plan_of(trial())
    store = finish(plan)
    rows = store.rows()
    assert set(rows.index) == {cell.id for cell in plan.cells}
    for cell in plan.cells:
        row = rows.loc[cell.id]
        assert (row["dataset"], row["fold"]) == (cell.dataset.ref, cell.fold)
        assert row["status"] == "finished"
        assert row["n_train"] + row["n_test"] in (150, 442)
        assert row["fit_seconds"] >= row["encode_seconds"] >= 0
        predictions = store.predictions(cell.id)
        assert len(predictions.row) == row["n_test"]
        name = cell.metrics[0]
        again = METRICS[name].function(predictions.y, predictions.values)
        assert again == row[f"score_{name}"]
        assert (predictions.values.ndim == 2) == (cell.task != "regression")


def test_the_test_folds_cover_the_table(plan_of, finish):
    plan = plan_of(trial())
    store = finish(plan)
    tested = [
        store.predictions(cell.id).row
        for cell in plan.cells
        if cell.dataset_name == "iris"
    ]
    np.testing.assert_array_equal(np.sort(np.concatenate(tested)), np.arange(150))


def test_new_metrics_need_no_refit(plan_of, finish, monkeypatch):
    store = finish(plan_of(trial()))
    before = {p: p.stat().st_mtime_ns for p in store.folder.glob("cells/*")}
    monkeypatch.setattr("boostlab.sweeps.metrics.METRICS", METRICS)
    brier = Metric(
        "brier_of_test",
        "Brier",
        ("binary", "multiclass"),
        lambda y, p: float(np.mean(np.sum((p - np.eye(p.shape[1])[y]) ** 2, axis=1))),
    )
    register_metric(brier)
    try:
        plan = plan_of(trial("'mae', 'r2'", "'brier_of_test', 'accuracy'"))
        rows = finish(plan).rows()
        assert "score_mae" not in rows
        scored = store.scored(plan.cells)
    finally:
        del METRICS["brier_of_test"]
    assert {p: p.stat().st_mtime_ns for p in store.folder.glob("cells/*")} == before
    iris = scored[scored["dataset"] == "sklearn:iris"]
    # Three classes of equal shares: (2/3)^2 + 2 (1/3)^2.
    np.testing.assert_allclose(iris["score_brier_of_test"], 2 / 3, rtol=1e-5)
    assert iris["score_mae"].isna().all()
    assert scored.loc[scored["dataset"] == "sklearn:diabetes", "score_mae"].min() > 10


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all"])
def test_a_broken_file_counts_as_not_there(plan_of, finish, content):
    plan = plan_of(trial())
    store = finish(plan)
    path = next(store.folder.glob("cells/*.parquet"))
    whole = path.read_bytes()
    path.write_bytes(content or whole[: len(whole) // 2])
    assert len(store.rows()) == len(plan.cells) - 1
    finish(plan)
    assert len(store.rows()) == len(plan.cells)


def test_a_write_that_fails_leaves_nothing_behind(plan_of, finish, monkeypatch):
    plan = plan_of(trial())
    monkeypatch.setattr("os.replace", _full)
    with pytest.raises(OSError, match="no space"):
        finish(plan)
    monkeypatch.undo()
    store = finish(plan)
    assert len(store.rows()) == len(plan.cells)
    assert not list(store.folder.rglob("*.tmp"))


def test_leftovers_of_killed_writers_are_removed_when_they_are_old(tmp_path):
    old, young = (tmp_path / "cells" / f".{name}.1.x.tmp" for name in ("old", "young"))
    old.parent.mkdir()
    for aside in (old, young):
        aside.touch()
    os.utime(old, (0, 0))
    Store(tmp_path).tidy()
    assert not old.exists()
    assert young.exists()


def _full(source, target):
    raise OSError("no space")


def test_an_empty_folder_has_no_rows(tmp_path):
    rows = Store(tmp_path / "nothing").rows()
    assert rows.empty
    assert "status" in rows


def test_cells_are_open_to_sql(plan_of, finish):
    duckdb = pytest.importorskip("duckdb")
    store = finish(plan_of(trial()))
    files = store.folder / "cells" / "*.parquet"
    cells = f"read_parquet('{files}', union_by_name=true)"
    query = f"SELECT count(*), avg(score_rmse) FROM {cells}"
    n_cells, rmse = duckdb.sql(query).fetchall()[0]
    assert n_cells == 4
    assert rmse == pytest.approx(store.rows()["score_rmse"].mean())


def test_the_declaration_and_the_environment_are_kept(plan_of, finish):
    plan = plan_of(trial())
    store = finish(plan)
    assert (store.folder / "sweep.toml").read_text() == plan.sweep.text
    (told,) = store.environments(store.rows()["environment"])
    assert told["packages"]["scikit-learn"]
    assert told["cpus"] >= 1
