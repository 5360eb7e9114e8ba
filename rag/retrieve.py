"""The passages that answer a question, best first: the library's fused search, read and put in order by the reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from index import Hit, Library
from rag.reader import Reader, Reading

# The reader reads the first 6 of the fused search and, unless one of them surely answers (by its logit), 6 more.
# Further ones seldom hold an answer; what is read is most of a question's time.
CANDIDATES = 12
_AT_ONCE = 6
_SURE = 2.0
# What the fused score counts for beside the reader's two logits: evals/retrieval/CARD.md.
_FUSED_WEIGHT = 16.0


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that was found and what the reader says of it."""

    hit: Hit
    reading: Reading


class Retriever:
    def __init__(self, library: Library, reader: Reader) -> None:
        self._library = library
        self._reader = reader

    def search(self, question: str, k: int = 8) -> list[Found]:
        """At most the `k` best of the passages that the reader read for an answer.

        A hit's `score` adds the reader's two logits (about the topic, and holds the answer) and the fused score.
        """
        hits = self._library.search(question, CANDIDATES)
        found = self._read(question, hits[:_AT_ONCE])
        if all(item.reading.answerable < _SURE for item in found):
            found += self._read(question, hits[_AT_ONCE:])
        return sorted(found, key=lambda item: -item.hit.score)[:k]

    def rank(self, question: str, k: int) -> list[Hit]:
        """At most the `k` best passages: the reader's candidates in its order, after them the others as found."""
        hits = self._library.search(question, max(k, CANDIDATES))
        read = sorted(self._read(question, hits[:CANDIDATES]), key=lambda item: -item.hit.score)
        return [*(item.hit for item in read), *hits[CANDIDATES:]][:k]

    def _read(self, question: str, hits: Sequence[Hit]) -> list[Found]:
        readings = self._reader.read(question, [hit.passage for hit in hits])
        return [
            Found(replace(hit, score=score_of(hit, reading)), reading)
            for hit, reading in zip(hits, readings, strict=True)
        ]


def score_of(hit: Hit, reading: Reading) -> float:
    return reading.relevance + reading.answerable + _FUSED_WEIGHT * hit.fused
