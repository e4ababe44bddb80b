"""A picture of importances."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from boostlab.checks import check_number
from boostlab.inspection import style
from boostlab.inspection.importance import Importances, importances

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MEANING = {
    "gain": "share of the gain of all splits",
    "split": "share of all splits",
    "permutation": "drop of the score when the feature is shuffled",
    "shap": "mean absolute SHAP value",
}
_NAMES = {"shap": "SHAP"}


def plot_importances(
    model: Any,
    kind: str = "gain",
    *,
    top: int = 20,
    ax: Axes | None = None,
    **options: Any,
) -> Axes:
    """Plot the most important features as bars, the first on top.

    Parameters
    ----------
    model : estimator, Ensemble or Importances
        A fitted model, or what :func:`importances` returned for one.
    kind : {"gain", "split", "permutation", "shap"}, default="gain"
        What to measure, if `model` is not measured yet.
    top : int, default=20
        Most features to show, at least 1.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.
    **options
        Passed to :func:`importances`: ``X``, ``y``, ``sample_weight``, ...

    Returns
    -------
    matplotlib Axes
        With one bar a feature; for permutation importances with lines of one standard
        deviation to both sides.

    Raises
    ------
    ImportError
        Without matplotlib, which is in the extra ``plots``.
    """
    check_number("top", top, at_least=1, integer=True)
    found = model
    if not isinstance(model, Importances):
        found = importances(model, kind, **options)
    order = found.order()[:top]
    if ax is None:
        ax = style.new_axes(6.4, 1.1 + 0.29 * len(order))
    values, lines = found.values[order], range(len(order))
    ax.barh(lines, values, height=0.66, color=style.COLOURS[0])
    reach = values
    if found.std is not None:
        std = found.std[order]
        reach = values + std
        ax.errorbar(values, lines, xerr=std, fmt="none", ecolor=style.INK, lw=1)
    _write_values(ax, values, reach)
    style.tidy(ax, grid="x")
    names = [style.verbatim(style.shortened(found.names[j], 32)) for j in order]
    ax.set_yticks(lines, names, color=style.INK)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.set_xlabel(_MEANING[found.kind])
    style.title(ax, f"Feature importances ({_NAMES.get(found.kind, found.kind)})")
    hidden = found.order()[top:]
    if len(hidden):
        ax.annotate(
            _about_hidden(found, hidden),
            (1, 0),
            (0, 5),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=9,
            color=style.MUTED,
        )
    return ax


def _write_values(ax: Axes, values: np.ndarray, reach: np.ndarray) -> None:
    """Write each value behind its bar."""
    span = max(reach.max(initial=0), 0) - min(values.min(initial=0), 0)
    decimals = _decimals(values)
    for line, (value, end) in enumerate(zip(values, reach, strict=True)):
        ax.annotate(
            f"{value:.{decimals}f}",
            (max(end, 0), line),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=style.MUTED,
        )
    if span > 0:
        ax.set_xlim(min(values.min(), 0) * 1.05, max(reach.max(), 0) + 0.12 * span)


def _decimals(values: np.ndarray) -> int:
    """Return the decimals that show the greatest value with three digits."""
    greatest = np.abs(values).max(initial=0)
    return max(0, 2 - math.floor(math.log10(greatest))) if greatest > 0 else 0


def _about_hidden(found: Importances, hidden: np.ndarray) -> str:
    """Return a line about the features that are not shown."""
    features = f"{len(hidden)} more feature{'s' * (len(hidden) > 1)}"
    decimals = _decimals(found.values)
    if found.kind in ("gain", "split"):
        return f"{features}: {found.values[hidden].sum():.{decimals}f} in all"
    return f"{features}, none above {found.values[hidden].max():.{decimals}f}"
