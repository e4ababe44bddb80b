"""A drawn tree as SVG text."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from boostlab.inspection.style import INK, LINE, MUTED
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

_FONTS = "DejaVu Sans, Verdana, Segoe UI, Helvetica, Arial, sans-serif"

# What no XML text may hold, escaped or not.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def tree_svg(model: Any, round: int = 0, output: int | None = None) -> str:
    """Return one tree of a model as a picture that stands for itself, in SVG.

    It needs no matplotlib, and looks like :func:`plot_tree`.

    Parameters
    ----------
    model : estimator or Ensemble
        A fitted model of trees.
    round : int, default=0
        The round, from 0; negative numbers count from the last.
    output : int, optional
        The raw output, from 0: with more than two classes, the number of the class. By
        default the first or, if all outputs share one tree, all of them.

    Returns
    -------
    str
        An ``<svg>`` element: write it to a file, or show it with
        ``IPython.display.SVG``.

    Raises
    ------
    ValueError
        If there is no such round or output.
    TypeError
        If that round was not fitted by a tree.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from boostlab import GradientBoostingRegressor
    >>> from boostlab.inspection import tree_svg
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = GradientBoostingRegressor(n_estimators=2, random_state=0).fit(X, y)
    >>> tree_svg(model, round=1)[:40]
    '<svg xmlns="http://www.w3.org/2000/svg" '
    """
    return _svg(drawing(Rules.of(model, round, output)))


def _svg(picture: Drawing) -> str:
    width, height = f"{picture.width:.1f}", f"{picture.height:.1f}"
    heading = _clean(picture.heading)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" font-family="{_FONTS}" '
        f'font-size="{BOLD}">',
        f"<title>{heading}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *(_link(link) for link in picture.links),
        *(_box(box) for box in picture.boxes),
        *(_bar(bar) for bar in picture.key),
        *(
            _text(bar.x + 10, 19, bar.text, MUTED, size=SMALL, anchor="start")
            for bar in picture.key
        ),
        _text(12, 20, picture.heading, INK, size=BOLD * 1.25, bold=True),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _link(link: Link) -> str:
    (x0, y0), (x1, y1), middle = link.start, link.end, link.middle
    curve = (
        f'<path d="M{x0:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} '
        f'{x1:.1f} {y1:.1f}" fill="none" stroke="{LINE}" '
        f'stroke-width="{link.width:.2f}"/>'
    )
    at = x1 - 5, link.baseline
    return curve + _text(*at, link.label, MUTED, size=SMALL, anchor="end")


def _box(box: Box) -> str:
    radius = box.height / 2 if box.is_leaf and not box.bars else 5
    middle = box.x + box.width / 2
    frame = (
        f'<rect x="{box.x:.1f}" y="{box.y - box.height / 2:.1f}" '
        f'width="{box.width:.1f}" height="{box.height:.1f}" rx="{radius:.1f}" '
        f'fill="{box.fill}" stroke="{box.edge}"/>'
    )
    if box.is_leaf:
        title = ""
        if box.title:
            title = _text(middle, box.y + 3.2, box.title, box.ink, bold=True)
        right = box.x + box.width + 4
        note = _text(right, box.y + 2.8, box.note, MUTED, size=SMALL, anchor="start")
    else:
        title = _text(middle, box.y - 2.5, box.title, box.ink, bold=True)
        note = _text(middle, box.y + 10, box.note, MUTED, size=SMALL)
    middle = (
        f'<path d="M{box.x + 5:.1f} {box.y:.1f}h{box.width - 10:.1f}" stroke="{LINE}"/>'
    )
    bars = middle + "".join(map(_bar, box.bars)) if box.bars else ""
    return frame + bars + title + note


def _bar(bar: Bar) -> str:
    return (
        f'<rect x="{bar.x:.1f}" y="{bar.y:.1f}" width="{bar.width:.1f}" '
        f'height="{bar.height:.1f}" fill="{bar.colour}">'
        f"<title>{_clean(bar.text)}</title></rect>"
    )


def _text(
    x: float,
    y: float,
    text: str,
    colour: str,
    *,
    size: float | None = None,
    bold: bool = False,
    anchor: str | None = None,
) -> str:
    if bold and size is not None:
        anchor = anchor or "start"
    style = f' font-size="{size:g}"' if size is not None else ""
    style += ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" '
        f'text-anchor="{anchor or "middle"}"{style}>{_clean(text)}</text>'
    )


def _clean(text: str) -> str:
    """Return text that XML can hold."""
    return escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text))
