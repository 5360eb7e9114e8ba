"""The language model: any server that speaks OpenAI's protocol, as a LlamaIndex `LLM`; its errors: `rag.faults`.

Why a class of our own: LlamaIndex's asks for an openai below 3, tries again what cannot succeed, and follows redirects
with the whole question. Here nothing is tried again: `rag.stream` does that, and keeps the deadlines.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import openai
from llama_index.core.base.llms.generic_utils import (
    chat_to_completion_decorator,
    stream_chat_to_completion_decorator,
)
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.llms.callbacks import llm_chat_callback
from llama_index.core.llms.custom import CustomLLM
from pydantic import PrivateAttr

from rag.errors import ModelError, SettingError
from rag.faults import no_chat_server
from rag.stream import Deadlines, in_event_loop, written

DEFAULT_MODEL = "gpt-4.1-mini"
DEFAULT_ADDRESS = "https://api.openai.com/v1"
CONTEXT_TOKENS = 8192
MOST_TOKENS = 1024

# What some models refuse to be told: what they refuse is left out from then on.
_MAY_BE_REFUSED = frozenset({"temperature", "max_tokens", "max_completion_tokens"})


class ChatModel(CustomLLM):
    """A model behind `/chat/completions`. Its asynchronous client keeps its connections in one event loop."""

    name: str
    address: str = DEFAULT_ADDRESS
    context_window: int = CONTEXT_TOKENS
    temperature: float = 0.0
    _key: str = PrivateAttr()
    _kept: Any = PrivateAttr(default=None)
    _client: openai.AsyncOpenAI | None = PrivateAttr(default=None)
    _refused: set[str] = PrivateAttr(default_factory=set)

    def __init__(self, *, key: str, kept: object = None, **fields: Any) -> None:
        """`kept` is held as long as the model: the server that it speaks to, if that runs in this process."""
        super().__init__(**fields)
        self._key = key
        self._kept = kept

    @classmethod
    def class_name(cls) -> str:
        return "PinciteChatModel"

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(
            model_name=self.name,
            context_window=self.context_window,
            num_output=min(MOST_TOKENS, self.context_window // 4),
            is_chat_model=True,
        )

    async def astream_chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponseAsyncGen:
        """Raises openai's errors, and ModelError for what is no stream of text or ends before its end."""
        stream: ChatResponseAsyncGen = await _traced_stream(self, messages)
        return stream

    def stream_chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponseGen:
        """Raises ModelError."""
        turns = [(message.role.value, message.content or "") for message in messages]
        text = ""
        with written(self, turns, Deadlines()) as pieces:
            for piece in pieces:
                text += piece
                yield _response(text, piece)

    def chat(self, messages: Sequence[ChatMessage], **_: Any) -> ChatResponse:
        text = "".join(response.delta or "" for response in self.stream_chat(messages))
        return _response(text, None)

    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:
        return chat_to_completion_decorator(self.chat)(prompt)

    def stream_complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponseGen:
        return stream_chat_to_completion_decorator(self.stream_chat)(prompt)

    def close(self) -> None:
        """Close the connections that are kept open for further questions."""
        client, self._client = self._client, None
        if client is not None:
            in_event_loop(client.close())

    def _request(self, messages: Sequence[ChatMessage]) -> dict[str, Any]:
        most = "max_completion_tokens" if self.address == DEFAULT_ADDRESS else "max_tokens"
        options = {"temperature": self.temperature, most: self.metadata.num_output}
        return {
            "model": self.name,
            "messages": [{"role": message.role.value, "content": message.content} for message in messages],
        } | {option: value for option, value in options.items() if option not in self._refused}

    async def _opened(self, messages: Sequence[ChatMessage]) -> openai.AsyncStream[Any]:
        if self._client is None:
            self._client = openai.AsyncOpenAI(
                api_key=self._key,
                base_url=self.address,
                max_retries=0,
                timeout=None,  # the deadlines are those of rag.stream
                http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False, timeout=None),
            )
        while True:
            try:
                opened: openai.AsyncStream[Any] = await self._client.chat.completions.create(
                    **self._request(messages), stream=True
                )
                return opened
            except openai.BadRequestError as error:
                if error.param not in _MAY_BE_REFUSED - self._refused:
                    raise
                self._refused.add(error.param)


@llm_chat_callback()
async def _traced_stream(model: ChatModel, messages: Sequence[ChatMessage]) -> ChatResponseAsyncGen:
    """LlamaIndex's callbacks, which tracing listens to, see the model's calls."""
    stream = await model._opened(messages)

    async def responses() -> ChatResponseAsyncGen:
        text = ""
        async for delta in _deltas(stream, model.name):
            text += delta
            yield _response(text, delta)

    return responses()


async def _deltas(stream: openai.AsyncStream[Any], name: str) -> AsyncIterator[str]:
    """Text as it comes, "" for an event without any, so that who waits sees that something comes."""
    async with stream:
        kind = stream.response.headers.get("content-type", "").partition(";")[0].strip()
        if kind == "application/json":  # a server that does not stream
            whole = openai.types.chat.ChatCompletion.model_validate_json(await stream.response.aread())
            yield whole.choices[0].message.content or ""
            return
        if kind != "text/event-stream":
            raise ModelError(no_chat_server(name, f"sent {kind or 'something'} instead of an answer"))
        reason = None
        async for chunk in stream:
            if chunk.choices:
                yield chunk.choices[0].delta.content or ""
                reason = chunk.choices[0].finish_reason or reason
        if reason is None:
            raise ModelError(no_chat_server(name, "ended its answer before the end"))
        if reason == "length":
            raise ModelError(f"{name} reached its limit of tokens for an answer. Ask for less at a time.")


def _response(text: str, delta: str | None) -> ChatResponse:
    return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content=text), delta=delta)


def language_model(environ: Mapping[str, str], *, temperature: float = 0.0) -> ChatModel | None:
    """The model that the settings name; None if they name neither a key, nor an address, nor a file.

    OPENAI_API_KEY, OPENAI_BASE_URL and OPENAI_MODEL, or PINCITE_GGUF: a file that llama.cpp runs in this process (the
    extra `local-llm`). PINCITE_CONTEXT is the model's context in tokens. Raises SettingError.
    """
    key, address, file = (environ.get(name) for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "PINCITE_GGUF"))
    context = _context_tokens(environ)
    name, server = DEFAULT_MODEL, None
    if file:
        from rag.gguf import serve

        path = Path(file).expanduser()
        server = serve(path, context)
        name, key, address = path.stem, None, f"{server.listening_address}/v1"
    elif not key and not address:
        return None
    return ChatModel(
        name=environ.get("OPENAI_MODEL") or name,
        key=key or "none",
        address=(address or DEFAULT_ADDRESS).rstrip("/"),
        context_window=context,
        temperature=temperature,
        kept=server,
    )


def _context_tokens(environ: Mapping[str, str]) -> int:
    text = environ.get("PINCITE_CONTEXT") or str(CONTEXT_TOKENS)
    if not text.isdecimal() or int(text) < 1024:
        raise SettingError(f"PINCITE_CONTEXT is {text!r}. Set it to the model's context in tokens, 1024 or more.")
    return int(text)
