"""Documents in, hits out: the one door of this package. It knows nothing of answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
from platformdirs import user_data_path

from index.documents import Document, find_files, read_document
from index.embedder import Embedder, Matrix, local_embedder
from index.errors import DocumentError, EmbeddingMismatch, LibraryError, LibraryReadOnly
from index.ledger import DocumentRow, Ledger, embedded_text
from index.lexical import match_query
from index.owner import Ownership
from index.passages import Span, cut_passages
from index.vectors import ChromaVectors, ExactVectors, Vectors

SHIPPED_ARTICLES = Path(__file__).resolve().parent.parent / "articles"

# How many of the best by each of the two searches are put together, and what BM25 counts for beside the embedding
# (measured on five public sets: half weight beat full weight on all of them).
_CANDIDATES = 50
_BM25_WEIGHT = 0.5

Progress = Callable[[str, int, int], None]
"""Called with (what is done now, how many are done, how many there are)."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document: `document.text[start:end]`; `sentences` are offsets into the document too."""

    document: Document
    start: int
    end: int
    sentences: tuple[Span, ...]
    heading: str
    page: int | None

    @property
    def text(self) -> str:
        return self.document.text[self.start : self.end]

    @property
    def context(self) -> str:
        """The title, and the heading that the passage stands under."""
        return _context(self.document.title, self.heading)


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage and how well it fits a question.

    `score` orders the hits of one search. The parts say why: `dense` is the cosine in -1..1, `lexical` the BM25
    score (0 where no word is shared), `fused` their normalised sum.
    """

    passage: Passage
    score: float
    fused: float
    dense: float
    lexical: float


@dataclass(slots=True)
class Added:
    """What `Library.add` did: paths, and for each one that failed the reason."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check-up. `cure` is what to do where `ok` is false."""

    ok: bool
    text: str
    cure: str = ""


