"""What is learnt from, a question or claim with a passage; the sets' files, and what of them is kept for measuring.

A set is a folder of corpus.jsonl and questions.jsonl; claims are in claims/*.jsonl.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from index.embedder.parity import json_lines
from index.passages import Span, split_sentences

SUPPORTED, CONTRADICTED, NOT_STATED = range(3)
LONGEST = 1300  # characters of a passage: about 300 tokens
LONG_ANSWERS = "clapnq"


@dataclass(frozen=True, slots=True)
class Example:
    """A question or claim, and a passage under its title.

    `span`: the answer's place in the passage; () where it has none; None where no span is to be learnt.
    `evidence`: the places that hold what is asked or claimed; None where they are not known.
    `support`: the classes that a claim may have; () for a question. `set` names where it comes from.
    """

    set: str
    first: str
    title: str
    text: str
    span: Span | tuple[()] | None = None
    answerable: bool | None = None
    evidence: tuple[Span, ...] | None = None
    support: tuple[int, ...] = ()


def is_held_aside(name: str, of_set: str = "") -> bool:
    """Whether a document is kept for measuring: one in seven, by its name alone; of a small set every second one."""
    one_in = 2 if of_set == LONG_ANSWERS else 7
    return int(hashlib.sha256(f"kept aside {name}".encode()).hexdigest(), 16) % one_in == 0


def rows(path: Path) -> list[dict[str, Any]]:
    return list(json_lines(path))


def paragraphs(folder: Path) -> dict[str, dict[str, Any]]:
    return {row["doc_id"]: row for row in rows(folder / "corpus.jsonl")}


def name_of(document: dict[str, Any]) -> str:
    """What decides whether it is held aside: parts of one document ("Israel: Museums") go together."""
    return str(document["title"] or document["doc_id"]).split(": ")[0]


def sentences_around(text: str, span: Span) -> list[Span]:
    return [sentence for sentence in split_sentences(text) if sentence[0] < span[1] and span[0] < sentence[1]]


def windowed(example: Example, chance: random.Random) -> Example:
    """Cut to LONGEST characters, around the evidence if there is any."""
    if len(example.text) <= LONGEST:
        return example
    spans = example.evidence or ()
    first, last = (min(spans)[0], max(span[1] for span in spans)) if spans else (0, 0)
    low = max(0, first - chance.randint(0, 400)) if last - first < LONGEST - 400 else max(0, first - 10)
    kept = tuple((start - low, end - low) for start, end in spans if low <= start and end <= low + LONGEST)
    return replace(
        example, text=example.text[low : low + LONGEST], evidence=kept if example.evidence is not None else None
    )
