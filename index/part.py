"""A part of a library, searched as if it were all of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING

from index.documents import Document
from index.embedder import Matrix
from index.hits import Hit
from index.ledger import DocumentRow
from index.selection import chosen, no_document

if TYPE_CHECKING:
    from index.library import Library


class Part:
    """The documents of a library that were chosen; as they were then, so do not keep it. See `Library.within`."""

    def __init__(self, library: Library, documents: Sequence[DocumentRow]) -> None:
        self._documents = tuple(documents)
        self._library = library
        self._passages = library.passages_of(row.id for row in documents)

    def documents(self) -> list[DocumentRow]:
        """Those that were chosen."""
        return list(self._documents)

    @property
    def passage_count(self) -> int:
        return len(self._passages)

    def document(self, document_id: str) -> Document:
        """As `Library.document`; of another part of the library it says what it says of one that is nowhere."""
        if all(row.id != document_id for row in self._documents):
            raise no_document(document_id)
        return self._library.document(document_id)

    def within(
        self, *names: str, tags: Collection[str] = (), since: date | None = None, until: date | None = None
    ) -> Part:
        """As `Library.within`, of the documents of this part alone."""
        return Part(self._library, chosen(self._documents, names, tags, since, until))

    def search(self, question: str, k: int = 20) -> list[Hit]:
        """As `Library.search`."""
        return self._library.search(question, k, self._passages)

    def closeness(self, question: str) -> float:
        """As `Library.closeness`."""
        return self._library.closeness(question, self._passages)

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        return self._library.embed_passages(texts)

    def embed_question(self, question: str) -> Matrix:
        return self._library.embed_question(question)
