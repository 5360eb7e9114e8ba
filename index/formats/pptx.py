"""PowerPoint by python-pptx: each slide a page, its title a heading, its other texts as list items, then its notes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pptx

from index.formats.archive import opened
from index.formats.parsed import Parsed, chosen_title, layout, one_line, paged, row


def parse(data: bytes) -> Parsed:
    """Every slide is a page, one without text too."""
    opened(data, "PPTX").close()
    presentation = pptx.Presentation(io.BytesIO(data))
    parsed = paged([layout(_blocks(slide)) for slide in presentation.slides])
    return Parsed(parsed.text, chosen_title(presentation.core_properties.title, parsed.text), parsed.pages)


def _blocks(slide: Any) -> Iterator[str]:
    title = slide.shapes.title
    if title is not None and (text := one_line(title.text_frame.text)):
        yield f"# {text}"
    for shape in slide.shapes:
        if title is None or shape.shape_id != title.shape_id:
            yield from _shape(shape)
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
        yield notes.text.strip()


def _shape(shape: Any) -> Iterator[str]:
    if hasattr(shape, "shapes"):
        for inner in shape.shapes:
            yield from _shape(inner)
    elif getattr(shape, "has_table", False):
        for line in shape.table.rows:
            yield row(cell.text_frame.text for cell in line.cells)
    elif shape.has_text_frame:
        for paragraph in shape.text_frame.paragraphs:
            if text := one_line(paragraph.text):
                yield f"- {text}"
