"""A part of a library, searched as if it were all of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from index.documents import Document
from index.embedder import Matrix
from index.errors import DocumentError
from index.hits import Hit
from index.ledger import DocumentRow

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


def no_document(name: str) -> DocumentError:
    return DocumentError(f"No document {name!r} in the library. See what it holds with: pincite list")


def chosen(
    rows: Sequence[DocumentRow],
    names: Sequence[str],
    tags: Collection[str] = (),
    since: date | None = None,
    until: date | None = None,
) -> list[DocumentRow]:
    """Those that any of the names stands for (an id, path, title, or a folder), that bear every tag, and that were
    added from one day to another.

    Raises DocumentError if a name or a tag stands for none, or if nothing is left.
    """
    found: dict[str, DocumentRow] = {}
    for name in names:
        place = resolved(name)
        named = [row for row in rows if _is_named(row, name, place)]
        if not named:
            raise DocumentError(f"No document or folder {name!r} in the library. See what it holds with: pincite list")
        found |= {row.id: row for row in named}
    known = {tag for row in rows for tag in row.tags}
    unknown = [tag for tag in tags if tag not in known]
    if unknown:
        held = f"It has: {', '.join(sorted(known))}." if known else "Tag documents with: pincite tag DOCUMENT TAG"
        raise DocumentError(f"No document in the library is tagged {unknown[0]!r}. {held}")
    first, last = since.isoformat() if since else "", until.isoformat() if until else "9999"
    tagged = [row for row in (found.values() if names else rows) if {*tags} <= {*row.tags}]
    kept = [row for row in tagged if first <= row.added[:10] <= last]
    if rows and not tagged:
        raise DocumentError(f"No such document bears {' and '.join(map(repr, tags))}. See the tags with: pincite list")
    if rows and not kept:
        days = sorted(row.added[:10] for row in tagged)
        raise DocumentError(
            f"No such document was added in that time; these were from {days[0]} to {days[-1]}. Choose other days."
        )
    return kept


def resolved(name: str) -> Path | None:
    """The file or folder of this name; None if no file can have it."""
    try:
        return Path(name).resolve()
    except (OSError, ValueError, RuntimeError):  # it holds a null character, or a loop of links
        return None


def _is_named(row: DocumentRow, name: str, place: Path | None) -> bool:
    path = Path(row.path)
    return name in (row.id, row.path, row.title, path.name) or place == path or place in path.parents
