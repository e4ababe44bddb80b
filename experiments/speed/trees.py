"""Fit and prediction time of boosted trees, beside LightGBM, XGBoost and scikit-learn.

    python experiments/speed/trees.py                       # the whole comparison
    python experiments/speed/trees.py --data synthetic --threads 1 --repeats 1
    python experiments/speed/trees.py --data synthetic --leaves 255
    python experiments/speed/trees.py --data classes8 small_1000 small_10000 narrow
    python experiments/speed/trees.py --data narrow --threads 2 --busy 1

Every fit runs in a process of its own; the methods take turns, so that a drift of the
machine hits all of them, and medians over the repeats are reported with the ratio to
each method of the same threads. All methods get the same numeric matrix, 100 trees of
31 leaves, 255 bins, learning rate 0.1, 20 rows a leaf, l2 of 1 and no early stopping.
Times are of `fit(X, y)` with everything in it (binning too) and of `predict` from the
raw matrix. Repeats have seeds of their own. The real tables are found through
BOOSTLAB_DATA and skipped without it. `boostlab_shared` is our classifier with one tree
for all classes, `boostlab_low_memory` keeps the bins once. --busy keeps that many
processes running beside the fits.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

N_TREES, N_LEAVES, MIN_LEAF, L2, RATE, BINS = 100, 31, 20, 1.0, 0.1, 255
METHODS = (
    "boostlab",
    "boostlab_shared",
    "boostlab_low_memory",
    "lightgbm",
    "lightgbm_quantised",
    "xgboost",
    "sklearn",
)
REAL = ("hflights_delay_large", "weather_aus_large", "kddcup99_large")
DATA = (
    "synthetic",
    *REAL,
    "kddcup99_classes",
    "classes8",
    "narrow",
    "small_1000",
    "small_10000",
)
NORMAL_TRAFFIC = "11"  # kddcup99: this class against all the attacks


def synthetic(n_train: int = 800_000, n_test: int = 200_000, n_features: int = 28):
    """Return a two-class table with interactions, steps, skew and label noise."""
    rng = np.random.default_rng(20_000)
    X = rng.normal(size=(n_train + n_test, n_features))
    X[:, 5] = np.exp(X[:, 5])
    X[:, 9] = np.round(2 * X[:, 9])
    X[:, 13] = rng.integers(0, 40, size=len(X))
    score = (
        X[:, 0] * X[:, 1]
        + np.sin(2 * X[:, 2]) * (X[:, 3] > 0)
        + 0.7 * np.abs(X[:, 4])
        - 0.3 * X[:, 5]
        + 0.5 * (X[:, 9] > 1) * X[:, 10]
        + 0.4 * np.cos(X[:, 13])
        + 0.2 * X[:, 14 : 14 + 6].sum(axis=1)
    )
    y = (score + rng.logistic(size=len(X)) > 0).astype(float)
    return X[:n_train], y[:n_train], X[n_train:], y[n_train:]


def classes8(n_train: int = 200_000, n_test: int = 50_000, n_features: int = 32):
    """Return eight classes by a smooth score of a few features."""
    rng = np.random.default_rng(20_001)
    X = rng.normal(size=(n_train + n_test, n_features))
    mixing = rng.normal(size=(6, 8))
    score = np.tanh(X[:, :6] * [1, 2, 1, 0.5, 1, 1]) @ mixing
    score += np.outer(X[:, 6] * X[:, 7], mixing[0])
    y = (score + rng.gumbel(size=score.shape)).argmax(axis=1).astype(float)
    return X[:n_train], y[:n_train], X[n_train:], y[n_train:]


def small(n_train: int, n_features: int):
    """Return a small regression table."""
    rng = np.random.default_rng(20_002)
    X = rng.normal(size=(n_train + 5000, n_features))
    y = X[:, 0] * X[:, 1] + np.sin(X[:, 2]) + 0.3 * rng.normal(size=len(X))
    return X[:n_train], y[:n_train], X[n_train:], y[n_train:]


def made(name: str):
    """Return a table that is made here."""
    if name == "classes8":
        return classes8()
    if name == "narrow":
        return synthetic(200_000, 50_000, 32)
    if name.startswith("small"):
        n_train = int(name.split("_")[1])
        return small(n_train, 10 if n_train == 1000 else 20)
    return synthetic()


def real(name: str):
    """Return a table of BOOSTLAB_DATA as numbers, a fifth of the rows for testing."""
    import pandas as pd

    folder = Path(os.environ.get("BOOSTLAB_DATA", ""))
    all_classes = name == "kddcup99_classes"
    name = name.replace("_classes", "_large")
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    entry = next(d for d in manifest["datasets"] if d["name"] == name)
    frame = pd.read_parquet(folder / entry["file"])
    y = frame.pop(entry["target"]).to_numpy()
    for column in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            frame[column] = pd.factorize(frame[column], sort=True)[0]
    X = frame.to_numpy(dtype=np.float64)
    if all_classes:  # rare classes together, so that every split has them all
        y = np.unique(y.astype(str), return_inverse=True)[1]
        rare = np.bincount(y) < 200
        y = np.unique(np.where(rare[y], rare.argmax(), y), return_inverse=True)[1]
    elif entry["task"] == "binary":
        y = pd.factorize(y, sort=True)[0]
    elif entry["task"] == "multiclass":
        y = y.astype(str) == NORMAL_TRAFFIC
    y = y.astype(float)
    order = np.random.default_rng(0).permutation(len(X))
    test, train = order[: len(X) // 5], order[len(X) // 5 :]
    return X[train], y[train].astype(float), X[test], y[test].astype(float)


def prepare(name: str, folder: Path) -> Path | None:
    """Write a data set where the workers will read it; None if it is not there."""
    is_real = name in REAL or name.startswith("kddcup99")
    if is_real:
        home = Path(os.environ.get("BOOSTLAB_DATA", ""))
        if not (home / f"{name.replace('_classes', '_large')}.parquet").is_file():
            print(f"{name}: skipped, not in BOOSTLAB_DATA")
            return None
    parts = real(name) if is_real else made(name)
    path = folder / f"{name}.npz"
    np.savez(path, *parts)
    return path


def make(
    method: str,
    classify: bool,
    threads: int,
    n_trees: int = N_TREES,
    n_leaves: int = N_LEAVES,
    seed: int = 0,
):
    """Return an unfitted estimator of `method`."""
    if method.startswith("boostlab"):
        from boostlab import GradientBoostingClassifier, GradientBoostingRegressor

        cls = GradientBoostingClassifier if classify else GradientBoostingRegressor
        return cls(
            n_estimators=n_trees,
            max_leaf_nodes=n_leaves,
            multi_strategy="shared" if method.endswith("shared") else "separate",
            min_samples_leaf=MIN_LEAF,
            l2_regularization=L2,
            learning_rate=RATE,
            max_bins=BINS,
            low_memory=method.endswith("low_memory"),
            early_stopping=False,
            n_jobs=threads,
            random_state=seed,
        )
    if method.startswith("lightgbm"):
        from lightgbm import LGBMClassifier, LGBMRegressor

        return (LGBMClassifier if classify else LGBMRegressor)(
            n_estimators=n_trees,
            num_leaves=n_leaves,
            min_child_samples=MIN_LEAF,
            reg_lambda=L2,
            learning_rate=RATE,
            max_bin=BINS,
            use_quantized_grad=method.endswith("quantised"),
            n_jobs=threads,
            random_state=seed,
            verbosity=-1,
        )
    if method == "xgboost":
        from xgboost import XGBClassifier, XGBRegressor

        return (XGBClassifier if classify else XGBRegressor)(
            n_estimators=n_trees,
            max_leaves=n_leaves,
            max_depth=0,
            grow_policy="lossguide",
            tree_method="hist",
            min_child_weight=1e-3,
            reg_lambda=L2,
            learning_rate=RATE,
            max_bin=BINS,
            n_jobs=threads,
            random_state=seed,
        )
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )

    cls = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    return cls(
        max_iter=n_trees,
        max_leaf_nodes=n_leaves,
        min_samples_leaf=MIN_LEAF,
        l2_regularization=L2,
        learning_rate=RATE,
        max_bins=BINS,
        early_stopping=False,
        random_state=seed,
    )


def measure(
    path: str, method: str, threads: int, leaves: int, seed: int
) -> dict[str, float]:
    """Fit once in this process and return what was measured."""
    from sklearn.metrics import log_loss, mean_squared_error

    parts = np.load(path)
    X, y, X_test, y_test = (parts[f"arr_{i}"] for i in range(4))
    classify = "small" not in path and "hflights" not in path
    model = make(method, classify, threads, N_TREES, leaves, seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    labels = y.astype(int) if classify else y
    start = time.perf_counter()
    model.fit(X, labels)
    fit = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    if classify:
        predicted = model.predict_proba(X_test)
        seconds = time.perf_counter() - start
        loss = log_loss(y_test, predicted)
    else:
        predicted = model.predict(X_test)
        seconds = time.perf_counter() - start
        loss = mean_squared_error(y_test, predicted) ** 0.5
    return {
        "fit_s": fit,
        "predict_s": seconds,
        "peak_mb": peak / 1024,
        "above_data_mb": (peak - before) / 1024,
        "test_loss": float(loss),
    }


def keep_busy(n_processes: int) -> list[subprocess.Popen]:
    """Start processes that keep one core each busy."""
    command = [sys.executable, "-c", "while True: pass"]
    return [subprocess.Popen(command) for _ in range(n_processes)]


def run_worker(
    path: Path, method: str, threads: int, leaves: int, seed: int
) -> dict[str, float] | None:
    """Measure in a fresh process; None if it failed, for instance not installed."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    worker = [sys.executable, __file__, "--worker", str(path), method]
    worker += [str(threads), str(leaves), str(seed)]
    done = subprocess.run(worker, env=environment, capture_output=True, text=True)
    if done.returncode:
        print(f"  {method} failed: {done.stderr.strip().splitlines()[-1:]}")
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def report(rows: list[dict], data: str, threads: int) -> None:
    """Print medians, and each method's fit time as a multiple of ours."""
    chosen = [r for r in rows if r["data"] == data and r["threads"] == threads]
    methods = list(dict.fromkeys(r["method"] for r in chosen))
    print(f"\n{data}, {threads} thread{'s' * (threads > 1)}, medians")
    head = ("method", "fit s", "predict s", "peak MB", "test loss", "fit / boostlab")
    print("{:20}{:>9}{:>11}{:>10}{:>11}{:>16}".format(*head))
    medians = {
        m: {
            key: statistics.median(r[key] for r in chosen if r["method"] == m)
            for key in ("fit_s", "predict_s", "peak_mb", "test_loss")
        }
        for m in methods
    }
    ours = medians.get("boostlab", {}).get("fit_s", float("nan"))
    for method, row in medians.items():
        print(
            f"{method:20}{row['fit_s']:9.2f}{row['predict_s']:11.3f}"
            f"{row['peak_mb']:10.0f}{row['test_loss']:11.5f}{row['fit_s'] / ours:16.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=DATA, choices=DATA)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("results/speed/trees.csv"))
    parser.add_argument("--leaves", type=int, default=N_LEAVES)
    parser.add_argument("--busy", type=int, default=0, help="processes beside the fits")
    parser.add_argument("--worker", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        path, method, *numbers = options.worker
        print(json.dumps(measure(path, method, *map(int, numbers))))
        return
    busy = keep_busy(options.busy)
    try:
        compare(options)
    finally:
        for process in busy:
            process.kill()


def compare(options: argparse.Namespace) -> None:
    """Run all methods in turn, and report data by data."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for data in options.data:
            path = prepare(data, Path(folder))
            if path is None:
                continue
            for threads in options.threads:
                for repeat in range(options.repeats):
                    for method in options.methods:
                        if method.endswith("shared") and "class" not in data:
                            continue
                        row = run_worker(path, method, threads, options.leaves, repeat)
                        if row is not None:
                            key = {"data": data, "threads": threads, "repeat": repeat}
                            rows.append({**key, "method": method, **row})
                report(rows, data, threads)
    if rows:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        print(f"\nEvery run: {options.out}")


if __name__ == "__main__":
    main()
