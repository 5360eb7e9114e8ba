"""One answer against its sample: what is right, and why not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evals.metrics import (
    Supports,
    citation_precision,
    citation_recall,
    contains_answer,
    faithfulness,
    is_cited,
    overlap,
    quote_precision,
    quote_recall,
)
from evals.ranking import ndcg_at_k, recall_at_k, reciprocal_rank
from evals.record import RANKED, Outcome
from evals.samples import EVERY_QUOTE, Sample
from evals.squad import exact_match, token_f1
from index import Library
from index.passages import Span
from rag import Answer
from rag.extract import PASSAGES_READ


def score(sample: Sample, answer: Answer, texts: Texts, supports: Supports) -> Outcome:
    """Score one answer. Gold quotes are looked up in `texts`; `supports` stands in the place of ALCE's NLI model."""
    cited = [texts.span(citation.document, citation.start, citation.end) for citation in answer.citations]
    gold = [span for quote in sample.quotes if (span := texts.find(quote))]
    gold += [_in_source(span, cited) for name in sample.sources if (span := texts.source(name))]
    every = sample.type in EVERY_QUOTE
    wrong_offsets = sum(texts.text(span) != c.quote for span, c in zip(cited, answer.citations, strict=True))
    recall = quote_recall(gold, cited, every=every)
    given = contains_answer(answer.text, sample.answers) if answer.answered else (False if sample.answers else None)
    right = (None if recall is None else recall == 1.0) if sample.answerable else not answer.answered
    said_forbidden = (contains_answer(answer.text, sample.must_not_say) or False) if sample.must_not_say else None
    if wrong_offsets or said_forbidden:
        right = False
    hits = [texts.span(hit.passage.document.id, hit.passage.start, hit.passage.end) for hit in answer.hits]
    missing = [span for span in gold if not is_cited(span, cited)]
    said = [(sentence.text, [citation.quote for citation in sentence.citations]) for sentence in answer.sentences]
    words = " ".join(text for text, _ in said)
    comparable = bool(sample.answers) or not sample.answerable
    ranked, relevant = _ranking(gold, hits, every=every)
    return Outcome(
        sample=_plain(asdict(sample)),
        answer=_plain(answer.to_dict()),
        right=right,
        cause="" if right else _cause(sample, answer, missing, hits, texts, wrong_offsets, bool(said_forbidden)),
        exact_match=exact_match(words, sample.answers) if comparable else None,
        token_f1=token_f1(words, sample.answers) if comparable else None,
        recall=recall,
        precision=quote_precision(gold, cited),
        citation_recall=citation_recall(said, supports),
        citation_precision=citation_precision(said, supports),
        faithfulness=faithfulness([text for text, _ in said], [hit.passage.text for hit in answer.hits], supports),
        retrieval_recall=recall_at_k(ranked, relevant, RANKED),
        reciprocal_rank=reciprocal_rank(ranked, relevant),
        ndcg=ndcg_at_k(ranked, dict.fromkeys(relevant, 1.0), RANKED),
        answer_given=given,
        said_forbidden=said_forbidden,
        stale=(
            *(quote for quote in sample.quotes if not texts.find(quote)),
            *(name for name in sample.sources if not texts.source(name)),
        ),
        wrong_offsets=wrong_offsets,
    )


def failed(sample: Sample, error: str) -> Outcome:
    """The outcome of a sample that could not be asked: an error, neither right nor scored."""
    return Outcome(_plain(asdict(sample)), None, right=False, cause=f"error: {error}", error=error)


@dataclass(frozen=True, slots=True)
class _Held:
    base: int
    text: str
    file: str


class Texts:
    """The documents of a library one after the other on one line of numbers, so that spans of two never overlap."""

    def __init__(self, texts: Mapping[str, str], files: Mapping[str, str] | None = None) -> None:
        """`texts` by document id, and the documents' file names likewise."""
        self._held: dict[str, _Held] = {}
        self._length = 0
        for name, text in texts.items():
            self._held[name] = _Held(self._length, text, (files or {}).get(name, ""))
            self._length += len(text) + 1

    @classmethod
    def of(cls, library: Library) -> Texts:
        rows = library.documents()
        return cls(
            {row.id: library.document(row.id).text for row in rows}, {row.id: Path(row.path).name for row in rows}
        )

    def span(self, document: str, start: int, end: int) -> Span:
        base = self._held[document].base if document in self._held else self._length
        return base + start, base + end

    def find(self, quote: str) -> Span | None:
        for held in self._held.values():
            start = held.text.find(quote)
            if start >= 0:
                return held.base + start, held.base + start + len(quote)
        return None

    def source(self, file: str) -> Span | None:
        """Where the document with this file name stands, the whole of it."""
        spans = ((held.base, held.base + len(held.text)) for held in self._held.values() if held.file == file)
        return next(spans, None)

    def text(self, span: Span) -> str:
        for held in self._held.values():
            if held.base <= span[0] and span[1] <= held.base + len(held.text):
                return held.text[span[0] - held.base : span[1] - held.base]
        return ""


def _in_source(source: Span, cited: Sequence[Span]) -> Span:
    """What is cited of a document that answers somewhere, or all of it: then it is not cited."""
    return next((span for span in cited if overlap(span, source)), source)


def _ranking(gold: Sequence[Span], hits: Sequence[Span], *, every: bool) -> tuple[list[int], set[int]]:
    """The ranks of the hits, best first, and those that hold a gold quote; a quote that none holds has its own rank.

    Where any one quote is enough, the one that is found first is wanted.
    """
    places = [
        next((rank for rank, hit in enumerate(hits) if _holds(hit, span)), len(hits) + number)
        for number, span in enumerate(gold)
    ]
    return list(range(len(hits))), set(places if every else sorted(places)[:1])


def _holds(hit: Span, gold: Span) -> bool:
    return 2 * overlap(gold, hit) >= min(gold[1] - gold[0], hit[1] - hit[0])


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives it back, so that a record read again equals the one that was made."""
    plain: dict[str, Any] = json.loads(json.dumps(values))
    return plain


def _cause(
    sample: Sample,
    answer: Answer,
    missing: Sequence[Span],
    hits: Sequence[Span],
    texts: Texts,
    wrong_offsets: int,
    said_forbidden: bool,
) -> str:
    """Why an outcome is not right, by the first stage that went wrong."""
    if not sample.answerable:
        return "answered what it should refuse"
    if not missing and not wrong_offsets and not said_forbidden:
        return "not in the library: every gold quote has left it"
    written = " ".join(sentence.text for sentence in answer.sentences)
    if wrong_offsets or any(texts.text(span) in written for span in missing):
        return "cited wrongly"
    if missing and not any(_holds(hit, span) for span in missing for hit in hits[:PASSAGES_READ]):
        return "in the library, not retrieved"
    if not answer.answered:
        return "refused wrongly"
    if said_forbidden:
        return "said what it must not"
    if contains_answer(written, sample.answers):
        return "used, not cited"
    return "retrieved, not used"
