"""The gate catches what was broken on purpose, names the cause, and raises no alarm where nothing is worse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest

from evals.gate import compare, word_diff
from evals.record import Outcome, Record
from evals.report import verdict
from evals.samples import Sample
from evals.score import Texts, failed, score
from index import Library
from rag import Answer, Assistant
from rag.checking import supported
from rag.citations import Citations, Verdict
from rag.reader import Reader
from rag.retrieve import CANDIDATES, Found, Retriever
from tests.conftest import asked

pytestmark = pytest.mark.slow

Recorded = Callable[..., Record]


@pytest.fixture(scope="module")
def texts(library: Library) -> dict[str, str]:
    return {row.id: library.document(row.id).text for row in library.documents()}


@pytest.fixture(scope="module")
def recorded(samples: list[Sample], texts: dict[str, str], reader: Reader) -> Recorded:
    """The record of these answers; the quotes are looked for in `held` instead of the library's texts, if given."""

    def scored(answers: Sequence[Answer], held: dict[str, str] | None = None) -> Record:
        where, supports = Texts(held or texts), partial(supported, reader=reader)
        outcomes = (score(sample, answer, where, supports) for sample, answer in zip(samples, answers, strict=True))
        return Record({"made": "now"}, tuple(outcomes))

    return scored


@pytest.fixture(scope="module")
def baseline(recorded: Recorded, answers: list[Answer]) -> Record:
    return recorded(answers)


def causes(broken: Record, baseline: Record) -> dict[str, int]:
    right = {outcome.id for outcome in baseline.outcomes if outcome.right}
    found = [outcome.cause for outcome in broken.outcomes if outcome.id in right and not outcome.right]
    return {cause: found.count(cause) for cause in found}


def test_passages_in_reverse_are_caught_as_not_retrieved(
    library: Library,
    reader: Reader,
    samples: list[Sample],
    recorded: Recorded,
    baseline: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Backwards(Retriever):
        def search(self, question: str, read: int | None = None) -> list[Found]:
            return super().search(question, CANDIDATES)[::-1]

    monkeypatch.setattr("rag.assistant.Retriever", Backwards)
    run = recorded(asked(Assistant(library, reader), samples))
    assert compare(baseline, run).regressed
    named = causes(run, baseline)
    assert max(named, key=lambda cause: named[cause]) == "in the library, not retrieved"


def without_last_sentence(answer: Answer) -> Answer:
    kept = answer.sentences[:-1]
    cited = tuple(citation for sentence in kept for citation in sentence.citations)
    return replace(answer, sentences=kept, citations=cited, text=" ".join(s.marked for s in kept), answered=bool(kept))


def shifted(answer: Answer) -> Answer:
    """Every citation moved to the passage after its own."""
    passages = sorted({(h.passage.start, h.passage.end): h.passage for h in answer.hits}.items())
    numbering = Citations()
    moved = []
    for citation in answer.citations:
        later = [passage for (start, _), passage in passages if start > citation.start] or [passages[0][1]]
        moved.append(numbering.cite(later[0], later[0].sentences[0], Verdict.SUPPORTED, citation.score))
    return replace(answer, citations=tuple(moved))


@pytest.mark.parametrize(
    ("broken", "cause"),
    [(without_last_sentence, "retrieved, not used"), (shifted, "cited wrongly")],
)
def test_a_lost_sentence_and_shifted_citations_are_caught_and_named(
    broken: Callable[[Answer], Answer],
    cause: str,
    answers: list[Answer],
    recorded: Recorded,
    baseline: Record,
) -> None:
    run = recorded([broken(answer) for answer in answers])
    comparison = compare(baseline, run)
    assert comparison.regressed
    assert "REGRESSION" in verdict(comparison)
    named = causes(run, baseline)
    assert cause in named
    assert set(named) <= {cause, "refused wrongly", "used, not cited"}


@pytest.mark.parametrize(("threshold", "cause"), [(0.0, "answered what it should refuse"), (1.0, "refused wrongly")])
def test_a_threshold_of_always_or_never_is_caught_and_named(
    threshold: float,
    cause: str,
    library: Library,
    reader: Reader,
    samples: list[Sample],
    recorded: Recorded,
    baseline: Record,
) -> None:
    run = recorded(asked(Assistant(library, reader, threshold=threshold), samples))
    assert compare(baseline, run).regressed
    assert set(causes(run, baseline)) == {cause}


def test_a_gold_quote_edited_in_the_article_is_caught_by_its_name(
    answers: list[Answer], texts: dict[str, str], recorded: Recorded, baseline: Record
) -> None:
    edited = {name: text.replace("7,000 containers", "8,000 containers") for name, text in texts.items()}
    run = recorded(answers, edited)
    comparison = compare(baseline, run)
    assert any("gold quote has left the library" in reason and "7,000" in reason for reason in comparison.reasons)


def test_the_same_answers_raise_no_alarm(answers: list[Answer], recorded: Recorded, baseline: Record) -> None:
    again = compare(baseline, recorded(answers))
    assert not again.regressed
    assert again.changes == ()
    assert word_diff(baseline, baseline) == []


def test_two_flips_of_forty_four_are_noise(answers: list[Answer], recorded: Recorded, baseline: Record) -> None:
    flipped = [without_last_sentence(answer) if number < 2 else answer for number, answer in enumerate(answers)]
    assert not compare(baseline, recorded(flipped)).regressed


def test_a_sample_that_was_not_asked_or_failed_is_a_reason_of_its_own(baseline: Record, samples: list[Sample]) -> None:
    fewer = Record({}, baseline.outcomes[1:])
    assert any("not asked" in reason for reason in compare(baseline, fewer).reasons)
    broken = Record({}, (failed(samples[0], "the model is gone"), *baseline.outcomes[1:]))
    assert any("the model is gone" in reason for reason in compare(baseline, broken).reasons)


def test_a_diff_shows_words_citations_and_outcomes(answers: list[Answer], recorded: Recorded, baseline: Record) -> None:
    lines = word_diff(baseline, recorded([without_last_sentence(answer) for answer in answers]))
    text = "\n".join(lines)
    assert "[-" in text
    assert "citation lost:" in text
    assert "right, answered -> " in text


def outcome(**values: object) -> Outcome:
    return replace(failed(Sample("1", "fact", "Q?", quotes=("gold",)), ""), **values)  # type: ignore[arg-type]


def test_better_answers_are_no_regression() -> None:
    worse = Record(
        {},
        tuple(
            outcome(sample={"id": str(i), "type": "fact", "question": "Q?", "quotes": ["g"]}, right=False, recall=0.0)
            for i in range(20)
        ),
    )
    better = Record({}, tuple(replace(o, right=True, recall=1.0, cause="") for o in worse.outcomes))
    assert not compare(worse, better).regressed
    assert compare(better, worse).regressed
