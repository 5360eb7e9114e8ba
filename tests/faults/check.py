"""The check of what a series left: every document and passage held against the journal."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from index import EmbeddingMismatch, Library
from index.passages import cut_passages
from tests.faults.journal import Journal, Known, compare
from tests.faults.place import Held, Place, Task, on_disk
from tests.faults.stores import Words, plain_collection

TORN = "torn"  # in place of a SHA-256: not all of a document's passages, or passages of two contents
_NEAR = 10
_EQUAL = 0.9999  # from this cosine on two passages are equal, and either may come first


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


def check_pincite(task: Task, started: float) -> Checked:
    place, known = task.place, Journal.read(task.place.journal)
    checked = Checked(acknowledged=len(known.held))
    library, checked.model = _reopened(place.store, known, task.dimensions)
    embedder = Words(task.dimensions, checked.model)
    with library:
        asked = next(iter(known.held.values()), "")
        hits = library.search((place.text(asked) or "nothing")[:300])
        checked.seconds = time.monotonic() - started
        for row in library.documents():
            text = library.document(row.id).text
            whole = text == place.text(row.sha256) and len(cut_passages(text)) == row.passages
            checked.held[row.path] = row.sha256 if whole else TORN
        checked.lost, checked.wrong = compare(known, checked.held)
        checked.passages = library.passage_count
        if asked in checked.held.values() and asked not in {hit.passage.document.sha256 for hit in hits}:
            checked.unfound.append("the first search does not find what it asks for")
        checked.current = library._nearest.is_current()
        _look_for_passages(library, embedder, task.sample, checked)
        if task.complete:
            _complete(library, checked)
    if task.copy:
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


def check_plain(task: Task, started: float) -> Checked:
    place, known = task.place, Journal.read(task.place.journal)
    checked = Checked(acknowledged=len(known.held))
    words = Words(task.dimensions)
    client, collection = plain_collection(place.store, create=not known.held)
    collection.query(query_embeddings=words.embed_passages(["nothing"]), n_results=_NEAR)
    checked.seconds = time.monotonic() - started
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
    every = max(1, checked.passages // task.sample)
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
