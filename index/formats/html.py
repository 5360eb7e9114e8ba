"""HTML by trafilatura, which leaves out menus and footers, and lxml; also the chapters of an EPUB."""

from __future__ import annotations

import re
from typing import Any

import trafilatura
from lxml import etree
from lxml.html import HTMLParser, document_fromstring

from index.errors import DocumentError
from index.formats.charsets import decode, without_surrogates
from index.formats.parsed import Parsed, chosen_title, clean, layout, row

_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_XML = re.compile(rb"""^\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]+)""")
_LATIN = ("iso-8859-1", "iso8859-1", "latin1", "latin-1", "us-ascii", "ascii")

# Tags of HTML, and of the tree that trafilatura makes of it.
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_ITEMS = frozenset(("li", "item", "dt", "dd"))
_ROWS = frozenset(("tr", "row"))
_CELLS = frozenset(("td", "th", "cell"))
_BREAKS = frozenset(("br", "lb"))
_VERBATIM = frozenset(("pre", "code"))
_INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite data del dfn em font hi i ins kbd label mark q ref rp rt ruby s samp small span "
    "strike strong sub sup time tt u var wbr".split()
)
_LEFT_OUT = frozenset(
    "script style noscript template nav footer aside form button select option input textarea iframe object embed svg "
    "math canvas audio video figure-graphic graphic img map head-meta title meta link".split()
)


def parse(data: bytes) -> Parsed:
    """The main text of a page. Raises DocumentError if it is no text or nested too deeply."""
    text = decoded(data)
    tree = parsed_tree(text)
    page: Any = trafilatura.bare_extraction(tree, include_comments=False, favor_recall=True, with_metadata=True)
    found = blocks(page.body) if page is not None and page.body is not None else []
    if len(found) < 2:  # on a small page it finds nothing, or runs all of it together
        tree = parsed_tree(text)
        whole = tree.find("body")
        found = blocks(tree if whole is None else whole)
    body = clean(layout(found))
    title = page.title if page is not None else None
    return Parsed(body, chosen_title(title or tree.findtext(".//title"), body))


def decoded(data: bytes) -> str:
    """By the byte-order mark, else as the file declares, else by its looks. Raises DocumentError if it is no text."""
    declared = _XML.search(data[:200]) or _META.search(data[:4096])
    encoding = declared.group(1).decode("ascii", "replace").lower() if declared else ""
    if encoding in _LATIN:
        encoding = "cp1252"  # as browsers take it
    if encoding.startswith(("utf-16", "utf16", "utf-32", "utf32")):
        encoding = ""  # it could not be read from bytes so encoded
    text = decode(data, encoding)
    if text is None:
        raise DocumentError("it is no HTML. Give it the right suffix, then add it again.")
    return text


def parsed_tree(text: str) -> Any:
    """The element tree. Raises DocumentError where the parser gave up before the end."""
    parser = HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    data = without_surrogates(text).replace("\0", "").encode("utf-8")
    try:
        tree = document_fromstring(data, parser=parser)
    except etree.ParserError:
        raise DocumentError("it holds no text. Add a file with text in it.") from None
    if any("xcessive depth" in entry.message or "huge" in entry.message.lower() for entry in parser.error_log):
        raise DocumentError("it is nested too deeply. Save it as text, then add that.")
    return tree


def blocks(element: Any) -> list[str]:
    """Headings as "# ...", list items as "- ...", table rows as "| a | b |", and paragraphs, in reading order."""
    walk = _Walk()
    walk.enter(element)
    walk.flush()
    return walk.blocks


class _Walk:
    def __init__(self) -> None:
        self.blocks: list[str] = []
        self._inline: list[str] = []
        self._prefix = ""

    def flush(self) -> None:
        lines = [" ".join(line.split()) for line in "".join(self._inline).split("\n")]
        text = (" " if self._prefix else "\n").join(line for line in lines if line)
        self._inline.clear()
        if text:
            self.blocks.append(self._prefix + text)
            self._prefix = ""

    def enter(self, element: Any) -> None:
        tag = etree.QName(element).localname.lower() if isinstance(element.tag, str) else ""
        if not tag or tag in _LEFT_OUT:
            return
        if tag in _BREAKS:
            self._inline.append("\n")
        elif tag in _INLINE:
            self._children(element)
        elif tag in _VERBATIM:
            self._verbatim(element)
        elif tag in _ROWS and _is_flat(element):
            self.flush()
            self.blocks.append(row(_text(cell) for cell in element if _is(cell, _CELLS)))
        else:
            self.flush()
            self._prefix = _prefix(element, tag) or self._prefix
            self._children(element)
            self.flush()
            if tag in _ITEMS or tag in _HEADINGS or tag == "head":
                self._prefix = ""

    def _children(self, element: Any) -> None:
        self._say(element.text)
        for child in element:
            self.enter(child)
            self._say(child.tail)

    def _say(self, text: str | None) -> None:
        if text:
            self._inline.append(re.sub(r"\s+", " ", text))

    def _verbatim(self, element: Any) -> None:
        text = "".join(element.itertext())
        if "\n" not in text.strip():
            self._say(text)
            return
        self.flush()
        self.blocks.append(text.strip("\n"))


def _prefix(element: Any, tag: str) -> str:
    if tag == "head":
        return "#" * _HEADINGS.get(element.get("rend", "h2"), 2) + " "
    if tag in _HEADINGS:
        return "#" * _HEADINGS[tag] + " "
    return "- " if tag in _ITEMS else ""


def _is_flat(element: Any) -> bool:
    """Whether a table's row is one of data: tables that lay out a page hold other blocks."""
    cells = [cell for cell in element if _is(cell, _CELLS)]
    blocks_inside = frozenset(("table", "list", "ul", "ol", "pre", "head", *_HEADINGS))
    return len(cells) > 1 and not any(_is(inner, blocks_inside) for inner in element.iter())


def _is(element: Any, tags: frozenset[str]) -> bool:
    return isinstance(element.tag, str) and etree.QName(element).localname.lower() in tags


def _text(element: Any) -> str:
    return " ".join(text for text in element.itertext())
