"""What is sent and what comes back: the types of the API, from which its OpenAPI document is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from index import Document, DocumentRow, Library, Part
from index.passages import Span
from rag import Citation, Excerpt, Message, Sentence, Verdict
from rag.assistant import LONGEST_QUESTION
from rag.drafts import LONGEST_DRAFT
from rag.receipts import Kept, Standing

_MOST_NAMES, _MOST_MESSAGES, _MOST_PASSAGES = 100, 200, 100
_MOST_PLACES = 2**31

Name = Annotated[str, Field(min_length=1, max_length=1000)]


def _no_other(value: object) -> object:
    # Else true and "7" would count as numbers, which in JSON they are not.
    if isinstance(value, (bool, str)):
        raise ValueError("must be a whole number")
    return value


Whole = Annotated[int, BeforeValidator(_no_other)]
Offset = Annotated[int, Field(ge=0, le=_MOST_PLACES), BeforeValidator(_no_other)]
Place = Annotated[int, Field(ge=0, le=_MOST_PLACES)]
# Python's own idea of what is blank, since it is Python that strips.
SAID = r"[^\s\x1c-\x1f\x85]"


class Asked(BaseModel):
    """Of which documents: all that are named (by id, path, title or folder), or all; of these, those that bear every
    one of the tags and were added in that time, both days included.
    """

    model_config = ConfigDict(extra="forbid")

    within: list[Name] = Field(default=[], max_length=_MOST_NAMES)
    tags: list[Name] = Field(default=[], max_length=_MOST_NAMES)
    since: date | None = None
    until: date | None = None

    def part(self, view: Library | Part) -> Part | None:
        """What is to be asked of what the caller may see; None: the whole library. Raises DocumentError."""
        if self.within or self.tags or self.since or self.until:
            return view.within(*self.within, tags=self.tags, since=self.since, until=self.until)
        return view if isinstance(view, Part) else None


class Said(BaseModel):
    """A turn of the conversation so far."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["user", "assistant"]
    content: str = Field(max_length=LONGEST_DRAFT)

    def message(self) -> Message:
        return Message(self.role, self.content)


class Question(Asked):
    """`quotes`: the sources' own words, even where a language model is set to write."""

    question: str = Field(min_length=1, max_length=LONGEST_QUESTION, pattern=SAID)
    history: list[Said] = Field(default=[], max_length=_MOST_MESSAGES)
    quotes: StrictBool = False


class Draft(Asked):
    """A text to be held against the library, or against the `passages` that come with it."""

    text: str = Field(min_length=1, max_length=LONGEST_DRAFT, pattern=SAID)
    passages: list[Annotated[str, Field(max_length=20_000)]] | None = Field(
        None, min_length=1, max_length=_MOST_PASSAGES
    )


class Cited(BaseModel):
    model_config = ConfigDict(extra="allow")

    number: Whole
    document: str
    title: str
    path: str
    start: Offset
    end: Offset
    quote: str
    sha256: str


class Receipt(BaseModel):
    """An answer that was kept: what POST /ask gave, or anything with its `citations`; the rest is not looked at."""

    model_config = ConfigDict(extra="allow")

    citations: list[Cited] = Field(max_length=1000)


class HitShape(BaseModel):
    """A passage that was found; `score` orders them, and is made of the others."""

    document: str
    title: str
    path: str
    start: int
    end: int
    page: int | None
    heading: str
    text: str
    text_sha256: str
    document_sha256: str
    score: float
    fused: float
    dense: float
    lexical: float


class TurnShape(BaseModel):
    role: str
    content: str


class AnswerShape(BaseModel):
    """An answer: the receipt that POST /receipts checks later. See `rag.Answer` for what its fields mean."""

    question: str
    searched: str
    answered: bool
    text: str
    short: str
    sentences: list[Sentence]
    citations: list[Citation]
    hits: list[HitShape]
    read: int
    of: int
    confidence: float
    model: str
    timings: dict[str, float]
    prompt: list[TurnShape]
    unsupported: str
    cut: str
    offered: list[Sentence]
    conflicts: list[tuple[Citation, Citation]]
    missing: list[str]


class Checked(BaseModel):
    """Each sentence with its verdict and what that rests on; `supported`: how many are."""

    sentences: list[Sentence]
    supported: int

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> Checked:
        supported = sum(sentence.verdict is Verdict.SUPPORTED for sentence in sentences)
        return cls(sentences=list(sentences), supported=supported)


class QuoteShape(BaseModel):
    start: int
    end: int
    text: str


class ExcerptShape(BaseModel):
    """What to read of a passage."""

    document: str
    title: str
    path: str
    page: int | None
    score: float
    quotes: list[QuoteShape]


class Found(BaseModel):
    """What there is to read, best first, whether or not it answers the question."""

    excerpts: list[ExcerptShape]

    @classmethod
    def of(cls, excerpts: Iterable[Excerpt]) -> Found:
        return cls.model_validate({"excerpts": [excerpt.to_dict() for excerpt in excerpts]})


class Listed(BaseModel):
    """Documents by title, from one on; `total`: how many there are."""

    total: int
    documents: list[DocumentRow]

    @classmethod
    def of(cls, rows: Sequence[DocumentRow], start: int, most: int) -> Listed:
        return cls(total=len(rows), documents=list(rows[start : start + most]))


class Read(BaseModel):
    """`text` is `text[start:end]` of the document, to the letter; `before` and `after` are what stands around it."""

    document: str
    title: str
    path: str
    sha256: str
    page: int | None
    characters: int
    start: int
    end: int
    text: str
    before: str
    after: str

    @classmethod
    def of(cls, document: Document, span: Span, around: int) -> Read:
        """`span` is cut to what there is."""
        start, end = (min(place, len(document.text)) for place in span)
        return cls(
            document=document.id,
            title=document.title,
            path=document.path,
            sha256=document.sha256,
            page=document.page(start),
            characters=len(document.text),
            start=start,
            end=end,
            text=document.text[start:end],
            before=document.text[max(0, start - around) : start],
            after=document.text[end : end + around],
        )


class Verified(BaseModel):
    """How each quote stands today; `stand`: how many do."""

    citations: list[Kept]
    stand: int

    @classmethod
    def of(cls, kept: Sequence[Kept]) -> Verified:
        return cls(citations=list(kept), stand=sum(item.standing is not Standing.GONE for item in kept))
