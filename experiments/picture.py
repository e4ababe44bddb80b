"""Draw the picture of the README from the scores of a finished sweep.

boostlab sweep experiments/tables.toml
python experiments/picture.py results/tables/scores.csv docs/tables.png
"""

from __future__ import annotations

import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

COLOURS = {
    "boostlab": "#2f6fb7",
    "LightGBM": "#3a8f6f",
    "XGBoost": "#c9792b",
    "scikit-learn": "#7a5fb0",
}


def relative(scores: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return `value` of each table (rows) and method, over the table's least."""
    table = scores.pivot(index="dataset", columns="method", values=value)
    table = table[list(COLOURS)]
    return table.div(table.min(axis=1), axis=0)


def draw(axis: plt.Axes, table: pd.DataFrame, title: str, label: str) -> None:
    """Draw a tick for each table and a mark for the geometric mean of each method."""
    for row, (method, values) in enumerate(table.items()):
        colour = COLOURS[method]
        axis.plot(
            values, np.full(len(values), row), "|", color=colour, ms=13, alpha=0.5
        )
        mean = np.exp(np.log(values).mean())
        axis.plot(mean, row, "o", color=colour, ms=9, zorder=3)
        axis.annotate(
            f"{mean:.2f}",
            (mean, row),
            (0, 11),
            textcoords="offset points",
            ha="center",
            fontsize=9,
        )
    axis.set_yticks(range(len(table.columns)), table.columns)
    axis.set_xscale("log")
    axis.set_ylim(len(table.columns) - 0.5, -0.7)
    axis.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axis.set_xlabel(label, fontsize=9)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)


def main(source: str, target: str) -> None:
    """Draw errors and fit times of all tables."""
    scores = pd.read_csv(source)
    wanted = np.where(scores["task"] == "regression", "rmse", "log_loss")
    scores = scores[(scores["metric"] == wanted) & scores["method"].isin(list(COLOURS))]
    n_tables = scores["dataset"].nunique()
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), sharey=True)
    draw(
        axes[0],
        relative(scores, "mean"),
        "Test error",
        "RMSE or log loss over the best of each table; dot: geometric mean",
    )
    draw(
        axes[1],
        relative(scores, "fit_seconds"),
        "Fit time",
        "over the fastest of each table; dot: geometric mean",
    )
    for axis, ticks in zip(axes, ([1, 1.2, 1.5, 2], [1, 2, 5, 10]), strict=True):
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
    figure.suptitle(
        f"{n_tables} real tables, five folds, 100 trees, equal settings, one thread",
        x=0.01,
        ha="left",
        fontsize=9,
        color="#555555",
    )
    figure.tight_layout()
    figure.savefig(target, dpi=160)


if __name__ == "__main__":
    main(*sys.argv[1:])
