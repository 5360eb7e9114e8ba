"""How much of the evidence is retrieved, and how much else with it: Chroma's chunking evaluation.

    python -m evals.retrieval.chunking DATA [--set chroma-chunking] [--most 500]

Smith and Troynikov, *Evaluating Chunking Strategies for Retrieval*, 2024. Of each question the excerpts that answer it
are known, as spans. Recall: the share of their characters that was retrieved. Precision: the share of what was
retrieved that stands in them. IoU: their common part of both together. They count tokens, here it is characters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from evals.metrics import overlap
from evals.reader.sets import library_of
from evals.retrieval.corpora import Query, read_corpus
from evals.retrieval.places import Place, merged
from evals.statistics import mean
from evals.tables import head, number, row
from index import Library
from rag.excerpts import excerpts
from rag.reader import local_reader
from rag.retrieve import CANDIDATES, Found, Retriever

_PASSAGES = (1, 3, 5)
_ALL = 10**9

Retrieving = Callable[[str, Sequence[Found], Library], list[Place]]


def passages(count: int) -> Retrieving:
    def retrieved(_: str, found: Sequence[Found], __: Library) -> list[Place]:
        return [Place.of(item.hit.passage) for item in found[:count]]

    return retrieved


def sentences(question: str, found: Sequence[Found], library: Library) -> list[Place]:
    return [
        Place(excerpt.hit.passage.document.id, *span)
        for excerpt in excerpts(question, found, library)
        for span in excerpt.spans
    ]


def overlaps(retrieved: Sequence[Place], query: Query) -> tuple[float, float, float]:
    """Recall, precision and IoU, in characters; what is retrieved twice counts once.

    >>> from evals.retrieval.places import Evidence
    >>> query = Query("?", (Evidence(Place("a", 0, 30)), Evidence(Place("b", 0, 10))))
    >>> overlaps([Place("a", 20, 50), Place("a", 40, 60)], query)
    (0.25, 0.25, 0.14285714285714285)
    """
    wanted = [item.place for item in query.evidence]
    got = [
        Place(document, *span)
        for document in dict.fromkeys(place.document for place in retrieved)
        for span in merged(place.span for place in retrieved if place.document == document)
    ]
    common = sum(overlap(one.span, other.span) for one in wanted for other in got if one.document == other.document)
    all_wanted, all_got = (sum(place.end - place.start for place in places) for places in (wanted, got))
    return common / all_wanted, common / all_got if all_got else 0.0, common / (all_wanted + all_got - common)


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--set", "name", default="chroma-chunking", show_default=True)
@click.option("--most", default=500, show_default=True, help="How many questions.")
def main(data: Path, name: str, most: int) -> None:
    corpus = read_corpus(data / name, most, _ALL)
    ways: dict[str, Retrieving] = {f"the first {count} passages": passages(count) for count in _PASSAGES}
    ways["the sentences that matter of the first six"] = sentences
    measured: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
    with library_of(corpus.documents) as library:
        retriever = Retriever(library, local_reader())
        for query in corpus.queries:
            found = retriever.search(query.text, CANDIDATES)
            for way, retrieve in ways.items():
                measured[way].append(overlaps(retrieve(query.text, found, library), query))
    click.echo(f"{len(corpus.queries):,} questions\n\n{head('retrieved', 'recall', 'precision', 'IoU')}")
    for way, values in measured.items():
        click.echo(row(way, *(number(mean(list(column)), 3) for column in zip(*values, strict=True))))


if __name__ == "__main__":
    main()
