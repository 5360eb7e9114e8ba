"""The one place that runs a model on onnxruntime: texts or pairs of texts in, one row of numbers each out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Encoding, Tokenizer

MAX_TOKENS = 512
_BATCH_TOKENS = 4096
_STRIDE = 128

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Read:
    """A pair of texts read: what the model says of the pair, and of each token of the second text.

    `offsets` (tokens, 2) are where the tokens stand in the second text, `tokens` (tokens, width) what is said of each;
    `nothing` (width,) is what the first token of all says, which stands for "nowhere".
    """

    pair: Floats
    nothing: Floats
    tokens: Floats
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, encoding: Encoding, pair: Floats, tokens: Floats) -> Read:
        of_second = np.flatnonzero([number == 1 for number in encoding.sequence_ids])
        offsets = np.array(encoding.offsets, np.int64).reshape(-1, 2)
        return cls(pair, tokens[0], tokens[of_second], offsets[of_second])


class Encoder:
    """A BERT: an ONNX file (or its bytes) with one output, and its tokenizer.json. Safe to share between threads."""

    def __init__(
        self, model: Path | bytes, tokenizer: Path, *, max_tokens: int = MAX_TOKENS, threads: int | None = None
    ) -> None:
        """`threads`: by default as many as the machine has cores."""
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or 0
        source = str(model) if isinstance(model, Path) else model
        self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        self._tokenizer_file, self._max_tokens = str(tokenizer), max_tokens

    @cached_property
    def _cutting(self) -> Tokenizer:
        return self._tokenizer(strategy="longest_first")

    @cached_property
    def _windows(self) -> Tokenizer:
        return self._tokenizer(strategy="only_second", stride=_STRIDE)

    def _tokenizer(self, **truncation: Any) -> Tokenizer:
        tokenizer = Tokenizer.from_file(self._tokenizer_file)
        tokenizer.enable_truncation(self._max_tokens, **truncation)
        tokenizer.no_padding()
        return tokenizer

    def run(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> Floats:
        """The model's first output, one row a text (or pair), in the order given: shape (len(texts), width).

        A text of more than `max_tokens` is cut there (of a pair, the longer side).
        """
        encodings = self._cutting.encode_batch(list(texts))
        return np.asarray([outputs[0] for outputs in self._outputs(encodings)], np.float32)

    def read(self, first: str, texts: Sequence[str]) -> list[list[Read]]:
        """`first` read together with each text: of a long text in several windows, which share some tokens."""
        encodings = [self._windows.encode(self._start(first), text) for text in texts]
        windows = [[encoding, *encoding.overflowing] for encoding in encodings]
        found = iter(self._outputs([window for of_text in windows for window in of_text]))
        return [[Read.of(window, *next(found)) for window in of_text] for of_text in windows]

    def _start(self, text: str) -> str:
        """As much of it as leaves the other text of a pair the larger part."""
        encoding = self._windows.encode(text, add_special_tokens=False)
        most = self._max_tokens // 3
        return text if len(encoding.ids) <= most else text[: encoding.offsets[most - 1][1]]

    def _outputs(self, encodings: Sequence[Encoding]) -> list[list[Floats]]:
        """The model's outputs of each text.

        They are sorted by length and padded to the longest of a small batch: padding is work for nothing.
        """
        by_length = sorted(range(len(encodings)), key=lambda i: len(encodings[i].ids))
        rows: list[list[Floats]] = [[]] * len(encodings)
        while by_length:
            longest = len(encodings[by_length[-1]].ids)
            batch = by_length[-max(1, min(16, _BATCH_TOKENS // longest)) :]
            del by_length[-len(batch) :]
            shape = (len(batch), longest)
            ids, mask, types = (np.zeros(shape, np.int64) for _ in range(3))
            for row, i in enumerate(batch):
                length = len(encodings[i].ids)
                ids[row, :length] = encodings[i].ids
                types[row, :length] = encodings[i].type_ids
                mask[row, :length] = 1
            feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
            for i, *outputs in zip(batch, *self._session.run(None, feed), strict=True):
                rows[i] = outputs
        return rows
