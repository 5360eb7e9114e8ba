"""A reply as text and nodes of LlamaIndex: what stands in the document, its offsets, and where it comes from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from llama_index.core.schema import NodeWithScore

from index import Hit
from index.llama import node_of
from rag.answer import Answer, Unsupported
from rag.citations import Citation
from rag.reply import Reply, settled


class Told:
    """A reply as text that is sure to stay, to be read once; then there are `nodes` and `metadata`."""

    def __init__(self, reply: Reply, unsupported: Unsupported, keep: Callable[[Answer], None] | None = None) -> None:
        self.nodes: list[NodeWithScore] = []
        self.metadata: dict[str, Any] = {}
        self._reply = reply
        self._unsupported = unsupported
        self._keep = keep

    def pieces(self) -> Iterator[str]:
        said = False
        try:
            for sentence in settled(self._reply, self._unsupported):
                yield f" {sentence.marked}" if said else sentence.marked
                said = True
            if not self._reply.stopped:
                answer = self._reply.answer
                self.nodes += nodes_of(answer)
                self.metadata |= metadata_of(answer)
                if self._keep:
                    self._keep(answer)
                if not said:
                    yield answer.text
        finally:
            self._reply.close()

    async def apieces(self) -> AsyncIterator[str]:
        pieces = self.pieces()
        try:
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                yield piece
        finally:
            self._reply.close()


def nodes_of(answer: Answer) -> list[NodeWithScore]:
    return [_cited(citation) for citation in answer.citations] if answer.answered else []


def metadata_of(answer: Answer) -> dict[str, Any]:
    return {
        "answered": answer.answered,
        "confidence": answer.confidence,
        "model": answer.model,
        "receipt": answer.to_dict(),
    }


def _cited(citation: Citation) -> NodeWithScore:
    place = {
        "document": citation.document, "title": citation.title, "path": citation.path,
        "start": citation.start, "end": citation.end,
    } | ({"page": citation.page} if citation.page else {})  # fmt: skip
    return node_of(
        citation.quote, citation.score, place | {"number": citation.number, "verdict": citation.verdict.value}
    )


def passage_of(hit: Hit) -> NodeWithScore:
    passage = hit.passage
    return node_of(
        passage.text, hit.score, {"document": passage.document.id, "start": passage.start, "end": passage.end}
    )
