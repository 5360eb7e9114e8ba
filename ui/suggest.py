"""Questions to begin with: they come from the library, and the library answers them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from contextlib import suppress

from evals.propose import questions_of
from index import DocumentRow, Library
from index.opening import SHIPPED_ARTICLES
from rag import Assistant

# First questions for an article that ships; the tests ask them.
EXAMPLES = {
    "russia-dprk.txt": (
        "How many containers has North Korea supplied to Russia?",
        "What did Russia veto at the United Nations?",
        "What are North Korea’s two diplomatic objectives?",
        "Will Russia and North Korea sign a formal arms treaty?",
    )
}
_SHOWN = 4
# Proposals are made of so many documents, none longer than this, and so many of them are asked to find some that are
# answered well.
_DOCUMENTS, _LONGEST = 8, 200_000
_TRIED = 12


def shipped(documents: Sequence[DocumentRow]) -> tuple[str, ...]:
    """Where an article that ships is in the library unchanged, the questions for it."""
    held = {row.sha256 for row in documents}
    return tuple(
        question
        for name, questions in EXAMPLES.items()
        if hashlib.sha256((SHIPPED_ARTICLES / name).read_bytes()).hexdigest() in held
        for question in questions
    )


def _proposed(assistant: Assistant) -> tuple[str, ...]:
    """Questions made of the sentences of the documents added last, kept where that sentence is what is answered."""
    library = assistant.library
    short = [row for row in library.documents() if row.characters <= _LONGEST]
    latest = sorted(short, key=lambda row: row.added, reverse=True)[:_DOCUMENTS]
    made = []
    for sample in questions_of([library.document(row.id) for row in latest], _TRIED):
        answer = assistant.ask(sample.question)
        if answer.answered and any(sample.quotes[0] in citation.quote for citation in answer.citations):
            made.append(sample.question)
        if len(made) == _SHOWN:
            break
    return tuple(made)


class Suggestions:
    """Made anew, beside what else goes on, when the library has changed."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant.quoting()
        self._lock = threading.Lock()
        self._made: tuple[str, ...] = ()
        self._of: frozenset[str] = frozenset()

    def __call__(self) -> tuple[str, ...]:
        """What is known now."""
        documents = self._library.documents()
        known = shipped(documents)
        mine = [question for question in self._made if question not in known]
        first = known[: _SHOWN // 2] if mine else known
        return (*first, *mine)[:_SHOWN]

    @property
    def _library(self) -> Library:
        return self._assistant.library

    def renew(self) -> None:
        """Not as a daemon: a process that ends while a model runs in one is aborted."""
        threading.Thread(target=self._renew).start()

    def _renew(self) -> None:
        # The library may be closed under it, or a document go: the next change renews them.
        with self._lock, suppress(Exception):
            documents = self._library.documents()
            held = frozenset(row.sha256 for row in documents)
            if held != self._of:
                shipped_alone = len(documents) == 1 and shipped(documents)
                self._made, self._of = () if shipped_alone else _proposed(self._assistant), held
