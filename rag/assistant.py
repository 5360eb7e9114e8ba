"""A question in, a cited and checked answer out. There is one way through: `ask` is `stream` consumed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from index import Library, Part, open_library
from rag.answer import Answer, Unsupported
from rag.citations import Citations, Sentence
from rag.confidence import THRESHOLD, confidence, missing
from rag.disagreement import conflicting
from rag.drafts import check_against_library
from rag.errors import QuestionError, SettingError
from rag.excerpts import Excerpt, excerpts
from rag.extract import asks_for_all, choose, find_evidence, quoted
from rag.followup import Message, leans_on_history, standalone
from rag.generate import condense, prompt
from rag.prompts import REFUSAL
from rag.reader import Reader, local_reader
from rag.reply import Anew, Reply, Steps
from rag.retrieve import CANDIDATES, Retriever
from rag.stream import Deadlines, Stop
from rag.writing import Writing

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

    from rag.models import ChatModel

LONGEST_QUESTION = 4000
EXTRACTIVE = "extractive"
_HITS = 8  # at most so many passages are given to a model
_READ_IF_ALL = 40  # so many passages are read for a question about the whole: about a second


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
        unsupported: Unsupported = Unsupported.MARK,
        deadlines: Deadlines = Deadlines(),  # noqa: B008
        close: Sequence[Callable[[], None]] = (),
    ) -> None:
        self.library = library
        self.threshold = threshold
        self.unsupported = unsupported
        self._deadlines = deadlines
        self._close = close
        self.reader = reader
        self._model = model

    @classmethod
    def open(cls, library: Path | str | Library | None = None, environ: Mapping[str, str] = os.environ) -> Assistant:
        """The one place where the parts are put together: library, reader, and what `environ` sets.

        Closing the assistant closes the library if it was opened here. Raises SettingError.
        """
        threshold, unsupported, model = _threshold(environ), _unsupported(environ), _model(environ)
        opened = library if isinstance(library, Library) else open_library(library, environ)
        return cls(
            opened,
            local_reader(),
            model,
            threshold=threshold,
            unsupported=unsupported,
            close=[part.close for part in (model, opened) if part is not None and part is not library],
        )

    def __enter__(self) -> Assistant:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        for close in self._close:
            close()

    @property
    def model(self) -> str:
        """What writes the answers: the language model's name, or "extractive"."""
        return self._model.metadata.model_name if self._model else EXTRACTIVE

    def quoting(self) -> Assistant:
        """The same library and reader, asked for the sources' own words alone. It is closed with this one."""
        return Assistant(self.library, self.reader, threshold=self.threshold)

    def writing(self, unsupported: Unsupported) -> Assistant:
        """The same parts, with this done about unsupported sentences. It is closed with this one."""
        parts = (self.library, self.reader, self._model)
        return Assistant(*parts, threshold=self.threshold, unsupported=unsupported, deadlines=self._deadlines)

    def ask(self, question: str, history: Sequence[Message] = (), *, within: Part | None = None) -> Answer:
        """The answer to `question`, which may be a follow-up of `history`.

        `within`: the part of the library to ask, from `Library.within`. Raises QuestionError for an empty or overlong
        question, ModelError if the language model fails.
        """
        return self.stream(question, history, within=within).answer

    def stream(self, question: str, history: Sequence[Message] = (), *, within: Part | None = None) -> Reply:
        """As `ask`, but as it comes. Raises QuestionError at once; ModelError may come while the reply is read."""
        asked = _readable(question)
        return Reply(lambda stop: self._steps(asked, tuple(history), within or self.library, stop))

    def check(self, text: str, *, within: Part | None = None) -> Iterator[Sentence]:
        """Each sentence of any text with its verdict and what that rests on, as it is checked; no model is asked.

        Raises QuestionError for a text that is empty or too long.
        """
        return check_against_library(text, within or self.library, self.reader)

    def search(self, question: str, history: Sequence[Message] = (), *, within: Part | None = None) -> list[Excerpt]:
        """What the library has on a question, best first, whether or not it answers it. Raises QuestionError."""
        library = within or self.library
        searched = self._searched(_readable(question), history, library)
        return excerpts(searched, Retriever(library, self.reader).search(searched, CANDIDATES), library)

    def _steps(self, question: str, history: tuple[Message, ...], library: Library | Part, stop: Stop) -> Steps:
        clock = _Clock()
        with clock("retrieve"):
            searched = self._searched(question, history, library, stop)
            retriever = Retriever(library, self.reader)
            found = retriever.search(searched, _READ_IF_ALL if asks_for_all(searched) else None)
            hits = retriever.rank(searched, found, _HITS) if self._model else [item.hit for item in found[:_HITS]]
        writing = Writing(self.reader, library.embed_passages, self.unsupported, self._deadlines, stop)
        with clock("write"):
            if self._model is not None and hits:
                yield from writing.write(self._model, prompt(self._model, question, hits, history))
        with clock("read"):
            evidence = find_evidence(searched, found, library)
            sure = confidence(searched, evidence, found, library)
            rivals = conflicting(evidence, self.reader) if sure >= self.threshold else []
        in_models_words = writing.stands or bool(writing.cut)
        numbering = writing.numbering if in_models_words else Citations()
        quotes: list[Sentence] = []
        if sure >= self.threshold and (writing.cut or not writing.stands):
            chosen = choose(searched, evidence)
            quotes = quoted([*chosen, *(item for item in rivals if item not in chosen)], sure, numbering)
        conflicts = [(evidence[0].cited(sure, numbering), item.cited(sure, numbering)) for item in rivals]
        if not in_models_words:
            if writing.begun:
                yield Anew()
            yield from quotes
        sentences = writing.sentences if in_models_words else quotes
        answered = writing.stands or bool(quotes)
        cited = [citation for sentence in [*sentences, *quotes] for citation in sentence.citations]
        cited += [citation for pair in conflicts for citation in pair]
        numbered = {citation.number: citation for citation in cited}
        return Answer(
            question=question,
            searched=searched,
            answered=answered,
            text=" ".join(sentence.marked for sentence in sentences) or REFUSAL,
            sentences=tuple(sentences),
            citations=tuple(numbered[number] for number in sorted(numbered)),
            hits=tuple(hits),
            read=len(found),
            of=library.passage_count,
            confidence=sure,
            model=self.model if in_models_words else EXTRACTIVE,
            timings=clock.seconds | {"total": clock.total},
            prompt=writing.prompt,
            unsupported=self.unsupported,
            cut=writing.cut,
            offered=tuple(quotes) if writing.cut else (),
            conflicts=tuple(conflicts),
            missing=() if answered else missing(searched, [hit.passage for hit in hits]),
        )

    def _searched(
        self, question: str, history: Sequence[Message], library: Library | Part, stop: Stop | None = None
    ) -> str:
        """What is searched for: of a follow-up, of our wording and the model's the one that fits the library better."""
        searched = standalone(question, history, library.closeness)
        if self._model is None or not history or not leans_on_history(question):
            return searched
        reworded = condense(self._model, question, history, self._deadlines, stop)
        return max(searched, reworded, key=library.closeness) if reworded else searched


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


def _unsupported(environ: Mapping[str, str]) -> Unsupported:
    text = environ.get("PINCITE_UNSUPPORTED") or Unsupported.MARK.value
    try:
        return Unsupported(text)
    except ValueError:
        known = ", ".join(mode.value for mode in Unsupported)
        raise SettingError(f"PINCITE_UNSUPPORTED is {text!r}. Set it to one of: {known}; or unset it.") from None


def _model(environ: Mapping[str, str]) -> ChatModel | None:
    """What is set decides whether LlamaIndex and openai are imported: it takes longer than answering a question."""
    if not any(environ.get(name) for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "PINCITE_GGUF")):
        return None
    from rag.models import language_model

    return language_model(environ)


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
