"""Files of every released format keep loading, and keep predicting the same numbers.

They and the numbers were written by ``make_golden.py`` beside this file.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from boostlab import load
from boostlab.persistence import model_hash, read_archive

GOLDEN = sorted(Path(__file__).parent.glob("golden_v*.boostlab"))


def test_the_files_are_there():
    assert [path.name for path in GOLDEN] == [
        "golden_v1_cells.boostlab",
        "golden_v1_mixture.boostlab",
    ]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_files_predict_what_they_always_did(path):
    assert path.stat().st_size < 30_000
    expected = json.loads(path.with_suffix(".json").read_text())
    frame = pd.DataFrame(expected["rows"], columns=["length", "width", "place"])
    frame = frame.astype({"length": float, "width": float})
    model = load(path)
    assert model.predict(frame).tolist() == expected["labels"]
    # Matrix products of linear learners may differ in the last bits between machines.
    np.testing.assert_allclose(
        model.decision_function(frame), expected["decision_function"], rtol=1e-12
    )
    assert model_hash(model) == expected["hash"]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_file_saved_again_holds_the_same(path, tmp_path):
    load(path).save(tmp_path / "again")
    (data, arrays), (old_data, old_arrays) = (
        read_archive(tmp_path / "again"),
        read_archive(path),
    )
    assert_holds(data, old_data)
    assert {name: array.tobytes() for name, array in arrays.items()} == {
        name: array.tobytes() for name, array in old_arrays.items()
    }


def assert_holds(new, old):
    """Check that data say what they said, and beside it only parameters added since."""
    if isinstance(old, dict):
        assert set(old) <= set(new)
        for name, value in old.items():
            assert_holds(new[name], value)
    elif isinstance(old, list):
        assert len(new) == len(old)
        for value, before in zip(new, old, strict=True):
            assert_holds(value, before)
    else:
        assert new == old
