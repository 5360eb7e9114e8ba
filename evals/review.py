"""Proposals into a suite and before a person: no sample counts until someone has accepted it.

The file is only ever replaced as a whole, so that one who stops, or is stopped, loses nothing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from evals.samples import Sample, SampleError, read_suite, text

Ask = Callable[[Sample, int, int], str]
"""Called with (a proposal, its number from 1, how many there are); returns "a" to accept it, "d" to drop it, "s" to
leave it for later, "q" to stop."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What became of the proposals of a suite; `left` are those that were skipped or not reached."""

    accepted: int
    dropped: int
    left: int


def review(path: Path, ask: Ask) -> Reviewed:
    """Put every proposal of a suite before a person; the file is right after each decision.

    All other lines stay as they are, to the byte. Raises SampleError if `path` is no JSONL file or cannot be written,
    ValueError for a reply that is none.
    """
    proposals = [sample for sample in read_suite(path).samples if not sample.reviewed]
    accepted = dropped = 0
    for number, sample in enumerate(proposals, 1):
        reply = ask(sample, number, len(proposals))
        if reply == "a":
            _put(path, sample.id, replace(sample, reviewed=True).to_line())
            accepted += 1
        elif reply == "d":
            _put(path, sample.id, None)
            dropped += 1
        elif reply == "q":
            break
        elif reply != "s":
            raise ValueError(f"A reply is a, d, s or q, and not {reply!r}.")
    return Reviewed(accepted, dropped, len(proposals) - accepted - dropped)


def append(path: Path, samples: Sequence[Sample]) -> list[Sample]:
    """Add samples at the end of a suite, which is made if there is none; returns those that were added.

    A question that is there already, after the same turns, is left out; an id that is taken becomes the next free one.
    Raises SampleError.
    """
    before = text(path, newline="") if path.exists() else ""
    there = read_suite(path).samples if before.strip() else ()
    ids = {sample.id for sample in there}
    asked = {_asked(sample) for sample in there}
    added = []
    for sample in samples:
        if _asked(sample) in asked:
            continue
        sample = replace(sample, id=_free(sample.id, ids))
        ids.add(sample.id)
        asked.add(_asked(sample))
        added.append(sample)
    if added:
        join = "\n" if before and not before.endswith("\n") else ""
        _write(path, before + join + "".join(f"{sample.to_line()}\n" for sample in added))
    return added


def _put(path: Path, name: str, line: str | None) -> None:
    """The sample of this id as `line`, or gone. The file is read again: it may have changed while a person thought."""
    read_suite(path)
    lines = []
    for old in re.findall(r"[^\n]*\n|[^\n]+$", text(path, newline="")):
        if old.strip() and str(json.loads(old)["id"]) == name:
            ending = old[len(old.rstrip("\r\n")) :]
            lines.append(line + ending if line is not None else "")
        else:
            lines.append(old)
    _write(path, "".join(lines))


def _asked(sample: Sample) -> tuple[str, ...]:
    return tuple(
        " ".join(said.casefold().split()) for said in (*(turn.text for turn in sample.history), sample.question)
    )


def _free(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    stem = re.sub(r"-?\d+$", "", name) or "sample"
    return next(free for number in count(1) if (free := f"{stem}-{number:02d}") not in taken)


def _write(path: Path, content: str) -> None:
    """The whole text or, if that fails, what was there before. Raises SampleError."""
    path = path.resolve()
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with open(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                shutil.copymode(path, name)
            else:
                Path(name).chmod(0o644)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SampleError(f"Cannot write the suite {path}: {error.strerror}. Choose another file.") from error
