"""Which documents are meant: by name, by tag, by the days on which they were added."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path

from index.errors import DocumentError
from index.ledger import DocumentRow


def no_document(name: str) -> DocumentError:
    return DocumentError(f"No document {name!r} in the library. See what it holds with: pincite list")


def find(rows: Sequence[DocumentRow], name: str) -> DocumentRow:
    """The one of this id, path, title or file name. Raises DocumentError if there is none, or more than one."""
    place = _resolved(name)
    named = [row for row in rows if _is(row, name, place)] or [row for row in rows if _is_called(row, name)]
    if not named:
        raise no_document(name)
    if len(named) > 1:
        ids = ", ".join(row.id for row in named)
        raise DocumentError(f"{len(named)} documents are called {name!r}. Name one by its id: {ids}")
    return named[0]


def chosen(
    rows: Sequence[DocumentRow],
    names: Sequence[str],
    tags: Collection[str] = (),
    since: date | None = None,
    until: date | None = None,
) -> list[DocumentRow]:
    """Those that any of the names stands for (an id, path, title, or a folder), that bear every tag, and that were
    added from one day to another.

    Raises DocumentError if a name or a tag stands for none, or if nothing is left.
    """
    tags = [one_tag(tag) for tag in tags]
    found: dict[str, DocumentRow] = {}
    for name in names:
        place = _resolved(name)
        named = [
            row for row in rows if _is(row, name, place) or _is_called(row, name) or place in Path(row.path).parents
        ]
        if not named:
            raise DocumentError(f"No document or folder {name!r} in the library. See what it holds with: pincite list")
        found |= {row.id: row for row in named}
    known = {tag for row in rows for tag in row.tags}
    unknown = [tag for tag in tags if tag not in known]
    if unknown:
        held = f"It has: {', '.join(sorted(known))}." if known else "Tag documents with: pincite tag DOCUMENT TAG"
        raise DocumentError(f"No document in the library is tagged {unknown[0]!r}. {held}")
    first, last = since.isoformat() if since else "", until.isoformat() if until else "9999"
    tagged = [row for row in (found.values() if names else rows) if {*tags} <= {*row.tags}]
    kept = [row for row in tagged if first <= row.added[:10] <= last]
    if rows and not tagged:
        raise DocumentError(f"No such document bears {' and '.join(map(repr, tags))}. See the tags with: pincite list")
    if rows and not kept:
        days = sorted(row.added[:10] for row in tagged)
        raise DocumentError(
            f"No such document was added in that time; these were from {days[0]} to {days[-1]}. Choose other days."
        )
    return kept


def _resolved(name: str) -> Path | None:
    """The file or folder of this name; None if no file can have it."""
    try:
        return Path(name).resolve()
    except (OSError, ValueError, RuntimeError):  # it holds a null character, or a loop of links
        return None


def _is(row: DocumentRow, name: str, place: Path | None) -> bool:
    return name in (row.id, row.path) or place == Path(row.path)


def _is_called(row: DocumentRow, name: str) -> bool:
    return name in (row.title, Path(row.path).name)


def one_tag(text: str) -> str:
    """In one line and without spaces around it. Raises DocumentError if nothing is left."""
    tag = " ".join(text.split())
    if not tag:
        raise DocumentError("A tag has no characters. Give a word, such as: minutes")
    return tag
