"""How the plots look: colours, axes, and numbers. matplotlib is asked for here only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, LINE, HAIR = "#1c1e22", "#686d75", "#c9c7c1", "#eceae5"
COLOURS = (
    "#2a6cb3",
    "#d27a12",
    "#2f8a5f",
    "#8a5bb5",
    "#c2475f",
    "#14858f",
    "#86683a",
    "#5b66a6",
)
POSITIVE, NEGATIVE = COLOURS[0], COLOURS[1]


def pyplot() -> Any:
    """Return ``matplotlib.pyplot``, or say in one sentence how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"Plots need matplotlib ({error}); install it with `pip install "
            "boostlab[plots]`."
        ) from error
    return plt


def new_axes(width: float, height: float) -> Axes:
    """Return the axes of a new figure of so many inches."""
    return pyplot().subplots(figsize=(width, height), layout="constrained")[1]


def tidy(ax: Axes, *, grid: str | None = None) -> None:
    """Take away what carries no information; no global setting is touched.

    Parameters
    ----------
    ax : Axes
        The axes.
    grid : {"x", "y"}, optional
        The axis that gets faint lines, and no line and ticks of its own.
    """
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["bottom", "left"]].set_color(LINE)
    ax.tick_params(color=LINE, labelcolor=MUTED, labelsize=9)
    for axis in (ax.xaxis, ax.yaxis):
        axis.label.set_color(MUTED)
        axis.label.set_size(9.5)
    ax.set_axisbelow(True)
    if grid is not None:
        ax.grid(axis=grid, color=HAIR, linewidth=1)
        ax.tick_params(axis=grid, length=0)
        ax.spines["left" if grid == "y" else "bottom"].set_visible(False)


def title(ax: Axes, text: str) -> None:
    """Write the title, flush left."""
    ax.set_title(text, loc="left", fontsize=11, fontweight="bold", color=INK, pad=10)


def number(value: float, digits: int = 4, *, signed: bool = False) -> str:
    """Return a number with so many significant digits, as short as can be.

    >>> number(1234567.0), number(0.000123456), number(2.5, signed=True)
    ('1,234,567', '0.0001235', '+2.5')
    """
    sign = "+" if signed else ""
    value = value or 0.0  # not -0
    if not np.isfinite(value):
        return f"{value:{sign}}"
    if 1 <= abs(value) < 1e9:
        decimals = max(0, digits - len(str(int(abs(value)))))
        text = f"{value:{sign},.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = f"{value:{sign}.{digits}g}"
    return text.replace("-", "\N{MINUS SIGN}")


def verbatim(text: str) -> str:
    """Return a name that matplotlib writes as it is, dollar signs included."""
    return text.replace("$", r"\$")


def shortened(text: str, most: int) -> str:
    """Return `text`, cut to at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"
