"""Citations: the exact characters of a source that support a sentence, and whether they do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from index import Passage
from index.lexical import content_words
from index.passages import Span, split_sentences
from rag.reader import Reader


class Verdict(str, Enum):
    """Whether the cited characters support the sentence."""

    SUPPORTED = "supported"
    NOT_FOUND = "not found"


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
    """One sentence of an answer with the citations that support it; none if its verdict is not `supported`."""

    text: str
    citations: tuple[Citation, ...]
    verdict: Verdict

    @property
    def marked(self) -> str:
        """The sentence with its citations' numbers, or the lack of any: "It was so. [1][2]"."""
        marks = "".join(f"[{citation.number}]" for citation in self.citations)
        return f"{self.text} {marks or '[not found in the library]'}"


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


_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


def numbers(text: str) -> set[str]:
    """The numbers in `text`, thousands separators dropped: {"7000", "4.5"}."""
    return {re.sub(r",(?=\d{3}\b)", "", number) for number in _NUMBER.findall(text)}


@dataclass(frozen=True, slots=True)
class Support:
    """The sentence of a passage that supports a claim best: where it stands, and how well (0..1)."""

    span: Span
    verdict: Verdict
    score: float


# Of the words of a claim that say what it is about, this share must stand in its source.
_SHARE_OF_WORDS = 0.6


def support(claim: str, passage: Passage, reader: Reader) -> Support:
    """Find the sentence of `passage` that supports `claim` best, and judge whether it does.

    It does if the passage holds every number of the claim, and the sentence, read with the one before it, most of its
    words. That is simple, and says so: a claim with one name or direction swapped passes.
    """
    return _support(claim, passage.document.text, passage.sentences, reader)


def supported(claim: str, texts: Sequence[str], reader: Reader) -> bool:
    """Whether `texts`, read together, support `claim`: what stands there verbatim does, else as `support` judges."""
    if any(claim in text for text in texts):
        return True
    together = "\n\n".join(texts)
    spans = split_sentences(together)
    return bool(spans) and _support(claim, together, spans, reader).verdict is Verdict.SUPPORTED


def _support(claim: str, text: str, spans: Sequence[Span], reader: Reader) -> Support:
    scores = reader.relevance(claim, [text[start:end] for start, end in spans])
    best = int(scores.argmax())
    span = spans[best]
    around = text[spans[max(0, best - 1)][0] : span[1]]
    share = _share(content_words(claim), content_words(around))
    if not numbers(claim) <= numbers(text[spans[0][0] : spans[-1][1]]):
        share = 0.0
    return Support(span, Verdict.SUPPORTED if share >= _SHARE_OF_WORDS else Verdict.NOT_FOUND, share)


def _share(claim: list[str], source: list[str]) -> float:
    stems = {_stem(word) for word in source}
    return sum(_stem(word) in stems for word in claim) / len(claim) if claim else 0.0


def _stem(word: str) -> str:
    return re.sub(r"(?:ing|ed|es|s|ly)$", "", word)[:7]
