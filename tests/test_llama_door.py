"""Pincite in the place of LlamaIndex's own index: its examples with one line changed."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import SimpleDirectoryReader
from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.chat_engine.types import BaseChatEngine
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from index import DocumentError, Library
from rag import Assistant, ModelError, SettingError
from rag.llama import PinciteIndex
from rag.models import ChatModel
from rag.prompts import REFUSAL
from rag.tracing import traced
from tests.faulty_server import FaultyServer, faulty_server
from tests.model_server import scripted_server

LEEKS = (
    "Leeks were first grown by the Egyptians. Nero ate leeks for his voice. Wales wears them on the first of March.\n"
)
QUESTION = "How many containers has North Korea supplied to Russia?"
FRESH = "Which port did the tankers leave from, and what did they carry?"  # nobody else here asks it
SUPPORTED = "North Korea has supplied 7,000 containers filled with artillery rounds to Russia"
MOON = "The moon is made of green cheese"
SEVERAL = "What does Russia give North Korea in return?"


@pytest.fixture(scope="module")
def index(assistant: Assistant) -> PinciteIndex:
    return PinciteIndex(assistant)


def quotes(response: Any) -> list[str]:
    return [node.get_content() for node in response.source_nodes]


def test_the_starter_example_works_with_one_line_changed(tmp_path: Path) -> None:
    (tmp_path / "leeks.txt").write_text(LEEKS, encoding="utf-8")
    documents = SimpleDirectoryReader(str(tmp_path)).load_data()
    index = PinciteIndex.from_documents(documents)
    query_engine = index.as_query_engine()
    response = query_engine.query("Who first grew leeks?")
    assert str(response) == "Leeks were first grown by the Egyptians. [1]"
    (node,) = response.source_nodes
    assert LEEKS[node.node.start_char_idx : node.node.end_char_idx] == node.get_content()  # type: ignore[attr-defined]
    retriever = index.as_retriever(similarity_top_k=1)
    assert retriever.retrieve("Nero's voice")[0].get_content().startswith("Leeks were")
    index.close()


def test_the_folder_of_an_index_goes_when_nothing_asks_it_any_more(tmp_path: Path) -> None:
    (tmp_path / "leeks.txt").write_text(LEEKS, encoding="utf-8")
    index = PinciteIndex.from_documents(SimpleDirectoryReader(str(tmp_path)).load_data())
    folder = index.assistant.library.path
    engine, retriever = index.as_query_engine(), index.as_retriever(1)
    del index
    gc.collect()
    assert quotes(engine.query("Who first grew leeks?"))
    del engine
    gc.collect()
    assert retriever.retrieve("Who first grew leeks?")
    del retriever
    gc.collect()
    assert not folder.exists()


def test_a_library_at_a_path_stays_and_takes_more(tmp_path: Path) -> None:
    for name, text in (("leeks", LEEKS), ("storks", "Storks breed in Poland in summer.\n")):
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
        documents = SimpleDirectoryReader(input_files=[tmp_path / f"{name}.txt"]).load_data()
        with PinciteIndex.from_documents(documents, tmp_path / "library"):
            pass
    with Library(tmp_path / "library") as library:
        assert [row.title for row in library.documents()] == ["leeks.txt", "storks.txt"]


def test_its_engines_are_llamaindexs(index: PinciteIndex) -> None:
    assert isinstance(index.as_query_engine(similarity_top_k=5, response_mode="compact"), BaseQueryEngine)
    assert isinstance(index.as_chat_engine(chat_mode="condense_question", verbose=True), BaseChatEngine)
    assert isinstance(index.as_retriever(), BaseRetriever)


def test_a_response_has_the_citations_as_nodes_and_the_receipt(index: PinciteIndex, article: str) -> None:
    response = index.as_query_engine().query(QUESTION)
    (node,) = response.source_nodes
    assert article[node.metadata["start"] : node.metadata["end"]] == node.get_content()
    assert node.node_id == f"{node.metadata['document']}:{node.metadata['start']}-{node.metadata['end']}"
    assert (node.metadata["number"], node.metadata["verdict"]) == (1, "supported")
    assert response.metadata
    assert response.metadata["answered"] is True
    assert response.metadata["receipt"]["short"] == "7,000"
    declined = index.as_query_engine().query("Who won the 2022 World Cup?")
    assert (str(declined), declined.source_nodes) == (REFUSAL, [])


def test_asked_in_an_event_loop_it_gives_the_same_and_does_not_hold_it(index: PinciteIndex) -> None:
    engine = index.as_query_engine()

    async def main() -> tuple[Any, int]:
        turns, asked = 0, asyncio.create_task(engine.aquery(FRESH))
        while not asked.done():
            await asyncio.sleep(0.0005)
            turns += 1
        return await asked, turns

    response, turns = asyncio.run(main())
    assert (str(response), quotes(response)) == (str(engine.query(FRESH)), quotes(engine.query(FRESH)))
    assert turns > 3


def test_a_stream_comes_sentence_by_sentence_and_then_has_its_nodes(index: PinciteIndex) -> None:
    whole = index.as_query_engine().query(SEVERAL)
    response: Any = index.as_query_engine(streaming=True).query(SEVERAL)
    pieces = list(response.response_gen)
    assert len(pieces) > 1
    assert "".join(pieces) == str(whole)
    assert quotes(response) == quotes(whole)

    async def main() -> tuple[list[str], Any]:
        answer: Any = await index.as_query_engine(streaming=True).aquery(SEVERAL)
        return [piece async for piece in answer.response_gen], answer

    pieces, response = asyncio.run(main())
    assert "".join(pieces) == str(whole)
    assert quotes(response) == quotes(whole)


def streamed(address: str, library: Library, unsupported: str = "mark") -> Any:
    environ = {"OPENAI_BASE_URL": address, "PINCITE_UNSUPPORTED": unsupported}
    return PinciteIndex(Assistant.open(library, environ)).as_query_engine(streaming=True)


def test_what_a_model_writes_waits_for_a_sentence_that_is_supported(library: Library) -> None:
    with scripted_server(f"{MOON} [1]. ", f"{SUPPORTED} [1].") as address:
        pieces = list(streamed(address, library).query(QUESTION).response_gen)
    assert pieces == [f"{MOON}. [not found in the library]", f" {SUPPORTED}. [1]"]


def test_what_is_withdrawn_was_never_streamed(library: Library) -> None:
    with scripted_server(f"{MOON} [1].") as address:
        said = str(streamed(address, library).query(QUESTION))
    assert "7,000 containers" in said
    assert MOON not in said
    with scripted_server(f"{SUPPORTED} [1]. {MOON} [1].", then=[f"{SUPPORTED} [1]."]) as address:
        pieces = list(streamed(address, library, "again").query(QUESTION).response_gen)
    assert pieces == [f"{SUPPORTED}. [1]"]


def test_a_stream_that_is_left_closes_the_connection_to_the_model(library: Library) -> None:
    with faulty_server("hang-after-tokens", text=[f"{SUPPORTED} [1]. ", "It ", "arrived "]) as server:
        response = streamed(server.address, library).query(QUESTION)
        assert next(response.response_gen).startswith(SUPPORTED)
        response.response_gen.close()
        assert server.closed_by_client.wait(5)
        assert response.source_nodes == []


@pytest.mark.parametrize("streaming", [False, True])
def test_who_cancels_closes_the_connection_to_the_model(library: Library, streaming: bool) -> None:
    async def main(server: FaultyServer) -> None:
        assistant = Assistant.open(library, {"OPENAI_BASE_URL": server.address})

        async def ask() -> None:
            response: Any = await PinciteIndex(assistant).as_query_engine(streaming=streaming).aquery(QUESTION)
            async for _ in response.response_gen:
                pass

        asked = asyncio.create_task(ask())
        while not server.requests:
            await asyncio.sleep(0.01)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    with faulty_server("hang-before-headers") as server:
        asyncio.run(main(server))
        assert server.closed_by_client.wait(5)


def test_a_conversation_is_kept_and_a_follow_up_understood(index: PinciteIndex) -> None:
    engine = index.as_chat_engine()
    assert "Anwita Basu" in str(engine.chat("Who called the arms transfer a mega deal?"))
    response = asyncio.run(engine.achat("And what is her job?"))
    assert "Head of Europe" in str(response)
    assert response.source_nodes
    assert [turn.role for turn in engine.chat_history] == [MessageRole.USER, MessageRole.ASSISTANT] * 2
    assert "[1]" not in str(engine.chat_history[1].content)
    engine.reset()
    assert engine.chat_history == []
    said = [ChatMessage("Who called it a mega deal?"), ChatMessage("Anwita Basu.", role=MessageRole.ASSISTANT)]
    assert "Head of Europe" in str(engine.chat("And what is her job?", said))


def test_a_conversation_streams_too(index: PinciteIndex) -> None:
    engine = index.as_chat_engine()
    response = engine.stream_chat(SEVERAL)
    pieces = list(response.response_gen)
    assert len(pieces) > 1
    assert "".join(pieces) == str(index.as_query_engine().query(SEVERAL))
    assert response.source_nodes
    assert len(engine.chat_history) == 2
    printed = io.StringIO()
    with redirect_stdout(printed):
        engine.stream_chat(SEVERAL).print_response_stream()
    assert printed.getvalue() == "".join(pieces)

    async def main() -> str:
        answer = await engine.astream_chat(SEVERAL)
        return "".join([piece async for piece in answer.async_response_gen()])

    assert asyncio.run(main()) == "".join(pieces)


def test_its_repl_is_llamaindexs(index: PinciteIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter([QUESTION, "exit"])
    monkeypatch.setattr("builtins.input", lambda _: next(lines))
    printed = io.StringIO()
    with redirect_stdout(printed):
        index.as_chat_engine().chat_repl()
    assert "7,000 containers" in printed.getvalue()


def test_some_documents_can_be_named(index: PinciteIndex) -> None:
    assert quotes(index.as_query_engine(within=["russia-dprk"]).query(QUESTION))
    with pytest.raises(DocumentError, match="nothing"):
        index.as_query_engine(within=["nothing"]).query(QUESTION)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    yield exporter
    exporter.shutdown()


def told_by(
    exporter: InMemorySpanExporter, index: PinciteIndex, spans: int, *, content: bool
) -> tuple[dict[str, Any], str]:
    """So many spans of one query, by what they are, and all that stands in them."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with traced(provider, content=content):
        index.as_query_engine().query(QUESTION)
        end = time.monotonic() + 10
        while len(exporter.get_finished_spans()) < spans and time.monotonic() < end:
            time.sleep(0.01)  # a model's last word comes after the answer's
    found = exporter.get_finished_spans()
    kinds = {str((span.attributes or {}).get("openinference.span.kind")): span for span in found}
    return kinds, json.dumps([json.loads(span.to_json()) for span in found])


