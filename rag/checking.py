"""Whether passages support a sentence, and which of their sentences do: the one way in which anything is checked.

First the passages' sentences that are nearest to the claim are read, alone and with a neighbour; most claims that are
supported are so there, and it takes a fraction of the time. Only if that finds nothing the passages are read whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from index import Document, Passage
from index.embedder import Matrix, local_embedder
from index.passages import Span, split_sentences
from index.remembered import Remembered
from rag.agreement import is_near, is_negated, is_surer, missing_numbers, turned
from rag.citations import Citations, Sentence, Verdict, whole_words
from rag.reader import Reader

# A claim is supported if the reader gives it this probability; if it says with the second one that the sentence nearest
# to the claim contradicts it, only a sentence alone can support it. Chosen on rows kept aside from training, CARD.md.
SUPPORTED_FROM = 0.35
_CONTRADICTED_FROM = 0.75
# More is read only if what was read so far gives it this probability: most of what is unsupported is plainly so.
_READ_ON_FROM = 0.03
# Of what a language model writes more is untrue than of what people write: it takes more to be shown as supported, and
# what lies between is shown as unsure. By hand-labelled sentences of a weak one, see `evals.written`.
SURE_FROM = 0.92

_NEAREST = 2  # so many sentences are read first
_READ_WHOLE = 2  # passages, beside those that the claim names
# What a claim is nearest to is looked for among all passages, and a little rather among those that it names.
_NAMED = 0.05
_LEAST_WORDS = 5  # of what is looked for to the letter: fewer are hardly a statement
_QUOTED = re.compile(r"[\"“]([^\"“”]+)[\"”]")

View = tuple[Passage, tuple[int, ...]]  # sentences of a passage, by their numbers in it


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
        texts = [_text((passage, (n,))) for passage, n in self._places]
        self._rows = embed(texts) if texts else np.zeros((0, 1), np.float32)

    def check(self, claim: str, named: Sequence[Passage] = ()) -> Checked | None:
        """The verdict on `claim`; None if there is no passage. `named` are those of the passages that it points at.

        What stands there to the letter is supported. Else the reader judges, and what `rag.agreement` compares must
        agree with the sentence that is nearest and with those that are cited.
        """
        if not self.passages:
            return None
        order = [*named, *(passage for passage in self.passages if passage not in named)]
        if not re.search(r"\w", claim) or claim.rstrip().endswith("?"):
            return Checked(order[0], order[0].sentences[:1], Verdict.NOT_FOUND, 0.0)
        verbatim = next((found for passage in order if (found := _verbatim(claim, passage))), None)
        if verbatim:
            return verbatim
        nearest = self._nearest(claim, named)
        if quote := self._misquoted(claim):
            return _checked(nearest[0], Verdict.PARTLY, 0.0, quote)
        first, alone = nearest[0], nearest[:_NEAREST]
        best, contradicted, _ = map(float, self._judge(claim, [first])[0])
        against = contradicted >= _CONTRADICTED_FROM
        refused = _refused(claim, first, best)
        if refused and refused.verdict is Verdict.CONTRADICTED:
            return refused
        if best >= SUPPORTED_FROM and not refused:
            return _checked(first, Verdict.SUPPORTED, best)
        if best >= _READ_ON_FROM:
            for views in filter(None, (alone[1:], [] if against else _together(alone))):
                shares = self._judge(claim, views)[:, 0].tolist()
                for view, share in zip(views, shares, strict=True):
                    if share >= SUPPORTED_FROM and not _refused(claim, view, share):
                        return _checked(view, Verdict.SUPPORTED, share)
                best = max([best, *shares])
            if not against and (found := self._read_whole(claim, nearest, named)):
                return found
        if against:
            return _checked(first, Verdict.CONTRADICTED, best)
        if refused and is_near(claim, _text(first)):
            return refused
        return _checked(first, Verdict.NOT_FOUND, best)

    def _judge(self, claim: str, views: Sequence[View]) -> npt.NDArray[np.float64]:
        """By the reader: a row for each of the views, as `Reader.judge`."""
        return self._reader.judge(claim, [(view[0].context, _text(view)) for view in views])

    def _misquoted(self, claim: str) -> str:
        """What the claim gives as a quote and stands nowhere to the letter; "" if there is no such thing."""
        for match in _QUOTED.finditer(claim):
            quote = match[1].strip(" .,;:…")
            if len(quote.split()) >= _LEAST_WORDS and not any(
                whole_words(quote).search(passage.text) for passage in self.passages
            ):
                return quote
        return ""

    def _nearest(self, claim: str, named: Sequence[Passage]) -> list[View]:
        cosines = self._rows @ self._embed([claim])[0]
        bonus = [_NAMED * any(passage is other for other in named) for passage, _ in self._places]
        order = np.argsort(-(cosines + np.array(bonus)), kind="stable")
        return [(self._places[n][0], (self._places[n][1],)) for n in order]

    def _read_whole(self, claim: str, nearest: Sequence[View], named: Sequence[Passage]) -> Checked | None:
        """By the passages that it names and the nearest others; None if they say nothing of it."""
        others = list({id(passage): passage for passage, _ in nearest if passage not in named}.values())
        passages = [*named, *others[:_READ_WHOLE]]
        supports = self._reader.support(claim, passages)
        passage, support = max(zip(passages, supports, strict=True), key=lambda item: item[1].supported)
        view = (passage, (support.sentence,))
        if support.supported < SUPPORTED_FROM:
            otherwise = support.contradicted > support.not_stated
            return _checked(view, Verdict.CONTRADICTED, support.supported) if otherwise else None
        missing = missing_numbers(claim, f"{passage.context} {passage.text}")
        if missing:
            return _checked(view, Verdict.PARTLY, support.supported, ", ".join(sorted(missing)))
        refused = _refused(claim, view, support.supported)
        if refused and refused.verdict is Verdict.CONTRADICTED:
            return refused
        return _checked(view, Verdict.SUPPORTED, support.supported)


def _refused(claim: str, view: View, score: float) -> Checked | None:
    """Why what the view says cannot support the claim, whatever the reader thinks; None if nothing is against it."""
    text = _text(view)
    if is_negated(claim, text) or is_surer(claim, text):
        return _checked(view, Verdict.CONTRADICTED, score)
    if words := turned(claim, text):
        return _checked(view, Verdict.CONTRADICTED, score, ", ".join(words))
    if missing := missing_numbers(claim, f"{view[0].context} {text}"):
        return _checked(view, Verdict.PARTLY, score, ", ".join(sorted(missing)))
    return None


def _checked(view: View, verdict: Verdict, score: float, wrong: str = "") -> Checked:
    passage, numbers = view
    return Checked(passage, tuple(passage.sentences[n] for n in numbers), verdict, score, wrong)


def unsure(found: Checked) -> Checked:
    """The same of a sentence that a model wrote: what is not surely supported is partly so."""
    is_unsure = found.verdict is Verdict.SUPPORTED and found.score < SURE_FROM
    return replace(found, verdict=Verdict.PARTLY) if is_unsure else found


def sentence_of(text: str, found: Checked, numbering: Citations, *, moved: bool = False) -> Sentence:
    """A sentence with its verdict, and citations of what that rests on."""
    spans = () if found.verdict is Verdict.NOT_FOUND else found.spans
    citations = tuple(numbering.cite(found.passage, span, found.verdict, found.score) for span in spans)
    supported = found.verdict is Verdict.SUPPORTED
    return Sentence(text, citations, found.verdict, found.score, wrong=found.wrong, moved=moved and supported)


def supported(claim: str, texts: Sequence[str], reader: Reader) -> bool:
    """Whether `texts`, read together, support `claim`."""
    together = "\n\n".join(texts)
    found = Checker([passage_of(together)], reader, local_embedding()).check(claim)
    return found is not None and found.verdict is Verdict.SUPPORTED


@cache
def local_embedding() -> Callable[[Sequence[str]], Matrix]:
    """The shipped model's, for texts of no library; what was embedded lately is not embedded again."""
    return Remembered(local_embedder().embed_passages)


def passage_of(text: str, name: str = "") -> Passage:
    """A text as a passage of its own."""
    document = Document(id=name, path=name, title=name, text=text, sha256="")
    return Passage(document, 0, len(text), tuple(split_sentences(text)), "")


def _text(view: View) -> str:
    passage, numbers = view
    return " ".join(passage.document.text[slice(*passage.sentences[n])] for n in numbers)


def _together(alone: Sequence[View]) -> list[View]:
    """Each of the sentences with the one before it, then both if they are of one passage."""
    views: list[View] = [(passage, (n - 1, n)) for passage, (n,) in alone if n]
    if len(alone) == 2 and alone[0][0] is alone[1][0]:
        views.append((alone[0][0], tuple(sorted(alone[0][1] + alone[1][1]))))
    return list(dict.fromkeys(views))


def _verbatim(claim: str, passage: Passage) -> Checked | None:
    match = whole_words(claim).search(passage.text) if len(claim.split()) >= _LEAST_WORDS else None
    if match is None:
        return None
    start, end = passage.start + match.start(), passage.start + match.end()
    spans = tuple(span for span in passage.sentences if span[0] < end and start < span[1])
    return Checked(passage, spans, Verdict.SUPPORTED, 1.0)
