"""The report: the sums over all checks of a store, as tables."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.check import Checked
from tests.faults.journal import Known


@dataclass(slots=True)
class Totals:
    """The sums over all checks of one store."""

    kills: int = 0
    injected: int = 0
    operations: int = 0
    acknowledged: int = 0
    lost: int = 0
    bystanders: int = 0
    wrong: int = 0
    unusable: int = 0
    passages: int = 0
    unfound: int = 0
    disagreements: int = 0
    manual: int = 0
    errors: int = 0
    exact: int = 0
    seconds: list[float] = field(default_factory=list)
    operation: Counter[str] = field(default_factory=Counter)
    step: Counter[str] = field(default_factory=Counter)
    boundary: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def count(self, name: str, known: Known, checked: Checked) -> None:
        self.operations += known.operations
        self.acknowledged += checked.acknowledged
        self.lost += len(checked.lost)
        self.bystanders += checked.bystanders
        self.wrong += len(checked.wrong)
        self.unusable += checked.unusable
        self.passages += checked.passages
        self.unfound += len(checked.unfound)
        self.disagreements += len(checked.disagreements)
        self.manual += bool(checked.manual)
        self.errors += len(known.errors)
        self.exact += not checked.current
        for problem in known.errors + checked.problems:
            self.problems.append(f"{name}, during {known.phase}: {problem}")

    @property
    def failures(self) -> int:
        return self.lost + self.wrong + self.unusable + self.unfound + self.disagreements + self.manual + self.errors


def table(pincite: Totals, plain: Totals) -> str:
    """Both stores side by side, in Markdown."""

    def line(what: str, part: Callable[[Totals], object]) -> str:
        return f"| {what} | {part(pincite)} | {part(plain) if plain.kills else ''} |"

    def seconds(totals: Totals) -> str:
        found = totals.seconds or [0.0]
        return f"{statistics.median(found):.2f} / {max(found):.2f}"

    return "\n".join(
        [
            "| | Pincite | plain Chroma |",
            "|---|---|---|",
            line("kills at seeded times", lambda t: f"{t.kills:,}"),
            line("kills at injected step boundaries", lambda t: f"{t.injected:,}" if t is pincite else ""),
            line("operations acknowledged", lambda t: f"{t.operations:,}"),
            line("acknowledged documents looked for", lambda t: f"{t.acknowledged:,}"),
            line("of which lost", lambda t: f"{t.lost:,}"),
            line("of which the operation in flight was to leave alone", lambda t: f"{t.bystanders:,}"),
            line("documents in a state that nobody asked for", lambda t: f"{t.wrong:,}"),
            line("libraries or collections unusable", lambda t: f"{t.unusable:,}"),
            line("passages present that looked for themselves", lambda t: f"{t.passages:,}"),
            line("of which do not find themselves", lambda t: f"{t.unfound:,}"),
            line("counts that disagree", lambda t: f"{t.disagreements:,}"),
            line("operations that failed by themselves", lambda t: f"{t.errors:,}"),
            line("manual steps", lambda t: f"{t.manual:,}"),
            line("reopenings that exact search answered", lambda t: f"{t.exact:,}" if t is pincite else ""),
            line("seconds from process start to the first answer, p50 / max", seconds),
        ]
    )


def hits(totals: Totals) -> str:
    """Where the kills hit."""

    def counts(found: Counter[str]) -> str:
        return ", ".join(f"{name} {count}" for name, count in found.most_common()) or "none"

    return (
        f"Seeded kills, by operation in flight: {counts(totals.operation)}.\n"
        f"By step: {counts(totals.step)}.\n"
        f"Injected kills, before and after: {counts(totals.boundary)}."
    )
