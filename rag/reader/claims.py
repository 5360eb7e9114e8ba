"""Claim sets as examples, also with the evidence cut out; claims that were written for this."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from index.embedder import local_embedder
from index.passages import split_sentences
from rag.reader.examples import (
    CONTRADICTED,
    NOT_STATED,
    SUPPORTED,
    Example,
    is_held_aside,
    name_of,
    paragraphs,
    rows,
    windowed,
)

_CLASSES = {
    "supported": (SUPPORTED,),
    "contradicted": (CONTRADICTED,),
    "not_stated": (NOT_STATED,),
    "partly": (CONTRADICTED, NOT_STATED),
}
CLAIMS = {
    "fever_dev": 7000,
    "fever_symmetric": 1000,
    "fm2": 2000,
    "defacto": 3000,
    "bump": 1000,
    "wice": 1000,
    "begin": 2000,
    "factcheck_gpt_irrelevant": 1000,
}
_CUT = 0.3
WRITTEN = Path(__file__).parent / "claims.jsonl"
_NEAREST = 3


def claims_held_aside(data: Path) -> frozenset[str]:
    """The ids of the rows that are kept for measuring: no claim and no sentence of theirs stands in another row."""
    found = [row for name in CLAIMS for row in rows(data / "claims" / f"{name}.jsonl")]
    parent: dict[str, str] = {}

    def root(text: str) -> str:
        while parent.setdefault(text, text) != text:
            parent[text] = parent[parent[text]]
            text = parent[text]
        return text

    for row in found:
        for sentence in re.split(r"(?<=[.!?])\s+", row["passage"]):
            if len(sentence) > 40:
                first, second = sorted((root(row["claim"]), root(sentence)))
                parent[second] = first
    return frozenset(row["id"] for row in found if is_held_aside(root(row["claim"])))


def claim_examples(data: Path, name: str, most: int, aside: frozenset[str], chance: random.Random) -> Iterator[Example]:
    found = [row for row in rows(data / "claims" / f"{name}.jsonl") if row["id"] not in aside]
    for row in chance.sample(found, min(most, len(found))):
        spans = tuple((item["start"], item["end"]) for item in row["evidence"])
        example = Example(name, row["claim"], "", row["passage"], None, None, spans or None, _CLASSES[row["label"]])
        yield windowed(example, chance)
        if spans and row["label"] == "supported" and chance.random() < _CUT:
            rest = "".join(
                text for at, text in enumerate(row["passage"]) if not any(start <= at < end for start, end in spans)
            )
            if len(rest) > 100:
                yield windowed(replace(example, text=rest, evidence=(), support=(NOT_STATED,)), chance)


def science_examples(data: Path, chance: random.Random) -> Iterator[Example]:
    """SciFact's claims against the sentences that decide them, and against others of the abstract."""
    documents = paragraphs(data / "scifact")
    for row in rows(data / "scifact" / "questions.jsonl"):
        placed = [item for item in row["evidence"] if not is_held_aside(name_of(documents[item["doc_id"]]))]
        for doc in dict.fromkeys(item["doc_id"] for item in placed):
            items = [item for item in placed if item["doc_id"] == doc]
            label = CONTRADICTED if items[0]["label"] == "CONTRADICT" else SUPPORTED
            document = documents[doc]
            spans = tuple((item["start"], item["end"]) for item in items)
            yield windowed(
                Example(
                    "scifact", row["question"], document["title"], document["text"], evidence=spans, support=(label,)
                ),
                chance,
            )


def written_examples(data: Path) -> Iterator[Example]:
    """Claims that say in other words what a passage says, and others with one thing wrong.

    Each is held against the passage, and against those of its sentences that are nearest to the claim.

    A row of `WRITTEN` names the passage by its place in a document of the sets: {"source": "set/document", "start",
    "end", "true": [claim, ...], "false": [[claim, label], ...]}.
    """
    documents: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows(WRITTEN):
        name, _, doc = row["source"].partition("/")
        if name not in documents:
            documents[name] = paragraphs(data / name)
        document = documents[name][doc]
        text = document["text"][row["start"] : row["end"]]
        sentences = [text[slice(*span)] for span in split_sentences(text)]
        claims = [(claim, "supported") for claim in row["true"]] + row["false"]
        near = (
            local_embedder().embed_passages([claim for claim, _ in claims])
            @ local_embedder().embed_passages(sentences).T
        )
        for (claim, label), cosines in zip(claims, near, strict=True):
            for view in dict.fromkeys((text, " ".join(sentences[n] for n in sorted(np.argsort(-cosines)[:_NEAREST])))):
                yield Example("written", claim, document["title"] or "", view, support=_CLASSES[label])
