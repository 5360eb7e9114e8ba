"""Near misses: questions that a library does not answer, made from ones that it does by a single swap.

A name for another of the same library and kind, a number, a date, or a relation for one that does not follow from it.
What the library might answer after all is dropped, by words alone: neither the reader nor the search decides, so what
is left can measure them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Literal

import numpy as np
import numpy.typing as npt

from evals.sentences import YEAR, Sentences, stems
from evals.vocabulary import Name, Vocabulary, is_part
from index import Library
from rag.reader.swaps import FORM, GROUP, NATIONS, NO_NAMES, RELATION_OF
from rag.words import MONTHS

Kind = Literal["entity", "number", "date", "relation"]

_PER_SWAP = 3
# Names less alike than this (cosine) are of another kind, names more alike may be two names of one thing.
_ALIKE = (0.69, 0.86)

_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w-]|[.,]\d)")
_ORDINAL = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)(?=[\s-]+centur)")
_NO_RELATION_AFTER = re.compile(r"(?:\b(?:not|never|many|main|an?|two|three|of|at)|-)\s*$")
# A swap after these may leave the rest of the question as it was.
_ASIDE = re.compile(
    r"\b(?:other than|outside|besides|apart from|except|given|unlike|more|less|than)\b[^,?]*$", re.IGNORECASE
)
_YES_OR_NO = re.compile(
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A question that the library does not answer, and the one thing, (old, new), that was swapped to make it."""

    question: str
    swapped: tuple[str, str]
    kind: Kind


class NearMisses:
    """Makes near misses against one library, which is read once: all its sentences by word, and all its names."""

    def __init__(self, library: Library, *, seed: int = 0) -> None:
        self._library = library
        self._seed = seed
        self._sentences = Sentences(library.document(row.id) for row in library.documents())
        self.vocabulary = Vocabulary(self._sentences.texts)
        self._by_kind = cache(self.vocabulary.of_kind)
        self._rows: dict[str, npt.NDArray[np.float32]] = {}

    def of(self, question: str) -> list[NearMiss]:
        """The near misses of `question`, each once; none of a question for yes or no, which a swap leaves answerable.

        The same question, library and seed give the same ones.
        """
        question = " ".join(question.split())
        if _YES_OR_NO.match(question):
            return []
        chance = random.Random(f"{self._seed} {question}")
        found: dict[str, NearMiss] = {}
        for swaps in (self._entities, self._dates, self._numbers, self._relations):
            for near_miss in swaps(question, chance):
                found.setdefault(near_miss.question, near_miss)
        return list(found.values())

    def _entities(self, question: str, chance: random.Random) -> Iterator[NearMiss]:
        for start, old in self.vocabulary.names_in(question):
            if old in NO_NAMES or is_part(question, start, old) or _ASIDE.search(question[:start]):
                continue
            yield from self._swapped(question, start, old, self._alike(question, start, old, chance), "entity")

    def _alike(self, question: str, start: int, old: str, chance: random.Random) -> Iterator[tuple[str, Sequence[str]]]:
        """Names to put in the place of `old`, likeliest first, each with the names that it may go by."""
        kind = self.vocabulary.kind(old)
        article = question[:start].lower().endswith(" the ")
        plural = _is_plural(old)
        names = [
            name
            for name in self._by_kind(kind)
            if article == (2 * name.with_article > name.count)
            and plural == _is_plural(name.text)
            and (name.kind != "other" or _is_adjective(old) == _is_adjective(name.text))
            and not _is_same(old, name.text, self.vocabulary)
            and not set(stems(name.text)) & (set(stems(question)) - set(stems(old)))
        ]
        if kind in FORM.values() or kind == "person":
            names = chance.sample(names, len(names))
        else:
            names = [name for name in self._nearest(old, names) if not self._sentences.hold_both(old, name.text)]
        for name in names:
            new = name.text.split()[-1] if kind == "person" and " " not in old else name.text
            if not re.fullmatch(r"[IVX]+", new):
                yield new, _aliases(name.text, new)

    def _nearest(self, old: str, names: list[Name]) -> list[Name]:
        """Those that are alike enough but not too much, most alike first."""
        texts = [old, *(name.text for name in names)]
        missing = [text for text in dict.fromkeys(texts) if text not in self._rows]
        self._rows |= dict(zip(missing, self._library.embed_passages(missing), strict=True)) if missing else {}
        cosines = [float(self._rows[name.text] @ self._rows[old]) for name in names]
        least, most = _ALIKE
        close = [(cosine, name) for cosine, name in zip(cosines, names, strict=True) if least <= cosine <= most]
        return [name for _, name in sorted(close, key=lambda pair: (-pair[0], pair[1].text))]

    def _dates(self, question: str, chance: random.Random) -> Iterator[NearMiss]:
        for found in YEAR.finditer(question):
            if _ASIDE.search(question[: found.start()]):
                continue
            year = int(found[0])
            decade = question[found.end() :].startswith(("s", "'s", "’s"))
            latest = max([year, *self._sentences.years])
            near = [year + step for step in (-9, -7, -4, -3, -2, -1, 1, 2, 3, 4, 7, 9)]
            years = [new for new in {*near, *self._sentences.years} if new != year and abs(new - year) < 60]
            near = [year + step for step in (-40, -30, -20, -10, 10, 20, 30)] if decade else sorted(years)
            texts = [str(new) for new in near if new <= latest]
            yield from self._any(question, found, texts, chance, "date")
        for found in re.finditer(rf"\b({'|'.join(MONTHS)})\b", question):
            if found[0] in {"May", "March"} and not re.search(
                r"\b(?:in|of|on|since|late|early) $", question[: found.start()]
            ):
                continue
            months = [month for month in MONTHS if month not in question and month != "May"]
            yield from self._any(question, found, months, chance, "date")
        for found in _ORDINAL.finditer(question):
            century = int(found[1])
            ordinals = [_ordinal(century + step) for step in (-3, -2, -1, 1, 2, 3) if 0 < century + step <= 21]
            yield from self._any(question, found, ordinals, chance, "date")

    def _numbers(self, question: str, chance: random.Random) -> Iterator[NearMiss]:
        for found in _NUMBER.finditer(question):
            before = question[: found.start()].rstrip().rsplit(" ", 1)[-1]
            if YEAR.fullmatch(found[0]) or before[:1].isupper() or _ASIDE.search(question[: found.start()]):
                continue
            numbers = list(dict.fromkeys(_other_numbers(found[0])))
            yield from self._any(question, found, numbers, chance, "number")

    def _relations(self, question: str, chance: random.Random) -> Iterator[NearMiss]:
        words = re.findall(r"[\w-]+", question)
        for word in words:
            for new, told_by, turned in RELATION_OF.get(word, ()):
                before, after = re.split(rf"\b{re.escape(word)}\b", question, maxsplit=1)
                if _NO_RELATION_AFTER.search(before) or after.startswith((" with", "-")):
                    continue
                others = [each for each in stems(question) if each not in stems(word)]
                if self._sentences.might_answer(others, [[each] for each in told_by]):
                    continue
                if turned and f" {turned[0]} " in f"{after.rstrip('?')} ":
                    after, count = re.subn(rf"\b{turned[0]}\b(?= [A-Z]| the\b| wh|\W*$)", turned[1], after, count=1)
                    if not count or "according" in after or re.search(rf"\b{turned[0]}\b", after):
                        continue
                yield NearMiss(before + new + after, (word, new), "relation")

    def _any(
        self, question: str, found: re.Match[str], texts: Sequence[str], chance: random.Random, kind: Kind
    ) -> Iterator[NearMiss]:
        candidates = ((text, [text]) for text in chance.sample(texts, len(texts)))
        yield from self._swapped(question, found.start(), found[0], candidates, kind)

    def _swapped(
        self, question: str, start: int, old: str, candidates: Iterable[tuple[str, Sequence[str]]], kind: Kind
    ) -> Iterator[NearMiss]:
        """The first few candidates, each with the names that it may go by, with which nothing might be an answer."""
        others = [word for word in stems(question) if word not in stems(old)]
        made = (
            _replaced(question, start, old, new, kind)
            for new, aliases in candidates
            if not self._sentences.might_answer(others, [stems(alias) for alias in aliases])
        )
        yield from islice(made, _PER_SWAP)


