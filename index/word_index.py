"""The word index (FTS5): it lies inside the ledger and changes in the same transaction, so it cannot disagree."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import numpy as np
import numpy.typing as npt

from index.database import Database
from index.schema import SCHEMA, statements

# How many passages, spread over all, must be found by a word of theirs.
_SAMPLE = 200


class WordIndex:
    """Which words stand in which passage."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # The next two read their numbers as one text, in a third of the time or less of a row for each.

    def standing(self, stem: str) -> npt.NDArray[np.int64]:
        """The ids of the passages in which a word with this stem stands, in order, each as often as it stands there."""
        self._db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.standing USING fts5vocab(main, words, instance)")
        ((ids,),) = self._db.execute("SELECT group_concat(doc) FROM temp.standing WHERE term = ?", stem)
        return _numbers(ids)

    def lengths(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Every passage's id, in order, and how many words it and its context have in the word index."""
        ((given, sizes),) = self._db.execute("SELECT group_concat(id), group_concat(hex(sz), '') FROM words_docsize")
        with self._db.sound("its word index"):
            ids = _numbers(given)
            lengths = _varints(bytes.fromhex(sizes or "")).reshape(len(ids), 2).sum(axis=1)
        order = np.argsort(ids, kind="stable")
        return ids[order], lengths[order]

    def rebuild(self) -> None:
        """Make the word index anew from the passages. Its tables must be those of an empty one to be opened."""
        with self._db.transaction(), closing(sqlite3.connect(":memory:")) as empty:
            for statement in statements(SCHEMA):
                empty.execute(statement)
            for table in ("words_data", "words_config"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608
                for row in empty.execute(f"SELECT * FROM {table}"):  # noqa: S608
                    self._db.execute(f"INSERT INTO {table} VALUES (?, ?)", *row)  # noqa: S608
            self._db.execute("INSERT INTO words(words) VALUES ('rebuild')")

    def problems(self) -> list[str]:
        """What is wrong with it. Raises SQLite's own errors, and LibraryError."""
        if not self._db.read_only:  # FTS5 takes its check as an insert
            self._db.connection.execute("INSERT INTO words(words, rank) VALUES ('integrity-check', 1)")
        lost = self._unfound()
        return [f"{lost} passages are not found by their words"] if lost else []

    def _unfound(self) -> int:
        """How many of some passages are not found by a word of theirs: FTS5's own check misses a lost `words_idx`."""
        ids = [row[0] for row in self._db.execute("SELECT id FROM passages ORDER BY id")]
        lost = 0
        for passage_id in ids[:: len(ids) // _SAMPLE + 1]:
            ((text,),) = self._db.execute("SELECT text FROM passages WHERE id = ?", passage_id)
            words = [word for word in re.findall(r"\w+", text) if word.isascii() and word.isalpha()]
            word = max(words, key=len, default="")
            sql = "SELECT 1 FROM words WHERE words MATCH ? AND rowid = ?"
            lost += bool(word) and not self._db.execute(sql, f'text : "{word}"', passage_id)
        return lost


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
