"""Whether predicted distributions are right: PIT, coverage, bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boostlab.checks import check_number
from boostlab.distributions import Predictive
from boostlab.inspection import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

LEVELS = np.linspace(0.05, 0.95, 19)
"""Levels of the intervals whose coverage is drawn."""


def pit(
    predicted: Predictive,
    y: ArrayLike,
    random_state: int | np.random.Generator | None = 0,
) -> Array:
    """Return the probability integral transform of targets.

    It is ``F(y)``, uniform on [0, 1] if the predicted distributions are right. Where a
    target has a probability of its own, as counts and the zeros of a Tweedie
    distribution have, it is drawn between ``P(Y < y)`` and ``F(y)``, which then is
    uniform too.

    Source: Czado, Gneiting, Held (2009), Predictive model assessment for count data.

    Parameters
    ----------
    predicted : Predictive
        Predictions of n rows, best ones that the model was not fitted on.
    y : array-like of shape (n,)
        Their targets.
    random_state : int, Generator or None, default=0
        Source of randomness, for targets with a probability of their own.

    Returns
    -------
    ndarray of shape (n,)
    """
    y = _targets(predicted, y)
    at = predicted.cdf(y)
    below = predicted.cdf_before(y)
    if (below == at).all():
        return at
    return below + np.random.default_rng(random_state).random(len(y)) * (at - below)


def coverage(predicted: Predictive, y: ArrayLike, levels: ArrayLike = LEVELS) -> Array:
    """Return the share of targets inside the central intervals of each level.

    Parameters
    ----------
    predicted : Predictive
        Predictions of n rows.
    y : array-like of shape (n,)
        Their targets.
    levels : array-like of shape (q,)
        Levels between 0 and 1.

    Returns
    -------
    ndarray of shape (q,)
        Equal to the levels, but for chance, if the predictions are right; for discrete
        families rather more.
    """
    y = _targets(predicted, y)
    inside = []
    for level in np.atleast_1d(np.asarray(levels, dtype=np.float64)):
        low, high = predicted.interval(float(level))
        inside.append(np.mean((low <= y) & (y <= high)))
    return np.array(inside)


def plot_pit(
    predicted: Predictive, y: ArrayLike, *, n_bins: int = 20, ax: Axes | None = None
) -> Axes:
    """Plot the histogram of the probability integral transform.

    It is flat if the predictions are right; a valley shows intervals that are too
    narrow, a hill such that are too wide, a slope a bias.

    Parameters
    ----------
    predicted : Predictive
        Predictions of n rows, best ones that the model was not fitted on.
    y : array-like of shape (n,)
        Their targets.
    n_bins : int, default=20
        Number of bars, at least 2.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib Axes
        Bars of the density, and around 1 the band that holds nine bars in ten.
    """
    check_number("n_bins", n_bins, at_least=2, integer=True)
    values = pit(predicted, y)
    if ax is None:
        ax = style.new_axes(5.2, 3.4)
    density, edges = np.histogram(values, n_bins, (0.0, 1.0), density=True)
    ax.bar(edges[:-1], density, 1 / n_bins, align="edge", color=style.COLOURS[0])
    spread = 1.645 * np.sqrt((n_bins - 1) / len(values))
    ax.axhspan(1 - spread, 1 + spread, color=style.MUTED, alpha=0.18, linewidth=0)
    ax.axhline(1.0, color=style.INK, linewidth=1)
    style.tidy(ax, grid="y")
    ax.set_xlim(0, 1)
    ax.set_xlabel("predicted probability of at most the target")
    ax.set_ylabel("density")
    style.title(ax, "Probability integral transform")
    return ax


def plot_coverage(
    predicted: Predictive | Mapping[str, Predictive],
    y: ArrayLike,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Plot how often intervals hold the target, against how often they should.

    Parameters
    ----------
    predicted : Predictive, or dict of str to Predictive
        Predictions of n rows, or several by name.
    y : array-like of shape (n,)
        Their targets.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib Axes
        A line for each prediction; below the diagonal, intervals are too narrow.
    """
    several = predicted if isinstance(predicted, Mapping) else {"": predicted}
    if not several:
        raise ValueError("There is no prediction to plot; give at least one.")
    if ax is None:
        ax = style.new_axes(4.6, 4.4)
    ax.plot([0, 1], [0, 1], color=style.MUTED, linewidth=1, linestyle=(0, (4, 2)))
    for position, (name, each) in enumerate(several.items()):
        colour = style.COLOURS[position % len(style.COLOURS)]
        inside = coverage(each, y)
        label = style.verbatim(name) if name else None
        ax.plot(LEVELS, inside, color=colour, linewidth=2, label=label)
    style.tidy(ax, grid="y")
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_xlabel("level of the interval")
    ax.set_ylabel("share of targets inside")
    if "" not in several:
        ax.legend(frameon=False, fontsize=9, labelcolor=style.INK, loc="upper left")
    style.title(ax, "Coverage of the intervals")
    return ax


def plot_bands(
    predicted: Predictive,
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    levels: tuple[float, ...] = (0.5, 0.9),
    ax: Axes | None = None,
) -> Axes:
    """Plot medians and intervals of predictions over a number of each row.

    Parameters
    ----------
    predicted : Predictive
        Predictions of n rows.
    x : array-like of shape (n,)
        What to draw them over: a feature, or the time.
    y : array-like of shape (n,), optional
        Targets, drawn as dots.
    levels : tuple of float, default=(0.5, 0.9)
        Levels of the intervals.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib Axes
        A band for each level, widest first, and a line.
    """
    x = np.asarray(x, dtype=np.float64)
    if x.shape != (len(predicted),):
        raise ValueError(
            f"x has shape {x.shape}; give one number for each of the {len(predicted)} "
            "rows."
        )
    order = np.argsort(x, kind="stable")
    if ax is None:
        ax = style.new_axes(6.4, 4)
    colour = style.COLOURS[0]
    for level in sorted(levels, reverse=True):
        low, high = predicted.interval(level)
        ax.fill_between(
            x[order],
            low[order],
            high[order],
            color=colour,
            alpha=0.22,
            linewidth=0,
            label=f"{level:.0%} interval",
        )
    middle = predicted.median()[order]
    ax.plot(x[order], middle, color=colour, linewidth=1.6, label="median")
    if y is not None:
        y = _targets(predicted, y)
        ax.plot(x, y, ".", color=style.INK, markersize=3, alpha=0.5, zorder=3)
    style.tidy(ax, grid="y")
    ax.legend(frameon=False, fontsize=9, labelcolor=style.INK)
    style.title(ax, "Predicted distributions")
    return ax


def _targets(predicted: Predictive, y: ArrayLike) -> Array:
    """Return one target for each row of a univariate prediction."""
    y = np.asarray(y, dtype=np.float64)
    if y.shape != (len(predicted),) or predicted.distribution.multivariate:
        raise ValueError(
            f"y has shape {y.shape}; give one number for each of the {len(predicted)} "
            "rows, and predictions of numbers."
        )
    return y
