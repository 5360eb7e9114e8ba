"""What a person says made into a question that can be searched by itself.

A follow-up ("And what is her job?") gets the question that it leans on, a polite one ("Could you tell me ...") loses
what the models were not trained on. By rules, from the history's own words; a change of topic is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from index.lexical import content_words

_POINTING = re.compile(
    r"\b(?:it|its|they|them|their|theirs|he|him|his|she|her|hers|those|these|this one|that one|the same|the former|"
    r"the latter|which of|one of)\b|^(?:and|but|so|then|what about|how about)\b|^(?:why|how|when|where|who)\b\W*$|"
    r"\b(?:this|that|there|then|so)\W*$|\b(?:of|about|for|after|before|like|by|from|is|was|did|does) (?:this|that)\b",
    re.IGNORECASE,
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


def standalone(question: str, history: Sequence[Message]) -> str:
    """`question` without courtesies, with the earlier question that it leans on, if any, put before it."""
    plain = _COURTESY.sub("", question.strip())
    return _in_context(plain if content_words(plain) else question, history)


def _in_context(question: str, history: Sequence[Message]) -> str:
    earlier = [message.text.strip() for message in history if message.role == "user" and message.text.strip()]
    if not earlier or not leans_on_history(question):
        return question
    context = [earlier[-1]]
    if leans_on_history(earlier[-1]) and len(earlier) > 1:
        context.insert(0, earlier[-2])
    return " ".join([*context, question])


def leans_on_history(question: str) -> bool:
    """Whether `question` points back, or says too little to stand alone."""
    return bool(_POINTING.search(question.strip())) or len(content_words(question)) < 2
