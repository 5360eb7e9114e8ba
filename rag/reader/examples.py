"""Question and claim sets, in one shape (corpus.jsonl, questions.jsonl, claims/*.jsonl), as examples to learn from.

Beside what the sets mark: another paragraph of the same document as one that does not answer, questions and statements
with one thing changed (perturb.py), statements made of questions and their answers, evidence cut out.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from index.embedder.parity import json_lines
from index.lexical import content_words
from index.passages import Span, split_sentences
from rag.reader.perturb import Names, names_in, perturb

SUPPORTED, CONTRADICTED, NOT_STATED = range(3)
_CLASSES = {
    "supported": (SUPPORTED,),
    "contradicted": (CONTRADICTED,),
    "not_stated": (NOT_STATED,),
    "partly": (CONTRADICTED, NOT_STATED),
}
LONGEST = 1300  # characters of a passage: about 300 tokens
LONG_ANSWERS = "clapnq"
OF_SENTENCES = " sentences"  # ends the name of a set of which nothing but the relevance is learnt


@dataclass(frozen=True, slots=True)
class Example:
    """A question or claim, and a passage under its title.

    `span`: the answer's place in the passage; () where it has none; None where no span is to be learnt.
    `evidence`: the places that hold what is asked or claimed; None where they are not known.
    `support`: the classes that a claim may have; () for a question. `set` names where it comes from.
    """

    set: str
    first: str
    title: str
    text: str
    span: Span | tuple[()] | None = None
    answerable: bool | None = None
    evidence: tuple[Span, ...] | None = None
    support: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A question set: how many of its answerable questions are taken, and what can be made of it."""

    name: str
    most: int
    swaps: bool = False
    neighbours: bool = True
    spans: bool = True


SOURCES = (
    Source("squad2", 10_000, swaps=True),
    Source("squad1-extra", 10_000, swaps=True),
    Source("squadshifts-new-wiki", 10_000, swaps=True),
    Source("qed", 10_000, swaps=True),
    Source("squadshifts-amazon", 1500, neighbours=False),
    Source("squadshifts-reddit", 1500, neighbours=False),
    Source("fairytaleqa", 2500),
    Source("policyqa", 1200),
    Source("covidqa", 1000, swaps=True),
    Source("tweetqa", 1000, neighbours=False),
    Source("sleepqa", 1500),
    Source("selqa", 1500, spans=False),
    Source("timeqa", 1000, swaps=True),
    Source("tatqa", 1000, swaps=True),
)
# Of the answerable questions so many are asked again of a neighbour, with a swap, of single sentences, give statements.
_NEIGHBOUR, _SWAP, _SENTENCES, _STATEMENTS = 0.25, 0.3, 0.15, 0.18


def is_held_aside(name: str, of_set: str = "") -> bool:
    """Whether a document is kept for measuring: one in seven, by its name alone; of a small set every second one."""
    one_in = 2 if of_set == LONG_ANSWERS else 7
    return int(hashlib.sha256(f"kept aside {name}".encode()).hexdigest(), 16) % one_in == 0


def rows(path: Path) -> list[dict[str, Any]]:
    return list(json_lines(path))


def paragraphs(folder: Path) -> dict[str, dict[str, Any]]:
    return {row["doc_id"]: row for row in rows(folder / "corpus.jsonl")}


def name_of(document: dict[str, Any]) -> str:
    """What decides whether it is held aside: parts of one document ("Israel: Museums") go together."""
    return str(document["title"] or document["doc_id"]).split(": ")[0]


