"""Ask every sample and score what comes back. The same `Assistant.ask` as everywhere else is asked.

A run is a `Record`: everything that was asked, answered and scored, as one JSON file that can be read again.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evals.metrics import contains_answer, is_cited, overlap, quote_precision, quote_recall
from evals.samples import EVERY_QUOTE, Sample, Suite
from index import Library, PinciteError, Progress
from rag import Answer, Assistant
from rag.extract import PASSAGES_READ

FORMAT = 1
_DEPENDENCIES = ("chromadb", "llama-index-core", "numpy", "onnxruntime", "tokenizers")


class RecordError(PinciteError):
    """A record could not be read, or what is made of one not be written."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One sample, its answer as `Answer.to_dict` gives it, and the scores; a score is None where it does not apply.

    `right`: answered with all gold quotes that are wanted, or declined where the library has no answer; None if it
    could not be scored. `cause` says why it is not right. `stale` holds the gold quotes that stand nowhere in the
    library: they are reported, not counted. `wrong_offsets` counts citations whose `text[start:end]` is not the quote.
    `error` is what asking it raised; such an outcome is counted and shown, and never right.
    """

    sample: dict[str, Any]
    answer: dict[str, Any] | None
    right: bool | None
    cause: str
    recall: float | None
    precision: float | None
    answer_given: bool | None
    said_forbidden: bool | None
    stale: tuple[str, ...]
    wrong_offsets: int
    error: str

    @property
    def id(self) -> str:
        return str(self.sample["id"])

    @property
    def type(self) -> str:
        return str(self.sample["type"])

    @property
    def answerable(self) -> bool:
        return bool(self.sample["quotes"])

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
                cited = [{**citation, "path": Path(citation["path"]).name} for citation in answer["citations"]]
                said = [{"text": sentence["text"], "verdict": sentence["verdict"]} for sentence in answer["sentences"]]
                answer = answer | {"hits": hits, "citations": cited, "sentences": said}
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
            rows = [Outcome(**row | {"stale": tuple(row["stale"])}) for row in values["outcomes"]]
            return cls(values["about"], tuple(rows))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecordError(
                f"Cannot read the record {path} ({error}). Make one with: pincite eval --record FILE"
            ) from error


def write_file(path: Path, text: str) -> None:
    """Raises RecordError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RecordError(f"Cannot write {path}: {error.strerror}. Choose another file.") from error


def run(suite: Suite, *, library: Path | Library | None = None, progress: Progress | None = None) -> Record:
    """Ask every sample of a library; with none, of the shipped article in a library made for this run.

    In such a library a sample that names documents finds these and no others.
    """
    start = time.perf_counter()
    outcomes: dict[str, Outcome] = {}
    about: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="pincite-eval-") as folder:
        for number, (documents, samples) in enumerate(_by_documents(suite, library is None).items()):
            asked = library if library is not None else _made(Path(folder) / str(number), documents)
            with Assistant.open(asked) as assistant:
                texts = {row.id: assistant.library.document(row.id).text for row in assistant.library.documents()}
                about = about or _about(assistant, texts)
                for sample in samples:
                    if progress:
                        progress(sample.id, len(outcomes), len(suite.samples))
                    outcomes[sample.id] = _asked(assistant, sample, texts)
    about["suite"] = suite.path.name
    about["seconds"] = round(time.perf_counter() - start, 1)
    return Record(about, tuple(outcomes[sample.id] for sample in suite.samples))


def _by_documents(suite: Suite, apart: bool) -> dict[tuple[Path, ...], list[Sample]]:
    groups: dict[tuple[Path, ...], list[Sample]] = {}
    for sample in suite.samples:
        groups.setdefault(suite.documents(sample) if apart else (), []).append(sample)
    return groups


def _made(path: Path, documents: tuple[Path, ...]) -> Path:
    with Library(path, create=True) as library:
        for document in documents:
            library.add(document)
    return path


def _asked(assistant: Assistant, sample: Sample, texts: Mapping[str, str]) -> Outcome:
    try:
        answer = assistant.ask(sample.question, sample.history)
    except PinciteError as error:
        return failed(sample, str(error))
    return score(sample, answer, texts)


