"""The passages that answer a question, best first: the library's fused search, read and put in order by the reader."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from index import Hit, Library, Part
from rag.reader import Reader, Reading

# The reader reads the first 6 of the fused search and, unless one of them surely answers (by its logit), 6 more.
# Further ones seldom hold an answer; what is read is most of a question's time.
CANDIDATES = 12
_AT_ONCE = 6
_SURE = 2.0
# Of a ranking: so many stand first as the reader has them; from so many a second search is led on, each to so many.
_FIRST, _LEADS, _LED_TO = 5, 2, 3
# What the fused score counts for beside the reader's two logits: evals/retrieval/CARD.md.
_FUSED_WEIGHT = 16.0
# What is no question, a claim or search words, has no answer to be held: there that logit counts for less.
_ANSWERABLE_IF_NOT_ASKED = 0.4
_ASKED = re.compile(
    r"\?\W*$|\b(?:who|whom|whose|what|when|where|which|why|how)\b|"
    r"^\W*(?:is|are|was|were|do|does|did|can|could|has|have|had|will|would|should|may)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that was found and what the reader says of it."""

    hit: Hit
    reading: Reading


class Retriever:
    def __init__(self, library: Library | Part, reader: Reader) -> None:
        self._library = library
        self._reader = reader

    def search(self, question: str, read: int | None = None) -> list[Found]:
        """The passages that the reader read for an answer, best first.

        They are the `read` best of the fused search; without a number as many as it takes, up to 12. A hit's `score`
        adds the reader's two logits (about the topic, and holds the answer) and the fused score.
        """
        hits = self._library.search(question, read or CANDIDATES)
        found = self._read(question, hits[:_AT_ONCE])
        if read or all(item.reading.answerable < _SURE for item in found):
            found += self._read(question, hits[_AT_ONCE:])
        return sorted(found, key=lambda item: -item.hit.score)

    def rank(self, question: str, found: Sequence[Found], k: int) -> list[Hit]:
        """At most the `k` best passages for who reads them all, a language model or a person: `found`, and more.

        After the first of `found` come those that a second search finds with the likeliest sentence of the best two put
        before the question: what is needed next where a question takes several steps. Then all others.
        """
        read = [item.hit for item in found]
        led = [
            self._library.search(f"{_likeliest_sentence(item)} {question}", _FIRST + _LED_TO) for item in found[:_LEADS]
        ]
        further = [_distinct([*read[:_FIRST], *hits])[_FIRST : _FIRST + _LED_TO] for hits in led]
        in_turn = [hit for together in zip_longest(*further) for hit in together if hit]
        ranked = _distinct([*read[:_FIRST], *in_turn, *read[_FIRST:]])
        if len(ranked) < k:
            ranked = _distinct([*ranked, *self._library.search(question, max(k, CANDIDATES))])
        return ranked[:k]

    def _read(self, question: str, hits: Sequence[Hit]) -> list[Found]:
        readings = self._reader.read(question, [hit.passage for hit in hits])
        return [
            Found(replace(hit, score=score_of(question, hit, reading)), reading)
            for hit, reading in zip(hits, readings, strict=True)
        ]


def score_of(question: str, hit: Hit, reading: Reading) -> float:
    answerable = 1.0 if _ASKED.search(question) else _ANSWERABLE_IF_NOT_ASKED
    return reading.relevance + answerable * reading.answerable + _FUSED_WEIGHT * hit.fused


def _likeliest_sentence(found: Found) -> str:
    passage, evidence = found.hit.passage, found.reading.evidence
    best = max(zip(evidence, passage.sentences, strict=True), default=(0.0, (passage.start, passage.end)))[1]
    return passage.document.text[slice(*best)]


def _distinct(hits: Iterable[Hit]) -> list[Hit]:
    """Each passage once, as it stands first."""
    first: dict[tuple[str, int], Hit] = {}
    for hit in hits:
        first.setdefault((hit.passage.document.id, hit.passage.start), hit)
    return list(first.values())
