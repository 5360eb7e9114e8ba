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


def answer(
    question: str,
    *,
    history: Sequence[Message] = (),
    library: Path | str | Library | None = None,
    within: Sequence[str] = (),
) -> Answer:
    """Answer `question` from `library`: a path, an open Library, or by default the one with the shipped article.

    `within`: only from these documents, by id, path, title or folder. Raises QuestionError for an empty or overlong
    question, LibraryError if there is no library at the path, DocumentError for a document that is not in it,
    ModelError if a language model is set and fails. For many questions open an `Assistant` once.
    """
    return stream_answer(question, history=history, library=library, within=within).answer


def stream_answer(
    question: str,
    *,
    history: Sequence[Message] = (),
    library: Path | str | Library | None = None,
    within: Sequence[str] = (),
) -> Reply:
    """As `answer`, but as it comes: iterate the Reply, then read its `answer`. Errors come while it is iterated."""
    return Reply(_steps(question, history, library, within))


def _steps(
    question: str, history: Sequence[Message], library: Path | str | Library | None, within: Sequence[str]
) -> Steps:
    with Assistant.open(library) as assistant:
        part = assistant.library.within(*within) if within else None
        reply = assistant.stream(question, history, within=part)
        yield from reply
        return reply.answer
