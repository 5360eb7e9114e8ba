"""What a language model is asked, and its text read: passages packed into a prompt, sentences with their markers.

What the markers point at, and whether it supports the text, is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from index import Hit, Passage
from index.lexical import content_words
from index.passages import split_sentences
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
_SAME_AS_QUESTION = 0.9
# Tokens are counted as OpenAI's models count them; others may take so many times as many, and some for each message.
_OTHER_TOKENS = 1.15
_TOKENS_OF_MESSAGE = 8

_MARKER = r"\[\d{1,3}(?:\s*,\s*\d{1,3})*\]"
_MARKERS = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_MARKERS_AFTER_END = re.compile(rf"([.!?…][\"”’)]*)\s*((?:{_MARKER}\s*)+)")
_SHOWN_MARKERS = re.compile(rf"\s*{_MARKER}|</?passages?\b[^<>]*>\s*")
_MAYBE_MARKER = re.compile(r"\s*(?:\[[\d,\s]{0,12}|</?p?[^<>]{0,300})?$")
_TAG = re.compile(r"</?passages?\b[^<>]*>")
_FENCE = re.compile(r"<(?=\s*/?\s*passage)", re.IGNORECASE)
_MARKUP = re.compile(r"^(?:[-*•–]|\d{1,2}[.)]|#{1,6})\s+|\*\*|__|`")


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
    passages = merged(kept)
    fenced = "\n".join(_fenced(passage, number) for number, passage in enumerate(passages, 1))
    asked = QUESTION.format(passages=fenced, question=question)
    return Prompt(question, (("system", SYSTEM), *earlier, ("user", asked)), tuple(passages))


def merged(passages: Sequence[Passage]) -> list[Passage]:
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


def complete(model: LLM, system: str, user: str, deadlines: Deadlines | None = None, stop: Stop | None = None) -> str:
    """The model's whole reply to one message. Raises ModelError."""
    with written(model, [("system", system), ("user", user)], deadlines or Deadlines(), stop) as pieces:
        return "".join(pieces)


class Draft:
    """A model's text as it grows: what may be shown of it, and its sentences as they are complete."""

    def __init__(self) -> None:
        self.text = ""
        self._rest = ""
        self._shown = ""

    def add(self, piece: str) -> Iterator[str | Written]:
        """Text to show, without markers and what may become one; and sentences. What is shown after one begins anew."""
        self.text += piece
        self._rest += piece
        finished, rest = complete_sentences(self._rest, final=False)
        yield from self._taken(finished, rest)
        visible = shown(self._rest)
        if len(visible) > len(self._shown):
            yield visible[len(self._shown) :]
            self._shown = visible

    def end(self) -> Iterator[str | Written]:
        """What is left when the model has ended."""
        finished, rest = complete_sentences(self._rest, final=True)
        yield from self._taken(finished, rest)

    def _taken(self, finished: Sequence[Written], rest: str) -> Iterator[Written]:
        if finished:
            self._rest, self._shown = rest, ""
        yield from finished


@dataclass(frozen=True, slots=True)
class Written:
    """A sentence that a model wrote, and the numbers of the passages that it names."""

    text: str
    markers: tuple[int, ...]


def shown(text: str) -> str:
    """`text` without markers, and without an end that may become one."""
    return _MAYBE_MARKER.sub("", _SHOWN_MARKERS.sub("", text))


def repeats(text: str, question: str) -> bool:
    """Whether a sentence only says the question again."""
    one, other = (" ".join(content_words(part.removeprefix("Question:"))) for part in (text, question))
    return SequenceMatcher(None, one, other).ratio() >= _SAME_AS_QUESTION


def complete_sentences(text: str, *, final: bool) -> tuple[list[Written], str]:
    """Sentences that `text` has finished, and the unfinished rest.

    "It was so. [1] It" -> ([Written("It was so.", (1,))], "It"). With `final` the rest is a sentence too.
    """
    text = _TAG.sub(" ", text)
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
        bare = re.sub(r"\s+([.,;:!?…])", r"\1", " ".join(_MARKUP.sub("", _MARKERS.sub(" ", raw)).split()))
        if re.search(r"\w", bare):
            sentences.append(Written(bare, tuple(dict.fromkeys(markers))))
    rest = text[spans[max(0, finished)][0] :] if unfinished and spans else ""
    return sentences, rest
