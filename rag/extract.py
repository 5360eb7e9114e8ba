"""An answer in the library's own words: the sentences that answer a question.

Nothing is written here, only chosen; it needs no language model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index import Hit, Library, Passage
from index.passages import Span
from rag.reader import Reader

# Sentences are looked for in this many of the best passages.
PASSAGES_READ = 5

# A sentence's score: the cross-encoder's logit, the mean of the sentence alone and read after the one before it ("In
# order for this to happen ..."), plus the cosine of its embedding with the question's and the logit of the passage
# around it, with these weights. The figures below were chosen on samples of public sets: rag/reader/CARD.md.
_COSINE_WEIGHT = 15.0
_PASSAGE_WEIGHT = 0.7

# The answer is the best sentence and up to two more that come this close to it: closer if the best is a clear one.
_MOST_SENTENCES = 3
_CLEAR_SCORE = 18.0
_MARGIN_IF_CLEAR, _MARGIN = 4.0, 10.0


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
    found: list[tuple[Hit, Span]] = []
    texts, with_previous = [], []
    for hit in hits[:PASSAGES_READ]:
        text = hit.passage.document.text
        start = hit.passage.start
        for span in hit.passage.sentences:
            if not _is_heading(hit.passage, span):
                found.append((hit, span))
                texts.append(text[slice(*span)])
                with_previous.append(text[start : span[1]])
            start = span[0]
    if not found:
        return []
    logits = reader.relevance(question, texts + with_previous).reshape(2, len(found)).mean(axis=0)
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
    top = evidence[0].score
    margin = _MARGIN_IF_CLEAR if top >= _CLEAR_SCORE else _MARGIN
    best = [item for item in evidence[:_MOST_SENTENCES] if item.score >= top - margin]
    order = list(dict.fromkeys(item.passage.document.id for item in best))
    return sorted(best, key=lambda item: (order.index(item.passage.document.id), item.span))


def _is_heading(passage: Passage, span: Span) -> bool:
    text = passage.document.text[slice(*span)]
    return text.strip("# ").rstrip(":") == passage.heading
