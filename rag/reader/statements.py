"""A question and its answer, and a sentence of the passage, as claims: true ones, and ones with one thing changed."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

from index.passages import Span, split_sentences
from rag.reader.examples import CONTRADICTED, NOT_STATED, SUPPORTED, Example, sentences_around
from rag.reader.perturb import Names, names_in, perturb

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


def statement_examples(
    row: dict[str, Any], name: str, title: str, text: str, span: Span, names: Names, chance: random.Random
) -> Iterator[Example]:
    """A sentence of the passage as a claim, whole, changed, and against the passage without it; the answer as one."""
    answer = text[slice(*span)]
    made = statement(row["question"], answer)
    around = tuple(sentences_around(text, span))
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
