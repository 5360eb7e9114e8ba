"""What a killed process leaves behind: `make faults`, or `python -m tests.faults`.

A child process changes a library in a seeded series of operations and notes in a journal what was acknowledged. It is
killed (SIGKILL) at seeded times, or at every step boundary of one fixed series; then another process opens the library
and holds it against the journal. The same series runs on plain embedded Chroma beside it. SIGKILL is no loss of power:
what a process has written the system still has.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import platform
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import version
from multiprocessing import connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click
import numpy as np

from index import EmbeddingMismatch, Library
from index.database import Database
from index.embedder import Matrix
from index.ledger import Ledger
from index.nearest import Nearest
from index.owner import Ownership
from index.passages import cut_passages
from index.vectors import ChromaVectors

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext

ROOT = Path(__file__).resolve().parent.parent
RUNS_HERE = hasattr(signal, "SIGKILL")
WHY_NOT = "Windows has no SIGKILL"

Held = dict[str, str]  # path to the SHA-256 of its content
Task = dict[str, Any]
TORN = "torn"  # in place of a SHA-256: not all of a document's passages, or passages of two contents

_SECONDS_TO_REOPEN = 5.0  # the promise for 10,000 passages
_SECONDS_TO_CHECK = 240.0
_STEPS = 30  # operations that a series does while kills may fall
_NEAR = 10
_EQUAL = 0.9999  # from this cosine on two passages are equal, and either may come first


# What is stored


class Words:
    """A computed embedding: hashed words into `dimensions`, signed by one more bit. `model` makes another model."""

    def __init__(self, dimensions: int = 64, model: int = 0) -> None:
        self._dimensions = dimensions
        self._hash = cache(lambda word: zlib.crc32(word.encode(), model))
        self.fingerprint = f"hashed-words-{dimensions}-{model}"

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        rows: Matrix = np.zeros((len(texts), self._dimensions), np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[0] = 0.5
            for word in text.split():
                code = self._hash(word)
                row[(code >> 1) % self._dimensions] += 1 if code & 1 else -1
            row /= np.linalg.norm(row) or 1
        return rows

    def embed_question(self, question: str) -> Matrix:
        row: Matrix = self.embed_passages([question])[0]
        return row


def written(rng: random.Random, passages: int) -> str:
    """A text of about so many passages, never the same twice."""
    syllables = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo zu".split()
    paragraphs = [f"# Report {rng.getrandbits(48):x}"] if rng.random() < 0.5 else []
    for _ in range(passages):
        sentences = []
        for _ in range(7):
            words = ["".join(rng.choices(syllables, k=3)) for _ in range(14)]
            sentences.append(" ".join([f"N{rng.getrandbits(32):x}", *words]) + ".")
        paragraphs.append(" ".join(sentences))
    return "\n\n".join(paragraphs) + "\n"


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


# The journal


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


# The two stores


class Store(Protocol):
    def roots(self) -> list[str]: ...

    def sync(self, path: Path) -> list[str]:
        """Follow a folder or a file; the paths of it that are held then."""

    def refresh(self) -> list[str]: ...

    def remove(self, path: str) -> None: ...

    def rebuild(self, model: int) -> None: ...

    def complete(self) -> None: ...

    def reopen(self) -> None: ...


class Pincite:
    def __init__(self, place: Place, model: int, dimensions: int) -> None:
        self._place, self._model, self._dimensions = place, model, dimensions
        self.library = self._opened()

    def _opened(self, *, rebuild: bool = False) -> Library:
        embedder = Words(self._dimensions, self._model)
        return Library(self._place.store, embedder=embedder, create=True, rebuild=rebuild)

    def roots(self) -> list[str]:
        return self.library._ledger.roots()

    def sync(self, path: Path) -> list[str]:
        report = self.library.add(path)
        return self._held(report.added, report.changed, report.moved, report.unchanged, failed=report.failed)

    def refresh(self) -> list[str]:
        report = self.library.refresh()
        return self._held(report.added, report.changed, report.moved, report.unchanged, failed=report.failed)

    def _held(self, *paths: list[str], failed: list[tuple[str, str]]) -> list[str]:
        if failed:
            raise RuntimeError(f"files failed: {failed}")
        return [path for part in paths for path in part]

    def remove(self, path: str) -> None:
        self.library.remove(path)

    def rebuild(self, model: int) -> None:
        self.library.close()
        self._model = model
        self.library = self._opened(rebuild=True)

    def complete(self) -> None:
        self.library.complete()

    def reopen(self) -> None:
        self.library.close()
        self.library = self._opened()


class Plain:
    """Embedded Chroma as its guides use it: a collection with texts and embeddings, an upsert per file, no ledger.

    What is no longer wanted is deleted after what is new is there. There is nothing to build anew, so the operations
    that do so with Pincite do nothing here.
    """

    def __init__(self, place: Place, model: int, dimensions: int) -> None:
        self._place = place
        self._words = Words(dimensions)
        self._client, self.collection = plain_collection(place.store, create=True)

    def roots(self) -> list[str]:
        return [str(self._place.texts), *on_disk(self._place.loose)]

    def sync(self, path: Path) -> list[str]:
        rows = self.collection.get(include=["metadatas"])["metadatas"]
        before = {str(row["path"]): (str(row["sha"]), int(row["count"])) for row in rows}
        files = on_disk(path) if path.is_dir() else {str(path): sha256(path.read_text(encoding="utf-8"))}
        for name, sha in files.items():
            if before.get(name, ("", 0))[0] != sha:
                self._put(name, sha, before.get(name, ("", 0))[1])
        for name in before:
            if Path(name).parent == path and name not in files:
                self.collection.delete(where={"path": name})
        return list(files)

    def _put(self, path: str, sha: str, before: int) -> None:
        text = Path(path).read_text(encoding="utf-8")
        passages = [text[cut.start : cut.end] for cut in cut_passages(text)]
        about = {"path": path, "sha": sha, "count": len(passages)}
        self.collection.upsert(
            ids=[f"{path}#{i}" for i in range(len(passages))],
            documents=passages,
            embeddings=self._words.embed_passages(passages),
            metadatas=[about] * len(passages),
        )
        if before > len(passages):
            self.collection.delete(ids=[f"{path}#{i}" for i in range(len(passages), before)])

    def refresh(self) -> list[str]:
        return [path for root in self.roots() for path in self.sync(Path(root))]

    def remove(self, path: str) -> None:
        self.collection.delete(where={"path": path})

    def rebuild(self, model: int) -> None: ...

    def complete(self) -> None: ...

    def reopen(self) -> None:
        self._client.close()
        self._client, self.collection = plain_collection(self._place.store, create=True)


def plain_collection(folder: Path, *, create: bool) -> tuple[Any, Any]:
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
    get = client.get_or_create_collection if create else client.get_collection
    options: dict[str, Any] = {"configuration": {"hnsw": {"space": "cosine"}}} if create else {}
    return client, get("passages", embedding_function=None, **options)


STORES: dict[str, Callable[[Place, int, int], Store]] = {"pincite": Pincite, "plain": Plain}


# The series of operations

Edit = tuple[str, str, str]

_OFTEN = ["add", "change", "move", "swap", "delete", "duplicate", "mixed", "loose", "remove"]
_SELDOM = ["rebuild", "reembed", "complete", "reopen"]
FIXED = [
    "add", "change", "move", "complete", "swap", "duplicate", "delete", "loose", "mixed", "remove", "rebuild",
    "reembed", "add", "reopen", "loose", "change",
]  # fmt: skip


class Series:
    """One process's work. `task`: the place, the store, seed and round, how many passages, and the operations."""

    def __init__(self, task: Task) -> None:
        self._place = Place(Path(task["work"])).make()
        self._rng = random.Random(f"{task['seed']}-{task['round']}")  # noqa: S311
        self._documents = max(4, task["passages"] // 3)
        self._journal = Journal(self._place.journal)
        known = Journal.read(self._place.journal)
        self._held, self._model = known.held, known.model
        self._store = STORES[task["store"]](self._place, self._model, task["dimensions"])
        self._journal.note(ready=task["round"])

    def run(self, kinds: Iterable[str]) -> None:
        for kind in kinds:
            self._step(kind)

    def endless(self) -> Iterator[str]:
        while True:
            yield self._rng.choice(_OFTEN if self._rng.random() < 0.85 else _SELDOM)

    def _step(self, kind: str) -> None:
        folder = on_disk(self._place.texts)
        if len(folder) < 4:
            kind = "add"
        elif len(folder) > 1.3 * self._documents and kind in ("add", "duplicate"):
            kind = "delete"
        if kind in ("rebuild", "reembed", "complete", "reopen"):
            self._keep(kind)
        elif kind == "remove":
            self._remove(folder)
        elif kind == "loose":
            self._loose()
        else:
            self._follow(kind, folder)

    def _keep(self, kind: str) -> None:
        model = self._model + (kind == "reembed")
        self._journal.note(began=kind, target=self._held, model=model)
        if kind in ("rebuild", "reembed"):
            self._store.rebuild(model)
        elif kind == "complete":
            self._store.complete()
        else:
            self._store.reopen()
        self._model = model
        self._acknowledge(kind, self._held)

    def _remove(self, folder: Held) -> None:
        path = self._rng.choice(sorted(self._held) or [""])
        if not path:
            return
        target = {name: content for name, content in self._held.items() if name != path}
        self._journal.note(began="remove", target=target, model=self._model)
        if path in folder and self._rng.random() < 0.5:
            Path(path).unlink()
        self._store.remove(path)
        self._acknowledge("remove", target)

    def _loose(self) -> None:
        file = self._place.loose / f"{self._rng.randrange(4)}.md"
        sha = self._write_to_pool(self._rng.choice([1, 2, 5]))
        target = self._held | {str(file): sha}
        self._journal.note(began="loose", target=target, model=self._model)
        self._edit([("write", str(file), sha)])
        if self._store.sync(file) != [str(file)]:
            raise RuntimeError(f"not reported: {file}")
        self._acknowledge("loose", target)

    def _follow(self, kind: str, folder: Held) -> None:
        edits = list(self._edits(kind, dict(folder)))
        after = dict(folder)
        for edit in edits:
            _plan(after, edit)
        whole = kind in ("mixed", "delete") and bool(self._store.roots())
        roots = self._store.roots() if whole else [str(self._place.texts)]
        scope = self._scope(after, roots)
        others = {path: content for path, content in self._held.items() if str(Path(path).parent) not in roots}
        target = others | scope
        self._journal.note(began=kind, target=target, model=self._model)
        self._edit(edits)
        reported = self._store.refresh() if whole else self._store.sync(self._place.texts)
        held = others | {path: target[path] for path in reported}
        if set(held.values()) != set(target.values()):
            raise RuntimeError(
                f"{kind}: {len(set(held.values()))} contents reported, {len(set(target.values()))} there"
            )
        self._acknowledge(kind, held)

    def _scope(self, after: Held, roots: list[str]) -> Held:
        """The files that will be followed; `after` are those of the folder."""
        scope: Held = {}
        loose = on_disk(self._place.loose)
        for root in roots:
            scope |= after if root == str(self._place.texts) else {root: loose[root]} if root in loose else {}
        return scope

    def _edits(self, kind: str, files: Held) -> Iterator[Edit]:
        """Changes to the folder; `files` follows them."""
        new = self._documents if not files else self._rng.randint(1, 3)
        kinds = ["add", "change", "move", "delete", "swap"] if kind == "mixed" else [kind]
        for part in kinds:
            for _ in range(new if part == "add" else 1 if part == "swap" else self._rng.randint(1, 3)):
                edit = self._one(part, files)
                if edit:
                    _plan(files, edit)
                    yield edit

    def _one(self, kind: str, files: Held) -> Edit | None:
        names = sorted(files)
        free = str(self._place.texts / f"{self._rng.getrandbits(40):x}.md")
        if kind == "add":
            return "write", free, self._write_to_pool(self._rng.choice([1, 1, 2, 3, 8]))
        if len(names) < 4:
            return None
        one, two = self._rng.sample(names, 2)
        if kind == "change":
            return "write", one, self._write_to_pool(self._rng.choice([1, 2, 3, 8]))
        if kind == "duplicate":
            return "write", free, files[one]
        if kind == "move":
            return "move", one, free
        if kind == "swap":
            return "swap", one, two
        return "delete", one, ""

    def _write_to_pool(self, passages: int) -> str:
        text = written(self._rng, passages)
        (self._place.pool / sha256(text)).write_text(text, encoding="utf-8")
        return sha256(text)

    def _edit(self, edits: Iterable[Edit]) -> None:
        aside = self._place.work / "aside"
        for kind, one, two in edits:
            if kind == "write":
                shutil.copyfile(self._place.pool / two, aside)
                aside.replace(one)
            elif kind == "move":
                os.replace(one, two)
            elif kind == "swap":
                os.replace(one, aside)
                os.replace(two, one)
                aside.replace(two)
            else:
                os.unlink(one)

    def _acknowledge(self, kind: str, held: Held) -> None:
        self._held = held
        self._journal.note(done=held, kind=kind, model=self._model)


def _plan(files: Held, edit: Edit) -> None:
    kind, one, two = edit
    if kind == "write":
        files[one] = two
    elif kind == "move":
        files[two] = files.pop(one)
    elif kind == "swap":
        files[one], files[two] = files[two], files[one]
    else:
        del files[one]


# Where a process is stopped


class Boundaries:
    """Notes before and after every step that changes something; kills this process at the `fatal`th of them."""

    STEPS: tuple[tuple[type, str], ...] = (
        (Database, "__init__"), (Ledger, "put"), (Ledger, "move"), (Ledger, "remove"), (Database, "set_meta"),
        (Database, "_count"), (Ledger, "add_root"), (Ledger, "remove_root"), (Ledger, "replace_embeddings"),
        (Database, "close"),
        (ChromaVectors, "in_folder"), (ChromaVectors, "put"), (ChromaVectors, "remove"), (ChromaVectors, "close"),
        (Nearest, "_erase"), (Nearest, "_sweep"), (Nearest, "build"),
        (Ownership, "__init__"), (Ownership, "release"),
    )  # fmt: skip

    def __init__(self, trace: Path, fatal: int = 0) -> None:
        self._file = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._fatal = fatal
        self._count = 0

    def install(self) -> None:
        for owner, name in self.STEPS:
            step = getattr(owner, name)
            wrapper: Any = self._wrapped(f"{owner.__name__}.{name}", getattr(step, "__func__", step))
            setattr(owner, name, classmethod(wrapper) if hasattr(step, "__func__") else wrapper)

    def _wrapped(self, name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **kwargs: Any) -> Any:
            self._pass(f"before {name}")
            made = step(*args, **kwargs)
            self._pass(f"after {name}")
            return made

        return stepped

    def _pass(self, what: str) -> None:
        self._count += 1
        os.write(self._file, f"{what}\n".encode())
        if self._count == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    @staticmethod
    def read(trace: Path) -> list[str]:
        return trace.read_text().splitlines() if trace.is_file() else []

    @staticmethod
    def step(lines: Iterable[str]) -> str:
        """The innermost step that had begun and not ended."""
        open_steps: list[str] = []
        for when, name in (line.split(" ", 1) for line in lines if " " in line):
            if when == "before":
                open_steps.append(name)
            elif name in open_steps:
                del open_steps[len(open_steps) - 1 - open_steps[::-1].index(name) :]
        return open_steps[-1] if open_steps else ""


# The check


@dataclass(slots=True)
class Checked:
    """What one check found.

    `bystanders` are those of the lost that the operation in flight was to leave alone; `manual` are the reasons for
    which someone would have had to do something by hand.
    """

    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    bystanders: int = 0
    wrong: list[str] = field(default_factory=list)
    passages: int = 0
    unfound: list[str] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)
    manual: list[str] = field(default_factory=list)
    unusable: bool = False
    current: bool = False
    seconds: float = 0.0
    held: Held = field(default_factory=dict)
    model: int = 0

    @property
    def problems(self) -> list[str]:
        found = [f"lost {path}" for path in self.lost] + [f"wrong {path}" for path in self.wrong]
        return found + self.unfound + self.disagreements + self.manual