def question_examples(data: Path, source: Source, chance: random.Random) -> Iterator[Example]:
    documents = paragraphs(data / source.name)
    names = Names(document["text"] for document in documents.values()) if source.swaps else Names([])
    questions = [row for row in rows(data / source.name / "questions.jsonl") if row.get("context")]
    questions = [row for row in questions if not is_held_aside(name_of(documents[row["context"]["doc_id"]]))]
    answered = [row for row in questions if any("start" in item for item in row["evidence"])]
    kept = chance.sample(answered, min(source.most, len(answered)))
    near = _Neighbours(documents, questions) if source.neighbours else None
    for row in questions:
        if not row["answers"]:
            yield _unanswered(source.name, row["question"], *_context(row, documents, chance)[:2])
    for row in kept:
        title, text, start = _context(row, documents, chance)
        spans = _spans(row, text, start)
        if not spans:
            continue
        first = spans[0]
        yield Example(
            source.name,
            row["question"],
            title,
            text,
            first if source.spans else None,
            True,
            tuple(sentence for span in (spans if not source.spans else [first]) for sentence in _around(text, span)),
        )
        if chance.random() < _SENTENCES:
            yield from _sentences(source.name, row["question"], title, text, first, chance)
        if near and chance.random() < _NEIGHBOUR:
            other = near.of(row, chance)
            if other:
                yield _unanswered(source.name, row["question"], title, other[:LONGEST])
        if source.swaps and chance.random() < _SWAP:
            swapped = [made for made in perturb(row["question"], chance, names, text) if made.kind != "negation"]
            if swapped:
                yield _unanswered(source.name, chance.choice(swapped).text, title, text)
        if source.swaps and chance.random() < _STATEMENTS:
            yield from _statements(row, source.name, title, text, first, names, chance)


def _sentences(name: str, question: str, title: str, text: str, span: Span, chance: random.Random) -> Iterator[Example]:
    """The sentence of the answer alone, and another one: for their relevance, which is read of sentences too."""
    around = _around(text, span)
    others = [sentence for sentence in split_sentences(text) if sentence not in around]
    for sentence in [*around[:1], *chance.sample(others, min(1, len(others)))]:
        yield Example(f"{name}{OF_SENTENCES}", question, title, text[slice(*sentence)])


def _unanswered(name: str, question: str, title: str, text: str) -> Example:
    return Example(name, question, title, text, (), False, ())


def _context(row: dict[str, Any], documents: dict[str, dict[str, Any]], chance: random.Random) -> tuple[str, str, int]:
    """The title, the paragraph that a question is about (a window around its answer if it is long), where it starts."""
    context = row["context"]
    document = documents[context["doc_id"]]
    start, end = context.get("start", 0), context.get("end", len(document["text"]))
    if end - start > LONGEST:
        placed = [item for item in row["evidence"] if "start" in item]
        middle = placed[0]["start"] if placed else chance.randint(start, end)
        low = max(start, middle - chance.randint(100, LONGEST - 300))
        sentences = split_sentences(document["text"][low : low + LONGEST]) or [(0, LONGEST)]
        cut = sentences[1 if low > start else 0 :] or sentences
        start, end = low + min(cut[0][0], max(0, middle - low)), min(end, low + LONGEST)
    return str(document["title"]), document["text"][start:end], start


def _spans(row: dict[str, Any], text: str, start: int) -> list[Span]:
    """The answers' places in the passage, those that more people marked first."""
    placed = [item for item in row["evidence"] if "start" in item and item["doc_id"] == row["context"]["doc_id"]]
    placed = [item for item in placed if start <= item["start"] and item["end"] <= start + len(text)]
    return [(item["start"] - start, item["end"] - start) for item in placed]


def _around(text: str, span: Span) -> list[Span]:
    return [sentence for sentence in split_sentences(text) if sentence[0] < span[1] and span[0] < sentence[1]]


def long_answer_examples(data: Path, chance: random.Random) -> Iterator[Example]:
    """CLAPNQ: the sentences that an answer of several is made of."""
    documents = paragraphs(data / LONG_ANSWERS)
    for row in rows(data / LONG_ANSWERS / "questions.jsonl"):
        document = documents[row["context"]["doc_ids"][0]]
        if is_held_aside(name_of(document), LONG_ANSWERS):
            continue
        spans = tuple((item["start"], item["end"]) for item in row["evidence"] if item["doc_id"] == document["doc_id"])
        example = Example(
            LONG_ANSWERS, row["question"], document["title"], document["text"], None, bool(row["answers"]), spans
        )
        if spans or not row["answers"]:
            yield _windowed(replace(example, span=None if spans else ()), chance)


