"""The words of some texts: which are names, and of what kind; the bare forms of verbs. By lists, with no model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from index.lexical import STOP_WORDS
from rag.reader.swaps import FORM, GIVEN, NO_NAMES, SORTS, TITLES

# Of each kind so many of the most frequent names are compared.
_COMPARED = 1500

_NAME = re.compile(r"\b[A-Z][\w-]*(?:(?:\s+of(?:\s+the)?)?\s+[A-Z][\w-]*)*")
_PART_BEFORE = re.compile(r"(?:\b[A-Z]\.|['’]s|\b(?:van|von|der|den|de|la|le|du|di|al|el|bin|ibn)|[\"“‘(/&-])\s?$")
_PART_AFTER = re.compile(r"\s?[\"”&/(]|\s\d|\s(?:van|von|de|la|du|di|al|el|bin|ibn)\s|\.\s?\w")
_OF_A_PERSON = re.compile(r" (?:said|wrote|argued|argues|died|married|claimed|believed|stated|was born)\b")


@dataclass(frozen=True, slots=True)
class Name:
    """A name in the texts: how often it stands there, how often after "the", and what kind of thing it is."""

    text: str
    count: int
    with_article: int
    kind: str


class Vocabulary:
    """What sentences are made of, each on one line; `names` by how they are written."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.names = _names(texts)
        self._words = {word for text in texts for word in re.findall(r"\b[a-z]+\b", text)}
        self._name_words = {word for name in self.names for word in name.split() if word[0].isupper()}
        self._name_words -= {word.capitalize() for word in STOP_WORDS}

    def of_kind(self, kind: str) -> list[Name]:
        """Those of a kind, the most frequent first."""
        alike = (name for name in self.names.values() if name.kind == kind)
        return sorted(alike, key=lambda name: (-name.count, name.text))[:_COMPARED]

    def kind(self, name: str) -> str:
        """What kind of thing a name is: "person", "country", "nationality", "capital", a sort of place or body ..."""
        known = self.names.get(name)
        return known.kind if known else _kind(name)

    def names_in(self, text: str) -> list[tuple[int, str]]:
        """Where names start in `text`, and the names; also such as the texts do not hold."""
        found = []
        for match in _NAME.finditer(text):
            start, name = match.start(), match[0]
            first, _, rest = name.partition(" ")
            if start == 0 and name not in self.names:
                if first.lower() not in STOP_WORDS or not rest:
                    continue
                start, name = len(first) + 1, rest
            bare, _ = _untitled(name)
            if bare and bare.lower() not in STOP_WORDS:
                found.append((start + len(name) - len(bare), bare))
        return found

    def is_name_word(self, word: str) -> bool:
        """Whether `word`, capitalised, is part of a name in the texts, or is never written otherwise in it."""
        lower = word.lower()
        return word in self._name_words or word[1:].lower() != word[1:] or lower not in self._words | STOP_WORDS

    def infinitive(self, word: str) -> str:
        """The bare form, if the texts use it, of a regular past or a present in -s: "plan" of "planned", "plans"."""
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


def is_part(text: str, start: int, name: str) -> bool:
    """Whether a run of capitalised words is part of a longer name: "B. Edsall", "van der Rohe", "World War 2"."""
    before, after = text[max(0, start - 8) : start], text[start + len(name) : start + len(name) + 6]
    return bool(_PART_BEFORE.search(before) or _PART_AFTER.match(after))


def _names(texts: Sequence[str]) -> dict[str, Name]:
    """The names that stand within sentences; a sentence's first word is none unless it is one elsewhere."""
    counts: Counter[str] = Counter()
    with_article: Counter[str] = Counter()
    titled: set[str] = set()
    for text in texts:
        if text.istitle() or text.startswith("#"):
            continue
        for found in _NAME.finditer(text):
            if not re.search(r"[\w,’'] $", text[: found.start()]) or is_part(text, found.start(), found[0]):
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
