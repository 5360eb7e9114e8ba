"""What adding files means, told apart by content: nothing here reads a file or changes a library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from index.ledger import DocumentRow


@dataclass(slots=True)
class Plan:
    """By file: what is new, what takes the place of which document's text, what only has another path now.

    `duplicates` hold, beside the path, the path of the document with the same content; `gone` are documents to remove:
    their files are no longer there, or have become duplicates.
    """

    added: list[str] = field(default_factory=list)
    changed: list[tuple[DocumentRow, str]] = field(default_factory=list)
    moved: list[tuple[DocumentRow, str]] = field(default_factory=list)
    unchanged: list[DocumentRow] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    gone: list[DocumentRow] = field(default_factory=list)


def plan(
    files: Mapping[str, str],
    rows: Iterable[DocumentRow],
    *,
    missing: Iterable[str] = (),
    exists: Callable[[str], bool] = lambda path: Path(path).exists(),
) -> Plan:
    """`files` are paths with the sha256 of what they hold now; `rows` all documents of the library.

    `missing` are the paths, of rows, of which the files are known to be gone. A row whose path is not in `files` is
    held for unchanged if its file `exists`.
    """
    made = Plan()
    rows = list(rows)
    lost = set(missing)

    def stays(row: DocumentRow) -> bool:
        return files[row.path] == row.sha256 if row.path in files else row.path not in lost and exists(row.path)

    by_path = {row.path: row for row in rows}
    staying = {row.id for row in rows if stays(row)}
    holder = {row.sha256: row.path for row in rows if row.id in staying}
    movable = {row.sha256: row for row in rows if row.id not in staying and row.sha256 not in holder}
    settled: set[str] = set()
    new: list[str] = []
    for path, sha256 in files.items():
        row = by_path.get(path)
        if row and row.id in staying:
            made.unchanged.append(row)
            settled.add(row.id)
        elif sha256 in holder:
            made.duplicates.append((path, holder[sha256]))
        else:
            holder[sha256] = path
            if sha256 in movable:
                made.moved.append((movable[sha256], path))
                settled.add(movable[sha256].id)
            else:
                new.append(path)
    for path in new:
        row = by_path.get(path)
        if row and row.id not in settled:  # else its content has moved away, and the path is free
            made.changed.append((row, path))
            settled.add(row.id)
        else:
            made.added.append(path)
    made.gone = [row for row in rows if row.id not in settled and (row.path in files or row.path in lost)]
    return made
