"""Answers into HTML: pure functions from values to markup, in which nothing from outside stands unescaped.

What a conversation shows is decided elsewhere; how it looks is in style.css.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from index import DocumentRow, Passage
from rag import Answer, Citation, Reply, Sentence, Verdict
from rag.assistant import EXTRACTIVE
from rag.citations import whole_words

# Characters of the document shown around a quoted passage.
AROUND = 320
_NEAREST = 3
_HUES = 5
_LONGEST_SHOWN = 4000

# A line break inside a hard-wrapped paragraph: after a long line, and not before a list item.
_SOFT_BREAK = re.compile(r"(?<=[^\n]{45})\n(?=[^\s\-*+•·–—>|#\d])")
_BLANK_LINES = re.compile(r"\s*\n\s*\n\s*")


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and what is known of its answer so far: checked sentences, then the unchecked `draft` of a model.

    `passages` hold the quotes of the sentences. It ends with an `answer`, or with a `note` that says why there is
    none: it was stopped, or it `failed`. While it grows, `reply` is what it grows from.
    """

    question: str
    sentences: tuple[Sentence, ...] = ()
    passages: tuple[Passage, ...] = ()
    draft: str = ""
    answer: Answer | None = None
    note: str = ""
    failed: bool = False
    reply: Reply | None = field(default=None, compare=False, repr=False)

    @property
    def finished(self) -> bool:
        return bool(self.answer or self.note)

    @property
    def citations(self) -> list[Citation]:
        """By number."""
        if self.answer:
            return list(self.answer.citations)
        found = {citation.number: citation for sentence in self.sentences for citation in sentence.citations}
        return [found[number] for number in sorted(found)]


def header_html(documents: Sequence[DocumentRow], model: str) -> str:
    """The name, what it is, what the library holds, and what writes the answers."""
    titles = "\n".join(row.title for row in documents[:20])
    writer = "Quotes only, no language model" if model == EXTRACTIVE else f"Written by {model}, checked"
    why = (
        "Answers are sentences of the sources, word for word"
        if model == EXTRACTIVE
        else "Every sentence is checked against the sources before it is shown as supported"
    )
    return (
        '<header class="brand"><span class="logo" aria-hidden="true">1</span>'
        "<div><h1>Pincite</h1><p>Every sentence pinned to the words that support it</p></div>"
        f'<ul><li title="{escape(titles)}">{_count(len(documents), "document")}</li>'
        f'<li title="{escape(why)}">{escape(writer)}</li></ul></header>'
    )


def welcome_html(documents: Sequence[DocumentRow]) -> str:
    """What the chat shows before the first question."""
    if not documents:
        return _block(
            "<h2>The library is empty</h2><p>Add documents with <code>pincite add FOLDER</code></p>", "welcome"
        )
    return _block(
        "<h2>What would you like to know?</h2>"
        "<p>Each sentence of an answer has a number. Click it to see the words that support it.</p>",
        "welcome",
    )


def question_html(turn: Turn) -> str:
    question = turn.question.strip()
    shown = question if len(question) <= _LONGEST_SHOWN else f"{question[:200]} …"
    return _block("<br>".join(escape(line) for line in shown.splitlines()), "question")


def answer_html(turn: Turn, number: int) -> str:
    """The answer of the `number`-th turn, with its citations as links to the marks of `sources_html`."""
    parts = [_sentence(sentence, number) for sentence in turn.sentences]
    if draft := _line(turn.draft):
        parts.append(f'<span class="draft" title="Not checked yet">{draft}</span>')
    body = f"<p>{' '.join(parts)}</p>" if parts else ""
    if turn.note:
        return _block(f'{body}<p class="note{" failed" if turn.failed else ""}">{_line(turn.note)}</p>', "answer")
    if turn.answer is None:
        waiting = "" if turn.draft else '<p class="waiting">Reading the library<i>.</i><i>.</i><i>.</i></p>'
        return _block(body + waiting, "answer")
    if not turn.answer.answered:
        near = " The nearest passages are listed, not as sources but as a place to look." if turn.answer.hits else ""
        why = f'<p class="why">No document says enough to answer it.{near}</p>'
        text = f"<p><strong>{_line(turn.answer.text)}</strong></p>"
        return _block(text + _foot(why, number), "answer abstained")
    rest = _cut(turn.answer, number) + _conflicts(turn.answer, number)
    return _block(body + rest + _foot(f'<p class="meta">{_summary(turn.answer)}</p>', number), "answer")


