"""What a search gives: passages with their documents, and why each was found."""

from __future__ import annotations

from dataclasses import dataclass

from index.documents import Document
from index.passages import Span
from index.prepare import context


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document: `document.text[start:end]`; `sentences` are offsets into the document too."""

    document: Document
    start: int
    end: int
    sentences: tuple[Span, ...]
    heading: str

    @property
    def page(self) -> int | None:
        """The page that the passage begins on, where the document has pages."""
        return self.document.page(self.start)

    @property
    def text(self) -> str:
        return self.document.text[self.start : self.end]

    @property
    def context(self) -> str:
        """The title, and the heading that the passage stands under."""
        return context(self.document.title, self.heading)


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage and how well it fits a question.

    `score` orders the hits of one search. The parts say why: `dense` is the cosine in -1..1, `lexical` the BM25
    score (0 where no word is shared), `fused` their weighted sum.
    """

    passage: Passage
    score: float
    fused: float
    dense: float
    lexical: float
