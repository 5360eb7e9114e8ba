"""The library across the border to LlamaIndex: its retriever, and documents from any of its readers.

Apart from the package because importing LlamaIndex takes longer than answering a question.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle, TextNode

from index.documents import Document, document_id

if TYPE_CHECKING:
    from index.hits import Hit
    from index.library import Library


class LibraryRetriever(BaseRetriever):
    """The library's fused search as a LlamaIndex retriever; also asynchronous, in a thread.

    A node is a passage: its `metadata` hold document, title, path, start, end, heading, and page where there is one;
    the offsets are of the document's text. Its id is the same as long as the passage stands where it stands.
    """

    def __init__(self, library: Library, similarity_top_k: int = 10) -> None:
        super().__init__()
        self._library = library
        self._k = similarity_top_k

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [_passage(hit) for hit in self._library.search(query_bundle.query_str, self._k)]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


def node_id(document: str, start: int, end: int) -> str:
    """The id of the node that stands for a passage: "document:start-end"."""
    return f"{document}:{start}-{end}"


def node_of(text: str, score: float, metadata: Mapping[str, Any]) -> NodeWithScore:
    """A place in a document as a node; `metadata` names at least document, start and end, and is shown to no model."""
    start, end = metadata["start"], metadata["end"]
    node = TextNode(
        id_=node_id(metadata["document"], start, end),
        text=text,
        start_char_idx=start,
        end_char_idx=end,
        metadata=dict(metadata),
        excluded_embed_metadata_keys=list(metadata),
        excluded_llm_metadata_keys=list(metadata),
    )
    return NodeWithScore(node=node, score=score)


def _passage(hit: Hit) -> NodeWithScore:
    passage = hit.passage
    document = passage.document
    place = {
        "document": document.id, "title": document.title, "path": document.path,
        "start": passage.start, "end": passage.end, "heading": passage.heading,
    } | ({"page": passage.page} if passage.page else {})  # fmt: skip
    return node_of(passage.text, hit.score, place)


def documents_of(nodes: Iterable[BaseNode]) -> list[Document]:
    """LlamaIndex documents or nodes as Pincite's: the text as it is, the title and path from the usual metadata.

    Where a reader gives a file in several pieces, such as pages, each is a document of its own.
    """
    return [_document(node) for node in nodes]


def _document(node: BaseNode) -> Document:
    text = node.get_content(MetadataMode.NONE)
    metadata = node.metadata
    place = str(metadata.get("file_path") or metadata.get("url") or metadata.get("source") or node.node_id)
    label = str(metadata.get("page_label") or metadata.get("page") or "")
    path = f"llamaindex:{place}{f'#{label}' if label else ''}"
    title = str(metadata.get("title") or metadata.get("file_name") or PurePath(place).stem or place)
    data = text.encode("utf-8", "surrogatepass")
    return Document(
        id=document_id(path),
        path=path,
        title=title,
        text=text,
        sha256=hashlib.sha256(data).hexdigest(),
    )