class _Neighbours:
    """The paragraph of the same document that shares most words with a question and holds none of its answers."""

    def __init__(self, documents: dict[str, dict[str, Any]], questions: Sequence[dict[str, Any]]) -> None:
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for row in questions:
            document = documents[row["context"]["doc_id"]]
            start, end = row["context"].get("start", 0), row["context"].get("end", len(document["text"]))
            if end - start <= LONGEST:
                found[document["title"]][document["text"][start:end]] = None
            else:
                for at in range(start, end, LONGEST):
                    found[document["title"]][document["text"][at : min(end, at + LONGEST)]] = None
        self._titles = {doc: str(document["title"]) for doc, document in documents.items()}
        self._texts = {title: list(texts) for title, texts in found.items()}
        self._words = {title: [set(content_words(text)) for text in texts] for title, texts in self._texts.items()}

    def of(self, row: dict[str, Any], chance: random.Random) -> str:
        title = self._titles[row["context"]["doc_id"]]
        asked = set(content_words(row["question"]))
        answers = [answer.lower() for answer in row["answers"]]
        ranked = sorted(
            (
                (len(asked & words), chance.random(), text)
                for text, words in zip(self._texts[title], self._words[title], strict=True)
            ),
            reverse=True,
        )
        return next((text for _, _, text in ranked[:8] if not any(answer in text.lower() for answer in answers)), "")


# Statements


_INVERTED = re.compile(r"(?:was|were|is|are|has|have|had|can|could|will|would|should|must|may|might)$")


def statement(question: str, answer: str) -> str:
    """ "Who founded Rome?" and "Romulus" as "Romulus founded Rome."; "" for a question that is not of that kind."""
    match = re.match(r"(?:who|what|which [a-z]+|what [a-z]+) ([a-z]+) (.+?)\s*\?*$", question, re.IGNORECASE)
    if not match or re.search(r"\b(?:did|do|does)\b", question) or len(answer.split()) > 8:
        return ""
    verb, rest = match[1], match[2]
    wh = question.split()[0].lower()
    subject_first = question[: match.start(1)].split()
    if len(subject_first) > 1 and _INVERTED.match(subject_first[-1]):
        return ""
    if _INVERTED.match(verb) and re.match(r"(?:the|a|an|his|her|their|its|[A-Z])", rest):
        return f"{rest} {verb} {answer}." if verb in ("is", "was", "are", "were") and wh in ("what", "who") else ""
    return f"{answer[:1].upper()}{answer[1:]} {verb} {rest}."


def _statements(
    row: dict[str, Any], name: str, title: str, text: str, span: Span, names: Names, chance: random.Random
) -> Iterator[Example]:
    """A sentence of the passage as a claim, whole, changed, and against the passage without it; the answer as one."""
    answer = text[slice(*span)]
    made = statement(row["question"], answer)
    around = tuple(_around(text, span))
    of_set = f"{name} claims"
    if made:
        yield Example(of_set, made, title, text, evidence=around, support=(SUPPORTED,))
        wrong = [other for _, other in names_in(text) if other not in answer and answer not in other]
        if wrong and any(names_in(answer)):
            yield Example(
                of_set,
                statement(row["question"], chance.choice(wrong)),
                title,
                text,
                support=(CONTRADICTED, NOT_STATED),
            )
    sentences = [at for at in split_sentences(text) if 40 <= at[1] - at[0] <= 300]
    if len(sentences) < 2:
        return
    chosen = chance.choice(sentences)
    claim = text[slice(*chosen)].strip()
    kinds = perturb(claim, chance, names, text)
    for changed in chance.sample(kinds, min(2, len(kinds))):
        support = (CONTRADICTED, NOT_STATED) if changed.kind == "name" else (CONTRADICTED,)
        yield Example(of_set, changed.text, title, text, evidence=(chosen,), support=support)
    if chance.random() < 0.6:
        yield Example(of_set, _lighter(claim, chance), title, text, evidence=(chosen,), support=(SUPPORTED,))
    if chance.random() < 0.3:
        yield Example(of_set, claim, title, text[: chosen[0]] + text[chosen[1] :], evidence=(), support=(NOT_STATED,))


def _lighter(claim: str, chance: random.Random) -> str:
    """The claim as it is, or without what stands in brackets, after its last comma, or before its first one."""
    parts = re.split(r", ", claim)
    ways = [claim, re.sub(r"\s*\([^()]*\)", "", claim)]
    if len(parts) > 1 and len(parts[0]) > 40:
        ways.append(parts[0].rstrip(".") + ".")
    if len(parts) > 1 and len(parts[0]) < 40 and len(claim) - len(parts[0]) > 40:
        rest = claim[len(parts[0]) + 2 :]
        ways.append(rest[:1].upper() + rest[1:])
    return chance.choice(ways)


