"""Excel by openpyxl, read as a stream: a sheet is a heading, a row is a line "| a | b | c |"."""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterator
from typing import Any

import openpyxl

from index.formats.archive import opened
from index.formats.parsed import Parsed, chosen_title, clean, layout, one_line, row


def parse(data: bytes) -> Parsed:
    """Values as last computed, not formulas; empty rows and sheets are left out."""
    opened(data, "XLSX").close()
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    try:
        text = clean(layout(_blocks(book)))
        return Parsed(text, chosen_title(book.properties.title))
    finally:
        book.close()


def _blocks(book: Any) -> Iterator[str]:
    for sheet in book.worksheets:
        sheet.reset_dimensions()  # what the file says of its size may be wrong, by millions of empty cells
        heading = f"# {one_line(sheet.title)}"
        for values in sheet.iter_rows(values_only=True):
            if line := row(map(_text, values)):
                yield heading
                heading = ""
                yield line


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)
