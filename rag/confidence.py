"""How sure it is that the library answers a question: that it is about the topic, times that it holds the answer."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from index import Library, Part, Passage
from index.lexical import STOP_WORDS, content_words
from rag.extract import Evidence, sigmoid
from rag.retrieve import Found

THRESHOLD = 0.35

# Two logistic regressions, each weight in the order of its signals and then the bias: `python -m evals.calibrate`. One
# alone cannot tell: a question of another topic and one that is nearly answered differ from an answered one in
# different ways, and a paraphrase lies between them.
_TOPIC = (0.603, 12.889, 18.038, -3.965, -5.791)
_HOLDS = (0.622, -0.306, 6.591, 5.596, -0.441, -6.469)

_SENTENCES = 4  # so many of the best are compared with the question
_NAME = re.compile(r"\b[A-Z][\w-]*(?:\s+[A-Z][\w-]*)*")
_NUMBER = re.compile(r"\b\d[\d.,]*\b")
_WORD = re.compile(r"\b[^\W\d][\w’'-]+")
_SAY_LITTLE = frozenset(
    "again all also always another anyone anything both different each either ever every few get give gone got just "
    "kind know last least like long made make many may mean might more most much must name need neither never new "
    "next none nothing now often old one only other own past please same say several shall show side since some "
    "someone something sort still take tell thing think time two type under until use used using want way well "
    "whether while without would yet".split()
)


@dataclass(frozen=True, slots=True)
class Topic:
    """What tells whether a library is about a question's topic.

    `relevance`: the reader's, of the best passage; `sentence_cosine` and `passage_cosine`: of the embeddings, of the
    best sentence and passage; `size`: log10 of the library's passages (of many wrong ones the best is better).
    """

    relevance: float
    sentence_cosine: float
    passage_cosine: float
    size: float


@dataclass(frozen=True, slots=True)
class Holds:
    """What tells whether a passage on the topic holds the answer.

    `answerable`: the reader's logit of the passage that stands first; `passage_cosine`: its embedding's; `relevance`
    and `sentence_cosine` as in `Topic` (what is relevant and does not answer is a near miss); `strange`: how many names
    and numbers of the question do not stand in the passage of the best sentence.
    """

    answerable: float
    relevance: float
    sentence_cosine: float
    passage_cosine: float
    strange: float


def confidence(question: str, evidence: Sequence[Evidence], found: Sequence[Found], library: Library | Part) -> float:
    """0..1, before any answer is written. `evidence` best first."""
    if not evidence:
        return 0.0
    topic, holds = signals(question, evidence, found, library)
    return probability(astuple(topic), _TOPIC) * probability(astuple(holds), _HOLDS)


def signals(
    question: str, evidence: Sequence[Evidence], found: Sequence[Found], library: Library | Part
) -> tuple[Topic, Holds]:
    texts = [item.text for item in evidence[:_SENTENCES]]
    cosine = float((library.embed_passages(texts) @ library.embed_question(question)).max())
    relevance = max(item.reading.relevance for item in found)
    dense = max(item.hit.dense for item in found)
    read = f"{evidence[0].passage.context} {evidence[0].passage.text}"
    strange = float(sum(not _stands(name, read) for name in _names_and_numbers(question)))
    return (
        Topic(relevance, cosine, dense, math.log10(library.passage_count + 1)),
        Holds(found[0].reading.answerable, relevance, cosine, found[0].hit.dense, strange),
    )


def _names_and_numbers(text: str) -> list[str]:
    """Runs of capitalised words but for a question's first word, and numbers: what a question must be about."""
    _, _, rest = text.strip().partition(" ")
    found = [name for name in _NAME.findall(rest) if name.lower() not in STOP_WORDS]
    return list(dict.fromkeys(found + _NUMBER.findall(text)))


def missing(question: str, passages: Sequence[Passage]) -> tuple[str, ...]:
    """The names and numbers of the question, and its other words that mean something, that no passage holds."""
    text = " ".join(f"{passage.context} {passage.text}" for passage in passages)
    named = _names_and_numbers(question)
    others = [word for word in _WORD.findall(question) if not any(word in name for name in named)]
    held = {*content_words(text)}
    words = [word for word in others if word.lower() not in _SAY_LITTLE and not {*content_words(word)} <= held]
    lost = [name for name in named if not _stands(name, text)] + words
    return tuple(sorted(dict.fromkeys(lost), key=question.find))


def _stands(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


def probability(values: Sequence[float], weights: Sequence[float]) -> float:
    """Logistic regression: `weights` has one for each value and then the bias."""
    return sigmoid(sum(weight * value for weight, value in zip(weights, (*values, 1.0), strict=True)))
