"""Questions in, cited and checked answers out: `from rag import answer`. The parts are put together in `Assistant`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from index import Library, open_library
from rag.answer import Answer, Unsupported
from rag.assistant import Assistant
from rag.citations import Citation, Sentence, Verdict
from rag.drafts import check_against, check_against_library
from rag.errors import ModelError, QuestionError, SettingError
from rag.excerpts import Excerpt
from rag.followup import Message
from rag.reader import local_reader
from rag.reply import Anew, Reply, Steps
from rag.stream import Stop, Stopped

__all__ = [
    "Anew",
    "Answer",
    "Assistant",
    "Citation",
    "Excerpt",
    "Message",
    "ModelError",
    "QuestionError",
    "Reply",
    "Sentence",
    "SettingError",
    "Unsupported",
    "Verdict",
    "answer",
    "check",
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

    def steps(stop: Stop) -> Steps:
        with Assistant.open(library) as assistant:
            part = assistant.library.within(*within) if within else None
            reply = assistant.stream(question, history, within=part)
            with stop.waking(reply.close):
                yield from reply
            if stop.pressed:
                raise Stopped
            return reply.answer

    return Reply(steps)


def check(
    text: str, *, library: Path | str | Library | None = None, passages: Sequence[str] | None = None
) -> list[Sentence]:
    """Hold every sentence of `text` against `library`, as `answer` names it, or against the `passages` given instead.

    Each comes back with its verdict, score and citations; with `passages`, a citation's `document` is the number of
    the passage, from 1. No language model is asked. Raises QuestionError for an empty or overlong text, LibraryError
    if there is no library at the path. For many texts open an `Assistant` once and use its `check`.
    """
    if passages is not None:
        return list(check_against(text, passages, local_reader()))
    if isinstance(library, Library):
        return list(check_against_library(text, library, local_reader()))
    with open_library(library) as opened:
        return list(check_against_library(text, opened, local_reader()))
