"""A text as words and numbers that can be compared: "7,000" is "seven thousand", "2024-03-28" is "28 March 2024".

English number words and months. No ordinals, no roman numerals, no units ("7 km" is not "7,000 m"), and no dates such
as 03/04/2024, which mean two things.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Number:
    """A number, and how far another may be from it: so much, or so large a share of it."""

    value: Decimal
    within: Decimal = Decimal(0)
    share: Decimal = Decimal(0)

    def accepts(self, other: Number) -> bool:
        apart = abs(self.value - other.value)
        return self.value == other.value or apart <= self.within or apart <= self.share * abs(self.value)


Word = str | Number

_MONTHS = "january february march april may june july august september october november december".split()
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL: dict[Word, int] = {word: n for n, word in (*enumerate(_ONES), *zip(range(20, 100, 10), _TENS, strict=True))}
_SCALES: dict[Word, int] = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}

_MARKER = re.compile(r"\[\d+\]")
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u2010](?=[^\W\d_])")
_COMPOUND = re.compile(rf"\b({'|'.join(_TENS)})[-\u2010](?=(?:{'|'.join(_ONES[1:10])})\b)")
_WORD = re.compile(
    r"""(?P<number> (?:(?<!\w)[-−])? (?:\d{1,3}(?:,\d{3})+(?!\d) | \d+) (?:\.\d+)? )
    |   (?P<initials> [^\W\d_] (?:\.[^\W\d_])+ (?!\w) )
    |   (?P<percent> % | per\ cent\b )
    |   (?P<tolerance> ± | \+/?- )
    |   [^\W_]+ | [,;:.!?]""",
    re.VERBOSE,
)
_UNSAID = frozenset({"a", "an", "the", *",;:.!?±"})
_MONTH = rf"(?P<month>(?:{'|'.join(name[:3] for name in _MONTHS)})[a-z]*)\.?"
_DAY, _YEAR = r"(?P<day>\d{1,2})", r"(?P<year>\d{4})"
_DATES = [
    re.compile(rf"\b{pattern}(?!\d)")
    for pattern in (
        rf"{_YEAR}-(?P<month>\d\d)-(?P<day>\d\d)",
        rf"{_DAY}(?:st|nd|rd|th)?(?:\s+of)?\s+{_MONTH},?\s+{_YEAR}",
        rf"{_MONTH}\s+{_DAY}(?:st|nd|rd|th)?,?\s+{_YEAR}",
    )
]


def readings(text: str) -> list[list[Word]]:
    """The ways to read `text`: hyphenated words as one word, as several, and dates written out as "28 March 2024".

    A marker such as [1] points at a citation and is not read.

    >>> readings("On-going: 4.50% [1]")[0]
    ['ongoing', Number(value=Decimal('4.50'), within=Decimal('0'), share=Decimal('0')), 'percent']
    """
    text = _MARKER.sub(" ", unicodedata.normalize("NFKC", text).lower())
    text = _COMPOUND.sub(r"\1 ", text)  # "twenty-one" is one number in every reading
    return [_words(_HYPHEN.sub("", text)), _words(_HYPHEN.sub(" ", text)), _words(_HYPHEN.sub(" ", _dated(text)))]


def hold(words: Sequence[Word], wanted: Sequence[Word]) -> bool:
    """Whether the wanted words follow each other among `words`.

    >>> hold(readings("In 2024 it was seven thousand.")[0], readings("7,000")[0])
    True
    """
    return any(
        all(_same(want, word) for want, word in zip(wanted, words[start : start + len(wanted)], strict=True))
        for start in range(len(words) - len(wanted) + 1)
    )


def _same(wanted: Word, word: Word) -> bool:
    return wanted.accepts(word) if isinstance(wanted, Number) and isinstance(word, Number) else wanted == word


def _words(text: str) -> list[Word]:
    words: list[Word] = []
    for found in _WORD.finditer(text):
        if found["number"]:
            words.append(Number(Decimal(found[0].replace(",", "").replace("−", "-"))))
        elif found["tolerance"]:
            words.append("±")
        else:
            words.append("percent" if found["percent"] else found[0].replace(".", "") or ".")
    return [word for word in _with_tolerances(_with_numbers(words)) if word not in _UNSAID]


def _with_numbers(words: list[Word]) -> list[Word]:
    """Number words, and digits before "million" and its like, as numbers."""
    merged: list[Word] = []
    start = 0
    while start < len(words):
        first = words[start]
        value, end = _in_digits(words, start, first.value) if isinstance(first, Number) else _in_words(words, start)
        merged.append(Number(value) if end > start else first)
        start = max(end, start + 1)
    return merged


def _in_digits(words: list[Word], start: int, value: Decimal) -> tuple[Decimal, int]:
    """ "1.5 million": the value with the words after it, and where they end."""
    end = start + 1
    while end < len(words) and words[end] in _SCALES:
        value, end = value * _SCALES[words[end]], end + 1
    return value, end


def _in_words(words: list[Word], start: int) -> tuple[Decimal, int]:
    """ "Two thousand and twenty-four": the value of the number words at `start`, and where they end; there if none."""
    if words[start] == "zero":
        return Decimal(0), start + 1
    total, part, least, end = 0, 0, 10**15, start
    while end < len(words):
        linked = words[end] == "and" and end > start and part % 100 == 0 and end + 1 < len(words)
        word = words[end + linked]
        small, scale = _SMALL.get(word, 0), _SCALES.get(word, 0)
        if small and (part % 100 == 0 or (part % 100 >= 20 and part % 10 == 0 and small < 10)):
            part += small
        elif scale == 100 and not linked and part < 100 and (part or end == start):
            part = (part or 1) * scale
        elif 100 < scale < least and not linked and (part or end == start):
            total, part, least = total + (part or 1) * scale, 0, scale
        else:
            break
        end += 1 + linked
    return Decimal(total + part), end


def _with_tolerances(words: list[Word]) -> list[Word]:
    """ "7,000 ± 100" and "7,000 ± 5%" as one number each; in "60% ± 5%" the 5 are percentage points."""
    merged: list[Word] = []
    start = 0
    while start < len(words):
        amount = words[start + 1] if words[start] == "±" and start + 1 < len(words) else None
        points = merged[-1:] == ["percent"]
        number = merged[-1 - points] if len(merged) > points else None
        if isinstance(amount, Number) and isinstance(number, Number):
            share = words[start + 2 : start + 3] == ["percent"]
            merged[-1 - points] = (
                Number(number.value, share=amount.value / 100)
                if share and not points
                else Number(number.value, within=amount.value)
            )
            start += 2 + share
        else:
            merged.append(words[start])
            start += 1
    return merged


def _dated(text: str) -> str:
    for pattern in _DATES:
        text = pattern.sub(_written_out, text)
    return text


def _written_out(found: re.Match[str]) -> str:
    name = found["month"]
    numbers = [n for n, month in enumerate(_MONTHS, 1) if month == name or name in (month[:3], month[:4])]
    try:
        month = int(name) if name.isdigit() else numbers[0]
        day = date(int(found["year"]), month, int(found["day"]))
    except (ValueError, IndexError):
        return found[0]
    return f"{day.day} {_MONTHS[month - 1]} {day.year}"
