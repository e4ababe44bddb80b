"""Where the boxes of a drawn tree go, and what is in them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from boostlab.inspection.style import (
    COLOURS,
    INK,
    LINE,
    NEGATIVE,
    POSITIVE,
    number,
    shortened,
)
from boostlab.inspection.tidy import depths, tidy_positions
from boostlab.inspection.tree_rules import Rules

Array = NDArray[np.float64]

#: All lengths are points; text is 9 or 8 points high.
BOLD, SMALL = 9.0, 7.5
_INNER, _LEAF, _BARS = 31.0, 17.0, 30.0  # heights
_MARGIN, _TITLE, _PAD = 12.0, 28.0, 8.0
_COLUMN_GAP, _ROW_GAP = 64.0, 10.0
_NAMES = 30


@dataclass(frozen=True, slots=True)
class Bar:
    """One of the values of a leaf that has several, or the key to its colour.

    Parameters
    ----------
    x, y, width, height : float
        Left end, upper end, and size.
    colour : str
        Its colour, which stands for an output.
    text : str
        The output and its value.
    """

    x: float
    y: float
    width: float
    height: float
    colour: str
    text: str


@dataclass(frozen=True, slots=True)
class Box:
    """A node: its frame, its text, and a remark on its right.

    Parameters
    ----------
    x, y, width, height : float
        Left end, vertical centre, and size.
    title, note : str
        Bold text and small text: below it in inner nodes, outside of leaves.
    fill, edge, ink : str
        Colours of the frame and of `title`.
    is_leaf : bool
        Leaves are round.
    bars : tuple of Bar
        In place of `title`, the values of a leaf of several outputs.
    """

    x: float
    y: float
    width: float
    height: float
    title: str
    note: str
    fill: str
    edge: str
    ink: str
    is_leaf: bool
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """The way from a box to a child: a curve, as thick as it has sample weight.

    Parameters
    ----------
    start, end : tuple of float
        Its ends (x, y).
    width : float
        Its thickness.
    label : str
        The answer that leads there.
    is_lower : bool
        Whether it leads to the right child, which is drawn below.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    width: float
    label: str
    is_lower: bool

    @property
    def baseline(self) -> float:
        """The y of the label's baseline: above an upper way, below a lower one."""
        half = self.width / 2
        return self.end[1] + (half + 8 if self.is_lower else -half - 2.5)

    @property
    def middle(self) -> float:
        """Where the curve is steepest: the x of both its inner control points."""
        return (self.start[0] + self.end[0]) / 2


@dataclass(frozen=True, slots=True)
class Drawing:
    """A tree drawn from left to right, its origin at the upper left corner.

    Parameters
    ----------
    width, height : float
        Its size.
    heading : str
        Text at the upper left.
    boxes : tuple of Box
        The nodes, in their order.
    links : tuple of Link
        The ways between them.
    key : tuple of Bar
        Beside the heading, what the colours of bars stand for.
    """

    width: float
    height: float
    heading: str
    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    key: tuple[Bar, ...]


def drawing(rules: Rules) -> Drawing:
    """Return a tree with all lengths, ready for any canvas."""
    left = rules.left
    depth = depths(left)
    blank = [_blank_box(rules, i) for i in range(len(left))]
    widths = np.array([box.width for box in blank])
    heights = np.array([box.height for box in blank])
    columns = np.array([widths[depth == d].max() for d in range(depth.max() + 1)])
    starts = _MARGIN + np.concatenate([[0], np.cumsum(columns[:-1] + _COLUMN_GAP)])
    y = tidy_positions(left, heights + _ROW_GAP)
    y += _MARGIN + _TITLE - (y - heights / 2).min()
    placed = (
        replace(box, x=float(starts[depth[i]]), y=float(y[i]))
        for i, box in enumerate(blank)
    )
    boxes = tuple(
        _filled(box, rules, i) if box.is_leaf else box for i, box in enumerate(placed)
    )
    key = _key(rules)
    ends = [box.x + box.width + _note_width(box) for box in boxes]
    ends += [_MARGIN + text_width(rules.title, BOLD * 1.25)]
    ends += [bar.x + bar.width + 3 + text_width(bar.text, SMALL) for bar in key]
    return Drawing(
        max(ends) + _MARGIN,
        float((y + heights / 2).max()) + _MARGIN,
        rules.title,
        boxes,
        _links(rules, boxes),
        key,
    )


def _blank_box(rules: Rules, node: int) -> Box:
    """Return a box with its text and size, not yet at its place."""
    condition, weight = rules.conditions[node], f"weight {number(rules.weight[node])}"
    width, height, is_leaf = 0.0, _INNER, condition is None
    if condition is not None:
        title, note = condition.text(_NAMES), f"gain {number(rules.gain[node])} · "
        note += weight
        width = text_width(note, SMALL)
    elif len(rules.outputs) == 1:
        title, note, height = number(rules.value[node, 0], signed=True), weight, _LEAF
    else:
        title, note, height = "", weight, _BARS
        width = len(rules.outputs) * _bar_width(rules)
    width = max(width, text_width(title, BOLD)) + 2 * _PAD
    return Box(0, 0, width, height, title, note, "#ffffff", LINE, INK, is_leaf)


