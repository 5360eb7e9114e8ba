"""How well follow-ups are found: as they were typed, as Pincite searches for them, and as a person rewrote them.

    python -m evals.retrieval.followups DATA [--most 500] [--with-model]

A set is a folder whose `questions.jsonl` has conversations: rows with `turns` of question, answer and, where a person
wrote one, rewrite. With a `corpus.jsonl` beside it the row's question is looked for there. Without one every answer is
a document, under the row's title and section, and each turn is to find its own. Every figure is recall@5, by document.
The first questions of conversations are asked once more after the history of another one: a change of topic.
With --with-model the language model that the settings name rewrites them too: its wording alone, and where of that and
Pincite's own the one that fits the library better is taken.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evals.corpus import messages, said
from evals.reader.sets import document_of, documents_of, library_of
from evals.statistics import drawn, mean
from evals.tables import head, number, percent, row
from index import Document, Library
from rag import Message
from rag.followup import leans_on_history, standalone
from rag.generate import condense
from rag.models import language_model
from rag.reader.examples import rows
from rag.stream import Deadlines

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

_FOUND_IN = 5
_CANDIDATES = 20

Asking = Callable[["Turn", Library], str]


@dataclass(frozen=True, slots=True)
class Turn:
    """A question with the conversation before it, what a person made of it ("": unknown), and where its answer is."""

    question: str
    history: tuple[Message, ...]
    rewrite: str
    documents: frozenset[str]


def typed(turn: Turn, _: Library) -> str:
    return turn.question


def searched(turn: Turn, library: Library) -> str:
    return standalone(turn.question, turn.history, library.closeness)


def rewritten(turn: Turn, _: Library) -> str:
    return turn.rewrite


def rewritten_by(model: LLM) -> tuple[Asking, Asking]:
    """The model's wording, where it may be taken, and of it and Pincite's own the one that fits the library better."""
    remembered: dict[Turn, str] = {}

    def alone(turn: Turn, library: Library) -> str:
        if not leans_on_history(turn.question):
            return turn.question
        if turn not in remembered:
            remembered[turn] = condense(model, turn.question, turn.history, Deadlines())
        return remembered[turn] or turn.question

    def better(turn: Turn, library: Library) -> str:
        return max(searched(turn, library), alone(turn, library), key=library.closeness)

    return alone, better


def recall(turns: Sequence[Turn], library: Library, asking: Asking) -> float | None:
    return mean([_is_found(asking(turn, library), turn, library) for turn in turns])


def conversations(folder: Path) -> tuple[list[Document], list[Turn]]:
    """The documents to search, and every turn of which it is known in which of them its answer stands."""
    found = rows(folder / "questions.jsonl")
    if (folder / "corpus.jsonl").is_file():
        documents = documents_of(folder)
        turns = [_last(item, documents) for item in found if item.get("turns")]
        return list({document.id: document for document in documents.values()}.values()), [
            turn for turn in turns if turn.documents
        ]
    made: list[Document] = []
    asked: list[Turn] = []
    for item in found:
        for document, turn in _answered(item):
            made.append(document)
            asked.append(turn)
    return made, asked


def table(folders: Sequence[Path], most: int, model: LLM | None = None) -> Iterator[str]:
    names = ["set", "follow-ups", "as typed", "Pincite", "person", "gap closed", "other topic", "as typed", "Pincite"]
    yield head(*names, *(("model", "the better fitting") if model else ()))
    for folder in folders:
        documents, turns = conversations(folder)
        later = drawn([turn for turn in turns if turn.history], most)
        alone = after_others([turn for turn in turns if not turn.history], later)
        if not later:
            continue
        with library_of(documents) as library:
            figures = [recall(later, library, asking) for asking in (typed, searched)]
            if all(turn.rewrite for turn in later):
                figures.append(recall(later, library, rewritten))
            again = [recall(alone, library, asking) for asking in (typed, searched)]
            if model:
                again += [recall(later, library, asking) for asking in rewritten_by(model)]
        found = [value or 0.0 for value in figures]
        closed = (found[1] - found[0]) / (found[2] - found[0]) if len(found) == 3 and found[2] > found[0] else None
        cells = [*(number(figure, 3) for figure in [*figures, None][:3]), percent(closed)]
        yield row(folder.name, f"{len(later):,}", *cells, f"{len(alone):,}", *(number(figure, 3) for figure in again))


def after_others(first: Sequence[Turn], later: Sequence[Turn]) -> list[Turn]:
    """Each of the first questions after the history of some conversation that is not its own."""
    chance = random.Random("another topic")
    made = []
    for turn in first:
        others = [other for other in later if other.history[0].text != turn.question]
        if others:
            made.append(replace(turn, history=chance.choice(others).history))
    return made


def _is_found(question: str, turn: Turn, library: Library) -> float:
    hits = library.search(question, _CANDIDATES)
    best = list(dict.fromkeys(hit.passage.document.id for hit in hits))[:_FOUND_IN]
    return float(not turn.documents.isdisjoint(best))


def _last(item: dict[str, Any], documents: dict[str, Document]) -> Turn:
    turns, question = item["turns"], item["question"]
    rewrite = (turns[-1].get("rewrite") or "") if turns[-1]["question"] == question else ""
    places = frozenset(documents[evidence["doc_id"]].id for evidence in item["evidence"])
    return Turn(question, said(turns, question), rewrite, places)


def _answered(item: dict[str, Any]) -> Iterator[tuple[Document, Turn]]:
    history: list[Message] = []
    for place, turn in enumerate(item["turns"]):
        if turn.get("answer"):
            document = document_of(f"{item['id']} {place}", f"{item['title']}: {item['section']}", turn["answer"])
            yield document, Turn(turn["question"], tuple(history), turn.get("rewrite") or "", frozenset([document.id]))
        history += messages(turn)


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--most", default=500, show_default=True, help="How many follow-ups of each set.")
@click.option("--with-model", is_flag=True, help="Let the model of the settings rewrite them too.")
def main(data: Path, most: int, with_model: bool) -> None:
    folders = [
        file.parent
        for file in sorted(data.glob("*/questions.jsonl"))
        if any(item.get("turns") for item in rows(file)[:1])
    ]
    if not folders:
        raise click.ClickException(f"No set with conversations in {data}: questions.jsonl whose rows have turns.")
    for line in table(folders, most, language_model(os.environ) if with_model else None):
        click.echo(line)


if __name__ == "__main__":
    main()
