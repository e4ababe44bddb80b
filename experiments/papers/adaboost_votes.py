"""Are our votes scikit-learn's? AdaBoost (SAMME) on ten real tables.

    BOOSTLAB_DATA=FOLDER python experiments/papers/adaboost_votes.py

Both boost stumps, for 50 rounds, on at most 2000 rows whose features were replaced by
ranks of at most 200 values, so that bins lose nothing. Printed are the greatest
difference of votes with scikit-learn's own tree as learner, the same with our stumps
over the rounds until a vote differs by 1e-9, and that number of rounds: equal gains are
settled in different ways, and from there the paths part.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import AdaBoostClassifier as TheirAdaBoost
from sklearn.tree import DecisionTreeClassifier

from boostlab import AdaBoostClassifier

TABLES = (
    "blood_transfusion",
    "credit_g",
    "diabetes_pima",
    "ilpd",
    "ionosphere",
    "phoneme",
    "qsar_biodeg",
    "sonar",
    "spambase",
    "wdbc",
)
ROUNDS, MOST_ROWS, VALUES = 50, 2000, 200


def read(name: str):
    """Return a table of ranks and its labels."""
    folder = Path(os.environ["BOOSTLAB_DATA"])
    manifest = json.loads((folder / "MANIFEST.json").read_text())["datasets"]
    entry = next(entry for entry in manifest if entry["name"] == name)
    frame = pd.read_parquet(folder / entry["file"])
    frame = frame.sample(min(len(frame), MOST_ROWS), random_state=0)
    y = frame.pop(entry["target"]).to_numpy()
    codes = frame.apply(
        lambda c: c if pd.api.types.is_numeric_dtype(c) else pd.factorize(c)[0]
    )
    ranks = codes.astype(float).rank(pct=True).fillna(0.0)
    return (ranks * VALUES).round().to_numpy(), y.astype(str)


def main() -> None:
    print(f"{'table':20}{'their tree':>12}{'our stumps':>12}{'rounds':>8}")
    for name in TABLES:
        X, y = read(name)
        stump = DecisionTreeClassifier(max_depth=1)
        theirs = TheirAdaBoost(stump, n_estimators=ROUNDS, random_state=0).fit(X, y)
        wanted = theirs.estimator_weights_
        differences = []
        for learner in (stump, None):
            ours = AdaBoostClassifier(learner, n_estimators=ROUNDS, random_state=0)
            votes = ours.fit(X, y).estimator_weights_
            n = min(len(votes), len(wanted))
            differences.append(np.abs(votes[:n] - wanted[:n]))
        parted = differences[1] > 1e-9
        same = int(np.argmax(parted)) if parted.any() else len(parted)
        ours_until = differences[1][:same].max(initial=0.0)
        print(f"{name:20}{differences[0].max():12.1e}{ours_until:12.1e}{same:8}")


if __name__ == "__main__":
    main()
