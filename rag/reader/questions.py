"""Question sets as examples.

Beside what the sets mark: another paragraph of the same document as one that does not answer, questions with one thing
changed, sentences by themselves, statements made of questions and their answers.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from index.lexical import content_words
from index.passages import Span, split_sentences
from rag.reader.examples import (
    LONG_ANSWERS,
    LONGEST,
    Example,
    is_held_aside,
    name_of,
    paragraphs,
    rows,
    sentences_around,
    windowed,
)
from rag.reader.perturb import Names, perturb
from rag.reader.statements import statement_examples

OF_SENTENCES = " sentences"  # ends the name of a set of which nothing but the relevance is learnt


@dataclass(frozen=True, slots=True)
class Source:
    """A question set: how many of its answerable questions are taken, and what can be made of it."""

    name: str
    most: int
    swaps: bool = False
    neighbours: bool = True
    spans: bool = True


SOURCES = (
    Source("squad2", 10_000, swaps=True),
    Source("squad1-extra", 10_000, swaps=True),
    Source("squadshifts-new-wiki", 10_000, swaps=True),
    Source("qed", 10_000, swaps=True),
    Source("squadshifts-amazon", 1500, neighbours=False),
    Source("squadshifts-reddit", 1500, neighbours=False),
    Source("fairytaleqa", 2500),
    Source("policyqa", 1200),
    Source("covidqa", 1000, swaps=True),
    Source("tweetqa", 1000, neighbours=False),
    Source("sleepqa", 1500),
    Source("selqa", 1500, spans=False),
    Source("timeqa", 1000, swaps=True),
    Source("tatqa", 1000, swaps=True),
)
# Of the answerable questions so many are asked again of a neighbour, with a swap, of single sentences, give statements.
_NEIGHBOUR, _SWAP, _SENTENCES, _STATEMENTS = 0.25, 0.3, 0.15, 0.18


def question_examples(data: Path, source: Source, chance: random.Random) -> Iterator[Example]:
    documents = paragraphs(data / source.name)
    names = Names(document["text"] for document in documents.values()) if source.swaps else Names([])
    questions = [row for row in rows(data / source.name / "questions.jsonl") if row.get("context")]
    questions = [row for row in questions if not is_held_aside(name_of(documents[row["context"]["doc_id"]]))]
    answered = [row for row in questions if any("start" in item for item in row["evidence"])]
    kept = chance.sample(answered, min(source.most, len(answered)))
    near = _Neighbours(documents, questions) if source.neighbours else None
    for row in questions:
        if not row["answers"]:
            yield _unanswered(source.name, row["question"], *_context(row, documents, chance)[:2])
    for row in kept:
        title, text, start = _context(row, documents, chance)
        spans = _spans(row, text, start)
        if not spans:
            continue
        first = spans[0]
        yield Example(
            source.name,
            row["question"],
            title,
            text,
            first if source.spans else None,
            True,
            tuple(
                sentence
                for span in (spans if not source.spans else [first])
                for sentence in sentences_around(text, span)
            ),
        )
        if chance.random() < _SENTENCES:
            yield from _sentences(source.name, row["question"], title, text, first, chance)
        if near and chance.random() < _NEIGHBOUR:
            other = near.of(row, chance)
            if other:
                yield _unanswered(source.name, row["question"], title, other[:LONGEST])
        if source.swaps and chance.random() < _SWAP:
            swapped = [made for made in perturb(row["question"], chance, names, text) if made.kind != "negation"]
            if swapped:
                yield _unanswered(source.name, chance.choice(swapped).text, title, text)
        if source.swaps and chance.random() < _STATEMENTS:
            yield from statement_examples(row, source.name, title, text, first, names, chance)


def _sentences(name: str, question: str, title: str, text: str, span: Span, chance: random.Random) -> Iterator[Example]:
    """The sentence of the answer alone, and another one: for their relevance, which is read of sentences too."""
    around = sentences_around(text, span)
    others = [sentence for sentence in split_sentences(text) if sentence not in around]
    for sentence in [*around[:1], *chance.sample(others, min(1, len(others)))]:
        yield Example(f"{name}{OF_SENTENCES}", question, title, text[slice(*sentence)])


def _unanswered(name: str, question: str, title: str, text: str) -> Example:
    return Example(name, question, title, text, (), False, ())


def _context(row: dict[str, Any], documents: dict[str, dict[str, Any]], chance: random.Random) -> tuple[str, str, int]:
    """The title, the paragraph that a question is about (a window around its answer if it is long), where it starts."""
    context = row["context"]
    document = documents[context["doc_id"]]
    start, end = context.get("start", 0), context.get("end", len(document["text"]))
    if end - start > LONGEST:
        placed = [item for item in row["evidence"] if "start" in item]
        middle = placed[0]["start"] if placed else chance.randint(start, end)
        low = max(start, middle - chance.randint(100, LONGEST - 300))
        sentences = split_sentences(document["text"][low : low + LONGEST]) or [(0, LONGEST)]
        cut = sentences[1 if low > start else 0 :] or sentences
        start, end = low + min(cut[0][0], max(0, middle - low)), min(end, low + LONGEST)
    return str(document["title"]), document["text"][start:end], start


def _spans(row: dict[str, Any], text: str, start: int) -> list[Span]:
    """The answers' places in the passage, those that more people marked first."""
    placed = [item for item in row["evidence"] if "start" in item and item["doc_id"] == row["context"]["doc_id"]]
    placed = [item for item in placed if start <= item["start"] and item["end"] <= start + len(text)]
    return [(item["start"] - start, item["end"] - start) for item in placed]


