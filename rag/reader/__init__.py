"""The reader that ships: a model that ranks passages and finds answers in them, and one that checks claims by them.

CARD.md says where they come from and how good they are; train.py, train_claims.py and export.py made them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from index import Passage
from index.passages import Span
from rag.agreement import missing_numbers

if TYPE_CHECKING:
    from index.encoder import Encoder, Window

_FOLDER = Path(__file__).parent
SHA256 = "8197e4dfab363ea160b30fcc0d1300f1992bd2bda10306ec67653b8e527112ad"
CLAIMS_SHA256 = "4d0d7674ae4c0bffbbde1c59b81607d954ac4b8338a4fad13a5d620af2c2f550"

MOST_TOKENS = 384  # of question and passage together, as in training; longer ones are read in windows
_LONGEST_SPAN = 30  # tokens
_RELEVANCE, _ANSWERABLE, _FIRST_VERDICT = 0, 1, 2
_START, _END, _EVIDENCE = range(3)
_NUMBER_MISSING = 1.0  # so much is taken from the logit of "supported"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a passage says to a question; logits, of which higher ones are surer.

    `relevance` (about -11 to 10): whether the passage is about what is asked; `answerable`: whether it holds the
    answer. `span` is the likeliest short answer, as offsets into the document's text, and `span_score` how much
    likelier it is than that there is none. `evidence`: of each of the passage's sentences, whether it is needed.
    """

    relevance: float
    answerable: float
    span: Span
    span_score: float
    evidence: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Support:
    """What a passage says to a claim: three probabilities that add up to 1, and the sentence that decides.

    `sentence` is its number among the passage's.
    """

    supported: float
    contradicted: float
    not_stated: float
    sentence: int


class Reader:
    """BERT of 12 layers that reads a question or claim together with a passage, by attention from each to the other.

    It began as a cross-encoder (Nogueira and Cho, Passage Re-ranking with BERT, 2019, https://arxiv.org/abs/1901.04085)
    and learnt to answer as in SQuAD 2.0 (Devlin et al., BERT, 2019, section 4.3: the first token stands for "no
    answer") and to check claims. What checks claims went on from there with nothing else to learn.
    """

    def __init__(self) -> None:
        self._encoder = _encoder("model.onnx")

    @cached_property
    def _of_claims(self) -> Encoder:
        """Loaded when the first claim comes: most questions need none."""
        return _encoder("claims.onnx")

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """What each passage, read under its title, says to `question`."""
        return [
            _reading(windows, passage)
            for windows, passage in zip(self._windows(self._encoder, question, passages), passages, strict=True)
        ]

    def support(self, claim: str, passages: Sequence[Passage]) -> list[Support]:
        """Whether each passage, read under its title, states what `claim` does.

        Each is read whole, and again as the sentence that matters most with the one before it, and as the three that
        matter most: the view in which the claim is best supported counts, since a long passage drowns a sentence.
        """
        windows = self._windows(self._of_claims, claim, passages)
        evidence = [_of_sentences(found, passage) for found, passage in zip(windows, passages, strict=True)]
        views = [
            (number, (f"{passage.context}\n", view))
            for number, passage in enumerate(passages)
            for view in _views(passage, evidence[number])
        ]
        for (number, _), again in zip(views, self._of_claims.read(claim, [text for _, text in views]), strict=True):
            windows[number] = windows[number] + again
        made = []
        for found, passage, of in zip(windows, passages, evidence, strict=True):
            supported, contradicted, not_stated = map(float, _shares(found, claim, f"{passage.context} {passage.text}"))
            made.append(Support(supported, contradicted, not_stated, int(of.argmax()) if len(of) else 0))
        return made

    def judge(self, claim: str, texts: Sequence[tuple[str, str]]) -> npt.NDArray[np.float64]:
        """Whether each of `texts`, a context and what is read under it, states what `claim` does.

        Shape (len(texts), 3): the probabilities of supported, contradicted and not stated.
        """
        read = self._of_claims.read(claim, [(f"{context}\n", text) for context, text in texts])
        rows = [
            _shares(windows, claim, f"{context} {text}") for windows, (context, text) in zip(read, texts, strict=True)
        ]
        return np.array(rows).reshape(-1, 3)

    def tokens(self, text: str) -> int:
        """How long a text is, in word pieces."""
        return self._encoder.tokens(text)

    @staticmethod
    def _windows(encoder: Encoder, first: str, passages: Sequence[Passage]) -> list[list[Window]]:
        return encoder.read(first, [(f"{passage.context}\n", passage.text) for passage in passages])


