"""AdaBoost needs a factor ln m more rows in the worst case, majorities do not.

    python experiments/papers/adaboost_not_optimal.py
    ... --repetitions 20 --rows 300 1000 3000 --run-rows 300 1000

There are u points, all equally likely, and s of them are beyond the weak learner: it
has its edge on the rows that it is shown, but is wrong on the s points of least number
that are *absent* from them. So a boosted vote of any number of its hypotheses is wrong
there, too. AdaBoost sees m rows and about u exp(-m / u) points are absent, so with u =
m / ln(m / s) still s are, and m error / s grows like ln m. A majority is wrong only
where half of its voters are, whose samples lack different points.

Two ways: *sets* finds by sets of points where the votes are wrong; *runs* really
boosts, AdaBoost in the library's loop under WeakToStrong, with the adversary as its
weak learner.

Every number is m error / s at the worst m / u of a grid. The worst is chosen on one
half of the repetitions and measured on the other, so it is not biased upwards; errors
are standard errors. The weak learner is adversarial by design: natural learners show
much smaller differences. Of nested sub-samples at most 81 are drawn, for which there
is no theorem.

Results are kept, line by line, in a file, so that a run that was stopped goes on.

Source: Hogsgaard, Larsen, Ritzert (2023), AdaBoost is not an optimal weak to strong
learner; Hogsgaard, Larsen, Mathiasen (2024), The many faces of optimal weak-to-strong
learning. The construction is in the spirit of the lower bound, not the published one.
"""

from __future__ import annotations

import argparse
import json
import math
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from boostlab.estimators.voter_samples import nested_positions

BEYOND = 5
"""How many absent points the weak learner is wrong on, s."""

RATIOS = (0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10, 12)
"""Rows a point, m / u."""

ROWS = (300, 1000, 3000, 10_000, 30_000, 100_000)
MOST_NESTED = 81
FEWEST = 10
"""From how many measured repetitions on a slope is shown."""

Samples = Callable[[np.ndarray, np.random.Generator], list[np.ndarray]]


def whole(points, rng):
    return [points]


def parts(n_parts: int) -> Samples:
    def deal(points, rng):
        return [points[i::n_parts] for i in range(n_parts)]

    return deal


def n_bootstraps(m: int) -> int:
    """Return 4 ln m, made odd."""
    return int(4 * math.log(m)) // 2 * 2 + 1


def bootstraps(points, rng):
    m = len(points)
    return [points[rng.integers(m, size=m)] for _ in range(n_bootstraps(m))]


def nested(points, rng):
    # The points are independent, so their order is random.
    found = nested_positions(len(points), MOST_NESTED, rng)
    return [points[positions] for positions in found]


METHODS: dict[str, Samples] = {
    "AdaBoost": whole,
    "majority of 3": parts(3),
    "majority of 5": parts(5),
    "majority of 9": parts(9),
    "bagging": bootstraps,
    "sub-samples": nested,
}


def wrong_points(sample: np.ndarray, n_points: int) -> np.ndarray:
    """Return the absent points of least number."""
    return np.flatnonzero(np.bincount(sample, minlength=n_points) == 0)[:BEYOND]


def constant_of_sets(method: str, m: int, ratio: float, seed: int) -> float:
    """Return m error / s of one repetition, by sets."""
    rng = np.random.default_rng([seed, m, int(10 * ratio)])
    n_points = max(BEYOND + 1, round(m / ratio))
    points = rng.integers(n_points, size=m)
    samples = METHODS[method](points, rng)
    votes = np.zeros(n_points, np.int64)
    for sample in samples:
        votes[wrong_points(sample, n_points)] += 1
    return m * float(np.mean(2 * votes > len(samples))) / BEYOND


