"""The report of an eval: what stands in it, of records made by hand."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from html.parser import HTMLParser
from typing import Any

import pytest

from evals.html import page
from evals.record import Outcome, Record
from evals.samples import SHIPPED_SUITE, Sample
from evals.score import failed
from evals.statistics import bootstrap_interval, wilson_interval

HOSTILE = '"><script src="http://evil.example/x.js">alert(1)</script><img onerror=\'x\' src=//evil.example>'
PASSAGE = "Leeks are old. The Egyptians grew them first. Nero ate them for his voice."
GOLD = "The Egyptians grew them first."


class Page(HTMLParser):
    """A page as a browser reads it: elements with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str, of_class: str = "") -> list[dict[str, str]]:
        return [
            a for name, a in self.elements if name == tag and (not of_class or of_class in a.get("class", "").split())
        ]


def outcome(name: str, *, confidence: float, quote: str = GOLD, cause: str = "", **sample: Any) -> Outcome:
    """Leeks were asked for and `quote` was cited: right unless there is a cause."""
    start = PASSAGE.find(quote)
    place: dict[str, Any] = {"document": "d1", "title": "leeks", "path": "leeks.txt", "page": None}
    citation = place | {"number": 1, "start": 100 + start, "end": 100 + start + len(quote), "quote": quote}
    citation |= {"verdict": "supported", "score": confidence}
    hit = place | {"start": 100, "end": 100 + len(PASSAGE), "heading": "", "text": PASSAGE, "score": 1.0}
    answer = {
        "question": "Who first grew leeks?",
        "answered": True,
        "text": f"{quote} [1]",
        "sentences": [{"text": quote, "citations": [citation], "verdict": "supported"}],
        "citations": [citation],
        "hits": [hit],
        "confidence": confidence,
        "model": "extractive",
        "timings": {"retrieve": 0.25, "total": 0.5},
    }
    row = asdict(Sample(name, "fact", "Who first grew leeks?", ("Egyptians",), (GOLD,))) | sample
    share = 0.0 if cause else 1.0
    unasked = failed(Sample(name, "fact", "Who?"), "")
    scores: dict[str, Any] = {
        "right": not cause,
        "cause": cause,
        "recall": share,
        "precision": share,
        "answer_given": not cause,
    }
    return replace(unasked, sample=row, answer=answer, **scores)


@pytest.fixture
def record() -> Record:
    outcomes = (
        outcome("right-1", confidence=0.9),
        outcome("wrong-1", confidence=0.8, quote="Nero ate them for his voice.", cause="retrieved, not used"),
        outcome("right-2", confidence=0.7),
    )
    return Record({"suite": "leeks.jsonl", "made": "2026-11-24T15:22:14Z", "threshold": 0.5, "seconds": 1.5}, outcomes)


def hostile(outcome: Outcome) -> Outcome:
    """With every text from outside replaced."""

    def spoilt(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: value if key == "verdict" else spoilt(value) for key, value in value.items()}
        if isinstance(value, (list, tuple)):
            return [spoilt(item) for item in value]
        return HOSTILE if isinstance(value, str) else value

    turn = {"role": HOSTILE, "text": HOSTILE}
    sample = outcome.sample | {"history": [turn], "must_not_say": [HOSTILE], "documents": [HOSTILE]}
    return replace(outcome, sample=spoilt(sample), answer=spoilt(outcome.answer), stale=(HOSTILE,))


def test_hostile_text_from_anywhere_is_shown_and_never_run(record: Record) -> None:
    right, wrong, _ = record.outcomes
    spoilt = (
        hostile(right),
        hostile(replace(wrong, cause=HOSTILE)),
        replace(hostile(right), answer=None, right=False, cause=f"error: {HOSTILE}", error=HOSTILE),
    )
    about = dict.fromkeys(("suite", "made", "revision", "model", "machine", "pincite", "python"), HOSTILE)
    shown = Page(page(Record(about | {"dependencies": {HOSTILE: HOSTILE}}, spoilt)))
    assert HOSTILE in shown.text
    assert len(shown.all("script")) == 1
    assert not shown.all("img")
    assert not any(name.startswith("on") for _, attributes in shown.elements for name in attributes)
    assert not any(
        "evil" in value for _, a in shown.elements for key, value in a.items() if not key.startswith("data-")
    )


def test_the_page_asks_for_nothing_outside_of_itself(record: Record) -> None:
    html = page(record)
    shown = Page(html)
    assert not any("http" in a.get("src", "") + a.get("href", "") for _, a in shown.elements)
    assert all(a["href"].startswith("#") for a in shown.all("a"))
    assert not shown.all("link")
    assert "url(" not in html
    assert "@import" not in html
    assert any("default-src 'none'" in a.get("content", "") for a in shown.all("meta"))


def test_every_case_is_there_and_the_failed_ones_come_first_and_open(record: Record) -> None:
    shown = Page(page(record))
    cases = shown.all("details", "case")
    assert ["failed" in case["class"] for case in cases] == [True, False, False]
    assert ["open" in case for case in cases] == [True, False, False]
    assert re.findall(r"(?:right|wrong)-\d", shown.text) == ["wrong-1", "right-1", "right-2"]


def test_a_failed_case_says_why_before_its_question(record: Record) -> None:
    text = Page(page(record)).text
    case = text[text.index("underlined") :]
    assert case.index("✗ Retrieved, not used") < case.index("Who first grew leeks?")
    assert "✗ not cited, in passage 1 of the 1 found" in case
    assert "Why 1 of 3 are not right" in text


