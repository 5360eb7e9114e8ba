"""A plain statement as subject, verb and rest, with no parser: what is not plain is none."""

from __future__ import annotations

import re
from dataclasses import dataclass

from evals.vocabulary import Vocabulary
from index.lexical import STOP_WORDS
from rag.reader.swaps import PAST

AUXILIARIES = frozenset("is are was were has have had will would can could may might must should".split())
PREPOSITIONS = frozenset(
    "in on at by to from for with of over during since within under through across between".split()
)
OPENERS = frozenset(
    "this that these those it he she they we i you his her its their our my your such here there another other others "
    "both each either neither one ones some many most several few all also additionally furthermore moreover however "
    "therefore thus hence consequently nevertheless nonetheless instead meanwhile likewise similarly then and but or "
    "so yet nor for because although though while whereas if unless when whenever where as since after before until "
    "what which who whose how why first firstly second secondly third finally lastly overall essentially indeed "
    "rather still again later earlier today now afterwards otherwise besides under with without according despite "
    "due given like unlike not no note see".split()
)
NO_SUBJECT = frozenset(
    "that which who whom when where while if because to said says say claim claims believe argue argues suggest "
    "suggests show shows note notes state states but or than as not being having".split()
)
_DETERMINERS = frozenset("the a an its his her their no that to".split())


@dataclass(frozen=True, slots=True)
class Clause:
    """A plain statement: subject, verb, rest. `base` is the verb's infinitive, empty where it is an auxiliary.

    `name` says whether the subject is a name.
    """

    subject: str
    verb: str
    base: str
    rest: str
    name: bool

    @property
    def inverted(self) -> str:
        """As after a question word: "did Germany win the cup", "has Germany won it"."""
        helper = "does" if self.verb.endswith("s") else "do" if self.verb == "have" else "did"
        words = (helper, self.subject, self.base, self.rest) if self.base else (self.verb, self.subject, self.rest)
        return " ".join(word for word in words if word)


class Clauses:
    """Reads clauses with the names and verbs of a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def of(self, text: str) -> Clause | None:
        """Subject, verb and rest, if the subject is plain: a name, or a few words from an article on."""
        words = text.split()
        for place, word in enumerate(words[1:9], 1):
            last = words[place - 1]
            if word in NO_SUBJECT or last[-1] in ",;:":
                return None
            if last.lower() not in PREPOSITIONS and (clause := self._at(words, place)):
                return clause
        return None

    def _at(self, words: list[str], place: int) -> Clause | None:
        subject, verb, rest = " ".join(words[:place]), words[place], " ".join(words[place + 1 :])
        first = words[0].lower()
        if not rest or first in OPENERS | PREPOSITIONS or any(w.endswith("ly") for w in (first, words[place - 1])):
            return None
        name = self.is_name(subject)
        if verb in ("has", "have", "had") and rest.split()[0] in _DETERMINERS - {"to", "that"}:
            return Clause(self.inner(subject), verb, "have", rest, name)
        if verb in AUXILIARIES:
            return Clause(self.inner(subject), verb, "", rest, name)
        base = PAST.get(verb) or self._vocabulary.infinitive(verb)
        if verb.endswith("s") and rest.split()[0] not in _DETERMINERS:
            return None
        if base and (name or (words[0].lower() == "the" and not AUXILIARIES & set(words[place:]))):
            return Clause(self.inner(subject), verb, base, rest, name)
        return None

    def is_name(self, text: str) -> bool:
        bare = re.sub(r"^[Tt]he ", "", text)
        if bare in self._vocabulary.names:
            return True
        words = bare.split()
        if len(words) == 1:
            return bare == text and bare[0].isupper() and bare.isalpha() and self._vocabulary.is_name_word(bare)
        return all(word[0].isupper() or word == "of" for word in words) and bare[-1].isalnum()

    def inner(self, text: str) -> str:
        """As it stands within a sentence: its first word small unless it is a name's."""
        first, _, rest = text.partition(" ")
        if self._vocabulary.is_name_word(first) or (rest[:1].isupper() and first.lower() not in STOP_WORDS):
            return text
        return text[0].lower() + text[1:]
