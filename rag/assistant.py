"""A question in, a cited and checked answer out. There is one way through: `ask` is `stream` consumed."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from index import Hit, Library, Part, Passage, open_library
from rag.citations import Citation, Citations, Sentence, Verdict, check
from rag.confidence import THRESHOLD, confidence
from rag.errors import QuestionError, SettingError
from rag.excerpts import Excerpt, excerpts
from rag.extract import Evidence, asks_for_all, choose, find_evidence
from rag.followup import Message, leans_on_history, standalone
from rag.generate import complete_sentences, condense, language_model, write
from rag.prompts import REFUSAL
from rag.reader import Reader, local_reader
from rag.retrieve import CANDIDATES, Retriever

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

LONGEST_QUESTION = 4000
EXTRACTIVE = "extractive"
_HITS = 8
_READ_IF_ALL = 40  # so many passages are read for a question about the whole: about a second


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a question.

    `answered` is false where the library does not cover it: then `text` says so and there are no sentences;
    `hits`, best first, are the nearest passages in any case. `text` is the sentences with their citations' numbers.
    `short` is the words in them that answer the question by themselves, "" where none do or a model wrote.
    `read` passages were read for it, of the `of` that were searched. `confidence` in 0..1 orders questions that the
    library answers above those that it does not. `model` wrote the sentences, or is "extractive": then they are the
    sources' own words. `timings` are seconds by stage, and "total".
    """

    question: str
    answered: bool
    text: str
    sentences: tuple[Sentence, ...]
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    read: int
    of: int
    confidence: float
    model: str
    timings: dict[str, float]

    @property
    def short(self) -> str:
        return next((sentence.short for sentence in self.sentences if sentence.short), "")

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON holds it; of a hit, the passage's place and text instead of the whole document."""
        values = {name: getattr(self, name) for name in ("question", "answered", "text", "short")}
        return values | {
            "sentences": [asdict(sentence) for sentence in self.sentences],
            "citations": [asdict(citation) for citation in self.citations],
            "hits": [_hit_to_dict(hit) for hit in self.hits],
            "read": self.read,
            "of": self.of,
            "confidence": self.confidence,
            "model": self.model,
            "timings": dict(self.timings),
        }


Steps = Generator["str | Sentence", None, Answer]


class Reply:
    """An answer on its way, to be iterated once.

    Yields `Sentence`s, each complete and checked. Where a model writes, its text comes before as `str` pieces, not
    yet checked; a `Sentence` stands for all pieces since the one before. `answer` is the finished whole and what
    counts: where the library supports nothing of what the model wrote, the sources' own words stand in its place.
    """

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._answer: Answer | None = None

    def __iter__(self) -> Reply:
        return self

    def __next__(self) -> str | Sentence:
        try:
            return next(self._steps)
        except StopIteration as end:
            self._answer = self._answer or end.value
            raise

    @property
    def answer(self) -> Answer:
        """The finished answer; reads the rest of the reply first."""
        if self._answer is None:
            for _ in self:
                pass
        assert self._answer is not None, "the reply was closed before its end"
        return self._answer

    def close(self) -> None:
        """Stop the reply where it stands."""
        self._steps.close()


