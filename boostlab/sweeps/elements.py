"""The elements that a report page is put together from."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from boostlab.sweeps.plots import Palette, variable


@dataclass(frozen=True, slots=True)
class Td:
    """A cell of a table.

    Parameters
    ----------
    text : str
        Shown as it is.
    small : str
        Smaller, behind it.
    small_kind : str
        Classes of the small text.
    key : float or str, optional
        What the column is sorted by, in place of the text.
    kind : str
        Classes of the style: best, failed, text, wrap.
    hint : str
        Shown when pointed at.
    markup : str
        Safe markup in place of `text`.
    """

    text: str = ""
    small: str = ""
    small_kind: str = ""
    key: float | str | None = None
    kind: str = ""
    hint: str = ""
    markup: str = ""

    def html(self, name: str = "td") -> str:
        """Return the element."""
        content = self.markup or escape(self.text)
        if self.small:
            content += tag("small", escape(self.small), {"class": self.small_kind})
        attributes = {"class": self.kind, "title": self.hint}
        if self.key is not None:
            # NaN sorts as what is missing: last.
            attributes["data-key"] = "" if self.key != self.key else str(self.key)
        return tag(name, content, attributes, keep_empty=("data-key",))


def escape(text: str) -> str:
    """Return text that no part of is read as markup."""
    return html.escape(text, quote=True)


def tag(
    name: str,
    content: str,
    attributes: dict[str, str] | None = None,
    keep_empty: Sequence[str] = (),
) -> str:
    """Return an element around safe markup; empty attributes are left out."""
    told = "".join(
        f' {key}="{escape(value)}"'
        for key, value in (attributes or {}).items()
        if value or key in keep_empty
    )
    return f"<{name}{told}>{content}</{name}>"


def table(
    heads: Sequence[str | Td],
    rows: Iterable[tuple[str, Sequence[Td]]],
    sortable: bool = True,
) -> str:
    """Return a table in a panel that scrolls sideways where it must.

    Parameters
    ----------
    heads : sequence of str or Td
        Names of the columns.
    rows : iterable of (str, sequence of Td)
        Class of the row, and its cells; the first one is its head.
    sortable : bool, default=True
        Whether a click on a head sorts.
    """
    cells = (h if isinstance(h, Td) else Td(h) for h in heads)
    head = "".join(cell.html("th") for cell in cells)
    body = "".join(
        tag(
            "tr",
            cells[0].html("th") + "".join(cell.html() for cell in cells[1:]),
            {"class": kind},
        )
        for kind, cells in rows
    )
    kind = {"class": "sortable"} if sortable else {}
    inner = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    scroll = tag("div", tag("table", inner, kind), {"class": "scroll"})
    return tag("div", scroll, {"class": "panel"})


def figure(svg: str, title: str, subtitle: str = "") -> str:
    """Return a figure with its title above."""
    small = f"<small>{escape(subtitle)}</small>" if subtitle else ""
    return f"<figure><figcaption>{escape(title)}{small}</figcaption>{svg}</figure>"


def details(summary: str, content: str, is_open: bool = False) -> str:
    """Return content that a click opens."""
    opening = "<details open>" if is_open else "<details>"
    return f"{opening}<summary>{escape(summary)}</summary>{content}</details>"


def note(text: str) -> str:
    """Return a paragraph in small print."""
    return tag("p", escape(text), {"class": "note"})


def pairs(items: Iterable[tuple[str, str]]) -> str:
    """Return a list of names and values."""
    inner = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
        for name, value in items
        if value
    )
    return tag("dl", inner, {"class": "pairs"})


#: The shapes of the plots as paths in a box of 10 x 10.
_SHAPES = (
    "M5 .6a4.4 4.4 0 1 0 0 8.8a4.4 4.4 0 1 0 0-8.8z",
    "M1 1h8v8H1z",
    "M5 0L10 5L5 10L0 5z",
    "M5 .4L9.8 9H.2z",
    "M5 9.6L.2 1H9.8z",
    "M3.4 .4h3.2v3h3v3.2h-3v3H3.4v-3H.4V3.4h3z",
    "M5 .2L9.8 3.7L8 9.4H2L.2 3.7z",
    "M5 0L9.3 2.5V7.5L5 10L.7 7.5V2.5z",
)
_CROSS = "M2 .4L5 3.2L8 .4L9.6 2L6.8 5L9.6 8L8 9.6L5 6.8L2 9.6L.4 8L3.2 5L.4 2z"


def glyph(label: str, palette: Palette) -> str:
    """Return the shape of a method in its colour."""
    index = palette.index(label)
    path = _CROSS if index is None else _SHAPES[index]
    fill = f"fill:var({variable(index)})"
    inner = f'<path d="{path}" style="{fill}"/>'
    return f'<svg class="glyph" viewBox="0 0 10 10" aria-hidden="true">{inner}</svg>'


def method(label: str, palette: Palette) -> str:
    """Return the name of a method behind its shape."""
    return tag("span", glyph(label, palette) + escape(label), {"class": "who"})
