"""Scores of single answers and of lists of them, as pure functions; a thing that cannot be scored is None, never 0."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Sequence

Span = tuple[int, int]

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalised(text: str) -> str:
    """SQuAD's normalisation: lower case, no punctuation, no articles, single spaces (Rajpurkar et al. 2016)."""
    bare = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def contains_answer(text: str, answers: Sequence[str]) -> bool | None:
    """Whether `text` holds one of the accepted answers as whole words, after `normalised`; None if there are none.

    >>> contains_answer("It supplied 7,000 containers.", ["7000"])
    True
    >>> contains_answer("It supplied 17,000 containers.", ["7,000"])
    False
    """
    if not answers:
        return None
    padded = f" {normalised(text)} "
    return any(f" {normalised(answer)} " in padded for answer in answers)


def overlap(a: Span, b: Span) -> int:
    """Characters that two spans share."""
    return max(0, min(a[1], b[1]) - max(a[0], b[0]))


def is_cited(gold: Span, cited: Sequence[Span]) -> bool:
    """Whether the citations hold at least half of the gold quote's characters."""
    covered = sum(overlap(gold, span) for span in set(cited))
    return 2 * covered >= gold[1] - gold[0]


def quote_recall(gold: Sequence[Span], cited: Sequence[Span], *, every: bool) -> float | None:
    """Share of the gold quotes that are cited; where any one is enough (`every` false), 1 or 0. None without gold."""
    if not gold:
        return None
    found = [is_cited(span, cited) for span in gold]
    return sum(found) / len(found) if every else float(any(found))


def quote_precision(gold: Sequence[Span], cited: Sequence[Span]) -> float | None:
    """Share of the citations that hold a part of a gold quote. None where nothing is cited, or without gold."""
    if not gold or not cited:
        return None
    return sum(any(overlap(span, wanted) for wanted in gold) for span in cited) / len(cited)


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of what could be scored; None if nothing could."""
    scored = [value for value in values if value is not None]
    return sum(scored) / len(scored) if scored else None


def percentile(values: Sequence[float], q: float) -> float | None:
    """The smallest value that `q` percent of the values do not exceed (nearest rank); None without values."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(q / 100 * len(values)) - 1)]


def area_under_roc(positives: Sequence[float], negatives: Sequence[float]) -> float | None:
    """How often a positive scores above a negative, ties counting half (Mann-Whitney U). None if either is empty."""
    if not positives or not negatives:
        return None
    wins = sum((p > n) + (p == n) / 2 for p in positives for n in negatives)
    return wins / (len(positives) * len(negatives))