def _is_adjective(name: str) -> bool:
    return name.endswith(("an", "ese", "ish", "ic", "ern", "al"))


def _is_plural(name: str) -> bool:
    return name.endswith("s") and not name.endswith(("ss", "us", "is", "as"))


def _is_same(old: str, new: str, vocabulary: Vocabulary) -> bool:
    """Whether two names may be of one thing, or one part of the other."""
    if old in GROUP and new in GROUP:
        return GROUP[old] == GROUP[new]
    if old.lower()[:4] == new.lower()[:4]:
        return True
    first, second = set(stems(old)), set(stems(new))
    shared = first & second
    if not first or not second or shared in (first, second):
        return True
    if shared and old.split()[-1] != new.split()[-1]:
        return True
    initials = ("".join(word[0] for word in name.split() if word[0].isupper()) for name in (old, new))
    if any(short == long for short, long in zip(initials, (new, old), strict=True)):
        return True
    return f"{old} {new}" in vocabulary.names or f"{new} {old}" in vocabulary.names


def _aliases(name: str, new: str) -> Sequence[str]:
    if name in GROUP:
        return NATIONS[GROUP[name]]
    return [new] if new != name or " " not in name else [name]


def _replaced(question: str, start: int, old: str, new: str, kind: Kind) -> NearMiss:
    before, after = question[:start], question[start + len(old) :]
    if article := re.search(r"\b([Aa])n? $", before):
        before = before[: article.start()] + article[1] + ("n " if new[0] in "AEIOaeio" else " ")
    if after.startswith(("' ", "’ ")) and not new.endswith("s"):
        after = f"{after[0]}s{after[1:]}"
    return NearMiss(before + new + after, (old, new), kind)


def _other_numbers(number: str) -> Iterator[str]:
    """Numbers that look like `number`: as many digits after the point, as round, with or without commas."""
    decimals = len(number.partition(".")[2])
    value = float(number.replace(",", ""))
    if not decimals and value <= 12:
        yield from (str(int(value) + step) for step in (-3, -2, 2, 3, 4) if value + step > 1)
        return
    digits = number.replace(",", "").replace(".", "")
    zeros = len(digits) - len(digits.rstrip("0"))
    for factor in (0.4, 0.6, 1.4, 1.7, 2.3, 3.0):
        unit = 10.0 ** (zeros - decimals)
        other = round(value * factor / unit) * unit
        text = f"{other:,.{decimals}f}" if "," in number or other >= 10000 else f"{other:.{decimals}f}"
        if other > 0 and text != number:
            yield text


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
