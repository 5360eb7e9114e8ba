"""A record as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from evals.gate import Comparison
from evals.judge import agreement
from evals.metrics import abstention_precision, abstention_recall, area_under_roc, aurc, expected_calibration_error
from evals.record import RANKED, Outcome, Record
from evals.statistics import percentile
from evals.tables import hundredths, percent
from evals.totals import Totals


def table(record: Record) -> Table:
    """One row a type of question, then the totals; figures are shares in percent."""
    shown = Table(title="Pincite eval", title_justify="left")
    shown.add_column("type", no_wrap=True)
    names = ("questions", "right", "quote recall", "quote precision", "answer given", "declined")
    for name in (*names, f"recall@{RANKED}", "MRR"):
        shown.add_column(name, justify="right")
    for kind in dict.fromkeys(outcome.type for outcome in record.outcomes):
        shown.add_row(kind, *_cells(record.of(kind)))
    shown.add_section()
    totals = {
        "fact and why": record.of("fact", "why"),
        "answerable": [outcome for outcome in record.outcomes if outcome.answerable],
        "unanswerable": [outcome for outcome in record.outcomes if not outcome.answerable],
    }
    for name, outcomes in totals.items():
        if outcomes:
            shown.add_row(name, *_cells(outcomes))
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
    ranks = (totals.retrieval_recall, totals.mrr)
    return [str(totals.questions), *map(percent, shares), *map(hundredths, ranks)]


def _named(what: str, figures: Sequence[tuple[str, float | None]]) -> str:
    return f"{what}: " + ", ".join(f"{name} {hundredths(value)}" for name, value in figures)


def _lines(record: Record) -> list[str]:
    outcomes = [outcome for outcome in record.outcomes if outcome.answer]
    seconds = [outcome.answer["timings"]["total"] for outcome in outcomes if outcome.answer]
    citations = sum(len(outcome.answer["citations"]) for outcome in outcomes if outcome.answer)
    wrong = sum(outcome.wrong_offsets for outcome in outcomes)
    stale = sum(len(outcome.stale) for outcome in outcomes)
    errors = len(record.outcomes) - len(outcomes)
    declined, answerable = [not outcome.answered for outcome in outcomes], [outcome.answerable for outcome in outcomes]
    sure = [outcome.confidence for outcome in outcomes]
    totals = Totals.of(record.outcomes)
    sentences = [
        ("citation recall", totals.citation_recall),
        ("citation precision", totals.citation_precision),
        ("faithfulness", totals.faithfulness),
    ]
    words = [("exact match", totals.exact_match), ("token F1", totals.token_f1)]
    ranks = [(f"recall@{RANKED}", totals.retrieval_recall), ("MRR", totals.mrr), (f"nDCG@{RANKED}", totals.ndcg)]
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
        _named("words, as SQuAD has it", words),
        _named("sentences", sentences),
        _named("passages", ranks),
        _named("confidence", figures),
    ]
    if seconds:
        lines.append(f"seconds an answer: p50 {percentile(seconds, 50):.2f}, p95 {percentile(seconds, 95):.2f}")
    if record.about.get("judge"):
        lines.append(_judged(record))
    if stale:
        lines.append(f"gold quotes that have left the library, not counted: {stale}")
    if unreviewed := record.about.get("unreviewed"):
        lines.append(f"proposals that nobody has reviewed, not asked: {unreviewed}")
    if errors:
        lines.append(f"samples that could not be asked: {errors}")
    return lines


def _judged(record: Record) -> str:
    found = agreement(record)
    about = record.about["judge"]
    parts = [f"judge {about['model']}, {about['repeats']} times: correct {percent(found.correct)}"]
    if found.deviation is not None:
        parts.append(f"± {100 * found.deviation:.1f} between times, {found.split} answers graded both ways")
    parts.append(f"agrees with the scores on {percent(found.with_scores)} (Cohen's kappa {hundredths(found.kappa)})")
    if found.failures:
        parts.append(f"{found.failures} grades failed")
    return ", ".join(parts)
