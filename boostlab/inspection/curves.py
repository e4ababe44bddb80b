"""How the loss fell while a model was fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from boostlab.inspection import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

_CURVES = ("training", "validation")


def plot_learning_curve(
    model: Any | Mapping[str, Any], *, ax: Axes | None = None
) -> Axes:
    """Plot training and validation loss over the rounds, with the best round.

    Parameters
    ----------
    model : estimator, or dict of str to estimator
        A fitted model, or several by name. The losses are in its ``history_``: that on
        held-out rows if there were any, that on training rows if the fit stopped early
        or was ``verbose``.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib Axes
        With one line for each loss. A dot marks the round whose model was delivered
        or, if fitting did not stop early, that of the least loss on held-out rows.

    Raises
    ------
    ValueError
        If a model has recorded no loss.
    ImportError
        Without matplotlib, which is in the extra ``plots``.
    """
    models = model if isinstance(model, Mapping) else {"": model}
    if not models:
        raise ValueError("There is no model to plot; give at least one.")
    curves = {name: _curves(each, name) for name, each in models.items()}
    if ax is None:
        ax = style.new_axes(6.4, 4)
    single = len(models) == 1
    for position, (name, found) in enumerate(curves.items()):
        colour = style.COLOURS[position % len(style.COLOURS)]
        for kind, losses in found.items():
            plain = kind == "training" and len(found) > 1
            ax.plot(
                np.arange(len(losses)),
                losses,
                color=style.MUTED if plain and single else colour,
                linewidth=1.3 if plain else 2,
                linestyle=(0, (4, 2)) if plain else "-",
                label=style.verbatim(f"{name}, {kind}" if name else kind),
            )
        _mark_best(ax, models[name], found, colour, named=single)
    style.tidy(ax, grid="y")
    ax.set_xlabel("rounds")
    ax.set_ylabel(_loss_name(models.values()))
    ax.margins(x=0.02, y=0.06)
    ax.legend(frameon=False, fontsize=9, labelcolor=style.INK, loc="upper right")
    style.title(ax, "Learning curve" if single else "Learning curves")
    return ax


def _curves(model: Any, name: str) -> dict[str, Array]:
    """Return the losses that a fit has recorded."""
    check_is_fitted(model)
    history = getattr(model, "history_", {})
    found = {k: history[f"{k}_loss"] for k in _CURVES if f"{k}_loss" in history}
    if not found:
        which = f"model {name!r}" if name else "model"
        raise ValueError(
            f"The {which} has recorded no loss; fit it with early_stopping=True, or "
            "with verbose=1, or give X_val and y_val."
        )
    return found


def _mark_best(
    ax: Axes, model: Any, found: Mapping[str, Array], colour: str, *, named: bool
) -> None:
    """Put a dot on the round of the model, or of the least loss on held-out rows."""
    losses = list(found.values())[-1]
    best = model.n_iter_
    if best == len(losses) - 1 and "validation_score" not in model.history_:
        if "validation" not in found:
            return
        best = int(np.nanargmin(losses))
    ax.plot(
        best,
        losses[best],
        "o",
        color=colour,
        markersize=8,
        markeredgecolor="white",
        markeredgewidth=1.5,
        zorder=4,
        gid="best",
    )
    text = f"best round: {best}" if named else f"{best}"
    ax.annotate(
        text,
        (best, losses[best]),
        (0, 9),
        textcoords="offset points",
        ha="right" if best > 0.8 * len(losses) else "center",
        fontsize=9,
        color=colour,
    )


def _loss_name(models: Any) -> str:
    """Return what the losses are, where all models have the same."""
    names = {type(getattr(each, "objective_", None)).__name__ for each in models}
    return f"mean loss ({names.pop()})" if len(names) == 1 else "mean loss"
