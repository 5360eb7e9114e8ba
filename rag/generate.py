"""What a language model is asked: passages packed into a prompt, a follow-up to be said by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from index import Hit, Passage
from index.lexical import content_words
from rag.agreement import numbers
from rag.errors import ModelCut
from rag.followup import Message, names
from rag.prompts import AGAIN, CONDENSE, PASSAGE, QUESTION, SYSTEM
from rag.stream import Deadlines, Stop, Turn, written

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

# Earlier turns that the model sees, and how long a rewrite of a question may be.
_TURNS = 6
_LONGEST_REWRITE = 300
# Tokens are counted as OpenAI's models count them; others may take so many times as many, and some for each message.
_OTHER_TOKENS = 1.15
_TOKENS_OF_MESSAGE = 8

_FENCE = re.compile(r"<(?=\s*/?\s*passage)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a model is told of a `question`: `turns`, in which `passages` stand numbered from 1."""

    question: str
    turns: tuple[Turn, ...]
    passages: tuple[Passage, ...]

    def again(self, text: str, unsupported: Sequence[str]) -> Prompt:
        """The same after the model wrote `text`, in which these sentences are not supported."""
        listed = "\n".join(f"- {sentence}" for sentence in unsupported)
        return Prompt(
            self.question, (*self.turns, ("assistant", text), ("user", AGAIN.format(sentences=listed))), self.passages
        )


def prompt(model: LLM, question: str, hits: Sequence[Hit], history: Sequence[Message]) -> Prompt:
    """The best passages first, as many as fit into the model's context beside what is said and answered.

    Those that follow each other in a document are one. What looks like the fence around a passage is changed in its
    text, so that no text can end it.
    """
    count = _counter()
    earlier: list[Turn] = [(turn.role, turn.text) for turn in history[-_TURNS:]]
    metadata = model.metadata
    room = metadata.context_window - metadata.num_output
    room -= sum(count(text) for text in (SYSTEM, QUESTION, question))
    while earlier and sum(count(text) for _, text in earlier) > room // 3:
        earlier.pop(0)
    room -= sum(count(text) for _, text in earlier)
    kept: list[Passage] = []
    for hit in hits:
        cost = count(_fenced(hit.passage, 99))
        if cost <= room:
            kept.append(hit.passage)
            room -= cost
    passages = _merged(kept)
    fenced = "\n".join(_fenced(passage, number) for number, passage in enumerate(passages, 1))
    asked = QUESTION.format(passages=fenced, question=question)
    return Prompt(question, (("system", SYSTEM), *earlier, ("user", asked)), tuple(passages))


def _merged(passages: Sequence[Passage]) -> list[Passage]:
    """Passages that follow each other in a document put together, each where the first of them stood."""
    runs: list[list[Passage]] = []
    for passage in passages:
        near = [run for run in runs if any(_adjoin(passage, other) for other in run)]
        if near:
            near[0].append(passage)
            for run in near[1:]:
                near[0] += run
                runs.remove(run)
        else:
            runs.append([passage])
    return [_joined(sorted(run, key=lambda passage: passage.start)) for run in runs]


def _adjoin(one: Passage, other: Passage) -> bool:
    first, second = sorted((one, other), key=lambda passage: passage.start)
    text = one.document.text
    return one.document.id == other.document.id and not text[first.end : second.start].strip()


def _joined(run: Sequence[Passage]) -> Passage:
    sentences = tuple(span for passage in run for span in passage.sentences)
    return Passage(run[0].document, run[0].start, run[-1].end, sentences, run[0].heading)


def _fenced(passage: Passage, number: int) -> str:
    document = passage.document
    facts = {"heading": passage.heading, "added": document.added[:10], "page": str(passage.page or "")}
    place = "".join(f' {name}="{_attribute(value)}"' for name, value in facts.items() if value)
    text = _FENCE.sub("‹", passage.text)
    return PASSAGE.format(number=number, title=_attribute(document.title), place=place, text=text)


def _attribute(text: str) -> str:
    return _FENCE.sub("‹", " ".join(text.split())).replace('"', "'")


def _counter() -> Callable[[str], int]:
    from llama_index.core.utils import get_tokenizer

    tokenizer = get_tokenizer()
    return lambda text: int(len(tokenizer(text)) * _OTHER_TOKENS) + _TOKENS_OF_MESSAGE


def condense(
    model: LLM, question: str, history: Sequence[Message], deadlines: Deadlines, stop: Stop | None = None
) -> str:
    """A follow-up as the model words it to stand alone; "" if that names what nobody said. Raises ModelError."""
    turns = [f"{turn.role}: {turn.text}" for turn in (*history[-_TURNS:], Message("user", question))]
    line = _first_line(model, [("system", CONDENSE), ("user", "\n".join(turns))], deadlines, stop)
    named = [*names(line[:1].lower() + line[1:]), *numbers(line)]
    said = set(content_words(" ".join(turns)))
    known = all(word in said for name in named for word in content_words(name))
    return line if known and len(line) <= _LONGEST_REWRITE else ""


def _first_line(model: LLM, turns: Sequence[Turn], deadlines: Deadlines, stop: Stop | None) -> str:
    reply = ""
    with written(model, turns, deadlines, stop) as pieces, suppress(ModelCut):
        for piece in pieces:
            reply = (reply + piece).lstrip()
            if "\n" in reply:
                break
    return reply.partition("\n")[0].strip(' "“”')


def complete(model: LLM, system: str, user: str) -> str:
    """The model's whole reply to one message. Raises ModelError."""
    with written(model, [("system", system), ("user", user)], Deadlines()) as pieces:
        return "".join(pieces)
