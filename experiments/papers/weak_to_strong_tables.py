"""AdaBoost, majorities of it, and noise-tolerant kin on real tables of growing size.

    BOOSTLAB_DATA=FOLDER python experiments/papers/weak_to_strong_tables.py
    ... --tables adult --most 10000 --repetitions 3 --noise 0 0.2

Test errors of 300 rounds of stumps (or ``--depth 2``), by number of training rows m:
1e3, 3e3, 1e4, ... to all. `noise` is the share of training labels that are flipped;
test labels are as they are. Every repetition draws other test and training rows, equal
for all methods. The crossover is the least m from which on the mean error of a
majority is below that of the single run.

Results are kept, line by line, in a file, so that a run that was stopped goes on.

Source: Hogsgaard, Larsen, Mathiasen (2024), The many faces of optimal weak-to-strong
learning, section 4, with other tables.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd

from boostlab import AdaBoostClassifier, WeakToStrong
from boostlab.estimators.voting_recipes import RECIPES

TABLES = ("adult", "give_me_credit_large", "celeba_attributes_large", "cover_2v4_large")
VOTERS = {
    "AdaBoost": ("single", None),
    "majority of 3": ("majority", 3),
    "majority of 5": ("majority", 5),
    "majority of 9": ("majority", 9),
    "bagging of 9": ("bagging", 9),
}
TOLERANT = {"MadaBoost": "mada", "BrownBoost": "brown"}
"""Kin that is to bear noise; what this version of boostlab lacks is left out."""

MOST_TEST = 20_000


def methods() -> list[str]:
    return [*VOTERS, *(name for name, kin in TOLERANT.items() if kin in RECIPES)]


def read(folder: Path, name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return features, and labels 0 and 1."""
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    entry = next(e for e in manifest["datasets"] if e["name"] == name)
    frame = pd.read_parquet(folder / entry["file"])
    codes = pd.factorize(frame.pop(entry["target"]), sort=True)[0]
    return frame, codes


def sizes(n_rows: int, most: int | None) -> list[int]:
    """Return 1e3, 3e3, 1e4, ... below the number of rows, and that number."""
    n_rows = min(n_rows, most or n_rows)
    steps = [factor * 10**power for power in range(3, 8) for factor in (1, 3)]
    return [m for m in steps if m < 0.8 * n_rows] + [n_rows]


def model_of(method: str, depth: int, n_rounds: int, seed: int):
    """Return the unfitted model of a method."""
    params = {"n_estimators": n_rounds, "max_depth": depth, "random_state": seed}
    params["n_jobs"] = 1
    if method in TOLERANT:
        return AdaBoostClassifier(algorithm=TOLERANT[method], **params)
    scheme, n_voters = VOTERS[method]
    booster = AdaBoostClassifier(**params)
    return WeakToStrong(booster, scheme, n_voters, random_state=seed)


