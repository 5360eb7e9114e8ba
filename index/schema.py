"""The ledger's tables, what the checksum of a row is made of, and how a ledger of an older format becomes this one."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator

FORMAT = 4
TOKENIZER = "porter unicode61 remove_diacritics 2"  # of the word index
SCHEMA = f"""
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
    context, text, content='passages', content_rowid='id', tokenize='{TOKENIZER}'
);
CREATE TRIGGER passage_added AFTER INSERT ON passages BEGIN
    INSERT INTO words(rowid, context, text) VALUES (new.id, new.context, new.text);
END;
CREATE TRIGGER passage_removed AFTER DELETE ON passages BEGIN
    INSERT INTO words(words, rowid, context, text) VALUES ('delete', old.id, old.context, old.text);
END;
"""  # noqa: S608
# What each table's checksum is made of, beside the embedding's own.
SEALED = {
    "documents": "id, path, title, sha256, text, pages, added",
    "passages": "id, document, start, end, sentences, heading, context, text",
    "roots": "path",
    "tags": "document, tag",
    "turns": "conversation, number, owner, made, question, receipt",
}
# By format, what makes it the next one. Format 1 had no pages, no roots and no checksums, format 2 no tags, format 3 no
# turns.
MIGRATIONS = {
    "1": (
        "ALTER TABLE documents ADD COLUMN pages TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE documents ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE passages ADD COLUMN embedding_checksum INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE passages ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE passages DROP COLUMN page",
        "CREATE TABLE roots (path TEXT PRIMARY KEY, checksum INTEGER NOT NULL) WITHOUT ROWID",
        f"UPDATE documents SET checksum = checksum_of({SEALED['documents']})",  # noqa: S608
        f"UPDATE passages SET checksum = checksum_of({SEALED['passages']})",  # noqa: S608
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


def checksum(*values: object) -> int:
    """CRC-32 of values and their types: SQLite itself does not notice a changed byte within a row."""
    crc = 0
    for value in values:
        data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
        crc = zlib.crc32(data, zlib.crc32(f"{type(value).__name__} {len(data)}".encode(), crc))
    return crc


def statements(script: str) -> Iterator[str]:
    """The statements of a script: `executescript` would end the transaction that it is in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
