"""How good one ranked list of hits is, as pure functions of the hits' places and the evidence.

A hit holds evidence by `Evidence.held_by`. Retrievers cut documents differently and one hit may hold several pieces of
evidence, so of `evals.ranking`, where each relevant thing is ranked under its own name, only the reciprocal rank fits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from evals.metrics import overlap
from evals.ranking import reciprocal_rank
from evals.retrieval.places import Evidence, Place, merged
from index.passages import Span

DEPTH = 10
READ = 2000

Measure = Callable[[Sequence[Place], Sequence[Evidence]], float]


def found(hits: Sequence[Place], evidence: Sequence[Evidence], *, k: int) -> float:
    """1 if any of the first `k` hits holds any evidence, else 0: top-k accuracy of Karpukhin et al., DPR, 2020.

    The tables call its mean recall@k, as most do: the share of the questions for which something was found.

    >>> hits = [Place("a", 0, 100), Place("b", 0, 100)]
    >>> found(hits, [Evidence(Place("b", 10, 20))], k=1), found(hits, [Evidence(Place("b", 10, 20))], k=2)
    (0.0, 1.0)
    """
    return float(any(item.held_by(hit) for hit in hits[:k] for item in evidence))


def all_found(hits: Sequence[Place], evidence: Sequence[Evidence], *, k: int = DEPTH) -> float:
    """1 if the first `k` hits hold all evidence between them, else 0: P-EM of Xiong et al., MDR, 2021.

    >>> wanted = [Evidence(Place("a", 0, 10)), Evidence(Place("b", 0, 10))]
    >>> all_found([Place("a", 0, 50)], wanted), all_found([Place("a", 0, 50), Place("b", 0, 50)], wanted)
    (0.0, 1.0)
    """
    return float(all(any(item.held_by(hit) for hit in hits[:k]) for item in evidence))


def first_rank(hits: Sequence[Place], evidence: Sequence[Evidence]) -> float:
    """1 / the rank of the first of ten hits that holds any evidence, 0 if none does; MRR is its mean (Voorhees 1999).

    >>> first_rank([Place("x", 0, 50), Place("a", 0, 50)], [Evidence(Place("a", 0, 10))])
    0.5
    """
    ranked = range(len(hits[:DEPTH]))
    return reciprocal_rank(ranked, {rank for rank in ranked if found([hits[rank]], evidence, k=1)}) or 0.0


def ndcg(hits: Sequence[Place], evidence: Sequence[Evidence]) -> float:
    """Discounted gain of the first ten hits over the best possible (Järvelin and Kekäläinen 2002).

    Each piece of evidence gains 1 once, at the first hit that holds it, but the n-th to be found at rank n at best: so
    a hit that holds two is worth as much as two hits that hold one each, and no list is better than all evidence at the
    top. Here two pieces are found at once at rank 2, and are worth 2 / log2 3 of 1 + 1 / log2 3.

    >>> wanted = [Evidence(Place("a", 0, 10)), Evidence(Place("a", 20, 30))]
    >>> round(ndcg([Place("x", 0, 50), Place("a", 0, 50)], wanted), 6)
    0.773706
    """
    firsts = [
        next((rank for rank, hit in enumerate(hits[:DEPTH], 1) if item.held_by(hit)), math.inf) for item in evidence
    ]
    gained = sum(_worth(max(rank, place)) for place, rank in enumerate(sorted(firsts), 1))
    return gained / sum(_worth(place) for place in range(1, len(evidence) + 1))


def within(hits: Sequence[Place], evidence: Sequence[Evidence], *, characters: int = READ) -> float:
    """Share of the evidence's characters that stand in the first so many characters of the hits, read in order.

    The recall of Chroma's chunking evaluation (Smith and Troynikov 2024), in characters and at one length of reading
    for all, so that long passages have no advantage. What is read twice is counted as read twice.

    >>> within([Place("x", 0, 50), Place("a", 0, 100)], [Evidence(Place("a", 40, 60))], characters=100)
    0.5
    """
    read: dict[str, list[Span]] = {}
    left = characters
    for hit in hits:
        end = min(hit.end, hit.start + left)
        read.setdefault(hit.document, []).append((hit.start, end))
        left -= end - hit.start
    covered = sum(
        overlap(item.place.span, span) for item in evidence for span in merged(read.get(item.place.document, []))
    )
    return covered / sum(item.place.end - item.place.start for item in evidence)


FIRST, GAIN = "recall@1", "nDCG@10"
MEASURES: tuple[tuple[str, Measure], ...] = (
    (FIRST, partial(found, k=1)),
    ("recall@5", partial(found, k=5)),
    ("recall@10", partial(found, k=DEPTH)),
    ("all evidence in 10", all_found),
    ("MRR@10", first_rank),
    (GAIN, ndcg),
    (f"evidence in {READ:,} characters", within),
)


def _worth(rank: float) -> float:
    return 1 / math.log2(rank + 1) if rank <= DEPTH else 0.0
