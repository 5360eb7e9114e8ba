"""A run as a value: everything that was asked, answered and scored, and one JSON file that can be read again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from index import PinciteError, default_path

FORMAT = 2
# The run that ships, by which CI knows whether answers got worse.
SHIPPED = Path(__file__).parent / "baseline.json"
# How many of the best passages count for retrieval recall and nDCG.
RANKED = 5


class RecordError(PinciteError):
    """A record could not be read, or what is made of one not be written."""


@dataclass(frozen=True, slots=True)
class Grade:
    """A judge's verdict on one answer, with its reason; `correct` is None if the judge failed, and `error` says how."""

    correct: bool | None
    reason: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One sample, its answer as `Answer.to_dict` gives it, and the scores; a score is None where it does not apply.

    `right`: answered with all gold quotes that are wanted, or declined where the library has no answer; None if it
    could not be scored. `cause` says why it is not right. `exact_match` and `token_f1` hold the answer's words against
    the accepted answers, as SQuAD does: whole sentences have little of either. `recall` and `precision` are of the gold
    quotes, `citation_recall`, `citation_precision` and `faithfulness` of the answer's own sentences.
    `retrieval_recall`, `reciprocal_rank` and `ndcg` rank the passages that hold a gold quote, the first and last among
    the best RANKED. `stale` holds the gold quotes that stand nowhere in the library: they are reported, not counted.
    `wrong_offsets` counts citations whose `text[start:end]` is not the quote. `error` is what asking it raised; such an
    outcome is counted and shown, and never right. `grades` are a judge's, if one was asked.
    """

    sample: dict[str, Any]
    answer: dict[str, Any] | None
    right: bool | None
    cause: str
    exact_match: float | None = None
    token_f1: float | None = None
    recall: float | None = None
    precision: float | None = None
    citation_recall: float | None = None
    citation_precision: float | None = None
    faithfulness: float | None = None
    retrieval_recall: float | None = None
    reciprocal_rank: float | None = None
    ndcg: float | None = None
    answer_given: bool | None = None
    said_forbidden: bool | None = None
    stale: tuple[str, ...] = ()
    wrong_offsets: int = 0
    error: str = ""
    grades: tuple[Grade, ...] = ()

    @property
    def id(self) -> str:
        return str(self.sample["id"])

    @property
    def type(self) -> str:
        return str(self.sample["type"])

    @property
    def answerable(self) -> bool:
        return bool(self.sample["quotes"] or self.sample["sources"])

    @property
    def answered(self) -> bool:
        return bool(self.answer and self.answer["answered"])

    @property
    def confidence(self) -> float:
        return float(self.answer["confidence"]) if self.answer else 0.0


@dataclass(frozen=True, slots=True)
class Record:
    """A run: `about` says with what it was made (versions, revision, machine, settings), `outcomes` what came of it."""

    about: dict[str, Any]
    outcomes: tuple[Outcome, ...]

    def of(self, *types: str) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.type in types]

    def only(self, ids: AbstractSet[str]) -> Record:
        return Record(self.about, tuple(outcome for outcome in self.outcomes if outcome.id in ids))

    def graded(self) -> tuple[list[float], list[bool]]:
        """The confidence of every question that could be scored, and whether it was answered right; declined is not."""
        scored = [outcome for outcome in self.outcomes if outcome.answer and outcome.right is not None]
        return [o.confidence for o in scored], [bool(o.answered and o.right) for o in scored]

    def to_dict(self) -> dict[str, Any]:
        return {"format": FORMAT, "about": self.about, "outcomes": [asdict(outcome) for outcome in self.outcomes]}

    def slim(self) -> Record:
        """Enough to compare with, fit for a repository: no text of passages, and of paths only the file's name."""
        outcomes = []
        for outcome in self.outcomes:
            answer = outcome.answer
            if answer:
                hits = [{name: hit[name] for name in ("title", "start", "end", "score")} for hit in answer["hits"]]
                cited = _named(answer["citations"])
                conflicts = [_named(conflict) for conflict in answer.get("conflicts", ())]
                said = [{"text": sentence["text"], "verdict": sentence["verdict"]} for sentence in answer["sentences"]]
                answer = answer | {"hits": hits, "citations": cited, "conflicts": conflicts, "sentences": said}
            outcomes.append(replace(outcome, answer=answer))
        return Record(self.about, tuple(outcomes))

    def save(self, path: Path) -> None:
        """One outcome a line, so that a version control shows which changed. Raises RecordError."""
        values = self.to_dict()
        rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in values["outcomes"])
        about = json.dumps(values["about"], ensure_ascii=False)
        text = f'{{"format": {FORMAT}, "about": {about}, "outcomes": [\n{rows}\n]}}\n'
        write_file(path, text)

    @classmethod
    def load(cls, path: Path) -> Record:
        """Raises RecordError if there is no record at `path` or it was made by another format."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values["format"] != FORMAT:
                raise ValueError(f"format {values['format']}, not {FORMAT}")
            return cls(values["about"], tuple(map(_outcome, values["outcomes"])))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecordError(
                f"Cannot read the record {path} ({error}). Make one with: pincite eval --record FILE"
            ) from error


def keep_latest(record: Record) -> None:
    """For the window, which shows the run that was made last. Raises RecordError."""
    path = latest_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    record.save(path)


def latest() -> Record:
    """The run that was made last on this machine, else the one that ships. Raises RecordError."""
    path = latest_path()
    return Record.load(path if path.exists() else SHIPPED)


def latest_path() -> Path:
    return default_path().parent / "evaluation.json"


def _outcome(row: dict[str, Any]) -> Outcome:
    grades = tuple(Grade(**grade) for grade in row["grades"])
    return Outcome(**row | {"stale": tuple(row["stale"]), "grades": grades})


def write_file(path: Path, text: str) -> None:
    """Raises RecordError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RecordError(f"Cannot write {path}: {error.strerror}. Choose another file.") from error


def _named(citations: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**citation, "path": Path(citation["path"]).name} for citation in citations]
