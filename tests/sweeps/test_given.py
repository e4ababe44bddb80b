import numpy as np
import pytest

from boostlab.sweeps.declare import DeclarationError, read
from boostlab.sweeps.given import SplitsError, given_splits, rows_of, split_hashes
from boostlab.sweeps.report import write_report
from boostlab.sweeps.specs import DatasetSpec

GIVEN = """
[datasets]
use = ["local:prices", "local:kinds"]
[methods.dummy]
[protocol]
splits = "given"
"""


def test_rows_are_parted_as_the_split_says():
    train, test = rows_of(np.array([0, 2, 1, 3, 2], dtype=np.int8))
    assert train.tolist() == [0, 2]
    assert test.tolist() == [1, 4]


def test_each_table_has_its_own_splits_from_the_manifests_file(plan_of, given_data):
    plan = plan_of(GIVEN)
    assert [(c.dataset_name, c.fold) for c in plan.cells] == [
        ("prices", 0),
        ("kinds", 0),
        ("prices", 1),
        ("prices", 2),
    ]
    splits = given_splits(DatasetSpec("local:prices"))
    assert [c.given for c in plan.cells if c.dataset_name == "prices"] == list(
        split_hashes(splits)
    )
    assert len(set(split_hashes(splits))) == 3


def test_cells_train_and_test_on_the_given_rows(plan_of, finish, given_data):
    plan = plan_of(GIVEN)
    store = finish(plan)
    splits = given_splits(DatasetSpec("local:prices"))
    for cell in (c for c in plan.cells if c.dataset_name == "prices"):
        train, test = rows_of(splits[cell.fold])
        np.testing.assert_array_equal(store.predictions(cell.id).row, test)
        row = store.rows([cell.id]).iloc[0]
        assert (row["n_train"], row["n_test"]) == (len(train), len(test))
        assert row["splits"] == f"given {cell.given}"


def test_the_report_tells_that_splits_were_given(plan_of, finish, given_data):
    plan = plan_of(GIVEN)
    _, path = write_report(plan, finish(plan), "x")
    page = path.read_text(encoding="utf-8")
    assert "1 to 3 a table, as they come with it" in page
    assert "cross-validation" not in page


def test_more_splits_keep_the_cells_of_the_first(plan_of, given_data):
    few = plan_of(GIVEN + "max_splits = 2\n")
    assert [c.fold for c in few.cells if c.dataset_name == "prices"] == [0, 1]
    assert {c.id for c in few.cells} < {c.id for c in plan_of(GIVEN).cells}


def test_a_split_that_changed_has_cells_of_its_own(plan_of, finish, given_data):
    before = plan_of(GIVEN)
    splits = dict(np.load(given_data / "splits.npz"))
    splits["prices"] = splits["prices"][::-1]
    np.savez(given_data / "splits.npz", **splits)
    # In other places, the same splits are the same cells.
    assert {c.id for c in plan_of(GIVEN).cells} == {c.id for c in before.cells}
    splits["prices"] = 2 - splits["prices"][:, ::-1].clip(0, 2)
    np.savez(given_data / "splits.npz", **splits)
    after = plan_of(GIVEN)
    kept = {c.id for c in after.cells} & {c.id for c in before.cells}
    assert {c.dataset_name for c in before.cells if c.id in kept} == {"kinds"}
    store = finish(before)
    rows = store.rows()
    failed = rows[rows["status"] == "failed"]
    assert len(failed) == 3
    assert failed["error"].str.contains("changed after the sweep was planned").all()


def test_a_file_of_splits_may_stand_beside_the_declaration(plan_of, tmp_path):
    splits = np.zeros((2, 150), dtype=int)
    splits[0, ::3], splits[1, 1::3] = 2, 2
    np.savez(tmp_path / "own.npz", iris=splits)
    plan = plan_of("""
    [datasets]
    use = ["sklearn:iris"]
    [datasets."sklearn:iris"]
    splits = "own.npz"
    [methods.dummy]
    [protocol]
    splits = "given"
    """)
    assert [c.fold for c in plan.cells] == [0, 1]


def test_splits_of_another_table_leave_it_out(plan_of, given_data):
    np.savez(given_data / "splits.npz", prices=[[0, 2]], kinds=[[0, 2]])
    plan = plan_of(GIVEN)
    assert plan.cells == ()
    assert "splits are of 2 rows, but local:prices has 120" in plan.skipped[0].reason


@pytest.mark.parametrize(
    ("splits", "told"),
    [
        (np.zeros((2, 120), int), "Split 0 of 'prices' in splits.npz has no training"),
        (np.full((2, 120), 7), "hold values from 7 to 7; give 0 for train"),
        (np.zeros(120, int), "have shape (120,) and type int64"),
        (np.zeros((2, 120)), "and type float64; give integers"),
    ],
)
def test_what_is_no_split_is_told_with_its_line(write, given_data, splits, told):
    np.savez(given_data / "splits.npz", prices=splits, kinds=[[0, 2]])
    with pytest.raises(DeclarationError) as caught:
        read(write(GIVEN))
    (mistake,) = caught.value.mistakes
    assert mistake.startswith("line 3: ")
    assert told in mistake


WRONG = """\
[datasets]
use = ["local:prices", "local:people", "sklearn:iris", "local:kinds"]
[datasets."local:prices"]
splits = "nowhere.npz"
[datasets."local:kinds"]
max_rows = 60
splits = "MANIFEST.json"
[methods.dummy]
[protocol]
splits = "given"
folds = 3
"""


def test_mistakes_about_splits_come_at_once_with_lines(write, given_data):
    with pytest.raises(DeclarationError) as caught:
        read(write(WRONG))
    mistakes = caught.value.mistakes
    expected = [
        (2, "splits.npz has no splits of 'people'; allowed are 'prices', 'kinds'."),
        (2, "sklearn:iris comes without splits; name their file"),
        (4, "nowhere.npz' does not exist."),
        (6, "max_rows would cut the given splits"),
        (7, "MANIFEST.json"),
        (11, "[protocol] folds says nothing where splits is 'given'"),
    ]
    assert len(mistakes) == len(expected), mistakes
    for (line, text), told in zip(expected, mistakes, strict=True):
        assert told.startswith(f"line {line}: "), told
        assert text in told


def test_splits_without_the_protocol_are_a_mistake(write, given_data):
    text = GIVEN.replace('splits = "given"', "max_splits = 2")
    text = text.replace("[methods", '[datasets."local:prices"]\nsplits = "x"\n[methods')
    with pytest.raises(DeclarationError) as caught:
        read(write(text))
    first, second = caught.value.mistakes
    assert "set [protocol] splits = 'given'" in first
    assert "max_splits says nothing where splits is 'kfold'" in second


def test_a_manifest_without_a_file_of_splits_is_told(local_data):
    with pytest.raises(SplitsError, match="names no 'splits_file'"):
        given_splits(DatasetSpec("local:prices"))


def test_without_the_folder_local_tables_are_skipped(plan_of, monkeypatch):
    monkeypatch.delenv("BOOSTLAB_DATA", raising=False)
    plan = plan_of(GIVEN)
    assert [item.what for item in plan.skipped] == ["local:prices", "local:kinds"]
