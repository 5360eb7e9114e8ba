"""The seeded series of operations on a store."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.faults.journal import Journal
from tests.faults.place import Held, Task, on_disk, sha256
from tests.faults.stores import STORES

Edit = tuple[str, str, str]

OFTEN = ["add", "change", "move", "swap", "delete", "duplicate", "mixed", "loose", "remove"]
SELDOM = ["rebuild", "reembed", "complete", "reopen"]
FIXED = [
    "add", "change", "move", "complete", "swap", "duplicate", "delete", "loose", "mixed", "remove", "rebuild",
    "reembed", "add", "reopen", "loose", "change",
]  # fmt: skip


class Series:
    """One process's work, the same for the same seed and round."""

    def __init__(self, task: Task) -> None:
        self._place = task.place.make()
        self._rng = random.Random(f"{task.seed}-{task.round}")  # noqa: S311
        self._documents = max(4, task.passages // 3)
        self._journal = Journal(self._place.journal)
        known = Journal.read(self._place.journal)
        self._held, self._model = known.held, known.model
        self._store = STORES[task.store](self._place, self._model, task.dimensions)
        self._journal.note(ready=task.round)

    def run(self, kinds: Iterable[str]) -> None:
        for kind in kinds:
            self._step(kind)

    def endless(self) -> Iterator[str]:
        while True:
            yield self._rng.choice(OFTEN if self._rng.random() < 0.85 else SELDOM)

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
