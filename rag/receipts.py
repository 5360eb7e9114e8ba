"""An answer that was kept, held against the library of today: whether its quotes still stand, and what has changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from index import DocumentError, Library
from rag.errors import ReceiptError


class Standing(str, Enum):
    """What became of a quote; the best comes first."""

    STANDS = "stands"
    MOVED = "moved"  # to other characters of its document
    ELSEWHERE = "elsewhere"  # in another document, which came from the same place
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Kept:
    """A citation of a receipt: `number`, the document that it names, and how its quote stands today.

    `start` and `end` are where it stands now, None if nowhere. `changed`: the document is not the one of then.
    """

    number: int
    title: str
    path: str
    quote: str
    standing: Standing
    start: int | None
    end: int | None
    changed: bool


def read_receipt(file: Path) -> dict[str, Any]:
    """What `Answer.to_dict()` gave and `pincite ask --json` printed. Raises ReceiptError."""
    try:
        receipt = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ReceiptError(f"Cannot read {file}. Give a file that `pincite ask QUESTION --json` wrote.") from error
    fields = ("document", "title", "path", "start", "end", "quote", "sha256", "number")
    citations = receipt.get("citations") if isinstance(receipt, dict) else None
    if not isinstance(citations, list) or not all(
        isinstance(citation, dict) and all(field in citation for field in fields) for citation in citations
    ):
        raise ReceiptError(f"{file} is no receipt. Give a file that `pincite ask QUESTION --json` wrote.")
    return dict(receipt)


def verify(receipt: Mapping[str, Any], library: Library) -> list[Kept]:
    """Each citation of the receipt, by its number."""
    return [_kept(citation, library) for citation in receipt["citations"]]


def _kept(citation: Mapping[str, Any], library: Library) -> Kept:
    number, title, path = citation["number"], citation["title"], citation["path"]
    quote, start, end = citation["quote"], citation["start"], citation["end"]

    def kept(standing: Standing, at: int | None, changed: bool) -> Kept:
        stop = None if at is None else at + len(quote)
        return Kept(number, title, path, quote, standing, at, stop, changed)

    try:
        document, same = library.document(citation["document"]), True
    except DocumentError:
        rows = [row for row in library.documents() if row.path == path]
        if not rows:
            return kept(Standing.GONE, None, True)
        document, same = library.document(rows[0].id), False
    changed = document.sha256 != citation["sha256"]
    if document.text[start:end] == quote:
        return kept(Standing.STANDS, start, changed)
    at = document.text.find(quote)
    if at < 0:
        return kept(Standing.GONE, None, changed)
    return kept(Standing.MOVED if same else Standing.ELSEWHERE, at, changed)
