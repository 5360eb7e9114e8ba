"""The one place that runs a model on onnxruntime: texts or pairs of texts in, one row of numbers each out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

MAX_TOKENS = 512
_BATCH_TOKENS = 4096


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
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(max_tokens, strategy="longest_first")
        self._tokenizer.no_padding()

    def run(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> npt.NDArray[np.float32]:
        """The model's output, one row a text (or pair), in the order given: shape (len(texts), width).

        Texts are sorted by length and padded to the longest of a small batch: padding is work for nothing.
        A text of more than `max_tokens` is cut there (of a pair, the longer side).
        """
        encodings = self._tokenizer.encode_batch(list(texts))
        by_length = sorted(range(len(encodings)), key=lambda i: len(encodings[i].ids))
        rows: list[npt.NDArray[np.float32] | None] = [None] * len(encodings)
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
            for i, output in zip(batch, self._session.run(None, feed)[0], strict=True):
                rows[i] = output
        return np.asarray(rows, np.float32)
