import numpy as np
import pytest

from boostlab.sweeps.cell import Outcome, base_row
from boostlab.sweeps.report import scores_frame
from boostlab.sweeps.store import Store
from boostlab.sweeps.summary import summarise

TRIAL = """
[datasets]
use = ["sklearn:iris", "sklearn:wine", "sklearn:digits", "sklearn:diabetes"]
[methods.a]
method = "hist_gradient_boosting"
[methods.b]
method = "hist_gradient_boosting"
params = { max_iter = 3 }
[methods.dummy]
[protocol]
folds = 2
model_seeds = [0, 1]
metrics.regression = ["rmse", "r2"]
metrics.classification = ["log_loss", "accuracy"]
"""


@pytest.fixture
def summary_of(plan_of, tmp_path):
    """Summarise cells whose score a function of the cell gives; None is a failure."""

    def summary_of(score, text=TRIAL, seconds=lambda cell: 1.0):
        plan, store = plan_of(text), Store(tmp_path / "results")
        for cell in plan.cells:
            row = base_row(cell)
            value = score(cell)
            if value is not None and np.isfinite(value):
                row |= {f"score_{name}": value for name in cell.metrics}
                row |= {"status": "finished", "n_test": 10, "target_sd": 2.0}
                row |= {"fit_seconds": seconds(cell), "predict_seconds": 0.5}
            if value is None or np.isfinite(value):
                store.save(Outcome(row, None))
        return summarise(plan, store)

    return summary_of


LOSSES = {"a": 0.2, "b": 0.3, "dummy": 1.0}


def boards(summary):
    return {board.title: board for board in summary.boards}


def test_there_is_a_board_for_each_family(summary_of):
    summary = summary_of(lambda cell: LOSSES[cell.method.label])
    found = boards(summary)
    assert list(found) == ["regression", "classification"]
    assert [d.name for d in found["classification"].datasets] == [
        "iris",
        "wine",
        "digits",
    ]
    assert found["classification"].metric.name == "log_loss"
    assert summary.labels == ("a", "b", "dummy")
    assert summary.references == {"dummy"}
    assert summary.pending == 0


def test_standings_by_hand(summary_of):
    def score(cell):
        if cell.dataset_name == "wine" and cell.method.label == "b":
            return 0.1
        return LOSSES[cell.method.label]

    board = boards(summary_of(score))["classification"]
    first, second, third = board.standings
    assert [s.label for s in board.standings] == ["a", "b", "dummy"]
    assert first.rank.mean == pytest.approx(4 / 3)
    assert second.rank.mean == pytest.approx(5 / 3)
    assert (first.wins, second.wins, third.wins) == (2, 1, 0)
    assert first.behind.mean == 0
    assert second.behind.mean == pytest.approx((0.1 - 0.1 + 0.1) / 3)
    assert second.means["log_loss"] == pytest.approx(0.7 / 3)
    assert first.rank.low <= first.rank.mean <= first.rank.high
    assert board.best("wine", board.metric) == {"b"}


def test_scores_are_means_over_seeds_then_splits(summary_of):
    def score(cell):
        return cell.fold + 0.2 * cell.model_seed

    entry = boards(summary_of(score))["regression"].entries["diabetes", "a"]
    np.testing.assert_allclose(entry.scores["rmse"], [0.1, 1.1])
    assert entry.mean("rmse") == pytest.approx(0.6)
    assert entry.sd("rmse") == pytest.approx(np.std([0.1, 1.1], ddof=1))
    # In units of the targets' standard deviation, which is 2 here; R2 has no unit.
    assert entry.scaled["rmse"] == pytest.approx(0.3)
    assert entry.scaled["r2"] == pytest.approx(0.6)


def test_a_method_that_failed_comes_last_and_means_leave_the_table_out(summary_of):
    def score(cell):
        if cell.dataset_name == "iris" and cell.method.label == "a" and cell.fold == 1:
            return None
        return LOSSES[cell.method.label]

    summary = summary_of(score)
    board = boards(summary)["classification"]
    standing = {s.label: s for s in board.standings}
    assert set(board.ranked) == {"iris", "wine", "digits"}
    assert set(board.common) == {"wine", "digits"}
    assert standing["a"].rank.mean == pytest.approx((3 + 1 + 1) / 3)
    assert standing["dummy"].rank.mean == pytest.approx((2 + 3 + 3) / 3)
    assert standing["a"].failed == 2
    assert standing["a"].means["log_loss"] == pytest.approx(0.2)
    assert np.isnan(board.entries["iris", "a"].mean("log_loss"))
    assert len(summary.failures) == 2


def test_a_table_that_is_not_finished_is_not_ranked(summary_of):
    def score(cell):
        missing = cell.dataset_name == "iris" and cell.method.label == "b"
        return float("nan") if missing and cell.fold else LOSSES[cell.method.label]

    summary = summary_of(score)
    board = boards(summary)["classification"]
    assert board.ranked == ("wine", "digits")
    assert summary.pending == 2
    assert {s.rank.low for s in board.standings} == {None}


def test_fit_times_are_relative_to_the_fastest_real_method(summary_of):
    times = {"a": 2.0, "b": 8.0, "dummy": 0.01}
    summary = summary_of(lambda cell: 1.0, seconds=lambda c: times[c.method.label])
    board = boards(summary)["classification"]
    slowness = {s.label: s.slowness for s in board.standings}
    assert slowness == pytest.approx({"a": 1.0, "b": 4.0, "dummy": 0.005})


def test_greater_is_better_where_the_metric_says_so(summary_of):
    text = TRIAL.replace('["log_loss", "accuracy"]', '["accuracy"]')
    summary = summary_of(lambda cell: LOSSES[cell.method.label], text)
    board = boards(summary)["classification"]
    assert board.standings[0].label == "dummy"
    assert board.best("iris", board.metric) == {"dummy"}
    behind = {s.label: s.behind.mean for s in board.standings}
    assert behind["a"] == pytest.approx(0.8)


def test_tasks_without_a_common_metric_have_their_own_boards(summary_of):
    text = TRIAL.replace(
        '"sklearn:wine"', '"sklearn:wine", "sklearn:breast_cancer"'
    ).replace('["log_loss", "accuracy"]', '["roc_auc"]')
    found = boards(summary_of(lambda cell: 0.5, text))
    assert list(found) == ["regression", "binary"]


def test_the_csv_has_a_line_for_each_table_method_and_metric(summary_of):
    frame = scores_frame(summary_of(lambda cell: LOSSES[cell.method.label]))
    assert len(frame) == 4 * 3 * 2
    line = frame.query("dataset == 'iris' and method == 'b' and metric == 'log_loss'")
    assert line["mean"].item() == pytest.approx(0.3)
    assert (frame["planned"] == 4).all()


def test_nothing_run_is_no_error(summary_of):
    summary = summary_of(lambda cell: float("nan"))
    assert summary.rows.empty
    assert all(board.standings == () for board in summary.boards)


def test_a_method_that_finished_nothing_leaves_the_others_their_means(summary_of):
    def score(cell):
        return None if cell.method.label == "b" else LOSSES[cell.method.label]

    board = boards(summary_of(score))["classification"]
    assert board.methods == ("a", "b", "dummy")
    assert board.pool == ("a", "dummy")
    assert set(board.common) == {"iris", "wine", "digits"}
    assert [s.rank.mean for s in board.standings] == [1, 2]
