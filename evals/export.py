"""A record as rows that other eval tools read: Ragas, DeepEval, Inspect. None of them is needed here.

What a format has no place for is left out: scores in Ragas and DeepEval, the numbers of citations in all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal

from evals.record import Outcome, Record, RecordError
from evals.samples import EVERY_QUOTE
from rag.assistant import EXTRACTIVE
from rag.extract import PASSAGES_READ
from rag.prompts import REFUSAL

Tool = Literal["ragas", "deepeval", "inspect"]


def rows(record: Record, to: Tool) -> list[dict[str, Any]]:
    """One row an outcome, in the record's order. Raises RecordError if the record holds no texts of passages.

    `ragas`: fields of `SingleTurnSample`. `deepeval`: fields of `LLMTestCase`. `inspect`: fields of `Sample`, with the
    answer and its scores as metadata. A question that could not be asked has no row for Ragas and DeepEval, which rate
    answers; so `len(record.outcomes) - len(rows)` were left out. There, too, a follow-up is the whole conversation as
    one text ("user: ..."), as a judge needs it and a single turn has no other place for it.
    """
    make = {"ragas": _ragas, "deepeval": _deepeval, "inspect": _inspect}[to]
    return [make(outcome) for outcome in record.outcomes if outcome.answer or to == "inspect"]


def as_file(rows: Iterable[dict[str, Any]], to: Tool) -> str:
    """The rows as the text of a file: a JSON array for DeepEval, a JSON object a line for the others.

    It is plain ASCII: Ragas reads files in the encoding of the system.
    """
    lines = [json.dumps(row) for row in rows]
    return "[\n" + ",\n".join(lines) + "\n]\n" if to == "deepeval" else "".join(f"{line}\n" for line in lines)


def _ragas(outcome: Outcome) -> dict[str, Any]:
    return _filled(
        user_input=_conversation(outcome),
        response=_response(outcome),
        retrieved_contexts=_contexts(outcome),
        reference=_reference(outcome),
        reference_contexts=outcome.sample["quotes"],
    )


def _deepeval(outcome: Outcome) -> dict[str, Any]:
    return _filled(
        input=_conversation(outcome),
        actual_output=_response(outcome),
        expected_output=_reference(outcome),
        context=outcome.sample["quotes"],
        retrieval_context=_contexts(outcome),
    )


def _inspect(outcome: Outcome) -> dict[str, Any]:
    """Any one of the targets is right, as of a sample's answers; a grader reads the rest in the metadata."""
    sample = outcome.sample
    turns = [{"role": turn["role"], "content": turn["text"]} for turn in sample["history"]]
    gold = {name: sample[name] for name in ("quotes", "sources", "must_not_say", "documents", "note") if sample[name]}
    metadata = {"type": outcome.type, **gold, "right": outcome.right, "cause": outcome.cause}
    if outcome.answer:
        metadata |= {name: getattr(outcome, name) for name in ("answered", "confidence", "recall", "precision")}
        metadata |= {"response": _response(outcome), "contexts": _contexts(outcome)}
    return _filled(
        id=outcome.id,
        input=[*turns, {"role": "user", "content": sample["question"]}] if turns else sample["question"],
        target=(list(sample["answers"]) or _quotes(outcome)) if outcome.answerable else REFUSAL,
        metadata=metadata,
    )


def _filled(**values: Any) -> dict[str, Any]:
    """Without what a suite does not say, so that a tool sees it as missing instead of as empty."""
    return {name: value for name, value in values.items() if value}


def _conversation(outcome: Outcome) -> str:
    question: str = outcome.sample["question"]
    turns = [f"{turn['role']}: {turn['text']}" for turn in outcome.sample["history"]]
    return "\n".join([*turns, f"user: {question}"]) if turns else question


def _response(outcome: Outcome) -> str:
    """What was said, without the numbers of its citations."""
    assert outcome.answer is not None
    return " ".join(sentence["text"] for sentence in outcome.answer["sentences"]) or str(outcome.answer["text"])


def _contexts(outcome: Outcome) -> list[str]:
    """The passages that the answer was written from: all hits where a model wrote it, else those that were read."""
    assert outcome.answer is not None
    hits = outcome.answer["hits"]
    if any("text" not in hit for hit in hits):
        raise RecordError(
            "The record holds no texts of passages, as a baseline does. "
            "Give the one that was made with: pincite eval --record FILE"
        )
    return [hit["text"] for hit in (hits[:PASSAGES_READ] if outcome.answer["model"] == EXTRACTIVE else hits)]


def _reference(outcome: Outcome) -> str:
    """The first accepted answer, or all where each may be an item of a list; else gold quotes; or a refusal's words."""
    if not outcome.answerable:
        return REFUSAL
    answers = outcome.sample["answers"]
    if outcome.type in EVERY_QUOTE:
        return "; ".join(answers) or "\n".join(_quotes(outcome))
    return str((answers or _quotes(outcome) or [""])[0])


def _quotes(outcome: Outcome) -> list[str]:
    return list(outcome.sample["quotes"])
