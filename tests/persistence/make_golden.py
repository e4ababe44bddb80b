"""Write the golden model file of the present format, and what it predicts.

Run by hand, once for every new format version, and never again for an old one::

    python tests/persistence/make_golden.py

The data are made by arithmetic, so that the file does not depend on a generator or a
data set that may change.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from boostlab import BoostingClassifier
from boostlab.learners import Linear, Tree
from boostlab.persistence import model_hash
from boostlab.persistence.archive import FORMAT_VERSION
from boostlab.steps import CellFit

HERE = Path(__file__).parent


def table(rows):
    """Return rows of JSON values, None for missing, as a frame."""
    frame = pd.DataFrame(rows, columns=["length", "width", "place"])
    return frame.astype({"length": float, "width": float})


def training_rows():
    """Return 90 rows with missing values and strings, and their labels."""
    i = np.arange(90)
    length = np.where(i % 11 == 0, np.nan, (i * 37 % 90) / 8)
    width = (i * 53 % 90) / 16
    place = np.array(["hill", "shore", "süd", None], dtype=object)[i * 7 % 90 % 4]
    label = np.where(
        np.nan_to_num(length) > 6, "long", np.where(width > 3, "wide", "-")
    )
    return pd.DataFrame({"length": length, "width": width, "place": place}), label


def main():
    X, y = training_rows()
    model = BoostingClassifier(
        learner=[Tree(max_leaf_nodes=4), Linear()],
        every=[1, 3],
        subsample=0.8,
        n_estimators=5,
        random_state=0,
    )
    model.fit(X, y)
    cells = BoostingClassifier(
        learner=Tree(max_leaf_nodes=3),
        step=CellFit(0.5),
        n_estimators=3,
        random_state=0,
    )
    cells.fit(X, y == "long")
    lengths, widths = [None, 0.5, 5.9, 6.1, 11.0], [0.0, 2.9, 3.1, 5.5]
    places = ["hill", "shore", "süd", None, "elsewhere"]
    rows = [[a, b, places[i % 5]] for i, a in enumerate(lengths) for b in widths]
    for name, each in (("mixture", model), ("cells", cells)):
        stem = HERE / f"golden_v{FORMAT_VERSION}_{name}"
        each.save(stem.with_suffix(".boostlab"))
        expected = {
            "hash": model_hash(each),
            "rows": rows,
            "labels": each.predict(table(rows)).tolist(),
            "decision_function": each.decision_function(table(rows)).tolist(),
        }
        stem.with_suffix(".json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
