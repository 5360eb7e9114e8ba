"""Pincite in the place of LlamaIndex's own index, query engine and chat engine; for its retriever see `index.llama`.

Nothing of LlamaIndex's `Settings` takes part: the embedding and the model are those of the library and the assistant.
Apart from the package because importing LlamaIndex takes longer than answering a question.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.base.response.schema import (
    RESPONSE_TYPE,
    AsyncStreamingResponse,
    Response,
    StreamingResponse,
)
from llama_index.core.chat_engine.types import (
    AgentChatResponse,
    BaseChatEngine,
    StreamingAgentChatResponse,
)
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.events.retrieval import RetrievalEndEvent, RetrievalStartEvent
from llama_index.core.prompts.mixin import PromptMixinType
from llama_index.core.schema import BaseNode, NodeWithScore, QueryBundle

from index import Hit, Library, Part, open_library
from index.llama import LibraryRetriever, documents_of
from rag.answer import Answer
from rag.assistant import Assistant
from rag.followup import Message
from rag.nodes import Told, metadata_of, nodes_of, passage_of
from rag.reply import Reply

dispatcher = get_dispatcher(__name__)


class PinciteIndex:
    """A library that is asked as LlamaIndex's indices are; safe to share between threads.

    `assistant` stays its owner's to close. What `from_documents` opened is closed with the index: as a context manager,
    by `close`, or when neither it nor an engine or a retriever of it is held any more.
    """

    def __init__(self, assistant: Assistant) -> None:
        self.assistant = assistant
        self._close: Callable[[], object] = lambda: None

    @classmethod
    def from_documents(cls, documents: Iterable[BaseNode], library: Path | str | None = None) -> PinciteIndex:
        """The documents of any of LlamaIndex's readers, added to the library at this path, which is made if need be.

        Without a path the library lies in a temporary folder and goes with the index.
        """
        with ExitStack() as opened:
            path = library or opened.enter_context(TemporaryDirectory(prefix="pincite-", ignore_cleanup_errors=True))
            made = opened.enter_context(open_library(path, create=True))
            made.add_documents(documents_of(documents))
            index = cls(opened.enter_context(Assistant.open(made)))
            index._close = weakref.finalize(index, opened.pop_all().close)
        return index

    def __enter__(self) -> PinciteIndex:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._close()

    def as_query_engine(
        self, *, within: Sequence[str] = (), streaming: bool = False, **_: object
    ) -> PinciteQueryEngine:
        """`within`: only from these documents, by id, path, title or folder.

        What else LlamaIndex's indices take (`llm`, `similarity_top_k`, `response_mode`, ...) is for Pincite to choose.
        """
        return PinciteQueryEngine(self, within=within, streaming=streaming)

    def as_chat_engine(self, *, within: Sequence[str] = (), **_: object) -> PinciteChatEngine:
        """As `as_query_engine`; of `chat_mode` there is one."""
        return PinciteChatEngine(self, within=within)

    def as_retriever(self, similarity_top_k: int = 10) -> BaseRetriever:
        """The library's search, not yet ranked by the reader: as `Library.as_retriever`."""
        return PinciteRetriever(self, similarity_top_k)


class PinciteRetriever(LibraryRetriever):
    """That of the index's library; holds the index open."""

    def __init__(self, index: PinciteIndex, similarity_top_k: int) -> None:
        super().__init__(index.assistant.library, similarity_top_k)
        self._index = index


