"""``n_estimators="auto"`` beside early stopping and a fixed number of rounds.

For every table four models: "auto"; early stopping on a tenth of the training rows, of
at most 1000 rounds; 100 rounds; and the default, which cross-validates the number of
rounds and takes smaller steps on some of the features. Printed are, as means over
folds, the test loss as a share of a constant's (mean squared error, log loss), the
seconds of fit, and the rounds. Then, over all tables, the logarithm of the ratio to
early stopping's loss and a sign test. The targets are shuffled, too: there nothing can
be learnt, and a share above 1 is what overfitting costs.

    BOOSTLAB_DATA=... python experiments/auto_mode.py --rows 10000 --folds 3

The rule was chosen on other tables, but not without a look at some of these: ailerons
led to a tolerance that does not depend on the unit of the target, and early results on
a few were seen before the last choices. Chosen on: concrete, cpu_small,
kin8nm, diamonds, house_16h, socmob, wine_red, california_housing, energy, adult, churn,
phoneme, spambase, credit_g, diabetes_pima, higgs_7500, telco_churn, electricity,
credit_card_default; and airfoil_self_noise, seen before the last choice of patience.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold

from boostlab import GradientBoostingClassifier, GradientBoostingRegressor

TABLES = [
    "abalone", "ailerons", "ames_housing", "bank32nh", "bike_sharing_named",
    "brazilian_houses", "cps88_wages", "delta_elevators", "fried",
    "kings_county_housing", "miami_housing", "power", "protein", "space_ga",
    "bank_marketing", "compas_two_years", "eeg_eye_state", "jm1", "law_school",
    "magic_telescope", "ozone_level_8hr", "phishing_websites", "qsar_biodeg",
    "ringnorm", "sick", "cmc", "first_order_theorem_proving", "marketing_income",
    "satimage", "students_dropout", "wine_white", "yeast",
]  # fmt: skip
MODELS = {
    "auto": {"n_estimators": "auto"},
    "early": {"n_estimators": 1000, "early_stopping": True},
    "fixed": {"n_estimators": 100, "early_stopping": False},
    "default": {},
}


def read(entry: dict, folder: Path, n_rows: int) -> tuple:
    """Return features, targets and the task of a table, at most `n_rows` rows."""
    frame = pd.read_parquet(folder / entry.get("file", entry["name"] + ".parquet"))
    if len(frame) > n_rows:
        frame = frame.sample(n_rows, random_state=0).reset_index(drop=True)
    y = frame.pop(entry.get("target", frame.columns[-1]))
    task = entry["task"]
    return frame, y.to_numpy(float if task == "regression" else str), task


def one_fit(task: str, parameters: dict, train: tuple, test: tuple) -> tuple:
    """Return the loss relative to a constant's, seconds, and rounds."""
    kind = (
        GradientBoostingRegressor
        if task == "regression"
        else GradientBoostingClassifier
    )
    start = time.perf_counter()
    model = kind(random_state=0, **parameters).fit(*train)
    seconds = time.perf_counter() - start
    x, y = test
    if task == "regression":
        loss = np.mean((model.predict(x) - y) ** 2)
        least = np.mean((np.mean(train[1]) - y) ** 2)
    else:
        shares = np.array([np.mean(train[1] == c) for c in model.classes_])
        labels = model.classes_
        loss = log_loss(y, model.predict_proba(x), labels=labels)
        least = log_loss(y, np.tile(shares, (len(y), 1)), labels=labels)
    return loss / least, seconds, model.n_iter_


def measure(x: pd.DataFrame, y: np.ndarray, task: str, n_folds: int) -> dict:
    """Return the mean of losses, seconds and rounds over the folds, by model."""
    kind = KFold if task == "regression" else StratifiedKFold
    folds = list(kind(n_folds, shuffle=True, random_state=0).split(x, y))
    found = {name: [] for name in MODELS}
    for train, test in folds:
        sides = [(x.iloc[rows], y[rows]) for rows in (train, test)]
        for name, parameters in MODELS.items():
            found[name].append(one_fit(task, parameters, *sides))
    return {name: np.mean(fits, axis=0) for name, fits in found.items()}


def report(results: dict[str, dict], title: str) -> None:
    """Print what holds over all tables."""
    print(f"\n{title}: {len(results)} tables")
    for name in MODELS:
        ratio = np.array([np.log(r[name][0] / r["early"][0]) for r in results.values()])
        won, seconds = int((ratio < 0).sum()), sum(r[name][1] for r in results.values())
        rounds = np.mean([r[name][2] for r in results.values()])
        p = binomtest(won, len(ratio)).pvalue if name != "early" else 1.0
        print(
            f"  {name:6s} log ratio to early: mean {ratio.mean():+.4f}, median "
            f"{np.median(ratio):+.4f}, worst {ratio.max():+.3f}; better on {won} "
            f"(p = {p:.2g}); {seconds:.1f} s, {rounds:.0f} rounds"
        )


def main() -> None:
    """Measure every table, then say what holds over all of them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--tables", nargs="*", default=TABLES)
    options = parser.parse_args()
    folder = Path(os.environ["BOOSTLAB_DATA"])
    manifest = json.loads((folder / "MANIFEST.json").read_text())["datasets"]
    entries = {entry["name"]: entry for entry in manifest}
    warnings.simplefilter("always")
    real, noise = {}, {}
    for name in options.tables:
        x, y, task = read(entries[name], folder, options.rows)
        real[name] = measure(x, y, task, options.folds)
        shuffled = np.random.default_rng(0).permutation(y)
        noise[name] = measure(x, shuffled, task, 2)
        for label, result in ((name, real[name]), ("  as noise", noise[name])):
            cells = [
                f"{own}: {r[0]:.4f} {r[1]:6.2f} s {r[2]:4.0f}"
                for own, r in result.items()
            ]
            print(f"{label:28s} {'   '.join(cells)}", flush=True)
    report(real, "targets as they are")
    report(noise, "targets shuffled")
    for name in MODELS:
        losses = [r[name][0] for r in noise.values()]
        print(f"  {name:6s} loss over a constant's: mean {np.mean(losses):.4f}")


if __name__ == "__main__":
    main()
