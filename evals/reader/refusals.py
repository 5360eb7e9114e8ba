"""What the reader takes as evidence for long answers, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from evals.metrics import abstention_precision, abstention_recall, area_under_roc, overlap
from evals.near_miss import NearMisses
from evals.reader.measures import Line, sentence_f1, share_below, threshold_refusing
from evals.reader.sets import (
    Asked,
    Question,
    documents_of,
    library_of,
    shipped_documents,
)
from evals.samples import SHIPPED_SUITE, read_suite
from evals.statistics import drawn, mean
from index import Hit, Library, Passage
from index.embedder import local_embedder
from rag import Assistant
from rag.extract import choose, find_evidence
from rag.reader import Reader, local_reader
from rag.reader.examples import LONG_ANSWERS
from rag.retrieve import Found

_FAR = ("qed", "sleepqa", "covidqa")


def evidence(asked: Asked) -> Iterator[Line]:
    """CLAPNQ (Rosenthal et al. 2025): answers of several sentences, and questions that their passage does not answer.

    F1 of the sentences that the product would cite of the question's own passage, per question and averaged, beside
    two simple ways to choose. Then the questions are asked of a library of all its passages: precision and recall of
    refusing (Wen et al. 2025).
    """
    questions = asked.questions(LONG_ANSWERS)
    answered = drawn([question for question in questions if question.gold], asked.most)
    simple = {
        "the first two": mean([sentence_f1({0, 1}, _gold(question)) for question in answered]),
        "the two nearest by embedding": mean(
            [sentence_f1(_nearest(question), _gold(question)) for question in answered]
        ),
    }
    ours = [
        sentence_f1(chosen(question.text, question.passage, local_reader()), _gold(question)) for question in answered
    ]
    for name, figure in simple.items():
        yield Line(f"clapnq, sentences, {name}: F1", figure, len(answered))
    best = max((figure for figure in simple.values() if figure is not None), default=0.0)
    yield Line("clapnq, sentences, the reader: F1", mean(ours), len(answered), best + 0.10)
    unanswered = drawn([question for question in questions if question.unanswerable], asked.most)
    yield from _refusals(asked, [*answered, *unanswered])


def chosen(question: str, passage: Passage, reader: Reader) -> set[int]:
    """The numbers of the sentences that the product would cite, had it found this passage only."""
    found = Found(Hit(passage, 0.0, 0.0, 0.0, 0.0), reader.read(question, [passage])[0])
    return {
        passage.sentences.index(item.span)
        for item in choose(question, find_evidence(question, [found], local_embedder()))
    }


def _gold(question: Question) -> set[int]:
    sentences = question.passage.sentences
    return {n for n, sentence in enumerate(sentences) if any(overlap(sentence, span) for _, span in question.gold)}


def _nearest(question: Question, k: int = 2) -> set[int]:
    text = question.document.text
    rows = local_embedder().embed_passages([text[slice(*span)] for span in question.passage.sentences])
    cosines = rows @ local_embedder().embed_question(question.text)
    return {int(number) for number in np.argsort(-cosines, kind="stable")[:k]}


def _refusals(asked: Asked, questions: Sequence[Question]) -> Iterator[Line]:
    with library_of(documents_of(asked.data / LONG_ANSWERS).values()) as library:
        assistant = Assistant(library, local_reader())
        declined = [not assistant.ask(question.text).answered for question in questions]
    can = [not question.unanswerable for question in questions]
    yield Line("clapnq, precision of refusing", abstention_precision(declined, can), sum(declined), 0.70, 0.80)
    yield Line("clapnq, recall of refusing", abstention_recall(declined, can), len(can) - sum(can), 0.70, 0.80)


def refusing(asked: Asked) -> Iterator[Line]:
    """How many unanswerable questions are refused at the threshold at which 5 % of the answerable ones are.

    Near misses (`evals.near_miss`) are the library's own questions with one thing swapped; far ones belong to other
    sets. Beside that the area under the ROC curve of the confidence, which needs no threshold.
    """
    far = [question.text for name in _FAR for question in asked.questions(name) if question.gold]
    samples = [sample for sample in read_suite(SHIPPED_SUITE).samples if sample.answerable and not sample.history]
    with library_of(shipped_documents()) as library:
        yield from _refused("the shipped article", library, [sample.question for sample in samples], far, asked.most)
    questions = [question.text for question in asked.questions("squad2") if question.gold]
    with library_of(asked.documents("squad2")) as library:
        yield from _refused("squad2", library, questions, far, asked.most)


def _refused(name: str, library: Library, questions: list[str], far: list[str], most: int) -> Iterator[Line]:
    makes = NearMisses(library)
    near = list(dict.fromkeys(made.question for question in questions for made in makes.of(question)))
    assistant = Assistant(library, local_reader())

    def confidences(texts: Sequence[str]) -> list[float]:
        return [assistant.ask(text).confidence for text in drawn(texts, most)]

    answerable = confidences(questions)
    threshold = threshold_refusing(answerable)
    below = share_below(answerable, threshold)
    yield Line(f"{name}, answerable refused (threshold {threshold:.3f})", below, len(answerable))
    for kind, texts, floor, aim in (("near misses", near, 0.50, 0.75), ("far questions", far, 0.98, None)):
        sure = confidences(texts)
        yield Line(f"{name}, {kind} refused", share_below(sure, threshold), len(sure), floor, aim)
        yield Line(f"{name}, {kind}, AUC", area_under_roc(answerable, sure), len(sure))
