"""Reference questions and answers, a JSON object a line; a person can write them by hand."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evals.statistics import drawn
from index import PinciteError
from index.opening import SHIPPED_ARTICLES
from rag import Message

SHIPPED_SUITE = Path(__file__).parent / "data" / "russia-dprk.jsonl"
SHIPPED_SETS = Path(__file__).parent / "data" / "public"

# Of these every gold quote is wanted; of the others any one is enough.
EVERY_QUOTE = frozenset({"counting", "disagreement", "list", "several"})


_LISTS = ("answers", "quotes", "sources", "must_not_say", "documents")


class SampleError(PinciteError):
    """A suite could not be read."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A question with what a right answer cites.

    `quotes` are verbatim from the library's documents, so that cutting passages anew voids nothing; `sources` are
    files, by name, that answer somewhere, where no quote is known. Neither: the library does not answer the question.
    `answers` are accepted short answers, in any of their forms; `must_not_say` what a right answer does not hold.
    `documents` are the files, by name, that the library must hold. `reviewed` is false for a proposal that no person
    has accepted yet: it is not asked. `note` says where it is from.
    """

    id: str
    type: str
    question: str
    answers: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    history: tuple[Message, ...] = ()
    must_not_say: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    reviewed: bool = True
    note: str = ""

    @property
    def answerable(self) -> bool:
        return bool(self.quotes or self.sources)

    def to_line(self) -> str:
        """The sample as a line of a suite, without what is empty."""
        row = {name: value for name, value in asdict(self).items() if value not in ((), "", True)}
        return json.dumps(row, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Suite:
    """The samples of a file, and where the documents that they name lie: beside it, or with the shipped article.

    A suite that is a folder has its documents in `corpus`, a JSONL file with doc_id, title and text.
    """

    path: Path
    samples: tuple[Sample, ...]
    corpus: Path | None = None

    def documents(self, sample: Sample) -> tuple[Path, ...]:
        """What a library made for `sample` holds; the shipped articles if it names none. Raises SampleError."""
        if self.corpus:
            return (self.corpus,)
        if not sample.documents:
            return (SHIPPED_ARTICLES,)
        return tuple(self._document(sample, name) for name in sample.documents)

    def _document(self, sample: Sample, name: str) -> Path:
        for folder in (self.path.parent, SHIPPED_ARTICLES):
            if (folder / name).is_file():
                return folder / name
        raise SampleError(f"{self.path}: {sample.id} names {name}, which is not there. Put it beside the suite.")

    def of(self, samples: Iterable[Sample]) -> Suite:
        return replace(self, samples=tuple(samples))

    def drawn(self, count: int) -> Suite:
        """`count` of the samples, drawn at random, the same ones each time; all if there are no more."""
        return self.of(drawn(self.samples, count))


def read_suite(path: Path) -> Suite:
    """A JSONL file, or a folder with questions.jsonl and corpus.jsonl.

    Raises SampleError, naming the line, if the file is missing, malformed or empty, or if an id comes twice.
    """
    if path.is_dir():
        from evals.corpus import read_folder

        return read_folder(path)
    samples = [_sample(line, place) for place, line in lines(path)]
    if not samples:
        raise SampleError(f"No samples in {path}. Write one JSON object a line, with question, type and quotes.")
    ids = Counter(sample.id for sample in samples)
    if doubled := sorted(name for name, times in ids.items() if times > 1):
        raise SampleError(f"Ids that come twice in {path}: {', '.join(doubled)}. Make them different.")
    return Suite(path, tuple(samples))


def lines(path: Path) -> list[tuple[str, str]]:
    """The lines of a JSONL file, each with its place for an error. Raises SampleError if it cannot be read."""
    return [(f"{path}:{number}", line) for number, line in enumerate(text(path).split("\n"), 1) if line.strip()]


def text(path: Path, newline: str | None = None) -> str:
    """What a suite's file holds, with its line ends as they are if `newline` is "". Raises SampleError."""
    try:
        with path.open(encoding="utf-8", newline=newline) as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise SampleError(f"Cannot read the suite {path}: {reason}. Give a JSONL file.") from error


def _sample(line: str, place: str) -> Sample:
    try:
        row: dict[str, Any] = json.loads(line)
        sample = Sample(
            id=str(row["id"]),
            type=row["type"],
            question=row["question"],
            history=tuple(Message(turn["role"], turn["text"]) for turn in row.get("history", ())),
            reviewed=bool(row.get("reviewed", True)),
            note=str(row.get("note", "")),
            **{name: _texts(row.get(name, ())) for name in _LISTS},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SampleError(
            f"{place} is not a sample ({type(error).__name__}: {error}). "
            'Write it like {"id": "1", "type": "fact", "question": "...", "answers": ["..."], "quotes": ["..."]}'
        ) from error
    if not sample.question.strip():
        raise SampleError(f"{place}: the question is empty. Write one.")
    return sample


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    if isinstance(values, str) or not all(isinstance(value, str) and value for value in values):
        raise TypeError("answers and quotes are lists of texts")
    return tuple(values)
