"""The scores of many outcomes as one row, for the terminal's table and the report's alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evals.record import Outcome
from evals.statistics import mean

_SCORES = (
    "right", "exact_match", "token_f1", "recall", "precision", "citation_recall", "citation_precision", "faithfulness",
    "retrieval_recall", "ndcg", "answer_given",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Totals:
    """Shares and means over what could be scored, None where nothing could; what could not be asked is not declined."""

    questions: int
    right: float | None
    exact_match: float | None
    token_f1: float | None
    recall: float | None
    precision: float | None
    citation_recall: float | None
    citation_precision: float | None
    faithfulness: float | None
    retrieval_recall: float | None
    mrr: float | None
    ndcg: float | None
    answer_given: float | None
    declined: float | None

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> Totals:
        outcomes = list(outcomes)
        return cls(
            questions=len(outcomes),
            mrr=mean([outcome.reciprocal_rank for outcome in outcomes]),
            declined=mean([not outcome.answered for outcome in outcomes if outcome.answer]),
            **{name: mean([getattr(outcome, name) for outcome in outcomes]) for name in _SCORES},
        )
