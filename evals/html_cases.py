"""The cases of a report as HTML: why each failed first, then what was expected, what came, and where it stands.

Nothing from outside stands unescaped in it.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

from evals.metrics import is_cited
from evals.record import Grade, Outcome, Record
from evals.tables import hundredths
from rag import Verdict

# Characters of a passage shown around what is cited of it.
_AROUND = 320
_HUES = 5
_MOST_CHARACTERS = 4000
_BLANK_LINES = re.compile(r"\s*\n\s*\n\s*")

MEANING = {
    "answered what it should refuse": "The library has no answer to this question.",
    "cited wrongly": "Gold was written, or a quote given, with a citation of another place.",
    "could not be asked": "Asking raised an error.",
    "in the library, not retrieved": "No passage that was read holds a gold quote that is wanted.",
    "not in the library": "Every gold quote has left it: no score.",
    "refused wrongly": "Gold was found, and yet the question was declined.",
    "retrieved, not used": "Gold was found, and the answer quotes something else.",
    "said what it must not": "The answer holds words that a right one does not.",
    "used, not cited": "The accepted answer was given without the quotes that are wanted.",
}


def cause_of(outcome: Outcome) -> str:
    """Why an outcome is not right, without its particulars."""
    if outcome.error:
        return "could not be asked"
    return outcome.cause.partition(":")[0] or ("" if outcome.right else "not scored")


def failed_first(record: Record) -> list[Outcome]:
    """The failed outcomes by cause, the commonest cause first; then the others as they were asked."""
    counts = Counter(cause_of(outcome) for outcome in record.outcomes)
    return sorted(record.outcomes, key=lambda o: (bool(o.right), -counts[cause_of(o)], cause_of(o)))


def cases_html(record: Record) -> str:
    outcomes = failed_first(record)
    types = sorted({outcome.type for outcome in outcomes})
    causes = dict.fromkeys(cause_of(outcome) for outcome in outcomes if not outcome.right)
    cases = "\n".join(_case(outcome, number, record.about) for number, outcome in enumerate(outcomes, 1))
    return (
        '<section id="cases"><h2>Cases</h2><form class="filter" hidden>'
        f"{_select('type', 'Type', types)}{_select('cause', 'Cause', list(causes))}"
        '<label><input type="checkbox" name="failed"> Failed only</label>'
        '<button type="button" name="flip">Open or close all</button><output name="shown"></output></form>'
        '<p class="quiet legend">In the passages, <mark class="hue-0">marked</mark> is what the answer cites, and '
        f"<u>underlined</u> is a gold quote.</p>\n{cases}</section>"
    )


def _select(name: str, label: str, values: Sequence[str]) -> str:
    options = "".join(f"<option>{line(value)}</option>" for value in values)
    return f'<label>{label} <select name="{name}"><option value="">all</option>{options}</select></label>'


def _case(outcome: Outcome, number: int, about: dict[str, Any]) -> str:
    sample, cause = outcome.sample, cause_of(outcome)
    if outcome.right:
        state = f'<span class="fine">✓ {"Answered right" if outcome.answered else "Declined, as it should"}</span>'
    else:
        more = outcome.error or MEANING.get(cause, "")
        state = f'<span class="why">✗ {line(cause[:1].upper() + cause[1:])} <small>– {line(more)}</small></span>'
    history = "".join(f"<li><b>{line(turn['role'])}:</b> {line(turn['text'])}</li>" for turn in sample["history"])
    asked = f'<div class="across"><h4>Asked after</h4><ul class="history">{history}</ul></div>' if history else ""
    return (
        f'<details class="sheet case{"" if outcome.right else " failed"}" id="case-{number}" '
        f'data-type="{line(outcome.type)}" data-cause="{line(cause)}"{"" if outcome.right else " open"}>'
        f"<summary>{state}"
        f'<h3>{line(sample["question"])}</h3><span class="id"><span class="tag">{line(outcome.type.replace("_", " "))}'
        f'</span>{line(outcome.id)}</span></summary><div class="body">{asked}<div>{_expected(outcome)}</div>'
        f"<div>{_answer(outcome, number)}</div>{_receipt(outcome, about)}</div></details>"
    )


def _expected(outcome: Outcome) -> str:
    sample = outcome.sample
    parts = [] if outcome.answerable else ["<h4>Expected</h4><p>That it declines: not in the library.</p>"]
    if sample["answers"]:
        parts.append(
            f"<h4>Accepted answers</h4><p>{' <span class=quiet>or</span> '.join(map(line, sample['answers']))}</p>"
        )
    if sample["quotes"]:
        parts.append(
            f'<h4>Gold quotes</h4><ul class="gold">{"".join(_gold(outcome, q) for q in sample["quotes"])}</ul>'
        )
    if sample["sources"]:
        parts.append(f"<h4>Answered in</h4><p>{', '.join(map(line, sample['sources']))}</p>")
    if sample["must_not_say"]:
        parts.append(f"<h4>Must not say</h4><p>{', '.join(map(line, sample['must_not_say']))}</p>")
    if sample["documents"]:
        parts.append(f"<h4>Asked of</h4><p>{', '.join(map(line, sample['documents']))}</p>")
    return "".join(parts)


def _gold(outcome: Outcome, quote: str) -> str:
    """A gold quote, and how far it came: cited, found, or neither."""
    hits = outcome.answer["hits"] if outcome.answer else []
    ranks = [rank for rank, hit in enumerate(hits, 1) if quote in hit.get("text", "")]
    kind, state = "missed", f"✗ whole in none of the {len(hits)} passages found"
    if quote in outcome.stale:
        state = "✗ stands nowhere in the library, not counted"
    elif ranks and outcome.answer:
        hit = hits[ranks[0] - 1]
        start = hit["start"] + hit["text"].find(quote)
        cited = [(c["start"], c["end"]) for c in outcome.answer["citations"] if c["document"] == hit["document"]]
        place = f"in passage {ranks[0]} of the {len(hits)} found"
        kind, state = "missed", f"✗ not cited, {place}"
        if is_cited((start, start + len(quote)), cited):
            kind, state = "met", f"✓ cited, {place}"
    elif not any(hit.get("text") for hit in hits):
        kind, state = "", ""
    return f'<li class="{kind}">“{line(quote)}”<small>{state}</small></li>'


def _answer(outcome: Outcome, number: int) -> str:
    answer = outcome.answer
    if answer is None:
        return f"<h4>Answer</h4><p>None: {line(outcome.error)}</p>"
    sentences = " ".join(_sentence(sentence, number) for sentence in answer["sentences"])
    text = sentences if answer["answered"] else f"<strong>{line(answer['text'])}</strong>"
    return f'<h4>Answer</h4><p class="answer">{text}</p>{_contexts(outcome, number)}'


def _sentence(sentence: dict[str, Any], number: int) -> str:
    if remark := Verdict(sentence["verdict"]).remark:
        return f'<span class="unsupported">{line(sentence["text"])}</span> <small>{remark}</small>'
    return line(sentence["text"]) + "".join(
        f'<a class="chip {_hue(c)}" href="#quote-{number}-{int(c["number"])}">'
        f'<span class="spoken">Citation </span>{int(c["number"])}</a>'
        for c in sentence.get("citations", ())
    )


def _contexts(outcome: Outcome, number: int) -> str:
    """Each passage that is cited, with what is cited of it; passages by the first citation."""
    answer = outcome.answer or {"citations": (), "hits": ()}
    groups: dict[tuple[int, int, str], list[dict[str, Any]]] = {}
    for citation in answer["citations"]:
        groups.setdefault(_place(citation, answer["hits"]), []).append(citation)
    cards = "".join(_context(outcome, number, place, cited) for place, cited in groups.items())
    return f"<h4>Cited quotes in context</h4>{cards}" if cards else ""


def _place(citation: dict[str, Any], hits: Sequence[dict[str, Any]]) -> tuple[int, int, str]:
    """Rank, start and text of the passage that holds a citation; if none was kept, rank 0 and the quote itself."""
    for rank, hit in enumerate(hits, 1):
        holds = hit["start"] <= citation["start"] and citation["end"] <= hit["end"]
        if holds and hit.get("text") and hit["document"] == citation["document"]:
            return rank, hit["start"], hit["text"]
    return 0, citation["start"], citation["quote"]


def _context(outcome: Outcome, number: int, place: tuple[int, int, str], cited: Sequence[dict[str, Any]]) -> str:
    rank, base, text = place
    items = ""
    for c in cited:
        there = text[c["start"] - base : c["end"] - base] == c["quote"]
        page = f", page {line(c['page'])}" if c["page"] else ""
        wrong = (
            ""
            if there
            else f'<br><span class="missed-text">✗ the quote is not what stands there: “{line(c["quote"])}”</span>'
        )
        items += (
            f'<li id="quote-{number}-{int(c["number"])}"><span class="chip {_hue(c)}">{int(c["number"])}</span>'
            f"characters {c['start']:,}–{c['end']:,}{page}{wrong}</li>"
        )
    where = f", passage {rank}" if rank else ", without its passage"
    return (
        f'<div class="context"><header><b>{line(cited[0]["title"])}</b>{where}<ul>{items}</ul></header>'
        f"<blockquote>{_marked(text, base, cited, outcome.sample['quotes'])}</blockquote></div>"
    )


def _marked(text: str, base: int, cited: Sequence[dict[str, Any]], gold: Sequence[str]) -> str:
    """The text around what is cited of it; the cited characters in marks, those of gold quotes underlined."""
    marks = [(c["start"] - base, c["end"] - base, _hue(c)) for c in cited]
    lines = [(start, start + len(quote)) for quote in gold if (start := text.find(quote)) >= 0]
    low, high = min(start for start, _, _ in marks) - _AROUND, max(end for _, end, _ in marks) + _AROUND
    low = 0 if low <= 0 else min(marks[0][0], low + len(re.match(r"\S*\s*", text[low:])[0]))  # type: ignore[index]
    high = len(text) if high >= len(text) else high - len(re.search(r"\s*\S*$", text[:high])[0])  # type: ignore[index]
    edges = {edge for span in [*lines, *((start, end) for start, end, _ in marks)] for edge in span}
    cuts = sorted({low, high} | {edge for edge in edges if low < edge < high})
    parts = ["… " if low else ""]
    for start, end in itertools.pairwise(cuts):
        piece = escape(_BLANK_LINES.sub("\n\n", text[start:end]))
        if any(a <= start and end <= b for a, b in lines):
            piece = f"<u>{piece}</u>"
        hue = next((hue for a, b, hue in marks if a <= start and end <= b), "")
        parts.append(f'<mark class="{hue}">{piece}</mark>' if hue else piece)
    return "".join(parts) + (" …" if high < len(text) else "")


def _hue(citation: dict[str, Any]) -> str:
    return f"hue-{(int(citation['number']) - 1) % _HUES}"


def _receipt(outcome: Outcome, about: dict[str, Any]) -> str:
    """Confidence against the threshold, the scores, and the seconds of each stage."""
    if outcome.answer is None:
        return ""
    sure, threshold = outcome.confidence, about.get("threshold")
    tick = f'<b style="left:{100 * threshold:.1f}%"></b>' if isinstance(threshold, float) else ""
    needed = f" ({threshold:.2f} needed)" if isinstance(threshold, float) else ""
    bar = f'<span class="range" aria-hidden="true"><i style="left:0;width:{100 * sure:.1f}%"></i>{tick}</span>'
    shares = {
        "quote recall": outcome.recall,
        "quote precision": outcome.precision,
        "citation recall": outcome.citation_recall,
        "faithfulness": outcome.faithfulness,
    }
    figures = {
        "confidence": f"{sure:.2f}{needed}{bar}",
        **{name: percent(share) for name, share in shares.items() if share is not None},
        "token F1": hundredths(outcome.token_f1) if outcome.token_f1 is not None else "",
        "nDCG": hundredths(outcome.ndcg) if outcome.ndcg is not None else "",
        "judge": "; ".join(map(_graded, outcome.grades)),
        "answer given": {True: "yes", False: "no", None: ""}[outcome.answer_given],
        "seconds": ", ".join(f"{line(stage)} {float(s):.2f}" for stage, s in outcome.answer["timings"].items()),
    }
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures.items() if value)
    return f'<dl class="receipt across">{rows}</dl>'


def _graded(grade: Grade) -> str:
    verdict = {True: "correct", False: "not correct", None: "no grade"}[grade.correct]
    return f"{verdict} <small>{line(grade.error or grade.reason)}</small>"


def line(value: object) -> str:
    """Escaped, on one line, and not endless."""
    text = " ".join(str(value).split())
    return escape(text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]} …")


def count(amount: int, noun: str) -> str:
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def percent(share: float | None) -> str:
    """With a decimal where there is one: 99.7 % is not 100 %."""
    return "–" if share is None else f"{100 * share:.1f}".removesuffix(".0") + " %"


def between(interval: tuple[float, float]) -> str:
    return f"{100 * interval[0]:.1f}–{100 * interval[1]:.1f}"
