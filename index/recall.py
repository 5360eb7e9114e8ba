"""Whether Chroma finds the passages that it holds, each by its own vector: its search is approximate."""

from __future__ import annotations

from collections.abc import Sequence

from index.embedder import Matrix
from index.vectors import ChromaVectors

# A thorough look at an index lets so many passages, spread over all, look for themselves.
_SAMPLE = 2000
_AT_ONCE = 500
# Chroma links passages from several threads, and now and then one is left that no search arrives at: it is compared
# beside. More than so many of those in an index, or a hundredth of it, and the index is wrong.
_MOST_APART = 10


def put(chroma: ChromaVectors, ids: Sequence[int], rows: Matrix) -> list[int]:
    """The passages, of these, that then do not find themselves; each of them was linked twice."""
    chroma.put(ids, rows)
    lost = _lost(chroma, ids, rows)
    if lost:
        ids, rows = [ids[place] for place in lost], rows[lost]
        chroma.put(ids, rows)
        lost = _lost(chroma, ids, rows)
    return [ids[place] for place in lost]


def most_apart(count: int) -> int:
    return max(_MOST_APART, count // 100)


def difference(chroma: ChromaVectors, ids: Sequence[int], matrix: Matrix, apart: Sequence[int]) -> str:
    """What is wrong, of all that it should hold; `apart` are known not to find themselves. "" if nothing."""
    count = chroma.count()
    if count != len(ids):
        return f"{count:,} vectors for {len(ids):,} passages"
    places = range(0, len(ids), -(-len(ids) // _SAMPLE) or 1)
    sample = [ids[place] for place in places]
    lost = len({sample[place] for place in _lost(chroma, sample, matrix[places])} - {*apart})
    return f"{lost} of {len(places)} passages do not find themselves" if lost else ""


def _lost(chroma: ChromaVectors, ids: Sequence[int], rows: Matrix) -> list[int]:
    """The places of those passages that do not find themselves."""
    found = (near for at in range(0, len(ids), _AT_ONCE) for near in chroma.search_many(rows[at : at + _AT_ONCE], 10))
    return [place for place, (i, near) in enumerate(zip(ids, found, strict=True)) if not _finds(i, near)]


def _finds(passage_id: int, near: Sequence[tuple[int, float]]) -> bool:
    """Among equal passages any may come first."""
    return any(i == passage_id for i, _ in near) or (bool(near) and near[-1][1] > 0.9999)
