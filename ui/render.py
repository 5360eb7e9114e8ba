"""A conversation into HTML: pure functions from values to markup.

What a conversation shows is decided elsewhere; how it looks is in style.css.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from index import DocumentRow
from rag import Answer, Citation, Sentence, Verdict
from rag.assistant import EXTRACTIVE
from rag.citations import whole_words
from ui.markup import chip, line, safe
from ui.shell import count
from ui.turns import Turn

_LONGEST_SHOWN = 4000
# A verdict is told by a sign and a word, not by colour alone.
_SIGNS = {
    Verdict.SUPPORTED: "✓",
    Verdict.PARTLY: "◐",
    Verdict.CONTRADICTED: "✕",
    Verdict.NOT_FOUND: "✕",
    Verdict.NOT_CHECKED: "…",
}


def header_html(documents: Sequence[DocumentRow], model: str) -> str:
    """The name, what it is, what the library holds, and what writes the answers."""
    titles = "\n".join(row.title for row in documents[:20])
    writer = "No language model" if model == EXTRACTIVE else f"Language model: {model}"
    return safe(
        '<header class="brand"><span class="logo" aria-hidden="true">1</span>'
        "<div><h1>Pincite</h1><p>Every sentence pinned to the words that support it</p></div>"
        f'<ul><li title="{escape(titles)}">{count(len(documents), "document")}</li>'
        f"<li>{escape(writer)}</li></ul></header>"
    )


def welcome_html(documents: Sequence[DocumentRow]) -> str:
    """What the chat shows before the first question."""
    if not documents:
        return _block(
            "<h2>The library is empty</h2><p>Add documents under Library, or with <code>pincite add FOLDER</code></p>",
            "welcome",
        )
    return _block(
        "<h2>What would you like to know?</h2>"
        "<p>Each sentence of an answer has a number. Click it, and its source opens at the words that support it.</p>",
        "welcome",
    )


def question_html(turn: Turn, number: int) -> str:
    question = turn.question.strip()
    shown = question if len(question) <= _LONGEST_SHOWN else f"{question[:200]} …"
    text = "<br>".join(map(escape, shown.splitlines()))
    return _block(f'<div class="asked">{text}</div>{_act("edit", "Edit", number)}', "question")


def answer_html(turn: Turn, number: int) -> str:
    """The answer of the `number`-th turn, with its citations as links to the marks of `sources_html`."""
    parts = [_sentence(sentence, number) for sentence in turn.sentences]
    if draft := line(turn.draft):
        parts.append(f'<span class="draft" title="Not checked yet">{draft}</span>')
    body = f"<p>{' '.join(parts)}</p>" if parts else ""
    if turn.note:
        note = f'<p class="note{" failed" if turn.failed else ""}">{line(turn.note)}</p>'
        return _block(f'{body}{note}<div class="foot">{_act("again", "Ask again", number)}</div>', "answer")
    if turn.answer is None:
        waiting = "" if turn.draft else '<p class="waiting">Reading the library<i>.</i><i>.</i><i>.</i></p>'
        return _block(body + waiting, "answer")
    if not turn.answer.answered:
        return _block(_declined(turn.answer) + _foot("", turn, number), "answer abstained")
    rest = _cut(turn.answer, number) + _conflicts(turn.answer, number)
    return _block(body + rest + _foot(f'<p class="meta">{_summary(turn)}</p>', turn, number), "answer")


def _declined(answer: Answer) -> str:
    """What is missing, and what there is instead."""
    lost = ", ".join(f"“{line(word)}”" for word in answer.missing[:6])
    gap = f" What comes nearest says nothing of {lost}." if lost else ""
    near = " The nearest passages are listed, not as sources but as a place to look." if answer.hits else ""
    why = f'<p class="why">No document says enough to answer it.{gap}{near}</p>'
    return f"<p><strong>{line(answer.text)}</strong></p>{why}"


def _cut(answer: Answer, number: int) -> str:
    """That the model was cut off, and what the sources say themselves."""
    if not answer.cut:
        return ""
    offered = " ".join(_sentence(sentence, number) for sentence in answer.offered)
    instead = f"<p><strong>In the sources’ own words:</strong> {offered}</p>" if offered else ""
    return f'<p class="note failed">The answer was cut off. {line(answer.cut)}</p>{instead}'


def _conflicts(answer: Answer, number: int) -> str:
    return "".join(
        f'<p class="note failed">The sources disagree: {_says(one, number)}; {_says(other, number)}</p>'
        for one, other in answer.conflicts
    )


def _says(citation: Citation, number: int) -> str:
    added = f" (added {escape(citation.added)})" if citation.added else ""
    return f"{line(citation.title)}{added} says “{line(citation.quote)}” {chip(citation, number)}"


def draft_html(draft: Turn, whole: bool) -> str:
    """A checked text: each sentence under its verdict, with citations as links to the marks of `evidence_html`."""
    if draft.failed:
        return safe(f'<p class="note failed">{line(draft.note)}</p>')
    rows = "".join(_checked(sentence) for sentence in draft.sentences)
    waiting = "" if whole or draft.note else '<p class="waiting">Checking<i>.</i><i>.</i><i>.</i></p>'
    note = f'<p class="note">{line(draft.note)}</p>' if draft.note else ""
    return safe(f'{_tally(draft.sentences) if whole else ""}<ol class="checked">{rows}</ol>{waiting}{note}')


def _checked(sentence: Sentence) -> str:
    chips = "".join(chip(citation, 0) for citation in sentence.citations)
    remark = sentence.remark or "supported"
    return (
        f'<li class="{_kind(sentence.verdict)}"><span class="verdict">{_SIGNS[sentence.verdict]} {line(remark)}</span>'
        f"<p>{line(sentence.text)} {chips}</p></li>"
    )


def _tally(sentences: Sequence[Sentence]) -> str:
    numbers = Counter(sentence.verdict for sentence in sentences)
    shares = [f"{numbers[verdict]:,} {verdict.value}" for verdict in Verdict if numbers[verdict]]
    return f'<p class="tally" role="status">{count(len(sentences), "sentence")}: {", ".join(shares)}.</p>'


def _kind(verdict: Verdict) -> str:
    return verdict.name.lower().replace("_", "-")


def _sentence(sentence: Sentence, number: int) -> str:
    chips = "".join(chip(citation, number) for citation in sentence.citations)
    sign = _SIGNS[sentence.verdict]
    if sentence.verdict is not Verdict.SUPPORTED:
        text = f"<s>{line(sentence.text)}</s> <small>{sign} {line(sentence.remark)}</small>{chips}"
        return f'<span class="unsupported {_kind(sentence.verdict)}">{text}</span>'
    if sentence.moved:
        chips += '<small class="moved" title="The model named another passage, which does not say this">moved</small>'
    plain = " ".join(sentence.text.split())
    last = plain.rfind(" ") + 1
    start, word = (_emphasised(plain, part, sentence.short) for part in (slice(0, last), slice(last, None)))
    tick = f'<small class="tick" title="Supported: checked against its source">{sign}</small>'
    return f'<span>{start}<span class="keep">{word}{chips}{tick}</span></span>'


def _emphasised(text: str, part: slice, short: str) -> str:
    """That part of `text`, escaped, with what it holds of the short answer in bold."""
    start, stop, _ = part.indices(len(text))
    found = whole_words(short).search(text) if short else None
    low, high = (min(max(at, start), stop) for at in (found.span() if found else (start, start)))
    bold = f"<strong>{escape(text[low:high])}</strong>" if low < high else ""
    return f"{escape(text[start:low])}{bold}{escape(text[high:stop])}"


def _foot(remark: str, turn: Turn, number: int) -> str:
    """What stands under the answer of the `number`-th turn: a remark, and what can be done with it.

    Gradio leaves neither data nor aria attributes in a message, so "value" holds the number; chat.js does the rest.
    """
    thumbs = "".join(
        f'<button type="button" class="thumb {kind}" title="{name}" value="{number}"></button>'
        for kind, name in (("good", "Good answer"), ("bad", "Bad answer"))
    )
    copies = "".join(
        _act(f"copy {form}", name, number)
        for form, name in (("markdown", "Markdown"), ("plain", "Plain text"), ("bibtex", "BibTeX"))
    )
    copy = f'<details class="copies"><summary>Copy</summary>{copies}</details>' if turn.sentences else ""
    acts = f"{copy}{_act('again', 'Ask again', number)}{_act('show', 'Sources', number)}{_act('link', 'Link', number)}"
    return f'{_rechecked(turn)}{remark}<div class="foot">{acts}<span class="thumbs">{thumbs}</span></div>'


def _act(kind: str, name: str, number: int) -> str:
    return f'<button type="button" class="act {kind}" value="{number}">{name}</button>'


def _rechecked(turn: Turn) -> str:
    if not turn.reopened or not turn.citations:
        return ""
    lost, all_ = len(turn.gone), len(turn.citations)
    if lost:
        return f'<p class="note failed">Held against the library again: {lost} of {count(all_, "quote")} gone.</p>'
    stand = "the quote stands" if all_ == 1 else f"all {all_} quotes stand"
    return f'<p class="meta">Held against the library again: {stand} to the letter.</p>'


def _summary(turn: Turn) -> str:
    answer = turn.answer
    assert answer
    documents = len({citation.document for citation in answer.citations})
    quotes = count(len(answer.citations), "quote") + (f" from {count(documents, 'document')}" if documents else "")
    writer = "in the sources’ own words" if answer.model == EXTRACTIVE else f"written by {line(answer.model)}"
    read = f"{answer.read:,} of {count(answer.of, 'passage')} read"
    return f"{quotes} · {writer} · {read} · {answer.timings.get('total', 0.0):.1f} s"


def _block(inner: str, kind: str) -> str:
    """One line of HTML, which Markdown leaves as it is."""
    return safe(f'<div class="{kind}">{inner}</div>').replace("\n", " ")
