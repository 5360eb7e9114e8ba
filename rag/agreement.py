"""What must agree between a claim and its source, whatever a model thinks: numbers and their units, "not", and, where
the claim says nearly the same words, opposites, "all" for "most", and "will" for "may".

A small model reads two sentences that differ in one such word as alike: that is what these rules are for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from index.lexical import content_words

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORDS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90"}
_NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)
_MONTH = re.compile(r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\b")
_NOT = re.compile(r"\b(?:not|no|never|neither|nor|none|without|cannot|hardly)\b|n['’]t\b", re.IGNORECASE)
# Of a claim's words so many stand in what says the same with or without a "not", and so many in what is near to it.
_SAME, _NEAR = 0.8, 0.5
# Where it is said is the shortest place with this share of those words: others may stand far from it by chance.
_TOGETHER = 0.75
_BEFORE = 5  # words before the place where it is said: there stands "it is unclear whether"

_UNITS = {
    form: forms[0]
    for forms in map(
        str.split,
        "km kilometre kilometres kilometer kilometers|mile miles mi|m metre metres meter meters|foot feet ft|"
        "cm centimetre centimetres|mm millimetre millimetres|inch inches|yard yards|thousand|million|billion|trillion|"
        "second seconds|minute minutes|hour hours|day days|week weeks|month months|year years|decade decades|"
        "century centuries|$ dollar dollars|€ euro euros|£ pound pounds|¥ yen|% percent|kg kilogram kilograms|"
        "tonne tonnes ton tons|gram grams|acre acres|hectare hectares|litre litres liter liters|gallon gallons|mph|"
        "km/h|kbit/s|mbit/s|gbit/s|kb|mb|gb|tb|f fahrenheit|c celsius|watt watts|kilowatt kilowatts|"
        "megawatt megawatts|volt volts".split("|"),
    )
    for form in forms
}
_MEASURE = re.compile(
    rf"([$€£¥])?\s?((?:\d[\d.,]*)?\d|\b(?:{'|'.join(_WORDS)}|hundred|few|several)\b)\s*[°-]?\s*(%|[a-z]+(?:/[a-z]+)?)?",
    re.IGNORECASE,
)
_OPPOSITES: dict[str, set[str]] = {}
for _one, _other in (
    pair.split("/")
    for pair in (
        "more/fewer more/less most/least most/few many/few above/below over/under above/under before/after prior/after "
        "north/south east/west northern/southern eastern/western northeast/southwest northwest/southeast "
        "northernmost/southernmost "
        "male/female men/women always/never all/none both/neither higher/lower high/low highest/lowest larger/smaller "
        "largest/smallest large/small older/younger oldest/youngest earlier/later early/late won/lost win/lose "
        "winning/losing allow/forbid allowed/forbidden allowed/banned permit/ban rejected/accepted reject/accept "
        "agreed/refused alive/dead positive/negative public/private left/right upper/lower inside/outside "
        "grew/shrank grow/shrink growth/decline grew/fell rose/fell rise/fall rising/falling gained/lost gain/lose "
        "up/down buy/sell bought/sold open/closed opened/closed true/false rich/poor strong/weak stronger/weaker "
        "success/failure succeeded/failed support/oppose supported/opposed supports/opposes begin/end began/ended "
        "started/stopped start/stop increase/decrease increased/decreased increases/decreases increasing/decreasing "
        "increased/reduced increase/reduce improve/worsen improved/worsened raise/lower raised/lowered raised/cut "
        "import/export imported/exported imports/exports ally/enemy allies/enemies arrive/depart arrived/departed "
        "attack/defend attacked/defended victory/defeat legal/illegal first/last best/worst better/worse "
        "same/different similar/different old/new young/old hot/cold warm/cold warmer/colder wet/dry fast/slow "
        "faster/slower heavy/light heavier/lighter long/short longer/shorter deep/shallow near/far nearer/farther "
        "close/far majority/minority maximum/minimum ancestors/descendants teacher/student parent/child husband/wife "
        "father/mother son/daughter brother/sister king/queen internal/external domestic/foreign rural/urban "
        "expanded/contracted expansion/contraction lengthen/shorten extend/shorten extended/shortened "
        "strengthen/weaken strengthened/weakened add/remove added/removed create/destroy created/destroyed "
        "built/demolished accelerate/slow advantage/disadvantage safe/dangerous secure/insecure possible/impossible "
        "likely/unlikely common/rare frequent/infrequent often/rarely usually/rarely permanent/temporary "
        "single/multiple simple/complex simpler/complicated voluntary/compulsory voluntary/mandatory "
        "optional/mandatory winter/summer day/night morning/evening thicker/thinner wide/narrow cheap/expensive "
        "benefit/harm helped/hindered encourage/discourage encouraged/discouraged praised/criticised "
        "praised/criticized approve/reject approved/rejected enter/leave entered/left joined/left "
        "threat/opportunity problem/solution cause/prevent causes/prevents caused/prevented united/divided "
        "deny/confirm denied/confirmed deny/admit denied/admitted absence/presence absent/present include/exclude "
        "included/excluded including/excluding declined/rose declined/grew declined/increased dropped/rose "
        "future/former clear/unclear reliable/unreliable attractive/repulsive disrupt/strengthen freeze/increase"
    ).split()
):
    _OPPOSITES.setdefault(_one, set()).add(_other)
    _OPPOSITES.setdefault(_other, set()).add(_one)
# What says all or nothing, and the words of a source that say as much.
_ABSOLUTE = {
    "all": "every each whole entire entirely any both", "every": "all each any", "always": "every all constantly",
    "never": "not no none nobody cannot", "none": "no not neither", "nobody": "no none",
    "entirely": "whole wholly fully", "exactly": "precisely", "completely": "wholly fully entirely",
    "complete": "whole total full", "fully": "wholly", "wholly": "fully entirely", "solely": "only sole alone",
    "only": "sole solely just alone but", "proved": "proof proven", "proven": "proof proved", "certainly": "certain",
    "definitely": "certainly", "undoubtedly": "doubt",
}  # fmt: skip
_ABSOLUTES = re.compile(rf"\b(?:{'|'.join(_ABSOLUTE)})\b(?![,.!])", re.IGNORECASE)
_UNSURE = re.compile(
    r"\b(?:may|might|could|unclear|perhaps|possibly|allegedly|suspected|believed|rumou?red|arguably|unconfirmed|likely|"
    r"apparently|supposedly)\b"
)
_SAYS_UNSURE = re.compile(
    _UNSURE.pattern + r"|\b(?:whether|if|would|can|should|not|seems?|appears?|possibl[ye]|possibility|potential(?:ly)?|"
    r"probabl[ye]|th(?:ink|ought)s?|suggest\w*|sa(?:ys?|id)|according|believes?|consider\w*|wants?|plan\w*|hopes?|"
    r"expect\w*|predict\w*|estimat\w*|propos\w*|intend\w*|suspect\w*|alleg\w*|report\w*|claim\w*|opportunity|"
    r"likelihood)\b",
    re.IGNORECASE,
)
_ENDING = re.compile(r"(?:['’]s|ies|ing|ed|es|s|e|ly|y)$")


def numbers(text: str) -> set[str]:
    """The numbers in `text`, thousands separators dropped: {"7000", "4.5"}."""
    return {re.sub(r",(?=\d{3}\b)", "", number) for number in _NUMBER.findall(text)}


def values(text: str) -> set[str]:
    """The numbers in `text`, in figures or in words, and the months: {"2024", "march"}, {"5"}."""
    months = {month.lower() for month in _MONTH.findall(text)}
    return numbers(text) | {_WORDS[word.lower()] for word in _NUMBER_WORD.findall(text)} | months


def missing_numbers(claim: str, source: str) -> set[str]:
    """The numbers of `claim` that do not stand in `source`, in figures or, up to twenty, in words.

    "one" is no number here: it is mostly a pronoun.
    """
    known = numbers(source) | {_WORDS[word.lower()] for word in _NUMBER_WORD.findall(source)}
    wanted = numbers(claim) | {_WORDS[word.lower()] for word in _NUMBER_WORD.findall(claim) if word.lower() != "one"}
    return wanted - known


def is_negated(claim: str, source: str) -> bool:
    """Whether `source` says the same in nearly the same words, but for a "not"."""
    words = {word for word in _stems(_NOT.sub(" ", claim)) if len(word) > 1}
    place = _place(words, source, _SAME)
    return place is not None and len(_NOT.findall(claim)) % 2 != len(_NOT.findall(place)) % 2


def turned(claim: str, source: str) -> list[str]:
    """The words of `claim` that say otherwise than `source` does in nearly the same words, each once.

    A unit that is not that of the number there; an opposite; all or nothing where that is not said.
    """
    found = [*_other_units(claim, source)]
    place = _place(set(_stems(claim)), source, _NEAR)
    if place is not None:
        there, here = _plain_words(place), _plain_words(claim)
        found += [word for word in here - there if any(other in there - here for other in _OPPOSITES.get(word, ()))]
        said = _plain_words(source)
        found += [
            word
            for word in map(str.lower, _ABSOLUTES.findall(claim))
            if word not in said and not said & {*_ABSOLUTE[word].split()}
        ]
    return list(dict.fromkeys(found))


def is_surer(claim: str, source: str) -> bool:
    """Whether `claim` leaves out what makes `source` unsure of nearly the same: "may", "it is unclear whether"."""
    place = _place(set(_stems(claim)), source, _NEAR)
    return place is not None and not _SAYS_UNSURE.search(claim) and bool(_UNSURE.search(place))


def is_near(claim: str, source: str) -> bool:
    """Whether `source` has half of the words of `claim` or more."""
    return _place(set(_stems(claim)), source, _NEAR) is not None


def _other_units(claim: str, source: str) -> Iterator[str]:
    there = _measures(source)
    for number, units in _measures(claim).items():
        for unit in units:
            if number in there and unit not in there[number]:
                yield f"{number} {unit}"


def _measures(text: str) -> dict[str, set[str]]:
    """The units that stand with each number."""
    found: dict[str, set[str]] = {}
    plain = re.sub(r"\s+/\s+", "/", re.sub(r"\bper cent\b", "percent", text))
    for sign, number, unit in _MEASURE.findall(plain):
        for form in (sign, unit.lower()):
            if form in _UNITS:
                found.setdefault(number.replace(",", "").lower(), set()).add(_UNITS[form])
    return found


def _place(words: set[str], source: str, least: float) -> str | None:
    """The shortest piece of `source` with most of those `words` (stems) that are in it, and what opens its clause.

    None if less than `least` of them are in it.
    """
    pieces = list(re.finditer(r"\S+", source))
    stems = [set(_stems(piece.group())) & words for piece in pieces]
    there = len(set().union(*stems)) if stems else 0
    if not words or there < least * len(words):
        return None
    wanted = math.ceil(_TOGETHER * there)
    best: tuple[int, int] | None = None
    for start in range(len(pieces)):
        seen: set[str] = set()
        for end in range(start, len(pieces)):
            seen |= stems[end]
            if best and end - start >= best[1] - best[0]:
                break
            if len(seen) >= wanted:
                best = start, end
                break
    if best is None:
        return None
    before = re.split(r"[;.:,]\s", source[pieces[max(0, best[0] - _BEFORE)].start() : pieces[best[0]].start()])[-1]
    return before + source[pieces[best[0]].start() : pieces[best[1]].end()]


def _stems(text: str) -> list[str]:
    return [_ENDING.sub("", word) if len(word) > 4 else word for word in content_words(text)]


def _plain_words(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[^\W\d_]+", text)}
