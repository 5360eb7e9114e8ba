"""An answer in the library's own words: the sentences that answer a question, and the words in them that do.

Nothing is written here, only chosen; it needs no language model.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from index import Library, Part, Passage
from index.embedder import Embedder
from index.passages import Span
from rag.citations import Citation, Citations, Sentence, Verdict
from rag.retrieve import Found

# Sentences are looked for in this many of the best passages; in all that were read if a question is about the whole.
PASSAGES_READ = 5

# The best of them by the reader are compared with the question by their embeddings too: a sentence counts for so much
# less as its cosine is below the highest. Learnt on `evals/data`: the first sentence is then right in 4 to 6 of 100
# questions more.
_COMPARED = 10
_COSINE_WEIGHT = 8.0

# The answer is the best sentence and others that are at least this share as likely to be needed, up to a few; more
# where a question asks for reasons, ways or a list. Of a clear answer less is said, if not more is asked for.
_SHARE, _SHARE_IF_CLEAR, _CLEAR, _SHARE_IF_LONG = 0.1, 0.3, 0.75, 0.07
_MOST_SENTENCES, _MOST_IF_LONG, _MOST_IF_ALL = 4, 6, 8
_ASKS_FOR_MORE = re.compile(
    r"^\W*(?:why|how(?! (?:many|much|old|long|far|often|big|large|tall|high))|list|describe|explain|name|summari[sz]e|"
    r"compare)\b|^\W*what (?:are|were|does .+ say about|do .+ say about|happen)|\b(?:reasons?|ways?|steps|examples|"
    r"causes)\b",
    re.IGNORECASE,
)
_ASKS_FOR_ALL = re.compile(
    r"^\W*(?:please\s+)?(?:summari[sz]e|sum up|outline|(?:list|name) (?:all|every))\b|"
    r"\b(?:summary|overview|gist|(?:main|key) (?:points?|takeaways?|ideas?)|in a nutshell|everything)\b|"
    r"^\W*(?:overall|all in all|on the whole)\b|^\W*what (?:does|do) (?:the|this|these|it|they)\b.* say about\b|"
    r"^\W*what(?:['’]s| is| are) (?:this|these|the) (?:articles?|texts?|documents?|reports?|files?|papers?|books?|"
    r"library) about\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence of a passage that was found; `score` in 0..1: how likely it is needed for the answer.

    `short` is where the likeliest short answer stands in the document, if it stands in this sentence.
    """

    found: Found
    span: Span
    score: float
    short: Span | None = None

    @property
    def passage(self) -> Passage:
        return self.found.hit.passage

    @property
    def text(self) -> str:
        return self.passage.document.text[slice(*self.span)]

    def cited(self, confidence: float, numbering: Citations) -> Citation:
        return numbering.cite(self.passage, self.span, Verdict.SUPPORTED, confidence)


def asks_for_all(question: str) -> bool:
    """Whether the whole is asked about, not one fact in it: a summary, a list of all, what is said about something."""
    return bool(_ASKS_FOR_ALL.search(question))


def find_evidence(question: str, found: Sequence[Found], embedder: Library | Part | Embedder) -> list[Evidence]:
    """The sentences of the best passages that are likeliest to be an answer, best first. Headings are none."""
    passages = found if asks_for_all(question) else found[:PASSAGES_READ]
    read = [
        Evidence(item, span, sigmoid(item.reading.answerable) * sigmoid(logit), _inside(item.reading.span, span))
        for item in passages
        for span, logit in zip(item.hit.passage.sentences, item.reading.evidence, strict=True)
        if not _is_heading(item.hit.passage, span)
    ]
    best = sorted(read, key=lambda item: -item.score)[:_COMPARED]
    if not best:
        return []
    cosines = embedder.embed_passages([item.text for item in best]) @ embedder.embed_question(question)
    less = np.exp(_COSINE_WEIGHT * (cosines - cosines.max()))
    evidence = [replace(item, score=item.score * float(part)) for item, part in zip(best, less, strict=True)]
    return sorted(evidence, key=lambda item: -item.score)


def choose(question: str, evidence: Sequence[Evidence]) -> list[Evidence]:
    """The evidence to show. The best sentence stands first, but where a question asks for more than one thing.

    The others, and all of them there, in reading order: documents by their best sentence, sentences as they stand.
    """
    if not evidence:
        return []
    of_all = asks_for_all(question)
    asks_for_more = of_all or bool(_ASKS_FOR_MORE.search(question))
    share, most = _SHARE if evidence[0].score < _CLEAR else _SHARE_IF_CLEAR, _MOST_SENTENCES
    if asks_for_more:
        share, most = _SHARE_IF_LONG, _MOST_IF_ALL if of_all else _MOST_IF_LONG
    best = [item for item in evidence[:most] if item.score >= share * evidence[0].score]
    first, rest = ([], best) if asks_for_more else (best[:1], best[1:])
    order = list(dict.fromkeys(item.passage.document.id for item in best))
    return first + sorted(rest, key=lambda item: (order.index(item.passage.document.id), item.span))


def quoted(chosen: Sequence[Evidence], confidence: float, numbering: Citations) -> list[Sentence]:
    """The sentences of an answer; the likeliest of the short answers in them is the one that is shown."""
    surest = max((item for item in chosen if item.short), key=_span_score, default=None)
    sentences = []
    for item in chosen:
        citation = item.cited(confidence, numbering)
        short = item.passage.document.text[slice(*item.short)] if item is surest and item.short else ""
        sentences.append(Sentence(citation.quote, (citation,), Verdict.SUPPORTED, confidence, short))
    return sentences


def _span_score(item: Evidence) -> float:
    return item.found.reading.answerable + item.found.reading.span_score


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


def _inside(short: Span, sentence: Span) -> Span | None:
    start, end = max(short[0], sentence[0]), min(short[1], sentence[1])
    return (start, end) if start < end and sentence[0] <= short[0] else None


def _is_heading(passage: Passage, span: Span) -> bool:
    text = passage.document.text[slice(*span)]
    return text.strip("# ").rstrip(":") == passage.heading
