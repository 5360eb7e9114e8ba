"""Is a run worse than a baseline by more than chance? Runs are compared sample by sample, as pairs."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from evals.record import Outcome, Record
from evals.statistics import mcnemar_exact, mean, paired_sign_flip_test

# A difference that chance makes in fewer than this share of cases is not taken for noise. One score alone may raise
# a false alarm in as many; the gate looks at four.
_SIGNIFICANCE = 0.05 / 4


@dataclass(frozen=True, slots=True)
class Change:
    """One sample whose outcome differs: `better`, `worse`, or neither, and what is to be seen of it."""

    id: str
    question: str
    was: str
    now: str
    worse: bool


@dataclass(frozen=True, slots=True)
class Test:
    """One score, over the samples that both runs have: its means, and how likely chance makes it fall so far."""

    score: str
    method: str
    before: float
    after: float
    p: float

    @property
    def regressed(self) -> bool:
        return self.after < self.before and self.p < _SIGNIFICANCE


@dataclass(frozen=True, slots=True)
class Comparison:
    """`reasons` say why the run is worse than the baseline by more than chance; without any, it passes."""

    tests: tuple[Test, ...]
    changes: tuple[Change, ...]
    reasons: tuple[str, ...]

    @property
    def regressed(self) -> bool:
        return bool(self.reasons)


def compare(baseline: Record, run: Record) -> Comparison:
    """Pair the outcomes by id and test: right (McNemar), quote recall and precision, abstention (sign flips).

    Beside the tests, two things are never noise: a citation that does not stand in its source, and a gold quote that
    has left the library since the baseline.
    """
    before = {outcome.id: outcome for outcome in baseline.outcomes}
    pairs = [(before[outcome.id], outcome) for outcome in run.outcomes if outcome.id in before]
    tests = (
        _mcnemar(pairs),
        _sign_flips("quote recall", pairs, lambda outcome: outcome.recall),
        _sign_flips("quote precision", pairs, lambda outcome: outcome.precision),
        _sign_flips("answered or declined as it should", pairs, lambda o: float(o.answered == o.answerable)),
    )
    reasons = [f"{test.score} fell from {test.before:.3f} to {test.after:.3f} ({test.method}, p = {test.p:.4f})"
               for test in tests if test.regressed]  # fmt: skip
    reasons += [f"{now.id}: {now.wrong_offsets} citations do not stand in their source" for _, now in pairs
                if now.wrong_offsets]  # fmt: skip
    reasons += [f"{now.id}: a gold quote has left the library: {quote!r}" for was, now in pairs
                for quote in now.stale if quote not in was.stale]  # fmt: skip
    reasons += [f"{now.id}: {now.error}" for was, now in pairs if now.error and not was.error]
    missing = sorted(before.keys() - {outcome.id for outcome in run.outcomes})
    reasons += [f"{len(missing)} samples of the baseline were not asked: {', '.join(missing[:5])}"] if missing else []
    changes = [_change(was, now) for was, now in pairs if was.right != now.right or was.answered != now.answered]
    return Comparison(tests, tuple(sorted(changes, key=lambda change: not change.worse)), tuple(reasons))


def word_diff(before: Record, after: Record) -> list[str]:
    """The samples whose answers differ, as lines for a person: words, citations, ranks of hits, verdicts."""
    earlier = {outcome.id: outcome for outcome in before.outcomes}
    lines: list[str] = []
    for now in after.outcomes:
        was = earlier.get(now.id)
        if was is None:
            lines += [f"{now.id}: only in the second run"]
        elif _essence(was) != _essence(now):
            lines += [f"{now.id}: {now.sample['question']}", *_differences(was, now), ""]
    return lines


def _mcnemar(pairs: list[tuple[Outcome, Outcome]]) -> Test:
    scored = _scored(pairs, lambda outcome: outcome.right)
    lost, won = (sum(was > now for was, now in scored), sum(now > was for was, now in scored))
    p = mcnemar_exact(lost, won, one_sided=True)
    return Test("right", "McNemar's exact test, one-sided", *_means(scored), p)


def _sign_flips(name: str, pairs: list[tuple[Outcome, Outcome]], score: Callable[[Outcome], float | None]) -> Test:
    scored = _scored(pairs, score)
    p = paired_sign_flip_test([was - now for was, now in scored], one_sided=True)
    return Test(name, "paired sign-flip test, one-sided", *_means(scored), p)


def _scored(
    pairs: list[tuple[Outcome, Outcome]], score: Callable[[Outcome], float | None]
) -> list[tuple[float, float]]:
    """The scores of those that have one in both runs."""
    return [(a, b) for was, now in pairs if (a := score(was)) is not None and (b := score(now)) is not None]


def _means(scored: list[tuple[float, float]]) -> tuple[float, float]:
    return mean([was for was, _ in scored]) or 0.0, mean([now for _, now in scored]) or 0.0


def _change(was: Outcome, now: Outcome) -> Change:
    return Change(now.id, now.sample["question"], _state(was), _state(now), bool(was.right) and not now.right)


def _state(outcome: Outcome) -> str:
    return ("right, " if outcome.right else "") + (outcome.cause or ("answered" if outcome.answered else "declined"))


def _essence(outcome: Outcome) -> object:
    answer = outcome.answer or {}
    return answer.get("text"), [_place(c) for c in answer.get("citations", [])], outcome.cause


def _place(values: dict[str, object]) -> tuple[object, ...]:
    return values["title"], values["start"], values["end"]


def _differences(was: Outcome, now: Outcome) -> list[str]:
    before, after = was.answer or {}, now.answer or {}
    lines = []
    if before.get("text") != after.get("text"):
        words = difflib.ndiff(str(before.get("text", "")).split(), str(after.get("text", "")).split())
        lines.append("  " + " ".join(_marked(word) for word in words if word[0] != "?"))
    old, new = ({_place(c): c for c in answer.get("citations", [])} for answer in (before, after))
    lines += [f"  citation lost: “{old[place]['quote'][:80]}”" for place in old.keys() - new.keys()]
    lines += [f"  citation gained: “{new[place]['quote'][:80]}”" for place in new.keys() - old.keys()]
    lines += [f"  verdict of [{new[p]['number']}]: {old[p]['verdict']} -> {new[p]['verdict']}"
              for p in old.keys() & new.keys() if old[p]["verdict"] != new[p]["verdict"]]  # fmt: skip
    ranks = [[_place(hit) for hit in answer.get("hits", [])] for answer in (before, after)]
    lines += [f"  rank of {place[0]} {place[1]}-{place[2]}: {rank} -> {ranks[1].index(place) + 1}"
              for rank, place in enumerate(ranks[0], 1)
              if place in ranks[1] and ranks[1].index(place) + 1 != rank]  # fmt: skip
    if _state(was) != _state(now):
        lines.append(f"  {_state(was)} -> {_state(now)}")
    return lines


def _marked(word: str) -> str:
    return {"- ": "[-{}-]", "+ ": "{{+{}+}}"}.get(word[:2], "{}").format(word[2:])
