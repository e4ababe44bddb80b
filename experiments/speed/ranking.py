"""Rankings and fit times of GradientBoostingRanker beside LightGBM and XGBoost.

    python experiments/speed/ranking.py                         # everything
    python experiments/speed/ranking.py --data mq2008 --repeats 1

Real tables come from BOOSTLAB_DATA with the splits that they were published with (the
five folds of MQ2008, LightGBM's own example) and are skipped without it; the synthetic
one has 1,700 queries of about 120 documents and 40 features. All methods get 100 trees
of 31 leaves, learning rate 0.1, 255 bins, 20 rows a leaf, l2 of 1, one thread or more,
and no early stopping. NDCG has gains 2^y - 1 and leaves out queries without a relevant
document; it is the mean over the folds. Methods take turns, and times are medians of
`fit` over folds and repeats, with the binning in them: by the clock, and of the
processor, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from boostlab import GradientBoostingRanker
from boostlab.metrics import ndcg_score

N_TREES, N_LEAVES, MIN_LEAF, L2, RATE, BINS = 100, 31, 20, 1.0, 0.1, 255
DATA = ("mq2008", "lightgbm_lambdarank", "synthetic")
METHODS = (
    "boostlab ndcg",
    "lightgbm lambdarank",
    "xgboost rank:ndcg",
    "boostlab map",
    "xgboost rank:map",
    "boostlab pairwise",
    "xgboost rank:pairwise",
    "boostlab xe_ndcg",
    "lightgbm rank_xendcg",
)
PLACES = (1, 3, 5, 10)
Part = tuple[np.ndarray, np.ndarray, np.ndarray]


def synthetic(n_queries: int = 1700, n_features: int = 40) -> Iterator[tuple]:
    """Yield one split of documents whose grades depend on features and noise."""
    rng = np.random.default_rng(7)
    query = np.repeat(np.arange(n_queries), rng.integers(60, 181, n_queries))
    X = rng.normal(size=(len(query), n_features))
    X[:, :5] += rng.normal(size=(n_queries, 5))[query]  # queries differ
    score = (
        X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + np.abs(X[:, 3]) + X[:, 6:16].mean(1)
    )
    noisy = score + rng.normal(size=len(score))
    y = np.digitize(noisy, np.quantile(noisy, [0.55, 0.78, 0.92, 0.98])).astype(float)
    train = query < int(0.8 * n_queries)
    yield tuple((X[rows], y[rows], query[rows]) for rows in (train, ~train))


def real(name: str) -> Iterator[tuple]:
    """Yield the training and test rows of each published split."""
    import pandas as pd

    folder = Path(os.environ["BOOSTLAB_DATA"])
    frame = pd.read_parquet(folder / f"{name}.parquet")
    y = frame.pop("relevance").to_numpy(np.float64)
    query = frame.pop("qid").to_numpy()
    X = frame.to_numpy(np.float64)
    for codes in np.atleast_2d(np.load(folder / "splits.npz")[name]):
        parts = (codes == 0, codes == 2)  # training and test rows
        yield tuple((X[rows], y[rows], query[rows]) for rows in parts)


def splits(name: str) -> list[tuple[Part, Part]] | None:
    """Return the splits of a data set; None if it is not there."""
    if name == "synthetic":
        return list(synthetic())
    if not (Path(os.environ.get("BOOSTLAB_DATA", "")) / f"{name}.parquet").is_file():
        print(f"{name}: skipped, not in BOOSTLAB_DATA")
        return None
    return list(real(name))


def make(method: str, threads: int) -> Callable[[Part], Callable]:
    """Return ``fit(part)``, which returns a function from features to scores."""
    library, loss = method.split()
    if library == "boostlab":
        model = GradientBoostingRanker(
            loss,
            n_estimators=N_TREES,
            max_leaf_nodes=N_LEAVES,
            min_samples_leaf=MIN_LEAF,
            l2_regularization=L2,
            learning_rate=RATE,
            max_bins=BINS,
            early_stopping=False,
            n_jobs=threads,
            random_state=0,
        )
        return lambda part: model.fit(*part).predict
    if library == "lightgbm":
        from lightgbm import LGBMRanker

        model = LGBMRanker(
            objective=loss,
            n_estimators=N_TREES,
            num_leaves=N_LEAVES,
            min_child_samples=MIN_LEAF,
            reg_lambda=L2,
            learning_rate=RATE,
            max_bin=BINS,
            n_jobs=threads,
            random_state=0,
            verbosity=-1,
        )
        return lambda part: model.fit(part[0], part[1], group=sizes(part[2])).predict
    from xgboost import XGBRanker

    model = XGBRanker(
        objective=loss,
        n_estimators=N_TREES,
        max_leaves=N_LEAVES,
        max_depth=0,
        grow_policy="lossguide",
        tree_method="hist",
        min_child_weight=1e-3,
        reg_lambda=L2,
        learning_rate=RATE,
        max_bin=BINS,
        n_jobs=threads,
        random_state=0,
    )
    binary = loss == "rank:map"  # it takes labels 0 and 1 only
    return lambda part: (
        model.fit(
            part[0], (part[1] > 0) * 1.0 if binary else part[1], qid=part[2]
        ).predict
    )


def sizes(query: np.ndarray) -> np.ndarray:
    """Return the lengths of runs of equal queries."""
    starts = np.flatnonzero(np.r_[True, query[1:] != query[:-1]])
    return np.diff(np.r_[starts, len(query)])


def in_order(part: Part) -> Part:
    """Return the rows sorted by query, as LightGBM and XGBoost want them."""
    order = np.argsort(part[2], kind="stable")
    return tuple(values[order] for values in part)


def measure(method: str, train: Part, test: Part, threads: int) -> dict[str, float]:
    """Fit once and return times and NDCG on the test rows."""
    fit = make(method, threads)
    clock, processor = time.perf_counter(), time.process_time()
    predict = fit(train)
    row = {
        "fit_s": time.perf_counter() - clock,
        "cpu_s": time.process_time() - processor,
    }
    values = ndcg_score(test[1], predict(test[0]), test[2], PLACES)
    return row | {f"ndcg@{k}": v for k, v in zip(PLACES, values, strict=True)}


def report(rows: list[dict], name: str, threads: int) -> None:
    """Print the means of NDCG and the median times."""
    print(f"\n{name}, {threads} thread{'s' * (threads > 1)}")
    head = "".join(f"{f'NDCG@{k}':>9}" for k in PLACES)
    print(f"{'method':24}{head}{'fit s':>9}{'CPU s':>9}")
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        means = [statistics.fmean(row[f"ndcg@{k}"] for row in own) for k in PLACES]
        times = [
            statistics.median(row[key] for row in own) for key in ("fit_s", "cpu_s")
        ]
        cells = "".join(f"{value:9.4f}" for value in means)
        print(f"{method:24}{cells}{times[0]:9.2f}{times[1]:9.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=DATA, choices=DATA)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("results/speed/ranking.csv"))
    options = parser.parse_args()
    rows = []
    for name in options.data:
        parts = splits(name)
        for threads in options.threads if parts else ():
            done = []
            for repeat in range(options.repeats):
                for fold, (train, test) in enumerate(parts):
                    for method in options.methods:
                        key = {"data": name, "threads": threads, "repeat": repeat}
                        key |= {"fold": fold, "method": method}
                        result = measure(method, in_order(train), test, threads)
                        done.append(key | result)
            report(done, name, threads)
            rows += done
    if rows:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        print(f"\nEvery run: {options.out}")


if __name__ == "__main__":
    main()