def check_pincite(task: Task) -> Checked:
    """`task`: the place, when this was asked for (monotonic seconds), how many passages to look for, what to repair."""
    place, known = Place(Path(task["work"])), Journal.read(Path(task["work"]) / "journal.jsonl")
    checked = Checked(acknowledged=len(known.held))
    library, checked.model = _reopened(place.store, known, task["dimensions"])
    embedder = Words(task["dimensions"], checked.model)
    with library:
        asked = next(iter(known.held.values()), "")
        hits = library.search((place.text(asked) or "nothing")[:300])
        checked.seconds = time.monotonic() - task["started"]
        for row in library.documents():
            text = library.document(row.id).text
            whole = text == place.text(row.sha256) and len(cut_passages(text)) == row.passages
            checked.held[row.path] = row.sha256 if whole else TORN
        checked.lost, checked.wrong = compare(known, checked.held)
        checked.passages = library.passage_count
        if asked in checked.held.values() and asked not in {hit.passage.document.sha256 for hit in hits}:
            checked.unfound.append("the first search does not find what it asks for")
        checked.current = library._nearest.is_current()
        _look_for_passages(library, embedder, task["sample"], checked)
        if task["complete"]:
            _complete(library, checked)
    if task["copy"]:
        _go_on_with_copy(place, embedder, checked)
    return checked


