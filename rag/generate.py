"""The language model: any OpenAI-compatible one, through LlamaIndex. The only module that imports its LLM classes.

It writes text with markers; what they point at, and whether it supports the text, is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from index import Hit
from index.lexical import content_words
from index.passages import split_sentences
from rag.agreement import numbers
from rag.errors import ModelError
from rag.followup import Message, names
from rag.prompts import CONDENSE, PASSAGE, QUESTION, SYSTEM

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

DEFAULT_MODEL = "gpt-4.1-mini"
_CONTEXT_WINDOW = 8192
_MOST_TOKENS = 512
# Earlier turns that the model sees.
_TURNS = 6
_LONGEST_REWRITE = 300

_MARKERS = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_MARKERS_AFTER_END = re.compile(r"([.!?…][\"”’)]*)\s*((?:\[\d{1,3}(?:\s*,\s*\d{1,3})*\]\s*)+)")


def language_model(environ: Mapping[str, str], *, temperature: float = 0.0) -> LLM | None:
    """The model that OPENAI_API_KEY, OPENAI_BASE_URL and OPENAI_MODEL name; None if neither key nor address is set."""
    key, address = environ.get("OPENAI_API_KEY"), environ.get("OPENAI_BASE_URL")
    if not key and not address:
        return None
    from llama_index.llms.openai_like import OpenAILike

    model: LLM = OpenAILike(
        model=environ.get("OPENAI_MODEL") or DEFAULT_MODEL,
        api_key=key or "none",
        api_base=address or "https://api.openai.com/v1",
        is_chat_model=True,
        context_window=_CONTEXT_WINDOW,
        max_tokens=_MOST_TOKENS,
        temperature=temperature,
        timeout=60.0,
        max_retries=2,
    )
    return model


def write(model: LLM, question: str, hits: Sequence[Hit], history: Sequence[Message]) -> Iterator[str]:
    """What the model writes, piece by piece, from the numbered passages. Raises ModelError."""
    passages = "\n\n".join(
        PASSAGE.format(number=number, context=hit.passage.context, text=hit.passage.text)
        for number, hit in enumerate(hits, 1)
    )
    earlier = [(turn.role, turn.text) for turn in history[-_TURNS:]]
    asked = QUESTION.format(passages=passages, question=question)
    return _written(model, ("system", SYSTEM), *earlier, ("user", asked))


def condense(model: LLM, question: str, history: Sequence[Message]) -> str:
    """A follow-up as the model words it to stand alone; "" if that names what nobody said. Raises ModelError."""
    turns = [f"{turn.role}: {turn.text}" for turn in (*history[-_TURNS:], Message("user", question))]
    written = complete(model, CONDENSE, "\n".join(turns)).strip()
    line = written.splitlines()[0].strip(' "“”') if written else ""
    named = [*names(line[:1].lower() + line[1:]), *numbers(line)]
    said = set(content_words(" ".join(turns)))
    known = all(word in said for name in named for word in content_words(name))
    return line if known and len(line) <= _LONGEST_REWRITE else ""


def complete(model: LLM, system: str, user: str) -> str:
    """The model's whole reply to one message. Raises ModelError."""
    return "".join(_written(model, ("system", system), ("user", user)))


def _written(model: LLM, *turns: tuple[str, str]) -> Iterator[str]:
    from llama_index.core.base.llms.types import ChatMessage, MessageRole

    with _errors(model):
        for response in model.stream_chat([ChatMessage(role=MessageRole(role), content=text) for role, text in turns]):
            if response.delta:
                yield response.delta


def complete_sentences(text: str, *, final: bool) -> tuple[list[tuple[str, list[int]]], str]:
    """Sentences that `text` has finished, each with the passage numbers of its markers, and the unfinished rest.

    "It was so. [1] It" -> ([("It was so.", [1])], "It"). With `final` the rest is a sentence too.
    """
    text = _MARKERS_AFTER_END.sub(lambda match: f" {match[2].strip()}{match[1]} ", text)
    spans = split_sentences(text)
    unfinished = 0 if final else 1
    if not final and spans and text[spans[-1][0]] == "[":
        unfinished = 2  # half a marker belongs to the sentence before it
    finished = len(spans) - unfinished
    sentences = []
    for start, end in spans[: max(0, finished)]:
        raw = text[start:end]
        markers = [int(number) for match in _MARKERS.findall(raw) for number in match.split(",")]
        bare = re.sub(r"\s+([.,;:!?…])", r"\1", " ".join(_MARKERS.sub(" ", raw).split()))
        if content := bare.strip():
            sentences.append((content, list(dict.fromkeys(markers))))
    rest = text[spans[max(0, finished)][0] :] if unfinished and spans else ""
    return sentences, rest


@contextmanager
def _errors(model: LLM) -> Iterator[None]:
    import openai

    name = model.metadata.model_name
    try:
        yield
    except openai.AuthenticationError as error:
        raise ModelError(f"The server refused the key for {name}. Set OPENAI_API_KEY to a valid one.") from error
    except openai.NotFoundError as error:
        raise ModelError(f"The server has no model {name}. Set OPENAI_MODEL to one that it lists.") from error
    except openai.RateLimitError as error:
        raise ModelError(f"The server turned the request to {name} away: too many, or no credit. Try later.") from error
    except openai.APITimeoutError as error:
        raise ModelError(
            f"{name} did not answer in time. Try again, or unset OPENAI_BASE_URL to answer locally."
        ) from error
    except openai.APIConnectionError as error:
        raise ModelError(
            f"Cannot reach the server of {name}. Check OPENAI_BASE_URL and that the server runs, "
            "or unset OPENAI_API_KEY and OPENAI_BASE_URL to answer without a model."
        ) from error
    except openai.APIStatusError as error:
        raise ModelError(f"The server of {name} failed with status {error.status_code}. Try again later.") from error
    except openai.APIError as error:
        raise ModelError(f"{name} failed while it answered. Try again.") from error
