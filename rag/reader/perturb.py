"""Statements and questions with one thing changed: a name, a number, a date, a unit, a direction, a "not".

Made to train the reader, so they are made quickly and some are by chance still true; nothing is measured with them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from rag.reader.swaps import FORM, GIVEN, NO_NAMES, RELATION_OF, SORTS
from rag.words import MONTHS, NUMBER_WORDS

Kind = Literal["name", "number", "date", "unit", "direction", "negation"]

_NAME = re.compile(r"\b[A-Z][\w-]+(?:\s+(?:of\s+(?:the\s+)?)?[A-Z][\w-]+)*")
_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w-]|[.,]\d)")
_WORDS = re.compile(r"[\w-]+")
_COUNTS = list(NUMBER_WORDS)[1:13]
_UNITS = [
    pair.split("/")
    for pair in (
        "million/billion billion/million thousand/million hundred/thousand trillion/billion percent/times "
        "kilometers/miles miles/kilometers kilometres/miles meters/feet metres/feet feet/metres kg/tonnes "
        "minutes/hours hours/days days/weeks weeks/months months/years years/months years/decades centuries/decades "
        "dollars/pounds euros/dollars $/£ £/€"
    ).split()
]
_OPPOSITES = dict(
    pair.split("/")
    for pair in (
        "more/fewer fewer/more less/more before/after after/before above/below below/above north/south south/north "
        "east/west west/east northern/southern southern/northern eastern/western western/eastern male/female "
        "female/male his/her always/never never/always all/none both/neither many/few few/many most/least "
        "higher/lower lower/higher larger/smaller smaller/larger older/younger younger/older earlier/later "
        "later/earlier won/lost lost/won allowed/forbidden banned/allowed rejected/accepted accepted/rejected "
        "agreed/refused refused/agreed alive/dead positive/negative negative/positive public/private "
        "private/public left/right right/left upper/lower inside/outside outside/inside with/without without/with "
        "grew/shrank gained/lost up/down buy/sell open/closed true/false rich/poor strong/weak success/failure "
        "support/oppose supported/opposed opposed/supported begin/end began/ended started/stopped only/also"
    ).split()
) | {old: others[0][0] for old, others in RELATION_OF.items()}
_TURNED_BY_NOT = re.compile(
    r"\b(?:is|was|are|were|has|have|had|can|could|will|would|should|must|may|might|did|does|do)\b(?! not\b|n't)"
)
_NOT = re.compile(r"\b(?:not|never) |n't\b")


@dataclass(frozen=True, slots=True)
class Perturbed:
    text: str
    kind: Kind


class Names:
    """The names of some texts, by kind: what may stand in the place of another."""

    def __init__(self, texts: Iterable[str]) -> None:
        found: dict[str, dict[str, None]] = {}
        for text in texts:
            for _, name in names_in(text):
                found.setdefault(kind_of(name), {})[name] = None
        self._by_kind = {kind: list(names) for kind, names in found.items()}

    def other_than(self, name: str, chance: random.Random, but: str) -> str:
        """Another name of the same kind that does not stand in `but`; "" if there is none."""
        alike = self._by_kind.get(kind_of(name), [])
        for new in chance.sample(alike, min(8, len(alike))):
            if new not in but and name not in new:
                return new
        return ""


def names_in(text: str) -> Iterator[tuple[int, str]]:
    """Where they start, and the names. A capitalised word that opens a sentence is none by itself."""
    for match in _NAME.finditer(text):
        start, name = match.start(), match[0]
        opens = start == 0 or text[:start].rstrip()[-1:] in ".!?:\"“'(\n"
        if opens and " " not in name and name not in FORM and name.lower() not in GIVEN:
            continue
        if opens and name.split()[0] in {"The", "In", "On", "At", "When", "What", "Who", "How", "Which", "Where", "A"}:
            first, _, rest = name.partition(" ")
            start, name = start + len(first) + 1, rest
        if name and name not in NO_NAMES:
            yield start, name


def kind_of(name: str) -> str:
    words = name.lower().split()
    return FORM.get(name) or (
        "person" if words[0] in GIVEN else SORTS.get(words[-1]) or ("words" if words[1:] else "word")
    )


def perturb(text: str, chance: random.Random, names: Names, but: str) -> list[Perturbed]:
    """`text` with one thing changed, once for each kind that it offers; a new name is none that stands in `but`."""
    made = []
    for kind, changes in {
        "name": [(start, old, names.other_than(old, chance, but)) for start, old in names_in(text)],
        "number": [(m.start(), m[0], _number(m[0], chance)) for m in _NUMBER.finditer(text) if not _is_year(m[0])]
        + [(m.start(), m[0], chance.choice(_COUNTS)) for m in _WORDS.finditer(text) if m[0].lower() in _COUNTS[1:]],
        "date": [
            (m.start(), m[0], str(int(m[0]) + chance.choice((-30, -10, -7, -3, -2, -1, 1, 2, 3, 6, 10, 20))))
            for m in _NUMBER.finditer(text)
            if _is_year(m[0])
        ]
        + [(m.start(), m[0], chance.choice(MONTHS)) for m in _WORDS.finditer(text) if m[0] in MONTHS],
        "unit": [(m.start(), old, new) for old, new in _UNITS for m in _whole(old).finditer(text)],
        "direction": [(m.start(), m[0], _OPPOSITES[m[0]]) for m in _WORDS.finditer(text) if m[0] in _OPPOSITES],
        "negation": [(m.start(), m[0], "") for m in _NOT.finditer(text)]
        or [(m.start(), m[0], f"{m[0]} not") for m in _TURNED_BY_NOT.finditer(text)],
    }.items():
        offered = [(start, old, new) for start, old, new in changes if new != old and (new or kind == "negation")]
        if offered:
            start, old, new = chance.choice(offered)
            made.append(Perturbed(text[:start] + new + text[start + len(old) :], kind))  # type: ignore[arg-type]
    return made


def _is_year(number: str) -> bool:
    return len(number) == 4 and number.isdigit() and 1000 <= int(number) < 2100


def _number(number: str, chance: random.Random) -> str:
    """Another one of the same look: as many decimals, commas where there were commas."""
    value = float(number.replace(",", ""))
    decimals = len(number.partition(".")[2])
    if value < 20 and not decimals:
        return str(chance.choice([n for n in range(1, 25) if n != value]))
    digits = max(1, len(number.replace(",", "").partition(".")[0].rstrip("0")))
    whole = len(number.replace(",", "").partition(".")[0])
    new = value * chance.choice((0.3, 0.5, 0.7, 0.8, 0.9, 1.1, 1.2, 1.5, 2, 3, 10))
    new = round(new, decimals) if decimals else round(new, digits - whole)
    return f"{new:,.{decimals}f}" if "," in number else f"{new:.{decimals}f}"


def _whole(word: str) -> re.Pattern[str]:
    return re.compile(rf"\b{word}\b" if word.isalpha() else re.escape(word))
