"""The source panel: the passages an answer stands on, and the whole document around a quote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from index import Document, DocumentRow, Passage
from rag import Citation
from ui import references
from ui.markup import HUES, anchor, chip, count, hue, line, safe
from ui.turns import Turn
from ui.why import why_html

# Characters of the document shown around a quoted passage, and at most in one piece of a document.
AROUND = 320
PIECE = 200_000
_NEAREST = 3

# A line break inside a hard-wrapped paragraph: after a long line, and not before a list item.
_SOFT_BREAK = re.compile(r"(?<=[^\n]{45})\n(?=[^\s\-*+•·–—>|#\d])")
_BLANK_LINES = re.compile(r"\s*\n\s*\n\s*")


def sources_html(turns: Sequence[Turn], documents: Sequence[DocumentRow], threshold: float = 0.0) -> str:
    """A section for each answer, of which the page shows the last or the clicked one; else what the library holds."""
    sections = "".join(source_html(turn, number, threshold) for number, turn in enumerate(turns, 1))
    return sections or safe(_library(documents))


def source_html(turn: Turn, number: int, threshold: float = 0.0) -> str:
    """The section of the `number`-th answer; "" if it has none."""
    return safe(_sources(turn, number, threshold))


def evidence_html(draft: Turn) -> str:
    """The section of a checked draft, whose number is 0."""
    if not draft.citations:
        return safe(_section("Sources", "What the sentences of a checked text rest on appears here.", "", 0))
    return safe(_section("Sources", "What the library says of each sentence.", _cards(draft, 0), 0))


def _sources(turn: Turn, number: int, threshold: float) -> str:
    below = _copies(turn) + why_html(turn.answer, threshold) if turn.answer else ""
    if turn.citations:
        return _section("Sources", line(turn.question), _cards(turn, number) + below, number)
    if turn.answer is None:
        return ""
    cards = "".join(_nearest(passage) for passage in turn.passages[:_NEAREST])
    return _section("Nearest passages", "Not sources: none of them answers the question.", cards + below, number)


def _copies(turn: Turn) -> str:
    """What the copy buttons put on the clipboard."""
    forms = {"markdown": references.markdown, "plain": references.plain, "bibtex": references.bibtex}
    return "".join(f'<pre hidden data-form="{name}">{escape(form(turn))}</pre>' for name, form in forms.items())


def _library(documents: Sequence[DocumentRow]) -> str:
    rows = "".join(
        f'<li><button type="button" class="document" value="{row.id}">{line(row.title)}</button>'
        f"<small>{row.characters:,} characters · {count(row.passages, 'passage')}</small></li>"
        for row in documents[:50]
    )
    more = f"<li><small>and {len(documents) - 50:,} more</small></li>" if len(documents) > 50 else ""
    hint = "An answer’s sources appear here, with the quoted words highlighted."
    listed = f'<ul class="documents">{rows}{more}</ul>' if rows else ""
    return _section("Library", hint, listed, 0)


@dataclass(slots=True)
class _Excerpt:
    """A piece of one document, and the citations whose quotes it shows."""

    passage: Passage
    start: int
    end: int
    citations: list[Citation]


def _cards(turn: Turn, number: int) -> str:
    lost = [citation for citation in turn.citations if citation.number in turn.gone]
    return "".join(_card(excerpt, number) for excerpt in _excerpts(turn)) + "".join(_gone(c, number) for c in lost)


def _excerpts(turn: Turn) -> list[_Excerpt]:
    """The cited passages with what stands around them, those that touch joined, documents by their first citation."""
    order = list(dict.fromkeys(citation.document for citation in turn.citations))
    excerpts: list[_Excerpt] = []
    there = [citation for citation in turn.citations if citation.number not in turn.gone]
    for citation in sorted(there, key=lambda citation: (order.index(citation.document), citation.start)):
        passage = next(passage for passage in turn.passages if _holds(passage, citation))
        start, end = _window(passage, citation)
        last = excerpts[-1] if excerpts else None
        if last and last.citations[-1].document == citation.document and start <= last.end:
            if citation.start >= last.citations[-1].end:
                last.end = max(last.end, end)
                last.citations.append(citation)
                continue
        excerpts.append(_Excerpt(passage, start, end, [citation]))
    return excerpts


def _holds(passage: Passage, citation: Citation) -> bool:
    return passage.document.id == citation.document and passage.start <= citation.start and citation.end <= passage.end


def _window(passage: Passage, citation: Citation) -> tuple[int, int]:
    """From the passage's start to its end, and on to whole words within AROUND characters of it."""
    text = passage.document.text
    start, end = min(passage.start, citation.start), max(passage.end, citation.end)
    low, high = max(0, start - AROUND), min(len(text), end + AROUND)
    if low > 0:
        low = min(start, low + len(re.match(r"\S*\s*", text[low:start])[0]))  # type: ignore[index]
    if high < len(text):
        high = max(end, high - len(re.search(r"\s*\S*$", text[end:high])[0]))  # type: ignore[index]
    return low, high