def long_answer_examples(data: Path, chance: random.Random) -> Iterator[Example]:
    """CLAPNQ: the sentences that an answer of several is made of."""
    documents = paragraphs(data / LONG_ANSWERS)
    for row in rows(data / LONG_ANSWERS / "questions.jsonl"):
        document = documents[row["context"]["doc_ids"][0]]
        if is_held_aside(name_of(document), LONG_ANSWERS):
            continue
        spans = tuple((item["start"], item["end"]) for item in row["evidence"] if item["doc_id"] == document["doc_id"])
        example = Example(
            LONG_ANSWERS, row["question"], document["title"], document["text"], None, bool(row["answers"]), spans
        )
        if spans or not row["answers"]:
            yield windowed(replace(example, span=None if spans else ()), chance)


class _Neighbours:
    """The paragraph of the same document that shares most words with a question and holds none of its answers."""

    def __init__(self, documents: dict[str, dict[str, Any]], questions: Sequence[dict[str, Any]]) -> None:
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for row in questions:
            document = documents[row["context"]["doc_id"]]
            start, end = row["context"].get("start", 0), row["context"].get("end", len(document["text"]))
            if end - start <= LONGEST:
                found[document["title"]][document["text"][start:end]] = None
            else:
                for at in range(start, end, LONGEST):
                    found[document["title"]][document["text"][at : min(end, at + LONGEST)]] = None
        self._titles = {doc: str(document["title"]) for doc, document in documents.items()}
        self._texts = {title: list(texts) for title, texts in found.items()}
        self._words = {title: [set(content_words(text)) for text in texts] for title, texts in self._texts.items()}

    def of(self, row: dict[str, Any], chance: random.Random) -> str:
        title = self._titles[row["context"]["doc_id"]]
        asked = set(content_words(row["question"]))
        answers = [answer.lower() for answer in row["answers"]]
        ranked = sorted(
            (
                (len(asked & words), chance.random(), text)
                for text, words in zip(self._texts[title], self._words[title], strict=True)
            ),
            reverse=True,
        )
        return next((text for _, _, text in ranked[:8] if not any(answer in text.lower() for answer in answers)), "")
