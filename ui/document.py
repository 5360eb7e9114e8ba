"""A whole document, opened at a quote, with the quoted words highlighted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException

from index import Document, Library, PinciteError
from ui.markup import hue, line, safe
from ui.shell import count

# Characters shown at most at a time.
_PIECE = 200_000

# A line break inside a hard-wrapped paragraph: after a long line, and not before a list item.
_SOFT_BREAK = re.compile(r"(?<=[^\n]{45})\n(?=[^\s\-*+•·–—>|#\d])")
_BLANK_LINES = re.compile(r"\s*\n\s*\n\s*")


@dataclass(frozen=True, slots=True)
class Marked:
    """A span of a document to be highlighted, by the number of its citation."""

    number: int
    start: int
    end: int


def opening(library: Library) -> Callable[[list[Any]], str]:
    def open_document(asked: list[Any]) -> str:
        """A document as HTML: its id, the spans to highlight ([number, start, end] each), and which character to show.

        What does not come from the page itself is refused, and nothing but documents of the library is read.
        """
        try:
            document, spans, at = asked
            marked = [Marked(int(number), int(start), int(end)) for number, start, end in spans]
            return document_html(library.document(str(document)), marked, int(at))
        except PinciteError:
            return '<header class="open"><button type="button" class="close">Back</button></header>' + (
                '<p class="note failed">This document is no longer in the library.</p>'
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise HTTPException(400, "There is nothing to open.") from error

    return open_document


def document_html(document: Document, marked: Sequence[Marked], at: int = 0) -> str:
    """The whole document, or of a long one the piece around the character `at`, with the marked spans highlighted."""
    text = document.text
    low, high = _piece(text, at)
    name = escape(Path(document.path).name)
    pages = f" · {count(len(document.pages), 'page')}" if document.pages else ""
    header = (
        f'<header class="open"><button type="button" class="close">Back</button><h2 title="{name}">'
        f'{line(document.title)}</h2><p class="hint">{len(text):,} characters{pages}</p></header>'
    )
    earlier = _further("Earlier", document, max(0, low - _PIECE // 2)) if low else ""
    later = _further("Later", document, min(len(text), high + _PIECE // 2)) if high < len(text) else ""
    shown = f'<p class="hint">Characters {low:,} to {high:,} are shown.</p>' if earlier or later else ""
    body = "".join(_body(document, _apart(marked, low, high), low, high))
    return safe(f'{header}{shown}{earlier}<div class="text" tabindex="0">{body}</div>{later}')


def _piece(text: str, at: int) -> tuple[int, int]:
    if len(text) <= _PIECE:
        return 0, len(text)
    at = min(max(at, 0), len(text))
    low, high = max(0, at - _PIECE // 2), min(len(text), at + _PIECE // 2)
    low = text.rfind("\n", 0, low) + 1 if low else 0
    stop = text.find("\n", high)
    return low, (high if stop < 0 or stop > high + _PIECE else stop)


def _further(name: str, document: Document, at: int) -> str:
    return f'<button type="button" class="further" value="{escape(document.id)}:{at}">{name}</button>'


def _apart(marked: Iterable[Marked], low: int, high: int) -> list[Marked]:
    """Those inside the piece, in order; of two that overlap the first."""
    kept: list[Marked] = []
    for item in sorted(marked, key=lambda item: (item.start, item.end)):
        if low <= item.start < item.end <= high and (not kept or item.start >= kept[-1].end):
            kept.append(item)
    return kept


def _body(document: Document, marked: Sequence[Marked], low: int, high: int) -> Iterable[str]:
    here = low
    seen = low - 1  # pages that begin up to here have their line
    for item in marked:
        yield _paged(document, here, item.start, seen)
        seen = item.start
        yield (
            f'<mark id="whole-{item.number}" class="{hue(item.number)}" tabindex="-1">'
            f"{escape(document.text[item.start : item.end])}</mark>"
        )
        here = item.end
    yield _paged(document, here, high, seen)


def _paged(document: Document, start: int, end: int, seen: int) -> str:
    """The text between two marks, with a line where a page begins: one that begins in a mark has it after that."""
    parts, here = [], start
    for page, begins in enumerate(document.pages, 1):
        if not seen < begins <= end:
            continue
        offset = max(begins, start)
        parts.append(flowing(unwrapped(document.text[here:offset])))
        parts.append(f'<span class="page">Page {page}</span>')
        here = offset
    return "".join([*parts, flowing(unwrapped(document.text[here:end]))])


def unwrapped(text: str) -> str:
    """As long as it was, without the line breaks inside of hard-wrapped paragraphs."""
    return _SOFT_BREAK.sub(" ", text)


def flowing(text: str) -> str:
    """Escaped, with a gap between paragraphs."""
    return '<span class="gap"></span>'.join(escape(part) for part in _BLANK_LINES.split(text))
