"""Documents made ready to be stored: cut into passages and embedded, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from index.documents import Document
from index.embedder import Embedder
from index.errors import DocumentError
from index.ledger import Prepared, embedded_text
from index.passages import cut_passages

# What is committed together: embedding sorts texts by length, and many short documents fill a batch.
_PASSAGES = 256

Failed = Callable[[str, str], None]


class Prepare(Protocol):
    """Reads the documents at `paths` and makes them ready, in batches; `failed` is told (path, reason)."""

    def __call__(self, paths: Sequence[str], failed: Failed) -> Iterator[list[Prepared]]: ...


def prepare_documents(
    paths: Sequence[str], failed: Failed, *, read: Callable[[str], Document], embedder: Embedder
) -> Iterator[list[Prepared]]:
    """In this process: batches in the order of the paths, each with some hundred passages or one long document."""
    batch: list[Document] = []
    size = 0
    for path in paths:
        try:
            document = read(path)
        except DocumentError as error:
            failed(path, str(error))
            continue
        batch.append(document)
        size += len(document.text) // 1000 + 1
        if size >= _PASSAGES:
            yield prepared(batch, embedder)
            batch, size = [], 0
    if batch:
        yield prepared(batch, embedder)


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
