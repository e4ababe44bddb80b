"""A drawn tree on matplotlib's axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boostlab.inspection import style
from boostlab.inspection.tree_layout import (
    BOLD,
    SMALL,
    Bar,
    Box,
    Drawing,
    Link,
    drawing,
)
from boostlab.inspection.tree_rules import Rules

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST = 150 * 72.0
"""Points that a new figure has at most on its longer side: no canvas is endless."""


def plot_tree(
    model: Any, round: int = 0, output: int | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw one tree of a model, from left to right.

    A box has the condition that leads up, the decrease of the objective by the split,
    and the total sample weight, which is also the thickness of the lines. A leaf has
    what it adds to the raw prediction, step size included: blue if that is positive,
    orange if negative, and darker the more it is; if it adds to several outputs, it
    has a bar for each.

    Parameters
    ----------
    model : estimator or Ensemble
        A fitted model of trees.
    round : int, default=0
        The round, from 0; negative numbers count from the last.
    output : int, optional
        The raw output, from 0: with more than two classes, the number of the class. By
        default the first or, if all outputs share one tree, all of them.
    ax : matplotlib Axes, optional
        Where to draw, with the text as large as fits the axes now; by default on a new
        figure as large as the tree needs.

    Returns
    -------
    matplotlib Axes
        With a patch for each node.

    Raises
    ------
    ValueError
        If there is no such round or output.
    TypeError
        If that round was not fitted by a tree.
    ImportError
        Without matplotlib, which is in the extra ``plots``; :func:`tree_svg` and
        :func:`tree_text` do without.
    """
    plt = style.pyplot()
    picture = drawing(Rules.of(model, round, output))
    if ax is None:
        shrink = min(1.0, _LONGEST / max(picture.width, picture.height)) / 72
        size = picture.width * shrink, picture.height * shrink
        figure = plt.figure(figsize=size)
        ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, picture.width), ylim=(picture.height, 0), aspect="equal")
    ax.set_axis_off()
    scale = _scale(ax, picture)
    for link in picture.links:
        _draw_link(ax, link, scale)
    for box in picture.boxes:
        _draw_box(ax, box, scale)
    for bar in picture.key:
        _draw_bar(ax, bar)
        _write(ax, bar.x + 10, 16.5, bar.text, style.MUTED, SMALL * scale)
    _write(ax, 12, 16, picture.heading, style.INK, 1.25 * BOLD * scale, bold=True)
    return ax


def _scale(ax: Axes, picture: Drawing) -> float:
    """Return the size of a point of the drawing on the axes, in real points."""
    extent, dpi = ax.get_window_extent(), ax.figure.dpi
    ratio = min(extent.width / picture.width, extent.height / picture.height)
    return ratio * 72 / dpi


def _draw_link(ax: Axes, link: Link, scale: float) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    (x0, y0), (x1, y1), middle = link.start, link.end, link.middle
    points = [(x0, y0), (middle, y0), (middle, y1), (x1, y1)]
    path = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    width = link.width * scale
    ax.add_patch(
        PathPatch(path, facecolor="none", edgecolor=style.LINE, linewidth=width)
    )
    at, size = (x1 - 5, link.baseline), SMALL * scale
    _write(ax, *at, link.label, style.MUTED, size, ha="right", va="baseline")


def _draw_box(ax: Axes, box: Box, scale: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    radius = box.height / 2 if box.is_leaf and not box.bars else 5
    ax.add_patch(
        FancyBboxPatch(
            (box.x, box.y - box.height / 2),
            box.width,
            box.height,
            boxstyle=f"round,pad=0,rounding_size={radius}",
            facecolor=box.fill,
            edgecolor=box.edge,
            linewidth=scale,
            gid="leaf" if box.is_leaf else "split",
        )
    )
    middle, small = box.x + box.width / 2, SMALL * scale
    y = box.y if box.is_leaf else box.y - 5.5
    if box.title:
        _write(ax, middle, y, box.title, box.ink, BOLD * scale, ha="center", bold=True)
    if box.bars:
        ends = [box.x + 5, box.x + box.width - 5]
        ax.plot(ends, [box.y] * 2, color=style.LINE, linewidth=scale, zorder=1)
    for bar in box.bars:
        _draw_bar(ax, bar)
    if box.is_leaf:
        _write(ax, box.x + box.width + 4, box.y, box.note, style.MUTED, small)
    else:
        _write(ax, middle, box.y + 7.5, box.note, style.MUTED, small, ha="center")


def _draw_bar(ax: Axes, bar: Bar) -> None:
    from matplotlib.patches import Rectangle

    corner, colour = (bar.x, bar.y), bar.colour
    ax.add_patch(
        Rectangle(corner, bar.width, bar.height, color=colour, lw=0, gid="bar")
    )


def _write(
    ax: Axes,
    x: float,
    y: float,
    text: str,
    colour: str,
    size: float,
    *,
    ha: str = "left",
    va: str = "center_baseline",
    bold: bool = False,
) -> None:
    ax.text(
        x,
        y,
        text,
        color=colour,
        fontsize=size,
        ha=ha,
        va=va,
        fontweight="bold" if bold else "normal",
        parse_math=False,  # a name may hold dollar signs
    )