class Adversary(ClassifierMixin, BaseEstimator):
    """A weak learner with edge 2 gamma on what it is shown, and as wrong as it may be.

    The only feature is the number of the point, and its label the last bit of that.

    Parameters
    ----------
    n_points : int
        Number of points u.
    gamma : float
        It is wrong on at most 1/2 - gamma of the weight of the rows.
    random_state : int, optional
        Which rows it is wrong on.
    """

    def __init__(self, n_points: int = 10, gamma: float = 0.2, random_state=None):
        self.n_points = n_points
        self.gamma = gamma
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        points = np.asarray(X)[:, 0].astype(np.intp)
        weight = np.bincount(points, sample_weight, self.n_points)
        self.classes_ = np.array([0, 1])
        order = np.random.default_rng(self.random_state).permutation(self.n_points)
        spent = np.cumsum(weight[order]) / weight.sum()
        shown = weight[order] > 0
        wrong = order[shown & (spent <= 0.5 - self.gamma)]
        self.wrong_ = np.union1d(wrong, wrong_points(points, self.n_points))
        return self

    def predict(self, X):
        points = np.asarray(X)[:, 0].astype(np.intp)
        return (points % 2) ^ np.isin(points, self.wrong_)


SCHEMES = {
    "AdaBoost": ("single", None),
    "majority of 3": ("majority", 3),
    "majority of 5": ("majority", 5),
    "bagging": ("bagging", 9),
}
"""Which methods are really run, as schemes of WeakToStrong and numbers of voters."""

RUN_ROWS, RUN_RATIOS, RUN_ROUNDS = (300, 1000, 3000, 10_000), (2, 3, 4, 5, 6), 200


def constant_of_runs(method: str, m: int, ratio: float, seed: int) -> float:
    """Return m error / s of one repetition, by boosting."""
    from boostlab import AdaBoostClassifier, WeakToStrong

    rng = np.random.default_rng([seed, m, int(10 * ratio)])
    n_points = max(BEYOND + 1, round(m / ratio))
    points = rng.integers(n_points, size=(m, 1))
    scheme, n_voters = SCHEMES[method]
    booster = AdaBoostClassifier(Adversary(n_points), n_estimators=RUN_ROUNDS, n_jobs=1)
    model = WeakToStrong(booster, scheme, n_voters, random_state=seed)
    model.fit(points, points[:, 0] % 2)
    if model.training_errors_.any():
        raise RuntimeError("A voter errs on its own rows, so this is no such case.")
    every = np.arange(n_points)
    return m * float(np.mean(model.predict(every[:, None]) != every % 2)) / BEYOND


def slope(
    values: list[np.ndarray], rows: list[int], seed: int = 0
) -> tuple[float, float, float]:
    """Return the slope against ln m, and its 95 % interval by resampling repetitions.

    Parameters
    ----------
    values : list of ndarray
        The constants of all repetitions, for each number of rows.
    rows : list of int
        Numbers of rows m.
    """
    logs = np.log(rows)
    rng = np.random.default_rng(seed)
    means = [np.mean(each) for each in values]
    drawn = [each[rng.integers(len(each), size=(2000, len(each)))] for each in values]
    slopes = np.polyfit(logs, np.array([each.mean(axis=1) for each in drawn]), 1)[0]
    low, high = np.quantile(slopes, [0.025, 0.975])
    return np.polyfit(logs, means, 1)[0], low, high


def at_the_worst(by_ratio: dict[float, list[float]]) -> np.ndarray:
    """Return the second half of the repetitions at the ratio worst in the first."""
    halves = {r: np.array_split(values, 2) for r, values in by_ratio.items()}
    worst = max(halves, key=lambda ratio: halves[ratio][0].mean())
    return halves[worst][1]


Done = dict[tuple, float]


def collected(done: Done, kind: str, method: str, m: int) -> np.ndarray | None:
    """Return the repetitions of a method at its worst ratio, if there are enough."""
    by_ratio: dict[float, list[float]] = {}
    for (k, name, n, ratio, _), value in done.items():
        if (k, name, n) == (kind, method, m):
            by_ratio.setdefault(ratio, []).append(value)
    if not by_ratio or min(map(len, by_ratio.values())) < 4:
        return None
    return at_the_worst(by_ratio)


