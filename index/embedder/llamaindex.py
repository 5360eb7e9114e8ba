"""Embeddings across the border to LlamaIndex, both ways; the only module that imports its embedding classes.

Apart from the package because importing LlamaIndex takes longer than answering a question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import PrivateAttr

from index.embedder import NAME, LocalEmbedder, Matrix, local_embedder
from index.errors import LibraryError, reason


class PinciteEmbedding(BaseEmbedding):
    """The model that ships, for use in LlamaIndex: `VectorStoreIndex(..., embed_model=PinciteEmbedding())`."""

    _local: LocalEmbedder = PrivateAttr(default_factory=local_embedder)

    def __init__(self) -> None:
        super().__init__(model_name=NAME)

    @classmethod
    def class_name(cls) -> str:
        return "PinciteEmbedding"

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self._local.embed_passages(texts).tolist()
        return rows

    def _get_query_embedding(self, query: str) -> list[float]:
        row: list[float] = self._local.embed_question(query).tolist()
        return row

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)


class LlamaIndexEmbedder:
    """Any LlamaIndex embedding as the library's: `Library(path, embedder=LlamaIndexEmbedder(OpenAIEmbedding(...)))`."""

    def __init__(self, embedding: BaseEmbedding) -> None:
        self._embedding = embedding
        self.fingerprint = embedding.model_name

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        with self._errors():
            return _unit(np.asarray(self._embedding.get_text_embedding_batch(list(texts)), np.float32))

    def embed_question(self, question: str) -> Matrix:
        with self._errors():
            return _unit(np.asarray(self._embedding.get_query_embedding(question), np.float32))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise LibraryError(
                f"The embedding model {self.fingerprint} failed ({reason(error)}). "
                "Check its key and address, or unset PINCITE_EMBEDDING to use the one that ships."
            ) from error


def openai_embedder(model: str, environ: Mapping[str, str]) -> LlamaIndexEmbedder:
    """An OpenAI embedding model, or one of an OpenAI-compatible server, by OPENAI_API_KEY and OPENAI_BASE_URL."""
    from llama_index.embeddings.openai import OpenAIEmbedding

    key, address = environ.get("OPENAI_API_KEY"), environ.get("OPENAI_BASE_URL")
    if not key and not address:
        raise LibraryError(
            f"The embedding model {model} needs a key or a server. Set OPENAI_API_KEY or OPENAI_BASE_URL, "
            "or unset PINCITE_EMBEDDING to use the one that ships."
        )
    return LlamaIndexEmbedder(
        OpenAIEmbedding(
            model_name=model,
            api_key=key or "none",
            api_base=address or "https://api.openai.com/v1",
            embed_batch_size=32,
            max_retries=2,
            timeout=30.0,
        )
    )


def _unit(rows: Matrix) -> Matrix:
    unit: Matrix = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
    return unit
