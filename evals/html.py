"""A record as one page for the browser: scores, the risk-coverage curve, and each case with why it failed.

The page asks for nothing outside of itself, and nothing from outside stands unescaped in it. It scores nothing: what
it shows is in the record, or made of it by metrics.py and statistics.py. Cases are in html_cases.py, looks in html.css.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evals.html_cases import MEANING, between, cases_html, cause_of, count, failed_first, line, percent
from evals.metrics import aurc, expected_calibration_error, risk_coverage
from evals.record import RANKED, Outcome, Record
from evals.statistics import bootstrap_interval, mean, percentile, wilson_interval
from evals.tables import hundredths
from evals.totals import Totals


def page(record: Record) -> str:
    """One HTML file that works offline; its policy lets no script run but its own."""
    about = record.about
    style, script = (Path(__file__).with_suffix(kind).read_text(encoding="utf-8") for kind in (".css", ".js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    title = f"Pincite eval: {about.get('suite') or 'answers'}, {str(about.get('made', ''))[:10]}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{line(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>\n{style}</style></head>\n<body>"
        f'<a class="skip" href="#cases">To the cases</a>{_header(about)}\n<main>{_alerts(record)}'
        f"{_scores(record)}\n{_curve(record)}\n{_types(record)}\n{cases_html(record)}"
        f'<p class="end">{_versions(about)}</p></main>\n<script>{script}</script></body></html>\n'
    )


def _header(about: dict[str, Any]) -> str:
    facts = {
        "Suite": about.get("suite"),
        "Made": str(about.get("made", "")).replace("T", " ").replace("Z", " UTC"),
        "Revision": about.get("revision"),
        "Model": "none, quotes only" if about.get("model") == "extractive" else about.get("model"),
        "Machine": about.get("machine"),
        "Judge": ", ".join(f"{value}" for value in about.get("judge", {}).values()),
        "Seconds": about.get("seconds"),
    }
    rows = "".join(f"<div><dt>{name}</dt><dd>{line(value)}</dd></div>" for name, value in facts.items() if value)
    return (
        '<header class="top"><div><div class="brand"><span class="logo" aria-hidden="true">1</span>'
        "<div><h1>Pincite eval</h1><p>How good the answers are, and why not better</p></div></div>"
        f'<dl class="about">{rows}</dl></div></header>'
    )


def _versions(about: dict[str, Any]) -> str:
    named = {"pincite": about.get("pincite"), "Python": about.get("python"), **about.get("dependencies", {})}
    return "Made with " + ", ".join(f"{line(name)} {line(value)}" for name, value in named.items() if value) + "."


def _alerts(record: Record) -> str:
    """What could not be scored, in sight: it is no score, and not nothing."""
    errors = sum(bool(outcome.error) for outcome in record.outcomes)
    stale = sum(len(outcome.stale) for outcome in record.outcomes)
    unscored = sum(outcome.right is None for outcome in record.outcomes)
    found = {
        f"{count(errors, 'question')} could not be asked, and counted as not right.": errors,
        f"{count(stale, 'gold quote')} stood nowhere in the library: not counted.": stale,
        f"{count(unscored, 'case')} could not be scored, and stand in no score.": unscored,
    }
    return "".join(
        f'<p class="alert"><strong>Note:</strong> {text}</p>' for text, found_so in found.items() if found_so
    )


def _scores(record: Record) -> str:
    outcomes = record.outcomes
    answers = [outcome.answer for outcome in outcomes if outcome.answer]
    cited, wrong = sum(len(a["citations"]) for a in answers), sum(outcome.wrong_offsets for outcome in outcomes)
    cards = [
        _share("Right, all questions", *_right(outcomes)),
        _share("Right, where the library has the answer", *_right([o for o in outcomes if o.answerable])),
        _share("Right, where it has none: declined", *_right([o for o in outcomes if not o.answerable])),
        _share("Citations exact to the letter", cited - wrong, cited),
        _mean("Quote recall", [o.recall for o in outcomes]),
        _mean("Quote precision", [o.precision for o in outcomes]),
        _mean("Citation recall (ALCE)", [o.citation_recall for o in outcomes]),
        _mean(
            "Citation precision (ALCE)", [o.citation_precision for o in outcomes if o.citation_precision is not None]
        ),
        _mean("Faithfulness", [o.faithfulness for o in outcomes]),
        _mean(f"Passages: recall@{RANKED}", [o.retrieval_recall for o in outcomes]),
        _mean("Passages: MRR", [o.reciprocal_rank for o in outcomes]),
        _mean(f"Passages: nDCG@{RANKED}", [o.ndcg for o in outcomes]),
    ]
    return f'<section><h2>Scores</h2><div class="scores">{"".join(cards)}</div></section>'


def _right(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """Of those that could be scored, how many are right, and how many there are."""
    scored = [outcome.right for outcome in outcomes if outcome.right is not None]
    return sum(scored), len(scored)


def _share(name: str, number: int, of: int) -> str:
    return _card(name, number / of if of else None, wilson_interval(number, of), f"{number:,} of {of:,}", "Wilson")


def _mean(name: str, values: Sequence[float | None]) -> str:
    scored = [value for value in values if value is not None]
    return _card(name, mean(scored), bootstrap_interval(scored), f"mean of {len(scored):,}", "bootstrap")


def _card(name: str, value: float | None, interval: tuple[float, float] | None, of: str, method: str) -> str:
    bar, sure = ("", "nothing to score") if value is None or interval is None else (
        f'<span class="range" aria-hidden="true"><i style="left:{100 * interval[0]:.1f}%;'
        f'width:{100 * (interval[1] - interval[0]):.1f}%"></i><b style="left:{100 * value:.1f}%"></b></span>',
        f"{of}<br>95 % CI {between(interval)} %<br>{method}",
    )  # fmt: skip
    return f'<div class="sheet score"><h3>{name}</h3><strong>{percent(value)}</strong>{bar}<p>{sure}</p></div>'


def _curve(record: Record) -> str:
    """The risk-coverage curve and the numbers of confidence, beside the counts by cause."""
    asked = [outcome for outcome in record.outcomes if outcome.answer and outcome.right is not None]
    sure, right = record.graded()
    answered = [o for o in asked if o.answered]
    risk = mean([not o.right for o in answered])
    now = (len(answered) / len(asked), risk) if asked and risk is not None else None
    seconds = [float(o.answer["timings"].get("total", 0)) for o in asked if o.answer]
    figures = {
        "AURC, less is better": hundredths(aurc(sure, right)),
        "ECE, less is better": hundredths(expected_calibration_error(sure, right)),
        "Coverage, risk as run": f"{percent(now[0])}, {percent(now[1])}" if now else "–",
        "Seconds, p50, p95": f"{hundredths(percentile(seconds, 50))}, {hundredths(percentile(seconds, 95))}",
    }
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures.items())
    return (
        '<section class="two"><figure class="sheet"><h2>Risk and coverage</h2><figcaption class="quiet">If only the '
        "surest answers were given, how many would be wrong? The shaded area is the AURC; questions right of the "
        f"circle were declined as run, and each counts as wrong.</figcaption>{_plot(risk_coverage(sure, right), now)}"
        f'<dl class="figures">{rows}</dl></figure>{_causes(record)}</section>'
    )


def _plot(points: Sequence[tuple[float, float]], now: tuple[float, float] | None) -> str:
    """Steps, as AURC counts them: each risk reaches back to the coverage before it."""
    if not points:
        return '<p class="quiet">No answer could be scored.</p>'
    highest = max(risk for _, risk in [*points, now or points[0]])
    step = next((step for step in (0.02, 0.05, 0.1) if highest <= 5 * step), 0.2)
    top = step * max(1, math.ceil(highest / step - 1e-9))
    left, right, high, low = 52, 548, 34, 234

    def at(coverage: float, risk: float) -> str:
        return f"{left + coverage * (right - left):.1f},{low - risk / top * (low - high):.1f}"

    before = [0.0, *(coverage for coverage, _ in points)]
    steps = " ".join(f"{at(b, risk)} {at(c, risk)}" for b, (c, risk) in zip(before, points, strict=False))
    grid = ""
    for risk in (tick * step for tick in range(round(top / step) + 1)):
        y = at(0, risk).split(",")[1]
        grid += f'<line class="grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>'
        grid += f'<text x="{left - 8}" y="{y}" dy="4" text-anchor="end">{100 * risk:.0f} %</text>'
    for quarter in range(5):
        x = at(quarter / 4, 0).split(",")[0]
        grid += (
            f'<text x="{x}" y="{low + 18}" text-anchor="{"end" if quarter == 4 else "middle"}">{25 * quarter} %</text>'
        )
    mark = ""
    if now:
        (x, y), below = at(*now).split(","), now[1] > top / 4
        mark = f'<circle class="now" cx="{x}" cy="{y}" r="5.5"/>'
        mark += f'<text class="label" x="{x}" y="{y}" dy="{24 if below else -13}" text-anchor="middle">as run</text>'
    return (
        f'<svg viewBox="0 0 560 280" role="img"><title>Risk against coverage, {len(points)} steps, from '
        f"{percent(points[0][1])} at {percent(points[0][0])} to {percent(points[-1][1])} at "
        f'{percent(points[-1][0])}</title>{grid}<polygon class="area" points="{at(0, 0)} {steps} {at(before[-1], 0)}"/>'
        f'<polyline class="curve" points="{steps}"/><line class="axis" x1="{left}" x2="{right}" y1="{low}" y2="{low}"/>'
        f'<text class="label" x="{left - 40}" y="{high - 18}">risk: share of the answered that is wrong</text>{mark}'
        f'<text class="label" x="{right}" y="{low + 39}" text-anchor="end">coverage: share answered, the surest first'
        "</text></svg>"
    )


def _causes(record: Record) -> str:
    counts = Counter(cause_of(outcome) for outcome in failed_first(record) if not outcome.right)
    most = max(counts.values(), default=1)
    rows = "".join(
        f'<tr><th scope="row"><a href="#cases" data-pick="{line(cause)}">{line(cause)}</a>'
        f'<small>{MEANING.get(cause, "")}</small></th><td>{cases}</td><td aria-hidden="true">'
        f'<span class="bar" style="width:{100 * cases / most:.0f}%"></span></td></tr>'
        for cause, cases in counts.items()
    )
    head = '<thead><tr><th scope="col">cause</th><th scope="col">cases</th><td aria-hidden="true"></td></tr></thead>'
    body = f'<table class="causes">{head}<tbody>{rows}</tbody></table>' if rows else "<p>None failed.</p>"
    return (
        f'<div class="sheet"><h2>Why {counts.total()} of {len(record.outcomes)} are not right</h2>'
        f'<p class="quiet">The first stage that went wrong.</p>{body}</div>'
    )


def _types(record: Record) -> str:
    """A row for each type, then those with an answer in the library, those without, and all."""
    kinds = dict.fromkeys(outcome.type for outcome in record.outcomes)
    rows = "".join(_row(kind.replace("_", " "), record.of(kind)) for kind in kinds)
    totals = {
        "answerable": [outcome for outcome in record.outcomes if outcome.answerable],
        "unanswerable": [outcome for outcome in record.outcomes if not outcome.answerable],
        "all": list(record.outcomes),
    }
    names = ("type", "right", "95 % CI", "quote recall", "quote precision", "answer given", "declined", "seconds, p50")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return (
        '<section><h2>By type of question</h2><div class="sheet wide" role="region" aria-label="Scores by type" '
        f'tabindex="0"><table class="by-type"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>'
        f'<tbody class="total">{"".join(_row(*total) for total in totals.items())}</tbody></table></div></section>'
    )


def _row(name: str, outcomes: Sequence[Outcome]) -> str:
    right, of = _right(outcomes)
    interval = wilson_interval(right, of)
    totals = Totals.of(outcomes)
    seconds = [float(o.answer["timings"].get("total", 0)) for o in outcomes if o.answer]
    cells = (
        f"{percent(totals.right)} <small>{right}/{of}</small>",
        f"{between(interval)} %" if interval else "–",
        percent(totals.recall),
        percent(totals.precision),
        percent(totals.answer_given),
        percent(totals.declined),
        hundredths(percentile(seconds, 50)),
    )
    return f'<tr><th scope="row">{line(name)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
