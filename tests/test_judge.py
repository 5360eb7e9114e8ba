"""A judge over HTTP: what it replies is scripted, so that the figures can be computed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.judge import Agreement, agreement, judge
from evals.record import Grade, Outcome, Record
from evals.samples import Sample
from evals.score import failed
from rag.models import language_model
from tests.model_server import scripted_server, smollm2_server

SAMPLE = Sample("1", "fact", "Who first grew leeks?", ("the Egyptians",), ("The Egyptians grew them first.",))
ANSWER = {
    "answered": True,
    "text": "The Egyptians grew them first. [1]",
    "confidence": 0.9,
    "citations": [],
    "hits": [],
}


def answered(name: str, right: bool | None, *grades: Grade) -> Outcome:
    blank = failed(replace(SAMPLE, id=name), "")
    return replace(blank, answer=ANSWER, right=right, cause="", grades=grades)


def judged_by(address: str, record: Record, repeats: int = 2) -> Record:
    model = language_model({"OPENAI_BASE_URL": address, "OPENAI_MODEL": "judge"}, temperature=1.0)
    assert model
    return judge(record, model, repeats)


@pytest.mark.parametrize(
    ("reply", "grade"),
    [
        ('{"reason": "It says so.", "correct": true}', Grade(True, "It says so.")),
        ('```json\n{"correct": false, "reason": "No."}\n```', Grade(False, "No.")),
        ("It is right.", Grade(None, "", "the judge gave no grade: 'It is right.'")),
        ('{"reason": "Hm.", "correct": "perhaps"}', Grade(None, "Hm.", "the judge gave no grade but 'perhaps'")),
        ('{"correct": tr', Grade(None, "", "the judge gave no grade: '{\"correct\": tr'")),
        ("[true]", Grade(None, "", "the judge gave no grade: '[true]'")),
    ],
)
def test_a_grade_is_what_the_judge_says_and_nothing_where_it_says_none(reply: str, grade: Grade) -> None:
    with scripted_server(reply) as address:
        record = judged_by(address, Record({}, (answered("1", True),)))
    assert record.outcomes[0].grades == (grade, grade)
    assert record.about["judge"] == {"model": "judge", "repeats": 2}


def test_a_judge_that_cannot_be_reached_is_an_error_and_no_grade() -> None:
    with scripted_server(status=401) as address:
        record = judged_by(address, Record({}, (answered("1", True),)))
    assert record.outcomes[0].grades[0].correct is None
    assert "refused the key" in record.outcomes[0].grades[0].error
    assert agreement(record) == Agreement(1, None, None, 0, None, None, 2)


def test_what_could_not_be_asked_is_not_judged() -> None:
    with scripted_server('{"correct": true}') as address:
        assert judged_by(address, Record({}, (failed(SAMPLE, "gone"),))).outcomes[0].grades == ()


def test_agreement_variance_and_failures_as_computed_by_hand() -> None:
    yes, no, none = Grade(True, ""), Grade(False, ""), Grade(None, "", "failed")
    record = Record({}, (
        answered("1", True, yes, yes, yes),
        answered("2", True, yes, no, yes),
        answered("3", False, no, no, none),
        answered("4", False, yes, yes, yes),
        answered("5", None, yes, no, none),
    ))  # fmt: skip
    found = agreement(record)
    # Shares of yes in the three turns: 4 of 5, 2 of 5, 3 of 3; the majorities yes, yes, no, yes, and none of the last.
    assert found.correct == 3 / 4
    assert found.deviation == pytest.approx(0.3055, abs=1e-4)
    assert (found.split, found.failures) == (2, 2)
    assert found.with_scores == 3 / 4
    assert found.kappa == 0.5


def test_the_judge_is_asked_over_a_real_model_and_its_grades_are_read_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("judge") / "record.json"
    with smollm2_server() as address:
        record = judged_by(address, Record({"made": "now"}, (answered("1", True),)), repeats=1)
    grade = record.outcomes[0].grades[0]
    assert grade.error if grade.correct is None else grade.reason is not None
    record.save(path)
    assert Record.load(path) == record
