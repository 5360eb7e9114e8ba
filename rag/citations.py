"""Citations: the exact characters of a source that support a sentence, and whether they do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from index import Document, Passage
from index.passages import Span, split_sentences
from rag.agreement import is_negated, missing_numbers
from rag.reader import Reader, Support


class Verdict(str, Enum):
    """Whether the cited characters support the sentence; the best comes first."""

    SUPPORTED = "supported"
    PARTLY = "partly supported"
    CONTRADICTED = "contradicted"
    NOT_FOUND = "not found"

    @property
    def remark(self) -> str:
        """What is said of a sentence with this verdict; nothing of one that is supported."""
        return _REMARKS.get(self, "")


_REMARKS = {
    Verdict.PARTLY: "only partly found in the library",
    Verdict.CONTRADICTED: "the library says otherwise",
    Verdict.NOT_FOUND: "not found in the library",
}


@dataclass(frozen=True, slots=True)
class Citation:
    """`quote` is `text[start:end]` of the document's text, to the letter; for a text file, of the decoded file.

    `number` is the one shown in the answer; `document` the document's id; `score` in 0..1 orders the citations of
    one answer by how well they support it.
    """

    number: int
    document: str
    title: str
    path: str
    start: int
    end: int
    page: int | None
    quote: str
    verdict: Verdict
    score: float


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer with the citations that support it; none if its verdict is not `supported`.

    `short`: the words in it that answer the question, where there are such; "" if not.
    """

    text: str
    citations: tuple[Citation, ...]
    verdict: Verdict
    short: str = ""

    @property
    def marked(self) -> str:
        """The sentence with its citations' numbers, or the lack of any: "It was so. [1][2]"."""
        marks = "".join(f"[{citation.number}]" for citation in self.citations)
        return f"{self.text} {marks or f'[{self.verdict.remark}]'}"


def whole_words(short: str) -> re.Pattern[str]:
    """Finds a sentence's short answer in it, however its spaces are wrapped."""
    words = r"\s+".join(map(re.escape, short.split()))
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
            verdict=verdict,
            score=score,
        )


# A claim is supported if the reader gives it this probability: chosen on rows kept aside from training, CARD.md.
SUPPORTED_FROM = 0.32


@dataclass(frozen=True, slots=True)
class Checked:
    """The verdict on a claim, and the sentence of a passage that decides it. `score`: how surely supported, 0..1."""

    passage: Passage
    span: Span
    verdict: Verdict
    score: float


def check(claim: str, passages: Sequence[Passage], reader: Reader) -> list[Checked]:
    """The verdict on `claim` of each passage that has a sentence, the one that supports it best first.

    What stands there to the letter is supported. Else the reader judges, and every number of the claim must stand
    in the passage, and no "not" be added to a sentence or lost from it.
    """
    passages = [passage for passage in passages if passage.sentences]
    if not claim.strip():
        return [Checked(passage, passage.sentences[0], Verdict.NOT_FOUND, 0.0) for passage in passages]
    checked = [found for passage in passages if (found := _verbatim(claim, passage))]
    read = [passage for passage in passages if claim not in passage.text]
    checked += [
        _judged(claim, passage, support) for passage, support in zip(read, reader.support(claim, read), strict=True)
    ]
    return sorted(checked, key=lambda item: (list(Verdict).index(item.verdict), -item.score))


def supported(claim: str, texts: Sequence[str], reader: Reader) -> bool:
    """Whether `texts`, read together, support `claim`."""
    together = "\n\n".join(texts)
    document = Document(id="", path="", title="", text=together, sha256="")
    passage = Passage(document, 0, len(together), tuple(split_sentences(together)), "")
    return any(found.verdict is Verdict.SUPPORTED for found in check(claim, [passage], reader))


def _verbatim(claim: str, passage: Passage) -> Checked | None:
    at = passage.text.find(claim) + passage.start
    if at < passage.start:
        return None
    span = next((span for span in passage.sentences if at < span[1]), passage.sentences[-1])
    return Checked(passage, span, Verdict.SUPPORTED, 1.0)


def _judged(claim: str, passage: Passage, support: Support) -> Checked:
    span = passage.sentences[support.sentence]
    if is_negated(claim, passage.document.text[slice(*span)]):
        verdict = Verdict.CONTRADICTED
    elif support.supported >= SUPPORTED_FROM:
        wrong = missing_numbers(claim, f"{passage.context} {passage.text}")
        verdict = Verdict.PARTLY if wrong else Verdict.SUPPORTED
    else:
        verdict = Verdict.CONTRADICTED if support.contradicted > support.not_stated else Verdict.NOT_FOUND
    return Checked(passage, span, verdict, support.supported)
