"""One SQLite file, kept whole: opened, brought to the present format, changed all or not at all.

What SQLite would not notice is noticed here: every row has a checksum, and a file beside it counts the changes, because
a lost write-ahead log looks to SQLite like changes that were never made.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from index.errors import LibraryError
from index.schema import FORMAT, MIGRATIONS, SCHEMA, SEALED, checksum, statements

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
# How long a reader waits for a ledger that its owner is making.
_SECONDS_TO_BE_MADE = 2.0


class Database:
    """Safe to share between threads. Raises LibraryError."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self.lock = threading.RLock()
        counted = self._counted()
        with self._errors():
            if read_only:
                self._await()
            self.connection = self._connected("mode=ro" if read_only else "mode=rwc")
            try:
                if self.read_only:
                    self._share()
                else:
                    self._prepare()
                self._must_read_format()
                self._must_hold(counted)
            except BaseException:
                self.connection.close()
                raise

    def _connected(self, parameters: str) -> sqlite3.Connection:
        address = f"{self.path.resolve().as_uri()}?{parameters}"
        db = sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None)
        db.create_function("checksum_of", -1, checksum)
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
            self.connection.execute("SELECT 1 FROM sqlite_master")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise
            self.connection.close()
            log = self.path.with_name(f"{self.path.name}-wal")
            if log.exists() and log.stat().st_size:  # what it holds is read without those files by one process alone
                self.connection = self._connected("mode=rw")
                self.connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            else:
                self.connection = self._connected("mode=ro&immutable=1")

    def _prepare(self) -> None:
        self.connection.execute("PRAGMA foreign_keys = ON")
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        if not self.connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            with self.transaction():
                for statement in statements(SCHEMA):
                    self.connection.execute(statement)
                self._establish()
        elif self.meta("format") in MIGRATIONS:
            with self.transaction():
                while migration := MIGRATIONS.get(str(self.meta("format"))):
                    for statement in migration:
                        self.connection.execute(statement)
                    self.set_meta("format", str(self.number("format") + 1))
                self._establish()

    def _establish(self) -> None:
        known = {"id": self.meta("id") or uuid.uuid4().hex, "format": str(FORMAT), "schema": self._schema()}
        for key, value in known.items():
            self.set_meta(key, value)

    def _schema(self) -> str:
        return str(checksum(*(row[0] for row in self.execute("SELECT sql FROM sqlite_master ORDER BY type, name"))))

    def _must_read_format(self) -> None:
        found = self.meta("format")
        if found in MIGRATIONS:
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
        lost = changes - self.number("changes")
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
            identity, changes, sealed = self._counter.read_text().split()
            return (identity, int(changes)) if checksum(identity, changes) == int(sealed) else ("", 0)
        except (OSError, ValueError):
            return "", 0

    def _count(self) -> None:
        """Without it, nothing but the notice of a lost log is lost."""
        identity, changes = str(self.meta("id")), str(self.number("changes"))
        part = self._counter.with_name(f"{self._counter.name}.part")
        with suppress(OSError):
            part.write_text(f"{identity} {changes} {checksum(identity, changes)}")
            os.replace(part, self._counter)

    def close(self) -> None:
        with self.lock:
            self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing; committed to disk when it ends."""
        with self.lock, self._errors():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.set_meta("changes", str(self.number("changes") + 1))
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:  # SQLite itself ends one that finds the disk full
                    self.connection.execute("ROLLBACK")
                raise
            self._count()

    def meta(self, key: str) -> str | None:
        row = self.execute("SELECT value FROM meta WHERE key = ?", key)
        return str(row[0][0]) if row else None

    def set_meta(self, key: str, value: str) -> None:
        self.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value", key, value)

    def number(self, key: str) -> int:
        with self.sound(f"its {key}"):
            return int(self.meta(key) or 0)

    def problems(self) -> list[str]:
        """What is wrong with the file, its tables and rows. Raises SQLite's own errors, and LibraryError."""
        found = [row[0] for row in self.connection.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]
        for table, columns in SEALED.items():
            sql = f"SELECT count(*) FROM {table} WHERE checksum IS NOT checksum_of({columns})"  # noqa: S608
            (damaged,) = self.connection.execute(sql).fetchone()
            found += [f"{damaged:,} {table} are not what was stored"] if damaged else []
        return found if self.meta("schema") == self._schema() else [*found, "its tables are not what was made"]

    def copy(self, path: Path) -> None:
        """Write the ledger but for conversations, compact, into a file that does not exist yet (VACUUM INTO)."""
        try:
            self.connection.execute("VACUUM INTO ?", (str(path),))
            with closing(sqlite3.connect(path)) as copy:
                with copy:
                    copy.execute("DELETE FROM turns")
                copy.execute("VACUUM")
        except sqlite3.OperationalError as error:
            raise LibraryError(f"Cannot write {path}: {error}. Make room there, or choose another place.") from error

    def execute(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one statement; its rows."""
        with self.lock, self._errors():
            return self.connection.execute(sql, values).fetchall()

    def damaged(self, what: str) -> LibraryError:
        library = f"pincite --library {self.path.parent}"
        return LibraryError(
            f"The library at {self.path.parent} is damaged: {what}. Rebuild what is derived with: {library} doctor "
            "--repair; if it still says so, restore the library from a backup, or add the documents to a new one."
        )

    @contextmanager
    def sound(self, what: str) -> Iterator[None]:
        """Values that are read are of the kind that was stored."""
        try:
            yield
        except (TypeError, ValueError, AttributeError) as error:
            raise self.damaged(f"{what} is not what was stored") from error

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError as error:  # in SQLite's own message
            raise self.damaged("its schema is not text") from error
        except sqlite3.DatabaseError as error:
            if type(error) is sqlite3.DatabaseError or str(error).startswith(_DAMAGE):
                raise self.damaged(one_line(error)) from error
            raise LibraryError(
                f"Cannot use the library at {self.path.parent}: {one_line(error)}. "
                "Check its permissions and the free disk space, or choose another place with --library or PINCITE_HOME."
            ) from error


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
