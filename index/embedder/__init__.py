"""The embedding model that ships, and what the library asks of any other; CARD.md says where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

_FOLDER = Path(__file__).parent
NAME = "bge-small-en-v1.5"
SHA256 = "b9dee9b1bb4bac0ff93bf0bf6903cb1d3a01f2edb259910cb79590fcc5b049cc"
QUESTION_PREFIX = "Represent this sentence for searching relevant passages: "

Matrix = npt.NDArray[np.float32]


class Embedder(Protocol):
    """Texts into unit vectors. `fingerprint` names the model so exactly that equal ones make equal vectors."""

    @property
    def fingerprint(self) -> str: ...

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        """Shape (len(texts), dimensions), each row of length 1."""

    def embed_question(self, question: str) -> Matrix:
        """Shape (dimensions,), of length 1."""


class LocalEmbedder:
    """bge-small-en-v1.5 in process: 384 dimensions, first-token pooling, the question with its prefix.

    Source: Xiao et al., C-Pack (2023), https://arxiv.org/abs/2309.07597.
    """

    fingerprint = f"{NAME}@{SHA256[:12]}"

    def __init__(self, *, threads: int | None = None) -> None:
        from index.encoder import Encoder

        self._encoder = Encoder(_FOLDER / "model.onnx", _FOLDER / "tokenizer.json", threads=threads)

    def embed_passages(self, texts: Sequence[str]) -> Matrix:
        return self._encoder.run(texts) if texts else np.zeros((0, 384), np.float32)

    def embed_question(self, question: str) -> Matrix:
        row: Matrix = self._encoder.run([QUESTION_PREFIX + question])[0]
        return row


@cache
def local_embedder() -> LocalEmbedder:
    """The shipped model, loaded once a process: it never changes."""
    return LocalEmbedder()