class Library:
    """Documents, their passages, and the search over them, in the folder `path`.

    The first process to open a library owns it. Another one may search it at the same time (exactly, over the
    ledger) but not change it. Use it as a context manager, or call `close`.

    Raises LibraryError if there is no library at `path` and `create` is false, or if `path` cannot be used;
    EmbeddingMismatch if it was built with another embedding model than `embedder`. With `rebuild` it is embedded
    anew in that case, and Chroma is built anew in any.
    """

    def __init__(
        self, path: Path | str, *, embedder: Embedder | None = None, create: bool = False, rebuild: bool = False
    ) -> None:
        self.path = Path(path)
        ledger = self.path / "ledger.sqlite"
        if not create and not ledger.is_file():
            raise LibraryError(
                f"No library at {self.path}. Make one with: pincite --library {self.path} add FILE_OR_FOLDER"
            )
        self._embedder = embedder or local_embedder()
        self._owner = Ownership(self.path)
        if self._owner.cause and not ledger.is_file():
            raise LibraryError(self._owner.refusal) from self._owner.cause
        try:
            self._ledger = Ledger(ledger, read_only=not self.writable)
        except BaseException:
            self._owner.release()
            raise
        self._vectors: Vectors | None = None
        self._vectors_generation = -1
        self._document = lru_cache(maxsize=64)(self._load_document)
        self._embedded_question = lru_cache(maxsize=64)(self._embedder.embed_question)
        try:
            if rebuild:
                self._rebuild()
            self._must_match()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._vectors is not None:
            self._vectors.close()
            self._vectors = None
        self._ledger.close()
        self._owner.release()

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever added."""
        return self._ledger.meta("embedding") is None

    @property
    def writable(self) -> bool:
        """Whether this process owns the library and may change it."""
        return not self._owner.refusal

    def add(self, path: Path | str, progress: Progress | None = None) -> Added:
        """Read a file, or every text and Markdown file under a folder, into the library.

        A file that is there unchanged is left alone; a changed one takes the place of what it was. In a folder, a
        file that cannot be read is reported and the others go on; a single one raises DocumentError.
        """
        self._must_own()
        files = find_files(Path(path))
        report = Added()
        known = {row.id: row.sha256 for row in self._ledger.documents()}
        for number, file in enumerate(files):
            if progress:
                progress(f"Reading {file.name}", number, len(files))
            try:
                document = read_document(file)
            except DocumentError as error:
                if len(files) == 1:
                    raise
                report.failed.append((str(file), str(error)))
                continue
            if known.get(document.id) == document.sha256:
                report.unchanged.append(document.path)
                continue
            self._put(document)
            (report.changed if document.id in known else report.added).append(document.path)
        if progress:
            progress("Done", len(files), len(files))
        return report

    def remove(self, name: str) -> DocumentRow:
        """Remove the document of this id, path or title, with all that was made from it. Raises DocumentError."""
        self._must_own()
        row = self.find(name)
        ids = self._ledger.passage_ids(row.id)
        vectors = self._chroma()
        self._ledger.remove_document(row.id)
        vectors.remove(ids)
        self._vectors_are_complete()
        return row

    def find(self, name: str) -> DocumentRow:
        """The document of this id, path or title. Raises DocumentError if there is none, or if the title is shared."""
        rows = self.documents()
        location = str(Path(name).resolve())
        found = [row for row in rows if name in (row.id, row.path) or location == row.path]
        found = found or [row for row in rows if name in (row.title, Path(row.path).name)]
        if not found:
            raise DocumentError(f"No document {name!r} in the library. See what it holds with: pincite list")
        if len(found) > 1:
            ids = ", ".join(row.id for row in found)
            raise DocumentError(f"{len(found)} documents are called {name!r}. Name one by its id: {ids}")
        return found[0]

    def documents(self) -> list[DocumentRow]:
        """Every document, by title."""
        return self._ledger.documents()

    @property
    def passage_count(self) -> int:
        return self._ledger.passage_count

    def document(self, document_id: str) -> Document:
        """The document with its text. Raises DocumentError if it is not there."""
        document = self._document(document_id, self._ledger.generation)
        if document is None:
            raise DocumentError(f"No document {document_id!r} in the library. See what it holds with: pincite list")
        return document

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        """Texts into unit vectors by the library's own embedding model, shape (len(texts), dimensions)."""
        return self._embedder.embed_passages(texts)

    def embed_question(self, question: str) -> Matrix:
        """A question into a unit vector by the library's own embedding model, shape (dimensions,); kept for a while."""
        return self._embedded_question(question)

    def search(self, question: str, k: int = 20) -> list[Hit]:
        """The `k` passages that fit best by meaning (embedding) and by word (BM25), best first.

        Both scores are normalised over the candidates (zero mean, unit variance) and added, BM25 at half weight.
        """
        row = self.embed_question(question)
        dense = dict(self._nearest(row, max(k, _CANDIDATES)))
        query = match_query(question)
        lexical = dict(self._ledger.matching(query, max(k, _CANDIDATES))) if query else {}
        candidates = list(dense | lexical)
        if not candidates:
            return []
        floor = min(dense.values(), default=0.0)
        cosines = np.array([dense.get(i, floor) for i in candidates])
        words = np.array([lexical.get(i, 0.0) for i in candidates])
        scores = _normalised(cosines) + _BM25_WEIGHT * _normalised(words)
        hits = []
        for i in np.argsort(-scores, kind="stable"):
            passage = self._passage(candidates[i])
            if passage is not None:
                hits.append(Hit(passage, float(scores[i]), float(scores[i]), float(cosines[i]), float(words[i])))
            if len(hits) == k:
                break
        return hits

    def check(self) -> list[Finding]:
        """A check-up: the ledger, its word index, Chroma against the ledger, and passages that find themselves."""
        cure = f"pincite --library {self.path} doctor --repair"
        problems = self._ledger.problems()
        findings = [
            Finding(not problems, f"ledger: {'; '.join(problems) or 'sound'}", "restore it from a backup, or add anew"),
            Finding(True, f"embedding model: {self._ledger.meta('embedding') or self._embedder.fingerprint}"),
        ]
        ids, matrix = self._ledger.embeddings()
        findings.append(Finding(True, f"{len(self.documents()):,} documents, {len(ids):,} passages"))
        if not self.writable:
            return [*findings, Finding(True, f"Chroma: not checked. {self._owner.refusal}")]
        try:
            vectors = self._chroma()
            count = vectors.count()
            findings.append(Finding(count == len(ids), f"Chroma: {count:,} vectors for {len(ids):,} passages", cure))
            sample = ids[:: max(1, len(ids) // 50)]
            lost = [i for i in sample if i not in dict(vectors.search(matrix[ids.index(i)], 5))]
            findings.append(Finding(not lost, f"self-search: {len(sample) - len(lost)} of {len(sample)} found", cure))
        except LibraryError as error:
            findings.append(Finding(False, f"Chroma: {error}", cure))
        return findings

    def _put(self, document: Document) -> None:
        cuts = cut_passages(document.text)
        contexts = [_context(document.title, cut.heading) for cut in cuts]
        texts = [document.text[cut.start : cut.end] for cut in cuts]
        rows = self._embedder.embed_passages([embedded_text(*pair) for pair in zip(contexts, texts, strict=True)])
        vectors = self._chroma()
        before = self._ledger.passage_ids(document.id)
        if self.is_new:
            self._ledger.set_meta("embedding", self._embedder.fingerprint)
        ids = self._ledger.put_document(document, cuts, contexts, rows)
        vectors.remove(before)
        vectors.put(ids, rows)
        self._vectors_are_complete()

    def _rebuild(self) -> None:
        self._must_own()
        if not self.is_new and self._ledger.meta("embedding") != self._embedder.fingerprint:
            stored = self._ledger.embedded_texts()
            rows = self._embedder.embed_passages([text for _, text in stored])
            self._ledger.replace_embeddings([number for number, _ in stored], rows, self._embedder.fingerprint)
        ChromaVectors.erase(self.path / "chroma")
        self._ledger.set_meta("chroma_generation", "-1")
        self._chroma()

    def _must_match(self) -> None:
        built_with = self._ledger.meta("embedding")
        if built_with is not None and built_with != self._embedder.fingerprint:
            raise EmbeddingMismatch(
                f"The library at {self.path} was built with the embedding model {built_with}, not with "
                f"{self._embedder.fingerprint}. Rebuild it with: pincite --library {self.path} doctor --repair"
            )

    def _nearest(self, row: Matrix, k: int) -> list[tuple[int, float]]:
        if self.writable:
            return self._chroma().search(row, k)
        generation = self._ledger.generation
        if self._vectors is None or self._vectors_generation != generation:
            self._vectors, self._vectors_generation = ExactVectors(*self._ledger.embeddings()), generation
        return self._vectors.search(row, k)

    def _chroma(self) -> ChromaVectors:
        """Chroma, complete: what a stopped process left half done is built anew from the ledger first."""
        if isinstance(self._vectors, ChromaVectors):
            return self._vectors
        folder = self.path / "chroma"
        expected = self._ledger.meta("chroma_generation") or "0"
        if expected != str(self._ledger.generation):
            ChromaVectors.erase(folder)
        vectors = ChromaVectors(folder)
        if expected != str(self._ledger.generation):
            vectors.put(*self._ledger.embeddings())
        self._vectors = vectors
        self._vectors_are_complete()
        return vectors

    def _vectors_are_complete(self) -> None:
        generation = str(self._ledger.generation)
        if self._ledger.meta("chroma_generation") != generation:
            self._ledger.set_meta("chroma_generation", generation)

    def _passage(self, passage_id: int) -> Passage | None:
        row = self._ledger.passage(passage_id)
        document = self._document(row.document, self._ledger.generation) if row else None
        if row is None or document is None:
            return None
        return Passage(document, row.cut.start, row.cut.end, row.cut.sentences, row.cut.heading, row.page)

    def _load_document(self, document_id: str, generation: int) -> Document | None:
        return self._ledger.document(document_id)

    def _must_own(self) -> None:
        if not self.writable:
            raise LibraryReadOnly(self._owner.refusal)


def default_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the default library lies: in PINCITE_HOME, else in the user's data directory."""
    home = environ.get("PINCITE_HOME")
    return (Path(home).expanduser() if home else user_data_path("pincite", appauthor=False)) / "library"


def open_library(
    path: Path | str | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    create: bool = False,
    rebuild: bool = False,
) -> Library:
    """The library at `path`; with no path the default one, which is made from the shipped article if it is new.

    The embedding is the model that ships, or the OpenAI model that PINCITE_EMBEDDING names. `create` and `rebuild`
    are those of `Library`.
    """
    library = Library(
        path or default_path(environ), embedder=_embedder(environ), create=create or path is None, rebuild=rebuild
    )
    if path is None and library.writable and library.is_new:
        library.add(SHIPPED_ARTICLES)
    return library


def _embedder(environ: Mapping[str, str]) -> Embedder:
    model = environ.get("PINCITE_EMBEDDING")
    if not model:
        return local_embedder()
    from index.embedder.llamaindex import openai_embedder

    return openai_embedder(model, environ)


def _context(title: str, heading: str) -> str:
    return f"{title} – {heading}" if heading and heading != title else title


def _normalised(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Zero mean, unit variance."""
    return (scores - float(scores.mean())) / (float(scores.std()) + 1e-9)
