"""Sentences with one thing changed, and the same unchanged: how many of the first are found, of the others accused.

    python -m evals.adversarial [FILE] [--errors]

A row of the file has a passage of a public text, a sentence that it supports ("true"), the same with one thing changed
("false", "" for a paraphrase), and what was changed ("kind"). Each true sentence is checked once more among the
passages of other rows, with the mark of a wrong one: it is to be cited to the right one. By rows whose ids begin with
"c" nothing was chosen: no rule, no weight, no threshold.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from evals.statistics import percentile
from evals.tables import head, percent, row
from index import Passage
from rag import Verdict
from rag.checking import Checked, Checker, local_embedding, passage_of
from rag.reader import local_reader
from rag.reader.examples import rows

SHIPPED = Path(__file__).parent / "data" / "adversarial.jsonl"
_AMONG = 8  # passages, as a model is given


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence as its passage supports it and with one thing changed, and what came of both.

    `seconds` are those of its check among the passages of other rows.
    """

    id: str
    kind: str
    true: str
    false: str
    accused: bool
    found: bool
    moved: bool
    seconds: float


def pairs(items: Sequence[dict[str, Any]]) -> Iterator[Pair]:
    passages = [passage_of(item["passage"], str(number)) for number, item in enumerate(items)]
    for number, item in enumerate(items):
        others = [passages[(number + step) % len(items)] for step in range(1, len(items))]
        others = [other for other in others if other.text != passages[number].text][: _AMONG - 1]
        among = [*others[:3], passages[number], *others[3:]]
        checker = _checker(among)
        began = time.perf_counter()
        elsewhere = _check(checker, item["true"], others[:1])
        seconds = time.perf_counter() - began
        alone = _checker([passages[number]])
        yield Pair(
            item["id"],
            item["kind"],
            item["true"],
            item["false"],
            accused=not _supported(_check(alone, item["true"])),
            found=bool(item["false"]) and not _supported(_check(alone, item["false"])),
            moved=_supported(elsewhere) and elsewhere.passage is passages[number],
            seconds=seconds,
        )


def table(found: Sequence[Pair]) -> Iterator[str]:
    yield head("changed", "sentences", "found", "unchanged ones accused", "wrong marker put right")
    parts = {kind: [pair for pair in found if pair.kind == kind] for kind in dict.fromkeys(pair.kind for pair in found)}
    parts |= {"all": list(found), "all that nothing was chosen by": [p for p in found if p.id.startswith("c")]}
    for name, of in parts.items():
        if not of:
            continue
        changed = [pair for pair in of if pair.false]
        yield row(
            name,
            str(len(changed)),
            percent(sum(pair.found for pair in changed) / len(changed)) if changed else "",
            f"{percent(sum(pair.accused for pair in of) / len(of))} of {len(of)}",
            percent(sum(pair.moved for pair in of) / len(of)),
        )


def _checker(passages: Sequence[Passage]) -> Checker:
    return Checker(passages, local_reader(), local_embedding())


def _check(checker: Checker, claim: str, named: Sequence[Passage] = ()) -> Checked:
    checked = checker.check(claim, named)
    assert checked is not None
    return checked


def _supported(checked: Checked) -> bool:
    return checked.verdict is Verdict.SUPPORTED


@click.command(help=__doc__)
@click.argument("file", default=SHIPPED, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--errors", is_flag=True, help="Print what was missed and what was accused.")
def main(file: Path, errors: bool) -> None:
    found = list(pairs(rows(file)))
    for line in table(found):
        click.echo(line)
    p50, p95 = (1000 * (percentile([pair.seconds for pair in found], q) or 0.0) for q in (50, 95))
    click.echo(f"\nchecking a sentence against {_AMONG} passages: p50 {p50:.0f} ms, p95 {p95:.0f} ms")
    for pair in found if errors else ():
        if pair.false and not pair.found:
            click.echo(f"missed ({pair.kind}): {pair.false}")
        if pair.accused:
            click.echo(f"accused ({pair.kind}): {pair.true}")


if __name__ == "__main__":
    main()
