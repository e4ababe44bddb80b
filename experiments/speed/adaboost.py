"""Fit time of AdaBoost on stumps, beside scikit-learn's.

    python experiments/speed/adaboost.py
    python experiments/speed/adaboost.py --rows 20000 --rounds 50 --repeats 3

Both fit 20 normal features, of which three decide the class and 10 per cent of the
labels are flipped, by stumps, for the same rounds, in this process and in turns;
reported are medians in wall-clock seconds, and the ratio. Times are of `fit(X, y)`
with everything in it. `--jobs` is the number of our threads; AdaBoost of scikit-learn
has one.
As scikit-learn takes minutes, `--peer-rounds` lets it make fewer, and its time is
then what as many as ours would take: each of its rounds sorts the same rows again.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from sklearn.ensemble import AdaBoostClassifier as TheirAdaBoost
from sklearn.tree import DecisionTreeClassifier

from boostlab import AdaBoostClassifier


def table(n_rows: int, n_features: int):
    """Return rows of two classes that no stump separates."""
    rng = np.random.default_rng(30_000)
    X = rng.normal(size=(n_rows, n_features))
    y = X[:, 0] + X[:, 1] ** 2 - 1 + np.sin(2 * X[:, 2]) > 0
    return X, y ^ (rng.random(n_rows) < 0.1)


def seconds(model, X, y) -> float:
    """Return how long a fit takes."""
    start = time.perf_counter()
    model.fit(X, y)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--peer-rounds", type=int)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    X, y = table(asked.rows, asked.features)
    peer_rounds = asked.peer_rounds or asked.rounds
    ours = AdaBoostClassifier(
        n_estimators=asked.rounds, n_jobs=asked.jobs, random_state=0
    )
    theirs = TheirAdaBoost(
        DecisionTreeClassifier(max_depth=1), n_estimators=peer_rounds, random_state=0
    )
    times: dict[str, list[float]] = {"boostlab": [], "scikit-learn": []}
    for _ in range(asked.repeats):
        times["boostlab"].append(seconds(ours, X, y))
        spent = seconds(theirs, X, y)
        times["scikit-learn"].append(
            spent * asked.rounds / len(theirs.estimator_weights_)
        )
    medians = {name: statistics.median(own) for name, own in times.items()}
    print(f"{asked.rows} x {asked.features}, {asked.rounds} rounds of stumps")
    for name, median in medians.items():
        print(f"{name:14} {median:8.2f} s")
    print(f"ratio          {medians['scikit-learn'] / medians['boostlab']:8.1f}")
    print(f"training accuracy {ours.score(X, y):.4f} and {theirs.score(X, y):.4f}")


if __name__ == "__main__":
    main()
