"""What people thought of answers in the chat window: a file beside the library, a JSON object a line.

It is only ever added to: a mark that is changed or withdrawn is one more line.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from index import PinciteError
from rag import Message


class FeedbackError(PinciteError):
    """Feedback could not be kept or read."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """A person's mark of an answer.

    `history` is what the assistant got with the question, `answer` the text without citation marks, `quotes` what it
    cited, to the letter, and `passages` the best that were found for it. `liked` is None where the mark was withdrawn.
    `made` is the time, UTC, in ISO 8601.
    """

    question: str
    history: tuple[Message, ...]
    answer: str
    answered: bool
    quotes: tuple[str, ...]
    liked: bool | None
    made: str
    passages: tuple[str, ...] = ()


def feedback_path(library_path: Path) -> Path:
    return library_path / "feedback.jsonl"


def keep_feedback(library_path: Path, feedback: Feedback) -> None:
    """Add a line to the library's file, in one write. Raises FeedbackError if it cannot be written.

    After a line that a crash cut short comes an empty one, by which `read_feedback` knows it.
    """
    path = feedback_path(library_path)
    line = (json.dumps(asdict(feedback), ensure_ascii=False) + "\n").encode("utf-8", "replace")
    try:
        with path.open("a+b", buffering=0) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 1))
            line = line if file.read(1) in (b"", b"\n") else b"\n\n" + line
            whole = file.write(line) == len(line)
    except OSError as error:
        raise _not_kept(path, error.strerror or str(error)) from error
    if not whole:
        raise _not_kept(path, "the disk is full")


def read_feedback(library_path: Path) -> list[Feedback]:
    """The marks that stand, none if there is no file: of those of one question and history the last, unless withdrawn.

    A line that a crash cut short is left out. Raises FeedbackError, naming the line, where the file is malformed else.
    """
    path = feedback_path(library_path)
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FeedbackError(
            f"Cannot read {path}: {error.strerror or error}. Make it a file that you may read."
        ) from error
    last: dict[tuple[str, tuple[Message, ...]], Feedback] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            feedback = _feedback(line)
        except (ValueError, KeyError, TypeError) as error:
            if not b"".join(lines[number : number + 1]).strip():
                continue
            raise FeedbackError(
                f"{path}:{number} is not feedback ({type(error).__name__}: {error}). Remove that line."
            ) from error
        last[feedback.question, feedback.history] = feedback
    return [feedback for feedback in last.values() if feedback.liked is not None]


def _feedback(line: bytes) -> Feedback:
    row: dict[str, Any] = json.loads(line.decode("utf-8"))
    if not isinstance(row, dict):
        raise TypeError("not an object")
    feedback = Feedback(
        question=row["question"],
        history=tuple(Message(turn["role"], turn["text"]) for turn in row["history"]),
        answer=row["answer"],
        answered=row["answered"],
        quotes=tuple(row["quotes"]),
        liked=row["liked"],
        made=row["made"],
        passages=tuple(row.get("passages", ())),
    )
    texts = (feedback.question, feedback.answer, feedback.made, *feedback.quotes, *feedback.passages)
    texts += tuple(text for message in feedback.history for text in (message.role, message.text))
    if not all(isinstance(text, str) for text in texts) or isinstance(row["quotes"], str):
        raise TypeError("a text or a list of texts is something else")
    if not isinstance(feedback.answered, bool) or feedback.liked not in (True, False, None):
        raise TypeError("answered and liked are true or false, and liked is null where it was withdrawn")
    return feedback


def _not_kept(path: Path, reason: str) -> FeedbackError:
    return FeedbackError(
        f"Cannot keep feedback in {path}: {reason}. Make the folder writable, or use another library with --library."
    )
