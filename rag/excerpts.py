"""What to read of the passages that were found: the sentences that matter to the question.

Passages of a thousand characters are found well and are long to read. By the reader and the embedding together each
sentence is weighed, and shown while it is near enough to the best one: little where the answer is plain, more where it
is spread. On Chroma's chunking evaluation that keeps what five whole passages hold of the evidence but for a few
hundredths, in a quarter of the text: `python -m evals.retrieval.chunking`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index import Hit, Library, Part
from index.embedder import Embedder
from index.passages import Span
from rag.retrieve import Found

_PASSAGES = 6
# What a passage's score, a sentence's logit of being evidence and its cosine count for, and how far below the best one
# a sentence may be. Chosen on Chroma's evaluation: evals/retrieval/CARD.md.
_PASSAGE, _EVIDENCE, _COSINE = 0.2, 0.5, 4.0
_BELOW_BEST = 3.6


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What to read of a hit's passage: `spans` of its document, in order; sentences that follow each other are one."""

    hit: Hit
    spans: tuple[Span, ...]

    @property
    def quotes(self) -> list[str]:
        """What stands in the spans, to the letter."""
        return [self.hit.passage.document.text[start:end] for start, end in self.spans]

    def to_dict(self) -> dict[str, object]:
        """With names and plain values only, as JSON takes them."""
        passage = self.hit.passage
        return {
            "document": passage.document.id,
            "title": passage.document.title,
            "path": passage.document.path,
            "page": passage.page,
            "score": self.hit.score,
            "quotes": [
                {"start": start, "end": end, "text": quote}
                for (start, end), quote in zip(self.spans, self.quotes, strict=True)
            ],
        }


def excerpts(question: str, found: Sequence[Found], embedder: Library | Part | Embedder) -> list[Excerpt]:
    """Of the best passages, in their order, those in which a sentence is near enough to the best of all."""
    best = found[:_PASSAGES]
    texts = [item.hit.passage.document.text[slice(*span)] for item in best for span in item.hit.passage.sentences]
    if not texts:
        return []
    cosines = iter(embedder.embed_passages(texts) @ embedder.embed_question(question))
    scores = [
        [
            _PASSAGE * item.hit.score + _EVIDENCE * evidence + _COSINE * float(next(cosines))
            for evidence in item.reading.evidence
        ]
        for item in best
    ]
    least = max(map(max, scores)) - _BELOW_BEST
    made = []
    for item, of_sentences in zip(best, scores, strict=True):
        spans = _joined(item.hit.passage.sentences, [score >= least for score in of_sentences])
        if spans:
            made.append(Excerpt(item.hit, spans))
    return made


def _joined(sentences: Sequence[Span], kept: Sequence[bool]) -> tuple[Span, ...]:
    spans: list[Span] = []
    before = False
    for span, keep in zip(sentences, kept, strict=True):
        if keep:
            spans.append((spans.pop()[0], span[1]) if before else span)
        before = keep
    return tuple(spans)
