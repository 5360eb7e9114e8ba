"""Question sets as corpora to search: documents, and queries of which it is known where the evidence stands.

A set is a folder with `corpus.jsonl` and `questions.jsonl`, in the shape that `evals.reader.sets` reads. A question
without evidence is left out. Where a set gives no offsets, the whole document is the evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.reader.sets import documents_of
from evals.retrieval.places import Evidence, Place, merged
from evals.statistics import drawn
from index import Document
from index.passages import Span, cut_passages
from rag.reader.examples import LONG_ANSWERS, is_held_aside, name_of, rows
from rag.reader.questions import SOURCES

_LEARNT_FROM = {*(source.name for source in SOURCES), LONG_ANSWERS, "scifact"}


@dataclass(frozen=True, slots=True)
class Query:
    """A question and its evidence: distinct places, of which overlapping ones are one."""

    text: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    name: str
    documents: tuple[Document, ...]
    queries: tuple[Query, ...]


def sets_of(data: Path) -> list[Path]:
    """The folders that hold a set, by name."""
    return sorted(file.parent for file in data.glob("*/corpus.jsonl") if file.with_name("questions.jsonl").is_file())


def read_corpus(folder: Path, most: int, passages: int, *, aside: bool = False) -> Corpus:
    """At most so many of the questions, the same ones each time, and documents to search.

    The documents that hold the evidence come first, all of them and whole; then the others, in the set's order, until
    they make so many passages as Pincite cuts them. With `aside`, of a set that the reader learnt from only questions
    count of which all evidence stands in documents that were kept aside from that.
    """
    documents = documents_of(folder)
    distinct = {document.id: document for document in documents.values()}
    asked = _queries(folder, documents)
    if aside and folder.name in _LEARNT_FROM:
        kept = {name for name, document in distinct.items() if _is_aside(document, folder.name)}
        asked = [query for query in asked if all(item.place.document in kept for item in query.evidence)]
    queries = drawn(asked, most)
    needed = dict.fromkeys(item.place.document for query in queries for item in query.evidence)
    chosen = [distinct[name] for name in needed]
    count = sum(len(cut_passages(document.text)) for document in chosen)
    for name, document in distinct.items():
        if count >= passages:
            break
        if name not in needed:
            chosen.append(document)
            count += len(cut_passages(document.text))
    return Corpus(folder.name, tuple(chosen), tuple(queries))


def questions_of(folder: Path) -> list[str]:
    return [query.text for query in _queries(folder, documents_of(folder))]


def _is_aside(document: Document, of_set: str) -> bool:
    return is_held_aside(name_of({"title": document.title, "doc_id": document.id}), of_set)


def _queries(folder: Path, documents: Mapping[str, Document]) -> list[Query]:
    asked = [Query(str(row["question"]), _evidence(row, documents)) for row in rows(folder / "questions.jsonl")]
    return [query for query in asked if query.evidence]


def _evidence(row: Mapping[str, Any], documents: Mapping[str, Document]) -> tuple[Evidence, ...]:
    spans: dict[str, list[Span]] = {}
    whole = set()
    for item in row["evidence"]:
        document = documents[item["doc_id"]]
        if "start" not in item:
            whole.add(document.id)
        span = (item["start"], item["end"]) if "start" in item else (0, len(document.text))
        if span[0] < span[1]:
            spans.setdefault(document.id, []).append(span)
    return tuple(Evidence(Place(name, *span), name in whole) for name, found in spans.items() for span in merged(found))
