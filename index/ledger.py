"""The ledger: one SQLite file that is the truth about a library. What is not in it does not exist.

Chroma is a cache of it. The word index (FTS5, BM25) lives inside it and changes in the same transaction, so it
cannot disagree.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from index.documents import Document
from index.embedder import Matrix
from index.errors import LibraryError
from index.passages import Cut, Span

FORMAT = 1
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    id TEXT PRIMARY KEY, path TEXT NOT NULL UNIQUE, title TEXT NOT NULL, sha256 TEXT NOT NULL, text TEXT NOT NULL,
    added TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) WITHOUT ROWID;
-- AUTOINCREMENT: an id never comes back, so a stale row in Chroma can never name another passage.
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    start INTEGER NOT NULL, end INTEGER NOT NULL, page INTEGER, sentences TEXT NOT NULL,
    heading TEXT NOT NULL, context TEXT NOT NULL, text TEXT NOT NULL, embedding BLOB NOT NULL
);
CREATE INDEX passages_of_document ON passages(document);
CREATE VIRTUAL TABLE words USING fts5(
    context, text, content='passages', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER passage_added AFTER INSERT ON passages BEGIN
    INSERT INTO words(rowid, context, text) VALUES (new.id, new.context, new.text);
END;
CREATE TRIGGER passage_removed AFTER DELETE ON passages BEGIN
    INSERT INTO words(words, rowid, context, text) VALUES ('delete', old.id, old.context, old.text);
END;
"""


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A line of the library's list."""

    id: str
    path: str
    title: str
    sha256: str
    characters: int
    passages: int
    added: str


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A passage as stored; `document` is the document's id."""

    id: int
    document: str
    cut: Cut
    page: int | None


def embedded_text(context: str, text: str) -> str:
    """What a passage's embedding is made of: its title and heading, then its text."""
    return f"{context}\n{text}"