class PinciteQueryEngine(BaseQueryEngine):
    """Answers with the citations as `source_nodes`: a node's text is the quote, its offsets those in the document.

    `metadata` has "answered", "confidence", "model", and "receipt", which is `Answer.to_dict()`. Of a question that is
    not answered `response` says so, and there are no nodes. With `streaming`, what comes are checked sentences, none of
    which is withdrawn; nodes and metadata are there when they have been read. Raises what `Assistant.ask` does, and
    DocumentError if `within` names a document that is not there.
    """

    def __init__(self, index: PinciteIndex, *, within: Sequence[str] = (), streaming: bool = False) -> None:
        super().__init__(callback_manager=None)
        self._index = index
        self._within = tuple(within)
        self._streaming = streaming

    def _get_prompt_modules(self) -> PromptMixinType:
        return {}

    def _query(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        reply = self._reply(query_bundle)
        if not self._streaming:
            answer = reply.answer
            return Response(answer.text, nodes_of(answer), metadata_of(answer))
        told = Told(reply, self._index.assistant.unsupported)
        return StreamingResponse(told.pieces(), told.nodes, told.metadata)  # type: ignore[arg-type]

    async def _aquery(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        reply = await asyncio.to_thread(self._reply, query_bundle)
        if not self._streaming:
            answer = await _finished(reply)
            return Response(answer.text, nodes_of(answer), metadata_of(answer))
        told = Told(reply, self._index.assistant.unsupported)
        return AsyncStreamingResponse(told.apieces(), told.nodes, told.metadata)  # type: ignore[arg-type]

    def _reply(self, query_bundle: QueryBundle) -> Reply:
        return _reply(self._index.assistant, query_bundle.query_str, (), self._within)


class PinciteChatEngine(BaseChatEngine):
    """A conversation, kept here: what a follow-up points back to is found in it.

    A turn belongs to it when its answer has come to its end. `chat_history` takes the place of what was kept. For the
    answers see `PinciteQueryEngine`.
    """

    def __init__(self, index: PinciteIndex, *, within: Sequence[str] = ()) -> None:
        self._index = index
        self._within = tuple(within)
        self._history: list[ChatMessage] = []

    @property
    def chat_history(self) -> list[ChatMessage]:
        return list(self._history)

    def reset(self) -> None:
        self._history = []

    def chat(self, message: str, chat_history: list[ChatMessage] | None = None) -> AgentChatResponse:
        return self._response(message, self._reply(message, chat_history).answer)

    async def achat(self, message: str, chat_history: list[ChatMessage] | None = None) -> AgentChatResponse:
        reply = await asyncio.to_thread(self._reply, message, chat_history)
        return self._response(message, await _finished(reply))

    def stream_chat(self, message: str, chat_history: list[ChatMessage] | None = None) -> StreamingAgentChatResponse:
        reply = self._reply(message, chat_history)
        told = Told(reply, self._index.assistant.unsupported, lambda answer: self._keep(message, answer))
        return StreamingAgentChatResponse(
            chat_stream=(_delta(piece) for piece in told.pieces()),
            achat_stream=(_delta(piece) async for piece in told.apieces()),
            source_nodes=told.nodes,
            is_writing_to_memory=False,
        )

    async def astream_chat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> StreamingAgentChatResponse:
        return await asyncio.to_thread(self.stream_chat, message, chat_history)

    def _reply(self, message: str, chat_history: list[ChatMessage] | None) -> Reply:
        if chat_history is not None:
            self._history = list(chat_history)
        history = [
            Message("user" if turn.role is MessageRole.USER else "assistant", turn.content)
            for turn in self._history
            if turn.role in (MessageRole.USER, MessageRole.ASSISTANT) and turn.content
        ]
        return _reply(self._index.assistant, message, history, self._within)

    def _response(self, message: str, answer: Answer) -> AgentChatResponse:
        self._keep(message, answer)
        return AgentChatResponse(answer.text, source_nodes=nodes_of(answer), metadata=metadata_of(answer))

    def _keep(self, message: str, answer: Answer) -> None:
        """Without citations' numbers: a model that is told them writes them again."""
        said = " ".join(sentence.text for sentence in answer.sentences) or answer.text
        self._history += [ChatMessage(message, role=MessageRole.USER), ChatMessage(said, role=MessageRole.ASSISTANT)]


class PinciteSearch:
    """A library, or a part of it, whose searches LlamaIndex's tracing sees."""

    def __init__(self, library: Library | Part) -> None:
        self._library = library

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)

    def search(self, question: str, k: int = 20) -> list[Hit]:
        hits: list[Hit] = []
        self.retrieve(question, k, hits)
        return hits

    @dispatcher.span
    def retrieve(self, question: str, k: int, hits: list[Hit]) -> list[NodeWithScore]:
        dispatcher.event(RetrievalStartEvent(str_or_query_bundle=question))
        hits += self._library.search(question, k)
        nodes = [passage_of(hit) for hit in hits]
        dispatcher.event(RetrievalEndEvent(str_or_query_bundle=question, nodes=nodes))
        return nodes


def _reply(assistant: Assistant, question: str, history: Sequence[Message], within: Sequence[str]) -> Reply:
    library = assistant.library.within(*within) if within else assistant.library
    return assistant.stream(question, history, within=cast(Part, PinciteSearch(library)))


async def _finished(reply: Reply) -> Answer:
    """In a thread; who is cancelled meanwhile wants it no more."""
    try:
        return await asyncio.to_thread(lambda: reply.answer)
    finally:
        reply.close()


def _delta(piece: str) -> ChatResponse:
    return ChatResponse(message=ChatMessage(piece, role=MessageRole.ASSISTANT), delta=piece)
