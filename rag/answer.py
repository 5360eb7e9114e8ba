"""`Answer`: what is known of a question, as a value that becomes JSON."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from index import Hit
from rag.citations import Citation, Sentence
from rag.stream import Turn


class Unsupported(str, Enum):
    """What becomes of a model's sentences that the library does not support."""

    MARK = "mark"  # shown, struck out and explained
    STRICT = "strict"  # never shown
    AGAIN = "again"  # the model is told and writes once more; what is unsupported then is marked


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a question.

    `answered` is false where the library does not cover it: then `text` says so and there are no sentences;
    `hits`, best first, are the nearest passages in any case. `text` is the sentences with their citations' numbers.
    `read` passages were read for it, of the `of` that were searched, with the words of `searched`. `confidence` in 0..1
    orders questions that the library answers above those that it does not. `model` wrote the sentences, or is
    "extractive": then they are the sources' own words. `prompt` is all that the model was told; `unsupported`, what
    became of its sentences that are not supported. If the model was cut off `cut` is one line on why, and `offered` are
    the sources' own words. `conflicts` are quotes of two documents that contradict each other on what is asked.
    `missing`, of a question that is not answered, are its names and words that none of the hits holds.
    `timings` are seconds by stage, and "total".
    """

    question: str
    searched: str
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
    prompt: tuple[Turn, ...] = ()
    unsupported: Unsupported = Unsupported.MARK
    cut: str = ""
    offered: tuple[Sentence, ...] = ()
    conflicts: tuple[tuple[Citation, Citation], ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def short(self) -> str:
        """The words that answer the question by themselves; "" where none do or a model wrote."""
        return next((sentence.short for sentence in self.sentences if sentence.short), "")

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON holds it: a receipt, which `pincite verify` checks later.

        Of a hit, the passage's place, text and hash instead of the whole document.
        """
        return {
            "question": self.question,
            "searched": self.searched,
            "answered": self.answered,
            "text": self.text,
            "short": self.short,
            "sentences": [asdict(sentence) for sentence in self.sentences],
            "citations": [asdict(citation) for citation in self.citations],
            "hits": [_hit_to_dict(hit) for hit in self.hits],
            "read": self.read,
            "of": self.of,
            "confidence": self.confidence,
            "model": self.model,
            "timings": dict(self.timings),
            "prompt": [{"role": role, "content": content} for role, content in self.prompt],
            "unsupported": self.unsupported.value,
            "cut": self.cut,
            "offered": [asdict(sentence) for sentence in self.offered],
            "conflicts": [[asdict(citation) for citation in pair] for pair in self.conflicts],
            "missing": list(self.missing),
        }


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
        "text_sha256": hashlib.sha256(passage.text.encode()).hexdigest(),
        "document_sha256": passage.document.sha256,
        "score": hit.score,
        "fused": hit.fused,
        "dense": hit.dense,
        "lexical": hit.lexical,
    }
