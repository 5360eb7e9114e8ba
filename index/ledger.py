"""The ledger: the truth about a library. What is not in it does not exist; Chroma is a cache of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from index.database import Database, one_line
from index.documents import Document
from index.embedder import Matrix
from index.errors import LibraryError
from index.history import History
from index.passages import Cut, Span
from index.schema import SEALED, checksum
from index.word_index import WordIndex


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A line of the library's list: a document without its text; `characters` and `passages` are counts."""

    id: str
    path: str
    title: str
    sha256: str
    characters: int
    passages: int
    added: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A passage as stored; `document` is the document's id."""

    id: int
    document: str
    cut: Cut


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document ready to be stored: its passages, their contexts (title and heading) and their embeddings."""

    document: Document
    cuts: tuple[Cut, ...]
    contexts: tuple[str, ...]
    rows: Matrix


def embedded_text(context: str, text: str) -> str:
    """What a passage's embedding is made of: its title and heading, then its text."""
    return f"{context}\n{text}"


class Ledger:
    """Documents, their passages and embeddings. Safe to share between threads. Raises LibraryError."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.db = Database(path, read_only=read_only)
        self.words = WordIndex(self.db)
        self.history = History(self.db)

    def close(self) -> None:
        self.db.close()

    def meta(self, key: str) -> str | None:
        return self.db.meta(key)

    def set_meta(self, key: str, value: str) -> None:
        self.db.set_meta(key, value)

    @property
    def generation(self) -> int:
        """A number that every change of the passages raises."""
        return self.db.number("generation")

    def _raise_generation(self) -> None:
        self.set_meta("generation", str(self.generation + 1))

    def put(self, prepared: Sequence[Prepared]) -> tuple[list[int], list[int]]:
        """Store documents in one transaction, each in place of what it had; the passages that went, and the new ones.

        When this returns they are on the disk.
        """
        gone: list[int] = []
        ids: list[int] = []
        with self.db.transaction():
            for item in prepared:
                document = item.document
                gone += self.passage_ids(document.id)
                self.db.execute("DELETE FROM documents WHERE id = ?", document.id)
                self.db.execute(
                    "INSERT INTO documents(id, path, title, sha256, text, pages, checksum)"
                    " VALUES (?, ?, ?, ?, ?, ?, 0)",
                    document.id, document.path, document.title, document.sha256, document.text,
                    json.dumps(document.pages),
                )  # fmt: skip
                self._seal("documents", document.id)
                ids += [
                    self._put_passage(document, *passage)
                    for passage in zip(item.cuts, item.contexts, item.rows, strict=True)
                ]
            self._raise_generation()
        return gone, ids

    def _put_passage(self, document: Document, cut: Cut, context: str, row: Matrix) -> int:
        embedding = row.astype("<f4").tobytes()
        cursor = self.db.connection.execute(
            "INSERT INTO passages"
            "(document, start, end, sentences, heading, context, text, embedding, embedding_checksum, checksum)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            (
                document.id, cut.start, cut.end, json.dumps(cut.sentences), cut.heading, context,
                document.text[cut.start : cut.end], embedding, checksum(embedding),
            ),
        )  # fmt: skip
        self._seal("passages", cursor.lastrowid)
        return int(cursor.lastrowid or 0)

    def _seal(self, table: str, number: object) -> None:
        self.db.execute(f"UPDATE {table} SET checksum = checksum_of({SEALED[table]}) WHERE id = ?", number)  # noqa: S608

    def remove(self, document_ids: Sequence[str]) -> list[int]:
        """Remove documents in one transaction; the passages that went."""
        gone: list[int] = []
        with self.db.transaction():
            for document_id in document_ids:
                gone += self.passage_ids(document_id)
                self.db.execute("DELETE FROM documents WHERE id = ?", document_id)
                self.db.execute("DELETE FROM tags WHERE document = ?", document_id)
            self._raise_generation()
        return gone

    def tag(self, document_ids: Iterable[str], tags: Iterable[str]) -> None:
        with self.db.transaction():
            for document_id, tag in product(document_ids, tags):
                self.db.execute(
                    "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", document_id, tag, checksum(document_id, tag)
                )

    def untag(self, document_ids: Iterable[str], tags: Iterable[str]) -> None:
        with self.db.transaction():
            for document_id, tag in product(document_ids, tags):
                self.db.execute("DELETE FROM tags WHERE document = ? AND tag = ?", document_id, tag)

    def move(self, paths: Mapping[str, str]) -> None:
        """Give documents, by id, new paths; two may change places."""
        with self.db.transaction():
            for document_id in paths:
                self.db.execute("UPDATE documents SET path = ? WHERE id = ?", f"moving {document_id}", document_id)
            for document_id, path in paths.items():
                self.db.execute("UPDATE documents SET path = ? WHERE id = ?", path, document_id)
                self._seal("documents", document_id)
            self._raise_generation()

    def add_root(self, path: str) -> None:
        if path not in self.roots():
            with self.db.transaction():
                self.db.execute("INSERT INTO roots VALUES (?, ?)", path, checksum(path))

    def remove_root(self, path: str) -> None:
        if path in self.roots():
            with self.db.transaction():
                self.db.execute("DELETE FROM roots WHERE path = ?", path)

    def roots(self) -> list[str]:
        """The files and folders that were added."""
        return [str(row[0]) for row in self.db.execute("SELECT path FROM roots ORDER BY path")]

    def replace_embeddings(self, ids: Iterable[int], rows: Matrix, fingerprint: str) -> None:
        with self.db.transaction():
            for passage_id, row in zip(ids, rows, strict=True):
                embedding = row.astype("<f4").tobytes()
                self.db.execute(
                    "UPDATE passages SET embedding = ?, embedding_checksum = ? WHERE id = ?",
                    embedding, checksum(embedding), passage_id,
                )  # fmt: skip
            self.set_meta("embedding", fingerprint)
            self._raise_generation()

    def documents(self) -> list[DocumentRow]:
        """Every document, by title."""
        tags: dict[str, tuple[str, ...]] = {}
        for document_id, tag in self.db.execute("SELECT document, tag FROM tags ORDER BY tag"):
            tags[document_id] = (*tags.get(document_id, ()), tag)
        rows = self.db.execute(
            "SELECT d.id, d.path, d.title, d.sha256, length(d.text), count(p.id), d.added FROM documents d"
            " LEFT JOIN passages p ON p.document = d.id GROUP BY d.id ORDER BY d.title, d.path"
        )
        return [replace(DocumentRow(*row), tags=tags.get(row[0], ())) for row in rows]

    def document(self, document_id: str) -> Document | None:
        """Raises LibraryError if it is not what was stored."""
        rows = self.db.execute(f"SELECT checksum, {SEALED['documents']} FROM documents WHERE id = ?", document_id)  # noqa: S608
        if not rows:
            return None
        sealed, *values = rows[0]
        _, path, title, sha256, text, pages, added = values
        with self.db.sound(f"the document {path}"):
            if checksum(*values) != sealed:
                raise ValueError
            return Document(document_id, path, title, text, sha256, tuple(json.loads(pages)), added)

    def passages(self, ids: Sequence[int]) -> dict[int, PassageRow]:
        """Those of these ids that are there. Raises LibraryError if one is not what was stored."""
        rows = self.db.execute(
            f"SELECT id, checksum, {SEALED['passages']} FROM passages"  # noqa: S608
            " WHERE id IN (SELECT value FROM json_each(?))",
            json.dumps(list(ids)),
        )
        found = {}
        with self.db.sound("a passage"):
            for passage_id, sealed, *values in rows:
                _, document, start, end, sentences, heading, _, _ = values
                if checksum(*values) != sealed:
                    raise ValueError
                spans: tuple[Span, ...] = tuple((a, b) for a, b in json.loads(sentences))
                found[passage_id] = PassageRow(passage_id, document, Cut(start, end, spans, heading))
        return found

    @property
    def passage_count(self) -> int:
        return int(self.db.execute("SELECT count(*) FROM passages")[0][0])

    def passage_ids(self, document_id: str | None = None) -> list[int]:
        if document_id is None:
            rows = self.db.execute("SELECT id FROM passages ORDER BY id")
        else:
            rows = self.db.execute("SELECT id FROM passages WHERE document = ? ORDER BY id", document_id)
        return [row[0] for row in rows]

    def embedded_texts(self) -> list[tuple[int, str]]:
        """Every (passage id, what its embedding is made of)."""
        rows = self.db.execute("SELECT id, context, text FROM passages ORDER BY id")
        return [(row[0], embedded_text(row[1], row[2])) for row in rows]

    def embeddings(self, ids: Sequence[int] | None = None) -> tuple[list[int], Matrix]:
        """Passage ids and their embeddings, shape (passages, dimensions), of all or of some.

        Raises LibraryError if one is not what was stored.
        """
        if ids is None:
            rows = self.db.execute("SELECT id, embedding, embedding_checksum FROM passages ORDER BY id")
        else:
            rows = self.db.execute(
                "SELECT id, embedding, embedding_checksum FROM passages"
                " WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
                json.dumps(list(ids)),
            )
        if any(checksum(embedding) != sealed for _, embedding, sealed in rows):
            raise self.db.damaged("an embedding is not what was stored")
        matrix = np.frombuffer(b"".join(row[1] for row in rows), "<f4").reshape(len(rows), -1 if rows else 0)
        return [row[0] for row in rows], matrix

    def passages_of(self, documents: Iterable[str]) -> list[int]:
        """The ids of the passages of these documents, by id."""
        rows = self.db.execute(
            "SELECT id FROM passages WHERE document IN (SELECT value FROM json_each(?))", json.dumps(list(documents))
        )
        return [int(row[0]) for row in rows]

    def problems(self) -> list[str]:
        """What is wrong with the file, its rows and its word index; an empty list is good."""
        with self.db.lock:
            try:
                found = self.db.problems()
                if not self.meta("embedding") and self.passage_count:
                    found.append("its embedding model is not known")
                return found or self.words.problems()
            except (sqlite3.DatabaseError, UnicodeDecodeError, LibraryError) as error:
                return [one_line(error)]
