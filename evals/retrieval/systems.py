"""What is measured: anything that takes documents and gives places; and the ways to search a library of Pincite's.

Its parts are read from the ledger: dense compares every passage, as the index only approximates, and BM25 is the
ledger's own. What others do is in `evals.retrieval.peers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from evals.retrieval.places import Place
from index import Document, Library
from index.bm25 import Bm25
from index.embedder import Embedder
from index.embedder.parity import untrained_reader
from index.ledger import Ledger, embedded_text
from index.vectors import ExactVectors
from rag.reader import MOST_TOKENS, local_reader
from rag.retrieve import CANDIDATES, Retriever

# How many of the sum's first the untrained cross-encoder puts in order.
_RERANKED = 20

Searching = Callable[[str, int], list[Place]]
Way = Callable[[Library], AbstractContextManager[Searching]]


class System(Protocol):
    """A retriever over a folder of its own, open inside `with`. What was added is there when it is opened again."""

    name: str

    def __enter__(self) -> System: ...

    def __exit__(self, *_: object) -> None: ...

    def add(self, documents: Sequence[Document]) -> None: ...

    def search(self, question: str, k: int) -> list[Place]:
        """At most the `k` best places, best first."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """How a system is made, from its folder and an embedder (None: the one that ships); it can be sent to a process.

    Those of one `store` share what was added. `own_model`: it embeds with a model of its own, whatever it is given.
    """

    store: str
    make: Callable[[Path, Embedder | None], System]
    own_model: bool = False


class InLibrary:
    """A way to search a library. Documents that are there are not embedded again."""

    def __init__(self, name: str, way: Way, folder: Path, embedder: Embedder | None) -> None:
        self.name = name
        self._way = way
        self._folder = folder
        self._embedder = embedder
        self._open = ExitStack()
        self._searching: Searching | None = None

    def __enter__(self) -> InLibrary:
        self._library = self._open.enter_context(Library(self._folder, embedder=self._embedder, create=True))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, documents: Sequence[Document]) -> None:
        self._library.add_documents(documents)
        self._searching = None

    def search(self, question: str, k: int) -> list[Place]:
        if self._searching is None:
            self._searching = self._open.enter_context(self._way(self._library))
        return self._searching(question, k)


@contextmanager
def dense(library: Library) -> Iterator[Searching]:
    with _ledger(library) as ledger:
        vectors = ExactVectors(*ledger.embeddings())
        yield lambda question, k: _stored(ledger, vectors.search(library.embed_question(question), k))


@contextmanager
def by_words(library: Library) -> Iterator[Searching]:
    with _ledger(library) as ledger, closing(Bm25(ledger)) as words:
        yield lambda question, k: _stored(ledger, words.search(question, k))


@contextmanager
def fused(library: Library) -> Iterator[Searching]:
    yield lambda question, k: [Place.of(hit.passage) for hit in library.search(question, k)]


@contextmanager
def reranked(package: Path, library: Library) -> Iterator[Searching]:
    """The sum's first 20 in the order of the cross-encoder that the reader began as."""
    encoder = untrained_reader(package, MOST_TOKENS)

    def search(question: str, k: int) -> list[Place]:
        hits = library.search(question, _RERANKED)
        if not hits:
            return []
        pairs = [(question, embedded_text(hit.passage.context, hit.passage.text)) for hit in hits]
        return [Place.of(hits[n].passage) for n in (-encoder.run(pairs)[:, 0]).argsort(kind="stable")[:k]]

    yield search


@contextmanager
def read(library: Library) -> Iterator[Searching]:
    retriever = Retriever(library, local_reader())

    def search(question: str, k: int) -> list[Place]:
        return [Place.of(hit.passage) for hit in retriever.rank(question, retriever.search(question, CANDIDATES), k)]

    yield search


SUM = Entrant("pincite", partial(InLibrary, "Pincite: sum", fused))
READ = Entrant("pincite", partial(InLibrary, "Pincite: sum, reader", read))


def pincite(package: Path | None) -> list[Entrant]:
    """The parts and the whole; the untrained cross-encoder only where its package is given."""
    parts = [
        Entrant("pincite", partial(InLibrary, "Pincite: dense", dense)),
        Entrant("pincite", partial(InLibrary, "Pincite: BM25", by_words)),
        SUM,
    ]
    if package:
        untrained = partial(InLibrary, "Pincite: sum, untrained cross-encoder", partial(reranked, package))
        parts.append(Entrant("pincite", untrained))
    return [*parts, READ]


def _ledger(library: Library) -> closing[Ledger]:
    return closing(Ledger(library.path / "ledger.sqlite", read_only=True))


def _stored(ledger: Ledger, found: Sequence[tuple[int, float]]) -> list[Place]:
    rows = ledger.passages([passage_id for passage_id, _ in found])
    return [Place(rows[i].document, rows[i].cut.start, rows[i].cut.end) for i, _ in found]