def _cut(answer: Answer, number: int) -> str:
    """That the model was cut off, and what the sources say themselves."""
    if not answer.cut:
        return ""
    offered = " ".join(_sentence(sentence, number) for sentence in answer.offered)
    instead = f"<p><strong>In the sources’ own words:</strong> {offered}</p>" if offered else ""
    return f'<p class="note failed">The answer was cut off. {_line(answer.cut)}</p>{instead}'


def _conflicts(answer: Answer, number: int) -> str:
    return "".join(
        f'<p class="note failed">The sources disagree: {_says(one, number)}; {_says(other, number)}</p>'
        for one, other in answer.conflicts
    )


def _says(citation: Citation, number: int) -> str:
    added = f" (added {escape(citation.added)})" if citation.added else ""
    return f"{_line(citation.title)}{added} says “{_line(citation.quote)}” {_chip(citation, number)}"


def sources_html(turns: Sequence[Turn], documents: Sequence[DocumentRow]) -> str:
    """The source panel: a section for each answer, of which the page shows the last or the clicked one."""
    return "".join(_sources(turn, number) for number, turn in enumerate(turns, 1)) or _library(documents)


def _sources(turn: Turn, number: int) -> str:
    if turn.citations:
        cards = "".join(_card(excerpt, number) for excerpt in _excerpts(turn))
        return _section("Sources", _line(turn.question), cards, number)
    if turn.answer is None:
        return ""
    cards = "".join(_nearest(passage) for passage in turn.passages[:_NEAREST])
    return _section("Nearest passages", "Not sources: none of them answers the question.", cards, number)


def _library(documents: Sequence[DocumentRow]) -> str:
    rows = "".join(
        f'<li><b title="{escape(Path(row.path).name)}">{_line(row.title)}</b>'
        f"<small>{row.characters:,} characters · {_count(row.passages, 'passage')}</small></li>"
        for row in documents[:50]
    )
    more = f"<li><small>and {len(documents) - 50:,} more</small></li>" if len(documents) > 50 else ""
    hint = "An answer’s sources appear here, with the quoted words highlighted."
    return _section("Library", hint, f'<ul class="documents">{rows}{more}</ul>', 0)


@dataclass(slots=True)
class _Excerpt:
    """A piece of one document, and the citations whose quotes it shows."""

    passage: Passage
    start: int
    end: int
    citations: list[Citation]


def _excerpts(turn: Turn) -> list[_Excerpt]:
    """The cited passages with what stands around them, those that touch joined, documents by their first citation."""
    order = list(dict.fromkeys(citation.document for citation in turn.citations))
    excerpts: list[_Excerpt] = []
    for citation in sorted(turn.citations, key=lambda citation: (order.index(citation.document), citation.start)):
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
        parts.append(f'<mark id="{_anchor(number, citation)}" class="{_hue(citation)}" tabindex="-1">')
        parts.append(f"{escape(citation.quote)}</mark>")
        here = citation.end
    parts.append(_flowing(flat[here - excerpt.start :]))
    parts.append("" if excerpt.end == len(text) else " …")
    places = "".join(
        f"<li>{_chip(citation, number)} characters {citation.start:,}–{citation.end:,}"
        f"{f', page {citation.page}' if citation.page else ''}</li>"
        for citation in excerpt.citations
    )
    return _article(passage, f'<ul class="places">{places}</ul>', "".join(parts).strip())


