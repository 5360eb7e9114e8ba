"""What must agree to the letter between a claim and its source, whatever a model thinks: numbers, and "not"."""

from __future__ import annotations

import re

from index.lexical import content_words

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORDS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90"}
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)
_NOT = re.compile(r"\b(?:not|no|never|neither|nor|none|without|cannot|hardly)\b|n['’]t\b", re.IGNORECASE)
_NEAR = 0.8  # of a claim's words so many stand in a sentence that says the same, or the same with a "not"


def numbers(text: str) -> set[str]:
    """The numbers in `text`, thousands separators dropped: {"7000", "4.5"}."""
    return {re.sub(r",(?=\d{3}\b)", "", number) for number in _NUMBER.findall(text)}


def missing_numbers(claim: str, source: str) -> set[str]:
    """The numbers of `claim` that do not stand in `source`, in figures or, up to twenty, in words.

    "one" is no number here: it is mostly a pronoun.
    """
    known = numbers(source) | {_WORDS[word.lower()] for word in _NUMBER_WORD.findall(source)}
    wanted = numbers(claim) | {_WORDS[word.lower()] for word in _NUMBER_WORD.findall(claim) if word.lower() != "one"}
    return wanted - known


def is_negated(claim: str, sentence: str) -> bool:
    """Whether two sentences of nearly the same words differ by a "not"."""
    words = [word for word in content_words(_NOT.sub(" ", claim)) if len(word) > 1]
    there = set(content_words(sentence))
    near = bool(words) and sum(word in there for word in words) >= _NEAR * len(words)
    return near and len(_NOT.findall(claim)) % 2 != len(_NOT.findall(sentence)) % 2
