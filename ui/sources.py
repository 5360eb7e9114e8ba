"""The source panel: the passages an answer stands on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from index import DocumentRow, Passage
from rag import Citation
from ui import references
from ui.document import flowing, unwrapped
from ui.markup import anchor, chip, hue, line, safe
from ui.shell import count
from ui.turns import Turn
from ui.why import why_html

# Characters of the document shown around a quoted passage.
_AROUND = 320
_NEAREST = 3


def sources_html(turns: Sequence[Turn], documents: Sequence[DocumentRow], threshold: float = 0.0) -> str:
    """A section for each answer, of which the page shows the last or the clicked one; else what the library holds."""
    sections = "".join(source_html(turn, number, threshold) for number, turn in enumerate(turns, 1))
    return sections or _library(documents)


def source_html(turn: Turn, number: int, threshold: float = 0.0) -> str:
    """The section of the `number`-th answer; "" if it has none."""
    below = _copies(turn) + why_html(turn.answer, threshold) if turn.answer else ""
    if turn.citations:
        return _section("Sources", line(turn.question), _cards(turn, number) + below, number)
    if turn.answer is None:
        return ""
    cards = "".join(_nearest(passage) for passage in turn.passages[:_NEAREST])
    return _section("Nearest passages", "Not sources: none of them answers the question.", cards + below, number)


def evidence_html(draft: Turn) -> str:
    """The section of a checked draft, whose number is 0."""
    if not draft.citations:
        return _section("Sources", "What the sentences of a checked text rest on appears here.", "", 0)
    return _section("Sources", "What the library says of each sentence.", _cards(draft, 0), 0)


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
    """From the passage's start to its end, and on to whole words within _AROUND characters of it."""
    text = passage.document.text
    start, end = min(passage.start, citation.start), max(passage.end, citation.end)
    low, high = max(0, start - _AROUND), min(len(text), end + _AROUND)
    if low > 0:
        low = min(start, low + len(re.match(r"\S*\s*", text[low:start])[0]))  # type: ignore[index]
    if high < len(text):
        high = max(end, high - len(re.search(r"\s*\S*$", text[end:high])[0]))  # type: ignore[index]
    return low, high


def _card(excerpt: _Excerpt, number: int) -> str:
    passage = excerpt.passage
    text = passage.document.text
    flat = unwrapped(text[excerpt.start : excerpt.end])
    parts = ["" if excerpt.start == 0 else "… "]
    here = excerpt.start
    for citation in excerpt.citations:
        parts.append(flowing(flat[here - excerpt.start : citation.start - excerpt.start]))
        parts.append(_mark(citation, number))
        here = citation.end
    parts.append(flowing(flat[here - excerpt.start :]))
    parts.append("" if excerpt.end == len(text) else " …")
    places = "".join(
        f"<li>{chip(citation, number)} {escape(references.where(citation))}</li>" for citation in excerpt.citations
    )
    return _article(passage, f'<ul class="places">{places}</ul>', "".join(parts).strip())


def _mark(citation: Citation, number: int) -> str:
    place = f'data-title="{line(citation.title)}" data-place="{escape(references.where(citation))}"'
    span = f'data-document="{escape(citation.document)}" data-start="{citation.start}" data-end="{citation.end}"'
    return (
        f'<mark id="{anchor(number, citation)}" class="{hue(citation.number)}" tabindex="-1" {place} {span}>'
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
    place = f'<ul class="places"><li>{references.where(passage)}</li></ul>'
    return _article(passage, place, flowing(unwrapped(passage.text)))


def _article(passage: Passage, places: str, excerpt: str) -> str:
    heading = f"<small>{line(passage.heading)}</small>" if passage.heading not in ("", passage.document.title) else ""
    title = f'<h3 title="{escape(Path(passage.document.path).name)}">{line(passage.document.title)}{heading}</h3>'
    whole = (
        f'<button type="button" class="document" value="{escape(passage.document.id)}">Open the whole document</button>'
    )
    return f'<article><header>{title}{places}</header><div class="excerpt">{excerpt}</div>{whole}</article>'


def _section(title: str, hint: str, body: str, number: int) -> str:
    return safe(f'<section data-turn="{number}"><h2>{title}</h2><p class="hint">{hint}</p>{body}</section>')
