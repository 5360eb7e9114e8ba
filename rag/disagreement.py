"""Where sources contradict each other: sentences of two documents that answer the same question differently."""

from __future__ import annotations

from collections.abc import Sequence

from rag.agreement import values
from rag.extract import Evidence
from rag.reader import Reader

# The best evidence is held against so many of other documents that are at least this share as likely to be needed.
_OTHERS, _SHARE = 3, 0.15
_CONTRADICTED = 0.6  # with this probability by the reader, each by the other


def conflicting(evidence: Sequence[Evidence], reader: Reader) -> list[Evidence]:
    """Of `evidence`, best first, what contradicts the best of it and stands in another document."""
    if not evidence:
        return []
    best = evidence[0]
    others = {
        item.passage.document.id: item
        for item in reversed(evidence)
        if item.passage.document.id != best.passage.document.id and item.score >= _SHARE * best.score
    }
    rivals = sorted(others.values(), key=lambda item: -item.score)[:_OTHERS]
    return [item for item in rivals if _answer_differently(best, item) or _contradict(best, item, reader)]


def _answer_differently(one: Evidence, other: Evidence) -> bool:
    """By numbers or dates of which neither only says more exactly what the other does: "2024", "March 2024"."""
    first, second = (
        values(item.passage.document.text[slice(*item.short)]) if item.short else set[str]() for item in (one, other)
    )
    return bool(first and second) and not (first <= second or second <= first)


def _contradict(one: Evidence, other: Evidence, reader: Reader) -> bool:
    pairs = ((one, other), (other, one))
    return all(
        reader.judge(claim.text, [(said.passage.context, said.text)])[0, 1] >= _CONTRADICTED for claim, said in pairs
    )
