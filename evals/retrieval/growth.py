"""Documents and vectors in any number, made of real ones: how a library of a million passages comes about.

Real documents come first. Then their sentences are drawn at random into passages of as many sentences as real ones
have, forty to a document, so that the words are as frequent as in real text. The first texts are embedded; every later
one gets the vector of one of those, turned towards that of another: measured from the centre of all, .8 of the one and
.6 of the other. So they have the mean, the spread and the directions of real vectors (two of them have a cosine of .48,
as two real ones have). Noise in all 384 directions would not: an approximate index finds such vectors less surely.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from evals.reader.sets import document_of
from index import Document
from index.embedder import Embedder, Matrix
from index.passages import cut_passages

PASSAGES_A_DOCUMENT = 40
_ONE, _OTHER = 0.8, 0.6


def grown(documents: Iterable[Document], passages: int) -> Iterator[Document]:
    """Documents that are cut into so many passages: the given ones, then made ones; the same ones each time."""
    chance = random.Random(0)
    sentences: list[str] = []
    lengths: list[int] = []
    missing = passages
    for document in documents:
        if missing <= 0:
            return
        cuts = cut_passages(document.text)
        for start, end in (span for cut in cuts for span in cut.sentences):
            sentences.append(" ".join(document.text[start:end].split()))
        lengths += [len(cut.sentences) for cut in cuts]
        yield document if len(cuts) <= missing else _first(document, cuts[missing - 1].end)
        missing -= len(cuts)
    number = 0
    while missing > 0:
        counts = chance.choices(lengths, k=PASSAGES_A_DOCUMENT)
        text = "\n\n".join(" ".join(chance.choices(sentences, k=count)) for count in counts)
        made = document_of(f"made-{number}", "", text)
        cuts = cut_passages(text)
        yield made if len(cuts) <= missing else _first(made, cuts[missing - 1].end)
        missing -= len(cuts)
        number += 1


def _first(document: Document, end: int) -> Document:
    return document_of(document.id, document.title, document.text[:end])


class Growing:
    """An embedder of which the first `most` texts are embedded by another; see the module for the later ones.

    What a later text gets follows from its own checksum and from those first texts.
    """

    def __init__(self, embedder: Embedder, most: int) -> None:
        self.fingerprint = embedder.fingerprint
        self._embedder = embedder
        self._most = most
        self._known = embedder.embed_passages([])
        self._centre = self._known

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        real = texts[: self._most - len(self._known)]
        if not real:
            return self._turned(texts)
        rows = self._embedder.embed_passages(real)
        self._known = np.concatenate([self._known, rows])
        self._centre = self._known.mean(axis=0)
        return np.concatenate([rows, self._turned(texts[len(real) :])])

    def embed_question(self, question: str) -> Matrix:
        return self._embedder.embed_question(question)

    def _turned(self, texts: Sequence[str]) -> Matrix:
        """Each as far from the centre of the real vectors as those are, and in all directions that those are in."""
        sums = np.array([zlib.crc32(text.encode("utf-8", "surrogatepass")) for text in texts], np.int64)
        one, other = (self._known[n % len(self._known)] - self._centre for n in (sums, sums // len(self._known)))
        rows = self._centre + _ONE * one + _OTHER * other
        unit: Matrix = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        return unit
