"""The library's page: files and addresses are added, documents listed, removed and read again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from queue import SimpleQueue
from threading import Thread

from gradio.utils import get_upload_folder

from index import Added, DocumentError, PinciteError, Progress, Step
from index.documents import digest, is_web_address, printable
from ui.desk import Desk
from ui.pages import Upload, uploads_html
from ui.shell import count

_LONGEST_NAME = 120


def _uploads(desk: Desk) -> Path:
    """Where files lie that came through the window, each in a folder named by its content."""
    return desk.library.path / "uploads"


def add_files(desk: Desk, files: Sequence[str]) -> Iterator[str]:
    """The page's account of it, as it goes on. A file that fails leaves the others, and the library, as they are."""
    uploads = [Upload(Path(file).name) for file in files]
    yield uploads_html(uploads)
    for number, file in enumerate(files):
        kept = None
        try:
            kept = _kept(_uploads(desk), Path(file))
            for step, said in _taken_in(desk, kept):
                uploads[number] = replace(uploads[number], said=said)
                yield uploads_html(uploads, step)
        except (PinciteError, OSError) as error:
            uploads[number] = replace(uploads[number], said=_said(error, kept), failed=True)
            _discard(desk, kept)
            yield uploads_html(uploads)
    desk.suggestions.renew()


def add_address(desk: Desk, address: str) -> Iterator[str]:
    address = address.strip()
    upload = Upload(address or "The address")
    yield uploads_html([upload], "Fetching")
    try:
        if not is_web_address(address):
            raise DocumentError("This is no address of a web page. Paste one that begins with https://")
        for step, said in _taken_in(desk, address):
            upload = replace(upload, said=said)
            yield uploads_html([upload], step)
    except PinciteError as error:
        yield uploads_html([replace(upload, said=str(error), failed=True)])
    desk.suggestions.renew()


def read_again(desk: Desk) -> Iterator[str]:
    """Everything that was ever added is looked at again."""
    upload = Upload("All documents")
    yield uploads_html([upload], "Looking")
    try:
        for item in _watched(desk.library.refresh):
            if isinstance(item, Step):
                yield uploads_html([upload], f"{item.what}, {item.done:,} of {item.total:,}")
            else:
                yield uploads_html([replace(upload, said=_changes(item)), *map(_failure, item.failed)])
                desk.suggestions.renew()
    except PinciteError as error:
        yield uploads_html([replace(upload, said=str(error), failed=True)])


def _changes(report: Added) -> str:
    done = {"new": report.added, "changed": report.changed, "moved": report.moved, "removed": report.removed}
    return ", ".join(f"{len(names):,} {verb}" for verb, names in done.items() if names) or "nothing has changed"


def _failure(failed: tuple[str, str]) -> Upload:
    path, reason = failed
    return Upload(Path(path).name, reason.replace(path, Path(path).name), failed=True)


def remove(desk: Desk, document: str) -> None:
    """Raises PinciteError."""
    row = desk.library.remove(document)
    _discard(desk, Path(row.path))
    desk.suggestions.renew()


def _taken_in(desk: Desk, what: Path | str) -> Iterator[tuple[str, str]]:
    """Pairs of what is done now, and, last, of what came of it."""
    for item in _watched(lambda show: desk.library.add(what, show)):
        if isinstance(item, Step):
            yield (f"{item.what}, {count(item.passages, 'passage')}" if item.passages else item.what), ""
        elif item.failed:
            raise DocumentError(item.failed[0][1])
        else:
            yield "", _outcome(desk, item)


def _watched(task: Callable[[Progress], Added]) -> Iterator[Step | Added]:
    """The steps of a long task as it takes them; then what it gave, or raised."""
    items: SimpleQueue[Step | Added | BaseException] = SimpleQueue()

    def work() -> None:
        try:
            items.put(task(items.put))
        except BaseException as error:
            items.put(error)

    Thread(target=work, daemon=True).start()
    while isinstance(item := items.get(), Step):
        yield item
    if isinstance(item, BaseException):
        raise item
    yield item


def _outcome(desk: Desk, report: Added) -> str:
    rows = {row.path: row for row in desk.library.documents()}
    for verb, paths in (("Added", report.added), ("Read again, it had changed", report.changed)):
        for path in paths:
            return f"{verb}: {count(rows[path].passages, 'passage')}" if path in rows else verb
    for _, other in report.duplicates:
        return f"Already here, as {rows[other].title if other in rows else Path(other).name}"
    return "Already here, unchanged"


def _kept(folder: Path, file: Path) -> Path:
    """The uploaded file, moved to where the library can read it again."""
    if not file.resolve().is_relative_to(Path(get_upload_folder()).resolve()):
        raise DocumentError("This file was not uploaded here. Choose it again.")
    name = printable(PureWindowsPath(file.name).name)[-_LONGEST_NAME:].lstrip(".") or "document"
    kept = folder / digest(file)[:16] / name
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(file, kept)
    return kept


def _discard(desk: Desk, kept: Path | None) -> None:
    """A copy of ours that no document is read from any more."""
    folder = _uploads(desk).resolve()
    if kept is None or not kept.resolve().is_relative_to(folder):
        return
    if any(row.path == str(kept.resolve()) for row in desk.library.documents()):
        return
    shutil.rmtree(kept.parent, ignore_errors=True)


def _said(error: Exception, kept: Path | None) -> str:
    """Without where files lie on the server."""
    if isinstance(error, OSError):
        return "It could not be stored. The terminal that runs Pincite says more."
    return str(error).replace(str(kept), kept.name) if kept else str(error)