# Claims


CLAIMS = {
    "fever_dev": 7000,
    "fever_symmetric": 1000,
    "fm2": 2000,
    "defacto": 3000,
    "bump": 1000,
    "wice": 1000,
    "begin": 2000,
    "factcheck_gpt_irrelevant": 1000,
}
_CUT = 0.3


def claims_held_aside(data: Path) -> frozenset[str]:
    """The ids of the rows that are kept for measuring: no claim and no sentence of theirs stands in another row."""
    found = [row for name in CLAIMS for row in rows(data / "claims" / f"{name}.jsonl")]
    parent: dict[str, str] = {}

    def root(text: str) -> str:
        while parent.setdefault(text, text) != text:
            parent[text] = parent[parent[text]]
            text = parent[text]
        return text

    for row in found:
        for sentence in re.split(r"(?<=[.!?])\s+", row["passage"]):
            if len(sentence) > 40:
                first, second = sorted((root(row["claim"]), root(sentence)))
                parent[second] = first
    return frozenset(row["id"] for row in found if is_held_aside(root(row["claim"])))


def claim_examples(data: Path, name: str, most: int, aside: frozenset[str], chance: random.Random) -> Iterator[Example]:
    found = [row for row in rows(data / "claims" / f"{name}.jsonl") if row["id"] not in aside]
    for row in chance.sample(found, min(most, len(found))):
        spans = tuple((item["start"], item["end"]) for item in row["evidence"])
        example = Example(name, row["claim"], "", row["passage"], None, None, spans or None, _CLASSES[row["label"]])
        yield _windowed(example, chance)
        if spans and row["label"] == "supported" and chance.random() < _CUT:
            rest = "".join(
                text for at, text in enumerate(row["passage"]) if not any(start <= at < end for start, end in spans)
            )
            if len(rest) > 100:
                yield _windowed(replace(example, text=rest, evidence=(), support=(NOT_STATED,)), chance)


def science_examples(data: Path, chance: random.Random) -> Iterator[Example]:
    """SciFact's claims against the sentences that decide them, and against others of the abstract."""
    documents = paragraphs(data / "scifact")
    for row in rows(data / "scifact" / "questions.jsonl"):
        placed = [item for item in row["evidence"] if not is_held_aside(name_of(documents[item["doc_id"]]))]
        for doc in dict.fromkeys(item["doc_id"] for item in placed):
            items = [item for item in placed if item["doc_id"] == doc]
            label = CONTRADICTED if items[0]["label"] == "CONTRADICT" else SUPPORTED
            document = documents[doc]
            spans = tuple((item["start"], item["end"]) for item in items)
            yield _windowed(
                Example(
                    "scifact", row["question"], document["title"], document["text"], evidence=spans, support=(label,)
                ),
                chance,
            )


def _windowed(example: Example, chance: random.Random) -> Example:
    """Cut to LONGEST characters, around the evidence if there is any."""
    if len(example.text) <= LONGEST:
        return example
    spans = example.evidence or ()
    first, last = (min(spans)[0], max(span[1] for span in spans)) if spans else (0, 0)
    low = max(0, first - chance.randint(0, 400)) if last - first < LONGEST - 400 else max(0, first - 10)
    kept = tuple((start - low, end - low) for start, end in spans if low <= start and end <= low + LONGEST)
    return replace(
        example, text=example.text[low : low + LONGEST], evidence=kept if example.evidence is not None else None
    )


def examples(data: Path, seed: int = 0) -> list[Example]:
    """All that is learnt from, in the order in which it is learnt."""
    found: list[Example] = []
    for source in SOURCES:
        found += question_examples(data, source, random.Random(f"{seed} {source.name}"))
    for again in range(3):
        found += long_answer_examples(data, random.Random(f"{seed} clapnq {again}"))
    aside = claims_held_aside(data)
    for name, most in CLAIMS.items():
        found += claim_examples(data, name, most, aside, random.Random(f"{seed} {name}"))
    found += science_examples(data, random.Random(f"{seed} scifact"))
    random.Random(seed).shuffle(found)
    return found