class Assistant:
    """Answers questions from a library; safe to share between threads. Close it, or use it as a context manager.

    A question of which the confidence is below `threshold` is declined: a lower one answers more, and more wrongly.
    """

    def __init__(
        self,
        library: Library,
        reader: Reader,
        model: LLM | None = None,
        *,
        threshold: float = THRESHOLD,
        owns_library: bool = False,
    ) -> None:
        self.library = library
        self.threshold = threshold
        self._owns_library = owns_library
        self._reader = reader
        self._model = model

    @classmethod
    def open(cls, library: Path | str | Library | None = None, environ: Mapping[str, str] = os.environ) -> Assistant:
        """The one place where the parts are put together: library, reader, and what `environ` sets.

        Closing the assistant closes the library if it was opened here. Raises SettingError for PINCITE_THRESHOLD.
        """
        threshold = _threshold(environ)
        opened = library if isinstance(library, Library) else open_library(library, environ)
        return cls(
            opened, local_reader(), language_model(environ), threshold=threshold, owns_library=opened is not library
        )

    def __enter__(self) -> Assistant:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._owns_library:
            self.library.close()

    @property
    def model(self) -> str:
        """What writes the answers: the language model's name, or "extractive"."""
        return self._model.metadata.model_name if self._model else EXTRACTIVE

    def ask(self, question: str, history: Sequence[Message] = (), *, within: Part | None = None) -> Answer:
        """Raises QuestionError for an empty or overlong question, ModelError if the language model fails.

        `within`: the part of the library to ask, from `Library.within`.
        """
        return self.stream(question, history, within=within).answer

    def stream(self, question: str, history: Sequence[Message] = (), *, within: Part | None = None) -> Reply:
        """Raises QuestionError at once; ModelError may come while the reply is read."""
        return Reply(self._steps(_readable(question), tuple(history), within or self.library))

    def search(self, question: str, history: Sequence[Message] = (), *, within: Part | None = None) -> list[Excerpt]:
        """What the library has on a question, best first, whether or not it answers it. Raises QuestionError."""
        library = within or self.library
        searched = self._searched(_readable(question), history, library)
        return excerpts(searched, Retriever(library, self._reader).search(searched, CANDIDATES), library)

    def _steps(self, question: str, history: tuple[Message, ...], library: Library | Part) -> Steps:
        clock = _Clock()
        with clock("retrieve"):
            searched = self._searched(question, history, library)
            retriever = Retriever(library, self._reader)
            found = retriever.search(searched, _READ_IF_ALL if asks_for_all(searched) else None)
            hits = retriever.rank(searched, found, _HITS) if self._model else [item.hit for item in found[:_HITS]]
        with clock("read"):
            evidence = find_evidence(searched, found, library)
            sure = confidence(searched, evidence, found, library)
        sentences: list[Sentence] = []
        writer = EXTRACTIVE
        with clock("answer"):
            if self._model is not None and hits:
                sentences = yield from self._written(question, hits, history)
                writer = self.model
            if not any(sentence.verdict is Verdict.SUPPORTED for sentence in sentences):
                chosen = choose(searched, evidence) if sure >= self.threshold else []
                sentences, writer = _quoted(chosen, sure), EXTRACTIVE
                yield from sentences
        citations = {citation.number: citation for sentence in sentences for citation in sentence.citations}
        return Answer(
            question=question,
            answered=bool(sentences),
            text=" ".join(sentence.marked for sentence in sentences) or REFUSAL,
            sentences=tuple(sentences),
            citations=tuple(citations[number] for number in sorted(citations)),
            hits=tuple(hits),
            read=len(found),
            of=library.passage_count,
            confidence=sure,
            model=writer,
            timings=clock.seconds | {"total": clock.total},
        )

    def _searched(self, question: str, history: Sequence[Message], library: Library | Part) -> str:
        """What is searched for: of a follow-up, of our wording and the model's the one that fits the library better."""
        searched = standalone(question, history, library.closeness)
        if self._model is None or not history or not leans_on_history(question):
            return searched
        written = condense(self._model, question, history)
        return max(searched, written, key=library.closeness) if written else searched

    def _written(
        self, question: str, hits: Sequence[Hit], history: Sequence[Message]
    ) -> Generator[str | Sentence, None, list[Sentence]]:
        """What the model writes, each sentence checked against the passages that it names."""
        assert self._model is not None
        passages = [hit.passage for hit in hits]
        numbering = Citations()
        sentences: list[Sentence] = []
        rest = ""
        pieces = write(self._model, question, hits, history)
        for piece in chain(pieces, [None]):
            if piece:
                yield piece
            finished, rest = complete_sentences(rest + (piece or ""), final=piece is None)
            for text, markers in finished:
                if text != REFUSAL:
                    sentences.append(self._checked(text, markers, passages, numbering))
                    yield sentences[-1]
            if finished and rest:
                yield rest
        return sentences

    def _checked(self, text: str, markers: list[int], passages: list[Passage], numbering: Citations) -> Sentence:
        """A marker that names no passage, or one that does not support the sentence, is dropped."""
        named = [passages[marker - 1] for marker in markers if 1 <= marker <= len(passages)]
        checked = check(text, named, self._reader)
        citations = [
            numbering.cite(found.passage, found.span, found.verdict, found.score)
            for found in checked
            if found.verdict is Verdict.SUPPORTED
        ]
        return Sentence(text, tuple(citations), checked[0].verdict if checked else Verdict.NOT_FOUND)


def _quoted(chosen: Sequence[Evidence], sure: float) -> list[Sentence]:
    """The answer in the sources' own words."""
    numbering = Citations()
    surest = max((item for item in chosen if item.short), key=_span_score, default=None)
    sentences = []
    for item in chosen:
        citation = numbering.cite(item.passage, item.span, Verdict.SUPPORTED, sure)
        short = item.passage.document.text[slice(*item.short)] if item is surest and item.short else ""
        sentences.append(Sentence(citation.quote, (citation,), Verdict.SUPPORTED, short))
    return sentences


def _span_score(item: Evidence) -> float:
    return item.found.reading.answerable + item.found.reading.span_score


def _readable(question: str) -> str:
    # Lone surrogates, as a terminal passes undecodable bytes, are no text that a model reads.
    question = question.encode("utf-8", "replace").decode().strip()
    if not question:
        raise QuestionError('The question is empty. Ask one, for example "What is this article about?"')
    if len(question) > LONGEST_QUESTION:
        raise QuestionError(
            f"The question has {len(question):,} characters, {LONGEST_QUESTION:,} are the most. "
            "Ask a shorter one; a long text belongs into the library."
        )
    return question


def _threshold(environ: Mapping[str, str]) -> float:
    text = environ.get("PINCITE_THRESHOLD") or str(THRESHOLD)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise SettingError(f"PINCITE_THRESHOLD is {text!r}. Set it to a number from 0 (answer all) to 1, or unset it.")
    return value


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 4)

    @property
    def total(self) -> float:
        return round(time.perf_counter() - self._start, 4)


def _hit_to_dict(hit: Hit) -> dict[str, Any]:
    passage = hit.passage
    return {
        "document": passage.document.id,
        "title": passage.document.title,
        "path": passage.document.path,
        "start": passage.start,
        "end": passage.end,
        "page": passage.page,
        "heading": passage.heading,
        "text": passage.text,
        "score": hit.score,
        "fused": hit.fused,
        "dense": hit.dense,
        "lexical": hit.lexical,
    }
