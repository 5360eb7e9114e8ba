from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from evals.record import Record, RecordError
from evals.report import table
from evals.run import run
from evals.samples import SHIPPED_SUITE, SampleError, Suite, read_suite
from evals.score import Texts, score
from index import Library
from rag import Assistant

pytestmark = pytest.mark.slow

TYPES = {
    "fact", "why", "list", "several", "followup", "wrong_premise", "near_miss", "far_off", "counting", "summary",
    "paraphrase", "typo", "telegram", "disagreement",
}  # fmt: skip


def test_the_shipped_suite_has_every_type_and_every_gold_quote_stands_once_in_its_documents() -> None:
    suite = read_suite(SHIPPED_SUITE)
    assert len(suite.samples) >= 100
    assert {sample.type for sample in suite.samples} == TYPES
    for sample in suite.samples:
        assert sample.answerable == (sample.type not in {"near_miss", "far_off"})
        files = [file for path in suite.documents(sample) for file in (path.glob("*.txt") if path.is_dir() else [path])]
        held = "\n".join(file.read_text(encoding="utf-8") for file in files)
        assert all(held.count(quote) == 1 for quote in sample.quotes), sample.id


def stands(sentence: str, texts: Sequence[str]) -> bool:
    return any(sentence in text for text in texts)


@pytest.fixture(scope="module")
def record(library: Library) -> Record:
    suite = read_suite(SHIPPED_SUITE)
    few = [sample for sample in suite.samples if sample.type in {"fact", "far_off"}][::3]
    return run(Suite(suite.path, tuple(few)), library=library)


def test_a_part_of_the_suite_is_answered_right_and_its_table_can_be_read(record: Record) -> None:
    facts = [outcome.right for outcome in record.of("fact")]
    assert sum(bool(right) for right in facts) >= 0.9 * len(facts)
    assert all(outcome.right for outcome in record.of("far_off"))
    assert sum(outcome.wrong_offsets for outcome in record.outcomes) == 0
    console = Console(width=110, file=io.StringIO())
    console.print(table(record))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "quote recall" in text
    assert "citations stand in their source to the letter" in text


def test_a_record_says_with_what_it_was_made_and_can_be_read_again(record: Record, tmp_path: Path) -> None:
    assert {"made", "revision", "machine", "python", "dependencies", "model", "threshold"} <= set(record.about)
    record.save(tmp_path / "record.json")
    assert Record.load(tmp_path / "record.json") == record
    assert len((tmp_path / "record.json").read_text().splitlines()) == len(record.outcomes) + 2


def test_what_is_no_record_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("{}")
    for name in ("record.json", "missing.json"):
        with pytest.raises(RecordError, match="pincite eval --record"):
            Record.load(tmp_path / name)


def test_documents_that_a_sample_names_are_asked_in_a_library_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "leeks.txt").write_text("Leeks were first grown by the Egyptians, who ate them raw.")
    (tmp_path / "suite.jsonl").write_text(
        json.dumps({"id": "1", "type": "fact", "question": "Who first grew leeks?", "documents": ["leeks.txt"],
                    "quotes": ["Leeks were first grown by the Egyptians"], "must_not_say": ["Romans"]}) + "\n"
        + json.dumps({"id": "2", "type": "near_miss", "question": "Who first grew leeks?"})
    )  # fmt: skip
    leeks, article = run(read_suite(tmp_path / "suite.jsonl")).outcomes
    assert (leeks.right, leeks.said_forbidden, leeks.cause) == (True, False, "")
    assert not article.answered


def test_a_document_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "suite.jsonl").write_text('{"id": "1", "type": "fact", "question": "Q?", "documents": ["no.txt"]}')
    with pytest.raises(SampleError, match=r"1 names no\.txt"):
        run(read_suite(tmp_path / "suite.jsonl"))


def test_an_answer_that_says_what_it_must_not_is_not_right(assistant: Assistant, article: str) -> None:
    sample = replace(read_suite(SHIPPED_SUITE).samples[3], must_not_say=("7,000",))
    answer = assistant.ask(sample.question)
    outcome = score(sample, answer, Texts({answer.citations[0].document: article}), stands)
    assert (outcome.right, outcome.cause) == (False, "said what it must not")


def test_a_gold_quote_that_has_left_the_library_is_reported_and_not_counted(assistant: Assistant) -> None:
    sample = read_suite(SHIPPED_SUITE).samples[0]
    outcome = score(sample, assistant.ask(sample.question), Texts({"other": "a text without it"}), stands)
    assert outcome.stale == sample.quotes
    assert outcome.recall is None


def test_a_citation_whose_offsets_do_not_give_its_quote_is_counted_and_never_right(
    assistant: Assistant, article: str
) -> None:
    sample = read_suite(SHIPPED_SUITE).samples[1]
    answer = assistant.ask(sample.question)
    outcome = score(sample, answer, Texts({answer.citations[0].document: "x" + article}), stands)
    assert outcome.wrong_offsets == len(answer.citations)
    assert (outcome.right, outcome.cause) == (False, "cited wrongly")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{not json", "is not a sample"),
        ('{"id": "1", "type": "fact"}', "question"),
        ('{"id": "1", "type": "fact", "question": "Q?", "quotes": "text"}', "lists of texts"),
        ('{"id": "1", "type": "fact", "question": " "}', "the question is empty"),
        ("", "No samples"),
        ('{"id": "1", "type": "fact", "question": "Q?"}\n{"id": "1", "type": "fact", "question": "R?"}', "come twice"),
    ],
)
def test_a_suite_that_cannot_be_read_says_where_and_why(tmp_path: Path, line: str, reason: str) -> None:
    suite = tmp_path / "suite.jsonl"
    suite.write_text(line)
    with pytest.raises(SampleError, match=reason):
        read_suite(suite)
