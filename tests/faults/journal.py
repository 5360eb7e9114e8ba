"""The journal of what was acknowledged, and what is found held against it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.place import Held


@dataclass(slots=True)
class Known:
    """What a journal says: what is held for certain, and what the operation in flight wanted to be held."""

    held: Held = field(default_factory=dict)
    model: int = 0
    target: Held | None = None
    target_model: int = 0
    phase: str = "start"
    operations: int = 0
    errors: list[str] = field(default_factory=list)


class Journal:
    """Lines of JSON, each on the disk when `note` returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def note(self, **entry: object) -> None:
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    @staticmethod
    def begin(path: Path, held: Held, model: int) -> None:
        """A new journal, of a series that starts from what was found."""
        path.unlink(missing_ok=True)
        journal = Journal(path)
        journal.note(checked=held, model=model)
        journal.close()

    def close(self) -> None:
        self._file.close()

    @staticmethod
    def read(path: Path) -> Known:
        known = Known()
        lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []  # a line without its end was not noted
        for entry in map(json.loads, lines):
            if "error" in entry:
                known.errors.append(entry["error"])
            elif "began" in entry:
                known.phase, known.target, known.target_model = entry["began"], entry["target"], entry["model"]
            elif "ready" in entry:
                known.phase = "between"
            else:
                done = "done" in entry
                known.operations += done
                known.phase, known.target = "between" if done else "start", None
                known.held, known.model = entry["done" if done else "checked"], entry["model"]
        return known


def compare(known: Known, found: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """What was acknowledged and is lost, and what is there in a state that nobody asked for.

    A document must be as it was acknowledged, or as the operation in flight was to leave it.
    """
    held = known.held
    target = held if known.target is None else known.target
    wanted = Counter(target.values())
    lost = []
    for path, content in held.items():
        if content in found.values():
            continue
        new = target.get(path)
        replaced = new is not None and new not in held.values() and wanted[new] == 1
        if content in wanted or (replaced and found.get(path) != new):
            lost.append(path)
    wrong = [path for path, content in found.items() if content not in (held.get(path), target.get(path))]
    return lost, wrong
