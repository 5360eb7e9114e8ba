"""Documents in, hits out: the one door of this package. It knows nothing of answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from index.bm25 import Bm25
from index.checkup import Finding, findings
from index.documents import Document
from index.embedder import Embedder, Matrix, local_embedder
from index.errors import EmbeddingMismatch, LibraryError, LibraryReadOnly
from index.history import Conversation, Turn
from index.hits import Hit, Passage
from index.ingest import Added, Ingest, Progress
from index.ledger import DocumentRow, Ledger
from index.nearest import Nearest
from index.owner import Ownership
from index.part import Part
from index.portable import write_copy
from index.remembered import Remembered
from index.selection import chosen, find, no_document, one_tag

if TYPE_CHECKING:
    from llama_index.core.base.base_retriever import BaseRetriever

# How many of the best by each of the two searches are put together, and what BM25 counts for beside the embedding:
# `evals/retrieval/CARD.md`.
_CANDIDATES = 50
_BM25_WEIGHT = 0.2
_LEAST = 1e-9


class Library:
    """Documents, their passages, and the search over them, in the folder `path`.

    The first process to open a library owns it. Another one may search it at the same time (exactly, over the
    ledger) but not change it. Use it as a context manager, or call `close`.

    Raises LibraryError if there is no library at `path` and `create` is false, or if `path` cannot be used;
    EmbeddingMismatch if it was built with another embedding model than `embedder`. With `rebuild` it is embedded
    anew in that case, and Chroma is built anew in any. `chroma` is the address of a Chroma server, to be used instead
    of one in this process. With `read_only` the library is searched, and left to another process to change.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        embedder: Embedder | None = None,
        create: bool = False,
        rebuild: bool = False,
        chroma: str | None = None,
        read_only: bool = False,
    ) -> None:
        self.path = Path(path)
        ledger = self.path / "ledger.sqlite"
        if not create and not ledger.is_file():
            raise LibraryError(
                f"No library at {self.path}. Make one with: pincite --library {self.path} add FILE_OR_FOLDER"
            )
        self._embedder = embedder or local_embedder()
        self._owner = Ownership(self.path, claim=not read_only)
        if self._owner.cause and not ledger.is_file():
            raise LibraryError(self._owner.refusal) from self._owner.cause
        try:
            self._ledger = Ledger(ledger, read_only=not self.writable)
        except BaseException:
            self._owner.release()
            raise
        self._nearest = Nearest(self._ledger, self.path / "chroma", writable=self.writable, server=chroma)
        self._words = Bm25(self._ledger)
        self._document = lru_cache(maxsize=64)(self._load_document)
        self._embedded_question = lru_cache(maxsize=64)(self._embedder.embed_question)
        self._embedded_passages = Remembered(self._embedder.embed_passages)
        try:
            if rebuild:
                self._rebuild()
            self._must_match()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._nearest.close()
        self._words.close()
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

    def add(self, path: Path | str, progress: Progress | None = None, *, workers: int = 0) -> Added:
        """Read a file, every document under a folder, or a web address; see `Ingest.add`. Raises DocumentError."""
        return self._ingest().add(path, progress, workers=workers)

    def add_documents(self, documents: Iterable[Document], progress: Progress | None = None) -> Added:
        """Take in texts that were read elsewhere; for LlamaIndex's documents see `index.llama.documents_of`."""
        return self._ingest().add_documents(documents, progress)

    def refresh(self, progress: Progress | None = None) -> Added:
        """Look again at everything that was ever added; see `Ingest.refresh`."""
        return self._ingest().refresh(progress)

    def remove(self, name: str) -> DocumentRow:
        """Remove the document of this id, path or title, with all that was made from it. Raises DocumentError."""
        self._must_own()
        row = self.find(name)
        self._ledger.remove_root(row.path)
        self._nearest.apply(gone=self._ledger.remove([row.id]))
        return row

    def find(self, name: str) -> DocumentRow:
        """The document of this id, path or title. Raises DocumentError if there is none, or if the title is shared."""
        return find(self.documents(), name)

    def documents(self) -> list[DocumentRow]:
        """Every document, by title."""
        return self._ledger.documents()

    @property
    def passage_count(self) -> int:
        """How many passages there are to search."""
        return self._ledger.passage_count

    def document(self, document_id: str) -> Document:
        """The document with its text. Raises DocumentError if it is not there."""
        document = self._document(document_id, self._ledger.generation)
        if document is None:
            raise no_document(document_id)
        return document

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        """Texts into unit vectors by the library's own model, shape (len(texts), dimensions); kept for a while."""
        return self._embedded_passages(texts)

    def embed_question(self, question: str) -> Matrix:
        """A question into a unit vector by the library's own embedding model, shape (dimensions,); kept for a while."""
        return self._embedded_question(question)

    def tag(self, name: str, *tags: str) -> list[DocumentRow]:
        """Mark the documents of this id, path, title or folder, for `within`; which they are. Raises DocumentError."""
        self._must_own()
        rows = chosen(self.documents(), [name])
        self._ledger.tag([row.id for row in rows], [one_tag(tag) for tag in tags])
        return rows

    def untag(self, name: str, *tags: str) -> list[DocumentRow]:
        """Take marks away, as `tag` gives them."""
        self._must_own()
        rows = chosen(self.documents(), [name])
        self._ledger.untag([row.id for row in rows], [one_tag(tag) for tag in tags])
        return rows

    def within(
        self, *names: str, tags: Collection[str] = (), since: date | None = None, until: date | None = None
    ) -> Part:
        """Some of the documents, to be searched as a library is: those of these ids, paths, titles or folders.

        All of them if none is named; of these, those that bear every one of the `tags` and were added from `since` to
        `until`, both days included. Raises DocumentError if a name or a tag stands for nothing, or if nothing is left.
        """
        return Part(self, chosen(self.documents(), names, tags, since, until))

    def keep_turn(self, turn: Turn) -> None:
        """Keep a turn of a conversation, in the place of the one of that number and all after it."""
        self._must_own()
        self._ledger.history.keep(turn)

    def turns(self, owner: str, conversation: str) -> list[Turn]:
        """The turns of a conversation; none if it is not there, or another's."""
        return self._ledger.history.turns(owner, conversation)

    def conversations(self, owner: str) -> list[Conversation]:
        """What is kept of an owner's conversations, the latest first."""
        return self._ledger.history.conversations(owner)

    def forget(self, owner: str, conversation: str) -> None:
        """Remove what is kept of a conversation of this owner."""
        self._must_own()
        self._ledger.history.forget(owner, conversation)

    def passages_of(self, documents: Iterable[str]) -> frozenset[int]:
        """The ids of the passages of these documents."""
        return frozenset(self._ledger.passages_of(documents))

    def search(self, question: str, k: int = 20, among: frozenset[int] | None = None) -> list[Hit]:
        """The `k` passages that fit best by meaning (embedding) and by word (BM25), best first; `among` these, by id.

        To the cosine a fifth of the BM25 score is added, as a share of the best one: the weight then means the same
        in every library, however rare its words are. Of a passage that only its words brought in, the cosine counts
        as the least of those that are known.
        """
        row = self.embed_question(question)
        dense = dict(self._nearest.search(row, max(k, _CANDIDATES), among))
        lexical = dict(self._words.search(question, max(k, _CANDIDATES), among))
        candidates = list(dense | lexical)
        if not candidates:
            return []
        floor = min(dense.values(), default=0.0)
        cosines = np.array([dense.get(i, floor) for i in candidates])
        words = np.array([lexical.get(i, 0.0) for i in candidates])
        scores = cosines + _BM25_WEIGHT * words / max(words.max(), _LEAST)
        best = np.argsort(-scores, kind="stable")[:k]
        passages = self._passages([candidates[i] for i in best])
        return [
            Hit(passages[candidates[i]], float(scores[i]), float(scores[i]), float(cosines[i]), float(words[i]))
            for i in best
            if candidates[i] in passages
        ]

    def closeness(self, question: str, among: frozenset[int] | None = None) -> float:
        """The cosine of the passage nearest to the question; -1 if there is none."""
        nearest = self._nearest.search(self.embed_question(question), 1, among)
        return max((cosine for _, cosine in nearest), default=-1.0)

    def check(self) -> list[Finding]:
        """A check-up of everything that is stored, and of Chroma against it."""
        return list(findings(self.path, self._ledger, self._nearest, self._embedder.fingerprint, self._owner.refusal))

    def complete(self) -> None:
        """Build Chroma from the ledger if it does not equal it; until then, and meanwhile, searches are exact."""
        self._nearest.complete()

    def export(self, file: Path | str) -> None:
        """Write the whole library into one file, for `import_library`. Raises LibraryError."""
        write_copy(self._ledger, Path(file))

    def as_retriever(self, similarity_top_k: int = 10) -> BaseRetriever:
        """The search as a LlamaIndex retriever, whose nodes carry document, start, end and page."""
        from index.llama import LibraryRetriever

        return LibraryRetriever(self, similarity_top_k)

    def _ingest(self) -> Ingest:
        self._must_own()
        return Ingest(self._ledger, self._nearest, self._embedder)

    def _rebuild(self) -> None:
        self._must_own()
        self._ledger.words.rebuild()
        if not self.is_new and self._ledger.meta("embedding") != self._embedder.fingerprint:
            stored = self._ledger.embedded_texts()
            rows = self._embedder.embed_passages([text for _, text in stored])
            self._ledger.replace_embeddings([number for number, _ in stored], rows, self._embedder.fingerprint)
        self._nearest.build()

    def _must_match(self) -> None:
        built_with = self._ledger.meta("embedding")
        if built_with is not None and built_with != self._embedder.fingerprint:
            raise EmbeddingMismatch(
                f"The library at {self.path} was built with the embedding model {built_with}, not with "
                f"{self._embedder.fingerprint}. Rebuild it with: pincite --library {self.path} doctor --repair"
            )

    def _passages(self, ids: Sequence[int]) -> dict[int, Passage]:
        """Those that are there: what was found may have been removed since."""
        generation = self._ledger.generation
        found = {}
        for row in self._ledger.passages(ids).values():
            document = self._document(row.document, generation)
            if document is not None:
                found[row.id] = Passage(document, row.cut.start, row.cut.end, row.cut.sentences, row.cut.heading)
        return found

    def _load_document(self, document_id: str, generation: int) -> Document | None:
        return self._ledger.document(document_id)

    def _must_own(self) -> None:
        if not self.writable:
            raise LibraryReadOnly(self._owner.refusal)
