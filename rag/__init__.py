"""Questions in, cited and checked answers out: `from rag import answer`. The parts are put together in `Assistant`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from index import Library
from rag.assistant import Answer, Assistant, Reply, Steps
from rag.citations import Citation, Sentence, Verdict
from rag.errors import ModelError, QuestionError
from rag.excerpts import Excerpt
from rag.followup import Message

__all__ = [
    "Answer",
    "Assistant",
    "Citation",
    "Excerpt",
    "Message",
    "ModelError",
    "QuestionError",
    "Reply",
    "Sentence",
    "Verdict",
    "answer",
    "stream_answer",
]


def answer(question: str, *, history: Sequence[Message] = (), library: Path | str | Library | None = None) -> Answer:
    """Answer `question` from `library`: a path, an open Library, or by default the one with the shipped article.

    Raises QuestionError for an empty or overlong question, LibraryError if there is no library at the path,
    ModelError if a language model is set and fails. For many questions open an `Assistant` once.
    """
    return stream_answer(question, history=history, library=library).answer


def stream_answer(
    question: str, *, history: Sequence[Message] = (), library: Path | str | Library | None = None
) -> Reply:
    """As `answer`, but as it comes: iterate the Reply, then read its `answer`. Errors come while it is iterated."""
    return Reply(_steps(question, history, library))


def _steps(question: str, history: Sequence[Message], library: Path | str | Library | None) -> Steps:
    with Assistant.open(library) as assistant:
        reply = assistant.stream(question, history)
        yield from reply
        return reply.answer
