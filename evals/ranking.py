"""Scores of one ranked list of passages or documents, equal to trec_eval's; MRR and the like are their means.

Where trec_eval gives 0 to a question that has nothing relevant, these give None: it cannot be scored.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def recall_at_k(ranked: Sequence[Name], relevant: AbstractSet[Name], k: int) -> float | None:
    """Share of the relevant that stands among the first `k` (Manning et al. 2008, chapter 8). None without relevant.

    >>> recall_at_k(["a", "x", "b"], {"a", "b"}, 2)
    0.5
    """
    first = _distinct(ranked)[: _at_least_one(k)]
    return sum(name in relevant for name in first) / len(relevant) if relevant else None


def reciprocal_rank(ranked: Sequence[Name], relevant: AbstractSet[Name]) -> float | None:
    """1 / the rank of the first relevant one, 0 if none is ranked; MRR is its mean (Voorhees 1999). None without any.

    >>> reciprocal_rank(["x", "a", "b"], {"a", "b"})
    0.5
    """
    ranks = (rank for rank, name in enumerate(_distinct(ranked), 1) if name in relevant)
    return 1 / next(ranks, math.inf) if relevant else None


def ndcg_at_k(ranked: Sequence[Name], grades: Mapping[Name, float], k: int) -> float | None:
    """Discounted gain of the first `k` over that of the best order (Järvelin and Kekäläinen 2002). None without gain.

    What has no grade has grade 0; for binary relevance give 1 to all that is relevant. As in trec_eval, the gain is
    the grade itself and the discount the logarithm to base 2 of rank + 1: here (1 + 3 / log2 3) / (3 + 1 / log2 3).

    >>> round(ndcg_at_k(["a", "b"], {"a": 1, "b": 3}, 2), 6)
    0.796708
    """
    if not any(grade > 0 for grade in grades.values()):
        return None
    best = _gain(sorted(grades.values(), reverse=True)[: _at_least_one(k)])
    return _gain([grades.get(name, 0) for name in _distinct(ranked)[:k]]) / best


def _gain(grades: Sequence[float]) -> float:
    return sum(max(0, grade) / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))


def _distinct(ranked: Sequence[Name]) -> Sequence[Name]:
    if len(set(ranked)) < len(ranked):
        raise ValueError("Something is ranked twice. Keep its best rank alone.")
    return ranked


def _at_least_one(k: int) -> int:
    if k < 1:
        raise ValueError(f"k is 1 or more, and not {k}.")
    return k
