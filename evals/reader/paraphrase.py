"""Sentences said a little differently, by a dozen rules: what a checker of claims must still find supported.

No rule adds a fact, and none but what stands in brackets is taken away. A result may read clumsily, as if in haste.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from index.lexical import STOP_WORDS

_WORDS = dict(
    pair.split("/")
    for pair in (
        "in order to/to|due to/because of|prior to/before|approximately/about|primarily/mainly|"
        "mainly/chiefly|largely/mostly|frequently/often|began/started|located in/situated in|"
        "for example/for instance|whilst/while|amongst/among|numerous/many|known as/called|"
        "consists of/is made up of|is able to/can|usually/generally|largest/biggest|throughout/all through|until/till|"
        "upon/on|such as/like|although/though|therefore/so|begin/start|entire/whole|required/needed|additional/further"
    ).split("|")
)
_WORD = re.compile(rf"\b({'|'.join(sorted(map(re.escape, _WORDS), key=len, reverse=True))})\b")
_CONTRACTED = re.compile(r"\b(is|are|was|were|do|does|did|has|have|had|could|would|should) not\b")
_EXPANDED = re.compile(r"\b(is|are|was|were|do|does|did|has|have|had|could|would|should)n['’]t\b")
_OPENER = re.compile(r"(?:However|Moreover|Additionally|Furthermore|In addition|For example|Indeed|In fact), ")
_DATED = re.compile(r"(In (?:(?:early|late|mid) )?(?:[A-Z][a-z]+ )?\d{4}), ([^,;:]{15,150})\.")
_DATED_LAST = re.compile(r"([^,;:]{15,150}) (in (?:(?:early|late|mid) )?(?:[A-Z][a-z]+ )?\d{4})\.")
_PASSIVE = re.compile(
    r"([^,;:()]{2,80}?) (?:was|were) (founded|built|written|designed|discovered|invented|created|established|directed|"
    r"produced|published|developed|painted|composed|opened|led|killed|defeated|introduced|adopted|proposed) by "
    r"((?:[A-Z]|the |an? )[^,;:()]{2,80}?)( in \d{4})?\."
)
_PAST = {"written": "wrote"}  # of the others the past is the participle
_OBJECTS = {"He": "him", "She": "her", "They": "them"}
_ASIDE = re.compile(r"\b(?:in|at|on|for|from|with|to|as|after|before|during|under|until)\b")
_BECAUSE = re.compile(r"([^,;:]{15,120}) because ([^,;:]{10,120})\.")
_WHICH = re.compile(r", (?:which|who) (?:is|was|are|were) (?=(?:the|a|an) )")
_NOT_ALONE = re.compile(r"\b(?:and|but|or|that|which|who|when|while|by)\b")


def paraphrases(sentence: str) -> list[str]:
    """`sentence` changed by each rule that applies to it, one rule at a time.

    >>> paraphrases("Rome was founded by Romulus.")
    ['Romulus founded Rome.']
    >>> paraphrases("In 1990, he did not come (he was ill).")
    ['In 1990, he did not come.', "In 1990, he didn't come (he was ill).", 'He did not come (he was ill) in 1990.']
    """
    made = (rule(sentence) for rule in _RULES)
    return [text for text in dict.fromkeys(made) if text != sentence]


def _without_opener(text: str) -> str:
    match = _OPENER.match(text)
    return _raised(text[match.end() :]) if match else text


def _date_last(text: str) -> str:
    """ "In 1990, he came." as "He came in 1990." """
    match = _DATED.fullmatch(text)
    return f"{_raised(match[2])} {_lowered(match[1])}." if match and not _NOT_ALONE.search(match[2]) else text


def _date_first(text: str) -> str:
    """ "He came in 1990." as "In 1990, he came." """
    match = _DATED_LAST.fullmatch(text)
    return f"{_raised(match[2])}, {_lowered(match[1])}." if match and not _NOT_ALONE.search(match[1]) else text


def _active(text: str) -> str:
    """ "X was founded by Y." as "Y founded X." """
    match = _PASSIVE.fullmatch(text)
    if not match or _NOT_ALONE.search(f"{match[1]} {match[3]}") or _ASIDE.search(match[3]):
        return text
    acted_on = _OBJECTS.get(match[1]) or _lowered(match[1])
    return f"{_raised(match[3])} {_PAST.get(match[2], match[2])} {acted_on}{match[4] or ''}."


def _reason_first(text: str) -> str:
    """ "He came because it rained." as "Because it rained, he came." """
    match = _BECAUSE.fullmatch(text)
    return f"Because {match[2]}, {_lowered(match[1])}." if match and not _NOT_ALONE.search(match[1]) else text


def _semicolon_as_and(text: str) -> str:
    return text.replace("; ", ", and ", 1) if text.count(";") == 1 and "; however" not in text else text


_RULES: tuple[Callable[[str], str], ...] = (
    partial(re.compile(r"\s*\([^()]*\)").sub, ""),
    partial(_WORD.sub, lambda match: _WORDS[match[0]]),
    partial(_CONTRACTED.sub, r"\1n't"),
    partial(_EXPANDED.sub, r"\1 not"),
    _without_opener,
    _date_last,
    _date_first,
    _active,
    _reason_first,
    partial(_WHICH.sub, ", "),
    partial(re.compile(r"(\w, [\w ]{1,40}), (and|or) ").sub, r"\1 \2 ", count=1),
    _semicolon_as_and,
)


def _raised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lowered(text: str) -> str:
    """With a small first letter, unless the first word may be a name."""
    first = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if first.lower() in STOP_WORDS and first != "I" else text
