"""Where the boxes of a drawn tree go, and what is in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from boostlab.inspection.style import INK, LINE, NEGATIVE, POSITIVE, number
from boostlab.inspection.tree_rules import Rules

Array = NDArray[np.float64]

#: All lengths are points; text is 9 or 8 points high.
BOLD, SMALL = 9.0, 7.5
_INNER, _LEAF = 31.0, 17.0  # heights
_MARGIN, _TITLE, _PAD = 12.0, 28.0, 8.0
_COLUMN_GAP, _ROW_GAP = 64.0, 10.0
_NAMES = 30


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
    """

    width: float
    height: float
    heading: str
    boxes: tuple[Box, ...]
    links: tuple[Link, ...]


def drawing(rules: Rules) -> Drawing:
    """Return a tree with all lengths, ready for any canvas."""
    left, n_nodes = rules.left, len(rules.left)
    depth = depths(left)
    titles = [
        number(rules.value[i], signed=True) if c is None else c.text(_NAMES)
        for i, c in enumerate(rules.conditions)
    ]
    notes = [_note(rules, i) for i in range(n_nodes)]
    widths = np.array(
        [
            text_width(titles[i], BOLD) + 2 * _PAD
            if left[i] < 0
            else max(text_width(titles[i], BOLD), text_width(notes[i], SMALL))
            + 2 * _PAD
            for i in range(n_nodes)
        ]
    )
    reach = np.array(
        [
            widths[i] + (4 + text_width(notes[i], SMALL) if left[i] < 0 else 0)
            for i in range(n_nodes)
        ]
    )
    columns = np.array([widths[depth == d].max() for d in range(depth.max() + 1)])
    starts = _MARGIN + np.concatenate([[0], np.cumsum(columns[:-1] + _COLUMN_GAP)])
    x = starts[depth]
    heights = np.where(left < 0, _LEAF, _INNER)
    y = tidy_positions(left, heights + _ROW_GAP)
    y += _MARGIN + _TITLE - (y - heights / 2).min()
    heading = rules.title
    strongest = np.abs(rules.value[left < 0]).max() or 1.0
    boxes = tuple(
        Box(
            float(x[i]),
            float(y[i]),
            float(widths[i]),
            float(heights[i]),
            titles[i],
            notes[i],
            *_colours(rules.value[i] / strongest, left[i] < 0),
            is_leaf=bool(left[i] < 0),
        )
        for i in range(n_nodes)
    )
    right = max((x + reach).max(), _MARGIN + text_width(heading, BOLD * 1.25))
    bottom = (y + heights / 2).max()
    return Drawing(
        float(right + _MARGIN),
        float(bottom + _MARGIN),
        heading,
        boxes,
        _links(rules, boxes),
    )


def _note(rules: Rules, node: int) -> str:
    weight = f"weight {number(rules.weight[node])}"
    if rules.left[node] < 0:
        return weight
    return f"gain {number(rules.gain[node])} · {weight}"


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


def depths(left: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return the number of splits above each node."""
    depth = np.zeros(len(left), dtype=np.intp)
    for i in np.flatnonzero(left >= 0):  # parents come before their children
        depth[left[i]] = depth[left[i] + 1] = depth[i] + 1
    return depth


def tidy_positions(left: NDArray[np.int32], sizes: Array) -> Array:
    """Return where the nodes of each depth lie, side by side and close together.

    A parent lies half-way between its children, equal subtrees look equal, and no two
    nodes of one depth overlap.

    Parameters
    ----------
    left : ndarray of shape (n_nodes,), int
        Left child of each node, the right one being the next; -1 in leaves.
    sizes : ndarray of shape (n_nodes,)
        Room that each node takes, gap included.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Centres, that of the root at 0.

    References
    ----------
    Reingold, Tilford (1981), Tidier drawings of trees.
    """
    n_nodes = len(left)
    apart = np.zeros(n_nodes)
    # For each subtree the first and the last edge at every depth below its root.
    low: list[Array] = [np.array([-size / 2]) for size in sizes]
    high: list[Array] = [np.array([size / 2]) for size in sizes]
    for i in range(n_nodes - 1, -1, -1):
        if left[i] < 0:
            continue
        a, b = int(left[i]), int(left[i]) + 1
        both = min(len(low[a]), len(low[b]))
        apart[i] = (high[a][:both] - low[b][:both]).max()
        deeper = a if len(low[a]) > len(low[b]) else b
        shift = apart[i] / 2 * (1 if deeper == b else -1)
        first = np.minimum(low[a][:both] - apart[i] / 2, low[b][:both] + apart[i] / 2)
        last = np.maximum(high[a][:both] - apart[i] / 2, high[b][:both] + apart[i] / 2)
        low[i] = np.concatenate([low[i], first, low[deeper][both:] + shift])
        high[i] = np.concatenate([high[i], last, high[deeper][both:] + shift])
        low[a] = low[b] = high[a] = high[b] = np.empty(0)
    positions = np.zeros(n_nodes)
    for i in np.flatnonzero(left >= 0):
        positions[left[i]] = positions[i] - apart[i] / 2
        positions[left[i] + 1] = positions[i] + apart[i] / 2
    return positions


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


def _colours(strength: float, is_leaf: bool) -> tuple[str, str, str]:
    """Return fill, edge and ink of a box; leaves are darker the more they add."""
    if not is_leaf:
        return "#ffffff", LINE, INK
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
