"""Citations: the exact characters of a source that a sentence stands on, and whether they support it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from index import Passage
from index.passages import Span


class Verdict(str, Enum):
    """Whether the cited characters support the sentence; the best comes first."""

    SUPPORTED = "supported"
    PARTLY = "partly supported"
    CONTRADICTED = "contradicted"
    NOT_FOUND = "not found"
    NOT_CHECKED = "not checked"

    @property
    def remark(self) -> str:
        """What is said of a sentence with this verdict; nothing of one that is supported."""
        return _REMARKS.get(self, "")


_REMARKS = {
    Verdict.PARTLY: "not surely in the library",
    Verdict.CONTRADICTED: "the library says otherwise",
    Verdict.NOT_FOUND: "not found in the library",
    Verdict.NOT_CHECKED: "cut off before its end, not checked",
}


@dataclass(frozen=True, slots=True)
class Citation:
    """`quote` is `text[start:end]` of the document's text, to the letter; for a text file, of the decoded file.

    `number` is the one shown in the answer; `document` the document's id, `sha256` that of the file that it was read
    from and `added` the day; `score` in 0..1 orders the citations of one answer by how well they support it.
    """

    number: int
    document: str
    title: str
    path: str
    start: int
    end: int
    page: int | None
    quote: str
    sha256: str
    added: str
    verdict: Verdict
    score: float


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer or a draft, and the citations that its verdict rests on.

    They support it where the verdict is `supported`; where it is `partly supported` or `contradicted` they are what
    the library says instead; there are none where it is `not found`. `score`: how surely it is supported, 0..1.
    `short`: the words in it that answer the question, where there are such; "" if not. `wrong`: the part of it that is
    not supported, where it is known. `moved`: its writer cited another passage, which does not support it.
    """

    text: str
    citations: tuple[Citation, ...]
    verdict: Verdict
    score: float = 1.0
    short: str = ""
    wrong: str = ""
    moved: bool = False

    @property
    def remark(self) -> str:
        """What is to be said of it beside its citations; "" where all is well."""
        if self.verdict is Verdict.SUPPORTED:
            return ""
        return f"{self.verdict.remark}: not “{self.wrong}”" if self.wrong else self.verdict.remark

    @property
    def marked(self) -> str:
        """The sentence with its citations' numbers and what is wrong with it: "It was so. [1][2]"."""
        marks = "".join(f"[{citation.number}]" for citation in self.citations)
        return " ".join(filter(None, (self.text, marks if not self.remark else f"[{self.remark}]{marks}")))


def whole_words(text: str) -> re.Pattern[str]:
    """Finds `text` to the letter, however its spaces are wrapped."""
    words = r"\s+".join(map(re.escape, text.split()))
    return re.compile(rf"(?<!\w){words}(?!\w)")


class Citations:
    """Hands out the numbers of one answer's citations: 1, 2, ...; the same quote keeps its number."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, int, int], int] = {}

    def cite(self, passage: Passage, span: Span, verdict: Verdict, score: float) -> Citation:
        document = passage.document
        number = self._numbers.setdefault((document.id, *span), len(self._numbers) + 1)
        return Citation(
            number=number,
            document=document.id,
            title=document.title,
            path=document.path,
            start=span[0],
            end=span[1],
            page=document.page(span[0]),
            quote=document.text[slice(*span)],
            sha256=document.sha256,
            added=document.added[:10],
            verdict=verdict,
            score=score,
        )
