"""Whether passages support a sentence, and which of their sentences do: the one way in which anything is checked.

First the passages' sentences that are nearest to the claim are read, alone and with a neighbour; most claims that are
supported are so there, and it takes a fraction of the time. Only if that finds nothing the passages are read whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from index import Document, Passage
from index.embedder import Matrix, local_embedder
from index.passages import Span, split_sentences
from rag.agreement import is_negated, missing_numbers
from rag.citations import Citations, Sentence, Verdict
from rag.reader import Reader

# A claim is supported if the reader gives it this probability: chosen on rows kept aside from training, CARD.md.
SUPPORTED_FROM = 0.5

_NEAREST = 2  # so many sentences are read first
_READ_WHOLE = 2  # passages, beside those that the claim names
# What a claim is nearest to is looked for among all passages, and a little rather among those that it names.
_NAMED = 0.05
_CLAUSES = re.compile(r";|,?\s+(?:and|but|while|whereas|although)\s+|,\s+(?:which|who|where)\s+", re.IGNORECASE)
_LEAST_WORDS = 4  # of what is looked for to the letter, or held against the passages by itself


@dataclass(frozen=True, slots=True)
class Checked:
    """The verdict on a claim; `passage` and the `spans` of it that decide it, in order.

    `score`: how surely it is supported, 0..1. `wrong`: the part of the claim that is not, where it is known.
    """

    passage: Passage
    spans: tuple[Span, ...]
    verdict: Verdict
    score: float
    wrong: str = ""


class Checker:
    """Holds claims against the same passages, those that an answer was written from or that were found for a draft."""

    def __init__(self, passages: Sequence[Passage], reader: Reader, embed: Callable[[Sequence[str]], Matrix]) -> None:
        self.passages = tuple(passage for passage in passages if passage.sentences)
        self._reader = reader
        self._embed = embed
        self._places = [(passage, n) for passage in self.passages for n in range(len(passage.sentences))]
        texts = [_text(passage, [n]) for passage, n in self._places]
        self._rows = embed(texts) if texts else np.zeros((0, 1), np.float32)

    def check(self, claim: str, named: Sequence[Passage] = ()) -> Checked | None:
        """The verdict on `claim`; None if there is no passage. `named` are those of the passages that it points at.

        What stands there to the letter is supported. Else the reader judges, and every number of the claim must stand
        in what is cited, and no "not" be added to it or lost from it.
        """
        if not self.passages:
            return None
        if not claim.strip():
            return Checked(self.passages[0], self.passages[0].sentences[:1], Verdict.NOT_FOUND, 0.0)
        order = [*named, *(passage for passage in self.passages if passage not in named)]
        verbatim = next((found for passage in order if (found := _verbatim(claim, passage))), None)
        if verbatim:
            return verbatim
        nearest = self._nearest(claim, named)
        return self._supported_by(claim, _views(nearest[:_NEAREST])) or self._read_whole(claim, nearest, named)

    def _nearest(self, claim: str, named: Sequence[Passage]) -> list[tuple[Passage, int]]:
        cosines = self._rows @ self._embed([claim])[0]
        bonus = [_NAMED * any(passage is other for other in named) for passage, _ in self._places]
        return [self._places[n] for n in np.argsort(-(cosines + np.array(bonus)), kind="stable")]

    def _supported_by(self, claim: str, views: Sequence[tuple[Passage, tuple[int, ...]]]) -> Checked | None:
        """By the first of the views, sentences of a passage, that supports it by itself."""
        texts = [(passage.context, _text(passage, numbers)) for passage, numbers in views]
        scores = self._reader.judge(claim, texts)[:, 0]
        for (passage, numbers), (context, text), score in zip(views, texts, scores, strict=True):
            if (
                score >= SUPPORTED_FROM
                and not is_negated(claim, text)
                and not missing_numbers(claim, f"{context} {text}")
            ):
                spans = tuple(passage.sentences[n] for n in numbers)
                return Checked(passage, spans, Verdict.SUPPORTED, float(score))
        return None

    def _read_whole(self, claim: str, nearest: Sequence[tuple[Passage, int]], named: Sequence[Passage]) -> Checked:
        others = list({id(passage): passage for passage, _ in nearest if passage not in named}.values())
        passages = [*named, *others[:_READ_WHOLE]]
        supports = self._reader.support(claim, passages)
        best = max(range(len(passages)), key=lambda n: supports[n].supported)
        passage, support = passages[best], supports[best]
        spans = (passage.sentences[support.sentence],)
        source = f"{passage.context} {passage.text}"
        negated = is_negated(claim, _text(passage, [support.sentence]))
        missing = sorted(missing_numbers(claim, source))
        if negated:
            return Checked(passage, spans, Verdict.CONTRADICTED, support.supported)
        if support.supported >= SUPPORTED_FROM:
            if missing:
                return Checked(passage, spans, Verdict.PARTLY, support.supported, ", ".join(missing))
            return Checked(passage, spans, Verdict.SUPPORTED, support.supported)
        verdict = Verdict.CONTRADICTED if support.contradicted > support.not_stated else Verdict.NOT_FOUND
        return Checked(passage, spans, verdict, support.supported)


def sentence_of(text: str, found: Checked, numbering: Citations, *, moved: bool = False) -> Sentence:
    """A sentence with its verdict, and citations of what that rests on."""
    spans = () if found.verdict is Verdict.NOT_FOUND else found.spans
    citations = tuple(numbering.cite(found.passage, span, found.verdict, found.score) for span in spans)
    supported = found.verdict is Verdict.SUPPORTED
    return Sentence(text, citations, found.verdict, found.score, wrong=found.wrong, moved=moved and supported)


def supported(claim: str, texts: Sequence[str], reader: Reader) -> bool:
    """Whether `texts`, read together, support `claim`."""
    together = "\n\n".join(texts)
    found = Checker([passage_of(together)], reader, local_embedder().embed_passages).check(claim)
    return found is not None and found.verdict is Verdict.SUPPORTED


def passage_of(text: str, name: str = "") -> Passage:
    """A text as a passage of its own."""
    document = Document(id=name, path=name, title=name, text=text, sha256="")
    return Passage(document, 0, len(text), tuple(split_sentences(text)), "")


def _text(passage: Passage, numbers: Sequence[int]) -> str:
    return " ".join(passage.document.text[slice(*passage.sentences[n])] for n in numbers)


def _views(nearest: Sequence[tuple[Passage, int]]) -> list[tuple[Passage, tuple[int, ...]]]:
    """Each sentence alone, then each with the one before it, then both of one passage together."""
    views: list[tuple[Passage, tuple[int, ...]]] = [(passage, (n,)) for passage, n in nearest]
    views += [(passage, (n - 1, n)) for passage, n in nearest if n]
    if len(nearest) == 2 and nearest[0][0] is nearest[1][0]:
        views.append((nearest[0][0], tuple(sorted((nearest[0][1], nearest[1][1])))))
    return list(dict.fromkeys(views))


def _verbatim(claim: str, passage: Passage) -> Checked | None:
    words = claim.split()
    if len(words) < _LEAST_WORDS:
        return None
    pattern = r"\s+".join(map(re.escape, words))
    match = re.search(rf"(?<!\w){pattern}(?!\w)", passage.text)
    if match is None:
        return None
    start, end = passage.start + match.start(), passage.start + match.end()
    spans = tuple(span for span in passage.sentences if span[0] < end and start < span[1])
    return Checked(passage, spans or passage.sentences[-1:], Verdict.SUPPORTED, 1.0)
