"""Learn the weights of the confidence (rag/confidence.py) on questions that the reader has not learnt from.

    python -m evals.calibrate DATA [--questions 60]

Of each set the documents kept aside from training make a library; asked of it are questions that it answers, ones that
look as if (the set's own, or near misses), and questions of the other sets. The reference questions of the shipped
article, which use few of its words, are one set more. Two logistic regressions tell what is on the topic from what is
not, and what is answered from what is nearly; each set's figures are by weights learnt without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from evals.metrics import area_under_roc
from evals.near_miss import NearMisses
from evals.reader.measures import share_below
from evals.reader.sets import Question, documents_aside, held_aside, library_of, shipped_documents
from evals.samples import SHIPPED_SUITE, read_suite
from evals.statistics import drawn
from evals.tables import head, hundredths, percent, row
from index import Library
from rag import Message
from rag.confidence import THRESHOLD, Holds, Topic, probability, signals
from rag.extract import find_evidence
from rag.followup import standalone
from rag.reader import local_reader
from rag.retrieve import Retriever

SETS = (
    "squad2", "squad1-extra", "squadshifts-new-wiki", "qed", "clapnq", "sleepqa", "covidqa", "fairytaleqa", "policyqa",
    "selqa",
)  # fmt: skip
ANSWERABLE, NEAR, FAR = range(3)
ARTICLE = "the shipped article"
_ARTICLE_COUNTS = 3.0  # the other sets' questions were written with their text in view
_TOPIC_PRIOR, _HOLDS_PRIOR = 2.0, 3.0  # what is on the topic, what is answered, counts so many times as much
_RIDGE = 1e-4
_MOST_DOCUMENTS = 200

Table = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Known:
    """A question that was asked of a library of a set's documents, of which it is known whether they answer it."""

    set: str
    kind: int
    topic: Topic
    holds: Holds


def ask(data: Path, most: int) -> Iterator[Known]:
    asked = {name: held_aside(data / name) for name in SETS}
    for name, questions in asked.items():
        documents = drawn(documents_aside(data / name), _MOST_DOCUMENTS)
        here = {document.id for document in documents}
        questions = [question for question in questions if question.document.id in here]
        far = [question.text for other in SETS if other != name for question in _answerable(asked[other])]
        with library_of(documents) as library:
            can = drawn([question.text for question in _answerable(questions)], most)
            cannot = [question.text for question in questions if question.unanswerable]
            if not cannot:
                misses = NearMisses(library)
                cannot = [miss.question for question in can for miss in misses.of(question)]
            for kind, texts in ((ANSWERABLE, can), (NEAR, drawn(cannot, most)), (FAR, drawn(far, most // 3))):
                for text in texts:
                    yield Known(name, kind, *signals_of(text, (), library))


def ask_article() -> Iterator[Known]:
    samples = read_suite(SHIPPED_SUITE).samples
    kinds = {"far_off": FAR, "near_miss": NEAR}
    with library_of(shipped_documents()) as library:
        for sample in samples:
            if not sample.documents:
                known = signals_of(sample.question, sample.history, library)
                yield Known(ARTICLE, kinds.get(sample.type, ANSWERABLE), *known)


def signals_of(question: str, history: Sequence[Message], library: Library) -> tuple[Topic, Holds]:
    question = standalone(question, history, library.closeness)
    found = Retriever(library, local_reader()).search(question)
    return signals(question, find_evidence(question, found, library), found, library)


def _answerable(questions: Sequence[Question]) -> list[Question]:
    return [question for question in questions if question.gold]


def fit(x: Table, y: Table, sets: Sequence[str], prior: float) -> Table:
    """A weight for each column and, last, the bias: logistic regression by Newton's method, with a small ridge.

    Sets count alike (the shipped article thrice), and in each what is true `prior` times as much as what is not.
    """
    x = np.column_stack([x, np.ones(len(x))])
    share = np.empty(len(y))
    for name in set(sets):
        for truth in (0.0, 1.0):
            group = (y == truth) & [of == name for of in sets]
            counts = _ARTICLE_COUNTS if name == ARTICLE else 1.0
            share[group] = (prior if truth else 1.0) * counts / max(1, group.sum())
    share /= share.sum()
    scale = np.append(x[:, :-1].std(axis=0) + 1e-9, 1.0)
    x = x / scale
    ridge = _RIDGE * np.append(np.ones(x.shape[1] - 1), 0.0)
    weights = np.zeros(x.shape[1])
    for _ in range(40):
        sure = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (share * (sure - y)) + ridge * weights
        bend = (x * (share * sure * (1 - sure))[:, None]).T @ x + np.diag(ridge + 1e-9)
        weights -= np.linalg.solve(bend, slope)
    return np.asarray(weights / scale)


def weights_of(known: Sequence[Known]) -> tuple[Table, Table]:
    """Of the topic, learnt on all; of the answer, learnt on what is on the topic."""
    near = [item for item in known if item.kind != FAR]
    topic = fit(
        np.array([astuple(item.topic) for item in known]),
        np.array([float(item.kind != FAR) for item in known]),
        [item.set for item in known],
        _TOPIC_PRIOR,
    )
    holds = fit(
        np.array([astuple(item.holds) for item in near]),
        np.array([float(item.kind == ANSWERABLE) for item in near]),
        [item.set for item in near],
        _HOLDS_PRIOR,
    )
    return topic, holds


def by_weights_of_others(known: Sequence[Known]) -> list[float]:
    """Each question's confidence by weights learnt without its set, in their order."""
    weights = {name: weights_of([item for item in known if item.set != name]) for name in {item.set for item in known}}
    sure = []
    for item in known:
        topic, holds = weights[item.set]
        sure.append(probability(astuple(item.topic), topic.tolist()) * probability(astuple(item.holds), holds.tolist()))
    return sure


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--questions", default=60, show_default=True, help="How many of each kind to ask of a set.")
def main(data: Path, questions: int) -> None:
    known = [*ask(data, questions), *ask_article()]
    sure = by_weights_of_others(known)

    def of(kind: int, name: str = "") -> list[float]:
        return [value for item, value in zip(known, sure, strict=True) if item.kind == kind and name in ("", item.set)]

    click.echo(head("set", "declined", "near declined", "far declined", "AUC near", "AUC far"))
    for name in (*SETS, ARTICLE):
        declined = [percent(share_below(of(kind, name), THRESHOLD)) for kind in (ANSWERABLE, NEAR, FAR)]
        areas = [hundredths(area_under_roc(of(ANSWERABLE, name), of(kind, name))) for kind in (NEAR, FAR)]
        click.echo(row(name, *declined, *areas))
    click.echo("\n" + head("threshold", "declined", "near declined", "far declined"))
    for tenth in range(1, 10):
        declined = [percent(share_below(of(kind), tenth / 10)) for kind in (ANSWERABLE, NEAR, FAR)]
        click.echo(row(f"{tenth / 10}", *declined))
    topic, holds = weights_of(known)
    for name, columns, weights in (("Topic", fields(Topic), topic), ("Holds", fields(Holds), holds)):
        columns_and_bias = [*(field.name for field in columns), "bias"]
        click.echo(f"\n{name}: " + ", ".join(f"{n} {w:.3f}" for n, w in zip(columns_and_bias, weights, strict=True)))


if __name__ == "__main__":
    main()
