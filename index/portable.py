"""A whole library as one file, to carry elsewhere: the ledger, compact. Chroma is built from it where it arrives."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import closing
from pathlib import Path

from index.errors import LibraryError
from index.ledger import Ledger


def write_copy(ledger: Ledger, file: Path) -> None:
    """Raises LibraryError if the file cannot be written; one that is there is replaced when the copy is whole."""
    part = file.with_name(f".{file.name}.part")
    try:
        part.unlink(missing_ok=True)
        ledger.db.copy(part)
        os.replace(part, file)
    except OSError as error:
        raise LibraryError(f"Cannot write {file}: {error.strerror}. Choose another place.") from error
    finally:
        part.unlink(missing_ok=True)


def place_copy(file: Path, library: Path) -> None:
    """Put the ledger from `file` where a library is to be.

    Raises LibraryError if there is one already, or if `file` is no whole library.
    """
    if not file.is_file():
        raise LibraryError(f"No such file: {file}. Give one that was made with: pincite export FILE")
    target = library / "ledger.sqlite"
    if target.exists():
        raise LibraryError(
            f"There is a library at {library} already. Name another place: pincite --library OTHER import"
        )
    part = target.with_suffix(".part")
    try:
        library.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, part)
        problems = _made_own(part)
        if problems:
            raise LibraryError(f"{file} is no whole library: {problems}. Export it again with: pincite export FILE")
        os.replace(part, target)
    except OSError as error:
        raise LibraryError(f"Cannot copy {file} to {library}: {error.strerror}. Choose another place.") from error
    finally:
        part.unlink(missing_ok=True)


def _made_own(file: Path) -> str:
    """What is wrong with it, "" if nothing."""
    try:
        with closing(Ledger(file)) as ledger:
            # A library of its own: copies that share a Chroma server must not take each other's collections away.
            ledger.set_meta("id", uuid.uuid4().hex)
            ledger.embeddings()
            return "; ".join(ledger.problems())
    except LibraryError as error:
        return str(error)
