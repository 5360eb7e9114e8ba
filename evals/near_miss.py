"""Near misses: questions that a library does not answer, made from ones that it does by a single swap.

A name for another of the same library and kind, a number, a date, or a relation for one that does not follow from it.
What the library might answer after all is dropped, by words alone: neither the reader nor the search decides, so what
is left can measure them.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Literal

import numpy as np
import numpy.typing as npt

from index import Document, Library
from index.lexical import STOP_WORDS, content_words
from index.passages import cut_passages
from rag.reader.swaps import (
    FORM,
    GIVEN,
    GROUP,
    NATIONS,
    NO_NAMES,
    RELATION_OF,
    SORTS,
    TITLES,
    stem,
)
from rag.words import MONTHS

Kind = Literal["entity", "number", "date", "relation"]

# How many neighbouring sentences are read together, and the share of the question's other words in them from which
# they might be an answer; where the library knows a smaller share of them than `_KNOWN`, words cannot tell.
_WINDOW = 3
_MIGHT_ANSWER = 0.5
_KNOWN = 0.4

_PER_SWAP = 3
# Of each kind so many of the most frequent names are compared. Names less alike than this (cosine) are of another kind,
# names more alike may be two names of one thing.
_COMPARED = 1500
_ALIKE = (0.69, 0.86)

_NAME = re.compile(r"\b[A-Z][\w-]*(?:(?:\s+of(?:\s+the)?)?\s+[A-Z][\w-]*)*")
_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w-]|[.,]\d)")
_YEAR = re.compile(r"(?<![\w.,-])(1[0-9]{3}|20[0-9]{2})(?=s?\b)(?![,.]\d)")
_PART_BEFORE = re.compile(r"(?:\b[A-Z]\.|['’]s|\b(?:van|von|der|den|de|la|le|du|di|al|el|bin|ibn)|[\"“‘(/&-])\s?$")
_PART_AFTER = re.compile(r"\s?[\"”&/(]|\s\d|\s(?:van|von|de|la|du|di|al|el|bin|ibn)\s|\.\s?\w")
_OF_A_PERSON = re.compile(r" (?:said|wrote|argued|argues|died|married|claimed|believed|stated|was born)\b")
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


@dataclass(frozen=True, slots=True)
class Name:
    """A name of the library: how often it stands there, how often after "the", and what kind of thing it is."""

    text: str
    count: int
    with_article: int
    kind: str


def near_misses(question: str, library: Library, *, seed: int = 0) -> list[NearMiss]:
    """Near misses of one question. For many questions make a `NearMisses` once."""
    return NearMisses(library, seed=seed).of(question)


class NearMisses:
    """Makes near misses against one library, which is read once: all its sentences by word, and all its names."""

    def __init__(self, library: Library, *, seed: int = 0, documents: Sequence[Document] | None = None) -> None:
        self._library = library
        self._seed = seed
        every = (library.document(row.id) for row in library.documents()) if documents is None else documents
        self._sentences = _Sentences(every)
        self.names = _names(self._sentences.texts)
        self._words = {word for text in self._sentences.texts for word in re.findall(r"\b[a-z]+\b", text)}
        self._name_words = {word for name in self.names for word in name.split() if word[0].isupper()}
        self._name_words -= {word.capitalize() for word in STOP_WORDS}
        self._by_kind: dict[str, list[Name]] = {}
        for name in sorted(self.names.values(), key=lambda name: (-name.count, name.text)):
            alike = self._by_kind.setdefault(name.kind, [])
            if len(alike) < _COMPARED:
                alike.append(name)
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

    def kind(self, name: str) -> str:
        """What kind of thing a name is: "person", "country", "nationality", "capital", a sort of place or body ..."""
        known = self.names.get(name)
        return known.kind if known else _kind(name)

    def names_in(self, text: str) -> list[str]:
        """The library's names that stand in `text`, in order."""
        return [name for start, name in _names_in(text, self.names) if name in self.names]

    def is_name_word(self, word: str) -> bool:
        """Whether `word`, capitalised, is part of a name in the library, or is never written otherwise in it."""
        lower = word.lower()
        return word in self._name_words or word[1:].lower() != word[1:] or lower not in self._words | STOP_WORDS

    def infinitive(self, word: str) -> str:
        """The bare form, if the library uses it, of a regular past or a present in -s: "plan" of "planned", "plans"."""
        if re.fullmatch(r"[a-z]{3,}[^s]s", word):
            forms = [f"{word[:-3]}y"] if word.endswith("ies") else [word[:-1], word[:-2]]
            return next((form for form in forms if form in self._words), "")
        if len(word) < 5 or not word.endswith("ed") or word.endswith("eed"):
            return ""
        stem = word[:-2]
        forms = (
            [f"{stem[:-1]}y"] if stem.endswith("i") else [stem, f"{stem}e", stem[:-1] if stem[-1] == stem[-2] else stem]
        )
        return next((form for form in forms if form in self._words), "")

    def _entities(self, question: str, chance: random.Random) -> Iterator[NearMiss]:
        for start, old in _names_in(question, self.names):
            if old in NO_NAMES or _is_part(question, start, old) or _ASIDE.search(question[:start]):
                continue
            others = [word for word in _stems(question) if word not in _stems(old)]
            made = (
                _replaced(question, start, old, new, "entity")
                for new, aliases in self._alike(question, start, old, chance)
                if not self._sentences.might_answer(others, [_stems(alias) for alias in aliases])
            )
            yield from islice(made, _PER_SWAP)

    def _alike(self, question: str, start: int, old: str, chance: random.Random) -> Iterator[tuple[str, Sequence[str]]]:
        """Names to put in the place of `old`, likeliest first, each with the names that it may go by."""
        kind = self.kind(old)
        article = question[:start].lower().endswith(" the ")
        plural = _is_plural(old)
        names = [
            name
            for name in self._by_kind.get(kind, ())
            if article == (2 * name.with_article > name.count)
            and plural == _is_plural(name.text)
            and (name.kind != "other" or _is_adjective(old) == _is_adjective(name.text))
            and not _is_same(old, name.text, self.names)
            and not set(_stems(name.text)) & (set(_stems(question)) - set(_stems(old)))
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
        for found in _YEAR.finditer(question):
            if _ASIDE.search(question[: found.start()]):
                continue
            year = int(found[0])
            decade = question[found.end() :].startswith(("s", "'s", "’s"))
            latest = max([year, *self._sentences.years])
            near = [year + step for step in (-9, -7, -4, -3, -2, -1, 1, 2, 3, 4, 7, 9)]
            years = [new for new in {*near, *self._sentences.years} if new != year and abs(new - year) < 60]
            near = [year + step for step in (-40, -30, -20, -10, 10, 20, 30)] if decade else sorted(years)
            texts = [str(new) for new in near if new <= latest]
            yield from self._checked(question, found, chance.sample(texts, len(texts)), "date")
        for found in re.finditer(rf"\b({'|'.join(MONTHS)})\b", question):
            if found[0] in {"May", "March"} and not re.search(
                r"\b(?:in|of|on|since|late|early) $", question[: found.start()]
            ):
                continue
            months = [month for month in MONTHS if month not in question and month != "May"]
            yield from self._checked(question, found, chance.sample(months, len(months)), "date")
        for found in _ORDINAL.finditer(question):
            century = int(found[1])
            ordinals = [_ordinal(century + step) for step in (-3, -2, -1, 1, 2, 3) if 0 < century + step <= 21]
            yield from self._checked(question, found, chance.sample(ordinals, len(ordinals)), "date")

    def _numbers(self, question: str, chance: random.Random) -> Iterator[NearMiss]:
        for found in _NUMBER.finditer(question):
            before = question[: found.start()].rstrip().rsplit(" ", 1)[-1]
            if _YEAR.fullmatch(found[0]) or before[:1].isupper() or _ASIDE.search(question[: found.start()]):
                continue
            numbers = list(dict.fromkeys(_other_numbers(found[0])))
            yield from self._checked(question, found, chance.sample(numbers, len(numbers)), "number")

    def _relations(self, question: str, chance: random.Random) -> Iterator[NearMiss]:
        words = re.findall(r"[\w-]+", question)
        for word in words:
            for new, told_by, turned in RELATION_OF.get(word, ()):
                before, after = re.split(rf"\b{re.escape(word)}\b", question, maxsplit=1)
                if _NO_RELATION_AFTER.search(before) or after.startswith((" with", "-")):
                    continue
                others = [stem for stem in _stems(question) if stem not in _stems(word)]
                if self._sentences.might_answer(others, [[stem] for stem in told_by]):
                    continue
                if turned and f" {turned[0]} " in f"{after.rstrip('?')} ":
                    after, count = re.subn(rf"\b{turned[0]}\b(?= [A-Z]| the\b| wh|\W*$)", turned[1], after, count=1)
                    if not count or "according" in after or re.search(rf"\b{turned[0]}\b", after):
                        continue
                yield NearMiss(before + new + after, (word, new), "relation")

    def _checked(
        self, question: str, found: re.Match[str], candidates: Sequence[str], kind: Kind
    ) -> Iterator[NearMiss]:
        others = [word for word in _stems(question) if word not in _stems(found[0])]
        made = (
            _replaced(question, found.start(), found[0], new, kind)
            for new in candidates
            if not self._sentences.might_answer(others, [_stems(new)])
        )
        yield from islice(made, _PER_SWAP)


class _Sentences:
    """Every sentence of a library, as the stems in it, in its heading and in its title; found by stem."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self.texts: list[str] = []
        self.years: set[int] = set()
        places: dict[str, list[int]] = {}
        place = 0
        for document in documents:
            title = _stems(document.title)
            for cut in cut_passages(document.text):
                context = [*title, *_stems(cut.heading)]
                for start, end in cut.sentences:
                    text = " ".join(document.text[start:end].split())
                    self.texts.append(text)
                    self.years.update(int(year) for year in _YEAR.findall(text))
                    for word in {*context, *_stems(text)}:
                        places.setdefault(word, []).append(place)
                    place += 1
            place += _WINDOW  # no window reaches from one document into the next
        self._size = place
        self._places = {stem: np.array(numbers, np.int32) for stem, numbers in places.items()}
        self._in_window = lru_cache(maxsize=256)(self._windows_with)

    def might_answer(self, others: Sequence[str], new: Sequence[Sequence[str]]) -> bool:
        """Whether some window holds one of `new`, all its stems in one sentence, and most of the question's others.

        Also if too few of the others are known to the library to tell.
        """
        held = np.zeros(self._size, np.bool_)
        for stems in new:
            if stems and all(stem in self._places for stem in stems):
                held |= self._spread(self._together(stems))
        if not held.any():
            return False
        known = [stem for stem in others if stem in self._places]
        if len(known) < 2 or _KNOWN * len(others) > len(known):
            return True
        counts = sum((self._in_window(stem).astype(np.int16) for stem in known), np.zeros(self._size, np.int16))
        return bool(counts[held].max() >= _MIGHT_ANSWER * len(known))

    def hold_both(self, first: str, second: str) -> bool:
        """Whether some sentence holds both names: they may be part of each other, or one thing."""
        stems = [*_stems(first), *_stems(second)]
        return all(stem in self._places for stem in stems) and bool(self._together(stems).size)

    def _together(self, stems: Sequence[str]) -> npt.NDArray[np.int32]:
        together = self._places[stems[0]]
        for word in stems[1:]:
            together = np.intersect1d(together, self._places[word], assume_unique=True)
        return together

    def _windows_with(self, stem: str) -> npt.NDArray[np.bool_]:
        return self._spread(self._places[stem])

    def _spread(self, places: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
        """For each window, by its last sentence, whether it holds one of `places`."""
        windows = np.zeros(self._size, np.bool_)
        for step in range(_WINDOW):
            windows[places + step] = True
        return windows


def _names(texts: Sequence[str]) -> dict[str, Name]:
    """The names that stand within sentences; a sentence's first word is none unless it is one elsewhere."""
    counts: Counter[str] = Counter()
    with_article: Counter[str] = Counter()
    titled: set[str] = set()
    for text in texts:
        if text.istitle() or text.startswith("#"):
            continue
        for found in _NAME.finditer(text):
            if not re.search(r"[\w,’'] $", text[: found.start()]) or _is_part(text, *_place(found)):
                continue
            name, title = _untitled(found[0])
            if (
                not name
                or re.search(r"-[a-z]{4}", name)
                or name in NO_NAMES
                or len(name) < (2 if name.isupper() else 3)
                or name.lower() in STOP_WORDS
            ):
                continue
            counts[name] += 1
            with_article[name] += bool(re.search(r"\b[Tt]he $", text[: found.start()]))
            if title or _OF_A_PERSON.match(text, found.end()):
                titled.add(name)
    written = Counter(word for text in texts for word in re.findall(r"\b[a-z]+\b", text))
    counts = Counter({name: count for name, count in counts.items() if 3 * written[name.lower()] < count})
    kinds = {name: "person" if name in titled and _kind(name) == "other" else _kind(name) for name in counts}
    surnames = {name.split()[-1] for name, kind in kinds.items() if kind == "person"}
    kinds |= {name: "person" for name, kind in kinds.items() if kind == "other" and name in surnames}
    return {name: Name(name, count, with_article[name], kinds[name]) for name, count in counts.items()}


def _untitled(name: str) -> tuple[str, bool]:
    """A name without the titles before it, and whether there was one; nothing if a title stands within."""
    words = name.split()
    start = 0
    while start < len(words) - 1 and words[start].lower() in TITLES:
        start += 1
    rest = words[start:]
    if any(word.lower() in TITLES for word in rest) or rest[:1] == ["of"]:
        return "", False
    return " ".join(rest), start > 0


def _names_in(question: str, known: dict[str, Name]) -> list[tuple[int, str]]:
    found = []
    for match in _NAME.finditer(question):
        start, name = match.start(), match[0]
        first, _, rest = name.partition(" ")
        if start == 0 and name not in known:
            if first.lower() not in STOP_WORDS or not rest:
                continue
            start, name = len(first) + 1, rest
        bare, _ = _untitled(name)
        if bare and bare.lower() not in STOP_WORDS:
            found.append((start + len(name) - len(bare), bare))
    return found


def _kind(name: str) -> str:
    words = name.split()
    last = words[-1].lower()
    if name in FORM:
        return FORM[name]
    if last in SORTS:
        return SORTS[last]
    if words[0].lower() in SORTS and "of" in words:
        return SORTS[words[0].lower()]
    if words[0].lower() in GIVEN and 1 < len(words) <= 4 and "of" not in words:
        return "person"
    return "acronym" if name.isupper() and len(name) < 7 else "other"


def _place(found: re.Match[str]) -> tuple[int, str]:
    return found.start(), found[0]


def _is_part(text: str, start: int, name: str) -> bool:
    """Whether a run of capitalised words is part of a longer name: "B. Edsall", "van der Rohe", "World War 2"."""
    before, after = text[max(0, start - 8) : start], text[start + len(name) : start + len(name) + 6]
    return bool(_PART_BEFORE.search(before) or _PART_AFTER.match(after))


def _is_adjective(name: str) -> bool:
    return name.endswith(("an", "ese", "ish", "ic", "ern", "al"))


def _is_plural(name: str) -> bool:
    return name.endswith("s") and not name.endswith(("ss", "us", "is", "as"))


def _is_same(old: str, new: str, names: dict[str, Name]) -> bool:
    """Whether two names may be of one thing, or one part of the other."""
    if old in GROUP and new in GROUP:
        return GROUP[old] == GROUP[new]
    if old.lower()[:4] == new.lower()[:4]:
        return True
    first, second = set(_stems(old)), set(_stems(new))
    shared = first & second
    if not first or not second or shared in (first, second):
        return True
    if shared and old.split()[-1] != new.split()[-1]:
        return True
    initials = ("".join(word[0] for word in name.split() if word[0].isupper()) for name in (old, new))
    if any(short == long for short, long in zip(initials, (new, old), strict=True)):
        return True
    return f"{old} {new}" in names or f"{new} {old}" in names


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


@lru_cache(maxsize=50_000)
def _stems(text: str) -> list[str]:
    """The stems of the content words of `text`, each once; a number is one word."""
    words = content_words(re.sub(r"(?<=\d),(?=\d{3})", "", text))
    return list(dict.fromkeys(stem(word) for word in words if len(word) > 1 or word.isdigit()))
