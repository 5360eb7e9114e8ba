"""Why this answer: what was searched, what was found before and after reading it, how sure it is, how long it took."""

from __future__ import annotations

from html import escape

from index import Hit
from rag import Answer
from ui.markup import line

_STAGES = {"retrieve": "find and rank", "write": "write and check", "read": "weigh the evidence"}


def why_html(answer: Answer, threshold: float) -> str:
    """Folded until it is asked for."""
    return (
        '<details class="why-answer"><summary>Why this answer</summary>'
        f"{_searched(answer)}{_confidence(answer, threshold)}{_hits(answer)}{_timings(answer)}</details>"
    )


def _searched(answer: Answer) -> str:
    said = "The question was searched as it was asked."
    if answer.searched != answer.question:
        said = f"Searched for: <strong>{line(answer.searched)}</strong>"
    return f"<p>{said} {answer.read:,} of {answer.of:,} passages were read.</p>"


def _confidence(answer: Answer, threshold: float) -> str:
    sure, least = round(100 * answer.confidence), round(100 * threshold)
    rule = "answered" if answer.confidence >= threshold else "not answered from the sources’ own words"
    return (
        f"<h3>Confidence {sure} %</h3>"
        f'<p class="bar" role="img" aria-label="Confidence {sure} %, threshold {least} %">'
        f'<span class="fill" style="width:{sure}%"></span><span class="threshold" style="left:{least}%"></span></p>'
        f"<p>From {least} % on, a question counts as covered by the library: this one is {rule}.</p>"
    )


def _hits(answer: Answer) -> str:
    if not answer.hits:
        return ""
    before = {id(hit): rank for rank, hit in enumerate(sorted(answer.hits, key=lambda hit: -hit.fused), 1)}
    rows = "".join(_hit(hit, rank, before[id(hit)]) for rank, hit in enumerate(answer.hits, 1))
    head = "".join(
        f'<th scope="col" title="{title}">{name}</th>'
        for name, title in (
            ("After", "Rank after the passages were read"),
            ("Before", "Rank by the search alone"),
            ("Passage", "Document and characters"),
            ("Read", "What the reader makes of it, with the search’s score"),
            ("Search", "By meaning and by words together"),
            ("Meaning", "Cosine of the embeddings"),
            ("Words", "BM25"),
        )
    )
    return (
        f'<h3>Passages</h3><div class="scroll" tabindex="0" role="region" aria-label="Passages with their scores">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _hit(hit: Hit, rank: int, before: int) -> str:
    passage = hit.passage
    place = f"{line(passage.document.title)}, {passage.start:,}–{passage.end:,}"
    scores = (f"{hit.score:.2f}", f"{hit.fused:.2f}", f"{hit.dense:.2f}", f"{hit.lexical:.1f}")
    cells = "".join(f"<td>{score}</td>" for score in scores)
    return f"<tr><td>{rank}</td><td>{before}</td><td>{place}</td>{cells}</tr>"


def _timings(answer: Answer) -> str:
    total = answer.timings.get("total", 0.0)
    if not total:
        return ""
    stages = {name: seconds for name, seconds in answer.timings.items() if name != "total" and seconds}
    bars = "".join(
        f'<span class="fill stage-{number % 3}" style="width:{100 * seconds / total:.1f}%"></span>'
        for number, seconds in enumerate(stages.values())
    )
    keys = "".join(
        f'<li><span class="key stage-{number % 3}"></span>{escape(_STAGES.get(name, name))} '
        f"{1000 * seconds:,.0f} ms</li>"
        for number, (name, seconds) in enumerate(stages.items())
    )
    return (
        f"<h3>Time {1000 * total:,.0f} ms</h3>"
        f'<p class="bar" role="img" aria-label="Time by stage">{bars}</p><ul class="keys">{keys}</ul>'
    )