def _filled(box: Box, rules: Rules, node: int) -> Box:
    """Return a leaf with the colour of its value, or with the bars of its values."""
    strongest = np.abs(rules.value[rules.left < 0]).max() or 1.0
    shares = (rules.value[node] / strongest).tolist()
    if len(shares) == 1:
        fill, edge, ink = _colours(shares[0])
        return replace(box, fill=fill, edge=edge, ink=ink)
    bars, width = [], _bar_width(rules)
    for k, share in enumerate(shares):
        height = abs(share) * (_BARS / 2 - 2)
        bars.append(
            Bar(
                box.x + _PAD + k * width + 0.08 * width,
                box.y - max(share, 0) * (_BARS / 2 - 2),
                0.84 * width,
                height,
                _bar_colour(rules, k, share),
                f"{rules.outputs[k]}: {number(rules.value[node, k], signed=True)}",
            )
        )
    return replace(box, bars=tuple(bars))


def _bar_width(rules: Rules) -> float:
    """Return the room of a bar, which is less where there are many."""
    return max(2.5, min(11.0, 110 / len(rules.outputs)))


def _bar_colour(rules: Rules, output: int, share: float) -> str:
    """Return the colour of an output or, if there are too many, of its sign."""
    if len(rules.outputs) <= len(COLOURS):
        return COLOURS[output]
    return POSITIVE if share >= 0 else NEGATIVE


def _key(rules: Rules) -> tuple[Bar, ...]:
    """Return a mark with its name for each colour of the bars."""
    if not 1 < len(rules.outputs) <= len(COLOURS):
        return ()
    key, x = [], _MARGIN + text_width(rules.title, BOLD * 1.25) + 12
    for k, name in enumerate(rules.outputs):
        text = shortened(name, _NAMES)
        key.append(Bar(x, 12.5, 7, 7, COLOURS[k], text))
        x += 7 + 3 + text_width(text, SMALL) + 8
    return tuple(key)


def _note_width(box: Box) -> float:
    """Return the room that a box needs on its right."""
    return 4 + text_width(box.note, SMALL) if box.is_leaf else 0.0


def _links(rules: Rules, boxes: tuple[Box, ...]) -> tuple[Link, ...]:
    """Return the ways to the children, thicker where more of the weight goes."""
    total = rules.weight[0] if rules.weight[0] > 0 else 1.0
    links = []
    for i, box in enumerate(boxes):
        for side, label in enumerate(rules.answers[i]):
            child = int(rules.left[i]) + side
            to = boxes[child]
            width = 1 + 5 * float(rules.weight[child] / total)
            start = (box.x + box.width, box.y)
            links.append(Link(start, (to.x, to.y), width, label, side == 1))
    return tuple(links)


def text_width(text: str, size: float) -> float:
    """Return the width of a text in a sans-serif font, rather too much than too little.

    No font is asked, so that the same picture comes out everywhere.
    """
    return size * sum(
        1.1 if char > "\u2e7f" else _WIDTHS.get(char, 0.73) for char in text
    )


_WIDTHS = (
    dict.fromkeys("iIjl|'.,:; -/\\·", 0.42)
    | dict.fromkeys('frt()[]!"', 0.53)
    | dict.fromkeys("ABCDGHKNOQRUXVY≤≠≥<>=+−_#&~^", 0.86)
    | dict.fromkeys("mwMW@%—…", 1.1)
)
"""Widths of bold letters of a rather wide font, in its sizes."""


def _colours(strength: float) -> tuple[str, str, str]:
    """Return fill, edge and ink of a leaf, darker the more it adds."""
    base = POSITIVE if strength >= 0 else NEGATIVE
    share = 0.14 + 0.86 * min(abs(strength), 1.0)
    fill = _mixed("#ffffff", base, share)
    return fill, _mixed("#ffffff", base, max(share, 0.55)), _ink_on(fill)


def _mixed(first: str, second: str, share: float) -> str:
    """Return a colour between two."""
    parts = (
        round(
            (1 - share) * int(first[i : i + 2], 16) + share * int(second[i : i + 2], 16)
        )
        for i in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02x}" for part in parts)


def _ink_on(fill: str) -> str:
    """Return the colour of text that is easiest to read on `fill`."""
    red, green, blue = (int(fill[i : i + 2], 16) for i in (1, 3, 5))
    return "#ffffff" if 0.3 * red + 0.59 * green + 0.11 * blue < 150 else INK
