"""Public sets as suites: gold sentences, whole documents as sources, histories, and what is wrong with a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evals.corpus import read_folder, unpack
from evals.run import run
from evals.samples import SHIPPED_SETS, SampleError, read_suite
from rag import Message

LEEKS = "Leeks are old. The Egyptians grew them first. Nero ate them for his voice."
ONIONS = "Onions make people weep."


def folder(path: Path, *questions: dict[str, Any]) -> Path:
    rows = [
        {"doc_id": "a", "title": "Leeks: a history", "text": LEEKS},
        {"doc_id": "b", "title": "Leeks  a history", "text": ONIONS},
    ]
    (path / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (path / "questions.jsonl").write_text("\n".join(map(json.dumps, questions)))
    return path


def question(name: str, **values: Any) -> dict[str, Any]:
    start = LEEKS.index("Egyptians")
    evidence = [{"doc_id": "a", "start": start, "end": start + 9}]
    return {"id": name, "question": "Who first grew leeks?", "answers": ["Egyptians"], "evidence": evidence} | values


def test_the_gold_quote_is_the_sentence_that_holds_the_evidence(tmp_path: Path) -> None:
    sample = read_folder(folder(tmp_path, question("1"))).samples[0]
    assert sample.quotes == ("The Egyptians grew them first.",)


def test_evidence_without_offsets_is_the_whole_document_under_its_file_name(tmp_path: Path) -> None:
    suite = read_folder(folder(tmp_path, question("1", evidence=[{"doc_id": "b"}]), question("2", answers=[])))
    assert [sample.sources for sample in suite.samples] == [("Leeks a history 2.txt",), ()]
    assert not suite.samples[1].answerable
    files = unpack(tmp_path / "corpus.jsonl", tmp_path / "files")
    assert (files / "Leeks a history 2.txt").read_text() == ONIONS


def test_the_turns_before_a_question_are_its_history(tmp_path: Path) -> None:
    turns = [{"question": "What are leeks?", "answer": "Vegetables."}, {"question": "Who first grew leeks?"}]
    sample = read_folder(folder(tmp_path, question("1", turns=turns))).samples[0]
    assert sample.history == (Message("user", "What are leeks?"), Message("assistant", "Vegetables."))


def test_a_folder_is_asked_of_its_own_documents(tmp_path: Path) -> None:
    far = question("2", question="Who won the World Cup in 2022?", answers=[], evidence=[])
    onion = question("3", question="What makes people weep?", answers=["Onions"], evidence=[{"doc_id": "b"}])
    leek, cup, weep = run(read_suite(folder(tmp_path, question("1"), far, onion)), environ={}).outcomes
    assert (leek.right, cup.right, weep.right) == (True, True, True)
    assert (leek.retrieval_recall, leek.reciprocal_rank, leek.ndcg, leek.faithfulness) == (1, 1, 1, 1)
    assert cup.reciprocal_rank is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", r"questions\.jsonl:1 is not a JSON object"),
        ('{"id": "1"}', r"questions\.jsonl:1 lacks question, answers, evidence"),
        ('{"id": "1", "question": "Q?", "answers": ["x"], "evidence": []}', "can be scored"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_with_its_place(tmp_path: Path, line: str, reason: str) -> None:
    folder(tmp_path)
    (tmp_path / "questions.jsonl").write_text(line)
    with pytest.raises(SampleError, match=reason):
        read_suite(tmp_path)


@pytest.mark.parametrize("name", ["clapnq", "mtrag-un", "squad2"])
def test_the_sets_that_ship_are_half_answerable_and_their_gold_quotes_stand_in_their_documents(name: str) -> None:
    suite = read_suite(SHIPPED_SETS / name)
    assert suite.corpus
    texts = [json.loads(line)["text"] for line in suite.corpus.read_text(encoding="utf-8").splitlines()]
    assert [sum(s.answerable is can for s in suite.samples) for can in (True, False)] == [60, 60]
    assert all(any(quote in text for text in texts) for sample in suite.samples for quote in sample.quotes)


def test_the_same_questions_are_drawn_each_time() -> None:
    suite = read_suite(SHIPPED_SETS / "squad2")
    assert suite.drawn(5) == suite.drawn(5)
    assert len(suite.drawn(1000).samples) == 120
