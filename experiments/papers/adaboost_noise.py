"""AdaBoost and its kin against gradient boosting, with clean and with noisy labels.

    BOOSTLAB_DATA=FOLDER python experiments/papers/adaboost_noise.py
    ... --tables sonar phoneme --repetitions 2 --noise 0 0.2

On 20 real tables of two classes, 30 per cent of the rows test (as they are), and of the
training rows (at most 5000) a share `noise` has its label flipped, the same for all
methods. All have 200 rounds of trees of depth 2 and no early stopping; gradient
boosting has its default rate of 0.1, and the kin of AdaBoost theirs of 1, so this
compares recipes, not tuned models.

Printed are the mean test error, the mean rank within a table, and on how many tables
the mean error is below that of AdaBoost ("samme"), with the two-sided sign test.

Results are kept, line by line, in a file, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest, rankdata

from boostlab import AdaBoostClassifier, GradientBoostingClassifier
from boostlab.estimators.voting_recipes import RECIPES

TABLES = (
    "adult",
    "bank_marketing",
    "blood_transfusion",
    "churn",
    "credit_approval",
    "credit_g",
    "diabetes_pima",
    "electricity",
    "heart_statlog",
    "ilpd",
    "ionosphere",
    "kc1",
    "magic_telescope",
    "phoneme",
    "qsar_biodeg",
    "sonar",
    "spambase",
    "tic_tac_toe",
    "twonorm",
    "wdbc",
)
BASE, BOOSTING = "samme", "gradient boosting"
ROUNDS, DEPTH, MOST_ROWS = 200, 2, 5000


def methods() -> list[str]:
    """Return the algorithms for two classes, and gradient boosting."""
    losses = [f"margin, {loss}" for loss in ("logistic", "sigmoid")]
    kin = [name for name in RECIPES if name not in ("margin", "samme.r")]
    return [*kin, *losses, BOOSTING]


def model_of(method: str, seed: int):
    """Return the unfitted model of a method."""
    params = {"n_estimators": ROUNDS, "max_depth": DEPTH, "random_state": seed}
    params["n_jobs"] = 1  # tables are small, and processors are often shared
    if method == BOOSTING:
        return GradientBoostingClassifier(
            early_stopping=False, learning_rate=0.1, growth="depth", **params
        )
    algorithm, _, loss = method.partition(", ")
    if loss:
        params["margin_loss"] = loss
    return AdaBoostClassifier(algorithm=algorithm, **params)


def read(folder: Path, name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return features, and labels 0 and 1."""
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    entry = next(e for e in manifest["datasets"] if e["name"] == name)
    frame = pd.read_parquet(folder / entry["file"])
    return frame, pd.factorize(frame.pop(entry["target"]), sort=True)[0]


def error_of(method: str, X, y, noise: float, repetition: int) -> float:
    """Return the test error of one fit."""
    rng = np.random.default_rng(repetition)
    order = rng.permutation(len(y))
    test, train = np.split(order, [round(0.3 * len(y))])
    train = train[:MOST_ROWS]
    flipped = rng.random(len(y))[train] < noise
    labels = np.where(flipped, 1 - y[train], y[train])
    model = model_of(method, repetition).fit(X.iloc[train], labels)
    return float(np.mean(model.predict(X.iloc[test]) != y[test]))


def report(done: dict[tuple, float]) -> None:
    """Print a line for each method and noise."""
    names = [name for name in methods() if any(key[2] == name for key in done)]
    for noise in sorted({key[1] for key in done}):
        tables = [
            table
            for table in TABLES
            if all((table, noise, name, 0) in done for name in names)
        ]
        if not tables:
            continue
        means = np.array(
            [
                [
                    np.mean([e for key, e in done.items() if key[:3] == (t, noise, n)])
                    for n in names
                ]
                for t in tables
            ]
        )
        ranks = rankdata(means, axis=1).mean(axis=0)
        base = means[:, names.index(BASE)]
        print(f"\n{noise:.0%} label noise, {len(tables)} tables")
        print(f"{'method':18s} {'error, %':>8s} {'rank':>5s}  better than {BASE}, p")
        for i in np.argsort(ranks):
            wins, losses = np.sum(means[:, i] < base), np.sum(means[:, i] > base)
            line = f"{names[i]:18s} {100 * means[:, i].mean():8.2f} {ranks[i]:5.2f}"
            if wins + losses:
                p = binomtest(int(wins), int(wins + losses)).pvalue
                line += f"  {wins:2d} of {wins + losses:2d}, p = {p:.3f}"
            print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--noise", nargs="+", type=float, default=(0.0, 0.2))
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--results", default="results/adaboost_noise.jsonl")
    options = parser.parse_args()
    folder, results = Path(os.environ["BOOSTLAB_DATA"]), Path(options.results)
    results.parent.mkdir(parents=True, exist_ok=True)
    done: dict[tuple, float] = {}
    if results.exists():
        for entry in map(json.loads, results.read_text().splitlines()):
            done[tuple(entry["key"])] = entry["error"]
    data = {name: read(folder, name) for name in options.tables}
    with results.open("a") as file:
        for repetition in range(options.repetitions):
            for name, (X, y) in data.items():
                for noise in options.noise:
                    for method in methods():
                        key = (name, noise, method, repetition)
                        if key in done:
                            continue
                        done[key] = error_of(method, X, y, noise, repetition)
                        entry = {"key": key, "error": done[key]}
                        file.write(json.dumps(entry) + "\n")
                        file.flush()
    report(done)


if __name__ == "__main__":
    main()
