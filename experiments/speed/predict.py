"""Prediction time of boosted trees, beside LightGBM, XGBoost and scikit-learn.

    python experiments/speed/predict.py                     # the whole comparison
    python experiments/speed/predict.py --threads 2 --repeats 3 --dtypes float64

Each method is fitted once, with the settings of trees.py; then the methods take turns
in processes of their own, which read their model and predict, and medians over the
turns are reported with the ratio to boostlab. Times are of `predict_proba` from the raw
matrix with all its input checks, for 200,000 rows and for one row. For boostlab,
"inner us" is one row beyond these checks: from a table to the raw prediction.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import trees

METHODS = ("boostlab", "lightgbm", "xgboost", "sklearn")
N_TRAIN, N_TEST, TURNS, ROWS = 100_000, 200_000, 5, 300


def fit(method: str, threads: int, folder: Path) -> None:
    """Fit a method and store its model."""
    parts = np.load(folder / "data.npz")
    model = trees.make(method, classify=True, threads=threads)
    model.fit(parts["X"], parts["y"].astype(int))
    (folder / f"{method}_{threads}.pkl").write_bytes(pickle.dumps(model))


def stored(method: str, threads: int, folder: Path):
    """Return the model of :func:`fit`."""
    return pickle.loads((folder / f"{method}_{threads}.pkl").read_bytes())


def seconds(call, turns: int) -> float:
    """Return the median time of a call, after one call to warm up."""
    call()
    taken = []
    for _ in range(turns):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def measure(method: str, threads: int, dtype: str, folder: Path) -> dict[str, float]:
    """Predict with a stored model in this process."""
    model = stored(method, threads, folder)
    X = np.load(folder / "data.npz")["X_test"].astype(dtype)
    row = X[:1].copy()
    times = {
        "ms": 1e3 * seconds(lambda: model.predict_proba(X), TURNS),
        "row us": 1e6 * seconds(lambda: model.predict_proba(row), ROWS),
    }
    if method == "boostlab":
        from boostlab.data.table import Table

        table = Table(row)
        inner = seconds(lambda: model.ensemble_.predict(table), ROWS)
        times["inner us"] = 1e6 * inner
    return times


def run(script: str, *arguments: object) -> dict[str, float] | None:
    """Run a worker in a fresh process; None if it failed, e.g. not installed."""
    words = [str(argument) for argument in arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": words[2]}
    worker = [sys.executable, script, "--worker", *words]
    done = subprocess.run(worker, env=environment, capture_output=True, text=True)
    if done.returncode:
        print(f"  {words[1]} failed: {done.stderr.strip().splitlines()[-1:]}")
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def make_data(folder: Path) -> None:
    """Write the data that all workers read."""
    X, y, X_test, _ = trees.synthetic(N_TRAIN, N_TEST)
    np.savez(folder / "data.npz", X=X, y=y, X_test=X_test)


def report(rows: list[dict], title: str, unit: str) -> None:
    """Print medians over the turns, and ratios to boostlab."""
    names = list(dict.fromkeys(name for row in rows for name in row["times"]))
    ratio = f"{unit} / boostlab"
    print(f"\n{title}, medians of {max(row['turn'] for row in rows) + 1} turns")
    print(f"{'method':12}" + "".join(f"{name:>12}" for name in names) + f"{ratio:>18}")
    medians = {
        method: {
            name: statistics.median(
                row["times"].get(name, float("nan"))
                for row in rows
                if row["method"] == method
            )
            for name in names
        }
        for method in dict.fromkeys(row["method"] for row in rows)
    }
    ours = medians.get("boostlab", {}).get(unit, float("nan"))
    for method, times in medians.items():
        cells = "".join(f"{times[name]:12.2f}" for name in names)
        print(f"{method:12}{cells}{times[unit] / ours:18.2f}")


def compare(script: str, options: argparse.Namespace, unit: str) -> None:
    """Fit all methods, let them take turns, and report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_data(folder)
        for threads in options.threads:
            methods = [
                method
                for method in options.methods
                if run(__file__, "fit", method, threads, "-", folder) is not None
            ]
            for dtype in options.dtypes:
                rows = []
                for turn in range(options.repeats):
                    for method in methods:
                        times = run(script, "measure", method, threads, dtype, folder)
                        if times is not None:
                            row = {"method": method, "turn": turn, "times": times}
                            rows.append(row)
                if rows:
                    report(rows, f"{threads} thread(s), {dtype}", unit)


def parse(methods: tuple[str, ...]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--methods", nargs="+", default=methods, choices=methods)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--dtypes", nargs="+", default=["float64", "float32"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--worker", nargs=5, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parse(METHODS)
    if not options.worker:
        compare(__file__, options, "ms")
        return
    task, method, threads, dtype, folder = options.worker
    if task == "fit":
        fit(method, int(threads), Path(folder))
        print("{}")
    else:
        print(json.dumps(measure(method, int(threads), dtype, Path(folder))))


if __name__ == "__main__":
    main()
