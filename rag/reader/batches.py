"""All that is learnt from, as tokens, in batches: one seed always gives the same ones in the same order."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from index.embedder.parity import READER, model_folder, untrained_reader
from index.ledger import embedded_text
from rag.reader import MOST_TOKENS
from rag.reader.claims import CLAIMS, claim_examples, claims_held_aside, science_examples
from rag.reader.examples import Example
from rag.reader.questions import OF_SENTENCES, SOURCES, long_answer_examples, question_examples
from rag.reader.reword import Synonyms, reworded, with_synonyms

BATCH_TOKENS = 4096
TITLED = 0.5  # so many passages are read under their title, as the library's are
_TAUGHT = 0.25  # of so many questions the relevance is kept as it was
_CLAIMS = 0.15  # so many claims are said with synonyms
IGNORED = -100  # a span's token that is not learnt


def examples(data: Path, seed: int) -> list[Example]:
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


def asked_otherwise(found: Sequence[Example], synonyms: Synonyms, seed: int) -> list[Example]:
    """The examples, many of their questions and some of their claims reworded."""
    chance = random.Random(f"{seed} words")
    made = []
    for example in found:
        first = example.first
        if not example.support:
            first = reworded(first, chance, synonyms)
        elif chance.random() < _CLAIMS:
            first = with_synonyms(first, chance, synonyms)
        made.append(replace(example, first=first))
    return made


@dataclass(frozen=True, slots=True)
class Encoded:
    """A pair as token numbers; `start` and `end` are tokens (0: no answer, IGNORED: not learnt)."""

    ids: NDArray[np.int32]
    types: NDArray[np.int8]
    start: int
    end: int
    answerable: float  # NaN: not known
    evidence: NDArray[np.float32]  # NaN: not known, or no part of the passage
    support: tuple[int, ...]
    teacher: float  # NaN: not known


def encoded(example: Example, tokenizer: Tokenizer, titled: bool, teacher: float = math.nan) -> Encoded:
    lead = embedded_text(example.title, "") if titled and example.title else ""
    encoding = tokenizer.encode(example.first, lead + example.text)
    offsets = np.array(encoding.offsets) - len(lead)
    of_text = np.array([of == 1 for of in encoding.sequence_ids]) & (offsets[:, 0] >= 0)

    def tokens(span: Sequence[int]) -> NDArray[np.intp]:
        return np.flatnonzero(of_text & (offsets[:, 0] < span[1]) & (offsets[:, 1] > span[0]))

    evidence = np.full(len(offsets), np.nan, np.float32)
    if example.evidence is not None:
        evidence[of_text] = 0
        for span in example.evidence:
            evidence[tokens(span)] = 1
    start = end = IGNORED
    if example.span == ():
        start = end = 0
    elif example.span:
        inside = tokens(example.span)
        if len(inside):
            start, end = int(inside[0]), int(inside[-1])
    return Encoded(
        np.array(encoding.ids, np.int32),
        np.array(encoding.type_ids, np.int8),
        start,
        end,
        math.nan if example.answerable is None else float(example.answerable),
        evidence,
        example.support,
        teacher,
    )


def tokenizer_of(folder: Path) -> Tokenizer:
    """As pairs are learnt: cut to what the reader reads at once."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(MOST_TOKENS, strategy="longest_first")
    tokenizer.no_padding()
    return tokenizer


def prepared(data: Path, package: Path, wordnet: Path, seed: int) -> list[Encoded]:
    """Every example as tokens; of some questions with what the untrained cross-encoder says of the pair.

    Of a question that is asked otherwise it is what it says of the question as it was.
    """
    folder = model_folder(package, *READER)
    tokenizer = tokenizer_of(folder)
    found = examples(data, seed)
    chance = random.Random(f"{seed} titles")
    taught = [
        n
        for n, example in enumerate(found)
        if example.set.endswith(OF_SENTENCES) or (not example.support and chance.random() < _TAUGHT)
    ]
    untrained = untrained_reader(package, MOST_TOKENS)
    pairs = [(found[n].first, embedded_text(found[n].title, found[n].text)) for n in taught]
    teacher = dict(zip(taught, untrained.run(pairs)[:, 0].tolist(), strict=True)) if pairs else {}
    return [
        encoded(example, tokenizer, n in teacher or chance.random() < TITLED, teacher.get(n, math.nan))
        for n, example in enumerate(asked_otherwise(found, Synonyms(wordnet), seed))
    ]


def batches(pairs: Sequence[Encoded], seed: int) -> Iterator[list[Encoded]]:
    """Batches of pairs of like length, in a random order that one seed always gives, pass after pass."""
    for number in count():
        chance = random.Random(f"{seed} {number}")
        order = chance.sample(range(len(pairs)), len(pairs))
        for at in range(0, len(order), 2048):
            made: list[list[Encoded]] = [[]]
            for n in sorted(order[at : at + 2048], key=lambda n: len(pairs[n].ids)):
                if (len(made[-1]) + 1) * len(pairs[n].ids) > BATCH_TOKENS:
                    made.append([])
                made[-1].append(pairs[n])
            chance.shuffle(made)
            yield from made
