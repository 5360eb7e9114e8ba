"""The arithmetic of the reader's measures, as pure functions: thresholds, shares, one line of the report."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A figure, of how many questions it is, the worst that is accepted of it, and what is aimed at."""

    what: str
    figure: float | None
    count: int
    floor: float | None = None
    aim: float | None = None

    def __str__(self) -> str:
        figure, floor, aim = map(_short, (self.figure, self.floor, self.aim))
        return f"{self.what:<68} {figure:>8} {self.count:>7,} {floor:>8} {aim:>8}"


HEADER = f"{'what':<68} {'figure':>8} {'of':>7} {'floor':>8} {'aim':>8}"


@dataclass(frozen=True, slots=True)
class Case:
    """Something to say yes or no to, by a threshold on its score; what saying yes is worth, and saying no."""

    id: str
    score: float
    if_yes: float
    if_no: float


def threshold_of(cases: Sequence[Case]) -> float:
    """The score from which saying yes is worth most in total: infinity where it never is; the highest of equals.

    >>> threshold_of([Case("a", 3, 1, 0), Case("b", 2, 0, 1), Case("c", 1, 1, 0), Case("d", 0, 0, 1)])
    3
    """
    best, gained, most = math.inf, 0.0, 0.0
    ordered = sorted(cases, key=lambda case: -case.score)
    for place, case in enumerate(ordered, 1):
        gained += case.if_yes - case.if_no
        is_last = place == len(ordered) or ordered[place].score < case.score  # of those with its score
        if is_last and gained > most + 1e-12:
            best, most = case.score, gained
    return best


def first_half(name: str) -> bool:
    """Which half something is in, by its id alone, so that a half holds questions of every document."""
    return hashlib.sha256(f"half {name}".encode()).digest()[0] % 2 == 0


def decided(cases: Sequence[Case]) -> list[bool]:
    """Whether each is said yes to, by the threshold that was chosen on the half in which it is not.

    So no case has a part in choosing what decides it, and every one is counted (cross-fitting of two folds).
    """
    thresholds = {half: threshold_of([case for case in cases if first_half(case.id) != half]) for half in (True, False)}
    return [case.score >= thresholds[first_half(case.id)] for case in cases]


def mean_of_halves(cases: Sequence[Case]) -> float | None:
    """What the decisions of `decided` are worth on average: the mean of the two halves' means. None without cases."""
    worth: dict[bool, list[float]] = {}
    for case, yes in zip(cases, decided(cases), strict=True):
        worth.setdefault(first_half(case.id), []).append(case.if_yes if yes else case.if_no)
    means = [sum(values) / len(values) for values in worth.values()]
    return sum(means) / len(means) if means else None


def balanced_accuracy(said: Sequence[bool], true: Sequence[bool]) -> float | None:
    """The mean of the share of positives said yes to and of negatives said no to; None where one kind is missing.

    Brodersen et al. 2010; the measure of LLM-AggreFact (Tang et al., MiniCheck, 2024).

    >>> balanced_accuracy([True, True, False, True], [True, True, True, False])  # (2/3 + 0) / 2
    0.3333333333333333
    """
    yes = [answer for answer, is_true in zip(said, true, strict=True) if is_true]
    no = [not answer for answer, is_true in zip(said, true, strict=True) if not is_true]
    return (sum(yes) / len(yes) + sum(no) / len(no)) / 2 if yes and no else None


def threshold_refusing(confidences: Sequence[float], share: float = 0.05) -> float:
    """The threshold below which at most `share` of these lie, and no fewer than ties force.

    >>> threshold_refusing([0.1, 0.2, 0.3, 0.4], 0.5)
    0.3
    """
    ordered = sorted(confidences)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def share_below(confidences: Sequence[float], threshold: float) -> float | None:
    """The share that is refused at a threshold; None of nothing.

    >>> share_below([0.1, 0.2, 0.3, 0.4], 0.3)
    0.5
    """
    return sum(value < threshold for value in confidences) / len(confidences) if confidences else None


def sentence_f1(chosen: Collection[int], gold: Collection[int]) -> float:
    """F1 of the sentences that were chosen, by their numbers, against those that are needed.

    >>> sentence_f1({0, 1}, {1, 2, 3})  # 2 · 1 / (2 + 3)
    0.4
    """
    if not chosen and not gold:
        return 1.0
    return 2 * len(set(chosen) & set(gold)) / (len(set(chosen)) + len(set(gold)))


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
