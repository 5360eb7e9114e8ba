"""Word by python-docx, which finds the parts and styles; the body is walked here, for what its own lists leave out."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import docx
from docx.oxml import parse_xml
from docx.oxml.ns import qn

from index.formats.archive import opened
from index.formats.parsed import Parsed, chosen_title, clean, layout, one_line, row

_P, _TBL, _TR, _TC, _PPR = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc"), qn("w:pPr")
_TEXT, _BOX, _DELETED = qn("w:t"), qn("w:txbxContent"), qn("w:del")
_SIGNS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_LEVEL = re.compile(r"heading (\d)")


def parse(data: bytes) -> Parsed:
    """Headings, paragraphs, lists, tables, text boxes and footnotes; neither page headers nor what was deleted."""
    opened(data, "DOCX").close()
    document = docx.Document(io.BytesIO(data))
    levels = {style.style_id: level for style in document.styles if (level := _level(style))}
    listed = {style.style_id for style in document.styles if (style.name or "").lower().startswith("list ")}
    walk = _Walk(levels, listed)
    notes = (
        block
        for part in document.part.package.iter_parts()
        if part.partname in ("/word/footnotes.xml", "/word/endnotes.xml")
        for block in walk.blocks(parse_xml(part.blob))
    )
    text = clean(layout((*walk.blocks(document.element.body), *notes)))
    return Parsed(text, chosen_title(document.core_properties.title, text))


def _level(style: Any) -> int:
    """1 to 6 for a style of headings or one that is based on such, else 0."""
    for _ in range(10):
        name = (style.name or "").lower()
        if name == "title":
            return 1
        if match := _LEVEL.match(name):
            return min(6, max(1, int(match.group(1))))
        style = getattr(style, "base_style", None)
        if style is None:
            break
    return 0


class _Walk:
    def __init__(self, levels: dict[str, int], listed: set[str]) -> None:
        self._levels = levels
        self._listed = listed

    def blocks(self, element: Any) -> Iterator[str]:
        for child in element:
            if child.tag == _P:
                yield self._paragraph(child)
                for box in _boxes(child):
                    yield from self.blocks(box)
            elif child.tag == _TBL:
                for line in child.iter(_TR):
                    yield row("\n".join(_text(p) for p in cell.iter(_P)) for cell in line.iterchildren(_TC))
            elif child.tag not in (_DELETED, _FALLBACK):
                yield from self.blocks(child)

    def _paragraph(self, paragraph: Any) -> str:
        text = _text(paragraph).strip()
        properties = paragraph.find(_PPR)
        style = properties.find(qn("w:pStyle")) if properties is not None else None
        name = style.get(qn("w:val"), "") if style is not None else ""
        if not text:
            return ""
        if name in self._levels:
            return f"{'#' * self._levels[name]} {one_line(text)}"
        numbered = properties is not None and properties.find(qn("w:numPr")) is not None
        return f"- {one_line(text)}" if numbered or name in self._listed else text


def _text(element: Any) -> str:
    """The element's own text, without that of boxes that hang on it."""
    if element.tag == _TEXT:
        return element.text or ""
    if element.tag in (_BOX, _DELETED, _FALLBACK, _PPR):
        return ""
    return _SIGNS.get(element.tag, "") + "".join(map(_text, element))


def _boxes(element: Any) -> Iterator[Any]:
    for child in element:
        if child.tag == _BOX:
            yield child
        elif child.tag != _FALLBACK:
            yield from _boxes(child)
