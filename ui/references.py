"""An answer with its references, to be taken elsewhere: Markdown, plain text, BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath

from index import Passage
from index.documents import is_web_address
from rag import Citation, Sentence
from ui.turns import Turn

_LATEX = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
# What would be markup: within a word "_" is none, and ">" and "#" are at the start of a line alone.
_MARKDOWN = re.compile(r"[\\`*\[\]<|~]|(?<![^\W_])_|_(?![^\W_])|^[>#]")
_NOTE = re.compile(r"^\[\^\d+\]:.*$|\[\^\d+\]", re.MULTILINE)
_MADE = re.compile(r"\\([\\`*\[\]<|~_>#])")


def markdown(turn: Turn) -> str:
    """Footnotes, as GitHub, Pandoc and Obsidian read them."""
    text = " ".join(map(marked, turn.sentences))
    return "\n\n".join([f"**{escaped(_line(turn.question))}**", text, *map(footnote, turn.citations)])


def marked(sentence: Sentence) -> str:
    return escaped(_said(sentence)) + "".join(f"[^{citation.number}]" for citation in sentence.citations)


def footnote(citation: Citation) -> str:
    return f"[^{citation.number}]: {escaped(_place(citation))}: “{escaped(_line(citation.quote))}”"


def without_footnotes(text: str) -> str:
    """What `marked` and `footnote` made, as it was said."""
    return _MADE.sub(r"\1", _NOTE.sub("", text)).strip()


def plain(turn: Turn) -> str:
    notes = (f"[{c.number}] {_place(c)}: “{_line(c.quote)}”" for c in turn.citations)
    text = " ".join(_line(sentence.marked) for sentence in turn.sentences)
    return "\n\n".join([_line(turn.question), text, *notes])


def bibtex(turn: Turn) -> str:
    """An entry for each document, with its quotes as a note: Pincite knows neither authors nor years."""
    entries = []
    for document in dict.fromkeys(citation.document for citation in turn.citations):
        cited = [citation for citation in turn.citations if citation.document == document]
        entries.append(_entry(cited))
    return "\n\n".join(entries)


def _entry(cited: Sequence[Citation]) -> str:
    first = cited[0]
    web = is_web_address(first.path)
    fields = {"title": _latex(first.title)}
    fields["url" if web else "howpublished"] = first.path if web else _latex(PurePath(first.path).name)
    if first.added:
        fields["urldate"] = first.added
    fields["note"] = "; ".join(f"{_latex(where(c))}: ``{_latex(_line(c.quote))}''" for c in cited)
    rows = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@misc{{{first.document},\n{rows}\n}}"


def _said(sentence: Sentence) -> str:
    """A sentence on one line, and what is wrong with it."""
    return _line(f"{sentence.text} [{sentence.remark}]" if sentence.remark else sentence.text)


def _place(citation: Citation) -> str:
    return f"{_line(citation.title)}, {where(citation)}"


def where(cited: Citation | Passage) -> str:
    page = f"page {cited.page}, " if cited.page else ""
    return f"{page}characters {cited.start:,}–{cited.end:,}"


def _line(text: str) -> str:
    return " ".join(text.split())


def escaped(text: str) -> str:
    """A line that no reader of Markdown takes for markup."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def _latex(text: Iterable[str]) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
