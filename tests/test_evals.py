from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from evals.metrics import (
    area_under_roc,
    contains_answer,
    is_cited,
    mean,
    normalised,
    percentile,
    quote_precision,
    quote_recall,
)
from evals.report import table
from evals.run import run, score
from evals.samples import SHIPPED_SUITE, SampleError, read_samples
from rag import Assistant

TYPES = {"fact", "why", "list", "several", "followup", "wrong_premise", "near_miss", "far_off"}


def test_text_is_normalised_as_the_squad_script_does() -> None:
    assert normalised(" The  7,000 Containers! ") == "7000 containers"


@pytest.mark.parametrize(
    ("text", "answers", "given"),
    [
        ("It supplied 7,000 containers.", ["7000"], True),
        ("It supplied 17,000 containers.", ["7,000"], False),
        ("The Panel of Experts", ["a panel of experts"], True),
        ("Anything", [], None),
    ],
)
def test_an_answer_is_given_if_it_stands_there_as_whole_words(
    text: str, answers: list[str], given: bool | None
) -> None:
    assert contains_answer(text, answers) is given


def test_a_gold_quote_is_cited_if_half_of_it_is() -> None:
    assert is_cited((0, 10), [(5, 20)])
    assert not is_cited((0, 10), [(6, 20)])
    assert is_cited((0, 10), [(0, 3), (8, 20)])


def test_quote_recall_wants_every_quote_or_any_one() -> None:
    assert quote_recall([(0, 10), (20, 30)], [(0, 10)], every=True) == 0.5
    assert quote_recall([(0, 10), (20, 30)], [(0, 10)], every=False) == 1.0
    assert quote_recall([], [(0, 10)], every=True) is None


def test_quote_precision_is_the_share_of_citations_that_hold_gold() -> None:
    assert quote_precision([(0, 10)], [(5, 8), (40, 50)]) == 0.5
    assert quote_precision([(0, 10)], []) is None


def test_what_cannot_be_scored_is_left_out_of_a_mean_and_never_zero() -> None:
    assert mean([1.0, None, 0.0]) == 0.5
    assert mean([None]) is None


def test_percentiles_are_by_nearest_rank() -> None:
    assert [percentile([4, 1, 3, 2], q) for q in (0, 50, 75, 95, 100)] == [1, 2, 3, 4, 4]
    assert percentile([], 50) is None


def test_the_area_under_roc_is_how_often_a_positive_stands_above_a_negative() -> None:
    assert area_under_roc([0.9, 0.5], [0.5, 0.1]) == 0.875
    assert area_under_roc([], [0.1]) is None


def test_the_shipped_suite_has_every_type_and_every_gold_quote_stands_once_in_the_article(article: str) -> None:
    samples = read_samples(SHIPPED_SUITE)
    assert len(samples) >= 40
    assert {sample.type for sample in samples} == TYPES
    assert all(article.count(quote) == 1 for sample in samples for quote in sample.quotes)
    assert all(sample.answerable == (sample.type not in {"near_miss", "far_off"}) for sample in samples)


def test_a_part_of_the_suite_is_answered_right_and_its_table_can_be_read(assistant: Assistant) -> None:
    samples = [sample for sample in read_samples(SHIPPED_SUITE) if sample.type in {"fact", "far_off"}]
    report = run(samples, library=assistant.library)
    facts = [outcome.right for outcome in report.of("fact")]
    assert sum(bool(right) for right in facts) >= 0.9 * len(facts)
    assert all(outcome.right for outcome in report.of("far_off"))
    assert sum(outcome.wrong_offsets for outcome in report.outcomes) == 0
    console = Console(width=110, file=io.StringIO())
    console.print(table(report))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "quote recall" in text
    assert "citations stand in their source to the letter" in text
    assert json.dumps(report.to_dict())


def test_a_gold_quote_that_has_left_the_library_is_reported_and_not_counted(assistant: Assistant) -> None:
    sample = read_samples(SHIPPED_SUITE)[0]
    outcome = score(sample, assistant.ask(sample.question), {"other": "a text without it"})
    assert outcome.stale == sample.quotes
    assert outcome.recall is None
    assert outcome.right is None


def test_a_citation_whose_offsets_do_not_give_its_quote_is_counted(assistant: Assistant, article: str) -> None:
    sample = read_samples(SHIPPED_SUITE)[1]
    answer = assistant.ask(sample.question)
    shifted = {answer.citations[0].document: "x" + article}
    assert score(sample, answer, shifted).wrong_offsets == len(answer.citations)


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
        read_samples(suite)
