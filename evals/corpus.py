"""Public question sets as suites: a folder with corpus.jsonl and questions.jsonl.

A line of corpus.jsonl holds doc_id, title, text; one of questions.jsonl id, question, answers (none: the corpus does
not answer it), evidence (doc_id, and start and end as character offsets into its text, where the set knows them), type,
and for a conversation the turns (question, answer) before the question.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.samples import Sample, SampleError, Suite, lines
from index.passages import Span, split_sentences
from rag import Message


def read_folder(folder: Path) -> Suite:
    """Gold quotes are the sentences that hold the evidence, as answers cite sentences. Raises SampleError."""
    corpus = folder / "corpus.jsonl"
    texts = {str(row["doc_id"]): str(row["text"]) for row in _rows(corpus, "doc_id", "text")}
    names = _file_names(corpus)
    sentences: dict[str, list[Span]] = {}
    samples = []
    for row in _rows(folder / "questions.jsonl", "id", "question", "answers", "evidence"):
        evidence = [item for item in row["evidence"] if item["doc_id"] in texts] if row["answers"] else []
        spans = [item for item in evidence if "start" in item]
        for item in spans:
            sentences.setdefault(item["doc_id"], split_sentences(texts[item["doc_id"]]))
        quotes = [
            _sentence(texts[item["doc_id"]], sentences[item["doc_id"]], (item["start"], item["end"])) for item in spans
        ]
        if row["answers"] and not evidence:
            continue
        samples.append(
            Sample(
                id=str(row["id"]),
                type=str(row.get("type") or "question"),
                question=row["question"],
                answers=tuple(filter(None, row["answers"])),
                quotes=tuple(dict.fromkeys(quotes)),
                sources=() if quotes else tuple(dict.fromkeys(names[item["doc_id"]] for item in evidence)),
                history=said(row.get("turns") or [], row["question"]),
            )
        )
    if not samples:
        raise SampleError(f"No questions in {folder} can be scored: each needs answers and evidence, or neither.")
    return Suite(folder, tuple(samples), corpus)


def unpack(corpus: Path, into: Path) -> Path:
    """Write the documents of a corpus as text files, named by their titles."""
    into.mkdir(parents=True)
    names = _file_names(corpus)
    for row in _rows(corpus, "doc_id", "text"):
        (into / names[str(row["doc_id"])]).write_bytes(row["text"].encode("utf-8", "replace"))
    return into


def _sentence(text: str, sentences: list[Span], span: Span) -> str:
    held = [sentence for sentence in sentences if sentence[0] < span[1] and span[0] < sentence[1]] or [span]
    return text[held[0][0] : held[-1][1]]


def said(turns: Sequence[Mapping[str, Any]], question: str) -> tuple[Message, ...]:
    """A set's turns as messages, those before `question`: the last one may be the question itself."""
    if turns and turns[-1]["question"] == question:
        turns = turns[:-1]
    return tuple(message for turn in turns for message in messages(turn))


def messages(turn: Mapping[str, Any]) -> list[Message]:
    asked = [Message("user", str(turn["question"]))]
    return [*asked, Message("assistant", str(turn["answer"]))] if turn.get("answer") else asked


def _file_names(corpus: Path) -> dict[str, str]:
    """A file name for each document: its title, with a number where another has the same."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for row in _rows(corpus, "doc_id"):
        title = re.sub(r"[^\w,.()'-]+", " ", str(row.get("title") or "document")).strip(" .")[:80] or "document"
        name, number = title, 1
        while name.casefold() in taken:
            number += 1
            name = f"{title} {number}"
        taken.add(name.casefold())
        names[str(row["doc_id"])] = f"{name}.txt"
    return names


def _rows(path: Path, *needed: str) -> list[dict[str, Any]]:
    rows = []
    for place, line in lines(path):
        try:
            row = json.loads(line)
            missing = [name for name in needed if name not in row]
        except (ValueError, TypeError) as error:
            raise SampleError(f"{place} is not a JSON object: {error}. Mend the line.") from error
        if missing:
            raise SampleError(f"{place} lacks {', '.join(missing)}. Add it.")
        rows.append(row)
    return rows
