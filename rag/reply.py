"""`Reply`: an answer on its way; and those of its sentences that are sure to stay."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress

from rag.answer import Answer, Unsupported
from rag.citations import Sentence, Verdict
from rag.stream import Stop, Stopped


class Anew:
    """Of a reply: what came before it is withdrawn, other sentences take its place."""


Event = str | Sentence | Anew
Steps = Generator[Event, None, Answer]


class Reply:
    """An answer on its way, to be iterated once.

    Yields `Sentence`s, each complete and checked. Where a model writes, its text comes before as `str` pieces, not
    yet checked; a `Sentence` stands for all pieces since the one before. `Anew` withdraws all that came: the model
    writes once more, or the sources' own words stand in the place of what they do not support. `answer` is the finished
    whole.
    """

    def __init__(self, steps: Callable[[Stop], Steps]) -> None:
        self._stop = Stop()
        self._steps = steps(self._stop)
        self._answer: Answer | None = None

    def __iter__(self) -> Reply:
        return self

    def __next__(self) -> Event:
        try:
            return next(self._steps)
        except StopIteration as end:
            self._answer = self._answer or end.value
            raise
        except Stopped:
            raise StopIteration from None

    @property
    def stopped(self) -> bool:
        """Whether it was closed before its end: then it has no answer."""
        return self._stop.pressed and self._answer is None

    @property
    def answer(self) -> Answer:
        """The finished answer; reads the rest of the reply first."""
        if self._answer is None:
            for _ in self:
                pass
        assert self._answer is not None, "the reply was closed before its end"
        return self._answer

    def close(self) -> None:
        """Stop the reply where it stands, from any thread; the connection to a model is closed at once."""
        self._stop.press()
        with suppress(ValueError):  # another thread is in it, and has just been woken
            self._steps.close()


def settled(reply: Reply, unsupported: Unsupported) -> Iterator[Sentence]:
    """Each sentence as soon as nothing can withdraw it: a page can strike out what it showed, a client cannot.

    `unsupported` is that of the assistant that replies. A model's sentences give way to the sources' own words only
    if none of them is supported, so the first that is lets those before it pass and all that follow; one that is told
    to write `AGAIN` may withdraw any, and all wait for the end. Pieces of a model's text are not passed on: they are
    not yet checked. Of a reply that was closed nothing comes that waited.
    """
    held: list[Sentence] = []
    sure = False
    for event in reply:
        if isinstance(event, Anew):
            held.clear()
        elif isinstance(event, Sentence):
            held.append(event)
            sure = sure or (event.verdict is Verdict.SUPPORTED and unsupported is not Unsupported.AGAIN)
        if sure:
            yield from held
            held.clear()
    if not reply.stopped:
        yield from held
