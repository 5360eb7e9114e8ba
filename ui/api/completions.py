"""OpenAI's chat completions, as far as an answer from a library has use for them.

The question is the last message of the user, what comes before it the conversation; system messages are not followed,
and sampling parameters have no meaning. What was sent is never withdrawn: a sentence leaves when it is checked and
sure to stay.

Shapes: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from rag import Answer, Assistant, Message, QuestionError
from rag.assistant import EXTRACTIVE
from rag.drafts import LONGEST_DRAFT
from rag.reader import Reader
from ui.api.errors import ErrorBody
from ui.api.message import Annotation, Pinned, Writer
from ui.api.shapes import SAID, Asked
from ui.references import without_footnotes

MODEL = "pincite"
QUOTES = "pincite-quotes"
_MOST_MESSAGES = 500


Text = Annotated[str, Field(min_length=1, max_length=LONGEST_DRAFT, pattern=SAID)]


class TextPart(BaseModel):
    type: Literal["text"]
    text: Text


class UserMessage(BaseModel):
    """Text, whole or in parts; pictures and sounds are not understood."""

    role: Literal["user"]
    content: Text | Annotated[list[TextPart], Field(min_length=1, max_length=100)]

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)


class OtherMessage(BaseModel):
    role: Literal["system", "developer", "assistant", "tool", "function"]
    content: str | list[Any] | None = None

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else ""


class StreamOptions(BaseModel):
    include_usage: StrictBool | None = None


class Extension(Asked):
    """What only Pincite knows: of which documents, and whether footnotes with the quotes end the text."""

    footnotes: StrictBool = True


class ChatRequest(BaseModel):
    """What else OpenAI's clients send is taken and has no effect."""

    model_config = ConfigDict(extra="allow")

    messages: list[Annotated[UserMessage | OtherMessage, Field(discriminator="role")]] = Field(
        min_length=1,
        max_length=_MOST_MESSAGES,
        json_schema_extra={"contains": {"type": "object", "properties": {"role": {"const": "user"}}}},
    )
    model: str = MODEL
    stream: StrictBool | None = None
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None
    pincite: Extension | None = None

    def conversation(self) -> tuple[str, list[Message]]:
        """The question and what was said before it. Raises QuestionError."""
        asked = max((n for n, message in enumerate(self.messages) if message.role == "user"), default=None)
        if asked is None:
            raise QuestionError('No message is of the user. Send one with the role "user".')
        before = []
        for message in self.messages[:asked]:
            if isinstance(message, UserMessage):
                before.append(Message("user", message.text))
            elif message.role == "assistant" and (said := without_footnotes(message.text)):
                before.append(Message("assistant", said))
        return self.messages[asked].text, before


class AssistantMessage(BaseModel):
    role: Literal["assistant"]
    content: str
    refusal: None
    annotations: list[Annotation]
    pincite: Pinned


class Choice(BaseModel):
    index: int
    message: AssistantMessage
    logprobs: None
    finish_reason: Literal["stop", "length"]


class Usage(BaseModel):
    """In word pieces of the reader that ships, whatever wrote the answer."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(BaseModel):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


class ModelShape(BaseModel):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(BaseModel):
    object: Literal["list"]
    data: list[ModelShape]


def models(assistant: Assistant) -> list[ModelShape]:
    """What answers: as the settings say, and, where a language model is set, the sources' own words alone."""
    names = [MODEL] if assistant.model == EXTRACTIVE else [MODEL, QUOTES]
    return [ModelShape(id=name, object="model", created=0, owned_by="pincite") for name in names]


def usage(reader: Reader, asked: Iterable[str], text: str) -> Usage:
    prompt, completion = sum(map(reader.tokens, asked)), reader.tokens(text)
    return Usage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)


def completion(answer: Answer, writer: Writer, model: str, counted: Usage) -> ChatCompletion:
    message = AssistantMessage(
        role="assistant",
        content=writer.text,
        refusal=None,
        annotations=writer.annotations,
        pincite=Pinned.of(answer),
    )
    choice = Choice(index=0, message=message, logprobs=None, finish_reason=_reason(answer))
    return ChatCompletion(
        id=_new_id(), object="chat.completion", created=int(time.time()), model=model, choices=[choice], usage=counted
    )


class Chunks:
    """The events of one stream, as Server-Sent Events; each is a piece of the same message."""

    def __init__(self, model: str) -> None:
        self._same = {"id": _new_id(), "object": "chat.completion.chunk", "created": int(time.time()), "model": model}

    def begin(self) -> str:
        return self._of({"role": "assistant", "content": ""})

    def piece(self, text: str) -> str:
        return self._of({"content": text})

    def end(self, answer: Answer, writer: Writer, text: str) -> str:
        """Footnotes and citations, then why it ended."""
        cited = [annotation.model_dump() for annotation in writer.annotations]
        pinned = Pinned.of(answer).model_dump(mode="json")
        return self._of({"content": text, "annotations": cited, "pincite": pinned}) + self._of({}, _reason(answer))

    def usage(self, counted: Usage) -> str:
        return _event({**self._same, "choices": [], "usage": counted.model_dump()})

    def _of(self, delta: Mapping[str, Any], reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _event({**self._same, "choices": [choice]})


def failed(error: ErrorBody) -> str:
    """What ends a stream that had begun."""
    return _event(error.model_dump())


DONE = "data: [DONE]\n\n"


def _event(data: object) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def _reason(answer: Answer) -> Literal["stop", "length"]:
    return "length" if answer.cut else "stop"


def _new_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"
