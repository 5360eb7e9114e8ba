"""Where sources contradict each other: sentences of two documents that answer the same question differently."""

from __future__ import annotations

from collections.abc import Sequence

from rag.agreement import numbers
from rag.extract import Evidence
from rag.reader import Reader

# The best evidence is held against so many of other documents that are at least this share as likely to be needed.
_OTHERS, _SHARE = 3, 0.1
# Each of the two is contradicted by the other with this probability; with less if they answer by different numbers.
_CONTRADICTED, _IF_NUMBERS_DIFFER = 0.6, 0.2


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
    return [item for item in rivals if _contradict(best, item, reader)]


def _contradict(one: Evidence, other: Evidence, reader: Reader) -> bool:
    there, back = (
        float(reader.judge(a.text, [(b.passage.context, b.text)])[0, 1]) for a, b in ((one, other), (other, one))
    )
    differ = bool(_answers(one)) and bool(_answers(other)) and not _answers(one) & _answers(other)
    return min(there, back) >= (_IF_NUMBERS_DIFFER if differ else _CONTRADICTED)


def _answers(item: Evidence) -> set[str]:
    """The numbers by which it answers."""
    return numbers(item.passage.document.text[slice(*item.short)]) if item.short else set()
