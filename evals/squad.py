"""SQuAD's scores of a short answer against the accepted ones, equal to its official script, evaluate-v2.0.py.

They compare letters: for long answers, numbers and dates there is `metrics.contains_answer`.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalised(text: str) -> str:
    """SQuAD's normalisation: lower case, no punctuation, no articles, single spaces (Rajpurkar et al. 2016).

    >>> normalised(" The  7,000 Containers! ")
    '7000 containers'
    """
    bare = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def exact_match(answer: str, accepted: Sequence[str]) -> float:
    """1 if `answer` is one of the accepted ones after `normalised`, else 0 (Rajpurkar et al. 2016).

    As in SQuAD 2.0 (Rajpurkar et al. 2018), a question without accepted answers is answered right by saying nothing.

    >>> exact_match("The Panel of Experts.", ["panel of experts", "the panel"])
    1.0
    >>> exact_match("14", []), exact_match("", [])
    (0.0, 1.0)
    """
    return float(normalised(answer) in _wanted(accepted))


def token_f1(answer: str, accepted: Sequence[str]) -> float:
    """F1 of the words that `answer` shares with the accepted one it is nearest to (Rajpurkar et al. 2016).

    Below, two of its three words (an article is none) are wanted, and all that are wanted: 2 · (2/3 · 1) / (2/3 + 1).

    >>> round(token_f1("a 14 year mandate", ["fourteen", "14 years", "14 year"]), 9)
    0.8
    """
    return max(_f1(normalised(answer).split(), wanted.split()) for wanted in _wanted(accepted))


def _wanted(accepted: Sequence[str]) -> list[str]:
    return [text for text in map(normalised, accepted) if text] or [""]


def _f1(given: list[str], wanted: list[str]) -> float:
    if not given or not wanted:
        return float(given == wanted)
    return 2 * sum((Counter(given) & Counter(wanted)).values()) / (len(given) + len(wanted))
