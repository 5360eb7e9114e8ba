"""What a person says made into a question that can be searched by itself.

In a follow-up ("And what is her job?") the name that the conversation is about takes the pronoun's place ("what is
Anwita Basu's job?") or, where there is none, is put before it ("Kim: Why?"); a polite one ("Could you tell me ...")
loses what the models were not trained on. By rules, from the history's own words, and by what the library holds: a
question that points back and fits it clearly worse with the name is left alone. So is every one that does not point
back: what is asked of another topic would be dragged to the old one, and answered from it.

`python -m evals.retrieval.followups` measures it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from index.lexical import STOP_WORDS, content_words
from rag.prompts import REFUSAL
from rag.words import DAYS, MONTHS

# How well a question fits a library: the cosine of the passage nearest to it.
Closeness = Callable[[str], float]

# A question that points back may be so much farther from the library with the name and still gets it.
_FARTHER = 0.05
_NAMES_OF_ANSWER = 2  # an answer's first names are those that it is about
_NAMES_BEFORE = 2  # so many are put before a question without a pronoun

_POINTING = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|those|these|this one|that one|the same|the former|"
    r"the latter|which of|one of)\b|^(?:and|but|so|then|what about|how about)\b|^(?:why|how|when|where|who)\b\W*$|"
    r"\b(?:this|that|there|then|so)\W*$|\b(?:of|about|for|after|before|like|by|from|is|was|did|does) (?:this|that)\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"\b(it|he|him|she|they|them|its|his|hers|theirs|their|her)\b", re.IGNORECASE)
_OWNING = frozenset("its his their theirs hers".split())
_CONJUNCTION = re.compile(r"^(?:and|but|so|then)\b[,\s]*", re.IGNORECASE)
_NAME = re.compile(r"[A-Z][\w-]*(?:\s+(?:(?:of|the|de|la|von|van|bin|al|&)\s+)*[A-Z][\w-]*)*")
_NO_NAMES = STOP_WORDS | {name.lower() for name in (*MONTHS, *DAYS)}
_NO_NAMES |= frozenset(
    "after also although another because before besides both did during each even every few first however initially "
    "instead last later many meanwhile moreover most much no not once one only other otherwise over second since "
    "some soon still therefore though thus two under until upon usually very while yes yet".split()
)

_COURTESY = re.compile(
    r"^(?:(?:please|kindly|hi|hello|hey|thanks|ok|okay)[,!.]*\s+)*"
    r"(?:(?:(?:can|could|would|will) you|do you know|i(?: would|['’]d) like to know|i want to know|i wonder)\b"
    r"[,:]?\s*)?"
    r"(?:please\s+)?(?:(?:tell|give|show) me\b(?:\s+about\b)?[,:]?\s*|explain\b(?:\s+to me\b)?[,:]?\s*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    text: str


def standalone(question: str, history: Sequence[Message], closeness: Closeness) -> str:
    """`question` without courtesies and, if it leans on the history, with the name of what it is about."""
    plain = _COURTESY.sub("", question.strip())
    plain = plain if content_words(plain) else question
    turns = _turns(history)
    if not turns or not leans_on_history(plain):
        return plain
    told = _told(plain, turns)
    if not content_words(plain):
        return told
    return told if closeness(told) > closeness(plain) - _FARTHER else plain


def leans_on_history(question: str) -> bool:
    """Whether `question` points back, or says too little to stand alone."""
    return bool(_POINTING.search(question.strip())) or len(content_words(question)) < 2


def names(text: str) -> list[str]:
    """What is called by name in `text`, each once, in order: runs of capitalised words that are no common ones."""
    found = []
    for match in _NAME.finditer(text):
        words = match.group().split()
        while words and words[0].lower() in _NO_NAMES:
            words.pop(0)
        if len("".join(words)) > 1:
            found.append(" ".join(words))
    return list(dict.fromkeys(found))


def _turns(history: Sequence[Message]) -> list[tuple[str, str]]:
    """Questions with their answers ("" where there is none)."""
    turns: list[tuple[str, str]] = []
    for message in history:
        text = message.text.strip()
        if message.role == "user" and text:
            turns.append((text, ""))
        elif message.role == "assistant" and turns and text != REFUSAL:
            turns[-1] = (turns[-1][0], text)
    return turns


def _told(question: str, turns: Sequence[tuple[str, str]]) -> str:
    """The question with the topic's name in it; where the history names nothing, after the earlier question."""
    last, answer = turns[-1]
    about = list(dict.fromkeys([*_topic(turns), *names(last), *names(answer)[:_NAMES_OF_ANSWER]]))
    if not about:
        alone = [earlier for earlier, _ in turns if not leans_on_history(earlier)]
        return f"{(alone or [turns[0][0]])[-1]} {question}"
    bare = _CONJUNCTION.sub("", question)
    pronoun = _PRONOUN.search(bare)
    if pronoun is None:
        return f"{', '.join(about[:_NAMES_BEFORE])}: {question}"
    before, word, after = bare[: pronoun.start()], pronoun.group().lower(), bare[pronoun.end() :]
    owns = word in _OWNING or (word == "her" and re.match(r"\s+\w", after))
    return f"{before}{about[0]}{'’s' if owns else ''}{after}"


def _topic(turns: Sequence[tuple[str, str]]) -> list[str]:
    """The names of the first question that has any, or of the last that began another topic.

    That is one that points nowhere back and shares no name with the topic.
    """
    topic: list[str] = []
    for question, _ in turns:
        found = names(question)
        begins = not leans_on_history(question) and not _share_a_word(found, topic)
        if found and (not topic or begins):
            topic = found
    return topic or next((found[:_NAMES_OF_ANSWER] for _, answer in turns if (found := names(answer))), [])


def _share_a_word(some: Sequence[str], others: Sequence[str]) -> bool:
    return bool({word for name in some for word in name.split()} & {word for name in others for word in name.split()})