class Ledger:
    """Documents, their passages and embeddings. Safe to share between threads. Raises LibraryError."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        self._lock = threading.RLock()
        with self._errors():
            self._db = self._connected("mode=ro" if read_only else "mode=rwc")
            try:
                if self._read_only:
                    self._share()
                else:
                    self._prepare()
                self._must_read_format()
            except BaseException:
                self._db.close()
                raise

    def _connected(self, parameters: str) -> sqlite3.Connection:
        address = f"{self.path.resolve().as_uri()}?{parameters}"
        return sqlite3.connect(address, uri=True, timeout=5.0, check_same_thread=False, isolation_level=None)

    def _share(self) -> None:
        """In a folder that cannot be written SQLite cannot make the files that readers share with a writer."""
        try:
            self._db.execute("SELECT 1 FROM sqlite_master")
        except sqlite3.OperationalError:
            self._db.close()
            self._db = self._connected("mode=ro&immutable=1")

    def _prepare(self) -> None:
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        if not self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
            self._db.executescript(f"BEGIN; {_SCHEMA}")
            self._db.execute("INSERT INTO meta VALUES ('format', ?)", (str(FORMAT),))
            self._db.execute("COMMIT")

    def _must_read_format(self) -> None:
        found = self.meta("format")
        if found != str(FORMAT):
            raise LibraryError(
                f"{self.path} has format {found}, this version of Pincite reads format {FORMAT}. "
                "Update Pincite, or make a new library with: pincite --library OTHER add FOLDER"
            )

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing; committed to disk when it ends."""
        with self._lock, self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def meta(self, key: str) -> str | None:
        row = self._rows("SELECT value FROM meta WHERE key = ?", key)
        return str(row[0][0]) if row else None

    def set_meta(self, key: str, value: str) -> None:
        self._rows("INSERT INTO meta VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value", key, value)

    @property
    def generation(self) -> int:
        """A number that every change of the passages raises."""
        return int(self.meta("generation") or 0)

    def put_document(self, document: Document, cuts: Sequence[Cut], contexts: Sequence[str], rows: Matrix) -> list[int]:
        """Store a document with its passages and their embeddings, in place of what it had; the new passages' ids."""
        with self.transaction():
            self._rows("DELETE FROM documents WHERE id = ?", document.id)
            self._rows(
                "INSERT INTO documents(id, path, title, sha256, text) VALUES (?, ?, ?, ?, ?)",
                document.id, document.path, document.title, document.sha256, document.text,
            )  # fmt: skip
            ids = []
            for cut, context, row in zip(cuts, contexts, rows, strict=True):
                cursor = self._db.execute(
                    "INSERT INTO passages(document, start, end, sentences, heading, context, text, embedding)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        document.id, cut.start, cut.end, json.dumps(cut.sentences), cut.heading, context,
                        document.text[cut.start : cut.end], row.astype("<f4").tobytes(),
                    ),
                )  # fmt: skip
                ids.append(int(cursor.lastrowid or 0))
            self.set_meta("generation", str(self.generation + 1))
        return ids

    def remove_document(self, document_id: str) -> None:
        with self.transaction():
            self._rows("DELETE FROM documents WHERE id = ?", document_id)
            self.set_meta("generation", str(self.generation + 1))

    def replace_embeddings(self, ids: Iterable[int], rows: Matrix, fingerprint: str) -> None:
        with self.transaction():
            for passage_id, row in zip(ids, rows, strict=True):
                self._rows("UPDATE passages SET embedding = ? WHERE id = ?", row.astype("<f4").tobytes(), passage_id)
            self.set_meta("embedding", fingerprint)
            self.set_meta("generation", str(self.generation + 1))

    def documents(self) -> list[DocumentRow]:
        """Every document, by title."""
        return [
            DocumentRow(*row)
            for row in self._rows(
                "SELECT d.id, d.path, d.title, d.sha256, length(d.text), count(p.id), d.added FROM documents d"
                " LEFT JOIN passages p ON p.document = d.id GROUP BY d.id ORDER BY d.title, d.path"
            )
        ]

    def document(self, document_id: str) -> Document | None:
        rows = self._rows("SELECT id, path, title, text, sha256 FROM documents WHERE id = ?", document_id)
        return Document(*rows[0]) if rows else None

    def passage(self, passage_id: int) -> PassageRow | None:
        rows = self._rows(
            "SELECT document, start, end, sentences, heading, page FROM passages WHERE id = ?", passage_id
        )
        if not rows:
            return None
        document, start, end, sentences, heading, page = rows[0]
        spans: tuple[Span, ...] = tuple((a, b) for a, b in json.loads(sentences))
        return PassageRow(passage_id, document, Cut(start, end, spans, heading), page)

    @property
    def passage_count(self) -> int:
        return int(self._rows("SELECT count(*) FROM passages")[0][0])

    def passage_ids(self, document_id: str | None = None) -> list[int]:
        if document_id is None:
            return [row[0] for row in self._rows("SELECT id FROM passages ORDER BY id")]
        return [row[0] for row in self._rows("SELECT id FROM passages WHERE document = ? ORDER BY id", document_id)]

    def embedded_texts(self) -> list[tuple[int, str]]:
        """Every (passage id, what its embedding is made of)."""
        rows = self._rows("SELECT id, context, text FROM passages ORDER BY id")
        return [(row[0], embedded_text(row[1], row[2])) for row in rows]

    def embeddings(self) -> tuple[list[int], Matrix]:
        """Passage ids and their embeddings, shape (passages, dimensions)."""
        rows = self._rows("SELECT id, embedding FROM passages ORDER BY id")
        matrix = np.frombuffer(b"".join(row[1] for row in rows), "<f4").reshape(len(rows), -1 if rows else 0)
        return [row[0] for row in rows], matrix

    def matching(self, query: str, k: int) -> list[tuple[int, float]]:
        """The `k` best (passage id, BM25 score) for an FTS5 query, best first; a higher score is better."""
        return [
            (row[0], -row[1])
            for row in self._rows("SELECT rowid, rank FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?", query, k)
        ]

    def problems(self) -> list[str]:
        """What SQLite finds wrong with the file and its word index; an empty list is good."""
        with self._lock:
            try:
                found = [str(row[0]) for row in self._db.execute("PRAGMA quick_check(5)")]
                if found == ["ok"] and not self._read_only:  # FTS5 takes its check as an insert
                    self._db.execute("INSERT INTO words(words, rank) VALUES ('integrity-check', 1)")
            except sqlite3.DatabaseError as error:
                return [str(error)]
        return [] if found == ["ok"] else found

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock, self._errors():
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise LibraryError(
                f"Cannot use the library at {self.path.parent}: {error}. "
                "Check its permissions and the free disk space, or choose another place with --library or PINCITE_HOME."
            ) from error
