"""Draw every picture of boostlab.inspection, for tables that come with scikit-learn.

python experiments/inspect_model.py results/inspection
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.model_selection import train_test_split

from boostlab import GradientBoostingClassifier, GradientBoostingRegressor
from boostlab.inspection import (
    explanation,
    importances,
    plot_dependence,
    plot_importances,
    plot_learning_curve,
    plot_tree,
    tree_svg,
    tree_text,
)


def diabetes() -> tuple[pd.DataFrame, pd.Series]:
    """Return the diabetes table with sex and a group of age as categories."""
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    X["sex"] = X["sex"].map({1.0: "female", 2.0: "male"})
    X["age"] = pd.cut(X["age"], [0, 35, 50, 65, 99]).astype(str)
    X.loc[::9, "age"] = None
    X.loc[::7, "bmi"] = None
    return X, y


def tumours(folder: Path) -> None:
    """Draw two classes: curves, importances, trees, dependence."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    y = y.map({0: "malignant", 1: "benign"})
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    models = {}
    for rate in (0.1, 0.03):
        model = GradientBoostingClassifier(
            n_estimators=400, learning_rate=rate, early_stopping=True, random_state=0
        )
        models[f"learning rate {rate}"] = model.fit(X, y, X_val=X_test, y_val=y_test)
    model = models["learning rate 0.1"]
    keep(plot_learning_curve(model), folder / "curve.png")
    keep(plot_learning_curve(models), folder / "curves.png")
    for kind in ("gain", "split"):
        keep(plot_importances(model, kind, top=12), folder / f"importances_{kind}.png")
    found = importances(
        model, "permutation", X_test, y_test, scoring="neg_log_loss", n_repeats=10
    )
    keep(plot_importances(found, top=12), folder / "importances_permutation.png")
    keep(plot_tree(model), folder / "tree_of_numbers.png")
    features = ["worst area", "worst texture", ("worst area", "worst texture")]
    keep(plot_dependence(model, X_test, features)[0], folder / "dependence.png")
    lines = plot_dependence(model, X_test, "worst area", kind="both")
    keep(lines, folder / "dependence_of_rows.png")


def progression(folder: Path) -> None:
    """Draw a regression on numbers and categories with gaps."""
    X, y = diabetes()
    model = GradientBoostingRegressor(n_estimators=50, random_state=0).fit(X, y)
    keep(plot_tree(model, round=1), folder / "tree_of_categories.png")
    (folder / "tree.svg").write_text(tree_svg(model, round=1), encoding="utf-8")
    (folder / "tree.txt").write_text(tree_text(model, round=1), encoding="utf-8")
    features = ["bmi", "age", ("sex", "age")]
    axes = plot_dependence(model, X, features)
    keep(axes[0], folder / "dependence_of_categories.png")


def wines(folder: Path) -> None:
    """Draw one tree of each of three classes side by side."""
    X, y = load_wine(return_X_y=True, as_frame=True)
    model = GradientBoostingClassifier(n_estimators=10, max_leaf_nodes=5).fit(X, y)
    figure = matplotlib.figure.Figure(figsize=(11, 8))
    for output, ax in enumerate(figure.subplots(3, 1)):
        plot_tree(model, round=0, output=output, ax=ax)
    figure.savefig(folder / "trees_of_classes.png", dpi=130)


def contributions(folder: Path) -> None:
    """Let the package shap draw what each feature adds, if it is there."""
    if find_spec("shap") is None:
        return
    import matplotlib.pyplot as plt
    import shap

    X, y = diabetes()
    model = GradientBoostingRegressor(n_estimators=50, random_state=0).fit(X, y)
    keep(plot_importances(model, "shap", X=X), folder / "importances_shap.png")
    found = explanation(model, X)
    for name, draw, what in (
        ("beeswarm", shap.plots.beeswarm, found),
        ("waterfall", shap.plots.waterfall, found[0]),
        ("scatter", shap.plots.scatter, found[:, "age"]),
    ):
        plt.figure()
        draw(what, show=False)
        plt.savefig(folder / f"shap_{name}.png", dpi=130, bbox_inches="tight")


def keep(ax: Axes, path: Path) -> None:
    """Write the figure of `ax` to a file."""
    ax.figure.savefig(path, dpi=130)


def main(target: str = "results/inspection") -> None:
    """Draw everything into a folder."""
    matplotlib.use("agg")
    folder = Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    tumours(folder)
    progression(folder)
    wines(folder)
    contributions(folder)
    print(f"Pictures are in {folder}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