def report(done: Done, kind: str) -> dict[str, tuple[list[int], list[np.ndarray]]]:
    """Print means, standard errors and slopes; return what is to be drawn."""
    rows = sorted({key[2] for key in done if key[0] == kind})
    found = {}
    print(f"\nm error / s, by {kind}")
    print(f"{'m':16s}" + "".join(f"{m:>15,d}" for m in rows) + "   slope against ln m")
    for method in METHODS:
        pairs = [(m, collected(done, kind, method, m)) for m in rows]
        pairs = [(m, values) for m, values in pairs if values is not None]
        if not pairs:
            continue
        cells = {m: f"{v.mean():.2f} ± {_error(v):.2f}" for m, v in pairs}
        line = f"{method:16s}" + "".join(f"{cells.get(m, ''):>15s}" for m in rows)
        found[method] = tuple(map(list, zip(*pairs, strict=True)))
        if len(pairs) > 2 and min(len(values) for _, values in pairs) >= FEWEST:
            middle, low, high = slope(found[method][1], found[method][0])
            line += f"   {middle:5.2f}  [{low:5.2f}, {high:5.2f}]"
        print(line)
    return found


def _error(values: np.ndarray) -> float:
    return values.std(ddof=1) / len(values) ** 0.5


def draw(found: dict[str, dict], path: Path) -> None:
    """Draw the constants with error bars, one panel for each way."""
    import matplotlib.pyplot as plt

    from boostlab.inspection.style import COLOURS, tidy, title

    figure, axes = plt.subplots(
        1, len(found), figsize=(1.6 + 5 * len(found), 3.8), layout="constrained"
    )
    for axis, (kind, methods) in zip(np.atleast_1d(axes), found.items(), strict=True):
        for colour, name in zip(COLOURS, METHODS, strict=False):
            if name not in methods:
                continue
            rows, values = methods[name]
            means = [each.mean() for each in values]
            errors = [2 * _error(each) for each in values]
            axis.errorbar(
                rows, means, errors, fmt="o-", ms=4, capsize=3, color=colour, label=name
            )
        axis.set_xscale("log")
        axis.set_ylim(0)
        axis.set_xlabel("rows m")
        axis.set_ylabel("m error / s at the worst m / u")
        tidy(axis, grid="y")
        what = "Sets of points" if kind == "sets" else "Boosting runs"
        title(axis, f"{what} (mean ± 2 standard errors)")
    legend = figure.axes[0].get_legend_handles_labels()
    figure.legend(*legend, loc="outside right center", frameon=False, fontsize=9)
    figure.savefig(path, dpi=150)
    print(f"\n{path}")


def read(results: Path) -> Done:
    """Return what a run before has found."""
    if not results.exists():
        return {}
    entries = map(json.loads, results.read_text().splitlines())
    return {tuple(entry["key"]): entry["value"] for entry in entries}


def fill(done: Done, results: Path, plan: list[tuple]) -> None:
    """Compute what is missing."""
    ways = {"sets": constant_of_sets, "runs": constant_of_runs}
    with results.open("a") as file:
        for key in plan:
            if key in done:
                continue
            kind, method, m, ratio, repetition = key
            seed = 1000 * repetition + zlib.crc32(method.encode()) % 1000
            done[key] = ways[kind](method, m, ratio, seed)
            file.write(json.dumps({"key": key, "value": done[key]}) + "\n")
            file.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", type=int, default=ROWS)
    parser.add_argument("--repetitions", type=int, default=80)
    parser.add_argument("--run-rows", nargs="*", type=int, default=RUN_ROWS)
    parser.add_argument("--run-repetitions", type=int, default=20)
    parser.add_argument("--results", default="results/adaboost_not_optimal.jsonl")
    parser.add_argument("--plot", default="results/adaboost_not_optimal.png")
    options = parser.parse_args()
    results = Path(options.results)
    results.parent.mkdir(parents=True, exist_ok=True)
    done = read(results)
    plan = [
        ("sets", method, m, ratio, repetition)
        for m in options.rows
        for repetition in range(options.repetitions)
        for method in METHODS
        for ratio in RATIOS
    ] + [
        ("runs", method, m, ratio, repetition)
        for method in SCHEMES
        for m in options.run_rows
        for repetition in range(options.run_repetitions)
        for ratio in RUN_RATIOS
    ]
    fill(done, results, plan)
    kinds = sorted({key[0] for key in done}, reverse=True)
    draw({kind: report(done, kind) for kind in kinds}, Path(options.plot))


if __name__ == "__main__":
    main()
