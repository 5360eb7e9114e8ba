"""The pieces of markup that all faces of the window share. Nothing from outside stands unescaped in them.

What is escaped piece by piece is sanitised once more as a whole (nh3): a slip in one place is then no hole.
"""

from __future__ import annotations

from html import escape

import nh3

from rag import Citation

_HUES = 5

_TAGS = set(
    "a article b blockquote br button code dd details div dl dt h1 h2 h3 header i li mark ol p pre s section small "
    "span strong summary table tbody td th thead tr ul".split()
)
_EVERYWHERE = {"class", "id", "title", "hidden", "tabindex", "role", "aria-label", "aria-hidden", "aria-live"}
_ATTRIBUTES = {
    "*": _EVERYWHERE,
    "a": {"href"},
    "button": {"type", "value", "disabled"},
    "details": {"open"},
    "span": {"style"},
    "th": {"scope"},
    "section": {"data-turn"},
    "mark": {"data-title", "data-place", "data-document", "data-start", "data-end"},
    "pre": {"data-form"},
}


def safe(html: str) -> str:
    """Markup of ours alone: no script, no style but widths, no image, no link but into the page."""
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=set(),
        link_rel=None,
        filter_style_properties={"width", "left"},
    )


def line(text: str) -> str:
    """Escaped, on one line."""
    return escape(" ".join(text.split()))


def chip(citation: Citation, number: int) -> str:
    """The number of a citation of the `number`-th turn: a link to its mark."""
    return (
        f'<a class="chip {hue(citation.number)}" href="#{anchor(number, citation)}">'
        f'<span class="spoken">Citation </span>{citation.number}</a>'
    )


def anchor(number: int, citation: Citation) -> str:
    return f"quote-{number}-{citation.number}"


def hue(number: int) -> str:
    """The colour of a citation."""
    return f"hue-{(number - 1) % _HUES}"
