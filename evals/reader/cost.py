"""What the reader costs: time to read, time and memory to load, and the time of a whole answer over a large library."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

import rag.reader
from evals.reader.measures import Line
from evals.reader.sets import Asked, document_of, documents_of, library_of, whole
from evals.statistics import drawn
from evals.timing import apart, peak_memory, seconds_of
from index import Document, Passage
from index.passages import cut_passages
from rag import Assistant
from rag.reader import Reader, local_reader

_FOLDER = Path(rag.reader.__file__).parent
_PAIRS, _TOKENS = 8, 128
_ROUNDS, _WARM_UPS = 20, 3
_LARGE, _ASKED = 10_000, 30
_LARGE_OF = ("squad2", "squadshifts-new-wiki", "squadshifts-amazon", "squadshifts-reddit", "sleepqa")
_QUESTION = "what is the water in the river"


def cost(asked: Asked) -> Iterator[Line]:
    """The median of 20 calls after 3 that warm up, the best of three loads, each in a process of its own.

    The peak of memory is of a process that loads the reader and reads once, with all that it imports. A whole answer
    over 10,000 passages is measured only if asked for: to embed them takes minutes.
    """
    question, passages = pairs()
    times = [seconds_of(lambda: local_reader().read(question, passages)) for _ in range(_WARM_UPS + _ROUNDS)]
    yield Line("8 pairs of 128 tokens, p50, ms", 1000 * statistics.median(times[_WARM_UPS:]), _ROUNDS, 130, 80)
    for kind, seconds in _by_operator().items():
        yield Line(f"of that by onnxruntime's profile, {kind}, ms", 1000 * seconds, _ROUNDS)
    yield Line("loading, best of 3, s", min(apart(seconds_of, Reader) for _ in range(3)), 3, 0.3)
    yield Line("model, MB", (_FOLDER / "model.onnx").stat().st_size / 1e6, 1, 35)
    yield Line("peak memory, MB", apart(peak_of_reading) / 1e6, 1)
    if asked.big:
        yield from _whole_answers(asked)


def pairs() -> tuple[str, list[Passage]]:
    """A question and eight passages, each of which makes 128 tokens with it, BERT's three marks included."""
    tokenizer = Tokenizer.from_file(str(_FOLDER / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    first = ("water", "stone", "house", "river", "field", "music", "light", "paper")[:_PAIRS]
    room = _TOKENS - len(tokenizer.encode(_QUESTION, "").ids)
    return _QUESTION, [whole(document_of(word, "", " ".join([word] * room))) for word in first]


def peak_of_reading() -> int:
    Reader().read(*pairs())
    return peak_memory()


def _by_operator() -> dict[str, float]:
    """Seconds of one reading of the eight pairs in integer products, in attention, and in all else.

    The products are the machine's limit: 1,024 tokens of 21 million multiplications each.
    """
    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    with TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(str(_FOLDER / "model.onnx"), options, ["CPUExecutionProvider"])
        ids = np.random.default_rng(0).integers(1000, 20000, (_PAIRS, _TOKENS))
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        for _ in range(_ROUNDS):
            session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    spent = dict.fromkeys(("integer products", "attention", "the rest"), 0.0)
    kinds = {"MatMulIntegerToFloat": "integer products", "MultiHeadAttention": "attention"}
    for event in events:
        if event["name"].endswith("_kernel_time"):
            spent[kinds.get(event["args"]["op_name"], "the rest")] += event["dur"] / 1e6 / _ROUNDS
    return spent


def _whole_answers(asked: Asked) -> Iterator[Line]:
    questions = [question.text for question in asked.questions("squad2") if question.gold]
    with library_of(_many(asked)) as library:
        assistant = Assistant(library, local_reader())
        asked_of = drawn(questions, _WARM_UPS + _ASKED)
        times = [seconds_of(partial(assistant.ask, text)) for text in asked_of][_WARM_UPS:]
        what = f"a whole answer over {library.passage_count:,} passages, p50, ms"
    yield Line(what, 1000 * statistics.median(times), len(times), 250, 150)


def _many(asked: Asked) -> Iterator[Document]:
    """Documents of several sets until they make 10,000 passages."""
    count = 0
    for name in asked.sets(_LARGE_OF):
        for document in dict.fromkeys(documents_of(asked.data / name).values()):
            if count >= _LARGE:
                return
            count += len(cut_passages(document.text))
            yield document
