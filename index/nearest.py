"""The passages nearest to a vector: by Chroma while it is known to equal the ledger, else by exact search.

Chroma is a cache in generations. A new one is built beside the old one, verified, and switched to by one transaction
of the ledger, which also notes up to which of its own generations Chroma is complete, and what its files held then.
Files that hold something else are not opened at all, because a damaged one may take its process down, at once or at a
later search. Chroma writes its files only when it is opened or changed, so the note stays true while it is searched.
"""

from __future__ import annotations

import json
import shutil
import threading
import uuid
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

from index.embedder import Matrix
from index.errors import LibraryError
from index.ledger import Ledger
from index.recall import difference, most_apart, put
from index.vectors import ChromaVectors, ExactVectors

_NOTE = "vectors"


@dataclass(frozen=True, slots=True)
class _Note:
    """What the ledger knows of Chroma: its folder or collection, complete up to which generation, how many vectors, of
    every file its size and CRC-32, and the passages that it holds and does not find by their own vectors.
    """

    name: str
    generation: int
    count: int
    files: dict[str, list[int]] = field(default_factory=dict)
    apart: list[int] = field(default_factory=list)


class Nearest:
    """Safe to share between threads. `server` is the address of a Chroma server; without one it lies in `folder`."""

    def __init__(self, ledger: Ledger, folder: Path, *, writable: bool, server: str | None = None) -> None:
        self._ledger = ledger
        self._folder = folder
        self._writable = writable
        self._server = server
        self._lock = threading.RLock()  # of what this object remembers
        self._writing = threading.RLock()  # of Chroma's content; a search waits for neither of a build's seconds
        self._chroma: ChromaVectors | None = None
        self._opened_name = ""
        self._refused = -1  # the generation at which Chroma was found wanting
        self._exact = lru_cache(maxsize=1)(self._load_exact)
        self._apart = lru_cache(maxsize=1)(self._load_apart)
        self._read_note = lru_cache(maxsize=1)(self._parse_note)
        self._sum = lru_cache(maxsize=256)(_crc32)

    def search(self, row: Matrix, k: int, among: frozenset[int] | None = None) -> list[tuple[int, float]]:
        """The `k` nearest (passage id, cosine), nearest first; `among` these ids."""
        chroma = self._trusted()
        if chroma:
            try:
                found = chroma.search(row, k, among)
                apart = self._of_those_apart(row, k, among)
                return _nearest([*found, *apart], k) if apart else found
            except LibraryError:
                self._distrust(chroma)
        return self._exact(self._ledger.generation).search(row, k, among)

    def _load_exact(self, generation: int) -> ExactVectors:
        return ExactVectors(*self._ledger.embeddings())

    def _load_apart(self, generation: int, apart: tuple[int, ...]) -> ExactVectors:
        return ExactVectors(*self._ledger.embeddings(apart))

    def _of_those_apart(self, row: Matrix, k: int, among: frozenset[int] | None) -> list[tuple[int, float]]:
        note = self._note()
        if note is None or not note.apart:
            return []
        return self._apart(note.generation, tuple(note.apart)).search(row, k, among)

    def apply(self, gone: Sequence[int] = (), ids: Sequence[int] = (), rows: Matrix | None = None) -> None:
        """Follow one change that the ledger has committed. Raises LibraryError if a Chroma server fails."""
        with self._writing:
            generation, chroma, note = self._ledger.generation, self._trusted(behind=1), self._note()
            if chroma is None or note is None or note.generation != generation - 1 or not self._is_as_noted(note):
                return self.build()
            count = note.count - len(gone) + len(ids)
            try:
                chroma.remove(gone)
                apart = sorted({*note.apart} - {*gone} | {*([] if rows is None else put(chroma, ids, rows))})
                sound = len(apart) <= most_apart(count)
            except LibraryError:
                sound = False
            if not sound:
                self._distrust(chroma)
                return self.build()
            return self._write_note(note.name, generation, count, apart)

    def build(self) -> None:
        """Build the next generation beside this one, verify it and switch to it. Raises LibraryError."""
        with self._writing:
            generation, (ids, matrix) = self._ledger.generation, self._ledger.embeddings()
            old = self._note()
            name, built, apart = self._new(ids, matrix)
            with self._lock:
                self.close()
                self._chroma, self._opened_name = built, name
                self._exact.cache_clear()
                self._write_note(name, generation, len(ids), apart)
            self._erase(old.name if old else "")

    def _new(self, ids: Sequence[int], matrix: Matrix) -> tuple[str, ChromaVectors, list[int]]:
        """The next generation: its name, its collection, and the passages that it does not find."""
        name = self._next_name()
        built = self._opened(name, create=True)
        try:
            apart = put(built, ids, matrix)
            count = built.count()
            if count != len(ids) or len(apart) > most_apart(count):
                raise LibraryError(
                    f"A new vector index is wrong: of {len(ids):,} passages it holds {count:,} and does not find "
                    f"{len(apart):,}. Try again: pincite doctor --repair"
                )
            return name, built, apart
        except BaseException:
            built.close()
            self._erase(name)
            raise

    def complete(self) -> None:
        """Build Chroma if it does not equal the ledger; where this process may not write, leave it."""
        if self._writable and not self.is_current():
            self.build()

    def is_current(self) -> bool:
        """Whether Chroma answers; if not, exact search does, until `build`."""
        return self._trusted() is not None

    def problem(self) -> str:
        """What a thorough look at Chroma finds wrong; empty if it equals the ledger."""
        chroma, note = self._trusted(), self._note()
        if chroma is None or note is None:
            return "not complete, exact search answers in its place"
        try:
            problem = difference(chroma, *self._ledger.embeddings(), note.apart)
        except LibraryError as error:
            problem = str(error)
        if problem:
            self._distrust(chroma)
        return problem

    def close(self) -> None:
        with self._lock:
            if self._chroma is not None:
                self._chroma.close()
                self._chroma = None

    def _trusted(self, *, behind: int = 0) -> ChromaVectors | None:
        """Chroma, if it is complete up to `behind` generations before the ledger's, and sound."""
        with self._lock:
            note, generation = self._note(), self._ledger.generation
            if note is None or note.generation != generation - behind:
                return None
            if self._chroma is not None and self._opened_name != note.name:  # the owner has built another
                self.close()
            if self._chroma is None and self._refused != generation:
                self._chroma, self._opened_name = self._found(note), note.name
                self._refused = generation if self._chroma is None else -1
            return self._chroma

    def _found(self, note: _Note) -> ChromaVectors | None:
        chroma: ChromaVectors | None = None
        try:
            if self._server:
                chroma = self._opened(note.name)
                if chroma.count() == note.count:
                    return chroma
                chroma.close()
                return None
            if not self._writable:
                return None  # two processes on one folder of Chroma's corrupt it
            self._sweep(note.name)
            if not self._is_as_noted(note):
                return None
            chroma = self._opened(note.name)
            ids, rows = self._ledger.embeddings(self._ledger.passage_ids()[:1])
            if ids:
                chroma.search(rows[0], 1)  # now its files are in memory: what happens to them later does no harm
        except LibraryError:
            if chroma:
                chroma.close()
            return None
        with suppress(LibraryError):  # a full disk: without the note this Chroma is not opened again, and is rebuilt
            self._write_note(note.name, note.generation, note.count, note.apart)  # opening has written into its files
        return chroma

    def _opened(self, name: str, *, create: bool = False) -> ChromaVectors:
        if self._server:
            return ChromaVectors.on_server(self._server, name, create=create)
        return ChromaVectors.in_folder(self._folder / name, create=create)

    def _distrust(self, chroma: ChromaVectors) -> None:
        with self._lock:
            if self._chroma is chroma:
                self._refused = self._ledger.generation
                self.close()

    def _note(self) -> _Note | None:
        return self._read_note(self._ledger.meta(_NOTE) or "")

    def _parse_note(self, written: str) -> _Note | None:
        try:
            note = _Note(**json.loads(written))
            return note if note.name.startswith("pincite-") == bool(self._server) else None
        except (TypeError, ValueError, AttributeError):
            return None

    def _write_note(self, name: str, generation: int, count: int, apart: Sequence[int]) -> None:
        files = {} if self._server else self._files(name)
        self._ledger.set_meta(_NOTE, json.dumps(asdict(_Note(name, generation, count, files, [*apart]))))

    def _is_as_noted(self, note: _Note) -> bool:
        return bool(self._server) or (bool(note.files) and self._files(note.name) == note.files)

    def _next_name(self) -> str:
        """Chroma opens a path once a process, so no name comes twice."""
        return f"{self._prefix}{uuid.uuid4().hex}" if self._server else uuid.uuid4().hex

    def _files(self, name: str) -> dict[str, list[int]]:
        """Size and CRC-32 of every file, by its path within the folder; empty if they cannot be read."""
        folder = self._folder / name
        try:
            found = [(path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
            return {
                path.relative_to(folder).as_posix(): [stat.st_size, self._sum(path, stat.st_size, stat.st_mtime_ns)]
                for path, stat in found
            }
        except OSError:
            return {}

    def _erase(self, name: str) -> None:
        """Remove a generation that is not used. On a server, all but the present one: it may have been away before."""
        if not self._server:
            shutil.rmtree(self._folder / name, ignore_errors=True) if name else None
        elif self._chroma is not None:
            with suppress(LibraryError):  # what is left over on a server takes room and answers nothing
                self._chroma.drop_others(self._prefix)

    @property
    def _prefix(self) -> str:
        """What the names of this library's collections on a server begin with."""
        return f"pincite-{self._ledger.meta('id')}-"

    def _sweep(self, name: str) -> None:
        """Remove what a stopped build, or an earlier layout, left behind."""
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if path.name != name:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _nearest(found: Sequence[tuple[int, float]], k: int) -> list[tuple[int, float]]:
    """The `k` nearest, each passage once."""
    return sorted(dict(found).items(), key=lambda near: -near[1])[:k]


def _crc32(path: Path, size: int, changed: int) -> int:
    """Of a file of this size and time. A gigabyte takes half a second, so an unchanged one is read once."""
    checksum, block = 0, memoryview(bytearray(2**20))
    with path.open("rb", buffering=0) as file:
        while read := file.readinto(block):
            checksum = zlib.crc32(block[:read], checksum)
    return checksum