def _reopened(store: Path, known: Known, dimensions: int) -> tuple[Library, int]:
    """With the embedding model that the library must have: the last one, or that of the operation in flight."""
    create = not known.held
    try:
        return Library(store, embedder=Words(dimensions, known.model), create=create), known.model
    except EmbeddingMismatch:
        if known.target is None or known.target_model == known.model:
            raise
        return Library(store, embedder=Words(dimensions, known.target_model)), known.target_model


def _look_for_passages(library: Library, embedder: Words, sample: int, checked: Checked) -> None:
    """Every passage by its own vector, as the search does it; and the vectors against the texts, Chroma's count."""
    texts = library._ledger.embedded_texts()
    ids, stored = library._ledger.embeddings()
    if [number for number, _ in texts] != ids:
        checked.disagreements.append("passages without an embedding")
        return
    every = max(1, len(ids) // sample)
    rows = embedder.embed_passages([text for _, text in texts[::every]])
    for number, kept, row in zip(ids[::every], stored[::every], rows, strict=True):
        found = library._nearest.search(row, _NEAR)
        if not np.allclose(kept, row, atol=1e-5):
            checked.unfound.append(f"passage {number} has the embedding of another text")
        elif not _finds(number, found):
            by = "Chroma" if library._nearest.is_current() else "exact search"
            checked.unfound.append(f"passage {number} is not found by {by}, which finds {found[:2]}")
    chroma = library._nearest._trusted()
    if chroma and chroma.count() != len(ids):
        checked.disagreements.append(f"{chroma.count()} vectors are trusted for {len(ids)} passages")


def _finds(number: int, found: Sequence[tuple[int, float]]) -> bool:
    return any(i == number for i, _ in found) or (len(found) == _NEAR and found[-1][1] > _EQUAL)


def _complete(library: Library, checked: Checked) -> None:
    library.complete()
    checked.manual += [finding.text for finding in library.check() if not finding.ok]
    if not library._nearest.is_current():
        checked.manual.append("Chroma is not current after complete()")


def _go_on_with_copy(place: Place, embedder: Words, checked: Checked) -> None:
    """On a copy, so that the damage itself stays: complete, check, follow the folder, and look for all passages."""
    copy = place.work / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(place.store, copy)
    with Library(copy, embedder=embedder) as library:
        _complete(library, checked)
        wanted = on_disk(place.texts)
        if wanted:
            library.add(place.texts)
        held = {row.path: row.sha256 for row in library.documents() if Path(row.path).parent == place.texts}
        if set(held.values()) != set(wanted.values()) or any(wanted[path] != sha for path, sha in held.items()):
            checked.disagreements.append("after add(folder) the library does not equal the folder")
        _complete(library, checked)
        ids, matrix = library._ledger.embeddings()
        chroma = library._nearest._trusted()
        found = chroma.search_many(matrix, _NEAR) if chroma else []
        for number, near in zip(ids, found, strict=bool(chroma)):
            if not _finds(number, near):
                checked.unfound.append(f"after add(folder) passage {number} is not found by Chroma: {near[:2]}")
    shutil.rmtree(copy, ignore_errors=True)


def check_plain(task: Task) -> Checked:
    place, known = Place(Path(task["work"])), Journal.read(Path(task["work"]) / "journal.jsonl")
    checked = Checked(acknowledged=len(known.held))
    words = Words(task["dimensions"])
    client, collection = plain_collection(place.store, create=not known.held)
    collection.query(query_embeddings=words.embed_passages(["nothing"]), n_results=_NEAR)
    checked.seconds = time.monotonic() - task["started"]
    rows = collection.get(include=["documents", "metadatas"])
    held: dict[str, dict[int, tuple[str, str]]] = {}
    for name, text, about in zip(rows["ids"], rows["documents"], rows["metadatas"], strict=True):
        held.setdefault(str(about["path"]), {})[int(name.rsplit("#", 1)[1])] = str(about["sha"]), text
    for path, passages in held.items():
        sha = next(iter(passages.values()))[0]
        text = place.text(sha) or ""
        wanted = {i: (sha, text[cut.start : cut.end]) for i, cut in enumerate(cut_passages(text))}
        checked.held[path] = sha if passages == wanted else TORN
    checked.lost, checked.wrong = compare(known, checked.held)
    checked.passages = len(rows["ids"])
    if checked.passages != collection.count():
        checked.disagreements.append(f"{collection.count()} counted, {checked.passages} got")
    every = max(1, checked.passages // task["sample"])
    if checked.passages:
        vectors = words.embed_passages(rows["documents"][::every])
        near = collection.query(query_embeddings=vectors, n_results=min(_NEAR, checked.passages), include=["distances"])
        for name, found, distances in zip(rows["ids"][::every], near["ids"], near["distances"], strict=True):
            if not (name in found or (len(found) == _NEAR and 1 - distances[-1] > _EQUAL)):
                checked.unfound.append(f"passage {name} is not found; {found[:1]} is, {1 - distances[0]:.3f}")
    client.close()
    if checked.unfound:
        checked.manual.append("passages are not found until they are stored again")
    if TORN in checked.held.values():
        checked.manual.append("a document is there in part, and known as whole")
    return checked


# Processes


def perform(task: Task) -> None:
    """What a child process does."""
    place = Place(Path(task["work"])).make()
    if task["do"] == "series":
        if task["store"] == "pincite":
            Boundaries(place.trace, task.get("fatal", 0)).install()
        try:
            series = Series(task)
            series.run(task["kinds"] or series.endless())
        except Exception:
            Journal(place.journal).note(error=traceback.format_exc())
            raise
        return
    try:
        checked = check_pincite(task) if task["store"] == "pincite" else check_plain(task)
    except Exception as error:
        checked = Checked(unusable=True, manual=[f"{type(error).__name__}: {error}"])
    place.result.write_text(json.dumps({name: getattr(checked, name) for name in Checked.__slots__}))


@cache
def _forks() -> ForkServerContext:
    """Children of a process that has imported what they need, and has opened nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["index", "chromadb", "click"])
    return context


# start() reaps the children of other threads; one that is reaped twice at once gets 255 for its exit code.
_STARTING = threading.Lock()


class Child:
    """A process that performs a task; a `fresh` one imports everything itself."""

    def __init__(self, task: Task, *, fresh: bool = False) -> None:
        self._process: Any
        if fresh:
            command = [sys.executable, "-m", "tests.faults", "--task", json.dumps(task)]
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        else:
            self._process = _forks().Process(target=_quietly, args=(task,))
            with _STARTING:
                self._process.start()

    def kill(self) -> None:
        self._process.kill()

    def wait(self, seconds: float | None = None) -> int | None:
        """The exit code, negative for a signal; None if it still runs after so many seconds."""
        if isinstance(self._process, subprocess.Popen):
            try:
                return self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                return None
        connection.wait([self._process.sentinel], seconds)
        with _STARTING:
            code = self._process.exitcode
        return None if code is None else int(code)


def _quietly(task: Task) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    perform(task)


def check(task: Task, *, fresh: bool) -> Checked:
    """Check in a process of its own: a damaged index may take it down."""
    place, known = Place(Path(task["work"])), Journal.read(Path(task["work"]) / "journal.jsonl")
    place.result.unlink(missing_ok=True)
    if task["keep"]:
        shutil.rmtree(place.before, ignore_errors=True)
        if place.store.is_dir():
            shutil.copytree(place.store, place.before)
    child = Child(task | {"do": "check", "started": time.monotonic()}, fresh=fresh)
    code = child.wait(_SECONDS_TO_CHECK)
    if code is None:
        child.kill()
        child.wait()
    if code == 0 and place.result.is_file():
        checked = Checked(**json.loads(place.result.read_text()))
    else:
        checked = Checked(unusable=True, manual=[f"the checking process ended with {code}"])
    if checked.unusable:
        checked.acknowledged = len(known.held)
        checked.lost = list(known.held)
    target = known.held if known.target is None else known.target
    checked.bystanders = sum(target.get(path) == known.held[path] for path in checked.lost)
    if task["keep"] and checked.problems and place.before.is_dir():
        kept = Path(task["keep"]) / f"{place.work.name}-{task['seed']}-{task['round']}"
        for name in ("before", "journal.jsonl", "trace"):
            if (place.work / name).exists():
                kept.mkdir(parents=True, exist_ok=True)
                shutil.move(place.work / name, kept / name)
    return checked


# The report


@dataclass(slots=True)
class Totals:
    """The sums over all checks of one store."""

    kills: int = 0
    injected: int = 0
    operations: int = 0
    acknowledged: int = 0
    lost: int = 0
    bystanders: int = 0
    wrong: int = 0
    unusable: int = 0
    passages: int = 0
    unfound: int = 0
    disagreements: int = 0
    manual: int = 0
    errors: int = 0
    exact: int = 0
    seconds: list[float] = field(default_factory=list)
    operation: Counter[str] = field(default_factory=Counter)
    step: Counter[str] = field(default_factory=Counter)
    boundary: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def count(self, name: str, known: Known, checked: Checked) -> None:
        self.operations += known.operations
        self.acknowledged += checked.acknowledged
        self.lost += len(checked.lost)
        self.bystanders += checked.bystanders
        self.wrong += len(checked.wrong)
        self.unusable += checked.unusable
        self.passages += checked.passages
        self.unfound += len(checked.unfound)
        self.disagreements += len(checked.disagreements)
        self.manual += bool(checked.manual)
        self.errors += len(known.errors)
        self.exact += not checked.current
        for problem in known.errors + checked.problems:
            self.problems.append(f"{name}, during {known.phase}: {problem}")

    @property
    def failures(self) -> int:
        return self.lost + self.wrong + self.unusable + self.unfound + self.disagreements + self.manual + self.errors


Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Setting:
    work: Path
    seed: int = 0
    passages: int = 240
    dimensions: int = 64
    fresh: bool = True  # whether checks, and some series, start as new processes
    sample: int = 1000
    keep: str = ""  # a folder for what had a problem

    def task(self, store: str, name: str, number: int, **more: Any) -> Task:
        return {
            "work": str(self.work.resolve() / name), "store": store, "seed": self.seed, "round": number,
            "passages": self.passages, "dimensions": self.dimensions, "sample": self.sample, "kinds": None,
            "complete": number % 2 == 0, "copy": True, "do": "series",
            "keep": self.keep,
        } | more  # fmt: skip


def measured(setting: Setting) -> float:
    """Seconds that a process needs for the operations of a series, the library being there."""
    seconds = 0.0
    for number in range(2):
        task = setting.task("pincite", "measured", number, kinds=(["add"] * 2 + _OFTEN * 5 + _SELDOM)[:_STEPS])
        started = time.monotonic()
        if Child(task).wait() != 0:
            raise RuntimeError("\n".join(Journal.read(Place(Path(task["work"])).journal).errors))
        seconds = time.monotonic() - started
    shutil.rmtree(task["work"])
    return seconds


def random_kills(setting: Setting, store: str, kills: int, seconds: float, totals: Totals, say: Say) -> None:
    """Kill at seeded times up to `seconds` after a process's start; each goes on from what the last one left."""
    number, place = 0, Place(setting.work.resolve() / store).make()
    Journal.begin(place.journal, {}, 0)
    times = random.Random(f"{setting.seed}-kills")  # noqa: S311
    while totals.kills < kills:
        fresh = setting.fresh and number % 6 == 5
        task = setting.task(store, store, number)
        place.trace.unlink(missing_ok=True)
        child = Child(task, fresh=fresh)
        code = child.wait(times.uniform(0.01, seconds + (1.0 if fresh else 0.0)))
        child.kill()
        code = child.wait() if code is None else code
        totals.kills += code == -signal.SIGKILL
        totals.step[Boundaries.step(Boundaries.read(place.trace)) or "between steps"] += store == "pincite"
        known = Journal.read(place.journal)
        if code != -signal.SIGKILL and not known.errors:
            known.errors.append(f"the series ended with {code}")
        checked = check(task, fresh=setting.fresh)
        totals.operation[known.phase] += 1
        before = len(totals.problems)
        totals.count(f"{store}, kill {number}", known, checked)
        for problem in totals.problems[before:] if store == "pincite" else ():
            say(problem)
        totals.seconds += [] if checked.unusable else [checked.seconds]
        if checked.unusable or (store == "plain" and checked.manual):
            shutil.rmtree(place.store, ignore_errors=True)  # by hand: add everything again
            checked.held = {}
        Journal.begin(place.journal, checked.held, checked.model)
        number += 1
        if number % 10 == 0:
            say(f"{store}: {number} kills, {totals.failures} problems")
        if number > kills + 20:
            break


def injected_kills(setting: Setting, totals: Totals, say: Say, *, every: int = 1, workers: int = 2) -> None:
    """Kill at every boundary of one fixed series, or at every so many."""
    small = setting.task("pincite", "boundaries", 0, passages=24, kinds=FIXED)
    if Child(small).wait() != 0:
        raise RuntimeError("\n".join(Journal.read(Place(Path(small["work"])).journal).errors))
    boundaries = Boundaries.read(Place(Path(small["work"])).trace)
    say(f"{len(boundaries)} step boundaries in a series of {len(FIXED)} operations")

    def one(number: int) -> None:
        name = f"boundary-{number}"
        task = setting.task("pincite", name, 0, passages=24, kinds=FIXED, fatal=number, complete=number % 2 == 0)
        place = Place(Path(task["work"]))
        code = Child(task).wait()
        known = Journal.read(place.journal)
        if code != -signal.SIGKILL:
            known.errors.append(f"the series ended with {code} before its boundary")
        checked = check(task, fresh=False)
        where = Boundaries.read(place.trace)[-1]
        totals.injected += 1
        totals.count(f"{where} ({number})", known, checked)
        totals.boundary[where.split(" ")[1]] += 1
        if not checked.problems and not known.errors:
            shutil.rmtree(place.work)
        if number % 25 < every:
            say(f"boundary {number} of {len(boundaries)}, {totals.failures} problems")

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, range(1, len(boundaries) + 1, every)))


