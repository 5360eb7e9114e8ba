"""An answer in the library's own words: the sentences that answer a question, and how sure that is.

Nothing is written here, only chosen; it needs no language model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from index import Hit, Library, Passage
from index.passages import Span
from rag.reader import Reader

# Sentences are looked for in this many of the best passages.
_PASSAGES = 5
# What makes a sentence's score: the cross-encoder's logit of the sentence, the cosine of its embedding with the
# question's, the logit of the passage around it. Measured on evals/ and on squad2, clapnq, qed: CARD.md of the reader.
_COSINE_WEIGHT = 20.0
_PASSAGE_WEIGHT = 0.5
# An answer is the best sentence and up to three more that come this close to it.
_MOST_SENTENCES = 4
_MARGIN = 8.0
# Logistic regression of "the library answers it" on the best sentence's score and the best passage's logit.
_CONFIDENCE = (0.0, 0.2, 0.2)
THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence of a passage and how well it answers the question; `score` orders the evidence for one question."""

    passage: Passage
    span: Span
    score: float

    @property
    def text(self) -> str:
        return self.passage.document.text[slice(*self.span)]


def find_evidence(question: str, hits: Sequence[Hit], library: Library, reader: Reader) -> list[Evidence]:
    """Every sentence of the best passages that could be an answer, best first. Headings are none."""
    found = [(hit, span) for hit in hits[:_PASSAGES] for span in hit.passage.sentences if not _is_heading(hit, span)]
    if not found:
        return []
    texts = [hit.passage.document.text[slice(*span)] for hit, span in found]
    logits = reader.relevance(question, texts)
    cosines = library.embed_passages(texts) @ library.embed_question(question)
    evidence = [
        Evidence(hit.passage, span, float(logit + _COSINE_WEIGHT * cosine + _PASSAGE_WEIGHT * hit.score))
        for (hit, span), logit, cosine in zip(found, logits, cosines, strict=True)
    ]
    return sorted(evidence, key=lambda item: -item.score)


def choose(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The evidence to show, in reading order: documents by their best sentence, sentences as they stand in them."""
    if not evidence:
        return []
    best = [item for item in evidence[:_MOST_SENTENCES] if item.score >= evidence[0].score - _MARGIN]
    order = list(dict.fromkeys(item.passage.document.id for item in best))
    return sorted(best, key=lambda item: (order.index(item.passage.document.id), item.span))


def confidence(evidence: Sequence[Evidence], hits: Sequence[Hit]) -> float:
    """How sure it is that the library answers the question, 0..1, before any answer is written."""
    if not evidence:
        return 0.0
    bias, of_sentence, of_passage = _CONFIDENCE
    logit = bias + of_sentence * evidence[0].score + of_passage * hits[0].score
    return 1.0 / (1.0 + math.exp(-logit))


def _is_heading(hit: Hit, span: Span) -> bool:
    text = hit.passage.document.text[slice(*span)]
    return text.lstrip("# ").rstrip("# ").rstrip(":") == hit.passage.heading
