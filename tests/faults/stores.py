"""The two stores that the series change, Pincite and plain Chroma, and the computed embedding of both."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from index import Library
from index.embedder import Matrix
from index.passages import cut_passages
from tests.faults.place import Place, on_disk, sha256


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
