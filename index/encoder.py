"""The one place that runs a model on onnxruntime: texts or pairs of texts in, rows of numbers out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

MAX_TOKENS = 512
# Tokens of a batch, padding included: many at once where texts come by the thousand; where few are read for a question
# and somebody waits, as few as keep the cores busy, since each row is padded to the longest.
_BATCH_TOKENS, _WAITED_FOR = 4096, 768
# Of a pair, the first text and the second one's lead are cut at so many tokens; windows share so many.
_MOST_FIRST, _MOST_LEAD, _SHARED = 160, 64, 64

Row = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Window:
    """What a model says of a pair, of which the second text was read whole or a part of it.

    `of_pair`: the first output's row; `of_first`: the second output's row of the first token; `of_tokens`, shape
    (tokens, width): its rows of the second text's tokens, which stand in that text at `offsets`, shape (tokens, 2).
    """

    of_pair: Row
    of_first: Row
    of_tokens: Row
    offsets: npt.NDArray[np.int64]


class Encoder:
    """A BERT: an ONNX file (or its bytes), and its tokenizer.json. Safe to share between threads."""

    def __init__(
        self, model: Path | bytes, tokenizer: Path, *, max_tokens: int = MAX_TOKENS, threads: int | None = None
    ) -> None:
        """`threads`: by default as many as the cores that this process may use."""
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Told none, onnxruntime binds threads to cores of its own choice, whatever the process is allowed.
        options.intra_op_num_threads = threads or _cores()
        # A thread that waits for work gives its core to others: to another question, another process.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        source = str(model) if isinstance(model, Path) else model
        self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._max_tokens = max_tokens
        self._open, self._close = self._tokenizer.encode("").ids  # BERT's marks around a text

    def run(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> Row:
        """The model's first output, one row a text (or pair), in the order given: shape (len(texts), width).

        A text of more than `max_tokens` is cut there (of a pair, the longer side).
        """
        pairs = [(text, None) if isinstance(text, str) else text for text in texts]
        firsts = self._ids([first for first, _ in pairs])
        seconds = iter(self._ids([second for _, second in pairs if second is not None]))
        inputs = []
        for first, (_, second) in zip(firsts, pairs, strict=True):
            room = self._max_tokens - 2
            if second is None:
                inputs.append(self._joined(first[:room]))
                continue
            other = next(seconds)
            half = (room - 1) // 2
            first = first[: max(half, room - 1 - len(other))]
            inputs.append(self._joined(first, other[: room - 1 - len(first)]))
        rows: list[Row | None] = [None] * len(inputs)
        for n, outputs in self._outputs(inputs):
            rows[n] = outputs[0]
        return np.asarray(rows, np.float32)

    def read(self, first: str, seconds: Sequence[tuple[str, str]]) -> list[list[Window]]:
        """What the model says of `first` with each text of (lead, text), in windows, every one with the lead.

        A text that does not fit is read in several windows, of which each shares a part with the one before.
        """
        asked = self._ids([first])[0][:_MOST_FIRST]
        leads = self._ids([lead for lead, _ in seconds])
        texts = self._tokenizer.encode_batch([text for _, text in seconds], add_special_tokens=False)
        inputs, places = [], []
        for number, (lead, text) in enumerate(zip(leads, texts, strict=True)):
            lead = lead[:_MOST_LEAD]
            room = self._max_tokens - 3 - len(asked) - len(lead)
            for start in range(0, max(1, len(text.ids) - _SHARED), room - _SHARED):
                inputs.append(self._joined(asked, [*lead, *text.ids[start : start + room]]))
                places.append((number, len(asked) + 2 + len(lead), text.offsets[start : start + room]))
        found: list[Window | None] = [None] * len(inputs)
        for n, (of_pair, of_tokens) in self._outputs(inputs, _WAITED_FOR):
            _, at, offsets = places[n]
            kept = of_tokens[at : at + len(offsets)]
            found[n] = Window(of_pair, of_tokens[0], kept, np.array(offsets, np.int64).reshape(-1, 2))
        windows: list[list[Window]] = [[] for _ in seconds]
        for (number, _, _), window in zip(places, found, strict=True):
            assert window is not None
            windows[number].append(window)
        return windows

    def tokens(self, text: str) -> int:
        return len(self._ids([text])[0])

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [row.ids for row in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def _joined(self, first: Sequence[int], second: Sequence[int] | None = None) -> tuple[list[int], int]:
        """A row of ids with BERT's marks around them, and how many of them are of the first text."""
        ids = [self._open, *first, self._close]
        return (ids, len(ids)) if second is None else ([*ids, *second, self._close], len(ids))

    def _outputs(
        self, inputs: Sequence[tuple[list[int], int]], tokens: int = _BATCH_TOKENS
    ) -> Iterator[tuple[int, list[Row]]]:
        """Each input's number and its row of every output, in any order.

        They are sorted by length and padded to the longest of a small batch: padding is work for nothing.
        """
        by_length = sorted(range(len(inputs)), key=lambda n: len(inputs[n][0]))
        while by_length:
            longest = len(inputs[by_length[-1]][0])
            batch = by_length[-max(1, min(16, tokens // longest)) :]
            del by_length[-len(batch) :]
            ids, mask, types = (np.zeros((len(batch), longest), np.int64) for _ in range(3))
            for row, n in enumerate(batch):
                row_ids, of_first = inputs[n]
                ids[row, : len(row_ids)] = row_ids
                types[row, of_first : len(row_ids)] = 1
                mask[row, : len(row_ids)] = 1
            outputs = self._session.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": types})
            for row, n in enumerate(batch):
                yield n, [output[row] for output in outputs]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
