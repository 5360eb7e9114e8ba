from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding

from evals.reader.sets import document_of, whole
from index import EmbeddingMismatch, LibraryError, open_library
from index.embedder import Matrix, local_embedder
from index.embedder.llamaindex import LlamaIndexEmbedder, PinciteEmbedding
from index.remembered import Remembered
from rag.reader import local_reader
from tests.conftest import ARTICLE
from tests.model_server import smollm2_server

pytestmark = pytest.mark.slow

TEXTS = ["Sirius is the brightest star.", "Lemons are sour and yellow, as everybody knows who ate one.", "No."]


def test_embeddings_are_unit_vectors_that_do_not_depend_on_their_neighbours() -> None:
    embedder = local_embedder()
    together = embedder.embed_passages(TEXTS)
    alone = np.concatenate([embedder.embed_passages([text]) for text in TEXTS])
    assert together.shape == (3, 384)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.allclose(together, alone, atol=1e-4)
    assert embedder.embed_passages([]).shape == (0, 384)


def test_a_question_is_nearest_to_the_text_that_answers_it() -> None:
    embedder = local_embedder()
    cosines = embedder.embed_passages(TEXTS) @ embedder.embed_question("Which star shines most?")
    assert cosines.argmax() == 0


def test_the_reader_puts_the_answer_first_and_reads_each_text_by_itself() -> None:
    reader, passages = local_reader(), [whole(document_of(text, "", text)) for text in TEXTS]
    together = [reading.relevance for reading in reader.read("What do lemons taste like?", passages)]
    assert max(together) == together[1]
    alone = reader.read("What do lemons taste like?", passages[:1])
    assert np.allclose(together[0], alone[0].relevance, atol=1e-3)
    assert reader.read("Anything?", []) == []


def test_a_text_longer_than_the_model_reads_is_cut_not_refused() -> None:
    assert local_embedder().embed_passages(["word " * 5000]).shape == (1, 384)
    assert len(local_reader().read("word?", [whole(document_of("long", "", "word " * 5000))])) == 1


def test_the_embedding_is_a_llamaindex_embedding_and_comes_back_through_the_bridge_unchanged() -> None:
    embedding = PinciteEmbedding()
    assert isinstance(embedding, BaseEmbedding)
    question = local_embedder().embed_question("Which star?")
    assert np.allclose(embedding.get_query_embedding("Which star?"), question)
    assert np.allclose(asyncio.run(embedding.aget_query_embedding("Which star?")), question)
    bridged = LlamaIndexEmbedder(embedding)
    assert bridged.fingerprint == "bge-small-en-v1.5"
    assert np.allclose(bridged.embed_passages(TEXTS), local_embedder().embed_passages(TEXTS), atol=1e-4)


def test_a_library_can_be_embedded_by_an_openai_compatible_server(tmp_path: Path) -> None:
    with smollm2_server(embedding=True) as address:
        environ = {"PINCITE_EMBEDDING": "smollm2", "OPENAI_BASE_URL": address}
        with open_library(tmp_path / "library", environ, create=True) as library:
            library.add(ARTICLE)
            assert library.embed_question("Who?").shape == (576,)
            assert len(library.search("Which port did the oil tankers leave from?")) == library.passage_count
        with pytest.raises(EmbeddingMismatch, match="smollm2"):
            open_library(tmp_path / "library", {})


def test_an_embedding_server_that_is_not_there_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    environ = {"PINCITE_EMBEDDING": "some-model", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    with open_library(tmp_path / "library", environ, create=True) as library:
        with pytest.raises(LibraryError, match="some-model failed") as caught:
            library.add(ARTICLE)
        assert "\n" not in str(caught.value)
        assert library.documents() == []


def test_what_was_embedded_lately_is_not_embedded_again_and_comes_in_the_order_asked_for() -> None:
    asked: list[list[str]] = []

    def embed(texts: Sequence[str]) -> Matrix:
        asked.append(list(texts))
        return np.array([[len(text)] for text in texts], np.float32).reshape(-1, 1)

    remembered = Remembered(embed)
    assert remembered(["a", "bbb", "a"]).tolist() == [[1], [3], [1]]
    assert remembered(["cc", "bbb"]).tolist() == [[2], [3]]
    assert remembered([]).shape == (0, 1)
    assert asked == [["a", "bbb"], ["cc"], []]
    for number in range(5000):
        remembered([f"{number:05}"])
    remembered(["a"])
    assert asked[-1] == ["a"]
