"""Answers, excerpts, checked sentences and receipts as plain text for a terminal; decides nothing."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence

import click
from rich.console import Console
from rich.text import Text

from rag import Answer, Citation, Excerpt, Sentence, Verdict
from rag.citations import whole_words
from rag.extract import asks_for_all
from rag.receipts import Kept, Standing
from ui.shell import count

_STANDING = {
    Standing.STANDS: "stands to the letter",
    Standing.MOVED: "stands to the letter, at other characters",
    Standing.ELSEWHERE: "stands to the letter in what was added from the same place",
    Standing.GONE: "is gone",
}


def answer_text(answer: Answer) -> str:
    lines = [_wrapped(answer.text)]
    if answer.short:
        lines = [whole_words(answer.short).sub(lambda words: click.style(words[0], bold=True), lines[0], count=1)]
    if answer.cut:
        lines.append(f"\nThe answer was cut off: {answer.cut}")
    if answer.offered:
        lines.append("\nIn the sources’ own words:")
        lines.append(_wrapped(" ".join(sentence.marked for sentence in answer.offered)))
    if not answer.answered and answer.hits:
        lines.append("\nThe nearest passages:")
        for hit in answer.hits[:3]:
            passage = hit.passage
            lines.append(f"\n  {passage.context}, characters {passage.start}-{passage.end}")
            lines.append(_wrapped(textwrap.shorten(passage.text, 240, placeholder=" …"), "    "))
    for one, other in answer.conflicts:
        lines.append(f"\nThe sources disagree: {_dated(one)}, {_dated(other)}.")
    lines += _references(answer.citations)
    if answer.answered and asks_for_all(answer.question):
        lines.append(f"\nRead for this: {answer.read:,} of {count(answer.of, 'passage')}.")
    return "\n".join(lines)


def excerpt_text(excerpt: Excerpt) -> str:
    passage = excerpt.hit.passage
    title = passage.document.title + (f", page {passage.page}" if passage.page else "")
    places = ", ".join(f"{start}–{end}" for start, end in excerpt.spans)
    text = " ".join(" … ".join(excerpt.quotes).split())
    return "\n".join([f"{title}, characters {places}", _wrapped(text, "    "), f"    {passage.document.path}"])


def checked_text(sentences: Sequence[Sentence]) -> str:
    """Each sentence under its verdict, then what the verdicts rest on."""
    lines = []
    for number, sentence in enumerate(sentences, 1):
        marks = "".join(f"[{citation.number}]" for citation in sentence.citations)
        fine = sentence.verdict is Verdict.SUPPORTED
        verdict = click.style("supported" if fine else sentence.remark, fg="green" if fine else "red")
        lines += [f"{number:>3}. {verdict} {marks}".rstrip(), _wrapped(sentence.text, "     ")]
    cited = {citation.number: citation for sentence in sentences for citation in sentence.citations}
    return "\n".join([*lines, *_references(cited[number] for number in sorted(cited))])


def verified_text(kept: Sequence[Kept]) -> str:
    lines = []
    for item in kept:
        where = "" if item.start is None else f", characters {item.start}-{item.end}"
        change = "the document has changed since" if item.changed else "the document is as it was"
        lines.append(f"[{item.number}] {_STANDING[item.standing]}: {item.title}{where}; {change}")
        lines.append(_wrapped(f"“{item.quote}”", "    "))
    return "\n".join(lines)


def _references(citations: Iterable[Citation]) -> Iterator[str]:
    for citation in citations:
        page = f", page {citation.page}" if citation.page else ""
        yield f"\n[{citation.number}] {citation.title}{page}, characters {citation.start}-{citation.end}"
        yield _wrapped(f"“{citation.quote}”", "    ")
        yield f"    {citation.path}"


def _dated(citation: Citation) -> str:
    added = f" (added {citation.added})" if citation.added else ""
    return f"[{citation.number}] {citation.title}{added}"


def _wrapped(text: str, indent: str = "") -> str:
    """`text` in lines of at most 100 columns, or of the terminal's; a wide character takes two."""
    width = max(20, min(100, shutil.get_terminal_size((100, 24)).columns) - len(indent))
    lines = Text(" ".join(text.split())).wrap(Console(width=width), width)
    return "\n".join(indent + line.plain.rstrip() for line in lines)
