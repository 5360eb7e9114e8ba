"""What an assistant may call: each tool with what it takes, what it does, and what it tells. Knows no protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from index import DocumentError, Library, Part
from rag import Assistant, Excerpt, Reply, Sentence
from rag.assistant import LONGEST_QUESTION
from rag.drafts import LONGEST_DRAFT
from ui.api.message import Pinned, Writer
from ui.api.shapes import Asked, Checked, Found, Listed, Name, Place, Read
from ui.plain import checked_text, excerpt_text
from ui.shell import count

_MOST_CHARACTERS, _MOST_AROUND, _MOST_ROWS = 20_000, 5000, 200

_Names = Annotated[list[Name], Field(max_length=100)]


class _Chosen(Asked):
    within: _Names = Field([], description="Only these documents or folders: ids, paths or titles; none: all")
    tags: _Names = Field([], description="Only documents that bear every one of these tags")


class Ask(_Chosen):
    question: str = Field(description="One question, complete in itself", max_length=LONGEST_QUESTION)


class Check(_Chosen):
    text: str = Field(description="Sentences, such as an answer that you wrote", max_length=LONGEST_DRAFT)


class Span(BaseModel):
    model_config = ConfigDict(extra="forbid")

    document: Name = Field(description="A document's id, path or title, as the other tools give them")
    start: Place = 0
    characters: int = Field(1000, ge=0, le=_MOST_CHARACTERS)
    around: int = Field(0, ge=0, le=_MOST_AROUND, description="So many more characters before and after")


class Page(BaseModel):
    model_config = ConfigDict(extra="forbid")

    start: Place = 0
    most: int = Field(100, ge=1, le=_MOST_ROWS)


View = Library | Part
Told = tuple[str, BaseModel]  # for a model to read, and for a program


@dataclass(frozen=True, slots=True)
class Tool:
    """`begin` gives what takes its time, item by item; `tell` makes of it, and of all its items, what is told."""

    takes: type[BaseModel]
    gives: type[BaseModel]
    about: str
    begin: Callable[[Assistant, View, Any], Iterator[Any]]
    tell: Callable[[Any, Sequence[Any]], Told]


def _ask(assistant: Assistant, view: View, asked: Ask) -> Reply:
    return assistant.stream(asked.question, within=asked.part(view))


def _answered(reply: Reply, _: object) -> Told:
    writer = Writer("")
    for sentence in reply.answer.sentences:
        writer.add(sentence)
    writer.end(reply.answer, footnotes=True)
    return writer.text, Pinned.of(reply.answer)


def _check(assistant: Assistant, view: View, asked: Check) -> Iterator[Sentence]:
    return assistant.check(asked.text, within=asked.part(view))


def _checked(_: object, sentences: Sequence[Sentence]) -> Told:
    return checked_text(sentences), Checked.of(sentences)


def _search(assistant: Assistant, view: View, asked: Ask) -> Iterator[Excerpt]:
    yield from assistant.search(asked.question, within=asked.part(view))


def _found(_: object, excerpts: Sequence[Excerpt]) -> Told:
    text = "\n\n".join(map(excerpt_text, excerpts)) or "The library holds nothing."
    return text, Found.of(excerpts)


def _read(_: object, view: View, asked: Span) -> Iterator[Read]:
    rows = view.within(asked.document).documents()
    if len(rows) > 1:
        ids = ", ".join(row.id for row in rows[:10])
        raise DocumentError(f"{len(rows):,} documents are called {asked.document!r}. Name one by its id: {ids}")
    yield from (
        Read.of(view.document(row.id), (asked.start, asked.start + asked.characters), asked.around) for row in rows
    )


def _shown(_: object, read: Sequence[Read]) -> Told:
    (place,) = read
    parts = [f"{place.title}, characters {place.start}-{place.end} of {place.characters:,}:\n{place.text}"]
    parts += [f"Before it:\n{place.before}"] if place.before else []
    parts += [f"After it:\n{place.after}"] if place.after else []
    return "\n\n".join(parts), place


def _list(_: object, view: View, asked: Page) -> Iterator[Listed]:
    yield Listed.of(view.documents(), asked.start, asked.most)


def _listed(_: object, listed: Sequence[Listed]) -> Told:
    (page,) = listed
    lines = [f"{row.id}  {row.title} ({row.characters:,} characters, added {row.added[:10]})" for row in page.documents]
    return "\n".join([count(page.total, "document"), *lines]), page


TOOLS = {
    "ask": Tool(
        Ask,
        Pinned,
        "Answer a question from the library: sentences with numbered quotes, each checked against its source, or that "
        "it is not in the library. Start here. Quotes are exact: give them to the letter.",
        _ask,
        _answered,
    ),
    "check": Tool(
        Check,
        Checked,
        "Hold each sentence of a text against the library: supported, partly supported, contradicted or not found, "
        "with what the library says. Use it on what you wrote yourself before you give it to somebody.",
        _check,
        _checked,
    ),
    "search": Tool(
        Ask,
        Found,
        "The sentences that matter most to a question, with their places, whether or not they answer it. Use it where "
        "`ask` finds no answer, or to read more than an answer.",
        _search,
        _found,
    ),
    "read": Tool(
        Span,
        Read,
        "The characters of a document from a place on, to the letter, and what stands around them. Use it to see a "
        "quote in its context.",
        _read,
        _shown,
    ),
    "list": Tool(Page, Listed, "The documents of the library by title, with their ids.", _list, _listed),
}
