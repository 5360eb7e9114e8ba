"""A follow-up ("And what is her job?") made into a question that can be searched by itself.

By rules, from the history's own words; a later question about something else is left alone.
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


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    text: str


def standalone(question: str, history: Sequence[Message]) -> str:
    """`question` with the earlier question that it leans on put before it; unchanged if it leans on none."""
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
