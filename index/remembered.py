"""Embeddings of the texts that were asked for last: a question's candidates are much the same sentences each time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

from index.embedder import Matrix

# Of 384 dimensions this many rows take 6 MB.
_ROWS = 4096


class Remembered:
    """`embed` of (texts) into rows, shape (len(texts), dimensions), that runs for new texts only. Thread-safe."""

    def __init__(self, embed: Callable[[Sequence[str]], Matrix]) -> None:
        self._embed = embed
        self._rows: OrderedDict[str, Matrix] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> Matrix:
        with self._lock:
            known = {text: self._rows[text] for text in texts if text in self._rows}
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new or not texts:
            made = self._embed(new)
            if not texts:
                return made
            known |= dict(zip(new, made, strict=True))
        with self._lock:
            for text in texts:
                self._rows[text] = known[text]
                self._rows.move_to_end(text)
            while len(self._rows) > _ROWS:
                self._rows.popitem(last=False)
        return np.stack([known[text] for text in texts])