def _card(excerpt: _Excerpt, number: int) -> str:
    passage = excerpt.passage
    text = passage.document.text
    flat = _SOFT_BREAK.sub(" ", text[excerpt.start : excerpt.end])
    parts = ["" if excerpt.start == 0 else "… "]
    here = excerpt.start
    for citation in excerpt.citations:
        parts.append(_flowing(flat[here - excerpt.start : citation.start - excerpt.start]))
        parts.append(_mark(citation, number))
        here = citation.end
    parts.append(_flowing(flat[here - excerpt.start :]))
    parts.append("" if excerpt.end == len(text) else " …")
    places = "".join(
        f"<li>{chip(citation, number)} {escape(references.where(citation))}</li>" for citation in excerpt.citations
    )
    return _article(passage, f'<ul class="places">{places}</ul>', "".join(parts).strip())


def _mark(citation: Citation, number: int) -> str:
    place = f'data-title="{line(citation.title)}" data-place="{escape(references.where(citation))}"'
    span = f'data-document="{escape(citation.document)}" data-start="{citation.start}" data-end="{citation.end}"'
    return (
        f'<mark id="{anchor(number, citation)}" class="{hue(citation)}" tabindex="-1" {place} {span}>'
        f"{escape(citation.quote)}</mark>"
    )


def _gone(citation: Citation, number: int) -> str:
    """A quote that the library no longer holds: it is shown as it was."""
    mark = (
        f'<mark id="{anchor(number, citation)}" class="gone" tabindex="-1" data-title="{line(citation.title)}" '
        f'data-place="no longer in the library">{escape(citation.quote)}</mark>'
    )
    places = f'<ul class="places"><li>{chip(citation, number)} no longer in the library</li></ul>'
    return (
        f'<article><header><h3>{line(citation.title)}</h3>{places}</header><div class="excerpt">{mark}</div></article>'
    )


def _nearest(passage: Passage) -> str:
    page = f"page {passage.page}, " if passage.page else ""
    place = f'<ul class="places"><li>{page}characters {passage.start:,}–{passage.end:,}</li></ul>'
    return _article(passage, place, _flowing(_SOFT_BREAK.sub(" ", passage.text)))


def _article(passage: Passage, places: str, excerpt: str) -> str:
    heading = f"<small>{line(passage.heading)}</small>" if passage.heading not in ("", passage.document.title) else ""
    title = f'<h3 title="{escape(Path(passage.document.path).name)}">{line(passage.document.title)}{heading}</h3>'
    whole = (
        f'<button type="button" class="document" value="{escape(passage.document.id)}">Open the whole document</button>'
    )
    return f'<article><header>{title}{places}</header><div class="excerpt">{excerpt}</div>{whole}</article>'


def _section(title: str, hint: str, body: str, number: int) -> str:
    return f'<section data-turn="{number}"><h2>{title}</h2><p class="hint">{hint}</p>{body}</section>'


@dataclass(frozen=True, slots=True)
class Marked:
    """A span of a document to be highlighted, by the number of its citation."""

    number: int
    start: int
    end: int


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
    earlier = _further("Earlier", document, max(0, low - PIECE // 2)) if low else ""
    later = _further("Later", document, min(len(text), high + PIECE // 2)) if high < len(text) else ""
    shown = f'<p class="hint">Characters {low:,} to {high:,} are shown.</p>' if earlier or later else ""
    body = "".join(_body(document, _apart(marked, low, high), low, high))
    return safe(f'{header}{shown}{earlier}<div class="text" tabindex="0">{body}</div>{later}')


def _piece(text: str, at: int) -> tuple[int, int]:
    if len(text) <= PIECE:
        return 0, len(text)
    at = min(max(at, 0), len(text))
    low, high = max(0, at - PIECE // 2), min(len(text), at + PIECE // 2)
    low = text.rfind("\n", 0, low) + 1 if low else 0
    stop = text.find("\n", high)
    return low, (high if stop < 0 or stop > high + PIECE else stop)


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
            f'<mark id="whole-{item.number}" class="hue-{(item.number - 1) % HUES}" tabindex="-1">'
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
        parts.append(_flowing(_SOFT_BREAK.sub(" ", document.text[here:offset])))
        parts.append(f'<span class="page">Page {page}</span>')
        here = offset
    return "".join([*parts, _flowing(_SOFT_BREAK.sub(" ", document.text[here:end]))])


def _flowing(text: str) -> str:
    """Escaped, with a gap between paragraphs."""
    return '<span class="gap"></span>'.join(escape(part) for part in _BLANK_LINES.split(text))