def score(sample: Sample, answer: Answer, texts: Mapping[str, str]) -> Outcome:
    """Score one answer; `texts` are the library's documents by id. Gold quotes are looked up in them."""
    line = _Line(texts)
    gold = [span for quote in sample.quotes if (span := line.find(quote))]
    cited = [line.span(citation.document, citation.start, citation.end) for citation in answer.citations]
    wrong_offsets = sum(texts.get(c.document, "")[c.start : c.end] != c.quote for c in answer.citations)
    recall = quote_recall(gold, cited, every=sample.type in EVERY_QUOTE)
    given = contains_answer(answer.text, sample.answers) if answer.answered else (False if sample.answers else None)
    right = (None if recall is None else recall == 1.0) if sample.answerable else not answer.answered
    said_forbidden = (contains_answer(answer.text, sample.must_not_say) or False) if sample.must_not_say else None
    if wrong_offsets or said_forbidden:
        right = False
    read = [line.span(h.passage.document.id, h.passage.start, h.passage.end) for h in answer.hits[:PASSAGES_READ]]
    missing = [span for span in gold if not is_cited(span, cited)]
    return Outcome(
        sample=_plain(asdict(sample)),
        answer=_plain(answer.to_dict()),
        right=right,
        cause="" if right else _cause(sample, answer, missing, read, line, wrong_offsets, bool(said_forbidden)),
        recall=recall,
        precision=quote_precision(gold, cited),
        answer_given=given,
        said_forbidden=said_forbidden,
        stale=tuple(quote for quote in sample.quotes if not line.find(quote)),
        wrong_offsets=wrong_offsets,
        error="",
    )


def failed(sample: Sample, error: str) -> Outcome:
    """The outcome of a sample that could not be asked: an error, neither right nor scored."""
    return Outcome(_plain(asdict(sample)), None, False, f"error: {error}", None, None, None, None, (), 0, error)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives it back, so that a record read again equals the one that was made."""
    plain: dict[str, Any] = json.loads(json.dumps(values))
    return plain


def _cause(
    sample: Sample,
    answer: Answer,
    missing: Sequence[tuple[int, int]],
    read: Sequence[tuple[int, int]],
    line: _Line,
    wrong_offsets: int,
    said_forbidden: bool,
) -> str:
    """Why an outcome is not right, by the first stage that went wrong."""
    if not sample.answerable:
        return "answered what it should refuse"
    if not missing and not wrong_offsets and not said_forbidden:
        return "not in the library: every gold quote has left it"
    written = " ".join(sentence.text for sentence in answer.sentences)
    if wrong_offsets or any(line.text(span) in written for span in missing):
        return "cited wrongly"
    if missing and not any(2 * overlap(span, passage) >= span[1] - span[0] for span in missing for passage in read):
        return "in the library, not retrieved"
    if not answer.answered:
        return "refused wrongly"
    if said_forbidden:
        return "said what it must not"
    if contains_answer(written, sample.answers):
        return "used, not cited"
    return "retrieved, not used"


class _Line:
    """Documents one after the other on one line of numbers, so that spans of different documents never overlap."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._bases: dict[str, int] = {}
        self._length = 0
        for name, text in texts.items():
            self._bases[name] = self._length
            self._length += len(text) + 1

    def span(self, document: str, start: int, end: int) -> tuple[int, int]:
        base = self._bases.get(document, self._length)
        return base + start, base + end

    def find(self, quote: str) -> tuple[int, int] | None:
        for name, text in self._texts.items():
            start = text.find(quote)
            if start >= 0:
                return self.span(name, start, start + len(quote))
        return None

    def text(self, span: tuple[int, int]) -> str:
        for name, base in self._bases.items():
            if base <= span[0] and span[1] <= base + len(self._texts[name]):
                return self._texts[name][span[0] - base : span[1] - base]
        return ""


def _about(assistant: Assistant, texts: Mapping[str, str]) -> dict[str, Any]:
    return {
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "model": assistant.model,
        "threshold": assistant.threshold,
        "documents": len(texts),
        "passages": assistant.library.passage_count,
        "pincite": version("pincite"),
        "revision": _revision(),
        "python": platform.python_version(),
        "dependencies": {name: version(name) for name in _DEPENDENCIES},
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def _revision() -> str:
    """The checkout's git revision, with a plus if files differ from it; empty outside of one."""
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.strip()
