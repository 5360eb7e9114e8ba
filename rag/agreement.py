"""What must agree between a claim and its source, whatever a model thinks: numbers and their units, "not", and, where
the claim says nearly the same words, opposites, "all" for "most", and "will" for "may".

A small model reads two sentences that differ in one such word as alike: that is what these rules are for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from index.lexical import content_words
from rag.words import ALL_OR_NOTHING, MONTHS, NUMBER_WORDS, OPPOSITES, UNITS

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(NUMBER_WORDS)})\b", re.IGNORECASE)
_MONTH = re.compile(rf"\b(?:{'|'.join(MONTHS)})\b")
_NOT = re.compile(r"\b(?:not|no|never|neither|nor|none|without|cannot|hardly)\b|n['’]t\b", re.IGNORECASE)
# Of a claim's words so many stand in what says the same with or without a "not", and so many in what is near to it.
_SAME, _NEAR = 0.8, 0.5
# Where it is said is the shortest place with this share of those words: others may stand far from it by chance.
_TOGETHER = 0.75
_BEFORE = 5  # words before the place where it is said: there stands "it is unclear whether"

_MEASURE = re.compile(
    rf"([$€£¥])?\s?((?:\d[\d.,]*)?\d|\b(?:{'|'.join(NUMBER_WORDS)}|hundred|few|several)\b)\s*[°-]?\s*"
    r"(%|[a-z]+(?:/[a-z]+)?)?",
    re.IGNORECASE,
)
_ABSOLUTES = re.compile(rf"\b(?:{'|'.join(ALL_OR_NOTHING)})\b(?![,.!])", re.IGNORECASE)
_UNSURE = re.compile(
    r"\b(?:may|might|could|unclear|perhaps|possibly|allegedly|suspected|believed|rumou?red|arguably|unconfirmed|likely|"
    r"apparently|supposedly)\b"
)
_SAYS_UNSURE = re.compile(
    _UNSURE.pattern + r"|\b(?:whether|if|would|can|should|not|seems?|appears?|possibl[ye]|possibility|potential(?:ly)?|"
    r"probabl[ye]|th(?:ink|ought)s?|suggest\w*|sa(?:ys?|id)|according|believes?|consider\w*|wants?|plan\w*|hopes?|"
    r"expect\w*|predict\w*|estimat\w*|propos\w*|intend\w*|suspect\w*|alleg\w*|report\w*|claim\w*|opportunity|"
    r"likelihood)\b",
    re.IGNORECASE,
)
_ENDING = re.compile(r"(?:['’]s|ies|ing|ed|es|s|e|ly|y)$")


def numbers(text: str) -> set[str]:
    """The numbers in `text`, thousands separators dropped: {"7000", "4.5"}."""
    return {re.sub(r",(?=\d{3}\b)", "", number) for number in _NUMBER.findall(text)}


def values(text: str) -> set[str]:
    """The numbers in `text`, in figures or in words, and the months: {"2024", "march"}, {"5"}."""
    months = {month.lower() for month in _MONTH.findall(text)}
    return numbers(text) | _numbers_in_words(text) | months


def missing_numbers(claim: str, source: str) -> set[str]:
    """The numbers of `claim` that do not stand in `source`, in figures or in words.

    "one" is no number here: it is mostly a pronoun.
    """
    wanted = numbers(claim) | _numbers_in_words(claim) - {"1"}
    return wanted - numbers(source) - _numbers_in_words(source)


def is_negated(claim: str, source: str) -> bool:
    """Whether `source` says the same in nearly the same words, but for a "not"."""
    words = {word for word in _stems(_NOT.sub(" ", claim)) if len(word) > 1}
    place = _place(words, source, _SAME)
    return place is not None and len(_NOT.findall(claim)) % 2 != len(_NOT.findall(place)) % 2


def turned(claim: str, source: str) -> list[str]:
    """The words of `claim` that say otherwise than `source` does in nearly the same words, each once.

    A unit that is not that of the number there; an opposite; all or nothing where that is not said.
    """
    found = [*_other_units(claim, source)]
    place = _near(claim, source)
    if place is not None:
        there, here = _plain_words(place), _plain_words(claim)
        instead = {opposite for word in there.keys() - here for opposite in OPPOSITES.get(word, ())}
        found += [word for word in here if word in instead and word not in there]
        said = _plain_words(source)
        found += [
            word
            for word in map(str.lower, _ABSOLUTES.findall(claim))
            if word not in said and not said.keys() & {*ALL_OR_NOTHING[word].split()}
        ]
    return list(dict.fromkeys(found))


def is_surer(claim: str, source: str) -> bool:
    """Whether `claim` leaves out what makes `source` unsure of nearly the same: "may", "it is unclear whether"."""
    place = _near(claim, source)
    return place is not None and not _SAYS_UNSURE.search(claim) and bool(_UNSURE.search(place))


def is_near(claim: str, source: str) -> bool:
    """Whether `source` has half of the words of `claim` or more."""
    return _near(claim, source) is not None


def _numbers_in_words(text: str) -> set[str]:
    return {NUMBER_WORDS[word.lower()] for word in _NUMBER_WORD.findall(text)}


def _other_units(claim: str, source: str) -> Iterator[str]:
    there = _measures(source)
    for number, units in _measures(claim).items():
        for unit in sorted(units):
            if number in there and unit not in there[number]:
                yield f"{number} {unit}"


def _measures(text: str) -> dict[str, set[str]]:
    """The units that stand with each number."""
    found: dict[str, set[str]] = {}
    plain = re.sub(r"\s+/\s+", "/", re.sub(r"\bper cent\b", "percent", text))
    for sign, number, unit in _MEASURE.findall(plain):
        for form in (sign, unit.lower()):
            if form in UNITS:
                found.setdefault(number.replace(",", "").lower(), set()).add(UNITS[form])
    return found


def _near(claim: str, source: str) -> str | None:
    return _place(set(_stems(claim)), source, _NEAR)


def _place(words: set[str], source: str, least: float) -> str | None:
    """The shortest piece of `source` with most of those `words` (stems) that are in it, and what opens its clause.

    None if less than `least` of them are in it.
    """
    pieces = list(re.finditer(r"\S+", source))
    stems = [set(_stems(piece.group())) & words for piece in pieces]
    there = len(set().union(*stems))
    if not words or there < least * len(words):
        return None
    wanted = math.ceil(_TOGETHER * there)
    best = 0, len(pieces) - 1
    for start in range(len(pieces)):
        seen: set[str] = set()
        for end in range(start, len(pieces)):
            seen |= stems[end]
            if end - start >= best[1] - best[0]:
                break
            if len(seen) >= wanted:
                best = start, end
                break
    before = re.split(r"[;.:,]\s", source[pieces[max(0, best[0] - _BEFORE)].start() : pieces[best[0]].start()])[-1]
    return before + source[pieces[best[0]].start() : pieces[best[1]].end()]


def _stems(text: str) -> list[str]:
    return [_ENDING.sub("", word) if len(word) > 4 else word for word in content_words(text)]


def _plain_words(text: str) -> dict[str, None]:
    """Each once, in order."""
    return dict.fromkeys(word.lower() for word in re.findall(r"[^\W\d_]+", text))