def _reading(windows: Sequence[Window], passage: Passage) -> Reading:
    scores = np.array([window.of_pair[:_FIRST_VERDICT] for window in windows])
    spans = [_best_span(window) for window in windows]
    score, (start, end) = max(spans)
    return Reading(
        float(scores[:, _RELEVANCE].max()),
        float(scores[:, _ANSWERABLE].max()),
        (passage.start + start, passage.start + end),
        score,
        tuple(float(value) for value in _of_sentences(windows, passage)),
    )


def _best_span(window: Window) -> tuple[float, Span]:
    """The likeliest span and how far its logits stand above those of the first token."""
    if not len(window.of_tokens):
        return -np.inf, (0, 0)
    starts, ends = window.of_tokens[:, _START], window.of_tokens[:, _END]
    reach = min(_LONGEST_SPAN, len(ends))
    ahead = np.lib.stride_tricks.sliding_window_view(np.append(ends, np.full(reach - 1, -np.inf)), reach)
    sums = starts[:, None] + ahead
    first, length = np.unravel_index(int(sums.argmax()), sums.shape)
    nothing = window.of_first[_START] + window.of_first[_END]
    span = int(window.offsets[first, 0]), int(window.offsets[first + length, 1])
    return float(sums[first, length] - nothing), span


def _of_sentences(windows: Sequence[Window], passage: Passage) -> npt.NDArray[np.float64]:
    """Each sentence's mean evidence, in the window that thinks most of it."""
    best = np.full(len(passage.sentences), -np.inf)
    for window in windows:
        starts = passage.start + window.offsets[:, 0]
        for number, (start, end) in enumerate(passage.sentences):
            inside = window.of_tokens[(starts >= start) & (starts < end), _EVIDENCE]
            if len(inside):
                best[number] = max(best[number], inside.mean())
    return best


def _views(passage: Passage, evidence: npt.NDArray[np.float64]) -> list[str]:
    """The sentence that matters most with the one before it; the three that matter most; but not the whole again."""
    best = int(evidence.argmax()) if len(evidence) else 0
    chosen = {(max(0, best - 1), best), tuple(sorted(int(n) for n in np.argsort(-evidence, kind="stable")[:3]))}
    text = passage.document.text
    return [
        " ".join(text[slice(*passage.sentences[number])] for number in numbers)
        for numbers in sorted(chosen)
        if len(set(numbers)) < len(passage.sentences)
    ]


def _shares(windows: Sequence[Window], claim: str, source: str) -> npt.NDArray[np.float64]:
    """The three probabilities, shape (3,), of the window that is surest of "supported".

    A number that is not in the source makes it less sure.
    """
    logits = np.array([window.of_pair[_FIRST_VERDICT:] for window in windows], np.float64)
    if missing_numbers(claim, source):
        logits[:, 0] -= _NUMBER_MISSING
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    best: npt.NDArray[np.float64] = shares[shares[:, 0].argmax()]
    return best


def _encoder(name: str) -> Encoder:
    from index.encoder import Encoder

    return Encoder(_FOLDER / name, _FOLDER / "tokenizer.json", max_tokens=MOST_TOKENS)


@cache
def local_reader() -> Reader:
    """The shipped model, loaded once a process: it never changes."""
    return Reader()
