"""LlamaIndex's retrievers as its documentation uses them, over Chroma, with Pincite's embedding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from evals.retrieval.places import Place
from index import Document
from index.embedder import Embedder

# Of each of the two searches that are fused, as many as Pincite takes.
_CANDIDATES = 50


class LlamaIndexVectors:
    """`VectorStoreIndex` over Chroma: the default `SentenceSplitter`, Pincite's embedding, titles as metadata."""

    name = "LlamaIndex: vectors"

    def __init__(self, folder: Path, embedder: Embedder | None) -> None:
        self._folder = folder
        self._embedder = embedder

    def __enter__(self) -> LlamaIndexVectors:
        from llama_index.core import VectorStoreIndex

        store = import_module("llama_index.vector_stores.chroma")
        self._client = chroma_in(self._folder)
        self._stored = self._client.get_or_create_collection("passages")
        self.index: Any = VectorStoreIndex.from_vector_store(
            store.ChromaVectorStore(chroma_collection=self._stored), embed_model=_embedding(self._embedder)
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def add(self, documents: Sequence[Document]) -> None:
        if not self._stored.count():
            self.index.insert_nodes(_nodes(documents))

    def search(self, question: str, k: int) -> list[Place]:
        return _places(self.index.as_retriever(similarity_top_k=k).retrieve(question))


class LlamaIndexFusion:
    """`QueryFusionRetriever` of BM25 and vectors by reciprocal rank; one query, as more need a language model."""

    name = "LlamaIndex: BM25 + vectors"

    def __init__(self, folder: Path, embedder: Embedder | None) -> None:
        self._folder = folder / "bm25"
        self._vectors = LlamaIndexVectors(folder, embedder)

    def __enter__(self) -> LlamaIndexFusion:
        self._class = import_module("llama_index.retrievers.bm25").BM25Retriever
        self._words: Any = (
            self._class.from_persist_dir(str(self._folder), show_progress=False) if self._folder.exists() else None
        )
        self._vectors.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._vectors.__exit__()

    def add(self, documents: Sequence[Document]) -> None:
        self._vectors.add(documents)
        nodes = _nodes(documents)
        self._words = self._class.from_defaults(nodes=nodes, similarity_top_k=min(_CANDIDATES, len(nodes)))
        self._words.persist(str(self._folder), show_progress=False)

    def search(self, question: str, k: int) -> list[Place]:
        from llama_index.core.llms import MockLLM
        from llama_index.core.retrievers import QueryFusionRetriever
        from llama_index.core.retrievers.fusion_retriever import FUSION_MODES

        retriever = QueryFusionRetriever(
            [self._vectors.index.as_retriever(similarity_top_k=_CANDIDATES), self._words],
            llm=MockLLM(),  # never asked; without one the default is OpenAI's
            mode=FUSION_MODES.RECIPROCAL_RANK,
            similarity_top_k=k,
            num_queries=1,
            use_async=False,
        )
        return _places(retriever.retrieve(question))


def chroma_in(folder: Path) -> Any:
    import chromadb
    from chromadb.config import Settings

    return chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))


def _embedding(embedder: Embedder | None) -> Any:
    """Pincite's embedding for LlamaIndex, of passages by `embedder` where one is given."""
    from index.embedder.llamaindex import PinciteEmbedding

    if embedder is None:
        return PinciteEmbedding()
    given = embedder

    class Given(PinciteEmbedding):
        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            rows: list[list[float]] = given.embed_passages(texts).tolist()
            return rows

    return Given()


def _nodes(documents: Sequence[Document]) -> Any:
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.core.schema import Document as TheirDocument

    texts = {document.id: document.text for document in documents}
    given = [
        TheirDocument(id_=document.id, text=document.text, metadata={"title": document.title} if document.title else {})
        for document in documents
    ]
    nodes: Any = SentenceSplitter().get_nodes_from_documents(given)
    for node in nodes:
        if node.start_char_idx is None:
            node.start_char_idx, node.end_char_idx = found_in(texts[node.ref_doc_id], node.text)
    return nodes


def found_in(text: str, piece: str) -> tuple[int, int]:
    """Where `piece` stands in `text`, whatever white space stands between its words. Raises ValueError.

    >>> found_in("It  is\\nold.", "is old.")
    (4, 11)
    """
    at = [place for place, character in enumerate(text) if not character.isspace()]
    start = "".join(text.split()).find("".join(piece.split()))
    length = len("".join(piece.split()))
    if start < 0 or not length:
        raise ValueError(f"{piece[:60]!r} is not in its document.")
    return at[start], at[start + length - 1] + 1


def _places(found: Iterable[Any]) -> list[Place]:
    return [Place(item.node.ref_doc_id, item.node.start_char_idx, item.node.end_char_idx) for item in found]
