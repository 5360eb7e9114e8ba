"""The cross-encoder that ships: how well a text answers a question. CARD.md says where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

_FOLDER = Path(__file__).parent
NAME = "ms-marco-MiniLM-L-12-v2"
SHA256 = "a747887196ed73dcc6e9e42f848d59f9eac0b667bd07ec11b8c20893b9e3a3f8"


class Reader:
    """ms-marco-MiniLM-L-12-v2 in process: question and text are read together, by attention from each to the other.

    Source: Nogueira and Cho, Passage Re-ranking with BERT (2019), https://arxiv.org/abs/1901.04085; the weights by
    Sentence-Transformers.
    """

    name = NAME

    def __init__(self) -> None:
        from index.encoder import Encoder

        self._encoder = Encoder(_FOLDER / "model.onnx", _FOLDER / "tokenizer.json")

    def relevance(self, question: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """How well each text answers `question`: logits, about -11 (not at all) to 10, shape (len(texts),)."""
        if not texts:
            return np.zeros(0, np.float32)
        place = {text: number for number, text in enumerate(dict.fromkeys(texts))}  # each different text is read once
        scores = self._encoder.run([(question, text) for text in place]).reshape(len(place))
        return scores[[place[text] for text in texts]]


@cache
def local_reader() -> Reader:
    """The shipped model, loaded once a process: it never changes."""
    return Reader()