def big(setting: Setting, kills: int, say: Say) -> tuple[Totals, Totals]:
    """Kills while many passages are added, and while their index is built anew."""
    both = Totals(), Totals()
    for store, totals in zip(STORES, both, strict=True):
        place = Place(setting.work.resolve() / f"big-{store}").make()
        Journal.begin(place.journal, {}, 0)
        times = random.Random(f"{setting.seed}-big")  # noqa: S311
        started = time.monotonic()
        Child(setting.task(store, f"measured-{store}", 0, kinds=["add"])).wait()
        adding = time.monotonic() - started
        say(f"{store}: added in {adding:.1f} s")
        parts = [("add", adding)] * kills + [("rebuild", adding / 2)] * (kills if store == "pincite" else 0)
        kinds = {"add": ["add", "change", "mixed", "add"] * 10, "rebuild": ["add"] + ["rebuild"] * 20}
        for number, (kind, seconds) in enumerate(parts):
            task = setting.task(store, f"big-{store}", number, kinds=kinds[kind], copy=False)
            child = Child(task)
            child.wait(times.uniform(0.3, 1.0) * seconds)
            child.kill()
            totals.kills += child.wait() == -signal.SIGKILL
            known = Journal.read(place.journal)
            checked = check(task, fresh=True)
            totals.count(f"{store}, big kill {number}", known, checked)
            totals.seconds += [] if checked.unusable else [checked.seconds]
            if checked.unusable:
                shutil.rmtree(place.store, ignore_errors=True)
            Journal.begin(place.journal, checked.held, checked.model)
            say(
                f"{store}: killed during {known.phase}, {checked.passages:,} passages held, answered after "
                f"{checked.seconds:.1f} s{'' if checked.current or store == 'plain' else ' by exact search'}"
            )
    return both


