"""Fit and prediction time of natural-gradient boosting, beside the package ngboost.

    python experiments/speed/natural.py --peer /path/to/python-with-ngboost
    python experiments/speed/natural.py --peer ... --rows 40000 --rounds 500 --repeats 1
    BOOSTLAB_DATA=... python experiments/speed/natural.py --peer ... --dataset protein \
        --peer-rounds 20 --repeats 1

ngboost 0.6 wants an older scikit-learn than boostlab is tested with, so it runs in an
interpreter of its own, which --peer names; without it only our methods run. Both get
the same numeric matrix, a normal distribution, the log score, trees of depth 3, the
same rounds and learning rate, one thread and no early stopping. Every fit is a process
of its own, the methods take turns, so that a drift of the machine hits all of them, and
medians over the repeats are reported with ratios to ngboost. Times are of
`fit(X, y)` with everything in it and of predicting the distributions of 10,000 rows
(the median of five), in wall-clock seconds, and the NLL is that of new rows. With
--dataset all rows of a table of numbers are fitted, and the rows predicted are the
first 10,000 of them. With --peer-rounds ngboost makes fewer rounds, and its time is
what as many as ours would take; its NLL and prediction are then those of the fewer.

`reference` follows ngboost's own line search (compat="reference"), `best` is the
default, and `none` takes every step as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

METHODS = ("ngboost", "reference", "best", "none", "shared")
RATE, DEPTH = 0.01, 3
N_TEST = 10_000


def table(n_rows: int, n_features: int):
    """Return rows whose mean and spread both depend on the features."""
    rng = np.random.default_rng(30_000)
    X = rng.normal(size=(n_rows + N_TEST, n_features))
    spread = np.exp(0.3 * X[:, 2])
    y = 2 * X[:, 0] + np.sin(2 * X[:, 1]) + spread * rng.normal(size=len(X))
    return X[:n_rows], y[:n_rows], X[n_rows:], y[n_rows:]


def read(path: str):
    """Return the rows of a saved table, and the first of them once more."""
    with np.load(path) as saved:
        X, y = saved["X"], saved["y"]
    return X, y, X[:N_TEST], y[:N_TEST]


def save(name: str, folder: str) -> str:
    """Save a table of numbers where a process of another environment can read it."""
    from boostlab.sweeps.datasets import load
    from boostlab.sweeps.specs import DatasetSpec

    found = load(DatasetSpec("local:" + name))
    path = os.path.join(folder, "table.npz")
    np.savez(path, X=found.X.to_numpy(float), y=np.asarray(found.y, float))
    return path


def model_of(method: str, n_rounds: int):
    """Return the unfitted model of a method."""
    if method == "ngboost":
        from ngboost import NGBRegressor

        return NGBRegressor(
            n_estimators=n_rounds, learning_rate=RATE, verbose=False, random_state=0
        )
    from boostlab import NGBoostRegressor

    params = {
        "reference": {"compat": "reference"},
        "none": {"line_search": "none"},
        "shared": {"multi_strategy": "shared"},
    }
    return NGBoostRegressor(
        n_estimators=n_rounds,
        learning_rate=RATE,
        max_depth=DEPTH,
        early_stopping=False,
        n_jobs=1,
        random_state=0,
        **params.get(method, {}),
    )


def measure(method: str, n_rows: int, n_features: int, n_rounds: int, path="") -> dict:
    """Fit and predict once, and return the times and the NLL."""
    X, y, later, outcome = read(path) if path else table(n_rows, n_features)
    model = model_of(method, n_rounds)
    start = time.perf_counter()
    model.fit(X, y)
    fit = time.perf_counter() - start
    predict = model.pred_dist if method == "ngboost" else model.predict_dist
    times = []
    for _ in range(5):
        start = time.perf_counter()
        predicted = predict(later)
        times.append(time.perf_counter() - start)
    nll = -float(np.mean(predicted.logpdf(outcome)))
    return {"fit": fit, "predict": statistics.median(times), "nll": nll}


def in_a_process(method: str, options: argparse.Namespace, path: str) -> dict:
    """Run one measurement in a process of its own."""
    is_peer = method == "ngboost"
    python = options.peer if is_peer else sys.executable
    rounds = options.peer_rounds if is_peer and options.peer_rounds else options.rounds
    sizes = [str(n) for n in (options.rows, options.features, rounds)]
    command = [python, __file__, "--child", method, *sizes, path]
    single = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    done = subprocess.run(
        command, env=os.environ | single, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    found["fit"] *= options.rounds / rounds
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="an interpreter that has ngboost")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dataset", help="a table in the folder BOOSTLAB_DATA")
    parser.add_argument("--peer-rounds", type=int, help="rounds of ngboost, if fewer")
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        method, *sizes, path = options.child
        print(json.dumps(measure(method, *map(int, sizes), path)))
        return
    methods = [m for m in options.methods if m != "ngboost" or options.peer]
    results: dict[str, list[dict]] = {method: [] for method in methods}
    with tempfile.TemporaryDirectory() as folder:
        path = save(options.dataset, folder) if options.dataset else ""
        for _ in range(options.repeats):
            for method in methods:
                results[method].append(in_a_process(method, options, path))
    rows = options.dataset or f"{options.rows} x {options.features}"
    print(f"{rows}, {options.rounds} rounds, medians")
    print(f"{'method':10s} {'fit s':>8s} {'ratio':>6s} {'predict ms':>11s} "
          f"{'ratio':>6s} {'NLL':>7s}")  # fmt: skip
    for method, runs in results.items():
        middle = {k: statistics.median(run[k] for run in runs) for k in runs[0]}
        peers = results.get("ngboost", runs)
        ratio = {
            # Of runs that were neighbours in time.
            k: statistics.median(p[k] / r[k] for p, r in zip(peers, runs, strict=True))
            for k in ("fit", "predict")
        }
        print(
            f"{method:10s} {middle['fit']:8.3f} {ratio['fit']:6.1f} "
            f"{1e3 * middle['predict']:11.2f} {ratio['predict']:6.1f} "
            f"{middle['nll']:7.4f}"
        )


if __name__ == "__main__":
    main()
