"""Any text held against a library, sentence by sentence: a draft, or what another system wrote. It needs no model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from index import Library, Part
from index.passages import split_blocks
from rag.checking import Checker, local_embedding, passage_of, sentence_of
from rag.citations import Citations, Sentence, Verdict
from rag.errors import QuestionError
from rag.followup import leans_on_history
from rag.markers import complete_sentences
from rag.reader import Reader

LONGEST_DRAFT = 100_000
# A sentence is held against so many passages that are found with it, and with the one before it if it points back.
_PASSAGES = 5


def check_against_library(text: str, library: Library | Part, reader: Reader) -> Iterator[Sentence]:
    """Each sentence of `text` with its verdict, as it is checked; then QuestionError for an empty or overlong text."""
    numbering = Citations()
    before = ""
    for claim in claims(text):
        asked = f"{before} {claim}" if before and leans_on_history(claim) else claim
        found = [hit.passage for hit in library.search(asked, _PASSAGES)]
        yield _checked(claim, Checker(found, reader, library.embed_passages), numbering)
        before = claim


def check_against(text: str, passages: Sequence[str], reader: Reader) -> Iterator[Sentence]:
    """As `check_against_library`; a citation's document is the number of the passage, from 1."""
    given = [passage_of(passage, str(number)) for number, passage in enumerate(passages, 1)]
    checker, numbering = Checker(given, reader, local_embedding()), Citations()
    for claim in claims(text):
        yield _checked(claim, checker, numbering)


def claims(text: str) -> list[str]:
    """The sentences of `text` without its headings, marks of citation and lists. Raises QuestionError."""
    if len(text) > LONGEST_DRAFT:
        raise QuestionError(
            f"The text has {len(text):,} characters, {LONGEST_DRAFT:,} are the most. Check it in parts."
        )
    blocks = [text[block.start : block.end] for block in split_blocks(text) if block.heading is None]
    found = [written.text for block in blocks for written in complete_sentences(block, final=True)[0]]
    if not found:
        raise QuestionError("The text holds no sentence. Give a draft of sentences to check.")
    return found


def _checked(claim: str, checker: Checker, numbering: Citations) -> Sentence:
    found = checker.check(claim)
    return sentence_of(claim, found, numbering) if found else Sentence(claim, (), Verdict.NOT_FOUND, 0.0)
