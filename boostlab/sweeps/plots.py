"""The plots of a report: small SVGs that take their colours from the page."""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from boostlab.sweeps.format import fixed, times
from boostlab.sweeps.statistics import Interval, pareto

#: Colours that stand for variables of the page's style, replaced in the SVG.
INK, MUTED, LINE = "#000001", "#000002", "#000003"
PANEL = "#000004"
_VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", PANEL: "--panel"}

#: Shapes that go with the colours, so that a print without colour can be read.
MARKERS = ("o", "s", "D", "^", "v", "P", "p", "h")
N_COLOURS = len(MARKERS)
REFERENCE_MARKER = "X"

#: One unit of these figures is one pixel of the page.
_DPI = 72
_WIDTH, _HEIGHT = 350, 250
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "boostlab",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 12,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.linewidth": 1,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "axes.labelsize": 11,
    "figure.facecolor": "none",
}


class Palette:
    """A colour and a shape for each method, the same in all plots.

    Parameters
    ----------
    labels : sequence of str
        All methods, as declared.
    references : collection of str
        Those that ignore the features: grey.
    """

    def __init__(self, labels: Sequence[str], references: frozenset[str]) -> None:
        real = [label for label in labels if label not in references]
        self._position = {label: i for i, label in enumerate(real)}

    def index(self, label: str) -> int | None:
        """Return the number of the colour, or None for a reference."""
        position = self._position.get(label)
        return None if position is None else position % N_COLOURS

    def colour(self, label: str) -> str:
        """Return the stand-in for the method's colour."""
        index = self.index(label)
        return "#0001ff" if index is None else f"#0001{index:02x}"

    def marker(self, label: str) -> str:
        """Return matplotlib's name of the method's shape."""
        index = self.index(label)
        return REFERENCE_MARKER if index is None else MARKERS[index]


def variable(index: int | None) -> str:
    """Return the page's variable for a colour number."""
    return "--reference" if index is None else f"--method-{index}"


def forest(
    labels: Sequence[str],
    intervals: Sequence[Interval],
    palette: Palette,
    xlabel: str,
    *,
    is_rank: bool = False,
) -> str:
    """Return a plot of one mean with its interval a line, the first one on top.

    Parameters
    ----------
    labels : sequence of str
        Methods.
    intervals : sequence of Interval
        One each; a missing mean leaves the line empty.
    palette : Palette
        Colours.
    xlabel : str
        What is averaged.
    is_rank : bool, default=False
        Whether the axis goes from 1 to the number of methods; a line at 0 otherwise.
    """
    left = min(170, 20 + round(6.8 * max(map(len, labels))))
    height = max(_HEIGHT, 58 + 24 * len(labels))
    figure, axes = _figure(_WIDTH, height, left=left, right=14, bottom=44)
    if not is_rank:
        axes.axvline(0, color=LINE, linewidth=1, zorder=0)
    for position, (label, interval) in enumerate(zip(labels, intervals, strict=True)):
        colour = palette.colour(label)
        axes.axhline(position, color=LINE, linewidth=1, zorder=0, linestyle=(0, (1, 3)))
        if interval.low is not None:
            ends = [interval.low, interval.high]
            axes.plot(ends, [position] * 2, color=colour, linewidth=2.5, alpha=0.45)
        _mark(axes, interval.mean, position, label, palette)
    axes.set_yticks(range(len(labels)), labels, color=INK, fontsize=12)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, pad=8)
    if is_rank:
        axes.set_xlim(0.8, len(labels) + 0.2)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    else:
        axes.margins(x=0.06)
        _ticks(axes.xaxis)
    axes.set_xlabel(xlabel)
    return _svg(figure, f"{xlabel}, by method")


def strip(
    values: Sequence[tuple[str, np.ndarray]],
    palette: Palette,
    label: str,
    *,
    greater_is_better: bool,
) -> str:
    """Return the scores of one table: a tick for each split, a mark for each mean.

    Parameters
    ----------
    values : sequence of (str, ndarray)
        Methods with their scores on the splits.
    palette : Palette
        Colours.
    label : str
        The metric, told to screen readers.
    greater_is_better : bool
        The better end is on the left, as that of ranks.
    """
    figure, axes = _figure(_WIDTH, 34 + 17 * len(values), left=10, right=10, bottom=26)
    for lane, (name, scores) in enumerate(values):
        colour = palette.colour(name)
        axes.axhline(lane, color=LINE, linewidth=1, zorder=0, linestyle=(0, (1, 3)))
        axes.plot(
            scores,
            np.full(len(scores), lane),
            "|",
            color=colour,
            markersize=9,
            markeredgewidth=1.5,
            alpha=0.5,
        )
        _mark(axes, scores.mean(), lane, name, palette)
    axes.set_ylim(len(values) - 0.3, -0.7)
    axes.set_yticks([])
    axes.margins(x=0.04)
    _ticks(axes.xaxis)
    if greater_is_better:
        axes.invert_xaxis()
    return _svg(figure, label)


