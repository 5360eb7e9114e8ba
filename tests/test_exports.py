from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import pytest

from evals.export import Tool, as_file, rows
from evals.record import Outcome, Record, RecordError
from evals.samples import Sample
from evals.score import failed
from rag import Message
from rag.prompts import REFUSAL

GROWN = "Leeks were first grown by the Egyptians."
RELATED = "They are related to onions – and to garlic."
PASSAGES = [GROWN, RELATED, *(f"Passage {number}." for number in range(3, 8))]


def outcome(sample: Sample, *said: str, model: str = "extractive") -> Outcome:
    citations = [{"number": 1, "title": "leeks", "path": "/texts/leeks.txt", "start": 0, "end": 40, "quote": GROWN}]
    answer = {
        "answered": bool(said),
        "text": " ".join(f"{text} [1]" for text in said) or REFUSAL,
        "sentences": [{"text": text, "verdict": "supported", "citations": citations} for text in said],
        "citations": citations if said else [],
        "hits": [{"title": "leeks", "start": 0, "end": 9, "score": 1.0, "text": text} for text in PASSAGES],
        "confidence": 0.9,
        "model": model,
    }
    asked = json.loads(json.dumps(asdict(sample)))
    return replace(failed(sample, ""), sample=asked, answer=answer, right=bool(said), cause="" if said else "declined")


RECORD = Record(
    {},
    (
        outcome(Sample("fact", "fact", "Who first grew leeks?", ("the Egyptians", "Egyptians"), (GROWN,)), GROWN),
        outcome(Sample("list", "list", "What are they related to?", ("onions", "garlic"), (RELATED,)), RELATED, "So."),
        outcome(Sample("quoted", "several", "Tell me of leeks.", (), (GROWN, RELATED)), GROWN, model="gpt"),
        outcome(
            Sample(
                "after", "followup", "And garlic?", ("yes",), (RELATED,),
                history=(Message("user", "Are leeks onions?"), Message("assistant", "Related.")),
            )
        ),
        outcome(Sample("none", "unanswerable", "What do leeks cost?")),
        failed(Sample("error", "fact", "Why?", ("so",), (GROWN,), must_not_say=("no",)), "The server is down."),
    ),
)  # fmt: skip


def test_ragas_gets_question_answer_passages_and_references() -> None:
    fact, listed, quoted, after, none = rows(RECORD, "ragas")
    assert fact == {
        "user_input": "Who first grew leeks?",
        "response": GROWN,
        "retrieved_contexts": PASSAGES[:5],
        "reference": "the Egyptians",
        "reference_contexts": [GROWN],
    }
    assert (listed["response"], listed["reference"]) == (f"{RELATED} So.", "onions; garlic")
    assert (quoted["retrieved_contexts"], quoted["reference"]) == (PASSAGES, f"{GROWN}\n{RELATED}")
    assert after["user_input"] == "user: Are leeks onions?\nassistant: Related.\nuser: And garlic?"
    assert after["response"] == REFUSAL
    assert none == {
        "user_input": "What do leeks cost?",
        "response": REFUSAL,
        "retrieved_contexts": PASSAGES[:5],
        "reference": REFUSAL,
    }


def test_deepeval_gets_the_same_under_its_own_names() -> None:
    names = {
        "input": "user_input",
        "actual_output": "response",
        "expected_output": "reference",
        "context": "reference_contexts",
        "retrieval_context": "retrieved_contexts",
    }
    pairs = zip(rows(RECORD, "deepeval"), rows(RECORD, "ragas"), strict=True)
    for row, same in pairs:
        assert {names[name]: value for name, value in row.items()} == same


def test_inspect_gets_questions_with_every_accepted_answer_and_what_came_of_them_as_metadata() -> None:
    fact, _, quoted, after, none, error = rows(RECORD, "inspect")
    assert fact == {
        "id": "fact",
        "input": "Who first grew leeks?",
        "target": ["the Egyptians", "Egyptians"],
        "metadata": {
            "type": "fact",
            "quotes": [GROWN],
            "right": True,
            "cause": "",
            "answered": True,
            "confidence": 0.9,
            "recall": None,
            "precision": None,
            "response": GROWN,
            "contexts": PASSAGES[:5],
        },
    }
    assert quoted["target"] == [GROWN, RELATED]
    assert after["input"] == [
        {"role": "user", "content": "Are leeks onions?"},
        {"role": "assistant", "content": "Related."},
        {"role": "user", "content": "And garlic?"},
    ]
    assert none["target"] == REFUSAL
    assert error["metadata"] == {
        "type": "fact",
        "quotes": [GROWN],
        "must_not_say": ["no"],
        "right": False,
        "cause": "error: The server is down.",
    }


@pytest.mark.parametrize("to", get_args(Tool))
def test_a_record_without_texts_is_refused_with_the_command_that_makes_one(to: Tool) -> None:
    with pytest.raises(RecordError, match="pincite eval --record"):
        rows(RECORD.slim(), to)


@pytest.mark.parametrize("to", get_args(Tool))
def test_a_file_is_plain_ascii_and_holds_the_rows(to: Tool) -> None:
    made = rows(RECORD, to)
    text = as_file(made, to)
    assert text.isascii()
    assert (json.loads(text) if to == "deepeval" else [json.loads(line) for line in text.split("\n")[:-1]]) == made
    assert as_file([], to).split() == (["[", "]"] if to == "deepeval" else [])


def written(tmp_path: Path, to: Tool) -> tuple[str, list[dict[str, Any]]]:
    made = rows(RECORD, to)
    file = tmp_path / ("rows.json" if to == "deepeval" else "rows.jsonl")
    file.write_text(as_file(made, to), encoding="utf-8")
    return str(file), made


@pytest.mark.filterwarnings("ignore")
def test_ragas_reads_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAGAS_DO_NOT_TRACK", "true")
    ragas = pytest.importorskip("ragas")
    file, made = written(tmp_path, "ragas")
    assert [sample.to_dict() for sample in ragas.EvaluationDataset.from_jsonl(file)] == made


@pytest.mark.filterwarnings("ignore")
def test_deepeval_reads_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # it leaves a folder in the one that it is imported in
    monkeypatch.setenv("DEEPEVAL_TELEMETRY_OPT_OUT", "YES")
    deepeval = pytest.importorskip("deepeval.dataset")
    file, made = written(tmp_path, "deepeval")
    dataset = deepeval.EvaluationDataset()
    names = ("input", "actual_output", "expected_output", "context", "retrieval_context")
    dataset.add_test_cases_from_json_file(file, **{f"{name}_key_name": name for name in names})
    read = [{name: value for name in names if (value := getattr(case, name))} for case in dataset.test_cases]
    assert read == made


@pytest.mark.filterwarnings("ignore")
def test_inspect_reads_the_file(tmp_path: Path) -> None:
    inspect = pytest.importorskip("inspect_ai.dataset")
    file, made = written(tmp_path, "inspect")
    read = list(inspect.json_dataset(file))
    assert [sample.id for sample in read] == [row["id"] for row in made]
    assert [sample.target for sample in read] == [row["target"] for row in made]
    assert [sample.metadata for sample in read] == [row["metadata"] for row in made]
    assert [(turn.role, turn.text) for turn in read[3].input] == [
        (turn["role"], turn["content"]) for turn in made[3]["input"]
    ]
