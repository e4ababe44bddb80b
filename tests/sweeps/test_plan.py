from dataclasses import replace

import pytest

TRIAL = """
[datasets]
use = ["sklearn:iris", "sklearn:diabetes"]
[methods.hist_gradient_boosting]
params = { max_iter = 5 }
[methods.dummy]
[protocol]
folds = 3
repeats = 2
"""


def ids(plan):
    return [cell.id for cell in plan.cells]


def test_a_plan_has_a_cell_for_everything_once(plan_of):
    plan = plan_of(TRIAL)
    assert len(plan.cells) == 2 * 2 * 3 * 2
    assert len(set(ids(plan))) == len(plan.cells)
    assert plan.skipped == ()


def test_the_first_fold_of_every_table_comes_first(plan_of):
    cells = plan_of(TRIAL).cells
    assert [(c.dataset_name, c.repeat, c.fold) for c in cells[:5]] == [
        ("iris", 0, 0),
        ("iris", 0, 0),
        ("diabetes", 0, 0),
        ("diabetes", 0, 0),
        ("iris", 0, 1),
    ]


def test_ids_do_not_depend_on_names_order_or_metrics(plan_of):
    other = """
    [sweep]
    title = "Another title"
    [datasets]
    use = ["sklearn:diabetes", "sklearn:wine", "sklearn:iris"]
    [methods.dummy]
    label = "nothing"
    [methods.other]
    method = "hist_gradient_boosting"
    params = { max_iter = 5 }
    [protocol]
    repeats = 2
    folds = 3
    metrics.classification = ["accuracy"]
    """
    first, second = plan_of(TRIAL), plan_of(other)
    assert set(ids(first)) <= set(ids(second))


@pytest.mark.parametrize(
    "change",
    [
        ("max_iter = 5", "max_iter = 6"),
        ("folds = 3", "folds = 4"),
        ("folds = 3", "folds = 3\nseed = 1"),
        ("folds = 3", "folds = 3\nthreads = 2"),
        ("folds = 3", "folds = 3\nmax_rows = 100"),
        ("folds = 3", "folds = 3\nmodel_seeds = [1]"),
        ("max_iter = 5 }", "max_iter = 5 }\nencoding = 'ordinal'"),
        (
            "[methods.dummy]",
            "[datasets.'sklearn:iris']\ndrop = ['sepal width (cm)']\n[methods.dummy]",
        ),
    ],
)
def test_ids_change_with_what_the_result_depends_on(plan_of, change):
    before, after = plan_of(TRIAL), plan_of(TRIAL.replace(*change))
    assert set(ids(before)) != set(ids(after))


def test_a_change_of_one_method_leaves_the_others_cells(plan_of):
    before = plan_of(TRIAL)
    after = plan_of(TRIAL.replace("max_iter = 5", "max_iter = 6"))
    kept = {c.id for c in before.cells} & {c.id for c in after.cells}
    assert {c.method.name for c in before.cells if c.id in kept} == {"dummy"}
    assert len(kept) == len(before.cells) / 2


def test_ids_change_with_the_data_and_the_code(plan_of):
    cell = plan_of(TRIAL).cells[0]
    assert replace(cell, data_hash="other").id != cell.id
    method = replace(cell.method, version="scikit-learn 99")
    assert replace(cell, method=method).id != cell.id
    assert replace(cell, method=replace(cell.method, label="x")).id == cell.id
    assert replace(cell).id == cell.id


def test_ids_are_the_same_in_every_process(plan_of):
    # If this fails, finished cells of every results folder out there are run again:
    # change the identity of a cell only on purpose.
    cell = plan_of(TRIAL).cells[0]
    method = replace(cell.method, version="scikit-learn 1.0")
    assert replace(cell, method=method, data_hash="0").id == "a5134a566aea596077c5"


def test_what_is_not_at_hand_is_skipped_with_its_reason(plan_of, local_data):
    plan = plan_of("""
    [datasets]
    use = ["local:people", "local:prices", "local:peple", "local:ranked"]
    [methods.dummy]
    [methods.gone]
    method = "not_installed.Method"
    [methods.ridge]
    label = "Ridge"
    method = "sklearn.linear_model.Ridge"
    """)
    assert [info.name for info in plan.datasets] == ["people", "prices"]
    told = {item.what: item.reason for item in plan.skipped}
    assert set(told) == {"local:peple", "local:ranked", "gone", "Ridge"}
    assert "did you mean 'people'?" in told["local:peple"]
    assert told["Ridge"] == "It has no class for classification."
    ran = {(c.dataset_name, c.method.label) for c in plan.cells}
    assert ran == {("people", "dummy"), ("prices", "dummy"), ("prices", "Ridge")}


def test_without_the_folder_every_local_table_is_skipped(plan_of, monkeypatch):
    monkeypatch.delenv("BOOSTLAB_DATA", raising=False)
    plan = plan_of("[datasets]\nuse = ['local:adult', 'sklearn:iris']\n[methods.dummy]")
    assert [item.what for item in plan.skipped] == ["local:adult"]
    assert {cell.dataset_name for cell in plan.cells} == {"iris"}


def test_too_few_rows_or_groups_for_the_folds_are_told(plan_of, local_data):
    plan = plan_of("""
    [datasets]
    use = ["local:kinds", "local:people"]
    [methods.dummy]
    [protocol]
    folds = 40
    """)
    (skipped,) = plan.skipped
    assert skipped.what == "local:kinds"
    assert "groups are too few for 40 folds" in skipped.reason


def test_tables_of_one_name_are_told_apart(plan_of, local_data):
    import json

    path = local_data / "MANIFEST.json"
    told = json.loads(path.read_text())
    told["datasets"][0]["name"] = "iris"
    told["datasets"][0]["file"] = "people.parquet"
    path.write_text(json.dumps(told))
    plan = plan_of("[datasets]\nuse=['sklearn:iris', 'local:iris']\n[methods.dummy]")
    assert [info.name for info in plan.datasets] == ["sklearn:iris", "local:iris"]


def test_descriptions_count_what_is_there(plan_of, local_data):
    plan = plan_of("""
    [datasets]
    use = ["local:kinds"]
    [datasets."local:kinds"]
    max_rows = 60
    [methods.dummy]
    """)
    (info,) = plan.datasets
    assert (info.n_rows, info.rows_used, info.n_features) == (120, 60, 5)
    assert (info.n_categorical, info.n_classes, info.is_grouped) == (2, 3, True)
    assert 0 < info.missing < 0.2