def quality_against_time(
    points: Sequence[tuple[str, float, float]],
    palette: Palette,
    ylabel: str,
    *,
    greater_is_better: bool,
) -> str:
    """Return quality over relative fit time, with the methods that no other beats.

    Parameters
    ----------
    points : sequence of (str, float, float)
        Method, fit time over the fastest's, mean score.
    palette : Palette
        Colours.
    ylabel : str
        The score.
    greater_is_better : bool
        The better end is on top.
    """
    figure, axes = _figure(_WIDTH, _HEIGHT, left=66, right=14, bottom=44)
    axes.spines["left"].set_visible(True)
    slowness = np.array([p[1] for p in points])
    quality = np.array([p[2] for p in points])
    front = pareto(slowness, -quality if greater_is_better else quality)
    order = np.argsort(slowness[front])
    axes.step(
        slowness[front][order],
        quality[front][order],
        where="post",
        color=LINE,
        linewidth=1.5,
        zorder=0,
    )
    for name, x, y in points:
        _mark(axes, x, y, name, palette)
    axes.set_xscale("log")
    low, high = slowness.min(), max(slowness.max(), 2 * slowness.min())
    axes.set_xlim(low / 1.18, high * 1.5)
    axes.xaxis.set_major_locator(FixedLocator(_ratios(high * 1.4)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: times(v)))
    axes.margins(y=0.16)
    _ticks(axes.yaxis)
    if not greater_is_better:
        axes.invert_yaxis()
    _name_points(axes, points)
    axes.set_xlabel("fit time, relative to the fastest")
    axes.set_ylabel(ylabel)
    return _svg(figure, f"{ylabel} against fit time, by method")


def _mark(axes: Axes, x: float, y: float, label: str, palette: Palette) -> None:
    """Draw the shape of a method, all shapes about equally large to the eye."""
    marker = palette.marker(label)
    size = {"D": 8.0, "s": 8.5, "o": 9.5}.get(marker, 10.5)
    edge = {"markeredgecolor": PANEL, "markeredgewidth": 1}
    colour = palette.colour(label)
    axes.plot(x, y, marker, color=colour, markersize=size, clip_on=False, **edge)


def _ticks(axis: Axis) -> None:
    """Put a few round numbers at an axis, all with the decimals that they need."""
    low, high = sorted(axis.get_view_interval())
    ticks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    ticks = [tick for tick in ticks if low <= tick <= high]
    decimals = next(
        (d for d in range(6) if np.allclose(ticks, np.round(ticks, d), rtol=1e-9)), 6
    )
    axis.set_ticks(ticks, [fixed(tick, decimals) for tick in ticks])


def _ratios(high: float) -> list[float]:
    """Return ticks of a logarithmic axis of ratios that starts at 1."""
    if high < 4:
        return [t for t in (1, 1.5, 2, 3) if t <= high]
    powers = range(math.ceil(math.log10(high)) + 1)
    return [t for p in powers for t in (10**p, 2 * 10**p, 5 * 10**p) if t <= high]


def _name_points(axes: Axes, points: Sequence[tuple[str, float, float]]) -> None:
    """Write each name beside its point, and apart from the other names."""
    to_pixels = axes.transData.transform
    placed: list[tuple[float, float]] = []
    right = axes.bbox.x1
    for name, x, y in sorted(points, key=lambda p: to_pixels(p[1:])[1]):
        px, py = to_pixels((x, y))
        width = 6.6 * len(name)
        is_left = px + 10 + width > right + 14
        anchor = px - width if is_left else px
        lift = 0.0
        while any(
            abs(py + lift - other) < 13 and abs(anchor - at) < 110
            for at, other in placed
        ):
            lift += 2
        placed.append((anchor, py + lift))
        axes.annotate(
            name,
            (x, y),
            xytext=(-9 if is_left else 9, lift),
            textcoords="offset pixels",
            ha="right" if is_left else "left",
            va="center",
            fontsize=12,
            color=INK,
        )


def _figure(
    width: int, height: int, *, left: int, right: int, bottom: int, top: int = 8
) -> tuple[Figure, Axes]:
    """Return a figure of so many pixels with one pair of axes inside the margins."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
        FigureCanvasSVG(figure)
        box = (
            left / width,
            bottom / height,
            1 - (left + right) / width,
            1 - (bottom + top) / height,
        )
        return figure, figure.add_axes(box)


def _svg(figure: Figure, title: str) -> str:
    """Return the figure as an element of a page: no prologue, no colours of its own."""
    buffer = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    # Names inside an SVG are names of the whole page, so each needs its own.
    salt = "f" + hashlib.sha256(f"{title}{text}".encode()).hexdigest()[:10]
    text = re.sub(r'\bid="', f'id="{salt}-', text)
    text = re.sub(r'href="#', f'href="#{salt}-', text)
    text = text.replace("url(#", f"url(#{salt}-")
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "var(--sans)", text)
    for colour, name in _VARIABLES.items():
        text = text.replace(colour, f"var({name})")
    for index in (*range(N_COLOURS), None):
        code = "#0001ff" if index is None else f"#0001{index:02x}"
        text = text.replace(code, f"var({variable(index)})")
    size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', text)
    text = text.replace(
        size.group(0), f'role="img" width="{size[1]}" height="{size[2]}"', 1
    )
    opening, rest = text.split(">", 1)
    return f"{opening}><title>{_escape(title)}</title>{rest}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
