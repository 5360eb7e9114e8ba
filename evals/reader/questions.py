"""How well the reader finds answers: in the right passage, in a library, and by putting passages in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from evals.metrics import area_under_roc, contains_answer
from evals.reader.measures import Case, Line, mean_of_halves
from evals.reader.sets import (
    Asked,
    Question,
    documents_of,
    library_of,
    passages_of,
)
from evals.squad import exact_match, token_f1
from evals.statistics import drawn, mean
from index import Document, Hit
from index.embedder.parity import untrained_reader
from index.ledger import embedded_text
from rag import Assistant
from rag.reader import Reader, local_reader
from rag.retrieve import CANDIDATES, score_of

_OTHER_SPANS = (
    "squad1-extra", "squadshifts-new-wiki", "qed", "covidqa", "fairytaleqa", "timeqa", "tatqa", "sleepqa", "policyqa",
)  # fmt: skip
_OPEN = ("squad2", "squad1-extra")
_RANKED = (
    "squad2", "squad1-extra", "squadshifts-new-wiki", "qed", "clapnq", "sleepqa", "scifact", "fairytaleqa", "policyqa",
    "covidqa", "timeqa", "tatqa", "selqa",
)  # fmt: skip
_MOST_PASSAGES = 1500
_MOST_TOKENS = 384  # the untrained cross-encoder is given as many as the reader

Rank = Callable[[str, Sequence[Hit]], Sequence[float]]


# In the passage that was asked of


@dataclass(frozen=True, slots=True)
class _Read:
    """A question with the likeliest span, and how sure the reader is that there is an answer at all."""

    question: Question
    span: str
    score: float


def passage(asked: Asked) -> Iterator[Line]:
    """Each question is read with its own paragraph, by the protocol of SQuAD 2.0 (Rajpurkar et al. 2018).

    The span's F1 and exact match are those of the likeliest span, of the answerable questions only. The overall F1
    counts an answer below one threshold as none given, which is right for a question that has none; the threshold is
    chosen on one half of the questions and applied to the other.
    """
    read = _read(drawn(asked.questions("squad2"), asked.most))
    yield from _spans("squad2", read, (0.82, 0.88))
    cases = [
        Case(
            item.question.id,
            item.score,
            token_f1(item.span, item.question.answers),
            token_f1("", item.question.answers),
        )
        for item in read
    ]
    yield Line("squad2, overall F1 at one threshold", mean_of_halves(cases), len(cases), 0.70, 0.77)
    yes, no = ([item.score for item in read if item.question.unanswerable == kind] for kind in (False, True))
    yield Line("squad2, answerability AUC", area_under_roc(yes, no), len(cases), 0.81, 0.87)
    for name in asked.sets(_OTHER_SPANS):
        placed = [question for question in asked.questions(name) if question.gold and question.answers]
        if placed and name != "squad2":
            yield from _spans(name, _read(drawn(placed, asked.most)))


def _read(questions: Sequence[Question]) -> list[_Read]:
    read = []
    for question in questions:
        reading = local_reader().read(question.text, [question.passage])[0]
        span = question.document.text[slice(*reading.span)]
        read.append(_Read(question, span, reading.answerable + reading.span_score))
    return read


def _spans(name: str, read: Sequence[_Read], wanted: tuple[float, float] | None = None) -> Iterator[Line]:
    answered = [item for item in read if item.question.gold]
    f1 = mean([token_f1(item.span, item.question.answers) for item in answered])
    exact = mean([exact_match(item.span, item.question.answers) for item in answered])
    yield Line(f"{name}, span F1", f1, len(answered), *(wanted or (None, None)))
    yield Line(f"{name}, span exact match", exact, len(answered))


# In a library


def library(asked: Asked) -> Iterator[Line]:
    """Open retrieval: all documents of SQuAD that were kept aside in one library, which always answers.

    F1 of the short answer; and how often the first cited sentence holds an accepted answer, as `contains_answer` tells.
    """
    questions = [question for name in _OPEN for question in asked.questions(name) if question.gold]
    f1, cited = [], []
    with library_of(chain.from_iterable(map(asked.documents, _OPEN))) as made:
        assistant = Assistant(made, local_reader(), threshold=0.0)
        for question in drawn(questions, asked.most):
            answer = assistant.ask(question.text)
            f1.append(token_f1(answer.short, question.answers))
            first = answer.sentences[0].text if answer.sentences else ""
            cited.append(contains_answer(first, question.answers))
    yield Line("short answer, F1", mean(f1), len(f1), 0.72, 0.80)
    scored = [value for value in cited if value is not None]
    yield Line("first cited sentence holds an answer", mean(scored), len(scored), 0.85, 0.90)


# Passages in order


def ranking(asked: Asked) -> Iterator[Line]:
    """How often the passage put first holds the evidence: recall@1 of the fused search's best, put in three orders.

    The fused score; the cross-encoder that the reader began as, where its package is given; as Pincite does, the
    reader's logits and the fused score added. A question of which no candidate holds the evidence counts as missed in
    all of them.
    """
    orders: dict[str, Rank] = {"fused": lambda _, hits: [hit.fused for hit in hits]}
    if asked.package:
        orders["untrained"] = _untrained(asked.package)
    orders["reader"] = _by_reader(local_reader())
    for name in asked.sets(_RANKED):
        found = _first_hold(asked, name, orders)
        figures = {order: mean(values) for order, values in found.items()}
        untrained, count = figures.get("untrained"), len(found["reader"])
        floor = None if untrained is None else untrained + (0.02 if name.startswith("squad") else 0.0)
        for order, figure in figures.items():
            yield Line(f"{name}, recall@1 by {order}", figure, count, floor if order == "reader" else None)


def _first_hold(asked: Asked, name: str, orders: dict[str, Rank]) -> dict[str, list[bool]]:
    questions = drawn([question for question in asked.questions(name) if question.gold], asked.most)
    found: dict[str, list[bool]] = {order: [] for order in orders}
    wanted = {document for question in questions for document, _ in question.gold}
    documents = documents_of(asked.data / name)
    first = [documents[document] for document in sorted(wanted)]
    with library_of(_up_to(_MOST_PASSAGES, [*first, *asked.documents(name), *documents.values()])) as made:
        for question in questions:
            hits = made.search(question.text, CANDIDATES)
            for order, rank in orders.items():
                best = max(zip(rank(question.text, hits), hits, strict=True), key=lambda pair: pair[0])[1]
                found[order].append(question.held_by(best.passage))
    return found


def _up_to(most: int, documents: Sequence[Document]) -> Iterator[Document]:
    """Each document once, as long as they make no more than so many passages."""
    count = 0
    for document in {document.id: document for document in documents}.values():
        count += len(passages_of(document))
        if count > most:
            return
        yield document


def _by_reader(reader: Reader) -> Rank:
    def rank(question: str, hits: Sequence[Hit]) -> list[float]:
        readings = reader.read(question, [hit.passage for hit in hits])
        return [score_of(question, hit, reading) for hit, reading in zip(hits, readings, strict=True)]

    return rank


def _untrained(package: Path) -> Rank:
    encoder = untrained_reader(package, _MOST_TOKENS)

    def rank(question: str, hits: Sequence[Hit]) -> list[float]:
        pairs = [(question, embedded_text(hit.passage.context, hit.passage.text)) for hit in hits]
        return [float(score) for score in encoder.run(pairs)[:, 0]]

    return rank
