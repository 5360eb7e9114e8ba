"""Where a hit lies and where evidence stands: spans of documents, and when the one holds the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evals.metrics import is_cited, overlap
from index import Passage
from index.passages import Span


@dataclass(frozen=True, slots=True)
class Place:
    """The characters `start` to `end` of the document of this id."""

    document: str
    start: int
    end: int

    @classmethod
    def of(cls, passage: Passage) -> Place:
        return cls(passage.document.id, passage.start, passage.end)

    @property
    def span(self) -> Span:
        return self.start, self.end


@dataclass(frozen=True, slots=True)
class Evidence:
    """What answers a query. `whole`: the set names a document and no place in it, so any part of it will do."""

    place: Place
    whole: bool = False

    def held_by(self, hit: Place) -> bool:
        """Whether the hit covers at least half of it; of a whole document, whether the hit lies in it.

        >>> [Evidence(Place("a", 10, 20)).held_by(Place("a", 0, end)) for end in (14, 15)]
        [False, True]
        """
        if hit.document != self.place.document:
            return False
        return overlap(self.place.span, hit.span) > 0 if self.whole else is_cited(self.place.span, [hit.span])


def merged(spans: Iterable[Span]) -> list[Span]:
    """In order, those that overlap as one; those that only touch stay apart.

    >>> merged([(5, 9), (0, 6), (9, 12)])
    [(0, 9), (9, 12)]
    """
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found
