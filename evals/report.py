"""A record as a table for a terminal."""

from __future__ import annotations

from rich.table import Table

from evals.gate import Comparison
from evals.metrics import (
    abstention_precision,
    abstention_recall,
    area_under_roc,
    aurc,
    expected_calibration_error,
    percentile,
)
from evals.run import Outcome, Record
from evals.totals import Totals


def table(record: Record) -> Table:
    """One row a type of question, then the totals; figures are shares in percent."""
    shown = Table(title="Pincite eval", title_justify="left")
    shown.add_column("type")
    for name in ("questions", "right", "quote recall", "quote precision", "answer given", "declined"):
        shown.add_column(name, justify="right")
    for kind in dict.fromkeys(outcome.type for outcome in record.outcomes):
        shown.add_row(kind, *_cells(record.of(kind)))
    shown.add_section()
    shown.add_row("fact and why", *_cells(record.of("fact", "why")))
    shown.add_row("answerable", *_cells([outcome for outcome in record.outcomes if outcome.answerable]))
    shown.add_row("unanswerable", *_cells([outcome for outcome in record.outcomes if not outcome.answerable]))
    shown.caption = "\n".join(_lines(record))
    shown.caption_justify = "left"
    return shown


def verdict(comparison: Comparison) -> str:
    """What the gate says, for a person."""
    lines = [
        f"{test.score}: {test.before:.3f} -> {test.after:.3f} (p = {test.p:.3f}, {test.method})"
        for test in comparison.tests
    ]
    lines += [
        f"{'worse ' if change.worse else 'other '} {change.id}: {change.was} -> {change.now}  {change.question}"
        for change in comparison.changes
    ]
    if comparison.reasons:
        lines += ["REGRESSION", *(f"  {reason}" for reason in comparison.reasons)]
        lines += ["If that is meant, accept it with: pincite eval bless RECORD BASELINE"]
    else:
        lines += ["No regression against the baseline."]
    return "\n".join(lines)


def _cells(outcomes: list[Outcome]) -> list[str]:
    totals = Totals.of(outcomes)
    shares = (totals.right, totals.recall, totals.precision, totals.answer_given, totals.declined)
    return [str(totals.questions), *map(_percent, shares)]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def _lines(record: Record) -> list[str]:
    outcomes = [outcome for outcome in record.outcomes if outcome.answer]
    seconds = [outcome.answer["timings"]["total"] for outcome in outcomes if outcome.answer]
    citations = sum(len(outcome.answer["citations"]) for outcome in outcomes if outcome.answer)
    wrong = sum(outcome.wrong_offsets for outcome in outcomes)
    stale = sum(len(outcome.stale) for outcome in outcomes)
    errors = len(record.outcomes) - len(outcomes)
    declined, answerable = [not outcome.answered for outcome in outcomes], [outcome.answerable for outcome in outcomes]
    sure = [outcome.confidence for outcome in outcomes]
    figures = [
        ("abstention precision", abstention_precision(declined, answerable)),
        ("abstention recall", abstention_recall(declined, answerable)),
        ("AUC", area_under_roc([c for c, a in zip(sure, answerable, strict=True) if a],
                               [c for c, a in zip(sure, answerable, strict=True) if not a])),
        ("AURC", aurc(*record.graded())),
        ("ECE", expected_calibration_error(*record.graded())),
    ]  # fmt: skip
    lines = [
        f"{citations - wrong} of {citations} citations stand in their source to the letter",
        "confidence: " + ", ".join(f"{name} {value:.2f}" for name, value in figures if value is not None),
    ]
    if seconds:
        lines.append(f"seconds an answer: p50 {percentile(seconds, 50):.2f}, p95 {percentile(seconds, 95):.2f}")
    if stale:
        lines.append(f"gold quotes that have left the library, not counted: {stale}")
    if errors:
        lines.append(f"samples that could not be asked: {errors}")
    return lines
