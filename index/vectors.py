"""Nearest passages by cosine: a Chroma collection, and the exact search that it approximates.

The only module that imports chromadb.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from index.embedder import Matrix
from index.errors import LibraryError, reason

# chromadb turns away more than 5,461 rows a call, and small calls keep its log short.
_BATCH = 250
_SECONDS_TO_CONNECT = 5.0
_SECONDS_TO_ANSWER = 30.0
_FIRST_QUESTIONS = {
    "heartbeat": _SECONDS_TO_CONNECT,
    "auth/identity": _SECONDS_TO_CONNECT,
    "tenants/default_tenant": _SECONDS_TO_ANSWER,
    "tenants/default_tenant/databases/default_database": _SECONDS_TO_ANSWER,
}


class ExactVectors:
    """Every passage compared: the truth for tests, and the search while there is no Chroma that can be trusted."""

    def __init__(self, ids: Sequence[int], matrix: Matrix) -> None:
        self._ids = np.asarray(ids, np.int64)
        self._matrix = matrix

    def search(self, row: Matrix, k: int, among: frozenset[int] | None = None) -> list[tuple[int, float]]:
        """The `k` nearest (passage id, cosine), nearest first; `among` these ids. `row` has length 1."""
        if not len(self._ids):
            return []
        ids, scores = self._ids, self._matrix @ row
        if among is not None:
            is_among = np.isin(ids, np.fromiter(among, np.int64, len(among)))
            ids, scores = ids[is_among], scores[is_among]
        if k < len(scores):
            is_near = scores >= np.partition(scores, -k)[-k]
            ids, scores = ids[is_near], scores[is_near]
        best = np.argsort(-scores, kind="stable")[:k]
        return [(int(ids[i]), float(scores[i])) for i in best]


# With Chroma's own settings (16 neighbours, 100 candidates) 5 of 12,000 passages of public sets were not found by
# themselves, with 32 neighbours none; of 843,000 made ones (see evals/retrieval/growth.py) 5 in 100 were not, with 400
# candidates 5 in 1,000. The candidates cost half a millisecond a search there among 10,000, two among 843,000.
_GRAPH = {"space": "cosine", "max_neighbors": 32, "ef_construction": 200, "ef_search": 400}


class ChromaVectors:
    """A collection of Chroma's, in a folder of this process's own or on a server. Every failure is a LibraryError."""

    def __init__(self, client: Any, name: str, where: str, advice: str, *, create: bool) -> None:
        self._client = client
        self._name = name
        self._where = where
        self._advice = advice
        try:
            with self._errors():
                if create:
                    self._collection = client.create_collection(
                        name, configuration={"hnsw": _GRAPH}, embedding_function=None
                    )
                else:
                    self._collection = client.get_collection(name, embedding_function=None)
        except BaseException:
            self.close()
            raise

    @classmethod
    def in_folder(cls, folder: Path, *, create: bool = False) -> ChromaVectors:
        import chromadb

        where, advice = f"in {folder}", "Nothing is lost; rebuild it with: pincite doctor --repair"
        with _errors(where, advice):
            client = chromadb.PersistentClient(str(folder), _settings())
        return cls(client, "passages", where, advice, create=create)

    @classmethod
    def on_server(cls, address: str, name: str, *, create: bool = False) -> ChromaVectors:
        """A collection of the Chroma server at `address`, such as http://localhost:8000."""
        import chromadb
        import httpx

        where = f"on the Chroma server {address}"
        advice = "What was added is kept. Start the server (chroma run) or correct PINCITE_CHROMA_URL, then try again."
        parts = urlsplit(address)
        with _errors(where, advice):
            port = parts.port or (443 if parts.scheme == "https" else 8000)
            # Chroma's client waits without end; there is no setting for it. What it asks when made is asked before.
            for question, seconds in _FIRST_QUESTIONS.items():
                httpx.get(f"{address.rstrip('/')}/api/v2/{question}", timeout=seconds).raise_for_status()
            client: Any = chromadb.HttpClient(parts.hostname or "", port, parts.scheme == "https", settings=_settings())
            client._server._session.timeout = httpx.Timeout(_SECONDS_TO_ANSWER, connect=_SECONDS_TO_CONNECT)
        return cls(client, name, where, advice, create=create)

    def count(self) -> int:
        with self._errors():
            return int(self._collection.count())

    def search(self, row: Matrix, k: int, among: frozenset[int] | None = None) -> list[tuple[int, float]]:
        return self.search_many(row[None], k, among)[0]

    def search_many(self, rows: Matrix, k: int, among: frozenset[int] | None = None) -> list[list[tuple[int, float]]]:
        """As `search`, for rows of shape (questions, dimensions)."""
        with self._errors():
            if not len(rows) or (among is not None and not among):
                return [[] for _ in rows]
            ids = None if among is None else [str(i) for i in among]
            found = self._collection.query(query_embeddings=rows, ids=ids, n_results=k, include=["distances"])
            return [
                [(int(i), 1.0 - float(distance)) for i, distance in zip(ids, distances, strict=True)]
                for ids, distances in zip(found["ids"], found["distances"], strict=True)
            ]

    def put(self, ids: Sequence[int], rows: Matrix) -> None:
        with self._errors():
            for start in range(0, len(ids), _BATCH):
                batch = slice(start, start + _BATCH)
                self._collection.upsert(ids=[str(i) for i in ids[batch]], embeddings=rows[batch])

    def remove(self, ids: Sequence[int]) -> None:
        with self._errors():
            for start in range(0, len(ids), _BATCH):
                self._collection.delete(ids=[str(i) for i in ids[start : start + _BATCH]])

    def drop_others(self, prefix: str) -> None:
        """Remove the other collections of which the name begins with `prefix`."""
        with self._errors():
            for collection in self._client.list_collections(limit=10_000):
                if collection.name.startswith(prefix) and collection.name != self._name:
                    self._client.delete_collection(collection.name)

    def close(self) -> None:
        self._client.close()
        # Chroma's client of a server has two of httpx's, and leaves their connections open.
        for part in (self._client, self._client._admin_client):
            session = getattr(part._server, "_session", None)
            if session is not None:
                session.close()

    def _errors(self) -> AbstractContextManager[None]:
        return _errors(self._where, self._advice)


def _settings() -> Any:
    from chromadb.config import Settings

    return Settings(anonymized_telemetry=False)


@contextmanager
def _errors(where: str, advice: str) -> Iterator[None]:
    """Chroma's Rust panics are no `Exception`; what stops the process stays what it is."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise LibraryError(f"The vector index {where} failed ({reason(error)}). {advice}") from error
