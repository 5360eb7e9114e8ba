"""What is searched for when a question leans on the conversation before it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from evals.retrieval.followups import conversations, main
from index import Library
from rag import Assistant
from rag.followup import Closeness, Message, leans_on_history, names, standalone
from rag.prompts import REFUSAL


def said(*texts: str) -> list[Message]:
    """Turns of a user and the assistant, who take turns."""
    return [Message("assistant" if number % 2 else "user", text) for number, text in enumerate(texts)]


def nearer(*names_held: str, by: float = 0.1) -> Closeness:
    """Of a library about these names: nearer by so much for each of them that a text holds."""
    return lambda text: 0.5 + by * sum(name in text for name in names_held)


def unmoved(_: str) -> float:
    return 0.5


@pytest.mark.parametrize(
    ("question", "searched"),
    [
        ("And what is her job?", "what is Kim’s job?"),
        ("Did they follow her?", "Did Kim follow her?"),
        ("Who follows her?", "Who follows Kim?"),
        ("When was it founded?", "When was Kim founded?"),
        ("Why?", "Kim: Why?"),
        ("How many of those?", "Kim: How many of those?"),
        ("What about China?", "Kim: What about China?"),
    ],
)
def test_a_question_that_points_back_is_told_what_it_is_about(question: str, searched: str) -> None:
    assert leans_on_history(question)
    assert standalone(question, said("Who is Kim?"), nearer("Kim")) == searched
    assert standalone(question, [], nearer("Kim")) == question


@pytest.mark.parametrize(
    "question", ["Who won the 2022 World Cup?", "Why did Russia veto the UN resolution?", "Is there a treaty in sight?"]
)
def test_a_question_that_stands_alone_is_left_alone(question: str) -> None:
    assert not leans_on_history(question)
    assert standalone(question, said("Who is Kim?"), unmoved) == question


def test_one_that_points_nowhere_is_left_alone_however_near_the_library_would_be() -> None:
    question, history = "How large was the army?", said("Who founded Carthage?")
    assert standalone(question, history, nearer("Carthage", by=0.4)) == question


def test_another_topic_after_a_conversation_is_not_answered_from_the_old_one(assistant: Assistant) -> None:
    history = said("How many containers has North Korea supplied to Russia?", "It has supplied 7,000 containers.")
    for question in ("Who won the 2022 World Cup?", "what is a good recipe for bread?"):
        assert not assistant.ask(question, history).answered


def test_one_that_points_back_is_left_alone_if_the_library_is_clearly_farther_from_it_then() -> None:
    question, history = "When does it rain?", said("Who founded Carthage?")
    assert standalone(question, history, nearer("Carthage", by=-0.06)) == question
    assert standalone(question, history, nearer("Carthage", by=-0.04)) == "When does Carthage rain?"


def test_a_question_of_no_word_of_its_own_is_always_told() -> None:
    assert standalone("Why?", said("Who founded Carthage?"), unmoved) == "Carthage: Why?"


def told(history: Sequence[Message]) -> str:
    """What a question without a pronoun is told from this history."""
    return standalone("Why?", history, unmoved).removesuffix(": Why?")


def test_the_topic_is_what_the_first_question_names_and_then_the_last_answer() -> None:
    history = said(
        "Who founded Carthage?", "Dido did.", "Who fought it?", "Scipio and his Romans won against Hannibal."
    )
    assert told(history) == "Carthage, Scipio"


def test_a_question_that_names_something_else_begins_another_topic() -> None:
    assert told(said("Who founded Carthage?", "Dido did.", "Where is Lake Victoria?", "In Africa.")) == (
        "Lake Victoria, Africa"
    )
    assert told(said("Who founded Carthage?", "Dido did.", "Was Carthage on Lake Tunis?", "Yes.")) == (
        "Carthage, Lake Tunis"
    )


def test_a_refusal_names_nothing_and_of_a_history_without_names_the_question_is_told() -> None:
    assert told(said("Who founded Carthage?", REFUSAL)) == "Carthage"
    history = said("where do storks fly in autumn", REFUSAL)
    assert standalone("and when", history, unmoved) == "where do storks fly in autumn and when"


def test_names_are_runs_of_capitalised_words_that_are_no_common_ones() -> None:
    text = "In March the Prime Minister of New Zealand met Jo-Ann’s Dr. Li, who said: She is The Who."
    assert names(text) == ["Prime Minister of New Zealand", "Jo-Ann", "Dr", "Li"]


def test_how_near_a_library_is_to_a_question_is_the_cosine_of_its_best_passage(library: Library) -> None:
    question = "What did North Korea send to Russia?"
    best = max(hit.dense for hit in library.search(question, 20))
    assert library.closeness(question) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize(
    ("polite", "question"),
    [
        ("Could you please tell me who wrote it?", "who wrote it?"),
        ("Hi! I’d like to know what Russia vetoed", "what Russia vetoed"),
        ("Can you give me the gist of this article?", "the gist of this article?"),
        ("Please explain why Russia vetoed it", "why Russia vetoed it"),
        ("Tell me about the Shahed drones", "the Shahed drones"),
        ("Can you?", "Can you?"),
        ("Would Putin visit?", "Would Putin visit?"),
        ("Explained in full?", "Explained in full?"),
    ],
)
def test_courtesies_are_not_searched_for(polite: str, question: str) -> None:
    assert standalone(polite, [], unmoved) == question


def test_follow_ups_are_measured_as_typed_as_searched_and_as_a_person_rewrote_them(tmp_path: Path) -> None:
    folder = tmp_path / "talks"
    folder.mkdir()
    talks = [
        ("Storks", "Where do storks breed?", "In Poland.", "What do they eat?", "Frogs.", "What do storks eat?"),
        ("Carthage", "Who founded Carthage?", "Dido.", "Who burnt it down?", "Scipio.", "Who burnt Carthage down?"),
    ]
    lines = []
    for title, first, answer, second, other, rewrite in talks:
        turns = [
            {"question": first, "answer": answer, "rewrite": first},
            {"question": second, "answer": other, "rewrite": rewrite},
        ]
        lines.append(json.dumps({"id": title, "title": title, "section": "All", "turns": turns}))
    (folder / "questions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    documents, asked = conversations(folder)
    assert [document.text for document in documents] == ["In Poland.", "Frogs.", "Dido.", "Scipio."]
    assert [(turn.question, len(turn.history)) for turn in asked][1:3] == [
        ("What do they eat?", 2),
        ("Who founded Carthage?", 0),
    ]
    assert asked[1].documents == {documents[1].id}
    result = CliRunner().invoke(main, [str(tmp_path)])
    assert result.exit_code == 0, result.output
    cells = result.output.splitlines()[-1].split(" | ")
    assert cells == ["| talks", "2", "1.000", "1.000", "1.000", "–", "2", "1.000", "1.000 |"]
