"""How sure it is that the library answers a question: one number, from the search and from the question's names."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from index import Hit, Library
from index.lexical import STOP_WORDS
from rag.extract import Evidence

# Logistic regression on questions about other topics, asked of squad2 (one article and all 23), clapnq, qed, covidqa,
# sleepqa and the shipped article, against answerable ones: rag/reader/CARD.md. The best of many wrong sentences scores
# higher the more there are, by about the logarithm of their number (the extreme of an exponential tail): so the size.
_BIAS = -7.18
_OF_EVIDENCE = 0.37
_OF_COSINE = 8.07
_OF_NAMES = 4.73
_OF_SIZE = -1.36
_SMALLEST, _LARGEST = 12, 1000
THRESHOLD = 0.5

_NAME = re.compile(r"\b[A-Z][\w-]*(?:\s+[A-Z][\w-]*)*")
_NUMBER = re.compile(r"\b\d[\d.,]*\b")
# What an absent number counts, and a question without names, on the scale of the names' cosines.
_ABSENT_NUMBER = 0.5
_NO_NAMES = 0.85


def confidence(question: str, evidence: Sequence[Evidence], hits: Sequence[Hit], library: Library) -> float:
    """0..1, before any answer is written. `evidence` best first."""
    if not evidence:
        return 0.0
    size = min(max(library.passage_count, _SMALLEST), _LARGEST) / _SMALLEST
    logit = (
        _BIAS
        + _OF_EVIDENCE * evidence[0].score
        + _OF_COSINE * max(hit.dense for hit in hits)
        + _OF_NAMES * _least_known_name(question, hits, library)
        + _OF_SIZE * math.log(size)
    )
    return 1.0 / (1.0 + math.exp(-logit))


def names(text: str) -> list[str]:
    """Runs of capitalised words but for a question's first word, and numbers: what a question must be about."""
    _, _, rest = text.strip().partition(" ")
    found = [name for name in _NAME.findall(rest) if name.lower() not in STOP_WORDS]
    return list(dict.fromkeys(found + _NUMBER.findall(text)))


def _least_known_name(question: str, hits: Sequence[Hit], library: Library) -> float:
    """How near the strangest name of the question is to one in the passages found: 1 if it stands there.

    "World Cup" is far from every name in an article on Russia and North Korea, "Oval Office" is near to
    "White House": the cosine of their embeddings tells. A number has no neighbours.
    """
    text = " ".join(hit.passage.text for hit in hits)
    strange = [
        name for name in names(question) if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
    ]
    if not strange:
        return 1.0 if names(question) else _NO_NAMES
    known = list(dict.fromkeys(word for name in _NAME.findall(text) for word in (name, *name.split())))
    worded = [name for name in strange if not name[0].isdigit()]
    nearest = [_ABSENT_NUMBER] if len(worded) < len(strange) else []
    if worded and known:
        nearest.append(float((library.embed_passages(worded) @ library.embed_passages(known).T).max(axis=1).min()))
    return min(nearest, default=_ABSENT_NUMBER)
