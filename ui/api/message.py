"""An answer as the text of a message, and what the text alone does not say: for OpenAI's clients, and for MCP's."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from index.documents import is_web_address
from rag import Answer, Citation, Sentence
from ui.references import escaped, footnote, marked

_NEAREST = 3


class UrlCitation(BaseModel):
    """`start_index` and `end_index`: the sentence in the message's content that the citation supports."""

    start_index: int
    end_index: int
    title: str
    url: str


class Annotation(BaseModel):
    type: Literal["url_citation"]
    url_citation: UrlCitation


class Nearest(BaseModel):
    document: str
    title: str
    path: str
    start: int
    end: int
    text: str


class Pinned(BaseModel):
    """What the text alone does not say: each sentence with its verdict and the exact characters that it rests on.

    `text` is the answer without markup; `nearest`, where it was not answered, are passages near the question. As it is
    it can be sent to POST /receipts.
    """

    answered: bool
    confidence: float
    text: str
    short: str
    searched: str
    sentences: list[Sentence]
    citations: list[Citation]
    conflicts: list[tuple[Citation, Citation]]
    missing: list[str]
    cut: str
    offered: list[Sentence]
    nearest: list[Nearest]
    model: str

    @classmethod
    def of(cls, answer: Answer) -> Pinned:
        receipt = answer.to_dict()
        return cls.model_validate(receipt | {"nearest": [] if answer.answered else receipt["hits"][:_NEAREST]})


class Writer:
    """The text of a message as it grows, and where in it each sentence stands."""

    def __init__(self, place: str) -> None:
        """`place`: the address under which documents are read, for citations of files."""
        self.text = ""
        self._place = place
        self._cited: list[tuple[int, int, Citation]] = []

    def add(self, sentence: Sentence) -> str:
        """What the sentence adds to the text."""
        piece = (" " if self.text else "") + marked(sentence)
        start = len(self.text) + bool(self.text)
        self.text += piece
        self._cited += [(start, len(self.text), citation) for citation in sentence.citations]
        return piece

    def end(self, answer: Answer, footnotes: bool) -> str:
        """What follows the sentences: that there are none, what cut them off, the sources that disagree, the quotes."""
        parts = [] if answer.sentences else [escaped(answer.text)]
        parts += [f"({escaped(answer.cut)})"] if answer.cut else []
        if answer.offered:
            parts.append("In the sources' own words: " + " ".join(map(marked, answer.offered)))
        if answer.conflicts:
            pairs = ("".join(f"[^{citation.number}]" for citation in pair) for pair in answer.conflicts)
            parts.append(f"The sources disagree: {', '.join(pairs)}.")
        parts += map(footnote, answer.citations) if footnotes else []
        piece = "\n\n".join(["", *parts] if self.text else parts)
        self.text += piece
        return piece

    @property
    def annotations(self) -> list[Annotation]:
        return [
            Annotation(
                type="url_citation",
                url_citation=UrlCitation(
                    start_index=start, end_index=end, title=citation.title, url=self._address(citation)
                ),
            )
            for start, end, citation in self._cited
        ]

    def _address(self, citation: Citation) -> str:
        if is_web_address(citation.path):
            return citation.path
        characters = citation.end - citation.start
        return f"{self._place}documents/{citation.document}?start={citation.start}&characters={characters}"