def table(pincite: Totals, plain: Totals) -> str:
    """Both stores side by side, in Markdown."""

    def line(what: str, part: Callable[[Totals], object]) -> str:
        return f"| {what} | {part(pincite)} | {part(plain) if plain.kills else ''} |"

    def seconds(totals: Totals) -> str:
        found = totals.seconds or [0.0]
        return f"{statistics.median(found):.2f} / {max(found):.2f}"

    return "\n".join(
        [
            "| | Pincite | plain Chroma |",
            "|---|---|---|",
            line("kills at seeded times", lambda t: f"{t.kills:,}"),
            line("kills at injected step boundaries", lambda t: f"{t.injected:,}" if t is pincite else ""),
            line("operations acknowledged", lambda t: f"{t.operations:,}"),
            line("acknowledged documents looked for", lambda t: f"{t.acknowledged:,}"),
            line("of which lost", lambda t: f"{t.lost:,}"),
            line("of which the operation in flight was to leave alone", lambda t: f"{t.bystanders:,}"),
            line("documents in a state that nobody asked for", lambda t: f"{t.wrong:,}"),
            line("libraries or collections unusable", lambda t: f"{t.unusable:,}"),
            line("passages present that looked for themselves", lambda t: f"{t.passages:,}"),
            line("of which do not find themselves", lambda t: f"{t.unfound:,}"),
            line("counts that disagree", lambda t: f"{t.disagreements:,}"),
            line("operations that failed by themselves", lambda t: f"{t.errors:,}"),
            line("manual steps", lambda t: f"{t.manual:,}"),
            line("reopenings that exact search answered", lambda t: f"{t.exact:,}" if t is pincite else ""),
            line("seconds from process start to the first answer, p50 / max", seconds),
        ]
    )


