"""Ask every sample and score what comes back. The same `Assistant.ask` as everywhere else is asked."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evals.metrics import contains_answer, quote_precision, quote_recall
from evals.samples import EVERY_QUOTE, Sample
from index import Library, Progress
from index.library import SHIPPED_ARTICLES
from rag import Answer, Assistant


@dataclass(frozen=True, slots=True)
class Outcome:
    """One sample, its answer, and the scores; a score is None where it does not apply.

    `stale` holds the gold quotes that stand nowhere in the library: they are reported, not counted. `wrong_offsets`
    counts citations whose `text[start:end]` is not the quote; anything but 0 is a fault of Pincite.
    """

    sample: Sample
    answer: Answer
    answer_given: bool | None
    recall: float | None
    precision: float | None
    stale: tuple[str, ...]
    wrong_offsets: int

    @property
    def right(self) -> bool | None:
        """Answered with all gold quotes that are wanted, or declined where the library has no answer.

        None if every gold quote has left the library: then it cannot be scored.
        """
        if not self.sample.answerable:
            return not self.answer.answered
        return None if self.recall is None else self.recall == 1.0


@dataclass(frozen=True, slots=True)
class Report:
    outcomes: tuple[Outcome, ...]

    def of(self, *types: str) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.sample.type in types]

    def to_dict(self) -> dict[str, Any]:
        rows = []
        for outcome in self.outcomes:
            row = asdict(outcome)
            row["answer"] = outcome.answer.to_dict()
            rows.append(row | {"right": outcome.right})
        return {"outcomes": rows}


def run(
    samples: Sequence[Sample], *, library: Path | Library | None = None, progress: Progress | None = None
) -> Report:
    """Ask `samples` of a library; with none, of the shipped article in a library made for this run."""
    with tempfile.TemporaryDirectory(prefix="pincite-eval-") as folder:
        if library is None:
            library = Path(folder) / "library"
            with Library(library, create=True) as made:
                made.add(SHIPPED_ARTICLES)
        with Assistant.open(library) as assistant:
            texts = {row.id: assistant.library.document(row.id).text for row in assistant.library.documents()}
            outcomes = []
            for number, sample in enumerate(samples):
                if progress:
                    progress(sample.id, number, len(samples))
                outcomes.append(score(sample, assistant.ask(sample.question, sample.history), texts))
    return Report(tuple(outcomes))


def score(sample: Sample, answer: Answer, texts: dict[str, str]) -> Outcome:
    """Score one answer; `texts` are the library's documents by id. Gold quotes are looked up in them."""
    gold: dict[str, list[tuple[int, int]]] = {name: [] for name in texts}
    stale = []
    for quote in sample.quotes:
        places = [(name, start) for name, text in texts.items() if (start := text.find(quote)) >= 0]
        for name, start in places[:1]:
            gold[name].append((start, start + len(quote)))
        if not places:
            stale.append(quote)
    # Documents follow each other on one line of numbers, so that spans of different documents never overlap.
    base, spans = 0, []
    cited = []
    for name, text in texts.items():
        spans += [(base + start, base + end) for start, end in gold[name]]
        cited += [(base + c.start, base + c.end) for c in answer.citations if c.document == name]
        base += len(text) + 1
    return Outcome(
        sample=sample,
        answer=answer,
        answer_given=contains_answer(answer.text, sample.answers)
        if answer.answered
        else (False if sample.answers else None),
        recall=quote_recall(spans, cited, every=sample.type in EVERY_QUOTE),
        precision=quote_precision(spans, cited),
        stale=tuple(stale),
        wrong_offsets=sum(texts.get(c.document, "")[c.start : c.end] != c.quote for c in answer.citations),
    )
