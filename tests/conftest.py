import json
import os
from pathlib import Path

import pytest

# Processes that tests start must import the installed package, as this one does, and
# not the source tree that they may stand in, which has no compiled core.
os.environ["PYTHONSAFEPATH"] = "1"


@pytest.fixture(scope="session")
def real_table():
    """Return a function that reads (X, y, task) of a table of BOOSTLAB_DATA."""
    folder = os.environ.get("BOOSTLAB_DATA")
    if not folder or not (Path(folder) / "MANIFEST.json").is_file():
        pytest.skip("BOOSTLAB_DATA does not name a folder of tables")
    import pandas as pd

    manifest = json.loads((Path(folder) / "MANIFEST.json").read_text())
    entries = {entry["name"]: entry for entry in manifest["datasets"]}

    def read(name, n_rows=None):
        entry = entries[name]
        frame = pd.read_parquet(Path(folder) / entry["file"])
        if n_rows is not None and n_rows < len(frame):
            frame = frame.sample(n_rows, random_state=0).reset_index(drop=True)
        y = frame.pop(entry["target"]).to_numpy()
        return frame, y, entry["task"]

    return read
