"""Time from a matrix of floats to bins, beside LightGBM and XGBoost.

    python experiments/speed/binning.py
    python experiments/speed/binning.py --rows 200000 --threads 1 --repeats 3

Every run makes the same 255 bins of the same matrix: `Table.view(Bins())`,
`lightgbm.Dataset.construct()` with its 200,000 sampled rows, and
`xgboost.QuantileDMatrix`. The three take turns in one process, so that a drift of the
machine hits all of them; medians over the repeats are printed, with the ratio to ours,
and beside them the CPU time, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

BINS, SAMPLE = 255, 200_000
LAYOUTS = ("c float64", "fortran float64", "c float32")


def matrix(n_rows: int, n_features: int, layout: str) -> np.ndarray:
    """Return a matrix of mostly continuous columns, some skewed, some discrete."""
    rng = np.random.default_rng(20_000)
    X = rng.normal(size=(n_rows, n_features))
    X[:, 5::9] = np.exp(X[:, 5::9])
    X[:, 6::9] = np.round(2 * X[:, 6::9])
    X[:, 7::9] = rng.integers(0, 40, size=X[:, 7::9].shape)
    X[rng.random(n_rows) < 0.1, 8::9] = np.nan
    order, dtype = layout.split()
    return np.asarray(X, dtype=dtype, order="F" if order == "fortran" else "C")


def bin_boostlab(X: np.ndarray, threads: int) -> None:
    from boostlab.data import Bins, Table
    from boostlab.parallel import threads as limit

    with limit(threads):
        Table(X).view(Bins(max_bins=BINS, subsample=SAMPLE))


def bin_lightgbm(X: np.ndarray, threads: int) -> None:
    import lightgbm

    parameters = {
        "max_bin": BINS,
        "bin_construct_sample_cnt": SAMPLE,
        "num_threads": threads,
        "verbosity": -1,
    }
    lightgbm.Dataset(X, params=parameters).construct()


def bin_xgboost(X: np.ndarray, threads: int) -> None:
    import xgboost

    xgboost.QuantileDMatrix(X, max_bin=BINS, nthread=threads)


METHODS: dict[str, Callable[[np.ndarray, int], None]] = {
    "boostlab": bin_boostlab,
    "lightgbm": bin_lightgbm,
    "xgboost": bin_xgboost,
}


def measure(method: str, X: np.ndarray, threads: int) -> dict[str, float]:
    """Return the wall-clock and the CPU time of one run."""
    start, cpu = time.perf_counter(), time.process_time()
    METHODS[method](X, threads)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "cpu_seconds": time.process_time() - cpu}


def report(rows: list[dict], layout: str, threads: int) -> None:
    """Print medians, and each method's time as a multiple of ours."""
    print(f"\n{layout}, {threads} thread{'s' * (threads > 1)}, medians")
    print("{:12}{:>9}{:>9}{:>16}".format("method", "s", "CPU s", "s / boostlab"))
    chosen = [r for r in rows if r["layout"] == layout and r["threads"] == threads]
    medians = {
        method: [
            statistics.median(r[key] for r in chosen if r["method"] == method)
            for key in ("seconds", "cpu_seconds")
        ]
        for method in dict.fromkeys(r["method"] for r in chosen)
    }
    ours = medians.get("boostlab", [float("nan")])[0]
    for method, (seconds, cpu) in medians.items():
        print(f"{method:12}{seconds:9.3f}{cpu:9.3f}{seconds / ours:16.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=28)
    parser.add_argument("--layouts", nargs="+", default=LAYOUTS, choices=LAYOUTS)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("results/speed/binning.csv"))
    options = parser.parse_args()
    rows = []
    for layout in options.layouts:
        X = matrix(options.rows, options.features, layout)
        for method in options.methods:  # imports, and first pages of memory
            METHODS[method](X[:1000], 1)
        for threads in options.threads:
            for repeat in range(options.repeats):
                for method in options.methods:
                    key = {"layout": layout, "threads": threads, "repeat": repeat}
                    found = measure(method, X, threads)
                    rows.append({**key, "method": method, **found})
            report(rows, layout, threads)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print(f"\nEvery run: {options.out}")


if __name__ == "__main__":
    main()
