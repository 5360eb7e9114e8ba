"""Scores of answers, their citations and their confidence, as pure functions named as in the literature.

A thing that cannot be scored is None, never 0 or 1, and a NaN is an error. Exact match and F1 are in `squad`, scores of
ranked lists in `ranking`, and `statistics` compares runs.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence

from evals.statistics import mean, numbers
from evals.words import hold, readings
from index.passages import Span

Supports = Callable[[str, Sequence[str]], bool]
"""Whether passages, read together, support a sentence."""


# Answers


def contains_answer(text: str, answers: Sequence[str]) -> bool | None:
    """Whether `text` holds one of the accepted answers as whole words; None if there are none, or none with a word.

    Numbers are compared by their value and dates by their day. An answer may say how far off a number may be.

    >>> contains_answer("Seven thousand containers arrived on 28 March 2024.", ["7,000 containers"])
    True
    >>> contains_answer("Seven thousand containers arrived on 28 March 2024.", ["2024-03-28"])
    True
    >>> contains_answer("It supplied 17,000 containers.", ["7,000"])
    False
    >>> contains_answer("It shrank by 4.4 percent.", ["4.5% ± 0.2"])
    True
    """
    wanted = [reading for reading in map(readings, answers) if any(reading)]
    if not wanted:
        return None
    given = readings(text)
    return any(hold(words, answer) for each in wanted for words, answer in zip(given, each, strict=True))


# Citations


def overlap(a: Span, b: Span) -> int:
    """Characters that two spans share.

    >>> overlap((0, 10), (5, 20))
    5
    """
    return max(0, min(a[1], b[1]) - max(a[0], b[0]))


def is_cited(gold: Span, cited: Sequence[Span]) -> bool:
    """Whether the citations hold at least half of the gold quote's characters.

    >>> is_cited((0, 10), [(0, 3), (8, 20)]), is_cited((0, 10), [(6, 20)])
    (True, False)
    """
    covered = sum(overlap(gold, span) for span in set(cited))
    return 2 * covered >= gold[1] - gold[0]


def quote_recall(gold: Sequence[Span], cited: Sequence[Span], *, every: bool) -> float | None:
    """Share of the gold quotes that are cited; where any one is enough (`every` false), 1 or 0. None without gold.

    >>> quote_recall([(0, 10), (20, 30)], [(0, 10)], every=True)
    0.5
    """
    if not gold:
        return None
    found = [is_cited(span, cited) for span in gold]
    return sum(found) / len(found) if every else float(any(found))


def quote_precision(gold: Sequence[Span], cited: Sequence[Span]) -> float | None:
    """Share of the citations that hold a part of a gold quote. None where nothing is cited, or without gold.

    >>> quote_precision([(0, 10)], [(5, 8), (40, 50)])
    0.5
    """
    if not gold or not cited:
        return None
    return sum(any(overlap(span, wanted) for wanted in gold) for span in cited) / len(cited)


def citation_recall(sentences: Sequence[tuple[str, Sequence[str]]], supports: Supports) -> float | None:
    """Share of the sentences that what they cite, read together, supports (ALCE, Gao et al. 2023). None without any.

    A sentence comes with the passages it cites; without any it is not supported. `supports` stands in the place of
    ALCE's NLI model.

    >>> def supports(sentence, passages): return set(sentence.split()) <= set(" ".join(passages).split())
    >>> citation_recall([("oil came", ["oil", "came by sea"]), ("guns went", [])], supports)
    0.5
    """
    if not sentences:
        return None
    return sum(bool(cited) and supports(sentence, cited) for sentence, cited in sentences) / len(sentences)


def citation_precision(sentences: Sequence[tuple[str, Sequence[str]]], supports: Supports) -> float | None:
    """Share of the citations that are not beside the point (ALCE, Gao et al. 2023). None where nothing is cited.

    A citation counts if all that its sentence cites supports it together, and if either the citation alone does or
    the others no longer do without it.

    >>> def supports(sentence, passages): return set(sentence.split()) <= set(" ".join(passages).split())
    >>> citation_precision([("oil came", ["oil came", "guns"]), ("guns went", ["oil"])], supports)
    0.3333333333333333
    """
    needed = [
        supports(sentence, cited)
        and (
            len(cited) == 1
            or supports(sentence, [passage])
            or not supports(sentence, [*cited[:place], *cited[place + 1 :]])
        )
        for sentence, cited in sentences
        for place, passage in enumerate(cited)
    ]
    return sum(needed) / len(needed) if needed else None


def faithfulness(sentences: Sequence[str], context: Sequence[str], supports: Supports) -> float | None:
    """Share of an answer's sentences that the retrieved passages support, cited or not. None without sentences.

    Ragas (Es et al. 2024) counts statements that a model draws from the answer; here they are its sentences.

    >>> faithfulness(["oil came", "guns came"], ["oil came"], lambda sentence, passages: sentence in passages)
    0.5
    """
    if not sentences:
        return None
    return sum(supports(sentence, context) for sentence in sentences) / len(sentences)


# Abstention and confidence


def abstention_precision(declined: Sequence[bool], answerable: Sequence[bool]) -> float | None:
    """Share of the declined questions that could not be answered (Wen et al. 2025). None if none is declined.

    >>> abstention_precision([True, True, False], [False, True, False])
    0.5
    """
    return mean([not can for says_no, can in zip(declined, answerable, strict=True) if says_no])


def abstention_recall(declined: Sequence[bool], answerable: Sequence[bool]) -> float | None:
    """Share of the unanswerable questions that are declined (Wen et al. 2025). None if there are none.

    >>> abstention_recall([True, False, False, False], [False, False, False, True])
    0.3333333333333333
    """
    return mean([says_no for says_no, can in zip(declined, answerable, strict=True) if not can])


def risk_coverage(confidences: Sequence[float], right: Sequence[bool]) -> list[tuple[float, float]]:
    """(coverage, risk) for each confidence as the threshold, from the highest down (Geifman and El-Yaniv 2017).

    Coverage is the share that is answered, risk the share of that which is wrong. Equal confidences are one point.

    >>> risk_coverage([0.9, 0.8, 0.8, 0.1], [True, True, False, False])
    [(0.25, 0.0), (0.75, 0.3333333333333333), (1.0, 0.5)]
    """
    pairs = sorted(zip(numbers(confidences), right, strict=True), reverse=True)
    points, wrong = [], 0
    for answered, (confidence, is_right) in enumerate(pairs, 1):
        wrong += not is_right
        if answered == len(pairs) or pairs[answered][0] < confidence:
            points.append((answered / len(pairs), wrong / answered))
    return points


def aurc(confidences: Sequence[float], right: Sequence[bool]) -> float | None:
    """The area under the curve of `risk_coverage`; less is better. None without answers.

    The curve is of Geifman and El-Yaniv 2017, this area of Geifman, Uziel and El-Yaniv 2019: the mean, over all
    samples, of the risk with that sample's confidence as the threshold. So a sum of steps and no trapezoids, and the
    order among equal confidences does not matter.

    >>> aurc([0.9, 0.8, 0.7, 0.1], [True, True, False, True])  # (0 + 0 + 1/3 + 1/4) / 4
    0.14583333333333331
    """
    points = risk_coverage(confidences, right)
    if not points:
        return None
    before = [0.0, *(coverage for coverage, _ in points)]
    return sum((coverage - last) * risk for last, (coverage, risk) in zip(before, points, strict=False))


def expected_calibration_error(confidences: Sequence[float], right: Sequence[bool], *, bins: int = 15) -> float | None:
    """How far confidence is from accuracy, on average over equal-width bins (Guo et al. 2017). None without answers.

    A bin weighs as much as it has samples and holds its upper edge; the first one holds 0 too. Raises ValueError for a
    confidence outside 0..1.

    >>> round(expected_calibration_error([0.95, 0.85, 0.15], [True, False, False], bins=2), 9)  # (0.8 + 0.15) / 3
    0.316666667
    """
    edges = [number / bins for number in range(1, bins + 1)]
    gaps = [0.0] * bins
    for confidence, is_right in zip(numbers(confidences), right, strict=True):
        if not 0 <= confidence <= 1:
            raise ValueError(f"A confidence is 0 to 1, and not {confidence}.")
        gaps[bisect.bisect_left(edges, confidence)] += confidence - is_right
    return math.fsum(map(abs, gaps)) / len(confidences) if confidences else None


def area_under_roc(positives: Sequence[float], negatives: Sequence[float]) -> float | None:
    """How often a positive scores above a negative, ties counting half. None if either is empty.

    This is Mann-Whitney's U over its greatest value (Hanley and McNeil 1982).

    >>> area_under_roc([0.9, 0.5], [0.5, 0.1])
    0.875
    """
    if not positives or not negatives:
        return None
    wins = sum((p > n) + (p == n) / 2 for p in numbers(positives) for n in numbers(negatives))
    return wins / (len(positives) * len(negatives))
