"""What the reader is trained on, where it is made and not only read: the results follow from the rules by hand."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from evals.adversarial import SHIPPED
from rag.reader import claims
from rag.reader.claims import WRITTEN, written_examples
from rag.reader.examples import CONTRADICTED, NOT_STATED, SUPPORTED, rows
from rag.reader.perturb import Names, perturb
from rag.reader.questions import Source, question_examples
from rag.reader.statements import statement

TEXT = (
    "Rome was founded by Romulus in the year 753. Carthage was founded by Dido, who had fled. "
    "It stood on the coast of North Africa."
)


@pytest.mark.parametrize(
    ("question", "answer", "made"),
    [
        ("Who founded Rome?", "Romulus", "Romulus founded Rome."),
        ("What is the capital of Peru?", "Lima", "the capital of Peru is Lima."),
        ("When was Rome founded?", "753", ""),
        ("What did Dido build?", "a city", ""),
        ("Who founded Rome?", "a man of whom it is told that he was raised by wolves", ""),
    ],
)
def test_a_question_and_its_answer_become_a_statement_or_nothing(question: str, answer: str, made: str) -> None:
    assert statement(question, answer) == made


def test_one_thing_of_each_kind_is_changed_and_a_new_name_is_not_from_the_passage() -> None:
    names = Names([TEXT, "The temple of Athens was built by Pericles. It was paid by Corinth."])
    made = {item.kind: item.text for item in perturb("In 753 the city was not large.", random.Random(0), names, TEXT)}
    assert made["negation"] == "In 753 the city was large."
    assert perturb("no names here", random.Random(0), names, TEXT) == []
    swapped = [perturb("They say that Dido came.", random.Random(seed), names, TEXT)[0].text for seed in range(5)]
    assert all(
        text in {f"They say that {name} came." for name in ("Athens", "Pericles", "Corinth")} for text in swapped
    )


def test_an_example_holds_the_answer_its_sentence_and_what_is_claimed_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "corpus.jsonl").write_text(json.dumps({"doc_id": "a", "title": "Cities of old", "text": TEXT}))
    row = {
        "id": "1",
        "question": "Who founded Rome?",
        "answers": ["Romulus"],
        "evidence": [{"doc_id": "a", "start": 20, "end": 27, "text": "Romulus"}],
        "context": {"doc_id": "a"},
    }
    (folder / "questions.jsonl").write_text("\n".join(json.dumps(row | {"id": str(n)}) for n in range(30)))
    made = list(question_examples(tmp_path, Source("made", 30, swaps=True), random.Random(0)))
    asked = [example for example in made if example.answerable]
    assert len(asked) == 30
    assert {example.text[slice(*example.span)] for example in asked if example.span} == {"Romulus"}
    assert {example.text[slice(*span)] for example in asked for span in example.evidence or ()} == {
        "Rome was founded by Romulus in the year 753."
    }
    support = {example.first: example.support for example in made if example.support}
    assert support["Romulus founded Rome."] == (SUPPORTED,)
    assert (CONTRADICTED,) in support.values()


def test_no_claim_that_was_written_to_learn_from_is_about_a_document_that_checking_is_measured_with() -> None:
    learnt = rows(WRITTEN)
    assert len({(row["source"], row["start"]) for row in learnt}) == len(learnt) > 1000
    assert {label for row in learnt for _, label in row["false"]} == {"contradicted", "not_stated"}
    assert not {row["source"] for row in learnt} & {row["source"] for row in rows(SHIPPED)}


def test_a_written_claim_is_held_against_its_passage_and_its_nearest_sentences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made").mkdir()
    before = "Nothing is known of Veii. "
    document = {"doc_id": "a", "title": "Cities of old", "text": before + TEXT}
    (tmp_path / "made" / "corpus.jsonl").write_text(json.dumps(document))
    row = {
        "source": "made/a",
        "start": len(before),
        "end": len(document["text"]),
        "true": ["Dido was a refugee."],
        "false": [["Romulus had fled.", "not_stated"]],
    }
    (tmp_path / "claims.jsonl").write_text(json.dumps(row))
    monkeypatch.setattr(claims, "WRITTEN", tmp_path / "claims.jsonl")
    made = [(example.first, example.title, example.text, example.support) for example in written_examples(tmp_path)]
    assert made == [
        ("Dido was a refugee.", "Cities of old", TEXT, (SUPPORTED,)),
        ("Romulus had fled.", "Cities of old", TEXT, (NOT_STATED,)),
    ]
