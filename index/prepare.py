"""Documents made ready to be stored: cut into passages and embedded, some at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from index.documents import Document
from index.embedder import Embedder
from index.errors import DocumentError
from index.ledger import Prepared, embedded_text
from index.passages import cut_passages

# What is embedded and committed together: so many documents, or so many bytes of files. A text's embedding may differ
# in its last bit with the texts beside it, so one process and several must cut here alike.
_DOCUMENTS = 64
_BYTES = 256_000

Failed = Callable[[str, str], None]
# Reads the documents at these paths and makes them ready, in batches; `Failed` is told (path, reason).
Prepare = Callable[[Sequence[str], Failed], Iterator[list[Prepared]]]


def prepare_documents(
    paths: Sequence[str],
    failed: Failed,
    *,
    read: Callable[[str], Document],
    size: Callable[[str], int],
    embedder: Embedder,
) -> Iterator[list[Prepared]]:
    """In this process: batches in the order of the paths. `size` is in bytes."""
    for chunk in chunks(paths, size):
        documents = []
        for path in chunk:
            try:
                documents.append(read(path))
            except DocumentError as error:
                failed(path, str(error))
        if documents:
            yield prepared(documents, embedder)


def chunks(paths: Sequence[str], size: Callable[[str], int]) -> Iterator[list[str]]:
    """What is worked on together, in the order of the paths."""
    chunk: list[str] = []
    total = 0
    for path in paths:
        chunk.append(path)
        total += size(path)
        if len(chunk) >= _DOCUMENTS or total >= _BYTES:
            yield chunk
            chunk, total = [], 0
    if chunk:
        yield chunk


def file_size(path: str) -> int:
    """In bytes; 0 for a file that is not there."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def prepared(documents: Sequence[Document], embedder: Embedder) -> list[Prepared]:
    cuts = [tuple(cut_passages(document.text)) for document in documents]
    contexts = [
        tuple(context(document.title, cut.heading) for cut in of) for document, of in zip(documents, cuts, strict=True)
    ]
    texts = [
        embedded_text(about, document.text[cut.start : cut.end])
        for document, of, named in zip(documents, cuts, contexts, strict=True)
        for cut, about in zip(of, named, strict=True)
    ]
    rows = embedder.embed_passages(texts)
    made, start = [], 0
    for document, of, named in zip(documents, cuts, contexts, strict=True):
        made.append(Prepared(document, of, named, rows[start : start + len(of)]))
        start += len(of)
    return made


def context(title: str, heading: str) -> str:
    """The title, and the heading that a passage stands under."""
    return f"{title} – {heading}" if heading and heading != title else title
