"""The sentences of a reply that are sure to stay, for whoever cannot take back what was sent."""

from __future__ import annotations

from collections.abc import Iterator

from rag.assistant import Anew, Reply, Unsupported
from rag.citations import Sentence, Verdict


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
