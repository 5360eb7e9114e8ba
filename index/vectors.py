"""Nearest passages by cosine: Chroma, and the exact search that it approximates.

Chroma is a cache of the ledger: whoever writes it says up to which generation it is complete. The only module
that imports chromadb.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from index.embedder import Matrix
from index.errors import LibraryError

_COLLECTION = "passages"
# chromadb turns away more than 5,461 rows a call, and small calls keep its log short.
_BATCH = 250


class Vectors(Protocol):
    def search(self, row: Matrix, k: int) -> list[tuple[int, float]]:
        """The `k` nearest (passage id, cosine), nearest first. `row` has length 1."""

    def close(self) -> None: ...


class ExactVectors:
    """Every passage compared: the truth for tests, and what a process that does not own the library searches by."""

    def __init__(self, ids: Sequence[int], matrix: Matrix) -> None:
        self._ids = np.asarray(ids, np.int64)
        self._matrix = matrix

    def search(self, row: Matrix, k: int) -> list[tuple[int, float]]:
        if not len(self._ids):
            return []
        scores = self._matrix @ row
        best = np.argsort(-scores, kind="stable")[:k]
        return [(int(self._ids[i]), float(scores[i])) for i in best]

    def close(self) -> None:
        pass


class ChromaVectors:
    """A persistent Chroma collection in `folder`, owned by one process."""

    def __init__(self, folder: Path) -> None:
        import chromadb
        from chromadb.config import Settings

        self._folder = folder
        try:
            self._client: Any = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
            self._collection = self._open()
        except Exception as error:
            raise self._failure(error) from error

    def count(self) -> int:
        return int(self._collection.count())

    def search(self, row: Matrix, k: int) -> list[tuple[int, float]]:
        try:
            count = self._collection.count()
            if not count:
                return []
            found = self._collection.query(query_embeddings=row[None], n_results=min(k, count), include=["distances"])
        except Exception as error:
            raise self._failure(error) from error
        distances = (found["distances"] or [[]])[0]
        return [(int(i), 1.0 - float(distance)) for i, distance in zip(found["ids"][0], distances, strict=True)]

    def put(self, ids: Sequence[int], rows: Matrix) -> None:
        for start in range(0, len(ids), _BATCH):
            batch = slice(start, start + _BATCH)
            self._collection.upsert(ids=[str(i) for i in ids[batch]], embeddings=rows[batch])

    def remove(self, ids: Sequence[int]) -> None:
        for start in range(0, len(ids), _BATCH):
            self._collection.delete(ids=[str(i) for i in ids[start : start + _BATCH]])

    def clear(self) -> None:
        self._client.delete_collection(_COLLECTION)
        self._collection = self._open()

    def close(self) -> None:
        self._client.close()

    @staticmethod
    def erase(folder: Path) -> None:
        """Remove a damaged cache from disk, so that it is built anew."""
        shutil.rmtree(folder, ignore_errors=True)

    def _open(self) -> Any:
        return self._client.get_or_create_collection(
            _COLLECTION, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
        )

    def _failure(self, error: Exception) -> LibraryError:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        return LibraryError(
            f"The vector index in {self._folder} failed ({reason}). "
            "Nothing is lost; rebuild it with: pincite doctor --repair"
        )
