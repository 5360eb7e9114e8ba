"""The ledger: one SQLite file that is the truth about a library. What is not in it does not exist.

Chroma is a cache of it. The word index (FTS5, BM25) lives inside it and changes in the same transaction, so it
cannot disagree. What SQLite would not notice is noticed here: every row has a checksum, and a file beside it counts the
changes, because a lost write-ahead log looks to SQLite like changes that were never made.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from index.documents import Document
from index.embedder import Matrix
from index.errors import LibraryError
from index.passages import Cut, Span

FORMAT = 4
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    id TEXT PRIMARY KEY, path TEXT NOT NULL UNIQUE, title TEXT NOT NULL, sha256 TEXT NOT NULL, text TEXT NOT NULL,
    added TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    pages TEXT NOT NULL DEFAULT '[]', checksum INTEGER NOT NULL
) WITHOUT ROWID;
-- The files and folders that were added, for `refresh`.
CREATE TABLE roots (path TEXT PRIMARY KEY, checksum INTEGER NOT NULL) WITHOUT ROWID;
-- What a person has marked documents with. It stays when a document's content changes.
CREATE TABLE tags (
    document TEXT NOT NULL, tag TEXT NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (document, tag)
) WITHOUT ROWID;
-- AUTOINCREMENT: an id never comes back, so a stale row in Chroma can never name another passage.
CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    start INTEGER NOT NULL, end INTEGER NOT NULL, sentences TEXT NOT NULL,
    heading TEXT NOT NULL, context TEXT NOT NULL, text TEXT NOT NULL, embedding BLOB NOT NULL,
    embedding_checksum INTEGER NOT NULL, checksum INTEGER NOT NULL
);
CREATE INDEX passages_of_document ON passages(document);
-- Conversations, a turn a row; `receipt` is an answer as JSON. They are no part of the library: copies leave them out.
CREATE TABLE turns (
    conversation TEXT NOT NULL, number INTEGER NOT NULL, owner TEXT NOT NULL, made TEXT NOT NULL,
    question TEXT NOT NULL, receipt TEXT NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (conversation, number)
) WITHOUT ROWID;
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
TOKENIZER = "porter unicode61 remove_diacritics 2"  # of the word index
# What each table's checksum is made of, beside the embedding's own.
_SEALED = {
    "documents": "id, path, title, sha256, text, pages, added",
    "passages": "id, document, start, end, sentences, heading, context, text",
    "roots": "path",
    "tags": "document, tag",
    "turns": "conversation, number, owner, made, question, receipt",
}
# By format, what makes it the next one. Format 1 had no pages, no roots and no checksums, format 2 no tags, format 3 no
# turns.
_MIGRATIONS = {
    "1": (
        "ALTER TABLE documents ADD COLUMN pages TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE documents ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE passages ADD COLUMN embedding_checksum INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE passages ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE passages DROP COLUMN page",
        "CREATE TABLE roots (path TEXT PRIMARY KEY, checksum INTEGER NOT NULL) WITHOUT ROWID",
        f"UPDATE documents SET checksum = checksum_of({_SEALED['documents']})",  # noqa: S608
        f"UPDATE passages SET checksum = checksum_of({_SEALED['passages']})",  # noqa: S608
        "UPDATE passages SET embedding_checksum = checksum_of(embedding)",
    ),
    "2": (
        "CREATE TABLE tags (document TEXT NOT NULL, tag TEXT NOT NULL, checksum INTEGER NOT NULL,"
        " PRIMARY KEY (document, tag)) WITHOUT ROWID",
    ),
    "3": (
        "CREATE TABLE turns (conversation TEXT NOT NULL, number INTEGER NOT NULL, owner TEXT NOT NULL,"
        " made TEXT NOT NULL, question TEXT NOT NULL, receipt TEXT NOT NULL, checksum INTEGER NOT NULL,"
        " PRIMARY KEY (conversation, number)) WITHOUT ROWID",
    ),
}
# How SQLite's errors of use begin when it is the file that is damaged.
_DAMAGE = (
    "Could not decode",
    "no such table",
    "no such fts5 table",
    "no such column",
    "vtable constructor failed",
    "invalid fts5",
    "user-",
)
# How many passages, spread over all, must be found by a word of theirs.
_SAMPLE = 200
# How long a reader waits for a ledger that its owner is making.
_SECONDS_TO_BE_MADE = 2.0


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
class Turn:
    """A question of a conversation, from 1, and its answer as JSON; `owner` is who asked, "" where nobody signs in."""

    conversation: str
    number: int
    owner: str
    made: str
    question: str
    receipt: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A line of the list of conversations; `question` is the first one, `made` the time of the last."""

    id: str
    question: str
    turns: int
    made: str


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
        self.path = path
        self._read_only = read_only
        self._lock = threading.RLock()
        counted = self._counted()
        with self._errors():
            if read_only:
                self._await()
            self._db = self._connected("mode=ro" if read_only else "mode=rwc")
            try:
                if self._read_only:
                    self._share()
                else:
                    self._prepare()
                self._must_read_format()
                self._must_hold(counted)
            except BaseException:
                self._db.close()
                raise

    def _connected(self, parameters: str) -> sqlite3.Connection:
        address = f"{self.path.resolve().as_uri()}?{parameters}"
        db = sqlite3.connect(address, uri=True, timeout=5.0, check_same_thread=False, isolation_level=None)
        db.create_function("checksum_of", -1, _checksum, deterministic=True)
        return db

    def _await(self) -> None:
        """A reader may come before its owner has made the file."""
        end = time.monotonic() + _SECONDS_TO_BE_MADE
        while self._is_unmade() and time.monotonic() < end:
            time.sleep(0.02)

    def _is_unmade(self) -> bool:
        if not self.path.is_file():
            return True
        try:
            with closing(self._connected("mode=ro")) as db:
                return not db.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.Error:
            return False

    def _share(self) -> None:
        """Where nothing can be written, SQLite cannot make the files that readers share with a writer."""
        try:
            self._db.execute("SELECT 1 FROM sqlite_master")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise
            self._db.close()
            log = self.path.with_name(f"{self.path.name}-wal")
            if log.exists() and log.stat().st_size:  # what it holds is read without those files by one process alone
                self._db = self._connected("mode=rw")
                self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            else:
                self._db = self._connected("mode=ro&immutable=1")

    def _prepare(self) -> None:
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        if not self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
            with self.transaction():
                for statement in _statements(_SCHEMA):
                    self._db.execute(statement)
                self._establish()
        elif self.meta("format") in _MIGRATIONS:
            with self.transaction():
                while statements := _MIGRATIONS.get(self.meta("format") or ""):
                    for statement in statements:
                        self._db.execute(statement)
                    self.set_meta("format", str(self._number("format") + 1))
                self._establish()

    def _establish(self) -> None:
        known = {"id": self.meta("id") or uuid.uuid4().hex, "format": str(FORMAT), "schema": self._schema()}
        for key, value in known.items():
            self.set_meta(key, value)

    def _schema(self) -> str:
        return str(_checksum(*(row[0] for row in self._rows("SELECT sql FROM sqlite_master ORDER BY type, name"))))

    def _must_read_format(self) -> None:
        found = self.meta("format")
        if found in _MIGRATIONS:
            raise LibraryError(
                f"{self.path} has format {found}, an older one, and cannot be written now. Open it once where it can: "
                f"pincite --library {self.path.parent} list"
            )
        if found != str(FORMAT):
            raise LibraryError(
                f"{self.path} has format {found}, this version of Pincite reads format {FORMAT}. "
                "Update Pincite, or make a new library with: pincite --library OTHER add FOLDER"
            )

    def _must_hold(self, counted: tuple[str, int]) -> None:
        identity, changes = counted
        lost = changes - self._number("changes")
        if identity == self.meta("id") and lost > 0:
            raise LibraryError(
                f"The library at {self.path.parent} lacks its last {lost} changes: {self.path.name}-wal is missing or "
                f"damaged. Restore it from a backup; or delete {self._counter}, and read the documents anew with: "
                f"pincite --library {self.path.parent} refresh"
            )

    @property
    def _counter(self) -> Path:
        return self.path.with_name(f"{self.path.name}-changes")

    def _counted(self) -> tuple[str, int]:
        """Which ledger the file beside this one is about, and how many changes that had; ("", 0) if it is unknown."""
        try:
            identity, changes, checksum = self._counter.read_text().split()
            return (identity, int(changes)) if _checksum(identity, changes) == int(checksum) else ("", 0)
        except (OSError, ValueError):
            return "", 0

    def _count(self) -> None:
        """Without it, nothing but the notice of a lost log is lost."""
        identity, changes = str(self.meta("id")), str(self._number("changes"))
        part = self._counter.with_name(f"{self._counter.name}.part")
        with suppress(OSError):
            part.write_text(f"{identity} {changes} {_checksum(identity, changes)}")
            os.replace(part, self._counter)

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
                self.set_meta("changes", str(self._number("changes") + 1))
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite itself ends one that finds the disk full
                    self._db.execute("ROLLBACK")
                raise
            self._count()

    def meta(self, key: str) -> str | None:
        row = self._rows("SELECT value FROM meta WHERE key = ?", key)
        return str(row[0][0]) if row else None

    def set_meta(self, key: str, value: str) -> None:
        self._rows("INSERT INTO meta VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value", key, value)

    @property
    def generation(self) -> int:
        """A number that every change of the passages raises."""
        return self._number("generation")

    def _number(self, key: str) -> int:
        with self._sound(f"its {key}"):
            return int(self.meta(key) or 0)

    def put(self, prepared: Sequence[Prepared]) -> tuple[list[int], list[int]]:
        """Store documents in one transaction, each in place of what it had; the passages that went, and the new ones.

        When this returns they are on the disk.
        """
        gone: list[int] = []
        ids: list[int] = []
        with self.transaction():
            for item in prepared:
                document = item.document
                gone += self.passage_ids(document.id)
                self._rows("DELETE FROM documents WHERE id = ?", document.id)
                self._rows(
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
        cursor = self._db.execute(
            "INSERT INTO passages"
            "(document, start, end, sentences, heading, context, text, embedding, embedding_checksum, checksum)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            (
                document.id, cut.start, cut.end, json.dumps(cut.sentences), cut.heading, context,
                document.text[cut.start : cut.end], embedding, _checksum(embedding),
            ),
        )  # fmt: skip
        self._seal("passages", cursor.lastrowid)
        return int(cursor.lastrowid or 0)

    def _seal(self, table: str, number: object) -> None:
        self._rows(f"UPDATE {table} SET checksum = checksum_of({_SEALED[table]}) WHERE id = ?", number)  # noqa: S608

    def remove(self, document_ids: Sequence[str]) -> list[int]:
        """Remove documents in one transaction; the passages that went."""
        gone: list[int] = []
        with self.transaction():
            for document_id in document_ids:
                gone += self.passage_ids(document_id)
                self._rows("DELETE FROM documents WHERE id = ?", document_id)
                self._rows("DELETE FROM tags WHERE document = ?", document_id)
            self._raise_generation()
        return gone

    def tag(self, document_ids: Iterable[str], tags: Iterable[str]) -> None:
        with self.transaction():
            for document_id, tag in product(document_ids, tags):
                self._rows(
                    "INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", document_id, tag, _checksum(document_id, tag)
                )

    def untag(self, document_ids: Iterable[str], tags: Iterable[str]) -> None:
        with self.transaction():
            for document_id, tag in product(document_ids, tags):
                self._rows("DELETE FROM tags WHERE document = ? AND tag = ?", document_id, tag)

    def move(self, paths: Mapping[str, str]) -> None:
        """Give documents, by id, new paths; two may change places."""
        with self.transaction():
            for document_id in paths:
                self._rows("UPDATE documents SET path = ? WHERE id = ?", f"moving {document_id}", document_id)
            for document_id, path in paths.items():
                self._rows("UPDATE documents SET path = ? WHERE id = ?", path, document_id)
                self._seal("documents", document_id)
            self._raise_generation()

    def add_root(self, path: str) -> None:
        if path not in self.roots():
            with self.transaction():
                self._rows("INSERT INTO roots VALUES (?, ?)", path, _checksum(path))

    def remove_root(self, path: str) -> None:
        if path in self.roots():
            with self.transaction():
                self._rows("DELETE FROM roots WHERE path = ?", path)

    def roots(self) -> list[str]:
        """The files and folders that were added."""
        return [str(row[0]) for row in self._rows("SELECT path FROM roots ORDER BY path")]

    def keep_turn(self, turn: Turn) -> None:
        """In the place of the one of that number and all later ones of its conversation."""
        values = (turn.conversation, turn.number, turn.owner, turn.made, turn.question, turn.receipt)
        with self.transaction():
            self._rows("DELETE FROM turns WHERE conversation = ? AND number >= ?", turn.conversation, turn.number)
            self._rows("INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?, ?)", *values, _checksum(*values))

    def turns(self, owner: str, conversation: str) -> list[Turn]:
        found = self._rows(
            f"SELECT {_SEALED['turns']} FROM turns WHERE owner = ? AND conversation = ? ORDER BY number",  # noqa: S608
            owner,
            conversation,
        )
        with self._sound("a conversation"):
            return [Turn(*row) for row in found]

    def conversations(self, owner: str) -> list[Conversation]:
        """The latest first; each is called by its first question."""
        found = self._rows(
            "SELECT conversation, question, count(*), max(made), min(number) FROM turns WHERE owner = ? "
            "GROUP BY conversation ORDER BY max(made) DESC, conversation",
            owner,
        )
        with self._sound("a conversation"):
            return [Conversation(*row[:4]) for row in found]

    def forget(self, owner: str, conversation: str) -> None:
        with self.transaction():
            self._rows("DELETE FROM turns WHERE owner = ? AND conversation = ?", owner, conversation)

    def _raise_generation(self) -> None:
        self.set_meta("generation", str(self.generation + 1))

    def replace_embeddings(self, ids: Iterable[int], rows: Matrix, fingerprint: str) -> None:
        with self.transaction():
            for passage_id, row in zip(ids, rows, strict=True):
                embedding = row.astype("<f4").tobytes()
                self._rows(
                    "UPDATE passages SET embedding = ?, embedding_checksum = ? WHERE id = ?",
                    embedding, _checksum(embedding), passage_id,
                )  # fmt: skip
            self.set_meta("embedding", fingerprint)
            self._raise_generation()

    def documents(self) -> list[DocumentRow]:
        """Every document, by title."""
        tags: dict[str, tuple[str, ...]] = {}
        for document_id, tag in self._rows("SELECT document, tag FROM tags ORDER BY tag"):
            tags[document_id] = (*tags.get(document_id, ()), tag)
        rows = self._rows(
            "SELECT d.id, d.path, d.title, d.sha256, length(d.text), count(p.id), d.added FROM documents d"
            " LEFT JOIN passages p ON p.document = d.id GROUP BY d.id ORDER BY d.title, d.path"
        )
        return [replace(DocumentRow(*row), tags=tags.get(row[0], ())) for row in rows]

    def document(self, document_id: str) -> Document | None:
        """Raises LibraryError if it is not what was stored."""
        rows = self._rows(f"SELECT checksum, {_SEALED['documents']} FROM documents WHERE id = ?", document_id)  # noqa: S608
        if not rows:
            return None
        checksum, *values = rows[0]
        _, path, title, sha256, text, pages, added = values
        with self._sound(f"the document {path}"):
            if _checksum(*values) != checksum:
                raise ValueError
            return Document(document_id, path, title, text, sha256, tuple(json.loads(pages)), added)

    def passages(self, ids: Sequence[int]) -> dict[int, PassageRow]:
        """Those of these ids that are there. Raises LibraryError if one is not what was stored."""
        rows = self._rows(
            f"SELECT id, checksum, {_SEALED['passages']} FROM passages"  # noqa: S608
            " WHERE id IN (SELECT value FROM json_each(?))",
            json.dumps(list(ids)),
        )
        found = {}
        with self._sound("a passage"):
            for passage_id, checksum, *values in rows:
                _, document, start, end, sentences, heading, _, _ = values
                if _checksum(*values) != checksum:
                    raise ValueError
                spans: tuple[Span, ...] = tuple((a, b) for a, b in json.loads(sentences))
                found[passage_id] = PassageRow(passage_id, document, Cut(start, end, spans, heading))
        return found

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

    def embeddings(self, ids: Sequence[int] | None = None) -> tuple[list[int], Matrix]:
        """Passage ids and their embeddings, shape (passages, dimensions), of all or of some.

        Raises LibraryError if one is not what was stored.
        """
        if ids is None:
            rows = self._rows("SELECT id, embedding, embedding_checksum FROM passages ORDER BY id")
        else:
            rows = self._rows(
                "SELECT id, embedding, embedding_checksum FROM passages"
                " WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
                json.dumps(list(ids)),
            )
        if any(_checksum(embedding) != checksum for _, embedding, checksum in rows):
            raise self._damaged("an embedding is not what was stored")
        matrix = np.frombuffer(b"".join(row[1] for row in rows), "<f4").reshape(len(rows), -1 if rows else 0)
        return [row[0] for row in rows], matrix

    def passages_of(self, documents: Iterable[str]) -> list[int]:
        """The ids of the passages of these documents, by id."""
        rows = self._rows(
            "SELECT id FROM passages WHERE document IN (SELECT value FROM json_each(?))", json.dumps(list(documents))
        )
        return [int(row[0]) for row in rows]

    # The next two read their numbers as one text, in a third of the time or less of a row for each.

    def standing(self, stem: str) -> npt.NDArray[np.int64]:
        """The ids of the passages in which a word with this stem stands, in order, each as often as it stands there."""
        with self._lock:
            self._rows("CREATE VIRTUAL TABLE IF NOT EXISTS temp.standing USING fts5vocab(main, words, instance)")
            ((ids,),) = self._rows("SELECT group_concat(doc) FROM temp.standing WHERE term = ?", stem)
        return _numbers(ids)

    def lengths(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Every passage's id, in order, and how many words it and its context have in the word index."""
        ((given, sizes),) = self._rows("SELECT group_concat(id), group_concat(hex(sz), '') FROM words_docsize")
        with self._sound("its word index"):
            ids = _numbers(given)
            lengths = _varints(bytes.fromhex(sizes or "")).reshape(len(ids), 2).sum(axis=1)
        order = np.argsort(ids, kind="stable")
        return ids[order], lengths[order]

    def rebuild_words(self) -> None:
        """Make the word index anew from the passages. Its tables must be those of an empty one to be opened."""
        with self.transaction(), closing(sqlite3.connect(":memory:")) as empty:
            for statement in _statements(_SCHEMA):
                empty.execute(statement)
            for table in ("words_data", "words_config"):
                self._rows(f"DELETE FROM {table}")  # noqa: S608
                for row in empty.execute(f"SELECT * FROM {table}"):  # noqa: S608
                    self._rows(f"INSERT INTO {table} VALUES (?, ?)", *row)  # noqa: S608
            self._rows("INSERT INTO words(words) VALUES ('rebuild')")

    def problems(self) -> list[str]:
        """What is wrong with the file, its rows and its word index; an empty list is good."""
        with self._lock:
            try:
                found = [row[0] for row in self._db.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]
                for table, columns in _SEALED.items():
                    sql = f"SELECT count(*) FROM {table} WHERE checksum IS NOT checksum_of({columns})"  # noqa: S608
                    (damaged,) = self._db.execute(sql).fetchone()
                    found += [f"{damaged:,} {table} are not what was stored"] if damaged else []
                found += [] if self.meta("schema") == self._schema() else ["its tables are not what was made"]
                if not self.meta("embedding") and self.passage_count:
                    found.append("its embedding model is not known")
                if not found and not self._read_only:  # FTS5 takes its check as an insert
                    self._db.execute("INSERT INTO words(words, rank) VALUES ('integrity-check', 1)")
                if not found and self._unfound():
                    found.append(f"{self._unfound()} passages are not found by their words")
            except (sqlite3.DatabaseError, UnicodeDecodeError, LibraryError) as error:
                return [_one_line(error)]
        return [str(problem) for problem in found]

    def _unfound(self) -> int:
        """How many of some passages are not found by a word of theirs: FTS5's own check misses a lost `words_idx`."""
        ids = self.passage_ids()
        lost = 0
        for passage_id in ids[:: len(ids) // _SAMPLE + 1]:
            ((text,),) = self._rows("SELECT text FROM passages WHERE id = ?", passage_id)
            words = [word for word in re.findall(r"\w+", text) if word.isascii() and word.isalpha()]
            word = max(words, key=len, default="")
            sql = "SELECT 1 FROM words WHERE words MATCH ? AND rowid = ?"
            lost += bool(word) and not self._rows(sql, f'text : "{word}"', passage_id)
        return lost

    def copy(self, path: Path) -> None:
        """Write the ledger but for conversations, compact, into a file that does not exist yet (VACUUM INTO)."""
        try:
            self._db.execute("VACUUM INTO ?", (str(path),))
            with closing(sqlite3.connect(path)) as copy:
                with copy:
                    copy.execute("DELETE FROM turns")
                copy.execute("VACUUM")
        except sqlite3.OperationalError as error:
            raise LibraryError(f"Cannot write {path}: {error}. Make room there, or choose another place.") from error

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock, self._errors():
            return self._db.execute(sql, values).fetchall()

    def _damaged(self, what: str) -> LibraryError:
        library = f"pincite --library {self.path.parent}"
        return LibraryError(
            f"The library at {self.path.parent} is damaged: {what}. Rebuild what is derived with: {library} doctor "
            "--repair; if it still says so, restore the library from a backup, or add the documents to a new one."
        )

    @contextmanager
    def _sound(self, what: str) -> Iterator[None]:
        """Values that are read are of the kind that was stored."""
        try:
            yield
        except (TypeError, ValueError, AttributeError) as error:
            raise self._damaged(f"{what} is not what was stored") from error

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:  # in SQLite's own message
            raise self._damaged("its schema is not text") from error
        except sqlite3.DatabaseError as error:
            if type(error) is sqlite3.DatabaseError or str(error).startswith(_DAMAGE):
                raise self._damaged(_one_line(error)) from error
            raise LibraryError(
                f"Cannot use the library at {self.path.parent}: {_one_line(error)}. "
                "Check its permissions and the free disk space, or choose another place with --library or PINCITE_HOME."
            ) from error


def _checksum(*values: object) -> int:
    """CRC-32 of values and their types: SQLite itself does not notice a changed byte within a row."""
    checksum = 0
    for value in values:
        data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
        checksum = zlib.crc32(data, zlib.crc32(f"{type(value).__name__} {len(data)}".encode(), checksum))
    return checksum


def _numbers(text: str | None) -> npt.NDArray[np.int64]:
    """Whole numbers with commas between them."""
    return np.fromstring(text, np.int64, sep=",") if text else np.empty(0, np.int64)


def _varints(data: bytes) -> npt.NDArray[np.int64]:
    """The numbers of SQLite's variable-length format, of one to three bytes each (up to 2,097,151).

    Seven bits a byte, the highest first; all bytes of a number but its last have the eighth bit set.
    """
    read = np.frombuffer(data, np.uint8).astype(np.int64)
    ends = np.flatnonzero(read < 0x80)
    sizes = np.diff(ends, prepend=-1)
    numbers = read[ends]
    for back in (1, 2):
        longer = sizes > back
        numbers[longer] |= (read[ends[longer] - back] & 0x7F) << (7 * back)
    return numbers


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _statements(script: str) -> Iterator[str]:
    """The statements of a script: `executescript` would end the transaction that it is in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
