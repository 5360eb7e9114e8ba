"""Files, folders, addresses and other texts into a library: what changed is read, embedded and stored, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path

import numpy as np

from index.documents import Document, digest, document_id, is_web_address, printable, read_document
from index.embedder import Embedder, LocalEmbedder, Matrix
from index.errors import DocumentError, LibraryError
from index.files import find_files
from index.formats import Parser
from index.ledger import Ledger, Prepared
from index.nearest import Nearest
from index.prepare import Prepare, file_size, prepare_documents
from index.sync import Plan, plan


@dataclass(frozen=True, slots=True)
class Step:
    """How far a long task is: what is done now, how many things of how many, passages held, things that failed."""

    what: str
    done: int
    total: int
    passages: int = 0
    failed: int = 0


Progress = Callable[[Step], None]


@dataclass(slots=True)
class Added:
    """What was done: paths, and for each one that failed the reason, for a duplicate what it equals."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


class Ingest:
    """Every step is one transaction of the ledger, which Chroma follows; one that was stopped can be taken again."""

    def __init__(self, ledger: Ledger, nearest: Nearest, embedder: Embedder) -> None:
        self._ledger = ledger
        self._nearest = nearest
        self._embedder = embedder

    def add(self, path: Path | str, progress: Progress | None = None, *, workers: int = 0) -> Added:
        """Read a file, or every document under a folder. Files are told apart by their content.

        What is there unchanged is left alone, a changed file takes the place of what it was, one that was only moved
        or renamed keeps its id, and the same content is held once. A folder is synchronised: what is gone from it
        goes from the library. In a folder, a file that cannot be read is reported and the others go on; a single one
        raises DocumentError. What is reported as added is on the disk. A web address (http or https) is fetched.
        With `workers`, so many processes read and embed (through Ray, see `index.bulk`); the result is the same.
        """
        if is_web_address(str(path)):
            return self._add_address(str(path), progress)
        report = self._add_files(Path(path), progress, workers)
        self._nearest.complete()
        return report

    def add_documents(self, documents: Iterable[Document], progress: Progress | None = None) -> Added:
        """Take in texts that were read elsewhere, each told apart by its path and content, as files are by `add`."""
        given = {document.path: document for document in documents}
        report = Added()
        made = plan({path: d.sha256 for path, d in given.items()}, self._ledger.documents(), exists=lambda path: True)
        prepare = self._prepare(lambda path: given[path], lambda path: len(given[path].text))
        self._follow(made, prepare, report, progress)
        self._nearest.complete()
        return report

    def refresh(self, progress: Progress | None = None) -> Added:
        """`add` everything again that was ever added. A folder or file that is gone itself is reported, and kept."""
        whole = Added()
        for root in self._ledger.roots():
            try:
                report = self.add(root, progress)
            except DocumentError as error:
                whole.failed.append((root, f"{error} What was read from it is kept; remove it with: pincite remove"))
                continue
            for part in fields(Added):
                getattr(whole, part.name).extend(getattr(report, part.name))
        return whole

    def _add_files(self, path: Path, progress: Progress | None, workers: int) -> Added:
        found = find_files(path)
        report = Added(failed=list(found.failed))
        files: dict[str, str] = {}
        for number, file in enumerate(found.files):
            if progress:
                progress(Step(f"Looking at {printable(file.name)}", number, len(found.files)))
            try:
                files[str(file.resolve())] = digest(file)
            except DocumentError as error:
                report.failed.append((str(file), str(error)))
        root, rows = path.resolve(), self._ledger.documents()
        missing = [row.path for row in rows if root in Path(row.path).parents and not Path(row.path).exists()]
        with self._workers(workers) as prepare:
            self._follow(plan(files, rows, missing=missing), prepare, report, progress)
        if path.is_file() and report.failed:
            raise DocumentError(report.failed[0][1])
        self._ledger.add_root(str(root))
        return report

    def _add_address(self, address: str, progress: Progress | None) -> Added:
        from index.web import read_address

        with Parser() as parser:
            report = self.add_documents([read_address(address, parser)], progress)
        self._ledger.add_root(address)
        return report

    @contextmanager
    def _workers(self, count: int) -> Iterator[Prepare]:
        """What reads, cuts and embeds files: this process, or several others."""
        if count:
            from index.bulk import Workers

            if self._embedder.fingerprint != LocalEmbedder.fingerprint:
                raise LibraryError("Workers embed with the model that ships. Unset PINCITE_EMBEDDING, or add without.")
            with Workers(count) as workers:
                yield workers.prepare
        else:
            with Parser() as parser:
                yield self._prepare(lambda path: read_document(Path(path), parser), file_size)

    def _prepare(self, read: Callable[[str], Document], size: Callable[[str], int]) -> Prepare:
        return partial(prepare_documents, read=read, size=size, embedder=self._embedder)

    def _follow(self, plan: Plan, prepare: Prepare, report: Added, progress: Progress | None) -> None:
        report.unchanged += [row.path for row in plan.unchanged]
        report.duplicates += plan.duplicates
        if plan.gone:
            self._nearest.apply(gone=self._ledger.remove([row.id for row in plan.gone]))
            report.removed += [row.path for row in plan.gone]
        if plan.moved:
            self._ledger.move({row.id: path for row, path in plan.moved})
            self._nearest.apply()
            report.moved += [path for _, path in plan.moved]
        changed = {path: row.id for row, path in plan.changed}
        paths = [*changed, *plan.added]
        taken = {row.id for row in self._ledger.documents()}
        if progress and paths:
            progress(Step("Reading", 0, len(paths), self._ledger.passage_count, len(report.failed)))
        for batch in prepare(paths, lambda path, reason: report.failed.append((path, reason))):
            self._put([replace(item, document=_named(item.document, changed, taken)) for item in batch])
            for item in batch:
                path = item.document.path
                (report.changed if path in changed else report.added).append(path)
            if progress:
                done = len(report.changed) + len(report.added)
                progress(Step("Reading", done, len(paths), self._ledger.passage_count, len(report.failed)))

    def _put(self, batch: Sequence[Prepared]) -> None:
        if self._ledger.meta("embedding") is None:
            self._ledger.set_meta("embedding", self._embedder.fingerprint)
        gone, ids = self._ledger.put(batch)
        rows: Matrix = np.concatenate([item.rows for item in batch])
        self._nearest.apply(gone, ids, rows)


def _named(document: Document, changed: Mapping[str, str], taken: set[str]) -> Document:
    """With its id in the library: a path's own may be taken by a document that was there and has moved away."""
    if document.path in changed:
        return replace(document, id=changed[document.path])
    if document.id in taken:
        return replace(document, id=document_id(f"{document.path} {document.sha256}"))
    return document