def hits(totals: Totals) -> str:
    """Where the kills hit."""

    def counts(found: Counter[str]) -> str:
        return ", ".join(f"{name} {count}" for name, count in found.most_common()) or "none"

    return (
        f"Seeded kills, by operation in flight: {counts(totals.operation)}.\n"
        f"By step: {counts(totals.step)}.\n"
        f"Injected kills, before and after: {counts(totals.boundary)}."
    )


def machine() -> str:
    processors = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    model = next((line.split(":")[1].strip() for line in processors if line.startswith("model name")), "")
    return (
        f"{datetime.now(timezone.utc):%Y-%m-%d}, {model or platform.machine()}, {os.cpu_count()} cores "
        f"(load {os.getloadavg()[0]:.1f}), {platform.system()}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, chromadb {version('chromadb')}"
    )


@click.command()
@click.option("--kills", default=120, show_default=True, help="Kills at seeded times.")
@click.option("--seed", default=0, show_default=True)
@click.option("--passages", type=int, help="How many passages the library holds: 240, with --big 10,000.")
@click.option("--big", "is_big", is_flag=True, help="Seconds to reopen a large library, instead of the rest.")
@click.option("--keep", default="", help="A folder for what is stored where there is a problem, as it was found.")
@click.option("--task", hidden=True)
def main(kills: int, seed: int, passages: int | None, is_big: bool, keep: str, task: str | None) -> None:
    """Kill a process that changes a library, again and again, and check what it leaves."""
    if not RUNS_HERE:
        click.echo(WHY_NOT)
        return
    if task:
        perform(json.loads(task))
        return
    started = time.monotonic()

    def say(line: str) -> None:
        click.echo(f"{time.monotonic() - started:6.0f} s  {line}", err=True)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if is_big:
            setting = Setting(Path(folder), seed, passages or 10_000, 384, sample=300, keep=keep)
            pincite, plain = big(setting, 4, say)
        else:
            setting = Setting(Path(folder), seed, passages or 240, keep=keep)
            pincite, plain = Totals(), Totals()
            seconds = measured(setting)
            say(f"{_STEPS} operations take {seconds:.1f} s; kills fall into these")
            with ThreadPoolExecutor(2) as pool:
                runs = [
                    pool.submit(random_kills, setting, store, kills, seconds, totals, say)
                    for store, totals in zip(STORES, (pincite, plain), strict=True)
                ]
                for run in runs:
                    run.result()
            injected_kills(setting, pincite, say)
    click.echo(f"{machine()}; seed {seed}, {setting.passages:,} passages, {time.monotonic() - started:.0f} s\n")
    click.echo(f"{table(pincite, plain)}\n\n{hits(pincite)}")
    for problem in pincite.problems + plain.problems[:20]:
        click.echo(f"- {problem}")
    slow = is_big and max(pincite.seconds) > _SECONDS_TO_REOPEN
    if slow:
        click.echo(f"- reopening took more than {_SECONDS_TO_REOPEN:.0f} s")
    sys.exit(1 if pincite.failures or slow else 0)


if __name__ == "__main__":
    main()
