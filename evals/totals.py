"""The scores of many outcomes as one row, for the terminal's table and the report's alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evals.record import Outcome
from evals.statistics import mean


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
            right=mean([outcome.right for outcome in outcomes]),
            exact_match=mean([outcome.exact_match for outcome in outcomes]),
            token_f1=mean([outcome.token_f1 for outcome in outcomes]),
            recall=mean([outcome.recall for outcome in outcomes]),
            precision=mean([outcome.precision for outcome in outcomes]),
            citation_recall=mean([outcome.citation_recall for outcome in outcomes]),
            citation_precision=mean([outcome.citation_precision for outcome in outcomes]),
            faithfulness=mean([outcome.faithfulness for outcome in outcomes]),
            retrieval_recall=mean([outcome.retrieval_recall for outcome in outcomes]),
            mrr=mean([outcome.reciprocal_rank for outcome in outcomes]),
            ndcg=mean([outcome.ndcg for outcome in outcomes]),
            answer_given=mean([outcome.answer_given for outcome in outcomes]),
            declined=mean([not outcome.answered for outcome in outcomes if outcome.answer]),
        )