def test_a_case_shows_what_was_expected_and_what_came(record: Record) -> None:
    text = Page(page(record)).text
    for words in ("Accepted answers", "Egyptians", f"“{GOLD}”", "0.80 (0.50 needed)", "retrieve 0.25, total 0.50"):
        assert words in text
    refusal = outcome("no-1", confidence=0.9, cause="answered what it should refuse", answers=(), quotes=())
    assert "That it declines: not in the library." in Page(page(Record({}, (refusal,)))).text


def test_cited_characters_are_marked_in_their_context_and_gold_is_underlined(record: Record) -> None:
    html = page(record)
    assert f'Leeks are old. <mark class="hue-0"><u>{GOLD}</u></mark> Nero ate' in html
    assert f'Leeks are old. <u>{GOLD}</u> <mark class="hue-0">Nero ate them for his voice.</mark>' in html
    targets = {a["id"] for _, a in Page(html).elements if "id" in a}
    assert {a["href"][1:] for a in Page(html).all("a")} <= targets


def test_a_citation_that_stands_elsewhere_is_said_to(record: Record) -> None:
    wrong = outcome("wrong-2", confidence=0.9, cause="cited wrongly")
    assert wrong.answer
    moved = wrong.answer["citations"][0] | {"start": 101, "end": 131}
    broken = replace(wrong, answer=wrong.answer | {"citations": [moved]}, wrong_offsets=1)
    assert "✗ the quote is not what stands there" in Page(page(Record({}, (broken,)))).text


def test_a_record_without_the_text_of_its_passages_still_shows_its_quotes(record: Record) -> None:
    assert f'<blockquote><mark class="hue-0"><u>{GOLD}</u></mark></blockquote>' in page(record.slim())


def test_the_curve_follows_the_data(record: Record) -> None:
    """Right, wrong, right, by confidence: the risk is 0 of 1, 1 of 2, 1 of 3."""
    (curve,) = Page(page(record)).all("polyline", "curve")
    points = [tuple(map(float, point.split(","))) for point in curve["points"].split()]
    (left, bottom), (right, _) = points[0], points[-1]
    coverages = [(x - left) / (right - left) for x, _ in points[1::2]]
    heights = [bottom - y for _, y in points[1::2]]
    assert coverages == pytest.approx([1 / 3, 2 / 3, 1], abs=1e-3)
    assert [height / heights[1] for height in heights] == pytest.approx([0, 1, 2 / 3], abs=1e-3)
    # A risk holds from the coverage before it, as in the AURC.
    assert [y for _, y in points[::2]] == [y for _, y in points[1::2]]
    assert points[2][0] == points[1][0]
    assert "0.28" in Page(page(record)).text  # (0 + 1/2 + 1/3) / 3


def test_scores_have_their_intervals(record: Record) -> None:
    text = Page(page(record)).text
    assert "2 of 3" in text
    assert "95 % CI 20.8–93.9 %" in text
    assert wilson_interval(2, 3) == pytest.approx((0.2077, 0.9385), abs=1e-4)


def test_what_could_not_be_scored_is_in_sight_and_in_no_score(record: Record) -> None:
    lost = replace(record.outcomes[0], right=None, recall=None, stale=(GOLD,), cause="not in the library: it left")
    error = failed(Sample("error-1", "fact", "Who?", quotes=(GOLD,)), "The model does not answer. Start it.")
    text = Page(page(Record({}, (lost, error)))).text
    assert "1 question could not be asked" in text
    assert "1 gold quote stood nowhere in the library" in text
    assert "The model does not answer. Start it." in text
    assert "0 of 1" in text
    assert not re.search(r"\bnan\b", text.lower())


def test_a_record_without_outcomes_is_a_page_too() -> None:
    text = Page(page(Record({}, ()))).text
    assert "No answer could be scored." in text
    assert "nothing to score" in text


def test_the_bootstrap_is_the_same_each_time_and_holds_the_mean() -> None:
    values = [0.0, 0.5, 1.0, 1.0, 1.0, 0.0, 1.0, 0.5]
    interval = bootstrap_interval(values)
    assert interval == bootstrap_interval(values)
    assert interval is not None
    assert 0 < interval[0] < 0.625 < interval[1] < 1
    assert bootstrap_interval([]) is None
    assert wilson_interval(0, 0) is None
    with pytest.raises(ValueError, match="not a finite number"):
        bootstrap_interval([float("nan")])
    with pytest.raises(ValueError, match="no share"):
        wilson_interval(3, 2)


def test_of_paths_a_record_for_a_repository_keeps_the_names_of_files() -> None:
    baseline = Record.load(SHIPPED_SUITE.parent.parent / "baseline.json")
    answers = [outcome.answer for outcome in baseline.outcomes if outcome.answer]
    cited = [
        citation for answer in answers for part in [answer["citations"], *answer["conflicts"]] for citation in part
    ]
    assert {citation["path"] for citation in cited} == {"russia-dprk.txt", "dprk-supplies.md"}
    moved = [replace(outcome, answer=_moved(outcome.answer)) for outcome in baseline.outcomes]
    assert Record(baseline.about, tuple(moved)).slim().outcomes == baseline.outcomes


def _moved(answer: dict[str, Any] | None) -> dict[str, Any] | None:
    """Its conflicts cited from a folder."""
    if not answer:
        return answer
    conflicts = [
        [{**citation, "path": f"/folder/{citation['path']}"} for citation in conflict]
        for conflict in answer["conflicts"]
    ]
    return {**answer, "conflicts": conflicts}
