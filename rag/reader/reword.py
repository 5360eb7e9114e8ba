"""A question asked otherwise: with synonyms, with typing errors, in another form. What is asked stays the same.

The synonyms are WordNet's (Miller 1995, Communications of the ACM 38(11)), in its own files (wndb(5WN)).
"""

from __future__ import annotations

import random
import re
from pathlib import Path

from index.lexical import STOP_WORDS
from rag.reader.swaps import PAST, SMALL_NUMBERS

_SYNONYMS, _ERRORS, _FORMS = 0.3, 0.12, 0.12
_NEARLY_ALWAYS = 0.6  # of the times that WordNet's authors met the word
_PARTS = {"1": "noun", "2": "verb", "3": "adj", "4": "adv", "5": "adj"}
_PLAIN = re.compile(r"[a-z]{4,}")
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ENDINGS = (("ies", "y"), ("es", ""), ("s", ""), ("ied", "y"), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", ""))
_LEADS = (
    "Do you know {}",
    "Can you tell me {}",
    "Please tell me: {}",
    "I'd like to know {}",
    "According to the text, {}",
    "Does it say {}",
    "So, {}",
    "Hi, {}",
)


class Synonyms:
    """Single words that can stand for another in the sense that it has nearly always."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds WordNet's index.sense and data.noun, data.verb, data.adj, data.adv (the "dict" folder)."""
        senses: dict[str, list[tuple[int, str, str]]] = {}
        for line in (folder / "index.sense").read_text("utf-8").splitlines():
            key, offset, _, times = line.split()
            lemma, _, rest = key.partition("%")
            if lemma.isalpha() and lemma not in SMALL_NUMBERS and lemma not in STOP_WORDS:
                senses.setdefault(lemma, []).append((-int(times), _PARTS[rest[0]], offset))
        self._first = {
            lemma: min(found)[1:]
            for lemma, found in senses.items()
            if min(found)[0] < 0 and min(found)[0] < _NEARLY_ALWAYS * sum(sense[0] for sense in found)
        }
        frequent = {lemma: {sense[1:] for sense in sorted(found)[:2] if sense[0]} for lemma, found in senses.items()}
        members: dict[tuple[str, str], list[str]] = {}
        for part in sorted(set(_PARTS.values())):
            for line in (folder / f"data.{part}").read_text("utf-8").splitlines():
                if not line.startswith(" "):
                    fields = line.split(" ", 4 + 2 * int(line.split(" ", 4)[3], 16))
                    words = [re.sub(r"\(.*\)", "", word).lower() for word in fields[4:-1:2]]
                    members[part, fields[0]] = [word for word in words if (part, fields[0]) in frequent.get(word, ())]
        self._members = members

    def of(self, word: str) -> list[str]:
        """In the form of `word`: "supplied" gives "provided". Empty where none is known."""
        for lemma, ending in _lemmas(word):
            if lemma in self._first:
                made = [_inflected(other, ending) for other in self._members[self._first[lemma]] if other != lemma]
                return [text for text in made if text and text != word]
        return []


def _lemmas(word: str) -> list[tuple[str, str]]:
    """What `word` may be a form of, with the ending that makes the form ("" for the lemma itself)."""
    made = [(word, "")] + ([(PAST[word], "ed")] if word in PAST else [])
    for ending, instead in _ENDINGS:
        if word.endswith(ending):
            made.append((word[: -len(ending)] + instead, {"ies": "s", "es": "s", "ied": "ed"}.get(ending, ending)))
    return made


def _inflected(lemma: str, ending: str) -> str:
    """ "" where the form is not a regular one."""
    if not ending or (ending == "ed" and lemma in PAST.values()):
        return "" if ending else lemma
    if lemma.endswith("y") and lemma[-2:-1] not in "aeiou" and ending != "ing":
        return lemma[:-1] + ("ies" if ending == "s" else "ied")
    if ending == "s":
        return lemma + ("es" if lemma.endswith(("s", "x", "z", "ch", "sh")) else "s")
    return (lemma[:-1] if lemma.endswith("e") and not lemma.endswith("ee") else lemma) + ending


def with_synonyms(question: str, chance: random.Random, synonyms: Synonyms) -> str:
    """One to three of the words that are written small give way to synonyms."""
    places = [match for match in _PLAIN.finditer(question) if match[0] not in STOP_WORDS]
    places = [match for match in places if not re.match(r"[\w-]", question[match.start() - 1 : match.start()])]
    offered = [(match, found) for match in places if (found := synonyms.of(match[0]))]
    for match, found in sorted(
        chance.sample(offered, min(len(offered), chance.randint(1, 3))), key=lambda item: -item[0].start()
    ):
        question = question[: match.start()] + chance.choice(found) + question[match.end() :]
    return question


def misspelt(question: str, chance: random.Random) -> str:
    """One word in four of four letters and more, at least one, with a letter left out, doubled, swapped or mistaken."""
    places = list(re.finditer(r"[^\W\d_]{4,}", question))
    for match in sorted(
        chance.sample(places, min(len(places), max(1, len(places) // 4))), key=lambda match: -match.start()
    ):
        question = question[: match.start()] + _mistyped(match[0], chance) + question[match.end() :]
    return question


def _mistyped(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word) - 1)
    before, letter, after = word[:at], word[at], word[at + 1 :]
    row = next((keys for keys in _KEYS if letter in keys), letter)
    place = row.index(letter) if letter in row else 0
    beside = row[max(0, place - 1) : place] + row[place + 1 : place + 2]
    return chance.choice(
        (
            before + after,
            before + letter + letter + after,
            before + after[0] + letter + after[1:],
            before + (chance.choice(beside) if beside else letter) + after,
        )
    )


def in_another_form(question: str, chance: random.Random) -> str:
    """As a list of words to search for, without its question mark, or with words of courtesy before it."""
    bare = question.rstrip(" ?")
    words = [word for word in bare.split() if word.lower().strip(",.") not in STOP_WORDS]
    ways = [bare]
    if len(words) > 2:
        ways += [" ".join(words), f"{words[0]} {' '.join(words[1:])}?"]
    lead = chance.choice(_LEADS)
    small = bare[:1].lower() + bare[1:]
    ways += [lead.format(small) + chance.choice("?.")] * 2
    return chance.choice(ways)


def reworded(question: str, chance: random.Random, synonyms: Synonyms) -> str:
    """`question`, of five times nearly three as it is."""
    if chance.random() < _FORMS:
        question = in_another_form(question, chance)
    if chance.random() < _SYNONYMS:
        question = with_synonyms(question, chance, synonyms)
    if chance.random() < _ERRORS:
        question = misspelt(question, chance)
    return question