def _nearest(passage: Passage) -> str:
    page = f", page {passage.page}" if passage.page else ""
    place = f'<ul class="places"><li>characters {passage.start:,}–{passage.end:,}{page}</li></ul>'
    return _article(passage, place, _flowing(_SOFT_BREAK.sub(" ", passage.text)))


def _article(passage: Passage, places: str, excerpt: str) -> str:
    heading = f"<small>{_line(passage.heading)}</small>" if passage.heading not in ("", passage.document.title) else ""
    title = f'<h3 title="{escape(Path(passage.document.path).name)}">{_line(passage.document.title)}{heading}</h3>'
    return f'<article><header>{title}{places}</header><div class="excerpt">{excerpt}</div></article>'


def _section(title: str, hint: str, body: str, number: int) -> str:
    return f'<section data-turn="{number}"><h2>{title}</h2><p class="hint">{hint}</p>{body}</section>'


def _sentence(sentence: Sentence, number: int) -> str:
    chips = "".join(_chip(citation, number) for citation in sentence.citations)
    if sentence.verdict is not Verdict.SUPPORTED:
        text = f"<s>{_line(sentence.text)}</s> <small>{_line(sentence.remark)}</small>{chips}"
        return f'<span class="unsupported">{text}</span>'
    if sentence.moved:
        chips += '<small class="moved" title="The model named another passage, which does not say this">moved</small>'
    plain = " ".join(sentence.text.split())
    last = plain.rfind(" ") + 1
    start, word = (_emphasised(plain, part, sentence.short) for part in (slice(0, last), slice(last, None)))
    return f'<span>{start}<span class="keep">{word}{chips}</span></span>'


def _emphasised(text: str, part: slice, short: str) -> str:
    """That part of `text`, escaped, with what it holds of the short answer in bold."""
    start, stop, _ = part.indices(len(text))
    found = whole_words(short).search(text) if short else None
    low, high = (min(max(at, start), stop) for at in (found.span() if found else (start, start)))
    bold = f"<strong>{escape(text[low:high])}</strong>" if low < high else ""
    return f"{escape(text[start:low])}{bold}{escape(text[high:stop])}"


def _foot(remark: str, number: int) -> str:
    """What stands under the answer of the `number`-th turn: a remark, and the buttons that mark it.

    Gradio leaves neither data nor aria attributes in a message, so "value" holds the number; chat.js does the rest.
    """
    thumbs = "".join(
        f'<button type="button" class="thumb {kind}" title="{name}" value="{number}"></button>'
        for kind, name in (("good", "Good answer"), ("bad", "Bad answer"))
    )
    return f'<div class="foot">{remark}<span class="thumbs">{thumbs}</span></div>'


def _chip(citation: Citation, number: int) -> str:
    return (
        f'<a class="chip {_hue(citation)}" href="#{_anchor(number, citation)}" title="{_line(citation.quote)}">'
        f'<span class="spoken">Citation </span>{citation.number}</a>'
    )


def _anchor(number: int, citation: Citation) -> str:
    return f"quote-{number}-{citation.number}"


def _hue(citation: Citation) -> str:
    return f"hue-{(citation.number - 1) % _HUES}"


def _summary(answer: Answer) -> str:
    documents = len({citation.document for citation in answer.citations})
    quotes = _count(len(answer.citations), "quote") + (f" from {_count(documents, 'document')}" if documents else "")
    writer = "in the sources’ own words" if answer.model == EXTRACTIVE else f"written by {_line(answer.model)}"
    read = f"{answer.read:,} of {_count(answer.of, 'passage')} read"
    return f"{quotes} · {writer} · {read} · {answer.timings.get('total', 0.0):.1f} s"


def _block(inner: str, kind: str) -> str:
    """One line of HTML, which Markdown leaves as it is."""
    return f'<div class="{kind}">{inner}</div>'


def _line(text: str) -> str:
    """Escaped, on one line."""
    return escape(" ".join(text.split()))


def _flowing(text: str) -> str:
    """Escaped, with a gap between paragraphs."""
    return '<span class="gap"></span>'.join(escape(part) for part in _BLANK_LINES.split(text))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
