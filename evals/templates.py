"""Questions from plain sentences by templates, with no parser: what a template does not fit is passed over."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from evals.clauses import AUXILIARIES, NO_SUBJECT, OPENERS, PREPOSITIONS, Clauses
from evals.vocabulary import Vocabulary
from index.lexical import content_words
from rag.words import MONTHS

_QUESTION_WORDS = (4, 30)
_ANSWER_WORDS = 12
_BLANK = "____"

_NUMBERS = "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty".split()
_NUMBER = rf"(?:\d{{1,3}}(?:,\d{{3}})+|\d{{1,4}}|{'|'.join(_NUMBERS)})"
_DATE = (
    rf"(?:(?:early|mid|late)[ -])?(?:(?:\d{{1,2}} )?(?:{'|'.join(MONTHS)})(?: \d{{1,2}},)?(?: of)? )?(?:1[0-9]|20)\d\d"
)
# What leans on the sentence before, opens something other than a plain statement, or has no meaning alone.
_LEANING = re.compile(
    r"\b(?:this|these|those|such|he|she|they|it|him|them|we|us|our|you|your|i|my|me|above|below|former|latter|"
    r"aforementioned|said|here|however|therefore|too|respectively|the (?:two|three|same|other|others|first|second)|"
    r"(?:an)?other|others|both|whose|ago|the (?:following|previous|next)|more|less)\b",
    re.IGNORECASE,
)
# Left out of a question: "In addition, Russia has also ..." asks "What has Russia ...".
_LINKS = re.compile(
    r"^(?:In addition|Additionally|Furthermore|Moreover|However|Therefore|Thus|Hence|As a result|Consequently|Instead|"
    r"Likewise|Similarly|Overall|Essentially|First and foremost|In fact|Indeed|Finally|For example|For instance|"
    r"In particular|In the short term|In general|Today|Historically|Traditionally), (?=\w)|"
    r",? \b(?:however|therefore|thus|also|in turn|for example|for instance)\b(?:,(?= ))?"
)
_ENDS = re.compile(r"[,;:–—(]| (?:which|that|who|where|when|while|although|but|because|after|before|as) ")
# What may follow "What is": a participle or an adjective, and no noun.
_STATE = re.compile(
    r"(?:not |\w+ly |often |first |most |now |still |already )*"
    r"(?:[a-z]{2,}ed|made|built|known|found|given|held|seen|taken|written|sold|home|responsible|born|present|able|set|"
    r"dependent|effective|capable|common|likely|famous|part)\b"
)
_PEOPLE = re.compile(
    r"(?:[\w-]+ ){0,2}(?:\w+(?:mers|kers|chers|ders|ists|ians|men|ants)|people|women|children|students|members)\b"
)
_SAID = frozenset(
    "said stated argued suggested claimed noted believed reported shown proposed agreed attempted".split()
)
_PUT = frozenset("born held located place filmed built founded made signed found buried killed started began".split())
_WHY = re.compile(r",? (?P<link>because of|because|due to|in order to|so as to|so that) (?P<reason>.+)$")


@dataclass(frozen=True, slots=True)
class Draft:
    """A question from a sentence; `template` says by which pattern."""

    template: str
    question: str
    answer: str


class Templates:
    """Questions from a sentence, by the words that it begins with, ends with, and counts with."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._clauses = Clauses(vocabulary)

    def of(self, sentence: str) -> list[Draft]:
        """Every draft that holds together; `sentence` is on one line and ends with a full stop."""
        text = re.sub(r" (?=[,;:]|['’]s )", "", re.sub(r"\s*\([^()]*\)", "", sentence[:-1]).strip())
        text = _LINKS.sub("", text)
        text = text[0].upper() + text[1:]
        if text.split()[0].lower().strip(",") in OPENERS and not re.match(rf"(?:In|On) {_DATE}", text):
            return []
        made = (self._how_many, self._when, self._where, self._why, self._what, self._who_beside, self._who)
        drafts = [draft for make in made for draft in make(text)]
        return [
            draft
            for draft in drafts
            if _QUESTION_WORDS[0] <= len(draft.question.split()) <= _QUESTION_WORDS[1]
            and not _LEANING.search(re.sub(r"\b(?:was|is) it (?:that|\w+ed)\b", "", f"{draft.question} {draft.answer}"))
            and len(content_words(draft.question)) >= 2
        ]

    def _what(self, text: str) -> Iterator[Draft]:
        found = re.match(r"([^,;:]+?) (is|was|are|were) ((?:an?|the|one of the) .+)$", text)
        clause = self._clauses.of(text) if found else None
        if found is None or clause is None or clause.subject != self._clauses.inner(found[1]):
            return
        subject, verb, rest = found.groups()
        words = subject.split()
        if not (self._clauses.is_name(subject) or len(words) == 1 or (words[0] == "The" and " of " in subject)):
            return
        if verb in ("are", "were") and rest.startswith(("a ", "an ")):
            return
        answer = _until_end(rest)
        if len(answer.split()) >= 2:
            yield Draft("what is", f"{self._who_or_what(subject)} {verb} {clause.subject}?", answer)

    def _who_or_what(self, name: str) -> str:
        kind = self._vocabulary.kind(name)
        if kind == "person":
            return "Who"
        return (
            "Who or what" if kind == "other" and self._clauses.is_name(name) and not name.startswith("The ") else "What"
        )

    def _who(self, text: str) -> Iterator[Draft]:
        clause = self._clauses.of(text)
        if clause is None or (not clause.base and clause.rest.startswith(("a ", "an ", "the ", "one of "))):
            return
        rest, verb = _whole(clause.rest), clause.verb
        if verb in ("is", "are", "was", "were") and not _STATE.match(rest):
            return
        if not clause.name and (_is_vague(clause.subject) or rest.split()[0] in _SAID):
            return
        bare = re.sub(r"^[Tt]he ", "", clause.subject)
        kinds = {"person": "Who", "country": "Which country", "capital": "Which city"}
        people = clause.name or _PEOPLE.match(bare)
        who = kinds.get(self._vocabulary.kind(bare), "Who or what") if people else "What"
        if who in ("Who or what", "What"):
            verb = {"have": "has", "are": "is", "were": "was"}.get(verb, verb)
            if verb != clause.verb and re.search(
                r"\b(?:their|members?|[a-z]+ists|people)\b", f"{rest} {clause.subject}"
            ):
                return
        if len(content_words(rest)) >= (3 if clause.name else 4) and len(clause.subject.split()) <= _ANSWER_WORDS:
            yield Draft("who" if clause.name else "what", f"{who} {verb} {rest}?", bare)

    def _who_beside(self, text: str) -> Iterator[Draft]:
        """ "Anwita Basu, Head of Europe at Fitch Solutions, described ...": what she is, and what she did."""
        found = re.match(
            r"(?P<name>[A-Z][^,]+), (?P<beside>(?:(?:an?|the) )?[\w-][^,;:]+), (?P<after>[a-z][^;:]+)$", text
        )
        if (
            found is None
            or not self._clauses.is_name(found["name"])
            or found["beside"].split()[0] in NO_SUBJECT | PREPOSITIONS
        ):
            return
        clause = self._clauses.of(f"{found['name']} {found['after']}")
        if clause is None or clause.subject != found["name"] or re.search(r"\w(?:ed|ing)$", found["beside"].split()[0]):
            return
        who = self._who_or_what(found["name"])
        if found["beside"].split()[0] in ("a", "an", "the") or who == "Who":
            yield Draft("what is", f"{who} is {found['name']}?", found["beside"])
        yield Draft("who", f"{who} {clause.verb} {_whole(clause.rest)}?", found["name"])

    def _how_many(self, text: str) -> Iterator[Draft]:
        noun = r"(?P<noun>(?:[a-z-]+ ){0,2}?[a-z]{3,}s)\b(?! (?:and|or|of|old|later|ago)\b)(?!-)"
        number = rf"(?P<number>{_NUMBER}) {noun}"
        found = re.match(rf"There (?P<verb>are|were) {number}(?P<rest>.*)$", text)
        if found and (found["rest"] == "" or found["rest"].split()[0] in PREPOSITIONS):
            question = f"How many {found['noun']} {found['verb']} there{_until_end(found['rest'])}?"
            yield Draft("how many", question, f"{found['number']} {found['noun']}")
            return
        clause = self._clauses.of(text)
        if clause is None:
            return
        within = re.match(
            rf"(?P<before>[a-z]+ed )?(?:about |around |over |nearly |some )?{number}(?P<rest>.*)$", clause.rest
        )
        if within is None or bool(within["before"]) == bool(clause.base):
            own = within is not None and not within["before"] and clause.verb in ("has", "have", "had")
            if within is None or not own:
                return
        rest = _whole(within["rest"].strip())
        rest = rest if rest and rest.split()[0] in PREPOSITIONS - {"of"} else ""
        if clause.base:
            verb = f"did {clause.subject} {clause.base}"
        elif within["before"]:
            verb = f"{clause.verb} {clause.subject} {within['before'].strip()}"
        else:
            verb = f"{ {'has': 'does', 'have': 'do', 'had': 'did'}[clause.verb] } {clause.subject} have"
        question = f"How many {within['noun']} {verb} {rest}".strip()
        yield Draft("how many", f"{question}?", f"{within['number']} {within['noun']}")

    def _when(self, text: str) -> Iterator[Draft]:
        first = re.match(rf"(?:In|On) (?P<date>{_DATE}),? (?P<clause>.+)$", text)
        last = re.match(rf"(?P<clause>[^,;:]+) (?:in|on) (?P<date>{_DATE})$", text)
        found = first or last
        if found is None:
            return
        clause = _whole(found["clause"])
        if " but " in clause:
            return
        if told := re.match(r"it was (\w+ed that\b.+)$", clause):
            yield Draft("when", f"When was it {told[1]}?", found["date"])
        elif not re.search(rf"\b{_DATE}\b", clause) and clause.split()[0].lower() not in OPENERS:
            yield Draft("when", self._asked("When", clause), found["date"])

    def _where(self, text: str) -> Iterator[Draft]:
        found = re.match(
            r"(?P<clause>[^;:]+?) in (?P<place>[A-Z][\w-]*(?: [A-Z][\w-]*)*(?:, [A-Z][\w-]*(?: [A-Z][\w-]*)*)?)$", text
        )
        if found is None:
            return
        put = found["clause"].split()[-1]
        if put not in _PUT and not put.endswith("ed"):
            return
        kind = self._vocabulary.kind(found["place"].split(", ")[0])
        if kind in ("country", "capital", "town", "continent", "land", "site") and self._clauses.of(found["clause"]):
            yield Draft("where", self._asked("Where", found["clause"]), found["place"])

    def _why(self, text: str) -> Iterator[Draft]:
        found = _WHY.search(text)
        if found is None or "," in text[: found.start()]:
            return
        clause, reason = text[: found.start()], _whole(found["reason"])
        last = clause.split()[-1].lower()
        if last in NO_SUBJECT | AUXILIARIES | {"only"} or last.endswith("ly"):
            return
        if self._clauses.of(clause):
            answer = reason if len(reason.split()) <= _ANSWER_WORDS else ""
            yield Draft("why", self._asked("Why", clause), answer)

    def _asked(self, word: str, clause: str) -> str:
        """A question by inversion or, where the verb is not known well enough, by a cleft that keeps the order."""
        parts = self._clauses.of(clause)
        return f"{word} {parts.inverted}?" if parts else f"{word} was it that {self._clauses.inner(clause)}?"


