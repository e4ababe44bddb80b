"""How sure weighted votes are of the classes of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from boostlab.inspection import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_margins(
    model: Any | Mapping[str, Any], X: Any, y: ArrayLike, *, ax: Axes | None = None
) -> Axes:
    """Plot the distribution of the margins: which share of the rows is below each.

    Parameters
    ----------
    model : AdaBoostClassifier, or dict of str to AdaBoostClassifier
        A fitted model whose learners vote, or several by name.
    X : array-like or data frame of shape (n_samples, n_features)
        Rows; margins say most on training rows.
    y : array-like of shape (n_samples,)
        Their labels.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib Axes
        With one line for each model. Its height at 0 is the share of the rows that are
        wrong; dots mark the least margins.

    Raises
    ------
    ValueError
        If there is no model, or the learners of one do not vote.
    ImportError
        Without matplotlib, which is in the extra ``plots``.
    """
    models = model if isinstance(model, Mapping) else {"": model}
    if not models:
        raise ValueError("There is no model to plot; give at least one.")
    for each in models.values():
        if not hasattr(each, "margins"):
            raise ValueError(
                f"{type(each).__name__} has no margins, since its learners do not "
                "vote; give an AdaBoostClassifier."
            )
    margins = {name: np.sort(each.margins(X, y)) for name, each in models.items()}
    if ax is None:
        ax = style.new_axes(6.4, 4)
    ax.axvline(0.0, color=style.MUTED, linewidth=1)
    for position, (name, found) in enumerate(margins.items()):
        colour = style.COLOURS[position % len(style.COLOURS)]
        share = np.arange(1, len(found) + 1) / len(found)
        ax.step(
            np.concatenate([[-1.0], found, [1.0]]),
            np.concatenate([[0.0], share, [1.0]]),
            where="post",
            color=colour,
            linewidth=2,
            label=style.verbatim(name),
        )
        ax.plot(found[0], 0.0, "o", color=colour, markersize=6, clip_on=False, zorder=4)
    style.tidy(ax, grid="y")
    ax.set_xlim(-1.0, 1.0)
    ax.set_ylim(0.0, 1.0)
    ax.set_xlabel("margin: votes for the class, less those for the best other")
    ax.set_ylabel("share of the rows below")
    if len(models) > 1:
        ax.legend(frameon=False, fontsize=9, labelcolor=style.INK, loc="upper left")
    style.title(ax, "Distribution of the margins")
    return ax
