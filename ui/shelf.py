"""The library's page: files and addresses are added, documents listed, removed and read again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PureWindowsPath

from index import Added, DocumentError, PinciteError, Progress
from index.documents import digest, is_web_address, printable
from ui.desk import Desk, watched
from ui.markup import count
from ui.pages import Upload, uploads_html

_LONGEST_NAME = 120


def uploads_folder(desk: Desk) -> Path:
    """Where files lie that came through the window, each in a folder named by its content."""
    return desk.library.path / "uploads"


def add_files(desk: Desk, files: Sequence[str]) -> Iterator[str]:
    """The page's account of it, as it goes on. A file that fails leaves the others, and the library, as they are."""
    uploads = [Upload(Path(file).name) for file in files]
    yield uploads_html(uploads)
    for number, file in enumerate(files):
        kept = None
        try:
            kept = _kept(uploads_folder(desk), Path(file))
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
    report = Added()

    def refresh(show: Progress) -> None:
        nonlocal report
        report = desk.library.refresh(show)

    upload = Upload("All documents")
    yield uploads_html([upload], "Looking")
    try:
        for step in watched(refresh):
            yield uploads_html([upload], f"{step.what}, {step.done:,} of {step.total:,}")
    except PinciteError as error:
        yield uploads_html([replace(upload, said=str(error), failed=True)])
        return
    done = {"new": report.added, "changed": report.changed, "moved": report.moved, "removed": report.removed}
    said = ", ".join(f"{len(names):,} {verb}" for verb, names in done.items() if names) or "nothing has changed"
    failed = [Upload(Path(path).name, reason.replace(path, Path(path).name), True) for path, reason in report.failed]
    yield uploads_html([replace(upload, said=said), *failed])
    desk.suggestions.renew()


def remove(desk: Desk, document: str) -> None:
    """Raises PinciteError."""
    row = desk.library.remove(document)
    _discard(desk, Path(row.path))
    desk.suggestions.renew()


def _taken_in(desk: Desk, what: Path | str) -> Iterator[tuple[str, str]]:
    """Pairs of what is done now, and, last, of what came of it."""
    report = Added()

    def add(show: Progress) -> None:
        nonlocal report
        report = desk.library.add(what, show)

    for step in watched(add):
        yield (f"{step.what}, {step.passages:,} passages" if step.passages else step.what), ""
    if report.failed:
        raise DocumentError(report.failed[0][1])
    yield "", _outcome(desk, report)


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
    if not file.resolve().is_relative_to(_arrivals()):
        raise DocumentError("This file was not uploaded here. Choose it again.")
    name = printable(PureWindowsPath(file.name).name)[-_LONGEST_NAME:].lstrip(".") or "document"
    kept = folder / digest(file)[:16] / name
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(file, kept)
    return kept


def _arrivals() -> Path:
    from gradio.utils import get_upload_folder

    return Path(get_upload_folder()).resolve()


def _discard(desk: Desk, kept: Path | None) -> None:
    """A copy of ours that no document is read from any more."""
    folder = uploads_folder(desk).resolve()
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
