"""How good answers are on public question sets, which must lie on the disk.

    python -m evals.public DATA --set squad2 --set clapnq [--questions 60]

DATA holds a folder a set: corpus.jsonl with doc_id, title, text, and questions.jsonl with question, answers and
evidence (doc_id, start, end). Of each set as many answerable questions, unanswerable ones (near: written for a text of
the set) and questions of the other sets (far: another topic) are asked; the same ones in every run.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from evals.metrics import area_under_roc, mean, quote_precision, quote_recall
from index import Library
from rag import Answer, Assistant

_DOCUMENTS = 150


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--set", "names", multiple=True, required=True, help="A set's folder; give it twice or more.")
@click.option("--questions", default=60, show_default=True, help="How many of each kind to ask.")
def main(data: Path, names: tuple[str, ...], questions: int) -> None:
    """Print a table: a row a set, shares in percent."""
    table = Table()
    table.add_column("set")
    for column in ("passages", "cited right", "precision", "sentences"):
        table.add_column(column, justify="right")
    for column in ("declined", "far declined", "near declined", "AUC far", "AUC near"):
        table.add_column(column, justify="right")
    asked = {name: _questions(data / name) for name in names}
    for name in names:
        far = [question for other in names if other != name for question in asked[other]]
        table.add_row(name, *_measured(data / name, asked[name], random.Random(0).sample(far, questions), questions))
    Console(width=120).print(table)


def _measured(folder: Path, own: list[dict[str, Any]], far: list[dict[str, Any]], most: int) -> list[str]:
    answerable = [question for question in own if question["answers"] and question["evidence"]][:most]
    near = [question for question in own if not question["answers"]][:most]
    with tempfile.TemporaryDirectory() as temporary:
        texts = _written(folder, [*answerable, *near], Path(temporary) / "texts")
        with Library(Path(temporary) / "library", create=True) as library:
            library.add(texts)
            assistant = Assistant.open(library, environ={})
            passages = library.passage_count
            right = [assistant.ask(row["question"]) for row in track(answerable, folder.name, transient=True)]
            answers_far = [assistant.ask(row["question"]) for row in track(far, "another topic", transient=True)]
            answers_near = [assistant.ask(row["question"]) for row in track(near, "not answered", transient=True)]
    scored = [_score(row, answer) for row, answer in zip(answerable, right, strict=True)]
    sure = [answer.confidence for answer in right]
    return [
        f"{passages:,}",
        _percent(mean([recall for recall, _ in scored])),
        _percent(mean([precision for _, precision in scored])),
        f"{mean([len(answer.citations) for answer in right if answer.answered]) or 0:.1f}",
        *(
            _percent(mean([not answer.answered for answer in answers]))
            for answers in (right, answers_far, answers_near)
        ),
        *(
            "–" if (area := area_under_roc(sure, [answer.confidence for answer in answers])) is None else f"{area:.3f}"
            for answers in (answers_far, answers_near)
        ),
    ]


def _score(row: dict[str, Any], answer: Answer) -> tuple[float | None, float | None]:
    """Whether the sentence that holds the answer is cited, and the share of citations that hold a part of it."""
    recalls, precisions = [], []
    for evidence in row["evidence"]:
        gold = [(evidence["start"], evidence["end"])]
        cited = [(c.start, c.end) for c in answer.citations if Path(c.path).stem == _file_name(evidence["doc_id"])]
        recalls.append(quote_recall(gold, cited, every=False) or 0.0)
        precisions.append(quote_precision(gold, cited) or 0.0)
    return max(recalls), max(precisions)


def _written(folder: Path, asked: list[dict[str, Any]], into: Path) -> Path:
    """The documents that the questions are about, and others up to _DOCUMENTS, as text files."""
    into.mkdir()
    rows = list(_lines(folder / "corpus.jsonl"))
    wanted = {evidence["doc_id"] for row in asked for evidence in row["evidence"]}
    wanted |= {name for row in asked for name in _context(row)}
    others = [row["doc_id"] for row in rows if row["doc_id"] not in wanted]
    wanted |= set(others[: max(0, _DOCUMENTS - len(wanted))])
    for row in rows:
        if row["doc_id"] in wanted:
            (into / f"{_file_name(row['doc_id'])}.txt").write_bytes(row["text"].encode())
    return into


def _context(row: dict[str, Any]) -> list[str]:
    """The documents that a question was written for."""
    context = row.get("context") or {}
    return list(context.get("doc_ids") or filter(None, [context.get("doc_id")]))


def _file_name(document: str) -> str:
    return document.encode().hex()[:120]


def _questions(folder: Path) -> list[dict[str, Any]]:
    rows = list(_lines(folder / "questions.jsonl"))
    random.Random(0).shuffle(rows)
    return rows


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f}"


if __name__ == "__main__":
    main()
