"""The folders of one series, the documents in them, and the task of a process that works there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Held = dict[str, str]  # path to the SHA-256 of its content


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of one series: documents to read, every text that was ever written, what is stored, the journal."""

    work: Path

    @property
    def texts(self) -> Path:
        return self.work / "texts"

    @property
    def loose(self) -> Path:
        """Files that are added one by one."""
        return self.work / "loose"

    @property
    def pool(self) -> Path:
        """Texts by their SHA-256."""
        return self.work / "pool"

    @property
    def store(self) -> Path:
        return self.work / "store"

    @property
    def before(self) -> Path:
        """What was stored before the check."""
        return self.work / "before"

    @property
    def journal(self) -> Path:
        return self.work / "journal.jsonl"

    @property
    def trace(self) -> Path:
        return self.work / "trace"

    @property
    def result(self) -> Path:
        return self.work / "result.json"

    def make(self) -> Place:
        for folder in (self.texts, self.loose, self.pool):
            folder.mkdir(parents=True, exist_ok=True)
        return self

    def text(self, sha: str) -> str | None:
        file = self.pool / sha
        return file.read_text(encoding="utf-8") if file.is_file() else None


def on_disk(folder: Path) -> Held:
    """The documents in a folder."""
    files = sorted(path for path in folder.iterdir() if path.suffix == ".md" and not path.name.startswith("."))
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@dataclass(frozen=True, slots=True)
class Task:
    """What a process does at `work`, in plain values: a series of operations on a store, or the check of what is left.

    A series does `kinds`, or goes on for ever, and kills itself at the `fatal`th step boundary. A check, asked for at
    `started` (monotonic seconds), looks for `sample` passages, may complete the index and go on with a copy; what has
    a problem is put into the folder `keep`.
    """

    work: str
    store: str
    seed: int
    round: int
    passages: int
    dimensions: int
    sample: int
    keep: str
    complete: bool
    copy: bool = True
    kinds: Sequence[str] = ()
    fatal: int = 0
    started: float | None = None

    @property
    def place(self) -> Place:
        return Place(Path(self.work))
