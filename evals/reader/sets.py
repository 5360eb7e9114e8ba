"""What was kept aside from training, as questions with their own passages, and libraries made of such documents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evals.metrics import is_cited
from index import Document, Library, Passage, open_library
from index.documents import read_document
from index.opening import SHIPPED_ARTICLES
from index.passages import Span, cut_passages, split_sentences
from rag.reader.examples import is_held_aside, name_of, paragraphs, rows

# A question that was asked of a longer text is read with the library's passage that holds its evidence.
_READ_WHOLE = 4000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a part measures with: the data, how many questions of each kind, the untrained cross-encoder's package.

    What the reader learnt from does not count, only what was kept aside; if the data is `unseen`, all of it counts.
    """

    data: Path
    most: int
    package: Path | None = None
    big: bool = False
    unseen: bool = False

    def sets(self, known: Sequence[str]) -> list[str]:
        """The sets to measure on: those of the known ones that are there; of unseen data all of them."""
        there = sorted(file.parent.name for file in self.data.glob("*/questions.jsonl"))
        return there if self.unseen else [name for name in known if name in there]

    def questions(self, name: str) -> list[Question]:
        """None if there is no such set."""
        return held_aside(self.data / name, self.unseen)

    def documents(self, name: str) -> list[Document]:
        return documents_aside(self.data / name, self.unseen)


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a set, the paragraph that it was asked of, and where its evidence stands (document, place)."""

    id: str
    text: str
    answers: tuple[str, ...]
    document: Document
    paragraph: Span
    gold: tuple[tuple[str, Span], ...]

    @property
    def unanswerable(self) -> bool:
        return not self.answers and not self.gold

    @property
    def passage(self) -> Passage:
        """What it is read with."""
        start, end = self.paragraph
        if end - start > _READ_WHOLE and self.gold:
            return next((passage for passage in passages_of(self.document) if self.held_by(passage)), self._whole())
        return self._whole()

    def held_by(self, passage: Passage) -> bool:
        """Whether the passage holds at least half of some evidence."""
        here = passage.start, passage.end
        return any(name == passage.document.id and is_cited(span, [here]) for name, span in self.gold)

    def _whole(self) -> Passage:
        start, end = self.paragraph
        sentences = split_sentences(self.document.text[start:end])
        return Passage(self.document, start, end, tuple((start + a, start + b) for a, b in sentences), "")


def document_of(name: str, title: str, text: str) -> Document:
    return Document(name, name, title, text, hashlib.sha256(text.encode("utf-8", "replace")).hexdigest())


def whole(document: Document) -> Passage:
    """All of a document as one passage."""
    return Passage(document, 0, len(document.text), tuple(split_sentences(document.text)), "")


def passages_of(document: Document) -> list[Passage]:
    """The passages that a library makes of it."""
    return [Passage(document, cut.start, cut.end, cut.sentences, cut.heading) for cut in cut_passages(document.text)]


def documents_of(folder: Path) -> dict[str, Document]:
    """A set's documents by their ids; those of one text are one, as in a library."""
    by_text: dict[str, Document] = {}
    found = {}
    for row in rows(folder / "corpus.jsonl"):
        name, text = str(row["doc_id"]), str(row["text"])
        found[name] = by_text.setdefault(text, document_of(name, str(row["title"]), text))
    return found


def held_aside(folder: Path, unseen: bool = False) -> list[Question]:
    """The questions of a set that were asked of documents which were kept aside from training (`unseen`: of any)."""
    aside = set(_aside(folder, unseen))
    if not aside:
        return []
    documents = documents_of(folder)
    found = []
    for row in rows(folder / "questions.jsonl"):
        home = _home(row, aside)
        if home in aside:
            found.append(_question(row, documents, home))
    return found


def documents_aside(folder: Path, unseen: bool = False) -> list[Document]:
    aside = _aside(folder, unseen)
    documents = documents_of(folder) if aside else {}
    return list({documents[name].id: documents[name] for name in aside}.values())


def _aside(folder: Path, unseen: bool) -> list[str]:
    known = paragraphs(folder) if folder.is_dir() else {}
    return [name for name, row in known.items() if unseen or is_held_aside(name_of(row), folder.name)]


@contextmanager
def library_of(documents: Iterable[Document]) -> Iterator[Library]:
    """A library of these documents, with the embedding that ships, gone at the end."""
    with TemporaryDirectory() as folder, open_library(Path(folder) / "library", {}, create=True) as library:
        library.add_documents(documents)
        yield library


def shipped_documents() -> Iterator[Document]:
    """What `SHIPPED_SUITE` is asked of."""
    yield from map(read_document, sorted(SHIPPED_ARTICLES.glob("*.txt")))


def _home(row: dict[str, Any], aside: set[str]) -> str:
    """The document that a question was asked of; where none is named, the first of its evidence that is kept aside."""
    context = row.get("context") or {}
    named = [context["doc_id"]] if "doc_id" in context else context.get("doc_ids", [])
    placed = [item["doc_id"] for item in row["evidence"] if "start" in item and item["doc_id"] in aside]
    return str(next(iter([*named, *placed]), ""))


def _question(row: dict[str, Any], documents: dict[str, Document], home: str) -> Question:
    context = row.get("context") or {}
    document = documents[home]
    return Question(
        str(row["id"]),
        str(row["question"]),
        tuple(filter(None, row["answers"])),
        document,
        (context.get("start", 0), context.get("end", len(document.text))),
        tuple(
            (documents[item["doc_id"]].id, (item["start"], item["end"])) for item in row["evidence"] if "start" in item
        ),
    )
