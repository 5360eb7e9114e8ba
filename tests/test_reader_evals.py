"""The pieces of which the reader's measures are made, on cases whose results follow by hand."""

from __future__ import annotations

import doctest
import json
import math
from pathlib import Path

import numpy as np
import pytest

import evals.reader.measures
import evals.reader.paraphrase
from evals.calibrate import fit
from evals.reader.cost import pairs
from evals.reader.measures import (
    Case,
    balanced_accuracy,
    decided,
    first_half,
    mean_of_halves,
    sentence_f1,
    share_below,
    threshold_of,
    threshold_refusing,
)
from evals.reader.paraphrase import paraphrases
from evals.reader.sets import held_aside
from evals.statistics import drawn
from rag.reader.examples import is_held_aside

FIRST, SECOND = ([name for name in map(str, range(40)) if first_half(name) == half] for half in (True, False))


def test_the_examples_in_the_docstrings_are_right() -> None:
    assert doctest.testmod(evals.reader.measures).failed == 0
    assert doctest.testmod(evals.reader.paraphrase).failed == 0


def test_a_threshold_says_yes_where_that_is_worth_most() -> None:
    good, bad = (1.0, 0.0), (0.0, 1.0)
    assert threshold_of([Case("a", 0.9, *good), Case("b", 0.5, *good), Case("c", 0.1, *bad)]) == 0.5
    assert threshold_of([Case("a", 0.9, *bad), Case("b", 0.5, *bad)]) == math.inf
    assert threshold_of([]) == math.inf


def test_equal_scores_are_on_the_same_side_of_a_threshold() -> None:
    cases = [Case("a", 0.5, 1, 0), Case("b", 0.5, 0, 1), Case("c", 0.5, 0, 1)]
    assert threshold_of(cases) == math.inf
    assert threshold_of([*cases, Case("d", 0.5, 3, 0)]) == 0.5


def test_each_half_is_decided_by_the_threshold_of_the_other() -> None:
    cases = [
        Case(FIRST[0], 0.9, 1, 0),
        Case(FIRST[1], 0.6, 0, 1),  # here yes begins at 0.9
        Case(SECOND[0], 0.7, 1, 0),
        Case(SECOND[1], 0.2, 0, 1),  # and here at 0.7
    ]
    assert decided(cases) == [True, False, False, False]
    assert mean_of_halves(cases) == (1 + 0.5) / 2
    assert mean_of_halves([]) is None


def test_balanced_accuracy_counts_both_kinds_the_same_and_is_not_known_of_one_kind() -> None:
    assert balanced_accuracy([True, False, False, False, False], [True, False, False, False, True]) == (0.5 + 1) / 2
    assert balanced_accuracy([False, False], [False, False]) is None


def test_of_twenty_answerable_questions_one_is_refused() -> None:
    answerable = [number / 20 for number in range(20)]
    threshold = threshold_refusing(answerable)
    assert threshold == 0.05
    assert share_below(answerable, threshold) == 0.05
    assert share_below([0.0, 0.01, 0.5, 0.05], threshold) == 0.5
    assert share_below([], threshold) is None


def test_the_f1_of_sentences_is_that_of_their_numbers() -> None:
    assert sentence_f1({1, 2}, {2}) == 2 / 3
    assert sentence_f1(set(), {2}) == 0
    assert sentence_f1({0}, {2}) == 0


def test_the_same_questions_are_drawn_each_time_in_their_order() -> None:
    some = drawn(range(100), 10)
    assert some == drawn(range(100), 10) == sorted(some)
    assert len(set(some)) == 10
    assert drawn("abc", 10) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("The bridge was written about (twice).", "The bridge was written about."),
        ("It was built in order to impress.", "It was built to impress."),
        ("They could not agree.", "They couldn't agree."),
        ("They couldn't agree.", "They could not agree."),
        ("However, the king was ill.", "The king was ill."),
        ("In 1990, the company was sold.", "The company was sold in 1990."),
        ("The company was sold to Bob in 1990.", "In 1990, the company was sold to Bob."),
        ("The tower was founded by the monks in 1190.", "The monks founded the tower in 1190."),
        ("He was killed by a soldier.", "A soldier killed him."),
        ("The game was lost because the goalkeeper slept.", "Because the goalkeeper slept, the game was lost."),
        ("It lies near Rome, which is the capital.", "It lies near Rome, the capital."),
        ("They grew oats, rye, and wheat.", "They grew oats, rye and wheat."),
        ("The sun rose; the birds sang.", "The sun rose, and the birds sang."),
    ],
)
def test_a_sentence_is_said_differently(sentence: str, said: str) -> None:
    assert said in paraphrases(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Rome is old.",
        "The tower was founded by 1190.",
        "The tower was built by monks and nuns.",
        "In 1990, the company was sold and he left it.",
    ],
)
def test_a_sentence_that_no_rule_fits_is_left_alone(sentence: str) -> None:
    assert paraphrases(sentence) == []


def test_only_questions_of_documents_kept_aside_are_read_each_with_its_paragraph(tmp_path: Path) -> None:
    aside = next(name for name in map(str, range(100)) if is_held_aside(name))
    learnt = next(name for name in map(str, range(100)) if not is_held_aside(name))
    text = "Rome is old.\n\nIt was founded by Romulus. He had a brother."
    documents = [{"doc_id": name, "title": "", "text": f"{text} {name}"} for name in (aside, learnt)]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, documents)))
    questions = [
        {
            "id": name,
            "question": "Who founded Rome?",
            "answers": ["Romulus"],
            "evidence": [{"doc_id": name, "start": 32, "end": 39}],
            "context": {"doc_id": name, "start": 14, "end": 58},
        }
        for name in (aside, learnt)
    ]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, questions)))
    (question,) = held_aside(tmp_path)
    passage = question.passage
    assert question.id == aside
    assert passage.text == text[14:58]
    assert [passage.document.text[slice(*at)] for at in passage.sentences] == [
        "It was founded by Romulus.",
        "He had a brother.",
    ]
    assert question.held_by(passage)
    assert not question.unanswerable


def test_the_pairs_that_are_timed_have_as_many_tokens_as_said() -> None:
    question, passages = pairs()
    assert len(passages) == 8
    assert {len(passage.text.split()) + len(question.split()) + 3 for passage in passages} == {128}


def test_the_confidence_learns_the_odds_and_takes_what_is_true_for_as_likely_as_it_is_told() -> None:
    """Of what is true 9 in 10 have the sign 1, of the rest 1 in 10: odds of 2 · 9 to 1, and of 2 · 1 to 9."""
    signs = np.array([[sign, 0.0] for sign in [1.0] * 9 + [-1.0] + [-1.0] * 9 + [1.0]])
    weights = fit(signs, np.array([1.0] * 10 + [0.0] * 10), ["a set"] * 20, 2.0)
    assert weights[0] + weights[-1] == pytest.approx(math.log(18), abs=0.02)
    assert weights[-1] - weights[0] == pytest.approx(math.log(2 / 9), abs=0.02)
    assert weights[1] == pytest.approx(0.0, abs=1e-6)
