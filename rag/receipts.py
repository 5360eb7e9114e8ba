"""An answer that was kept, held against the library of today: whether its quotes still stand, and what has changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from index import DocumentError, Hit, Library, Part, Passage
from rag.answer import Answer, Unsupported
from rag.citations import Citation, Sentence, Verdict
from rag.errors import ReceiptError


class Standing(str, Enum):
    """What became of a quote; the best comes first."""

    STANDS = "stands"
    MOVED = "moved"  # to other characters of its document
    ELSEWHERE = "elsewhere"  # in another document, which came from the same place
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Kept:
    """A citation of a receipt: `number`, its document, and how its quote stands today.

    `document`, `start` and `end` are where it stands now, the latter two None if nowhere. `changed`: the document is
    not the one of then.
    """

    number: int
    document: str
    title: str
    path: str
    quote: str
    standing: Standing
    start: int | None
    end: int | None
    changed: bool


@dataclass(frozen=True, slots=True)
class Reopened:
    """An answer that was kept, as the library holds it today.

    Its citations stand where their quotes stand now; of those that are `gone`, by number, where they stood. Its hits
    are those of which the passage is still there to the letter. `kept` says how each citation stands.
    """

    answer: Answer
    kept: tuple[Kept, ...]

    @property
    def gone(self) -> frozenset[int]:
        return frozenset(item.number for item in self.kept if item.standing is Standing.GONE)


def reopen(receipt: Mapping[str, Any], library: Library) -> Reopened:
    """`Answer.to_dict()` read back. Raises ReceiptError if it is none."""
    try:
        return _reopened(receipt, library)
    except (KeyError, TypeError, ValueError) as error:
        raise ReceiptError("What was kept is no answer of Pincite. Ask the question again.") from error


def _reopened(receipt: Mapping[str, Any], library: Library) -> Reopened:
    kept = {item.number: item for item in verify(receipt, library)}

    def cited(row: Mapping[str, Any]) -> Citation:
        found, item = Citation(**{**row, "verdict": Verdict(row["verdict"])}), kept[row["number"]]
        if item.start is None or item.end is None:
            return found
        document = library.document(item.document)
        return replace(
            found,
            document=document.id,
            start=item.start,
            end=item.end,
            page=document.page(item.start),
            sha256=document.sha256,
        )

    def sentence(row: Mapping[str, Any]) -> Sentence:
        citations = tuple(cited(citation) for citation in row["citations"])
        return Sentence(**{**row, "citations": citations, "verdict": Verdict(row["verdict"])})

    plain = ("question", "searched", "answered", "text", "read", "of", "confidence", "model", "timings", "cut")
    answer = Answer(
        **{name: receipt[name] for name in plain},
        sentences=tuple(map(sentence, receipt["sentences"])),
        citations=tuple(map(cited, receipt["citations"])),
        hits=tuple(hit for row in receipt["hits"] if (hit := _hit(row, library))),
        prompt=tuple((turn["role"], turn["content"]) for turn in receipt["prompt"]),
        unsupported=Unsupported(receipt["unsupported"]),
        offered=tuple(map(sentence, receipt["offered"])),
        conflicts=tuple((cited(one), cited(other)) for one, other in receipt["conflicts"]),
        missing=tuple(receipt["missing"]),
    )
    return Reopened(answer, tuple(kept.values()))


def _hit(row: Mapping[str, Any], library: Library) -> Hit | None:
    try:
        document = library.document(row["document"])
    except DocumentError:
        return None
    start, end = row["start"], row["end"]
    if document.text[start:end] != row["text"]:
        return None
    passage = Passage(document, start, end, ((start, end),), row["heading"])
    return Hit(passage, row["score"], row["fused"], row["dense"], row["lexical"])


def read_receipt(file: Path) -> dict[str, Any]:
    """What `Answer.to_dict()` gave and `pincite ask --json` printed. Raises ReceiptError."""
    try:
        receipt = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ReceiptError(f"Cannot read {file}. Give a file that `pincite ask QUESTION --json` wrote.") from error
    fields = ("document", "title", "path", "start", "end", "quote", "sha256", "number")
    citations = receipt.get("citations") if isinstance(receipt, dict) else None
    if not isinstance(citations, list) or not all(
        isinstance(citation, dict) and all(field in citation for field in fields) for citation in citations
    ):
        raise ReceiptError(f"{file} is no receipt. Give a file that `pincite ask QUESTION --json` wrote.")
    return dict(receipt)


def verify(receipt: Mapping[str, Any], library: Library | Part) -> list[Kept]:
    """Each citation of the receipt, by its number."""
    return [_kept(citation, library) for citation in receipt["citations"]]


def _kept(citation: Mapping[str, Any], library: Library | Part) -> Kept:
    number, title, path = citation["number"], citation["title"], citation["path"]
    quote, start, end = citation["quote"], citation["start"], citation["end"]

    def kept(standing: Standing, at: int | None, changed: bool) -> Kept:
        stop = None if at is None else at + len(quote)
        return Kept(number, named, title, path, quote, standing, at, stop, changed)

    named: str = citation["document"]
    try:
        document, same = library.document(named), True
    except DocumentError:
        rows = [row for row in library.documents() if row.path == path]
        if not rows:
            return kept(Standing.GONE, None, True)
        named = rows[0].id
        document, same = library.document(named), False
    changed = document.sha256 != citation["sha256"]
    if document.text[start:end] == quote:
        return kept(Standing.STANDS, start, changed)
    at = document.text.find(quote)
    if at < 0:
        return kept(Standing.GONE, None, changed)
    return kept(Standing.MOVED if same else Standing.ELSEWHERE, at, changed)
