"""Documents made ready by several processes, on this machine or a cluster, through Ray (https://ray.io).

Workers parse, cut and embed; the process that owns the library is the one that stores. What comes out is what `prepare`
gives, and in the same order. Needs the extra `bulk`.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from index.documents import document_of, read_bytes
from index.embedder import LocalEmbedder
from index.errors import DocumentError, LibraryError, reason
from index.formats import Parser
from index.ledger import Prepared
from index.prepare import Failed, chunks, file_size, prepared

# Chunks on their way for each worker: one that is worked on, one that waits.
_AHEAD = 2

_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}

Chunk = list[tuple[str, bytes]]


class Worker:
    """In a process of its own, with one thread, the model that ships and a parser."""

    def __init__(self) -> None:
        self._embedder = LocalEmbedder(threads=1)
        self._parser = Parser()

    def prepare(self, chunk: Chunk) -> tuple[list[Prepared], list[tuple[str, str]]]:
        """The documents of the chunk's files (path, bytes), and (path, reason) for each that could not be read."""
        documents, failed = [], []
        for path, data in chunk:
            try:
                documents.append(document_of(data, path, Path(path).suffix, self._parser))
            except DocumentError as error:
                failed.append((path, str(error)))
        return prepared(documents, self._embedder), failed


class Workers:
    """`count` workers; a context manager. One that dies is started again, and what it had is given out again.

    They run on this machine, reachable from it alone, with a token and without Ray's dashboard; or on the cluster that
    RAY_ADDRESS names, with that cluster's settings. Raises LibraryError if Ray is not installed or does not start.
    """

    def __init__(self, count: int) -> None:
        address = os.environ.get("RAY_ADDRESS")
        if not address:  # Ray reads these once in a process, when it is imported
            for name, value in {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), **_QUIET}.items():
                os.environ.setdefault(name, value)
        try:
            import ray
        except ImportError as error:
            raise LibraryError("Several workers need Ray. Install it with: pip install 'pincite[bulk]'") from error
        self._ray: Any = ray
        local = {"num_cpus": count, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        where: dict[str, Any] = {"address": address} if address else local
        try:
            ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
            remote: Any = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=-1)(Worker)
            self._workers: list[Any] = [remote.remote() for _ in range(count)]
        except Exception as error:  # ray.init has no one error of its own
            raise LibraryError(
                f"Ray did not start ({reason(error)}). Add without workers, or look at RAY_ADDRESS."
            ) from error

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def prepare(self, paths: Sequence[str], failed: Failed) -> Iterator[list[Prepared]]:
        """Batches in the order of the files; `failed` is told (path, reason)."""
        waiting: deque[Any] = deque()
        for number, names in enumerate(chunks(paths, file_size)):
            chunk = list(_read(names, failed))
            waiting.append(self._workers[number % len(self._workers)].prepare.remote(chunk))
            if len(waiting) >= _AHEAD * len(self._workers):
                yield from self._finished(waiting.popleft(), failed)
        while waiting:
            yield from self._finished(waiting.popleft(), failed)

    def _finished(self, reference: Any, failed: Failed) -> Iterator[list[Prepared]]:
        batch, reasons = self._ray.get(reference)
        for path, why in reasons:
            failed(path, why)
        if batch:
            yield batch


def _read(paths: Iterable[str], failed: Failed) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        try:
            yield path, read_bytes(Path(path))
        except DocumentError as error:
            failed(path, str(error))
