"""How good each system's ranking is on each set: its measures, and which system is best where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from evals.retrieval.corpora import Corpus
from evals.retrieval.measure import DEPTH, FIRST, GAIN, MEASURES
from evals.retrieval.systems import Entrant, System
from evals.statistics import mean
from evals.tables import head, number, row
from index.passages import cut_passages

Figures = dict[str, float | None]


def quality(corpora: Iterable[Corpus], entrants: Sequence[Entrant]) -> Iterator[str]:
    """The lines of a table for each set, then of tables by set and system."""
    measured: dict[str, dict[str, Figures]] = {}
    for corpus in corpora:
        passages = sum(len(cut_passages(document.text)) for document in corpus.documents)
        yield (
            f"\n### {corpus.name}\n\n{len(corpus.queries):,} questions, {len(corpus.documents):,} documents, "
            f"{passages:,} passages as Pincite cuts them\n"
        )
        yield head("system", *(name for name, _ in MEASURES))
        for name, figures in _of_systems(corpus, entrants):
            measured.setdefault(corpus.name, {})[name] = figures
            yield row(name, *(number(figure, 3) for figure in figures.values()))
    for measure in (FIRST, GAIN):
        yield f"\n### {measure} by set\n"
        yield from _by_set(measured, measure)


def figures_of(system: System, corpus: Corpus) -> Figures:
    """Means over the questions, of the first ten hits."""
    ranked = [(system.search(query.text, DEPTH), query.evidence) for query in corpus.queries]
    return {name: mean([measure(hits, evidence) for hits, evidence in ranked]) for name, measure in MEASURES}


def _of_systems(corpus: Corpus, entrants: Sequence[Entrant]) -> Iterator[tuple[str, Figures]]:
    with TemporaryDirectory() as work:
        for entrant in entrants:
            with entrant.make(Path(work) / entrant.store, None) as system:
                system.add(corpus.documents)
                yield system.name, figures_of(system, corpus)


def _by_set(measured: dict[str, dict[str, Figures]], measure: str) -> Iterator[str]:
    """The best figure of a set is bold."""
    systems = list(dict.fromkeys(name for found in measured.values() for name in found))
    yield head("set", *systems)
    for corpus, found in measured.items():
        best = max((figures[measure] or 0.0 for figures in found.values()), default=0.0)
        cells = [(number(found[name][measure], 3), found[name][measure] == best) for name in systems]
        yield row(corpus, *(f"**{cell}**" if is_best else cell for cell, is_best in cells))