def error_of(method: str, X, y, m: int, noise: float, repetition: int, options):
    """Return the test error of one fit."""
    rng = np.random.default_rng(repetition)
    order = rng.permutation(len(y))
    n_test = min(MOST_TEST, len(y) // 5)
    test, train = order[:n_test], order[n_test : n_test + m]
    flipped = rng.random(len(y))[train] < noise
    labels = np.where(flipped, 1 - y[train], y[train])
    model = model_of(method, options.depth, options.rounds, repetition)
    model.fit(X.iloc[train], labels)
    return float(np.mean(model.predict(X.iloc[test]) != y[test]))


Errors = dict[tuple, list[float]]


def crossover(errors: Errors, table: str, noise: float, method: str) -> int | None:
    """Return the least m from which on a majority is better than the single run."""
    rows = sorted({key[3] for key in errors if key[:3] == (table, noise, method)})
    better = [
        np.mean(errors[table, noise, method, m])
        < np.mean(errors[table, noise, "AdaBoost", m])
        for m in rows
        if (table, noise, "AdaBoost", m) in errors
    ]
    lost = [i for i, is_better in enumerate(better) if not is_better]
    first = lost[-1] + 1 if lost else 0
    return rows[first] if first < len(better) else None


def report(errors: Errors) -> None:
    """Print mean errors and standard errors in per cent, and crossovers."""
    for table, noise in sorted({key[:2] for key in errors}):
        rows = sorted({key[3] for key in errors if key[:2] == (table, noise)})
        print(f"\n{table}, {noise:.0%} label noise: test error in per cent")
        print(f"{'m':14s}" + "".join(f"{m:>14,d}" for m in rows) + "   crossover")
        for method in [*VOTERS, *TOLERANT]:
            cells = [errors.get((table, noise, method, m)) for m in rows]
            if not any(cells):
                continue
            line = "".join(f"{_cell(cell):>14s}" for cell in cells)
            if method.startswith(("majority", "bagging")):
                m = crossover(errors, table, noise, method)
                line += f"   {'none' if m is None else f'{m:,d}'}"
            print(f"{method:14s}{line}")


def _cell(values: list[float] | None) -> str:
    if not values:
        return ""
    spread = f" ± {100 * _error(values):.2f}" if len(values) > 1 else ""
    return f"{100 * np.mean(values):.2f}{spread}"


def _error(values: list[float]) -> float:
    return float(np.std(values, ddof=1) / len(values) ** 0.5)


def draw(errors: Errors, path: Path) -> None:
    """Draw error against m with error bars, a panel for each table and noise."""
    import matplotlib.pyplot as plt

    from boostlab.inspection.style import COLOURS, tidy, title

    tables = [table for table in TABLES if any(key[0] == table for key in errors)]
    noises = sorted({key[1] for key in errors})
    shape = (len(noises), len(tables))
    figure, axes = plt.subplots(
        *shape,
        figsize=(3.6 * shape[1] + 1.6, 3 * shape[0]),
        layout="constrained",
        squeeze=False,
    )
    for i, j in np.ndindex(shape):
        for colour, method in zip(COLOURS, [*VOTERS, *TOLERANT], strict=False):
            place = (tables[j], noises[i], method)
            rows = sorted(key[3] for key in errors if key[:3] == place)
            found = [errors[(*place, m)] for m in rows]
            if not found:
                continue
            bars = [2 * _error(each) if len(each) > 1 else 0 for each in found]
            means = [100 * np.mean(each) for each in found]
            axes[i, j].errorbar(
                rows,
                means,
                100 * np.array(bars),
                fmt="o-",
                ms=3,
                lw=1,
                capsize=2,
                color=colour,
                label=method,
            )
        axes[i, j].set_xscale("log")
        axes[i, j].set_xlabel("training rows m")
        axes[i, j].set_ylabel("test error, %")
        tidy(axes[i, j], grid="y")
        title(axes[i, j], f"{tables[j]}, noise {noises[i]:.0%}")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    figure.savefig(path, dpi=130)
    print(f"\n{path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--noise", nargs="+", type=float, default=(0.0, 0.05, 0.2))
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--depth", type=int, default=1)
    parser.add_argument("--most", type=int, help="most training rows")
    parser.add_argument("--results", default="results/weak_to_strong_tables.jsonl")
    parser.add_argument("--plot", default="results/weak_to_strong_tables.png")
    options = parser.parse_args()
    folder, results = Path(os.environ["BOOSTLAB_DATA"]), Path(options.results)
    results.parent.mkdir(parents=True, exist_ok=True)
    done: dict[tuple, float] = {}
    if results.exists():
        for entry in map(json.loads, results.read_text().splitlines()):
            done[tuple(entry["key"])] = entry["error"]
    recipe = f"{options.rounds} rounds, depth {options.depth}"
    data = {name: read(folder, name) for name in options.tables}
    cells = [
        (recipe, name, noise, method, m, repetition)
        for repetition in range(options.repetitions)
        for name, (_, y) in data.items()
        for m in sizes(len(y) - min(MOST_TEST, len(y) // 5), options.most)
        for noise in options.noise
        for method in methods()
    ]
    with results.open("a") as file:
        for key in cells:
            if key in done:
                continue
            _, name, noise, method, m, repetition = key
            done[key] = error_of(method, *data[name], m, noise, repetition, options)
            file.write(json.dumps({"key": key, "error": done[key]}) + "\n")
            file.flush()
    errors: Errors = {}
    for (kind, *rest, _), error in done.items():
        if kind == recipe:
            errors.setdefault(tuple(rest), []).append(error)
    report(errors)
    draw(errors, Path(options.plot))


if __name__ == "__main__":
    main()