def test_what_is_traced_holds_no_text_unless_it_is_asked_for(index: PinciteIndex, spans: InMemorySpanExporter) -> None:
    kinds, told = told_by(spans, index, 3, content=False)
    assert {"CHAIN", "RETRIEVER"} <= set(kinds)
    assert len({span.context.trace_id for span in kinds.values()}) == 1
    for text in ("containers", "North Korea", "7,000", "russia-dprk"):
        assert text not in told
    spans.clear()
    _, told = told_by(spans, index, 3, content=True)
    assert QUESTION in told
    assert "7,000 containers" in told


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated")  # OpenInference does
def test_a_models_call_is_in_the_same_trace(library: Library, spans: InMemorySpanExporter) -> None:
    with (
        scripted_server("North Korea has supplied 7,000 containers to Russia [1].") as address,
        Assistant.open(library, {"OPENAI_BASE_URL": address}) as assistant,
    ):
        kinds, told = told_by(spans, PinciteIndex(assistant), 6, content=False)
    assert {"CHAIN", "RETRIEVER", "LLM"} <= set(kinds)
    assert len({span.context.trace_id for span in kinds.values()}) == 1
    assert "containers" not in told


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated")
def test_an_error_is_traced_without_its_message_which_may_repeat_the_prompt(
    library: Library, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: ChatModel, messages: list[ChatMessage]) -> None:
        raise ValueError(f"refused: {messages[-1].content}")

    monkeypatch.setattr(ChatModel, "_opened", refuse)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with Assistant.open(library, {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}) as assistant:
        for content in (True, False):
            spans.clear()
            with traced(provider, content=content), pytest.raises(ModelError):
                PinciteIndex(assistant).as_query_engine().query(QUESTION)
            told = [span.to_json() for span in spans.get_finished_spans()]
            assert any('"exception.type": "ValueError"' in span for span in told)
            assert any("7,000 containers" in span for span in told) is content


def test_what_is_traced_already_is_not_traced_again_with_other_rules(spans: InMemorySpanExporter) -> None:
    with traced(content=True), pytest.raises(SettingError, match="already"), traced():
        pass
    with traced():
        pass
