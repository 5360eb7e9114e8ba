"""What `pincite doctor` looks at: every line a finding, and where it is bad, its cure."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from index.documents import is_web_address
from index.errors import LibraryError
from index.ledger import Ledger
from index.nearest import Nearest

# A rebuild writes a second index beside the first one.
_FREE_BYTES = 200 * 2**20


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check-up. `cure` is what to do where `ok` is false."""

    ok: bool
    text: str
    cure: str = ""


def findings(path: Path, ledger: Ledger, nearest: Nearest, fingerprint: str, refusal: str) -> Iterator[Finding]:
    """`fingerprint` names the embedding model in use; `refusal` says why this process may not write, if it may not."""
    from importlib.metadata import version

    repair = f"pincite --library {path} doctor --repair"
    anew = "restore it from a backup, or add the documents to a new library"
    yield Finding(
        True,
        f"versions: pincite {version('pincite')}, Python {sys.version.split()[0]}, "
        f"SQLite {sqlite3.sqlite_version}, chromadb {version('chromadb')}",
    )
    yield Finding(True, f"embedding model: {ledger.meta('embedding') or fingerprint}")
    rows = ledger.documents()
    yield Finding(True, f"{len(rows):,} documents, {ledger.passage_count:,} passages")
    problems = ledger.problems()
    yield Finding(not problems, f"ledger and word index: {'; '.join(problems) or 'sound'}", anew)
    damaged = _damaged(ledger)
    yield Finding(not damaged, f"stored texts and embeddings: {damaged or 'as they were stored'}", anew)
    away = [row.path for row in rows if not is_web_address(row.path) and not Path(row.path).exists()]
    if away:
        yield Finding(
            True, f"{len(away):,} documents whose files are no longer there; what was read is kept: {away[0]}"
        )
    free = shutil.disk_usage(path).free
    yield Finding(free > _FREE_BYTES, f"free disk: {free / 2**30:,.1f} GiB", f"make room on the disk that holds {path}")
    if refusal:
        yield Finding(True, f"Chroma: not checked. {refusal}")
        return
    problem = nearest.problem()
    yield Finding(not problem, f"Chroma: {problem or 'equal to the ledger, and passages find themselves'}", repair)


def _damaged(ledger: Ledger) -> str:
    try:
        ledger.embeddings()
        for row in ledger.documents():
            ledger.document(row.id)
    except LibraryError as error:
        return str(error)
    return ""
