"""`Writing`: what a language model writes, each sentence checked against the passages that it was given."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from index.embedder import Matrix
from index.lexical import content_words
from rag.answer import Unsupported
from rag.checking import Checker, sentence_of, unsure
from rag.citations import Citations, Sentence, Verdict
from rag.errors import ModelCut, ModelError
from rag.generate import Prompt
from rag.markers import Draft, Written
from rag.prompts import REFUSAL
from rag.reader import Reader
from rag.reply import Anew, Event
from rag.stream import Deadlines, Stop, Turn, written

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

_MOST_REPEATED = 3  # a model that has said so many sentences again is going round in circles
_SAME_AS_QUESTION = 0.9


class Writing:
    """What a model writes for one answer: of its last try the `sentences`, and one line on why if it was `cut` off.

    `prompt` is all that it was told; `begun`: something of it was shown.
    """

    def __init__(
        self,
        reader: Reader,
        embed: Callable[[Sequence[str]], Matrix],
        unsupported: Unsupported,
        deadlines: Deadlines,
        stop: Stop,
    ) -> None:
        self.sentences: list[Sentence] = []
        self.numbering = Citations()
        self.prompt: tuple[Turn, ...] = ()
        self.cut = ""
        self.begun = False
        self._reader = reader
        self._embed = embed
        self._unsupported = unsupported
        self._deadlines = deadlines
        self._stop = stop

    @property
    def stands(self) -> bool:
        """Whether anything of it is supported."""
        return _share_supported(self.sentences) > 0

    def write(self, model: LLM, prompt: Prompt) -> Iterator[Event]:
        """As it comes. With `AGAIN` the model writes once more if not all is supported; the better try is kept."""
        text = yield from self._try(model, prompt)
        wrong = [sentence.text for sentence in self.sentences if sentence.verdict is not Verdict.SUPPORTED]
        if wrong and not self.cut and self._unsupported is Unsupported.AGAIN:
            first = self.sentences
            yield Anew()
            yield from self._try(model, prompt.again(text, wrong))
            if _share_supported(first) > _share_supported(self.sentences):
                yield Anew()
                yield from first
                self.sentences = first

    def _try(self, model: LLM, prompt: Prompt) -> Generator[Event, None, str]:
        """Gives the text as the model wrote it. Of a try before only the citations' numbers stay."""
        self.prompt, self.sentences, self.cut = prompt.turns, [], ""
        self._said: set[str] = set()
        self._repeated = 0
        draft = Draft()
        with written(model, prompt.turns, self._deadlines, self._stop) as pieces:
            checker = Checker(prompt.passages, self._reader, self._embed)  # while the model begins
            try:
                for piece in pieces:
                    yield from self._checked(draft.add(piece), prompt.question, checker)
                    if self._repeated >= _MOST_REPEATED:
                        break
                else:
                    if not draft.text.strip():
                        cure = "Ask again, or set OPENAI_MODEL to another model."
                        raise ModelError(f"{model.metadata.model_name} wrote nothing. {cure}")
                    yield from self._checked(draft.end(), prompt.question, checker)
            except ModelCut as cut:
                self.cut = str(cut)
                ends = draft.end()
                yield from self._checked(ends[:-1], prompt.question, checker)
                if ends and self._unsupported is not Unsupported.STRICT:
                    self.sentences.append(Sentence(f"{ends[-1].text} …", (), Verdict.NOT_CHECKED, 0.0))
                    yield self.sentences[-1]
        return draft.text

    def _checked(self, items: Iterable[str | Written], question: str, checker: Checker) -> Iterator[str | Sentence]:
        strict = self._unsupported is Unsupported.STRICT
        for item in items:
            if isinstance(item, str):
                if not strict:
                    self.begun = True
                    yield item
            elif item.text in self._said:
                self._repeated += 1
            elif item.text != REFUSAL and not _repeats(item.text, question):
                self._said.add(item.text)
                named = [checker.passages[n - 1] for n in item.markers if 1 <= n <= len(checker.passages)]
                found = checker.check(item.text, named)
                found = unsure(found) if found else None
                if found and (found.verdict is Verdict.SUPPORTED or not strict):
                    moved = bool(named) and found.passage not in named
                    self.begun = True
                    self.sentences.append(sentence_of(item.text, found, self.numbering, moved=moved))
                    yield self.sentences[-1]


def _share_supported(sentences: Sequence[Sentence]) -> float:
    return sum(sentence.verdict is Verdict.SUPPORTED for sentence in sentences) / max(1, len(sentences))


def _repeats(text: str, question: str) -> bool:
    """Whether a sentence only says the question again."""
    one, other = (" ".join(content_words(part.removeprefix("Question:"))) for part in (text, question))
    return SequenceMatcher(None, one, other).ratio() >= _SAME_AS_QUESTION
