"""A report as a table for a terminal."""

from __future__ import annotations

from rich.table import Table

from evals.metrics import area_under_roc, mean, percentile
from evals.run import Outcome, Report


def table(report: Report) -> Table:
    """One row a type of question, then the totals; figures are shares in percent."""
    shown = Table(title="Pincite eval", title_justify="left")
    shown.add_column("type")
    for name in ("questions", "right", "quote recall", "quote precision", "answer given", "declined"):
        shown.add_column(name, justify="right")
    for kind in dict.fromkeys(outcome.sample.type for outcome in report.outcomes):
        shown.add_row(kind, *_cells(report.of(kind)))
    shown.add_section()
    answerable = [outcome for outcome in report.outcomes if outcome.sample.answerable]
    unanswerable = [outcome for outcome in report.outcomes if not outcome.sample.answerable]
    shown.add_row("fact and why", *_cells(report.of("fact", "why")))
    shown.add_row("answerable", *_cells(answerable))
    shown.add_row("unanswerable", *_cells(unanswerable))
    shown.caption = _caption(report, answerable, unanswerable)
    shown.caption_justify = "left"
    return shown


def _cells(outcomes: list[Outcome]) -> list[str]:
    return [
        str(len(outcomes)),
        _percent(mean([outcome.right for outcome in outcomes])),
        _percent(mean([outcome.recall for outcome in outcomes])),
        _percent(mean([outcome.precision for outcome in outcomes])),
        _percent(mean([outcome.answer_given for outcome in outcomes])),
        _percent(mean([not outcome.answer.answered for outcome in outcomes])),
    ]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def _caption(report: Report, answerable: list[Outcome], unanswerable: list[Outcome]) -> str:
    seconds = [outcome.answer.timings["total"] for outcome in report.outcomes]
    citations = sum(len(outcome.answer.citations) for outcome in report.outcomes)
    wrong = sum(outcome.wrong_offsets for outcome in report.outcomes)
    stale = [quote for outcome in report.outcomes for quote in outcome.stale]
    area = area_under_roc(
        [outcome.answer.confidence for outcome in answerable], [outcome.answer.confidence for outcome in unanswerable]
    )
    lines = [
        f"{citations - wrong} of {citations} citations stand in their source to the letter",
        f"confidence, answerable above unanswerable: AUC {area:.2f}" if area is not None else "",
        f"seconds an answer: p50 {percentile(seconds, 50):.2f}, p95 {percentile(seconds, 95):.2f}" if seconds else "",
        f"gold quotes that have left the library, not counted: {len(stale)}" if stale else "",
    ]
    return "\n".join(line for line in lines if line)
