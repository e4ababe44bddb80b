import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from boostlab.sweeps.datasets import (
    BUNDLED,
    DatasetUnavailableError,
    frame_hash,
    load,
    sample_rows,
)
from boostlab.sweeps.specs import DatasetSpec

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def manifest():
    text = (ROOT / "datasets" / "manifest.toml").read_text(encoding="utf-8")
    return {entry["name"]: entry for entry in tomllib.loads(text)["dataset"]}


def test_the_manifest_lists_what_is_bundled(manifest):
    assert set(manifest) == set(BUNDLED)


@pytest.mark.parametrize("name", BUNDLED)
def test_the_manifest_tells_what_loads(manifest, name):
    entry = manifest[name]
    dataset = load(DatasetSpec(f"sklearn:{name}"))
    assert dataset.data_hash == entry["hash"]
    assert dataset.X.shape == (entry["n_rows"], entry["n_features"])
    assert dataset.task == entry["task"]
    assert dataset.source == entry["source"]
    assert dataset.licence == entry["licence"]
    assert entry["target"] not in dataset.X


def test_class_codes_stand_for_labels():
    iris = load(DatasetSpec("sklearn:iris"))
    assert iris.classes == ("setosa", "versicolor", "virginica")
    assert np.bincount(iris.y).tolist() == [50, 50, 50]


def test_number_labels_are_in_the_order_of_numbers():
    digits = load(DatasetSpec("sklearn:digits"))
    assert digits.classes == tuple("0123456789")


def test_a_local_table_keeps_its_strings_and_holes(local_data):
    people = load(DatasetSpec("local:people"))
    assert people.task == "binary"
    assert people.classes == ("no", "yes")
    assert list(people.X) == ["town", "job", "age", "left", "household", "id"]
    assert isinstance(people.X["town"].dtype, pd.CategoricalDtype)
    assert people.X.isna().to_numpy().any()
    assert people.group is None


def test_groups_are_no_feature(local_data):
    kinds = load(DatasetSpec("local:kinds"))
    assert "household" not in kinds.X
    frame = pd.read_parquet(local_data / "kinds.parquet")
    assert len(set(kinds.group)) == frame["household"].nunique()


def test_a_declaration_may_drop_columns_and_change_target_and_task(local_data):
    spec = DatasetSpec("local:prices", target="household", drop=("id", "price"))
    dataset = load(spec)
    assert list(dataset.X) == ["town", "job", "age", "left"]
    assert dataset.task == "regression"
    assert dataset.y.max() == 29
    dataset = load(DatasetSpec("local:prices", target="left", task="multiclass"))
    assert (dataset.task, dataset.classes) == ("binary", ("False", "True"))


def test_a_target_with_holes_is_refused(local_data):
    with pytest.raises(DatasetUnavailableError, match="'age' is missing in"):
        load(DatasetSpec("local:kinds", target="age", task="regression"))


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ("local:peple", "did you mean 'people'?"),
        ("local:absent", "no file 'absent.parquet'"),
        ("local:holes", "target 'y' is missing in"),
        ("local:ranked", "task is 'ranking'"),
    ],
)
def test_a_table_that_cannot_be_used_tells_why(local_data, ref, reason):
    with pytest.raises(DatasetUnavailableError, match=reason.replace("?", r"\?")):
        load(DatasetSpec(ref))


def test_an_unknown_column_is_told_with_the_near_one(local_data):
    with pytest.raises(DatasetUnavailableError, match="did you mean 'household'"):
        load(DatasetSpec("local:people", drop=("houshold",)))


def test_text_is_no_regression_target(local_data):
    spec = DatasetSpec("local:people", task="regression")
    with pytest.raises(DatasetUnavailableError, match="not numbers"):
        load(spec)


def test_one_class_is_nothing_to_learn(local_data):
    with pytest.raises(DatasetUnavailableError, match="one class"):
        load(DatasetSpec("local:ranked", task="binary"))


def test_a_changed_file_is_not_used(local_data):
    path = local_data / "MANIFEST.json"
    told = json.loads(path.read_text())
    told["datasets"][0]["sha256"] = "0" * 64
    path.write_text(json.dumps(told))
    with pytest.raises(DatasetUnavailableError, match="does not have the hash"):
        load(DatasetSpec("local:people"))


@pytest.mark.parametrize("text", ["[]", "{", '{"datasets": [{}]}'])
def test_a_broken_manifest_is_told(local_data, text):
    (local_data / "MANIFEST.json").write_text(text)
    with pytest.raises(DatasetUnavailableError, match=r"MANIFEST\.json is not"):
        load(DatasetSpec("local:people"))


def test_without_a_folder_the_reason_is_told(monkeypatch, tmp_path):
    monkeypatch.delenv("BOOSTLAB_DATA", raising=False)
    with pytest.raises(DatasetUnavailableError, match="BOOSTLAB_DATA is not set"):
        load(DatasetSpec("local:people"))
    monkeypatch.setenv("BOOSTLAB_DATA", str(tmp_path))
    with pytest.raises(DatasetUnavailableError, match=r"no MANIFEST\.json"):
        load(DatasetSpec("local:people"))


def test_samples_are_drawn_by_the_seed():
    iris = load(DatasetSpec("sklearn:iris"))
    rows = sample_rows(iris, 60, seed=3)
    assert len(set(rows)) == 60
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, sample_rows(iris, 60, seed=3))
    assert not np.array_equal(rows, sample_rows(iris, 60, seed=4))
    assert len(sample_rows(iris, 1000, seed=3)) == 150
    assert len(sample_rows(iris, None, seed=3)) == 150


def test_the_hash_sees_names_and_values_but_not_types_of_storage():
    frame = pd.DataFrame({"a": [1, 2], "b": ["u", "v"]})
    same = pd.DataFrame({"a": [1.0, 2.0], "b": pd.Categorical(["u", "v"])})
    assert frame_hash(frame) == frame_hash(same)
    assert frame_hash(frame) != frame_hash(frame.rename(columns={"a": "c"}))
    assert frame_hash(frame) != frame_hash(frame.assign(a=[1, 3]))
    assert frame_hash(frame) != frame_hash(frame.assign(b=["u", "w"]))