def cloze(sentence: str, vocabulary: Vocabulary, chance: random.Random) -> Draft | None:
    """The sentence with a name or a number blanked that stands in it once."""
    text = " ".join(sentence.split())
    numbers = [
        found[0] for found in re.finditer(rf"(?<![\w.,–-]){_NUMBER}(?![\w%–-]|[.,]\d)", text) if found[0][0].isdigit()
    ]
    names = [
        name
        for _, name in vocabulary.names_in(text)
        if name in vocabulary.names and not text.startswith(name) and vocabulary.kind(name) != "nationality"
    ]
    fit = [
        blank
        for blank in dict.fromkeys([*names, *numbers])
        if len(re.findall(rf"\b{re.escape(blank)}\b(?![-–])", text)) == 1
    ]
    if not fit or len(content_words(text)) < 6:
        return None
    blank = chance.choice(fit)
    blanked = re.sub(rf"\b{re.escape(blank)}\b", _BLANK, text)
    what = "number" if blank[0].isdigit() else "name"
    return Draft("cloze", f"Which {what} is missing: “{blanked}”", blank)


def _is_vague(subject: str) -> bool:
    """Whether a subject such as "the album" only means something after what was said before."""
    words = subject.split()
    return words[0].lower() == "the" and not PREPOSITIONS & set(words) and not any(w[0].isupper() for w in words[1:])


def _until_end(text: str) -> str:
    """The first piece of `text`, up to a comma or a word that opens another clause; at most _ANSWER_WORDS words."""
    piece = _ENDS.split(text, maxsplit=1)[0].rstrip()
    return piece if len(piece.split()) <= _ANSWER_WORDS else ""


def _whole(text: str) -> str:
    """`text` without what is hung on after a semicolon, a colon, a dash, or a comma with a new clause."""
    text = re.sub(r",? and (?:the|an?|its|his|her|their)\b[^,]* (?:is|are|was|were|has|had|have)\b.*$", "", text)
    return re.split(
        r"[;:]| [–—-] |, (?:which|who|where|while|and|but|with|so|although|though|as|or)\b", text, maxsplit=1
    )[0].rstrip(" ,")
